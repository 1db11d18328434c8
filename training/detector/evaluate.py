"""A detector's recall, silence and landmark precision, measured through insightface's own SCRFD class."""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
import onnxruntime
from insightface.model_zoo.scrfd import SCRFD
from rich.progress import track

from training.detector import negatives
from training.detector.batches import keyed
from training.detector.labeling import Teacher, overlaps
from training.detector.mosaic import Composer, Sample
from training.detector.scenes import load, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from training.detector.scenes import Photograph, Scenes

    Image = NDArray[np.uint8]
    Floats = NDArray[np.float32]

log = logging.getLogger(__name__)
SIDE = 640
THRESHOLD = 0.5
SIZES = (0, 16, 24, 48, 96, 192, 4096)


def open_detector(path: Path, threads: int = 1) -> SCRFD:
    """SCRFD as insightface has it, over the ONNX file at `path`, with so many ONNX Runtime threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return SCRFD(model_file=str(path), session=session)


def detect(detector: SCRFD, image: Image, side: int = SIDE, threshold: float = THRESHOLD) -> Floats:
    """Faces of a BGR picture letterboxed to `side` x `side`, float32 (N, 15) like the teacher's."""
    boxes, points = detector.detect(image, input_size=(side, side), det_thresh=threshold)
    return np.concatenate([boxes[:, :4], points.reshape(-1, 10), boxes[:, 4:]], axis=1).astype(
        np.float32
    )


@dataclass(slots=True)
class Tally:
    """Counts over labeled pictures."""

    pictures: int = 0
    faces: Counter[int] = field(default_factory=Counter)
    missed: Counter[int] = field(default_factory=Counter)
    false: int = 0
    errors: list[float] = field(default_factory=list)

    def add(self, found: Floats, sample: Sample) -> None:
        """Match one picture's detections with its labels, best overlap first."""
        self.pictures += 1
        free = np.ones(len(found), bool)
        for face in sample.faces:
            self._match(found, free, face)
        for row in found[free]:
            if not len(sample.doubtful) or _covered(row[:4], sample.doubtful).max() < 0.3:
                self.false += 1

    def _match(self, found: Floats, free: NDArray[np.bool_], face: Floats) -> None:
        size = _bin(face)
        self.faces[size] += 1
        overlap = overlaps(face[:4], found[:, :4]) * free
        if not len(found) or overlap.max() < 0.4:
            self.missed[size] += 1
            return
        best = int(overlap.argmax())
        free[best] = False
        self.errors.append(landmark_error(found[best, 4:14], face[4:14]))

    def summary(self) -> dict[str, Any]:
        """Recall in all and per size (geometric mean of the box's sides, px), false detections, landmark error."""
        total = sum(self.faces.values())
        by_size = {
            f"{SIZES[k]}-{SIZES[k + 1]}": _part(n - self.missed[k], n)
            for k, n in sorted(self.faces.items())
        }
        return {
            "pictures": self.pictures,
            "faces": total,
            "recall": _part(total - sum(self.missed.values()), total),
            "recall_by_size": by_size,
            "false_per_picture": round(self.false / max(self.pictures, 1), 4),
            **error_summary(self.errors),
        }


def _bin(face: Floats) -> int:
    return (
        int(
            np.searchsorted(SIZES, np.sqrt((face[2] - face[0]) * (face[3] - face[1])), side="right")
        )
        - 1
    )


def _part(n: int, total: int) -> float:
    return round(n / max(total, 1), 4)


def _covered(box: Floats, regions: Floats) -> Floats:
    """Part of the (4,) box that lies in each (M, 4) region."""
    inside = np.clip(
        np.minimum(box[2:], regions[:, 2:]) - np.maximum(box[:2], regions[:, :2]), 0, None
    )
    return np.asarray(
        inside.prod(axis=1) / max(float((box[2:] - box[:2]).prod()), 1e-6), np.float32
    )


def landmark_error(found: Floats, truth: Floats) -> float:
    """Mean distance of five points (10,), in distances between the true eyes."""
    a, b = found.reshape(5, 2), truth.reshape(5, 2)
    apart = max(float(np.linalg.norm(b[1] - b[0])), 1.0)
    return float(np.linalg.norm(a - b, axis=1).mean()) / apart


def error_summary(errors: Sequence[float]) -> dict[str, float]:
    """Mean, median and 95th percentile of landmark errors."""
    if not errors:
        return {}
    values = np.asarray(errors)
    return {
        "landmark_error_mean": round(float(values.mean()), 4),
        "landmark_error_median": round(float(np.median(values)), 4),
        "landmark_error_p95": round(float(np.quantile(values, 0.95)), 4),
    }


def held_out(detector: SCRFD, scenes: Scenes, side: int = SIDE) -> dict[str, Any]:
    """Whole held-out photographs, letterboxed."""
    return _tally(detector, (Sample(p.pixels, p.faces, p.doubtful) for p in scenes.held_out), side)


def mosaics(detector: SCRFD, scenes: Scenes, count: int = 150, side: int = 512) -> dict[str, Any]:
    """Augmented compositions of held-out photographs, always the same ones."""
    composer = Composer(scenes.held_out, scenes.empty)
    return _tally(detector, (composer(keyed(999, 0, k), side) for k in range(count)), side)


def _tally(detector: SCRFD, samples: Iterable[Sample], side: int) -> dict[str, Any]:
    tally = Tally()
    for sample in samples:
        tally.add(detect(detector, sample.pixels, side), sample)
    return tally.summary()


def silence(detector: SCRFD, scenes: Scenes, count: int = 300) -> dict[str, Any]:
    """False detections on pictures without a face: made ones, backgrounds, and covered faces."""
    kinds: dict[str, Callable[[np.random.Generator, Photograph], Photograph | None]] = {
        "procedural": lambda rng, _: negatives.procedural(rng),
        "background": negatives.background,
        "covered": lambda rng, scene: negatives.covered(
            rng, scene, negatives.procedural(rng).pixels
        ),
    }
    return {name: _false_part(detector, scenes, make, count) for name, make in kinds.items()}


def _false_part(
    detector: SCRFD,
    scenes: Scenes,
    make: Callable[[np.random.Generator, Photograph], Photograph | None],
    count: int,
) -> float:
    made = (make(keyed(998, 0, k), scenes.held_out[k % len(scenes.held_out)]) for k in range(count))
    empty = [picture for picture in made if picture is not None]
    return _part(
        sum(len(detect(detector, picture.pixels, 320)) > 0 for picture in empty), len(empty)
    )


class Portrait(NamedTuple):
    """A photograph of one centered subject, with the teacher's answers about that face."""

    path: Path
    look: Floats | None  # (15,) one look at the picture as it is
    consensus: Floats | None  # (15,) the mean of many closer looks, the better truth


def portraits(folder: Path, weights: Path, every: int = 1) -> list[Portrait]:
    """The teacher's answers for every photograph, or one in `every`, below `folder`."""
    teacher = Teacher(weights)
    answers = []
    for path in track(sorted(folder.rglob("*.jpg"))[::every], "portraits"):
        image = read(path)
        look = central(teacher.single(image), image)
        refined = None if look is None else teacher.refine(image, look)
        answers.append(Portrait(path, look, refined))
    return answers


def subjects(detector: SCRFD, known: Sequence[Portrait], side: int = SIDE) -> dict[str, Any]:
    """Parts of portraits without a face found, and landmark errors against the teacher."""
    missed, elsewhere = [], 0
    errors: list[float] = []
    to_look: list[float] = []
    for portrait in known:
        image = read(portrait.path)
        found = central(detect(detector, image, side), image)
        if found is None:
            missed.append(portrait.path.stem)
        elif portrait.look is None or portrait.consensus is None:
            continue
        elif overlaps(portrait.look[:4], found[None, :4])[0] < 0.3:
            elsewhere += 1
        else:
            errors.append(landmark_error(found[4:14], portrait.consensus[4:14]))
            to_look.append(landmark_error(found[4:14], portrait.look[4:14]))
    return {
        "pictures": len(known),
        "missed": _part(len(missed), len(known)),
        "missed_pictures": missed[:20],
        "other_subject": _part(elsewhere, len(known)),
        **error_summary(errors),
        "to_one_look_of_the_teacher": error_summary(to_look),
    }


def teacher_error(known: Sequence[Portrait]) -> dict[str, float]:
    """How far one look of the teacher is from its own consensus: the noise in the truth."""
    pairs = [(p.look, p.consensus) for p in known]
    both = [(a, b) for a, b in pairs if a is not None and b is not None]
    return error_summary([landmark_error(a[4:14], b[4:14]) for a, b in both])


def central(faces: Floats, image: Image) -> Floats | None:
    """The face (15,) whose center is nearest the picture's; None without any."""
    if not len(faces):
        return None
    middle = (faces[:, :2] + faces[:, 2:4]) / 2 - np.asarray([image.shape[1], image.shape[0]]) / 2
    nearest: Floats = faces[int((middle**2).sum(axis=1).argmin())]
    return nearest


@dataclass(frozen=True, slots=True)
class Speed:
    """Milliseconds for one 640 x 640 picture, network only: the median of many."""

    one_thread: float
    two_threads: float


def speed(path: Path, repeats: int = 30) -> Speed:
    """Time the ONNX file at 640 x 640."""
    one, two = (_milliseconds(open_detector(path, threads), repeats) for threads in (1, 2))
    return Speed(one, two)


def _milliseconds(detector: SCRFD, repeats: int) -> float:
    session = detector.session
    image = {session.get_inputs()[0].name: np.zeros((1, 3, SIDE, SIDE), np.float32)}
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        session.run(None, image)
        times.append(time.perf_counter() - start)
    return round(float(np.median(times)) * 1000, 2)


def evaluate(path: Path, data: Path, labels: Path, every: int = 1) -> dict[str, Any]:
    """Every measure of the ONNX file at `path`; `every` thins the portraits."""
    cv2.setNumThreads(1)
    detector, scenes = open_detector(path), load(data, labels)
    metrics: dict[str, Any] = {
        "held_out_photographs": held_out(detector, scenes),
        "held_out_photographs_320": held_out(detector, scenes, 320),
        "held_out_mosaics": mosaics(detector, scenes),
        "false_on_empty": silence(detector, scenes),
        "milliseconds_640": asdict(speed(path)),
    }
    lfw = data / "lfw_dev" / "images"
    if lfw.exists():
        known = portraits(lfw, data / "teachers" / "detector.onnx", every)
        metrics["lfw_dev"] = subjects(detector, known)
        metrics["lfw_dev_320"] = subjects(detector, known, 320)
        metrics["lfw_dev_teacher"] = teacher_error(known)
    return metrics


def main() -> None:
    """Run `python -m training.detector.evaluate --model FILE --data DIR --labels FILE`."""
    parser = argparse.ArgumentParser("training.detector.evaluate", description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--every", type=int, default=1, help="use one portrait in so many")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    log.info(
        "%s",
        json.dumps(evaluate(options.model, options.data, options.labels, options.every), indent=1),
    )


if __name__ == "__main__":
    main()
