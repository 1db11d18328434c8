"""The networks have the sizes, names and answers that published weights expect."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from training.backbones import ARCHITECTURES, Backbone, Shape, build, macs, resized, settle
from training.backbones.table import shaped

# Parameters, state-dict keys and GMAC as measured on the official code.
PUBLISHED = {
    "ir_18": (24_020_352, 179, 2.597),
    "ir_34": (34_134_080, 323, 4.447),
    "ir_50": (43_585_600, 467, 6.296),
    "ir_101": (65_150_912, 917, 12.077),
    "r18": (24_025_600, 187, 2.610),
    "r34": (34_139_328, 331, 4.460),
    "r50": (43_590_848, 475, 6.309),
    "r100": (65_156_160, 925, 12.090),
    "r200": (118_833_920, 1807, 23.419),
}
TINY = Shape((1, 2, 1, 1), (8, 8, 12, 16), embedding=24)
TINY_R = resized(Shape(TINY.units, TINY.widths, layout="iresnet"), 24)
NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def on_meta(name: str) -> Backbone:
    """Its names and shapes, without its memory."""
    with torch.device("meta"):
        return build(name)


def norm(prefix: str) -> set[str]:
    return {f"{prefix}.{part}" for part in NORM}


@pytest.mark.parametrize("name", PUBLISHED)
def test_sizes_are_the_published_ones(name: str) -> None:
    backbone = on_meta(name)
    parameters, keys, gmac = PUBLISHED[name]
    assert sum(weight.numel() for weight in backbone.parameters()) == parameters
    assert len(backbone.state_dict()) == keys
    assert round(macs(name) / 1e9, 3) == gmac


def ir_keys(units: tuple[int, ...]) -> set[str]:
    """The names in AdaFace's checkpoints, written down from its layer lists."""
    keys = {"input_layer.0.weight", *norm("input_layer.1"), "input_layer.2.weight"}
    starts = [sum(units[:stage]) for stage in range(1, 4)]  # the first stage keeps its width
    for unit in range(sum(units)):
        layers = f"body.{unit}.res_layer"
        keys |= norm(f"{layers}.0") | norm(f"{layers}.2") | norm(f"{layers}.5")
        keys |= {f"{layers}.{convolution}.weight" for convolution in (1, 3, 4)}
        if unit in starts:
            keys |= {f"body.{unit}.shortcut_layer.0.weight"}
            keys |= norm(f"body.{unit}.shortcut_layer.1")
    keys |= norm("output_layer.0") | {"output_layer.3.weight", "output_layer.3.bias"}
    return keys | (norm("output_layer.4") - {"output_layer.4.weight", "output_layer.4.bias"})


def iresnet_keys(units: tuple[int, ...]) -> set[str]:
    """The names in insightface's checkpoints."""
    keys = {"conv1.weight", *norm("bn1"), "prelu.weight", *norm("bn2"), *norm("features")}
    for stage, count in enumerate(units, start=1):
        for unit in range(count):
            block = f"layer{stage}.{unit}"
            keys |= norm(f"{block}.bn1") | norm(f"{block}.bn2") | norm(f"{block}.bn3")
            keys |= {f"{block}.{part}.weight" for part in ("conv1", "conv2", "prelu")}
        keys |= {f"layer{stage}.0.downsample.0.weight", *norm(f"layer{stage}.0.downsample.1")}
    return keys | {"fc.weight", "fc.bias"}


@pytest.mark.parametrize("name", PUBLISHED)
def test_names_are_those_of_the_official_checkpoints(name: str) -> None:
    shape = ARCHITECTURES[name]
    expected = (ir_keys if shape.layout == "ir" else iresnet_keys)(shape.units)
    assert set(on_meta(name).state_dict()) == expected


def test_leaving_out_pools_that_copy_changes_no_answer() -> None:
    torch.manual_seed(0)
    backbone = shaped(TINY).eval()
    x = torch.randn(2, 3, 112, 112)
    with torch.no_grad():
        plain = backbone(x)
        left_out = [m for m in backbone.modules() if isinstance(m, nn.Identity)]
        for unit in backbone.body:
            if isinstance(unit.shortcut_layer, nn.Identity):
                unit.shortcut_layer = nn.MaxPool2d(1, 1)
        assert torch.equal(backbone(x), plain)
    assert len(left_out) == 1


@pytest.mark.parametrize("shape", [TINY, TINY_R])
def test_cost_is_counted_layer_by_layer(shape: Shape) -> None:
    """Against the sum by hand for one narrow network."""
    a, b, c, d = shape.widths
    stem = 112**2 * 27 * a
    first = 112**2 * 9 * a * a + 56**2 * 9 * a * a
    second = 56**2 * 9 * a * b + 28**2 * 9 * b * b + 2 * 28**2 * 9 * b * b
    third = 28**2 * 9 * b * c + 14**2 * 9 * c * c
    fourth = 14**2 * 9 * c * d + 7**2 * 9 * d * d
    projections = 14**2 * b * c + 7**2 * c * d
    if shape.layout == "iresnet":
        projections += 56**2 * a * a + 28**2 * a * b
    linear = 49 * d * 24
    counted = macs(shaped(shape))
    assert counted == stem + first + second + third + fourth + projections + linear


@pytest.mark.parametrize("shape", [TINY, TINY_R])
def test_random_weights_answer_with_sane_norms_once_settled(shape: Shape) -> None:
    torch.manual_seed(0)
    backbone = shaped(shape)
    batches = [torch.randn(8, 3, 112, 112) for _ in range(3)]
    settle(backbone, batches)
    with torch.no_grad():
        squares = backbone(batches[1]).square().sum(dim=1)
    assert not backbone.training
    assert 0.6 < float(squares.mean()) / shape.embedding < 1.6
    momenta = {m.momentum for m in backbone.modules() if isinstance(m, nn.BatchNorm2d)}
    assert momenta == {0.1}


def test_a_student_takes_its_teachers_embedding() -> None:
    backbone = build("ir_starter", embedding=512)
    with torch.no_grad():
        assert backbone.eval()(torch.zeros(1, 3, 112, 112)).shape == (1, 512)
    assert backbone.shape == resized(ARCHITECTURES["ir_starter"], 512)
    assert ARCHITECTURES["ir_starter"].embedding == 128


def test_the_last_norms_scale_stays_one_in_insightfaces_networks() -> None:
    assert not shaped(TINY_R).features.weight.requires_grad
