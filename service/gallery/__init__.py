"""Who is enrolled: collections of persons of faces, kept in SQLite and searched with FAISS."""

from service.gallery.protocol import (
    Candidate,
    Collection,
    Face,
    Gallery,
    NewFace,
    NewPerson,
    Page,
    Person,
)

__all__ = [
    "Candidate",
    "Collection",
    "Face",
    "Gallery",
    "NewFace",
    "NewPerson",
    "Page",
    "Person",
]
