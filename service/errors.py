"""Everything that can go wrong for a caller. The class is the cause, its message the remedy.

ServiceError                     500
├── InvalidRequest               422  fields that do not fit the schema
├── BodyTooLarge                 413
├── UnsupportedMedia             415
├── ImageError
│   ├── EmptyImage               400
│   ├── UndecodableImage         400
│   ├── UnsupportedImage         415
│   ├── ImageTooLarge            413
│   └── NotAligned               422
├── FaceError
│   ├── NoFaceFound              422
│   ├── SeveralFacesFound        422
│   ├── LowQuality               422
│   └── NothingEnrolled          422  with the reason for each image
├── InvalidEmbedding             422
├── UnsupportedRate              422
├── CollectionNotFound           404
├── PersonNotFound               404
├── FaceNotFound                 404
├── CollectionExists             409
├── PersonExists                 409
├── BundleMismatch               409
├── TemplateCorrupt              409  a flipped bit; the person is left out of searches
├── Uncalibrated                 409  an error rate was asked of a bundle that knows none
├── Overloaded                   503  with Retry-After
├── IndexBuilding                503  with Retry-After
└── StorageFull                  507

StartupError                     the process ends with one line
├── BundleRefused
├── DataDirectoryUnusable
└── AddressInUse
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar


class ServiceError(Exception):
    """A documented problem; `status`, `title` and the slug of its name form the HTTP answer."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    retry_after: float | None = None
    extra: Mapping[str, Any] = MappingProxyType({})  # further members of the problem document

    @classmethod
    def slug(cls) -> str:
        """The class name in kebab case: `NoFaceFound` is `no-face-found`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()


class InvalidRequest(ServiceError):
    status, title = 422, "The request does not fit its schema"


class BodyTooLarge(ServiceError):
    status, title = 413, "The request body is too large"


class UnsupportedMedia(ServiceError):
    status, title = 415, "The content type is not accepted here"


class ImageError(ServiceError):
    """Something is wrong with the picture itself."""

    status, title = 400, "The image is not usable"


class EmptyImage(ImageError):
    title = "The image is empty"


class UndecodableImage(ImageError):
    title = "The image cannot be decoded"


class UnsupportedImage(ImageError):
    status, title = 415, "The image format is not accepted"


class ImageTooLarge(ImageError):
    status, title = 413, "The image has too many pixels"


class NotAligned(ImageError):
    status, title = 422, "The image is not an aligned crop"


class FaceError(ServiceError):
    """The picture is fine; the faces in it are not what the operation needs."""

    status, title = 422, "The faces in the image do not fit the operation"


class NoFaceFound(FaceError):
    title = "No face found"


class SeveralFacesFound(FaceError):
    title = "Several faces found where one is needed"


class LowQuality(FaceError):
    title = "The face is too poor to be enrolled"


class NothingEnrolled(FaceError):
    title = "None of the images could be enrolled"


class InvalidEmbedding(ServiceError):
    status, title = 422, "The embedding is not usable"


class UnsupportedRate(ServiceError):
    status, title = 422, "The error rate is outside what the bundle is calibrated for"


class CollectionNotFound(ServiceError):
    status, title = 404, "Collection not found"


class PersonNotFound(ServiceError):
    status, title = 404, "Person not found"


class FaceNotFound(ServiceError):
    status, title = 404, "Face not found"


class CollectionExists(ServiceError):
    status, title = 409, "The collection exists already"


class PersonExists(ServiceError):
    status, title = 409, "The person exists already"


class BundleMismatch(ServiceError):
    status, title = 409, "The collection was enrolled with another model"


class TemplateCorrupt(ServiceError):
    status, title = 409, "What is stored is damaged"


class Uncalibrated(ServiceError):
    status, title = 409, "The bundle is not calibrated, so no error rate has a threshold"


class Overloaded(ServiceError):
    """Refused at admission; nothing was done."""

    status, title = 503, "The service is overloaded"

    def __init__(self, retry_after: float) -> None:
        super().__init__(
            f"Too many requests are in progress; retry in {max(1, retry_after):.0f} s."
        )
        self.retry_after = retry_after


class IndexBuilding(ServiceError):
    """A large collection is being read at the start; the others can be searched."""

    status, title = 503, "The collection is being read and cannot be searched yet"
    retry_after = 5.0


class StorageFull(ServiceError):
    status, title = 507, "The storage is full"


class StartupError(Exception):
    """The process cannot start; the message is the one line the operator sees."""


class BundleRefused(StartupError):
    pass


class DataDirectoryUnusable(StartupError):
    pass


class AddressInUse(StartupError):
    pass
