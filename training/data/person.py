"""Who a synthetic face belongs to, and the circumstances under which it is seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]

# Red, green and blue, from light to dark; people fall between two neighbors.
SKINS = np.array([(244, 208, 182), (226, 180, 146), (198, 144, 106), (150, 102, 70), (94, 62, 46)])
HAIRS = np.array([(28, 22, 22), (66, 42, 28), (124, 80, 44), (206, 170, 104), (150, 146, 144)])
IRISES = np.array([(58, 36, 22), (96, 66, 36), (92, 112, 74), (82, 116, 148), (112, 124, 132)])


@dataclass(frozen=True, slots=True)
class Traits:
    """What makes one person: `shape` holds signed deviations, in about -1 to 1, by name."""

    shape: dict[str, float]
    skin: NDArray[np.float64]
    hair: NDArray[np.float64]
    iris: NDArray[np.float64]
    lips: NDArray[np.float64]
    style: int  # of the hair: 0 short, 1 to the chin, 2 long, 3 none
    fringe: int  # 0 straight, 1 parted, 2 high
    beard: int  # 0 to 2 none, 3 moustache, 4 full
    marks: NDArray[np.float64]  # (m, 3) moles: place relative to the eyes' middle, and size
    freckles: NDArray[np.float64]  # (m, 2) places, most often none
    texture: Field  # (7, 7) unevenness of the skin


NAMES = (
    "width", "length", "jaw", "chin", "forehead", "spacing", "eye_size", "eye_open", "eye_tilt",
    "brow_height", "brow_tilt", "brow_arch", "brow_weight", "nose_width", "nose_length",
    "mouth_width", "upper_lip", "lower_lip", "mouth_height", "ear", "hairline", "volume", "cheek",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class View:
    """One photograph of a person: pose, light, expression and what the camera did to it."""

    turn: float  # yaw in radians
    nod: float  # pitch
    tilt: float  # roll, in degrees
    zoom: float
    shift: NDArray[np.float64]
    smile: float
    open: float
    gaze: float
    lids: float
    light: NDArray[np.float64]  # direction and strength of the light's fall
    gain: NDArray[np.float64]  # of each channel
    glasses: bool
    clothes: NDArray[np.float64]
    backdrop: NDArray[np.uint8]  # (3, 3, 3)
    blur: float
    noise: float


def traits(rng: np.random.Generator) -> Traits:
    """A person drawn by `rng`."""
    return Traits(
        shape=dict(zip(NAMES, np.clip(rng.normal(0, 0.65, len(NAMES)), -1.3, 1.3), strict=True)),
        skin=_mixed(SKINS, rng, 7),
        hair=_mixed(HAIRS, rng, 8),
        iris=_mixed(IRISES, rng, 8),
        lips=np.array([178, 84, 84]) + rng.normal(0, 14, 3),
        style=int(rng.integers(4)) if rng.random() < 0.85 else 0,
        fringe=int(rng.integers(3)),
        beard=int(rng.integers(5)),
        marks=_moles(rng),
        freckles=rng.normal((0, 18), (14, 6), (14, 2))[: 14 * (rng.random() < 0.2)],
        texture=rng.normal(0, 1, (7, 7)).astype(np.float32),
    )


def view(rng: np.random.Generator) -> View:
    """A photograph's circumstances drawn by `rng`."""
    return View(
        turn=float(np.clip(rng.normal(0, 0.22), -0.5, 0.5)),
        nod=float(np.clip(rng.normal(0, 0.12), -0.3, 0.3)),
        tilt=float(rng.normal(0, 3.0)),
        zoom=float(np.exp(rng.normal(0, 0.035))),
        shift=rng.normal(0, 1.3, 2),
        smile=float(rng.normal(0.2, 0.6)),
        open=float(max(0.0, rng.normal(-0.4, 0.8))),
        gaze=float(rng.normal(0, 0.8)),
        lids=float(np.clip(rng.normal(1.0, 0.16), 0.45, 1.3)),
        light=rng.normal(0, 0.24, 2),
        gain=np.exp(rng.normal(0, 0.16)) * np.exp(rng.normal(0, 0.06, 3)),
        glasses=bool(rng.random() < 0.12),
        clothes=rng.uniform(20, 235, 3),
        backdrop=rng.integers(20, 236, (3, 3, 3), dtype=np.uint8),
        blur=float(abs(rng.normal(0, 0.5))),
        noise=float(rng.uniform(0, 7)),
    )


def _moles(rng: np.random.Generator) -> NDArray[np.float64]:
    x, y, size = rng.uniform(-22, 22, 3), rng.uniform(-20, 44, 3), rng.uniform(0.6, 1.4, 3)
    return np.column_stack([x, y, size])[: rng.integers(4)]


def _mixed(
    palette: NDArray[np.int64], rng: np.random.Generator, spread: float
) -> NDArray[np.float64]:
    """A color between two neighbors of a palette, and a little off."""
    place = rng.uniform(0, len(palette) - 1)
    low = int(place)
    color = palette[low] + (place - low) * (palette[low + 1] - palette[low])
    return np.asarray(np.clip(color + rng.normal(0, spread, 3), 4, 250))
