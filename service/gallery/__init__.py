"""Who is enrolled: collections of persons of faces, kept in SQLite and searched with FAISS."""

from service.gallery.changes import etag
from service.gallery.protocol import (
    EVERYONE,
    Backup,
    Candidate,
    Clash,
    Collection,
    CollectionSettings,
    Enrolled,
    Face,
    Features,
    Gallery,
    Imported,
    NewFace,
    NewPerson,
    Once,
    Page,
    Part,
    Person,
    PersonFilter,
    Replayed,
)
from service.gallery.renewal import MissingFace, Paired, Renewal, Waiting
from service.gallery.renewals import Renewals
from service.gallery.samples import Sampled, Samples
from service.gallery.slots import Slots

__all__ = [
    "EVERYONE",
    "Backup",
    "Candidate",
    "Clash",
    "Collection",
    "CollectionSettings",
    "Enrolled",
    "Face",
    "Features",
    "Gallery",
    "Imported",
    "MissingFace",
    "NewFace",
    "NewPerson",
    "Once",
    "Page",
    "Paired",
    "Part",
    "Person",
    "PersonFilter",
    "Renewal",
    "Renewals",
    "Replayed",
    "Sampled",
    "Samples",
    "Slots",
    "Waiting",
    "etag",
]
