"""From several photographs of a person to the faces that are good enough to be kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TypeAlias

from service.errors import FaceError, ImageError, LowQuality, NothingEnrolled, ServiceError
from service.gallery import Face, Gallery, NewFace
from service.pipeline import FaceFeatures, Selection
from service.runtime import Service

Read: TypeAlias = FaceFeatures | ServiceError  # a face, or why there is none


async def read_all(service: Service, images: Sequence[bytes], selection: Selection) -> list[Read]:
    """The one face of each image, or the reason it cannot be enrolled.

    One poor photograph does not spoil the others. Raises what is not about an image: Overloaded.
    """
    return await asyncio.gather(*(_read(service, image, selection) for image in images))


async def _read(service: Service, image: bytes, selection: Selection) -> Read:
    try:
        face = (await service.pipeline(image, selection)).only()
    except (ImageError, FaceError) as error:
        return error
    if face.quality.below(least := service.settings.min_quality):
        return LowQuality(
            f"The face's quality is {face.quality.score:.1f}, below the {least:g} that enrolling "
            "needs; send a sharper, larger or better lit photograph."
        )
    return face


def enroll(gallery: Gallery, collection: str, person: str, read: Sequence[Read]) -> list[Face]:
    """Keeps the faces among `read`. Raises the one reason, or NothingEnrolled, where there are none."""
    faces = [face for face in read if isinstance(face, FaceFeatures)]
    if not faces:
        raise _none_left([error for error in read if isinstance(error, ServiceError)])
    return gallery.enroll(collection, person, [_new(face) for face in faces])


def rejected(read: Sequence[Read]) -> list[tuple[int, ServiceError]]:
    """Position and reason of each image that gave no face."""
    return [(n, error) for n, error in enumerate(read) if isinstance(error, ServiceError)]


def _none_left(errors: Sequence[ServiceError]) -> ServiceError:
    if len(errors) == 1:
        return errors[0]
    failed = NothingEnrolled(f"None of the {len(errors)} images could be enrolled; see rejected.")
    failed.extra = {
        "rejected": [
            {"index": n, "reasons": [error.slug()], "advice": str(error)}
            for n, error in enumerate(errors)
        ]
    }
    return failed


def _new(face: FaceFeatures) -> NewFace:
    return NewFace(
        embedding=face.embedding,
        norm=face.quality.norm,
        quality=face.quality.score,
        detection_score=face.detection.score if face.detection else None,
    )
