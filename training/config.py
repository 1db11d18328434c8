"""A recipe: everything a training run depends on beside the pictures, from one TOML file."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Color = Literal["rgb", "bgr"]


class RecipeError(ValueError):
    """The recipe must not be run; the message says which entry and what to do."""


class Section(BaseModel):
    """A table of a recipe; a name it does not know is an error, not a silent default."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Data(Section):
    """Where pictures come from. `path` lies below the folder given as `--data`."""

    format: Literal["recordio", "folder", "shards", "synthetic"]
    path: str = ""
    color: Color = Field("rgb", description="Order in which the stored pictures decode.")
    classes: int | None = Field(None, gt=1, description="Refused if the data says otherwise.")
    identities: int = Field(500, gt=1, description="synthetic only")
    per_identity: int = Field(20, gt=0, description="synthetic only")
    first: int = Field(0, ge=0, description="synthetic only: number of the first person")


class Validation(Section):
    """People nobody trains on, for choosing checkpoints; never a benchmark's test set."""

    data: Data
    pairs: int = Field(2000, gt=0, description="Half of them genuine.")
    every: float = Field(1.0, gt=0, description="Epochs between two looks.")
    choose: Literal["last", "best"] = Field("last", description="What the bundle is made of.")


class Loss(Section):
    """AdaFace section 3.3: m 0.4, h 0.333, s 64; momentum is the paper's alpha for the norms."""

    name: Literal["adaface", "arcface", "cosface"] = "adaface"
    margin: float = Field(0.4, gt=0)
    h: float = 0.333
    scale: float = Field(64.0, gt=0)
    momentum: float = Field(0.01, gt=0, lt=1)
    norm_statistics: Literal["global", "rank0", "local"] = "global"
    sample_rate: float = Field(1.0, gt=0, le=1, description="Share of negative classes, PartialFC.")
    norm_weight: float = Field(
        0.0, ge=0, description="Teaches the norm to fall with degradation; not in the paper."
    )

    @model_validator(mode="after")
    def _says_what_it_is(self) -> Loss:
        if self.name == "adaface" and self.h == 0:
            raise ValueError("h = 0 turns AdaFace into CosFace; ask for it by name = 'cosface'")
        return self

    @property
    def constants(self) -> dict[str, float]:
        """The numbers of this loss alone, for the margin's constructor and the manifest."""
        plain = {"margin": self.margin, "scale": self.scale}
        return plain | {"h": self.h, "momentum": self.momentum} if self.name == "adaface" else plain


class Optimizer(Section):
    """SGD as everybody in the field uses it; `rate` is a pure function of the step."""

    lr: float = Field(0.1, gt=0)
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(5e-4, ge=0)
    decay_prelu: bool = Field(False, description="The official trainer decays PReLU slopes.")
    schedule: Literal["steps", "polynomial", "cosine"] = "steps"
    milestones: tuple[float, ...] = Field((12, 20, 24), description="Epochs; steps only.")
    gamma: float = Field(0.1, gt=0, le=1)
    warmup: float = Field(0, ge=0, description="Epochs of linear warm-up.")
    clip: float | None = Field(None, gt=0, description="Largest gradient norm of the backbone.")


class Hardware(Section):
    """How the arithmetic is done; none of it changes what is learned, beyond rounding."""

    precision: Literal["fp32", "bf16", "fp16"] = "bf16"
    channels_last: bool = True
    compile: bool = False
    deterministic: bool = False
    workers: int = Field(8, ge=0)
    peak_tflops: float | None = Field(None, gt=0, description="For MFU on a card not listed.")


class Recipe(Section):
    """One training run. `batch` is global: over all processes together."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")
    architecture: str
    embedding: int | None = Field(None, ge=8, le=4096, description="None: the architecture's own.")
    epochs: float = Field(gt=0)
    batch: int = Field(gt=1)
    seed: int = Field(0, ge=0)
    augmentation: Literal["official", "degraded", "flip", "none"] = "official"
    ema: float | None = Field(None, gt=0, lt=1, description="Decay of averaged weights per step.")
    flip_fusion: bool = True
    data: Data
    validation: Validation | None = None
    loss: Loss = Loss()
    optimizer: Optimizer = Optimizer()
    hardware: Hardware = Hardware()
    license: str = "unknown"
    training_data: tuple[str, ...] = ()
    source: str = Field("", description="Where the expected numbers were published.")
    expected: dict[str, float] = Field(default_factory=dict, description="Percent, as published.")

    def steps(self, images: int) -> int:
        """How many steps the run has on a data set of `images`."""
        return max(1, int(self.epochs * images / self.batch))

    def rate(self, step: int, images: int) -> float:
        """The learning rate of `step` on a data set of `images`: a pure function, so a resumed run has it too."""
        how, total = self.optimizer, self.steps(images)
        warmup = how.warmup * images / self.batch
        if step < warmup:
            return how.lr * (step + 1) / (warmup + 1)
        left = max(0.0, 1 - (step - warmup) / max(1.0, total - warmup))
        if how.schedule == "polynomial":
            return how.lr * left
        if how.schedule == "cosine":
            return how.lr * _cosine(left)
        epoch = step * self.batch / images
        return float(how.lr * how.gamma ** sum(epoch >= mark for mark in how.milestones))

    @model_validator(mode="after")
    def _can_teach_the_norm(self) -> Recipe:
        if self.loss.norm_weight and self.augmentation != "degraded":
            raise ValueError("loss.norm_weight needs augmentation = 'degraded' to learn from")
        return self

    @property
    def fingerprint(self) -> str:
        """sha256 of all that decides what is learned; kept in every snapshot.

        `hardware` is not in it: a run may go on upon another machine.
        """
        decisive = self.model_dump_json(exclude={"hardware"})
        return hashlib.sha256(decisive.encode()).hexdigest()


def _cosine(left: float) -> float:
    import math

    return 0.5 * (1 - math.cos(math.pi * left))


def names() -> list[str]:
    """The recipes that come with the project."""
    return sorted(
        path.name.removesuffix(".toml")
        for path in _shipped().iterdir()
        if path.name.endswith(".toml")
    )


def load(name: str, changes: Sequence[str] = ()) -> Recipe:
    """The recipe called `name`, or in the file of that name, after `a.b=value` changes.

    Raises RecipeError for a name nobody knows, a file that is no TOML, an entry that does not
    fit and a change that names none.
    """
    try:
        table = tomllib.loads(_text(name))
        for change in changes:
            _change(table, change)
        return Recipe.model_validate(table)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{name} is not TOML: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the recipe"
        message = first["msg"].removeprefix("Value error, ")
        raise RecipeError(f"Recipe {name}: {where}: {message}.") from error


def _text(name: str) -> str:
    shipped = _shipped() / f"{name}.toml"
    path = shipped if shipped.is_file() else Path(name)
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(
            f"There is no recipe {name!r}; known are {', '.join(names())}, or give a TOML file."
        ) from error


def _shipped() -> Any:
    return resources.files("training") / "configs"


def _change(table: dict[str, Any], change: str) -> None:
    """Sets one entry; the value is read as TOML, and as a string where it is none."""
    path, separator, text = change.partition("=")
    if not separator or not path.strip():
        raise RecipeError(f"--set takes name=value, such as optimizer.lr=0.05; not {change!r}.")
    *sections, last = path.strip().split(".")
    for section in sections:
        table = table.setdefault(section, {})
        if not isinstance(table, dict):
            raise RecipeError(f"--set {change}: {section} is no section of the recipe.")
    try:
        table[last] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        table[last] = text
