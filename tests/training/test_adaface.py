"""The loss against a plain NumPy reading of the paper, in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from training.adaface import AdaFace


def reference(
    features: NDArray[np.float64],
    labels: NDArray[np.int64],
    head: AdaFace,
) -> float:
    """Equation 5 to 8 of arXiv 2204.00964 with the official code's clamps."""
    norms = np.clip(np.linalg.norm(features, axis=1), 1e-3, 100)
    mean, std = float(head.norm_mean), float(head.norm_std)
    k = np.clip(head.h * (norms - mean) / (std + 1e-3), -1, 1)
    weight = head.weight.detach().numpy().astype(np.float64)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    cosines = unit @ (weight / np.linalg.norm(weight, axis=1, keepdims=True)).T
    cosines = np.clip(cosines, -1 + 1e-3, 1 - 1e-3)
    losses = []
    for row, label in enumerate(labels):
        angle = np.clip(np.arccos(cosines[row, label]) - head.margin * k[row], 1e-3, math.pi - 1e-3)
        logits = head.scale * cosines[row]
        logits[label] = head.scale * (np.cos(angle) - (head.margin + head.margin * k[row]))
        top = logits.max()
        losses.append(top + np.log(np.exp(logits - top).sum()) - logits[label])
    return float(np.mean(losses))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("length", [0.1, 20.0, 60.0])
def test_the_loss_is_the_papers(seed: int, length: float) -> None:
    torch.manual_seed(seed)
    head = AdaFace(16, 10).eval()
    head.norm_mean.fill_(20.0)
    head.norm_std.fill_(5.0)
    features = torch.randn(8, 16) * length / 4
    labels = torch.randint(10, (8,))
    expected = reference(features.double().numpy(), labels.numpy(), head)
    assert head(features, labels).item() == pytest.approx(expected, rel=2e-4)


def target_logit(k: float, theta: float) -> float:
    """The scaled target logit at angle `theta` with quality forced to `k`."""
    head = AdaFace(2, 2, h=1.0).eval()
    head.weight.data.copy_(torch.eye(2))
    head.norm_mean.fill_(10.0)
    head.norm_std.fill_(1.0 - 1e-3)
    feature = torch.tensor([[math.cos(theta), math.sin(theta)]]) * (10.0 + k)
    return float(head.logits(feature, torch.tensor([0])).detach()[0, 0]) / head.scale


@pytest.mark.parametrize("theta", [0.6, 1.0, 1.5])
def test_poor_images_get_arcface_average_ones_cosface(theta: float) -> None:
    assert target_logit(-1, theta) == pytest.approx(math.cos(theta + 0.4), abs=1e-4)
    assert target_logit(0, theta) == pytest.approx(math.cos(theta) - 0.4, abs=1e-4)
    assert target_logit(1, theta) == pytest.approx(math.cos(theta - 0.4) - 0.8, abs=1e-4)


def test_norm_statistics_follow_training_only() -> None:
    head = AdaFace(4, 3)
    features, labels = torch.randn(6, 4), torch.randint(3, (6,))
    head.eval()(features, labels)
    assert float(head.norm_mean) == 20
    head.train()(features, labels)
    norms = features.norm(dim=1)
    assert float(head.norm_mean) == pytest.approx(0.99 * 20 + 0.01 * float(norms.mean()), rel=1e-5)
    assert float(head.norm_std) == pytest.approx(0.99 * 100 + 0.01 * float(norms.std()), rel=1e-5)
    assert {"norm_mean", "norm_std"} <= set(head.state_dict())


def test_a_batch_of_one_keeps_the_spread() -> None:
    head = AdaFace(4, 3).train()
    head(torch.randn(1, 4), torch.tensor([0]))
    assert float(head.norm_std) == 100
    assert math.isfinite(float(head.norm_mean))


def test_the_gradient_is_finite_where_the_angle_is_zero() -> None:
    head = AdaFace(8, 4).train()
    features = head.weight.detach()[:2].clone().requires_grad_()
    head(features, torch.tensor([0, 1])).backward()
    assert features.grad is not None
    assert torch.isfinite(features.grad).all()


def test_half_precision_around_the_loss_does_not_reach_into_it() -> None:
    head = AdaFace(8, 4).eval()
    features, labels = torch.randn(5, 8), torch.randint(4, (5,))
    plain = head.logits(features, labels)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(head.logits(features, labels), plain)


def test_a_setting_that_would_be_another_loss_is_refused() -> None:
    with pytest.raises(ValueError, match="CosFace"):
        AdaFace(8, 4, h=0)
