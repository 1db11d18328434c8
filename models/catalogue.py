"""The catalogue: models that others publish, where they lie, and what their licenses say."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from models.bundle import NAME, Sha256

OWN = Path(__file__).parent / "catalogue.toml"


class CatalogueError(ValueError):
    """The catalogue cannot be used, or does not have what was asked for; the message says what."""


def _inside(path: str) -> str:
    """A relative path that stays below the folder it is put in."""
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or not parts.name:
        raise ValueError(f"{path!r} leaves the folder of the download")
    return path


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class License(_Entry):
    """What has to be accepted: a line for the manifest, the whole in words, and where it stands."""

    name: str
    url: str
    text: str


class File(_Entry):
    """A file at its source: bytes, and the sha256 where it is known."""

    path: Annotated[str, AfterValidator(_inside)]
    size: int | None = Field(default=None, gt=0)
    sha256: Sha256 | None = None

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name


class Recognizer(_Entry):
    """A CVLface repository on the Hugging Face hub.

    `weights` are the forms it has the same weights in; the first is downloaded. `color` None: the
    config.json beside them says it. `published` are the authors' figures in percent.
    """

    name: str = Field(pattern=NAME)
    architecture: str
    loss: str = "adaface"
    training_data: tuple[str, ...] = Field(min_length=1)
    color: Literal["rgb", "bgr"] | None = None
    license: str
    repository: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    revision: str
    weights: tuple[File, ...] = Field(min_length=1)
    config: File = File(path="config.json")
    unverified: tuple[str, ...] = ()
    published: dict[str, float] = Field(default_factory=dict)

    @property
    def files(self) -> tuple[File, ...]:
        """What is downloaded."""
        return (self.weights[0], self.config)


class Detector(_Entry):
    """An SCRFD network, `member` of a zip archive in a GitHub release."""

    name: str = Field(pattern=NAME)
    training_data: tuple[str, ...] = Field(min_length=1)
    license: str
    pack: File
    member: File
    unverified: tuple[str, ...] = ()


class Catalogue(_Entry):
    """All entries, by distinct names, each under a license that is written out."""

    licenses: Mapping[str, License]
    recognizers: tuple[Recognizer, ...] = ()
    detectors: tuple[Detector, ...] = ()

    @property
    def entries(self) -> tuple[Recognizer | Detector, ...]:
        return (*self.recognizers, *self.detectors)

    @model_validator(mode="after")
    def _whole(self) -> Catalogue:
        names = [each.name for each in self.entries]
        if len(set(names)) < len(names):
            raise ValueError("two entries have one name")
        if strange := {each.license for each in self.entries} - self.licenses.keys():
            raise ValueError(f"there is no license {min(strange)!r}")
        return self

    def find(self, name: str) -> Recognizer | Detector:
        """The entry of that name. Raises CatalogueError, with all names, where there is none."""
        for each in self.entries:
            if each.name == name:
                return each
        known = ", ".join(each.name for each in self.entries)
        raise CatalogueError(f"The catalogue has no {name!r}; it has {known}.")

    def detector(self, name: str) -> Detector:
        """The detector of that name. Raises CatalogueError where there is none, or it is none."""
        found = self.find(name)
        if isinstance(found, Recognizer):
            known = ", ".join(each.name for each in self.detectors)
            raise CatalogueError(f"{name} is a recognizer; detectors are {known}.")
        return found


def read(path: Path = OWN) -> Catalogue:
    """The catalogue in a TOML file. Raises CatalogueError with one sentence where it is none."""
    try:
        return Catalogue.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise CatalogueError(f"{path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise CatalogueError(f"{path} is no catalogue: {where}: {first['msg']}.") from error
    except ValueError as error:  # tomllib's, and of bytes that are no UTF-8
        raise CatalogueError(f"{path} is no TOML: {error}.") from error
