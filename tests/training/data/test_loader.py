"""What a rank sees in a step depends on the run, not on workers, restarts or the number of ranks."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.data.pictures import Numbered
from training.data.loader import Batch, loader
from training.data.shards import Shards, write_shards
from training.data.source import Source
from training.data.synthetic import Synthetic
from training.data.views import published

RUN: dict[str, Any] = {"batch": 6, "last_step": 8, "seed": 3, "augmentation": published}
STREAM: dict[str, Any] = {"color": "rgb", "lanes": 4, "buffer": 5}
CORRUPT = frozenset({2, 3, 17})


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    """23 pictures in 5 shards, three of which got damaged after they were written."""
    folder = tmp_path_factory.mktemp("streamed") / "shards"
    assert write_shards(Numbered(23), folder, 5) == 0
    for path in sorted(folder.glob("*.tar"))[:3]:
        data = bytearray(path.read_bytes())
        at = data.index(b"\x89PNG", 3000)
        data[at : at + 200] = bytes(200)
        path.write_bytes(data)
    return Shards(folder, **STREAM)


@pytest.fixture(params=["map", "shards"])
def source(request: pytest.FixtureRequest) -> Source | Shards:
    if request.param == "map":
        return Numbered(23, corrupt=CORRUPT)
    return request.getfixturevalue("shards")


def same(first: list[Batch], second: list[Batch]) -> bool:
    return len(first) == len(second) and all(
        torch.equal(a.images, b.images)
        and torch.equal(a.labels, b.labels)
        and a.skipped == b.skipped
        for a, b in zip(first, second, strict=True)
    )


def test_any_number_of_workers_gives_the_same_batches(source: Source | Shards) -> None:
    alone = list(loader(source, **RUN))
    assert same(alone, list(loader(source, **RUN, workers=2)))
    assert same(alone, list(loader(source, **RUN, workers=1)))
    assert not same(alone, list(loader(source, **RUN | {"seed": 4})))


def test_a_run_that_goes_on_sees_what_it_would_have_seen(source: Source | Shards) -> None:
    straight = list(loader(source, **RUN))
    for step in (1, 5, 7):
        assert same(straight[step:], list(loader(source, **RUN, first_step=step, workers=2)))
    assert list(loader(source, **RUN, first_step=8)) == []


def test_the_samples_of_a_step_are_the_same_for_any_number_of_ranks(
    source: Source | Shards,
) -> None:
    [whole] = loader(source, **RUN | {"last_step": 3}, first_step=2)
    for world, workers in ((2, 0), (3, 0), (3, 2)):  # 3 ranks have to share the 4 lanes
        shares = [
            next(
                loader(
                    source,
                    **RUN | {"batch": 6 // world},
                    rank=rank,
                    world=world,
                    first_step=2,
                    workers=workers,
                )
            )
            for rank in range(world)
        ]
        assert torch.equal(torch.stack([s.images for s in shares], 1).flatten(0, 1), whole.images)
        assert torch.equal(torch.stack([s.labels for s in shares], 1).flatten(), whole.labels)
        assert sum(share.skipped for share in shares) == whole.skipped


def test_every_batch_is_whole_and_holds_what_the_source_gave(source: Source | Shards) -> None:
    batches = list(loader(source, **RUN | {"augmentation": None, "last_step": 20}))
    assert {tuple(batch.images.shape) for batch in batches} == {(6, 112, 112, 3)}
    assert {batch.labels.dtype for batch in batches} == {torch.int64}
    for batch in batches:
        numbers = batch.images[:, 0, 0, 0].long()
        assert torch.equal(batch.images, batch.images[:, :1, :1, :1].expand(-1, 112, 112, 3))
        assert torch.equal(batch.labels, numbers % 10)
    assert sum(batch.skipped for batch in batches) == pytest.approx(120 * 3 / 23, abs=3)


def test_every_epoch_shows_every_picture_once_in_another_order() -> None:
    batches = loader(Numbered(20), batch=5, last_step=8, seed=0)
    numbers = torch.cat([batch.images[:, 0, 0, 0] for batch in batches]).tolist()
    assert sorted(numbers[:20]) == sorted(numbers[20:]) == list(range(20))
    assert numbers[:20] != numbers[20:]


def test_an_epoch_may_end_within_a_batch() -> None:
    batches = loader(Numbered(7), batch=4, last_step=7, seed=0)
    numbers = torch.cat([batch.images[:, 0, 0, 0] for batch in batches]).tolist()
    for epoch in range(4):
        assert sorted(numbers[7 * epoch : 7 * epoch + 7]) == list(range(7))


def test_an_epoch_of_equal_shards_shows_every_picture_once(tmp_path: Path) -> None:
    write_shards(Numbered(24), tmp_path / "shards", 3)
    streamed = Shards(tmp_path / "shards", **STREAM)
    batches = loader(streamed, batch=6, last_step=8, seed=0)
    numbers = torch.cat([batch.images[:, 0, 0, 0] for batch in batches]).tolist()
    assert sorted(numbers[:24]) == sorted(numbers[24:]) == list(range(24))
    assert numbers[:24] != numbers[24:]


def test_a_picture_is_augmented_anew_in_every_epoch() -> None:
    batches = loader(Synthetic(1, 1), batch=2, last_step=20, seed=0, augmentation=published)
    views = {image.tobytes() for batch in batches for image in batch.images.numpy()}
    assert len(views) > 15


def test_a_source_of_nothing_but_corrupt_records_ends_with_a_sentence(tmp_path: Path) -> None:
    torn = Numbered(5, corrupt=frozenset(range(5)))
    for workers in (0, 1):
        with pytest.raises(ValueError, match=r"^100 records in a row .* Picture \d is torn\.$"):
            next(loader(torn, **RUN, workers=workers))
    write_shards(Numbered(5), tmp_path / "shards", 5)
    [archive] = (tmp_path / "shards").glob("*.tar")
    archive.write_bytes(archive.read_bytes()[:700])
    for workers in (0, 1):
        with pytest.raises(ValueError, match=r"^100 samples in a row cannot be used; the last"):
            next(loader(Shards(tmp_path / "shards", **STREAM), **RUN, workers=workers))


@pytest.mark.parametrize(
    "wrong",
    [{"batch": 0}, {"rank": 1}, {"first_step": -1}, {"workers": -1}, {"rank": 2, "world": 2}],
)
def test_arguments_that_make_no_sense_are_refused_at_once(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="There is no batch of"):
        loader(Numbered(5), **RUN | wrong)


def test_a_long_run_can_begin_anywhere() -> None:
    far = loader(Numbered(23), batch=6, first_step=10**9, last_step=10**9 + 2, seed=0)
    assert np.concatenate([batch.images[:, 0, 0, 0] for batch in islice(far, 2)]).max() < 23
