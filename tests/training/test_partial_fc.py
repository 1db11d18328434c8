"""The head: one process against many, sampled classes, memory, and labels that are wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils._python_dispatch import TorchDispatchMode

from tests.training import dense
from tests.training.ranks import together
from training.adaface import AdaFace, ArcFace
from training.partial_fc import Head, share
from training.sgd import SGD

FACES, EMBEDDING, STEPS = 12, 6, 3


def pixels() -> tuple[Tensor, Tensor]:
    """(steps, faces, 10) float64 inputs of a tiny backbone and int64 labels below 11."""
    random = torch.Generator().manual_seed(0)
    inputs = torch.randn(STEPS, FACES, 10, generator=random, dtype=torch.float64)
    return inputs, torch.randint(11, (STEPS, FACES), generator=random)


def trained(classes: int, rank: int, size: int) -> dict[str, Any]:
    """Three steps of backbone and head on this rank's part of each batch."""
    torch.manual_seed(0)
    backbone: nn.Module = nn.Linear(10, EMBEDDING).double()
    if size > 1:
        backbone = DistributedDataParallel(backbone)
    head = Head(AdaFace(momentum=0.2), EMBEDDING, classes, block=40).double()
    plain = torch.optim.SGD(backbone.parameters(), 0.05, momentum=0.9)
    rows = SGD(head.parameters(), 0.05, weight_decay=1e-2)
    losses = []
    for inputs, labels in zip(*pixels(), strict=True):
        part = slice(rank * FACES // size, (rank + 1) * FACES // size)
        loss = head(10 * backbone(inputs[part]), labels[part])
        plain.zero_grad()
        rows.zero_grad()
        loss.backward()
        plain.step()
        rows.step()
        losses.append(loss.detach())
    return {
        "losses": torch.stack(losses),
        "backbone": [parameter.detach() for parameter in backbone.parameters()],
        "rows": (head.rows.start, head.rows.stop),
        "weight": head.weight.detach(),
        "statistics": [head.margin.get_buffer(n) for n in ("norm_mean", "norm_std")],
        "cosines": head.target_cosines,
        "k": head.margin.k,
    }


def trained_together(classes: int) -> dict[str, Any]:
    return trained(classes, distributed.get_rank(), distributed.get_world_size())


@pytest.mark.parametrize(("size", "classes"), [(2, 11), (3, 13)])
def test_many_ranks_train_as_one_does(tmp_path: Path, size: int, classes: int) -> None:
    one = trained(classes, 0, 1)
    ranks = together(size, tmp_path, trained_together, classes)
    for found in ranks:
        for name in ("losses", "backbone", "statistics"):
            torch.testing.assert_close(found[name], one[name], rtol=1e-9, atol=1e-12)
        first, last = found["rows"]
        torch.testing.assert_close(found["weight"], one["weight"][first:last])
    assert [found["rows"] for found in ranks] == [
        (share(classes, rank, size).start, share(classes, rank, size).stop) for rank in range(size)
    ]
    for name in ("cosines", "k"):
        torch.testing.assert_close(torch.cat([found[name] for found in ranks]), one[name])


@settings(deadline=None)
@given(classes=st.integers(1, 5000), size=st.integers(1, 64))
def test_every_class_has_one_rank(classes: int, size: int) -> None:
    shares = [share(classes, rank, size) for rank in range(size)]
    assert [row for rows in shares for row in rows] == list(range(classes))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize("block", [1, 50, 10**6])
def test_the_block_size_does_not_matter(block: int) -> None:
    torch.manual_seed(0)
    features, labels = torch.randn(9, 8).double() * 5, torch.randint(20, (9,))
    results = []
    for size in (block, 180):
        head = Head(AdaFace(), 8, 20, block=size).double()
        leaf = features.clone().requires_grad_()
        loss = head(leaf, labels)
        loss.backward()
        results.append((loss, leaf.grad, head.weight.grad))
    torch.testing.assert_close(*results)


def test_a_weighted_loss_has_weighted_gradients_and_none_costs_none() -> None:
    head = Head(ArcFace(), 8, 20)
    features, labels = torch.randn(9, 8).requires_grad_(), torch.randint(20, (9,))
    whole = torch.autograd.grad(head(features, labels), (features, head.weight))
    weighted = torch.autograd.grad(0.02 * head(features, labels), (features, head.weight))
    torch.testing.assert_close(weighted, tuple(0.02 * gradient for gradient in whole))
    with torch.no_grad():
        loss = head(features, labels)
    assert not loss.requires_grad
    assert loss.item() == pytest.approx(head(features, labels).item())


def test_a_second_derivation_is_refused() -> None:
    head = Head(AdaFace(), 8, 20)
    loss = head(torch.randn(4, 8), torch.randint(20, (4,)))
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="compute it anew"):
        loss.backward()


def test_a_hopeless_face_has_its_true_loss_not_a_plateau() -> None:
    head = Head(AdaFace(), 8, 20).eval()
    with torch.no_grad():
        head.weight[1] = -head.weight[0]
    labels, features = torch.tensor([0]), 25 * head.weight.detach()[1:2]
    expected = dense.adaface(
        features.double(), head.weight.detach().double(), labels, mean=20, std=100
    )
    assert head(features, labels).item() == pytest.approx(expected.item(), rel=1e-6)
    assert expected > 69.08  # -ln(1e-30)


def test_no_faces_have_no_loss() -> None:
    head = Head(AdaFace(), 8, 20)
    features = torch.zeros(0, 8).requires_grad_()
    loss = head(features, torch.zeros(0, dtype=torch.int64))
    loss.backward()
    assert loss.item() == 0
    assert head.weight.grad is not None
    assert not head.weight.grad.any()


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (torch.tensor([0, -1]), "Label -1 is not in 0 .. 9"),
        (torch.tensor([10, 0]), "Label 10 is not in 0 .. 9"),
        (torch.tensor([0, 1], dtype=torch.int32), "int64"),
        (torch.tensor([0.0, 1.0]), "int64"),
        (torch.tensor([0, 1, 2]), "one for each of 2 features"),
        (torch.tensor([[0], [1]]), "one for each of 2 features"),
    ],
)
def test_wrong_labels_are_refused(labels: Tensor, said: str) -> None:
    head = Head(AdaFace(), 8, 10)
    with pytest.raises(ValueError, match=said):
        head(torch.randn(2, 8), labels)
    assert float(head.margin.get_buffer("norm_mean")) == 20


def refused() -> str:
    """What each rank says when the labels of rank 1 alone are wrong."""
    labels = torch.tensor([0, 77 if distributed.get_rank() == 1 else 3])
    try:
        Head(AdaFace(), 8, 10)(torch.randn(2, 8), labels)
    except ValueError as error:
        return str(error)
    return ""


def test_one_ranks_wrong_labels_stop_all_instead_of_hanging_them(tmp_path: Path) -> None:
    said = together(2, tmp_path, refused)
    assert said[0] == said[1]
    assert said[0].startswith("Label 77 is not in 0 .. 9")


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"sample_rate": 0.0}, "sample rate"), ({"sample_rate": 1.5}, "sample rate")],
)
def test_a_head_that_cannot_be_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Head(AdaFace(), 8, 10, **settings)


def sampled(head: Head, labels: Tensor) -> Tensor:
    """One step's gradient by a sampled weight, coalesced."""
    head.zero_grad()
    head(torch.randn(len(labels), head.weight.shape[1]), labels).backward()
    assert head.weight.grad is not None
    return head.weight.grad.coalesce()


def test_sampling_keeps_every_class_shown_and_fills_up_by_chance() -> None:
    head = Head(AdaFace(), 4, 200, sample_rate=0.1)
    labels = torch.tensor([199, 0, 7, 7])
    draws = [set(sampled(head, labels).indices()[0].tolist()) for _ in range(40)]
    assert all({0, 7, 199} <= drawn and len(drawn) == 20 for drawn in draws)
    assert len(set.union(*draws)) > 180
    many = torch.arange(50)
    assert sampled(head, many).indices()[0].tolist() == list(range(50))


def test_sampling_is_a_function_of_seed_and_step() -> None:
    labels = torch.tensor([1, 2])
    first = Head(AdaFace(), 4, 200, sample_rate=0.1, seed=3)
    again = Head(AdaFace(), 4, 200, sample_rate=0.1, seed=3)
    other = Head(AdaFace(), 4, 200, sample_rate=0.1, seed=4)
    one, two = sampled(first, labels).indices(), sampled(first, labels).indices()
    assert torch.equal(sampled(again, labels).indices(), one)
    resumed = Head(AdaFace(), 4, 200, sample_rate=0.1, seed=3)
    resumed.load_state_dict(again.state_dict())
    assert torch.equal(sampled(resumed, labels).indices(), two)
    assert not torch.equal(one, two)
    assert not torch.equal(sampled(other, labels).indices(), one)


def test_a_sampled_step_is_the_dense_one_among_its_classes() -> None:
    torch.manual_seed(0)
    head = Head(ArcFace(), 6, 50, sample_rate=0.3).double()
    features, labels = torch.randn(5, 6).double(), torch.randint(50, (5,))
    loss = head(features, labels)
    loss.backward()
    assert head.weight.grad is not None
    gradient = head.weight.grad.coalesce()
    rows = gradient.indices()[0]
    small = Head(ArcFace(), 6, len(rows)).double()
    with torch.no_grad():
        small.weight.copy_(head.weight[rows])
    expected = small(features, torch.searchsorted(rows, labels))
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12)
    torch.testing.assert_close(gradient.values(), small.weight.grad)
    with torch.no_grad():  # and all classes count where nothing is learned
        whole = Head(ArcFace(), 6, 50).double()
        assert head.eval()(features, labels) == whole.eval()(features, labels)


def sampled_together() -> tuple[list[int], Tensor]:
    head = Head(AdaFace(), 4, 101, sample_rate=0.2)
    features = torch.ones(3, 4) * (1 + distributed.get_rank())
    loss = head(features, torch.tensor([[0, 50, 100], [99, 1, 1]])[distributed.get_rank()])
    loss.backward()
    assert head.weight.grad is not None
    rows = head.weight.grad.coalesce().indices()[0] + head.rows.start
    return rows.tolist(), loss.detach()


def test_ranks_sample_among_their_own_classes_and_agree_on_the_loss(tmp_path: Path) -> None:
    (rows, loss), (more, same) = together(2, tmp_path, sampled_together)
    assert loss == same
    assert {0, 1, 50, 99, 100} <= {*rows, *more}
    assert max(rows) < 50 <= min(more)
    assert [len(rows), len(more)] == [10, 10]


class Allocations(TorchDispatchMode):
    """The number of elements of each new tensor that an operation returns."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        before = {x.untyped_storage().data_ptr() for x in args if isinstance(x, Tensor)}
        result = func(*args, **(kwargs or {}))
        for x in result if isinstance(result, tuple | list) else [result]:
            if isinstance(x, Tensor) and x.untyped_storage().data_ptr() not in before:
                self.sizes.append(x.numel())
        return result


@pytest.mark.parametrize("faces", [16, 256])
def test_memory_grows_neither_with_the_batch_nor_by_copies_of_the_weight(faces: int) -> None:
    classes, block = 20_000, 160_000
    head = Head(AdaFace(), 16, classes, block=block)
    features, labels = torch.randn(faces, 16).requires_grad_(), torch.randint(classes, (faces,))
    with Allocations() as made:
        head(features, labels).backward()
    large = [size for size in made.sizes if size > block]
    assert large == [classes * 16]  # the weight's gradient, once
    assert faces * classes >= 2 * block
    assert head.weight.grad is not None
