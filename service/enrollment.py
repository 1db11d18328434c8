"""From several photographs of a person to the faces that are good enough to be kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

from service.advice import Advice, advice
from service.batching import SOON, Urgency
from service.crops import encode
from service.errors import FaceError, ImageError, LowQuality, NothingEnrolled, ServiceError
from service.gallery import CollectionSettings, Face, Features, Gallery, NewFace, Once, Person
from service.pipeline import FaceFeatures, Pipeline, Reading, Selection
from service.runtime import Service

Read: TypeAlias = FaceFeatures | ServiceError  # a face, or why there is none


def least_quality(service: Service, settings: CollectionSettings) -> float:
    """The quality score, 0 to 100, below which a face is too poor for the collection."""
    own = settings.min_quality
    return service.settings.min_quality if own is None else own


async def read_all(
    pipeline: Pipeline,
    images: Sequence[bytes],
    selection: Selection,
    least: float,
    urgency: Urgency = SOON,
) -> list[Read]:
    """The one face of each image, of the quality `least`, or the reason it cannot be enrolled.

    One poor photograph does not spoil the others. Raises what is not about an image: Overloaded,
    DeadlineExceeded.
    """
    read = await pipeline.each(images, selection, urgency)
    return [_good(each, least) for each in read]


def _good(read: Reading | ServiceError, least: float) -> Read:
    try:
        if isinstance(read, ServiceError):
            raise read
        face = read.only()
    except (ImageError, FaceError) as error:
        return error
    if face.quality.below(least):
        return _too_poor(face, least)
    return face


def advised(face: FaceFeatures) -> list[Advice]:
    """What would make the photograph of a face better."""
    seen = face.detection
    return advice(face.quality.components, None if seen is None else seen.score)


def reasons(error: ServiceError) -> list[str]:
    """Why an image was not enrolled: the slug, and the components that are out of the ordinary."""
    return [error.slug(), *error.extra.get("components", ())]


def _too_poor(face: FaceFeatures, least: float) -> LowQuality:
    found = advised(face)
    remedy = " ".join(each.text for each in found)
    error = LowQuality(
        f"The face's quality is {face.quality.score:.1f}, below the {least:g} that enrolling needs. "
        + (remedy or "Send a sharper, larger or better lit photograph.")
    )
    error.extra = {"components": [each.component for each in found]}
    return error


def enroll(
    gallery: Gallery,
    collection: str,
    person: str,
    faces: Sequence[NewFace],
    once: Once[tuple[Person, list[Face]]] | None = None,
) -> list[Face]:
    """Keeps the faces, all or none."""
    return gallery.enroll(collection, person, faces, once)


async def seen(
    service: Service, bundles: Sequence[str], read: Sequence[Read], urgency: Urgency, *, crops: bool
) -> list[NewFace]:
    """The faces among `read`, which the first of the bundles made, as all of `bundles` see them.

    With their `crops`, if those are kept. Raises the one reason, or NothingEnrolled, where there are
    none, and what embedding raises.
    """
    faces = [face for face in read if isinstance(face, FaceFeatures)]
    if not faces:
        raise _none_left([error for error in read if isinstance(error, ServiceError)])
    others = [await features(service.by(each), each, faces, urgency) for each in bundles[1:]]
    by_face = list(zip(*others, strict=True)) or [()] * len(faces)
    kept = await asyncio.to_thread(_encoded, faces) if crops else [None] * len(faces)
    return [
        replace(_new(face), bundle=bundles[0], others=others, crop=crop)
        for face, others, crop in zip(faces, by_face, kept, strict=True)
    ]


async def features(
    service: Service, bundle: str, faces: Sequence[FaceFeatures], urgency: Urgency
) -> list[Features]:
    """What the service's model, `bundle`, makes of the crops of faces."""
    crops = [face.crop for face in faces if face.crop is not None]
    return [Features(bundle, *each) for each in await service.pipeline.crops(crops, urgency)]


def _encoded(faces: Sequence[FaceFeatures]) -> list[bytes | None]:
    return [None if face.crop is None else encode(face.crop) for face in faces]


def rejected(read: Sequence[Read]) -> list[tuple[int, ServiceError]]:
    """Position and reason of each image that gave no face."""
    return [(n, error) for n, error in enumerate(read) if isinstance(error, ServiceError)]


def _none_left(errors: Sequence[ServiceError]) -> ServiceError:
    if len(errors) == 1:
        return errors[0]
    failed = NothingEnrolled(f"None of the {len(errors)} images could be enrolled; see rejected.")
    failed.extra = {
        "rejected": [
            {"index": n, "reasons": reasons(error), "advice": str(error)}
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
