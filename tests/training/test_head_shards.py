"""A head's files: any number of ranks reads what any other wrote, or says why not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.training.ranks import together
from training.adaface import AdaFace, ArcFace, Margin
from training.head_shards import BadShards, load_shards, save_shard
from training.partial_fc import Head
from training.sgd import SGD

CLASSES, EMBEDDING = 11, 6


def batch() -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    features = torch.randn(8, EMBEDDING, generator=random) * 8
    return features, torch.randint(CLASSES, (8,), generator=random)


def saved(folder: Path, *, sample_rate: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    """Saves a head after two steps; its cosines for the batch, weight and momentum."""
    head = Head(AdaFace(momentum=0.2), EMBEDDING, CLASSES, sample_rate=sample_rate)
    optimizer = SGD(head.parameters(), 0.1)
    for _ in range(2):
        optimizer.zero_grad()
        head(*batch()).backward()
        optimizer.step()
    momentum = optimizer.state[head.weight]["momentum_buffer"]
    save_shard(folder, head, momentum)
    return head.cosines(batch()[0]), head.weight.detach(), momentum


def loaded(folder: Path) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The same, loaded over another head, with the loss and the mean norm."""
    head = Head(AdaFace(), EMBEDDING, CLASSES, seed=99)
    momentum = load_shards(folder, head)
    assert momentum is not None
    with torch.no_grad():
        loss = head.eval()(*batch())
    mean = head.margin.get_buffer("norm_mean")
    return head.cosines(batch()[0]), head.weight.detach(), momentum, loss, mean


@dataclass(frozen=True)
class Kept:
    """The files of a head of two ranks, and what was in it, over all classes."""

    folder: Path
    cosines: Tensor
    weight: Tensor
    momentum: Tensor


@pytest.fixture(scope="module")
def of_two(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    folder, scratch = tmp_path_factory.mktemp("head"), tmp_path_factory.mktemp("ranks")
    cosines, weights, momenta = zip(*together(2, scratch, saved, folder), strict=True)
    return Kept(folder, torch.cat(cosines, dim=1), torch.cat(weights), torch.cat(momenta))


@pytest.mark.parametrize("size", [1, 3, 4])
def test_a_head_of_two_ranks_goes_on_at_any_number(of_two: Kept, tmp_path: Path, size: int) -> None:
    alone = loaded(of_two.folder)
    ranks = [alone] if size == 1 else together(size, tmp_path, loaded, of_two.folder)
    cosines, weights, momenta, losses, means = zip(*ranks, strict=True)
    assert torch.equal(torch.cat(weights), of_two.weight)
    assert torch.equal(torch.cat(momenta), of_two.momentum)
    assert of_two.momentum.shape == (CLASSES, EMBEDDING)
    assert of_two.momentum.any()
    # A product of other shape may round its last bit otherwise.
    torch.testing.assert_close(torch.cat(cosines, dim=1), of_two.cosines, rtol=0, atol=2e-7)
    torch.testing.assert_close(losses, (alone[3],) * size)
    assert all(mean == alone[4] != 20 for mean in means)


def test_the_sampling_step_travels_along(tmp_path: Path) -> None:
    saved(tmp_path, sample_rate=0.5)
    head = Head(AdaFace(), EMBEDDING, CLASSES, sample_rate=0.5)
    load_shards(tmp_path, head)
    assert head.draws == 2


def test_a_head_without_momentum_has_none(tmp_path: Path) -> None:
    head = Head(ArcFace(), EMBEDDING, CLASSES)
    path = save_shard(tmp_path, head)
    other = Head(ArcFace(), EMBEDDING, CLASSES, seed=1)
    assert load_shards([path], other) is None
    assert torch.equal(other.weight, head.weight)


def lose(folder: Path) -> None:
    (folder / "head-00000.safetensors").unlink()


def lose_last(folder: Path) -> None:
    (folder / "head-00001.safetensors").unlink()


def double(folder: Path) -> None:
    shutil.copy(folder / "head-00001.safetensors", folder / "head-00002.safetensors")


def truncate(folder: Path) -> None:
    path = folder / "head-00001.safetensors"
    path.write_bytes(path.read_bytes()[:-40])


def replace(folder: Path) -> None:
    (folder / "head-00001.safetensors").write_bytes(b"not a tensor at all")


def empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def leave(folder: Path) -> None:
    """Nothing is wrong with the files."""


@pytest.mark.parametrize(
    ("harm", "margin", "sizes", "said"),
    [
        (lose, AdaFace, (EMBEDDING, CLASSES), "Classes 0 to 4 are missing"),
        (lose_last, AdaFace, (EMBEDDING, CLASSES), "Classes 5 to 10 are missing"),
        (double, AdaFace, (EMBEDDING, CLASSES), "are there twice"),
        (truncate, AdaFace, (EMBEDDING, CLASSES), "no part of a head"),
        (replace, AdaFace, (EMBEDDING, CLASSES), "no part of a head"),
        (empty, AdaFace, (EMBEDDING, CLASSES), "no head here"),
        (leave, AdaFace, (EMBEDDING, 12), "11 classes and embedding 6; this one has 12 and 6"),
        (leave, AdaFace, (7, CLASSES), "11 classes and embedding 6; this one has 11 and 7"),
        (leave, ArcFace, (EMBEDDING, CLASSES), "another loss"),
    ],
)
def test_files_that_are_not_this_head_are_refused_and_change_nothing(  # noqa: PLR0913 - one each
    of_two: Kept,
    tmp_path: Path,
    harm: Callable[[Path], None],
    margin: type[Margin],
    sizes: tuple[int, int],
    said: str,
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(of_two.folder, folder)
    harm(folder)
    head = Head(margin(), *sizes)  # type: ignore[call-arg] # each class has its own defaults
    before = head.weight.detach().clone()
    with pytest.raises(BadShards, match=said):
        load_shards(folder, head)
    assert torch.equal(head.weight, before)
