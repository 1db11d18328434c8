"""A process that enrolls until it is killed, printing each person once it is acknowledged.

Where files may only grow so far it deletes the first three in the end, and prints them, too.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from pathlib import Path

from service.errors import StorageFull
from service.gallery.local import LocalGallery
from service.gallery.protocol import NewPerson

from gallery.faces import direction, face, opened  # isort: skip


def enroll_from(gallery: LocalGallery, first: int) -> None:
    for seed in range(first, first + 100_000):
        person = gallery.create_person("default", NewPerson(id=str(seed), metadata={"x": "y" * 99}))
        [kept] = gallery.enroll("default", person.id, [face(direction(seed))])
        os.write(1, f"{seed} {kept.id}\n".encode())


def main(directory: str, first: str, most_bytes: str) -> None:
    gallery = opened(Path(directory))
    if int(most_bytes):  # files end there, as with a quota
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(most_bytes), resource.RLIM_INFINITY))
    try:
        enroll_from(gallery, int(first))
    except StorageFull as full:
        os.write(1, f"full {gallery.size('default')}\n".encode())
        largest = max(path.stat().st_size for path in Path(directory).iterdir())
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
        for person in gallery.persons("default", None, 3).items:
            gallery.delete_person("default", person.id)
            os.write(1, f"deleted {person.id}\n".encode())
        sys.exit(str(full))


if __name__ == "__main__":
    main(*sys.argv[1:])
