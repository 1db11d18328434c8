"""The exported file through insightface's SCRFD class equals the network it came from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("insightface")

import onnxruntime  # noqa: E402

from training.detector.batches import as_input  # noqa: E402
from training.detector.evaluate import Tally, detect, landmark_error, open_detector  # noqa: E402
from training.detector.export import OUTPUTS, ScrfdShaped, export  # noqa: E402
from training.detector.mosaic import Sample  # noqa: E402
from training.detector.network import Detector, anchor_grid  # noqa: E402

from .pictures import FACE  # noqa: E402


@pytest.fixture(scope="module")
def network() -> Detector:
    """A network with random weights and uneven normalization, whose scores spread around one half."""
    torch.manual_seed(5)
    detector = Detector()
    detector.train()
    with torch.no_grad():
        for _ in range(3):
            detector(torch.randn(2, 3, 96, 96))
        for head in detector.heads:
            head.score.bias.zero_()
            head.score.weight.mul_(3)
    return detector.eval()


@pytest.fixture(scope="module")
def exported(network: Detector, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That network as a file."""
    path = tmp_path_factory.mktemp("detector") / "detector.onnx"
    export(network, path)
    return path


def _decoded(network: Detector, image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with torch.no_grad():
        found = network(as_input(torch.from_numpy(image)[None]))
    centers, strides, _ = anchor_grid(*image.shape[:2])
    distances = found.boxes[0] * strides[:, None]
    boxes = torch.cat([centers - distances[:, :2], centers + distances[:, 2:]], 1)
    points = centers.repeat(1, 5) + found.landmarks[0] * strides[:, None]
    return found.logits[0].sigmoid().numpy(), boxes.numpy(), points.numpy()


def test_every_detection_of_scrfd_is_an_anchor_of_the_network(
    network: Detector, exported: Path
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    scores, boxes, points = _decoded(network, image)
    found = detect(open_detector(exported), image, 96)
    assert len(found) > 3
    for row in found:
        anchor = int(np.abs(boxes - row[:4]).sum(axis=1).argmin())
        np.testing.assert_allclose(row[:4], boxes[anchor], atol=2e-2)
        np.testing.assert_allclose(row[4:14], points[anchor], atol=2e-2)
        assert row[14] == pytest.approx(scores[anchor], abs=1e-3)
    assert found[0, 14] == pytest.approx(scores.max(), abs=1e-3)


def test_folding_changes_nothing(network: Detector) -> None:
    image = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        scores = torch.cat(ScrfdShaped(network)(image)[:3])[:, 0]
        torch.testing.assert_close(scores, network(image).logits[0].sigmoid(), atol=1e-4, rtol=1e-4)


def test_the_logit_shift_moves_the_threshold(network: Detector) -> None:
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        plain, shifted = ScrfdShaped(network)(image)[0], ScrfdShaped(network, 1.5)(image)[0]
    torch.testing.assert_close(shifted.logit(), plain.logit() + 1.5, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(("height", "width"), [(640, 640), (320, 480), (32, 64)])
def test_outputs_have_scrfds_order_and_shapes_at_every_input_size(
    exported: Path, height: int, width: int
) -> None:
    session = onnxruntime.InferenceSession(str(exported), providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == list(OUTPUTS)
    found = session.run(None, {"image": np.zeros((1, 3, height, width), np.float32)})
    counts = [height // stride * (width // stride) * 2 for stride in (8, 16, 32)]
    assert [tuple(x.shape) for x in found] == [(n, k) for k in (1, 4, 10) for n in counts]


def test_the_file_is_one_file_of_at_most_a_megabyte(exported: Path) -> None:
    assert exported.stat().st_size <= 1_000_000
    assert [path.name for path in exported.parent.iterdir()] == ["detector.onnx"]


def test_tally_counts_recall_false_detections_and_error() -> None:
    truth = np.stack([FACE, FACE + 200])
    sample = Sample(
        np.zeros((300, 300, 3), np.uint8), truth, np.asarray([[400, 400, 450, 450]], np.float32)
    )
    hit, false, doubtful = (
        np.append(FACE, 0.9),
        np.append(FACE + 100, 0.8),
        np.append(FACE + 375, 0.7),
    )
    tally = Tally()
    tally.add(np.stack([hit, false, doubtful]).astype(np.float32), sample)
    summary = tally.summary()
    assert summary["recall"] == 0.5
    assert summary["false_per_picture"] == 1
    assert summary["landmark_error_mean"] == 0


def test_landmark_error_is_measured_in_eye_distances() -> None:
    points = FACE[4:14]
    assert landmark_error(
        points + np.tile([1.6, 0], 5).astype(np.float32), points
    ) == pytest.approx(0.1)
