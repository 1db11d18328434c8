"""Everything that can go wrong for a caller. The class is the cause, its message the remedy.

ServiceError                     500
├── Unauthenticated              401  no access key, or one that does not work
├── Forbidden                    403  the access key lacks the scope
├── InvalidRequest               422  fields that do not fit the schema
├── BodyTooLarge                 413
├── RequestTimeout               408  the body stopped, or came too slowly
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
├── CalibrationNotFound          404
├── ModelNotFound                404
├── CollectionExists             409
├── PersonExists                 409
├── PreconditionFailed           412  somebody else changed it first
├── IdempotencyKeyReused         422  for another request than the first
├── IdempotencyKeySpent          409  the answer was erased with whom it was about
├── RenewalConflict              409  what is asked of a change of the model is not possible now
├── RenewalNotFound              404
├── BundleMismatch               409
├── DuplicatePerson              409  with the persons whom the faces are like
├── IdentityConflict             409  with the images that do not fit
├── CalibrationImpossible        409
├── UnusablePart                 422  of an export: damaged, foreign, or of a newer release
├── ImportConflict               409  with the persons who differ
├── TemplateCorrupt              409  a flipped bit; the person is left out of searches
├── Uncalibrated                 409  an error rate was asked of a bundle that knows none
├── Overloaded                   503  with Retry-After
├── IndexBuilding                503  with Retry-After
├── DeadlineExceeded             504
├── StorageFailed                503  until a restart
└── StorageFull                  507

StartupError                     the process ends with one line
├── BundleRefused
├── DataDirectoryUnusable
├── BackupRefused
├── AccessKeysUnusable
├── AddressInUse
├── TransferFailed               an export, an import or a bulk enrollment stopped
└── PullFailed                   a model of the catalogue could not be had
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, ClassVar


class ServiceError(Exception):
    """A documented problem; `status`, `title` and the slug of its name form the HTTP answer."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    retry_after: float | None = None
    extra: Mapping[str, Any] = MappingProxyType({})  # further members of the problem document
    headers: Mapping[str, str] = MappingProxyType({})  # of the answer

    @classmethod
    @cache
    def slug(cls) -> str:
        """The class name in kebab case: `NoFaceFound` is `no-face-found`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()


class Unauthenticated(ServiceError):
    """Refused by the headers alone; the body was not read."""

    status, title = 401, "An access key is needed"
    headers = MappingProxyType(
        {"WWW-Authenticate": "Bearer"}
    )  # RFC 9110 section 11.6.1 asks for it


class Forbidden(ServiceError):
    status, title = 403, "The access key does not allow this"


class InvalidRequest(ServiceError):
    status, title = 422, "The request does not fit its schema"


class BodyTooLarge(ServiceError):
    status, title = 413, "The request body is too large"


class RequestTimeout(ServiceError):
    status, title = 408, "The request body came too slowly"


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


class CalibrationNotFound(ServiceError):
    status, title = 404, "The collection has no calibration of its own"


class ModelNotFound(ServiceError):
    status, title = 404, "No such model is loaded"


class CollectionExists(ServiceError):
    status, title = 409, "The collection exists already"


class PersonExists(ServiceError):
    status, title = 409, "The person exists already"


class PreconditionFailed(ServiceError):
    status, title = 412, "It was changed since it was read"


class RenewalConflict(ServiceError):
    status, title = 409, "The change of the model is not at that point"


class RenewalNotFound(ServiceError):
    status, title = 404, "The collection is not changing its model"


class IdempotencyKeyReused(ServiceError):
    status, title = 422, "The idempotency key was used for another request"


class IdempotencyKeySpent(ServiceError):
    status, title = 409, "The request was carried out, and its answer is gone"


class BundleMismatch(ServiceError):
    status, title = 409, "The collection was enrolled with another model"


class DuplicatePerson(ServiceError):
    """Nothing was enrolled; `candidates` are in the problem document."""

    status, title = 409, "The faces are those of somebody who is enrolled already"


class IdentityConflict(ServiceError):
    """Nothing was enrolled; `images` in the problem document are those that do not fit."""

    status, title = 409, "The faces are not of one person"


class CalibrationImpossible(ServiceError):
    status, title = 409, "The collection cannot be calibrated on"


class UnusablePart(ServiceError):
    status, title = 422, "The part of an export is not usable"


class ImportConflict(ServiceError):
    """Persons are there already and differ from those that are imported; nothing was changed."""

    status, title = 409, "Persons of the import are there already, and differ"


class TemplateCorrupt(ServiceError):
    status, title = 409, "What is stored is damaged"
    person: tuple[int, int] | None = None  # rows of the collection and the person it is of


class Uncalibrated(ServiceError):
    status, title = 409, "The bundle is not calibrated, so no error rate has a threshold"


class Overloaded(ServiceError):
    """Refused at admission; nothing was done."""

    status, title = 503, "The service is overloaded"

    def __init__(self, retry_after: float) -> None:
        super().__init__(
            f"Too many requests are in progress; retry in {max(1, math.ceil(retry_after))} s."
        )
        self.retry_after = retry_after


class IndexBuilding(ServiceError):
    """A large collection is being read at the start; the others can be searched."""

    status, title = 503, "The collection is being read and cannot be searched yet"
    retry_after = 5.0


class StorageFailed(ServiceError):
    """The disk failed to write or to sync: nothing is changed any more, searches go on."""

    status, title = 503, "The storage failed and is read-only until a restart"


class DeadlineExceeded(ServiceError):
    """The work was given up; a change that was under way may have been made."""

    status, title = 504, "The deadline has passed"


class StorageFull(ServiceError):
    status, title = 507, "The storage is full"


class StartupError(Exception):
    """The process cannot start; the message is the one line the operator sees."""


class BundleRefused(StartupError):
    pass


class DataDirectoryUnusable(StartupError):
    pass


class BackupRefused(StartupError):
    pass


class AccessKeysUnusable(StartupError):
    """Also from `adaface keys`, and then nothing was changed."""


class AddressInUse(StartupError):
    pass


class TransferFailed(StartupError):
    """A command that moves people stopped; what it did until then holds."""


class PullFailed(StartupError):
    """A model of others was not fetched, or is not what it should be."""
