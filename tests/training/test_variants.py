"""Smaller recognizers that answer like the original, or are not made."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from models import bundle as bundles
from models import golden
from models.assembly import Description
from models.bundle import BundleError
from training.backbones import build
from training.backbones.ir import Backbone
from training.bundle import write_bundle
from training.data.synthetic import Synthetic
from training.export import export
from training.parity import open_recognizer
from training.precision import Precision
from training.variants import Report, VariantRefused, _split, make_variant

STARTER = Path(bundles.__file__).parent / "starter"
Crops = NDArray[np.uint8]


@pytest.fixture(scope="module")
def crops() -> Crops:
    drawn = Synthetic(24, 2)
    return np.stack([drawn.read(index).image for index in range(len(drawn))])


@pytest.fixture(scope="module")
def backbone(crops: Crops) -> Backbone:
    """A starter network with random weights, used to faces: its batch norms saw some."""
    torch.manual_seed(0)
    made = build("ir_starter").train()
    pixels = torch.from_numpy(crops[:16]).permute(0, 3, 1, 2).float().sub(127.5).div(127.5)
    with torch.no_grad():
        for _ in range(30):
            made(pixels)
    return made.eval()


def bundled(backbone: Backbone, folder: Path) -> Path:
    export(backbone, folder / "recognizer.onnx", metadata={"loss": "none"})
    write_bundle(folder / "recognizer.onnx", None, folder / "base", Description(name="base"))
    return folder / "base"


@pytest.fixture(scope="module")
def base(backbone: Backbone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundled(backbone, tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module", params=["fp16", "int8"])
def report(
    request: pytest.FixtureRequest,
    base: Path,
    crops: Crops,
    tmp_path_factory: pytest.TempPathFactory,
) -> Report:
    folder = tmp_path_factory.mktemp("variant")
    return make_variant(base, request.param, crops, None, folder / "made")


def weights(path: Path) -> dict[str, TensorProto]:
    return {weight.name: weight for weight in onnx.load(str(path)).graph.initializer}


def test_a_variant_is_smaller_and_a_whole_bundle(base: Path, report: Report) -> None:
    directory = report.bundle.directory
    assert list(directory.parent.iterdir()) == [directory]
    kept = bundles.load(directory)
    precision = kept.manifest.name.removeprefix("base-")
    assert kept.manifest.parameters == bundles.load(base).manifest.parameters
    assert kept.manifest.score is None
    assert report.variant_bytes < {"fp16": 0.55, "int8": 0.35}[precision] * report.base_bytes
    assert kept.manifest.metrics["variant.cosine_mean"] == pytest.approx(
        report.agreement.cosine_mean, abs=1e-5
    )
    golden.check(open_recognizer(kept.recognizer), kept.manifest.golden)
    said = {each.key: each.value for each in onnx.load(str(kept.recognizer)).metadata_props}
    assert said.items() >= {"precision": precision, "loss": "none", "color": "rgb"}.items()


def test_a_variant_takes_and_answers_what_the_original_does(
    base: Path, report: Report, crops: Crops
) -> None:
    made = report.bundle.recognizer
    original, graph = (onnx.load(str(p)).graph for p in (base / "recognizer.onnx", made))
    assert graph.input[0].type == original.input[0].type
    assert [(o.name, o.type) for o in graph.output] == [(o.name, o.type) for o in original.output]
    together = open_recognizer(made)(crops[:7])
    assert together.embeddings.dtype == together.norms.dtype == np.float32
    assert np.allclose(np.linalg.norm(together.embeddings, axis=1), 1, atol=1e-6)
    # A norm that went through half precision would be one of its few numbers.
    assert (together.norms != together.norms.astype(np.float16)).any()
    for at, crop in enumerate(crops[:7]):
        alone = open_recognizer(made)(crop[np.newaxis])
        assert alone.embeddings[0] @ together.embeddings[at] > 0.9999


@pytest.mark.parametrize("report", ["int8"], indirect=True)
def test_int8_weights_leave_room_for_two_products_in_16_bits(report: Report) -> None:
    made = report.bundle.recognizer
    found = [numpy_helper.to_array(w) for w in weights(made).values() if w.data_type == 3]
    products = [weight for weight in found if weight.ndim > 1]
    assert len(products) == 22  # of 23: the first convolution sees pixels and stays as it is
    assert all(2 * 255 * np.abs(weight.astype(int)).max() < 2**15 for weight in products)


def test_a_channel_that_drowns_the_others_is_refused_with_the_numbers(
    backbone: Backbone, crops: Crops, tmp_path: Path
) -> None:
    drowned = copy.deepcopy(backbone)
    for unit in drowned.body:
        unit.res_layer[2].weight.data[0] *= 3e3
        unit.res_layer[4].weight.data[:, 0] = 0  # nobody reads it, so float32 does not mind
    base = bundled(drowned, tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(VariantRefused, match=r"cosine to float32 0\.\d+ on average \(at least 0.9"):
        make_variant(base, "int8", crops, None, tmp_path / "made")
    assert sorted(tmp_path.iterdir()) == before


def test_crops_that_say_nothing_about_quality_are_refused(base: Path, tmp_path: Path) -> None:
    black = np.zeros((40, 112, 112, 3), np.uint8)
    with pytest.raises(VariantRefused, match="Spearman of the norms nan"):
        make_variant(base, "int8", black, None, tmp_path / "made")
    assert not any(tmp_path.iterdir())


def test_too_few_crops_are_refused_before_anything_is_made(
    base: Path, crops: Crops, tmp_path: Path
) -> None:
    with pytest.raises(VariantRefused, match="20 crops are too few"):
        make_variant(base, "fp16", crops[:20], None, tmp_path / "made")
    with pytest.raises(VariantRefused, match="one person"):
        make_variant(base, "int8", crops, np.zeros(len(crops)), tmp_path / "made")
    assert not any(tmp_path.iterdir())


def test_a_bundle_is_never_overwritten(base: Path, crops: Crops) -> None:
    with pytest.raises(BundleError, match="holds a bundle already"):
        make_variant(base, "fp16", crops, None, base)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=32, max_size=200), st.sampled_from(["fp16", "int8"]))
def test_nobody_sets_the_ranges_and_judges_them(whom: list[int], precision: Precision) -> None:
    persons = np.array(whom)
    try:
        ranging, held = _split(len(persons), persons, precision)
    except VariantRefused:
        # Only where somebody is on so many crops that the ranges need that person's.
        assert precision == "int8"
        assert len(whom) - max(map(whom.count, whom)) < len(whom) // 4
        return
    assert not set(persons[ranging]) & set(persons[held])
    assert len(set(held)) == len(held) > 0
    assert len(ranging) == (len(persons) // 4 if precision == "int8" else 0)


FULL_DISK = """
import resource, sys
from pathlib import Path
import numpy as np
from training.variants import make_variant
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
crops = np.random.default_rng(0).integers(0, 256, (32, 112, 112, 3), np.uint8)
make_variant(Path(sys.argv[1]), sys.argv[2], crops, None, Path(sys.argv[3]))
"""


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_a_full_disk_leaves_nothing(base: Path, tmp_path: Path, precision: Precision) -> None:
    command = [sys.executable, "-c", FULL_DISK, str(base), precision, str(tmp_path / "made")]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ran.returncode == 1, ran.stderr
    assert "File too large" in ran.stderr
    assert not any(tmp_path.iterdir())


def test_the_starter_s_variant_is_calibrated_on_its_own_answers(tmp_path: Path) -> None:
    drawn = Synthetic(27, 2)
    examples = [drawn.read(index) for index in range(len(drawn))]
    crops = np.stack([example.image for example in examples])
    persons = np.array([example.label for example in examples])
    report = make_variant(STARTER, "int8", crops, persons, tmp_path / "made", data="drawn faces")
    made, base = report.bundle.manifest, bundles.load(STARTER).manifest
    assert (made.license, made.training_data, made.detector) == (
        base.license,
        base.training_data,
        base.detector,
    )
    assert made.score is not None
    assert made.quality is not None
    assert made.score.data == made.quality.data == "drawn faces"
    assert made.score != base.score
    assert report.agreement.matching is not None
    assert report.agreement.cosine_mean > 0.995
    card = (tmp_path / "made" / bundles.CARD).read_text()
    assert card.startswith("# starter-int8")
    assert (STARTER / bundles.CARD).read_text() in card
