"""The margins and the loss against the paper's equations in float64, by autograd."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from tests.training import dense
from tests.training.ranks import together
from training.adaface import AdaFace, ArcFace, CosFace, Statistics, margin
from training.partial_fc import Head

MEAN, STD = 10.0, 1.5
# Lengths that make k = -1, 0 and 1, and lengths outside the norm range of [0.001, 100].
LENGTHS = {"poor": 2.0, "average": MEAN, "good": 30.0, "tiny": 1e-5, "huge": 500.0}
# Angles to the own class: at the clamps of the cosine, where an angular margin of 0.4 either way
# leaves [0, pi], and three plain ones.
ANGLES = {"zero": 0.0, "small": 0.2, "plain": 1.0, "right": 1.57, "large": 2.9, "opposite": math.pi}


def judged(head: Head) -> Head:
    """The head as after training: with statistics, and not changing them."""
    head.margin.get_buffer("norm_mean").fill_(MEAN)
    head.margin.get_buffer("norm_std").fill_(STD)
    return head.eval()


def at_angle(weight: Tensor, labels: Tensor, angle: float, length: float) -> Tensor:
    """Features of `length` at `angle` from the weight of their class."""
    own = functional.normalize(weight.detach()[labels])
    aside = torch.randn_like(own)
    aside = functional.normalize(aside - (aside * own).sum(dim=1, keepdim=True) * own)
    return (length * (math.cos(angle) * own + math.sin(angle) * aside)).requires_grad_()


def assert_same(head: Head, features: Tensor, labels: Tensor, **constants: float) -> None:
    """Loss and gradients of the head in float64 are the reference's; and the loss in float32."""
    weight = head.weight.detach().clone().requires_grad_()
    expected = dense.adaface(features, weight, labels, mean=MEAN, std=STD, **constants)
    by_features, by_weight = torch.autograd.grad(expected, (features, weight))
    found = head(features, labels)
    assert found.item() == pytest.approx(expected.item(), rel=1e-9, abs=1e-12)
    got_features, got_weight = torch.autograd.grad(found, (features, head.weight))
    torch.testing.assert_close(got_features, by_features, rtol=1e-6, atol=1e-11)
    torch.testing.assert_close(got_weight, by_weight, rtol=1e-6, atol=1e-11)


@pytest.mark.parametrize("length", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize("angle", ANGLES.values(), ids=ANGLES)
def test_loss_and_gradients_are_the_papers(angle: float, length: float) -> None:
    torch.manual_seed(0)
    head = judged(Head(AdaFace(), 16, 10).double())
    with torch.no_grad():
        head.weight.mul_(torch.rand(10, 1) * 3 + 0.1)  # only the direction may count
    labels = torch.tensor([3, 3, 7, 0, 9])
    features = at_angle(head.weight, labels, angle, length)
    if length <= 1e-5:  # a gradient grows as the feature shrinks; compare it at size 1
        features = features.detach().requires_grad_()
    assert_same(head, features, labels)
    k = {"poor": -1, "tiny": -1, "average": 0, "good": 1, "huge": 1}
    name = next(name for name, value in LENGTHS.items() if value == length)
    assert head.margin.k.tolist() == pytest.approx([k[name]] * 5)


@settings(deadline=None)
@given(
    m=st.floats(0.01, 1.5),
    h=st.floats(-2, 2).filter(lambda h: abs(h) > 1e-3),
    s=st.floats(1, 128),
    length=st.floats(0.01, 200),
    seed=st.integers(0, 2**31),
)
def test_loss_and_gradients_are_the_papers_for_any_constants(
    m: float, h: float, s: float, length: float, seed: int
) -> None:
    torch.manual_seed(seed)
    head = judged(Head(AdaFace(m, h, s), 8, 12, seed=seed, block=30).double())
    labels = torch.randint(12, (7,))
    features = (torch.randn(7, 8).double() * length / 8**0.5).requires_grad_()
    assert_same(head, features, labels, margin=m, h=h, scale=s)


@pytest.mark.parametrize("seed", range(5))
def test_the_loss_in_single_precision_is_right_to_a_millionth(seed: int) -> None:
    torch.manual_seed(seed)
    head = judged(Head(AdaFace(), 512, 1000, seed=seed))
    features, labels = torch.randn(32, 512) * MEAN / 512**0.5, torch.randint(1000, (32,))
    expected = dense.adaface(
        features.double(), head.weight.detach().double(), labels, mean=MEAN, std=STD
    )
    assert head(features, labels).item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize(
    ("length", "target"),
    [
        (2.0, lambda theta: math.cos(theta + 0.4)),
        (MEAN, lambda theta: math.cos(theta) - 0.4),
        (30.0, lambda theta: math.cos(theta - 0.4) - 0.8),
    ],
    ids=["poor images get ArcFace", "average ones CosFace", "good ones the reverse"],
)
@pytest.mark.parametrize("theta", [0.6, 1.0, 1.5])
def test_the_margin_follows_quality(length: float, target: Any, theta: float) -> None:
    loss = AdaFace(norm_mean=MEAN, norm_std=STD).eval()
    moved = loss(torch.tensor([math.cos(theta)]), torch.tensor([length]))
    assert moved.item() == pytest.approx(target(theta), abs=1e-6)


@pytest.mark.parametrize("theta", [0.1, 1.0, 2.5])
def test_arcface_and_cosface_are_what_their_names_say(theta: float) -> None:
    cosines, norms = torch.tensor([math.cos(theta)]), torch.tensor([5.0])
    assert ArcFace()(cosines, norms).item() == pytest.approx(math.cos(theta + 0.5), abs=1e-6)
    assert CosFace()(cosines, norms).item() == pytest.approx(math.cos(theta) - 0.4, abs=1e-6)


def test_norm_statistics_follow_training_only() -> None:
    head = Head(AdaFace(), 4, 3)
    features, labels = torch.randn(6, 4), torch.randint(3, (6,))
    statistics = head.margin.get_buffer("norm_mean"), head.margin.get_buffer("norm_std")
    head.eval()(features, labels)
    assert [float(value) for value in statistics] == [20, 100]
    head.train()(features, labels)  # and into the very tensors that an alias looks at
    norms = features.norm(dim=1)
    expected = [0.99 * 20 + 0.01 * float(norms.mean()), 0.99 * 100 + 0.01 * float(norms.std())]
    assert [float(value) for value in statistics] == pytest.approx(expected, rel=1e-6)
    assert {"margin.norm_mean", "margin.norm_std"} <= set(head.state_dict())


def test_the_spread_of_long_nearly_equal_norms_is_not_lost_to_rounding() -> None:
    loss = AdaFace(momentum=0.5, norm_std=1e-4)
    norms = torch.linspace(99.0, 99.01, 512)
    loss.quality(norms)
    expected = 0.5 * 1e-4 + 0.5 * norms.double().std().item()
    assert float(loss.norm_std) == pytest.approx(expected, rel=1e-4)


def test_a_batch_is_counted_before_it_is_judged() -> None:
    loss = AdaFace(momentum=0.5, norm_mean=10.0, norm_std=1.0, h=0.2)
    k = loss.quality(torch.tensor([11.0, 13.0]))
    mean, std = 11.0, 0.5 + 0.5 * 2**0.5
    assert k.tolist() == pytest.approx([0.0, 0.2 * (13 - mean) / (std + 1e-3)])


def test_a_batch_of_one_keeps_the_spread() -> None:
    head = Head(AdaFace(), 4, 3)
    assert math.isfinite(head(torch.randn(1, 4) * 5, torch.tensor([0])).item())
    assert float(head.margin.get_buffer("norm_std")) == 100
    assert float(head.margin.get_buffer("norm_mean")) != 20


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_broken_batch_does_not_reach_the_statistics(bad: float) -> None:
    loss = AdaFace()
    loss.quality(torch.tensor([5.0, bad, 7.0]))
    loss.quality(torch.tensor([]))
    assert math.isfinite(loss.norm_mean)
    assert math.isfinite(loss.norm_std)
    loss.quality(torch.tensor([5.0, 6.0]))
    assert float(loss.norm_std) < 100


@pytest.mark.parametrize("angle", ["zero", "opposite"])
def test_the_gradient_is_finite_where_the_angle_has_none(angle: str) -> None:
    head = Head(AdaFace(), 8, 4)
    labels = torch.tensor([0, 1])
    features = at_angle(head.weight, labels, ANGLES[angle], 3.0)
    head(features, labels).backward()
    assert features.grad is not None
    assert head.weight.grad is not None
    assert torch.isfinite(features.grad).all()
    assert torch.isfinite(head.weight.grad).all()


def test_half_precision_around_the_loss_does_not_reach_into_it() -> None:
    head = judged(Head(AdaFace(), 32, 20))
    labels = torch.randint(20, (16,))
    half = (torch.randn(16, 32) * 2).bfloat16().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = head(half, labels)
    assert loss.dtype == torch.float32
    single = half.detach().float().requires_grad_()
    plain = head(single, labels)
    assert loss.item() == plain.item()
    loss.backward()
    plain.backward()
    assert half.grad is not None
    assert single.grad is not None
    assert half.grad.dtype == torch.bfloat16
    torch.testing.assert_close(half.grad, single.grad.bfloat16())


def test_a_margin_compiles_into_one_graph_that_keeps_its_buffers() -> None:
    plain = AdaFace()
    compiled = copy.deepcopy(plain)
    kept = compiled.norm_mean
    cosines, norms = torch.rand(8), torch.rand(8) * 20
    graph = torch.compile(compiled, backend="eager", fullgraph=True)
    assert torch.equal(graph(cosines, norms), plain(cosines, norms))
    assert compiled.norm_mean is kept
    assert torch.equal(kept, plain.norm_mean)


@pytest.mark.parametrize(
    ("name", "constants", "said"),
    [
        ("adaface", {"h": 0}, "CosFace"),
        ("adaface", {"h": math.nan}, "h"),
        ("adaface", {"margin": 0}, "softmax"),
        ("arcface", {"margin": -0.5}, "softmax"),
        ("cosface", {"scale": 0}, "scale"),
        ("adaface", {"epsilon": 0}, "epsilon"),
        ("adaface", {"momentum": 1.0}, "0.01"),
        ("adaface", {"momentum": 0.0}, "momentum"),
        ("adaface", {"norm_range": (100, 0.001)}, "range"),
        ("adaface", {"norm_std": 0.0}, "norm_std"),
        ("adaface", {"norm_statistics": "some"}, "global, rank0 or local"),
        ("arcface", {"h": 0.333}, "'h'"),
        ("magface", {}, "adaface, arcface, cosface"),
    ],
)
def test_constants_that_would_be_another_loss_are_refused(
    name: str, constants: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        margin(name, **constants)


def watched(kind: Statistics) -> list[Tensor]:
    """Two steps of this rank's statistics, starting apart, with each step's k."""
    rank = torch.distributed.get_rank()
    loss = AdaFace(momentum=0.1, norm_statistics=kind, norm_mean=20.0 + 3 * rank)
    seen = []
    for norms in all_norms()[:, rank]:
        k = loss.quality(norms)
        seen.append(torch.cat([k, loss.norm_mean[None], loss.norm_std[None]]))
    return seen


def all_norms() -> Tensor:
    """(2 steps, 2 ranks, 5 faces)."""
    return torch.rand(2, 2, 5, generator=torch.Generator().manual_seed(1)) * 30


def alone(norms: Tensor, mean: float, std: float) -> Tensor:
    """k, mu and sigma of a single process after it has seen `norms` upon the given estimates."""
    loss = AdaFace(momentum=0.1, norm_mean=mean, norm_std=std)
    k = loss.quality(norms)
    return torch.cat([k, loss.norm_mean[None], loss.norm_std[None]])


def test_two_ranks_keep_the_statistics_they_were_asked_for(tmp_path: Path) -> None:
    first, second = all_norms()
    ranks = together(2, tmp_path / "global", watched, "global")
    for rank, mean in ((0, 20.0), (1, 23.0)):  # from the same start they stay the same
        whole = alone(first.flatten(), mean, 100)
        torch.testing.assert_close(ranks[rank][0][:5], whole[:10].view(2, 5)[rank])
        torch.testing.assert_close(ranks[rank][0][5:], whole[10:])
    ranks = together(2, tmp_path / "local", watched, "local")
    for rank, mean in ((0, 20.0), (1, 23.0)):
        torch.testing.assert_close(ranks[rank][0], alone(first[rank], mean, 100))
    ranks = together(2, tmp_path / "rank0", watched, "rank0")
    before = alone(first[0], 20, 100)
    torch.testing.assert_close(ranks[0][1], alone(second[0], float(before[5]), float(before[6])))
    torch.testing.assert_close(ranks[1][1], alone(second[1], float(before[5]), float(before[6])))
