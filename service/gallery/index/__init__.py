"""Search over one collection's templates in memory; the only package that knows FAISS.

index      rows found by cosine, while rows come and go
├── merging    concurrent searches answered together
├── table      rows, templates and sketches in memory
│   └── scan       the two loops that FAISS runs
└── snapshot   the encrypted file a start reads instead of the truth
"""

from service.gallery.index.index import Index
from service.gallery.index.snapshot import SnapshotRefused

__all__ = ["Index", "SnapshotRefused"]
