"""A collection changes its model without failing, mixing or losing anything, and back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest
from numpy.typing import NDArray

from service.errors import BundleMismatch, RenewalConflict, RenewalNotFound
from service.gallery.checking import check
from service.gallery.local import LocalGallery
from service.gallery.protocol import Features, NewFace, NewPerson
from service.gallery.sqlite import Database

from .faces import BUNDLE, DIMENSION, direction, face

NEXT, WIDER = "next@2", 24
CROP = b"not a picture, but as long as no network looks at it nobody cares"


def opened(directory: Path, **others: int) -> LocalGallery:
    return LocalGallery.open(
        directory, bundle=BUNDLE, dimension=DIMENSION, others={NEXT: WIDER} | others
    )


def wide(seed: int) -> NDArray[np.float32]:
    """What the next model makes of the seed's face."""
    drawn = np.random.default_rng(1000 + seed).normal(size=WIDER)
    return (drawn / np.linalg.norm(drawn)).astype(np.float32)


def after(seed: int) -> Features:
    return Features(NEXT, wide(seed), 30.0, None)


def both(seed: int) -> NewFace:
    return replace(face(direction(seed)), others=(after(seed),))


def enrolled(gallery: LocalGallery, seeds: range, *, crops: bool = True) -> None:
    """Person n has the face of the seed n, whose crop, if kept, ends with the seed."""
    for seed in seeds:
        crop = CROP + str(seed).encode() if crops else None
        gallery.create_person("default", NewPerson(id=str(seed)))
        gallery.enroll("default", str(seed), [replace(face(direction(seed)), crop=crop)])


def embed(gallery: LocalGallery) -> int:
    """What the service does with the crops that wait; how many there were."""
    after_person, done = 0, 0
    while True:
        waiting, after_person = gallery.renewals.waiting("default", after_person, 3)
        seeds = [int(crop.removeprefix(CROP)) for _, crop in waiting]
        put = [(each.face, after(seed)) for each, seed in zip(waiting, seeds, strict=True)]
        done += gallery.renewals.put("default", put)
        if after_person == 0:
            return done


def ready(gallery: LocalGallery) -> None:
    gallery.renewals.begin("default", NEXT)
    embed(gallery)
    assert gallery.renewals.prepare("default", lambda: False)


def clear(gallery: LocalGallery) -> None:
    going_on = gallery.renewals.clear("default", 0)
    while going_on:
        going_on = gallery.renewals.clear("default", going_on)


def finds(gallery: LocalGallery, seeds: range, bundle: str) -> None:
    """Everybody is found by their own face of the model, and by no other model's."""
    other, vectors = (NEXT, direction) if bundle == BUNDLE else (BUNDLE, wide)
    assert gallery.bundle("default") == bundle
    assert gallery.size("default") == len(seeds)
    for seed in seeds:
        probe = vectors(seed)[np.newaxis]
        [[best]] = gallery.search("default", probe, 1, bundle=bundle)
        assert (best.person.id, best.similarity) == (str(seed), pytest.approx(1, abs=1e-5))
    with pytest.raises(BundleMismatch, match=bundle):
        gallery.search("default", np.eye(1, 16, dtype=np.float32), 1, bundle=other)


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[LocalGallery]:
    """Ten persons with crops."""
    gallery = opened(tmp_path / "data")
    enrolled(gallery, range(10))
    yield gallery
    gallery.close()


def everything_is_whole(directory: Path) -> None:
    database = Database(directory)
    assert check(database) == []
    database.close()


def test_a_collection_changes_to_the_model_and_back_and_again(
    gallery: LocalGallery, tmp_path: Path
) -> None:
    ready(gallery)
    for _ in range(2):
        finds(gallery, range(10), BUNDLE)
        gallery.renewals.switch("default")
        finds(gallery, range(10), NEXT)
        assert gallery.collection("default").bundle == NEXT
        gallery.renewals.rollback("default")
    gallery.renewals.switch("default")
    gallery.renewals.finish("default")
    clear(gallery)
    finds(gallery, range(10), NEXT)
    with pytest.raises(RenewalNotFound):
        gallery.renewals.state("default")
    gallery.close()
    everything_is_whole(tmp_path / "data")


def test_it_can_change_back_to_where_it_came_from_once_it_has_ended(
    gallery: LocalGallery,
) -> None:
    ready(gallery)
    gallery.renewals.switch("default")
    gallery.renewals.finish("default")
    with pytest.raises(RenewalConflict, match="taken out"):
        gallery.renewals.begin("default", BUNDLE)
    clear(gallery)
    gallery.renewals.begin("default", BUNDLE)
    assert gallery.renewals.state("default").waiting == 10
    gallery.renewals.cancel("default")
    clear(gallery)
    finds(gallery, range(10), NEXT)


def test_progress_is_counted(gallery: LocalGallery) -> None:
    enrolled(gallery, range(10, 14), crops=False)
    gallery.renewals.begin("default", NEXT)
    told = gallery.renewals.state("default")
    assert (told.state, told.before, told.after) == ("embedding", BUNDLE, NEXT)
    assert (told.faces, told.done, told.waiting, told.missing) == (14, 0, 10, 4)
    assert embed(gallery) == 10
    told = gallery.renewals.state("default")
    assert (told.state, told.done, told.waiting, told.missing) == ("embedding", 10, 0, 4)
    assert embed(gallery) == 0
    gallery.renewals.prepare("default", lambda: False)
    assert gallery.renewals.state("default").state == "ready"


def test_missing_faces_are_listed_and_supplied_or_dropped(gallery: LocalGallery) -> None:
    enrolled(gallery, range(10, 14), crops=False)
    ready(gallery)
    with pytest.raises(RenewalConflict, match="4 faces"):
        gallery.renewals.switch("default")
    pages, cursor = [], None
    while True:
        page = gallery.renewals.missing("default", cursor, 2)
        pages += page.items
        if (cursor := page.next) is None:
            break
    assert [person for person, _ in pages] == ["10", "11", "12", "13"]
    for person, kept in pages[:2]:
        gallery.renewals.supply("default", person, kept, [after(int(person))], None)
    with pytest.raises(RenewalConflict, match="2 faces"):
        gallery.renewals.switch("default")
    gallery.renewals.switch("default", drop_missing=True)
    finds(gallery, range(12), NEXT)
    assert gallery.person("default", "13").face_count == 0


def test_what_is_enrolled_meanwhile_needs_both_models(gallery: LocalGallery) -> None:
    assert gallery.bundles("default") == (BUNDLE,)
    ready(gallery)
    assert gallery.bundles("default") == (BUNDLE, NEXT)
    gallery.create_person("default", NewPerson(id="10"))
    with pytest.raises(BundleMismatch, match=NEXT):
        gallery.enroll("default", "10", [face(direction(10))])
    gallery.enroll("default", "10", [both(10)])
    finds(gallery, range(11), BUNDLE)
    gallery.renewals.switch("default")
    finds(gallery, range(11), NEXT)
    assert gallery.bundles("default") == (NEXT, BUNDLE)
    gallery.delete_person("default", "10")
    gallery.renewals.rollback("default")
    finds(gallery, range(10), BUNDLE)


def test_merging_and_moving_take_everything_along(gallery: LocalGallery, tmp_path: Path) -> None:
    gallery.create_person("default", NewPerson(id="both"))
    ready(gallery)
    [moved] = gallery.faces("default", "3", None, 9).items
    gallery.move_face("default", "3", moved.id, "both")
    gallery.merge_persons("default", "4", "both")
    gallery.delete_face("default", "5", gallery.faces("default", "5", None, 9).items[0].id)
    gallery.renewals.switch("default")
    together = wide(3) + wide(4)
    together /= np.linalg.norm(together)
    [[best]] = gallery.search("default", together[np.newaxis], 1, bundle=NEXT)
    assert (best.person.id, best.similarity) == ("both", pytest.approx(1, abs=1e-5))
    gallery.renewals.finish("default")
    clear(gallery)
    gallery.renewals.begin("default", BUNDLE)
    assert gallery.renewals.state("default").waiting == 9  # their crops came along, too
    gallery.close()
    everything_is_whole(tmp_path / "data")


@pytest.mark.parametrize("at", ["begun", "embedded", "switched", "rolled back", "cleared halfway"])
def test_a_kill_loses_nothing_and_the_rest_is_gone_on_with(
    gallery: LocalGallery, tmp_path: Path, at: str
) -> None:
    gallery.renewals.begin("default", NEXT)
    if at != "begun":
        ready_again(gallery)
    if at in {"switched", "rolled back", "cleared halfway"}:
        gallery.renewals.switch("default")
    if at == "rolled back":
        gallery.renewals.rollback("default")
    if at == "cleared halfway":
        gallery.renewals.finish("default")
    killed = opened(shutil.copytree(tmp_path / "data", tmp_path / "killed"))
    if at == "cleared halfway":
        clear(killed)
    else:
        ready_again(killed)
        if at != "switched":
            killed.renewals.switch("default")
    finds(killed, range(10), NEXT)
    killed.close()
    everything_is_whole(tmp_path / "killed")


def ready_again(gallery: LocalGallery) -> None:
    if gallery.renewals.state("default").state == "embedding":
        embed(gallery)
    assert gallery.renewals.prepare("default", lambda: False)


def test_the_index_that_stands_by_follows_what_changes_while_it_is_read(
    gallery: LocalGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery.renewals.begin("default", NEXT)
    embed(gallery)
    read, go_on = Event(), Event()
    indexes = gallery._store.indexes
    original = indexes._beside._read

    def slow(*arguments: object) -> object:
        view = original(*arguments)
        read.set()
        assert go_on.wait(30)
        return view

    monkeypatch.setattr(indexes._beside, "_read", slow)
    reading = Thread(target=gallery.renewals.prepare, args=("default", lambda: False))
    reading.start()
    assert read.wait(30)
    gallery.delete_person("default", "9")
    for seed in range(9, 80):  # more than what is put into place while changes wait
        gallery.create_person("default", NewPerson(id=str(seed)))
        gallery.enroll("default", str(seed), [both(seed)])
    with pytest.raises(RenewalConflict, match="still being read"):
        gallery.renewals.switch("default")
    go_on.set()
    reading.join(60)
    gallery.renewals.switch("default")
    finds(gallery, range(80), NEXT)


def test_a_model_that_is_not_loaded_is_refused(gallery: LocalGallery, tmp_path: Path) -> None:
    with pytest.raises(RenewalConflict, match="FACE_NEXT_BUNDLE"):
        gallery.renewals.begin("default", "nobody@3")
    with pytest.raises(RenewalConflict, match="already"):
        gallery.renewals.begin("default", BUNDLE)
    ready(gallery)
    gallery.renewals.switch("default")
    killed = shutil.copytree(tmp_path / "data", tmp_path / "killed")
    alone = LocalGallery.open(killed, bundle=BUNDLE, dimension=DIMENSION)
    with pytest.raises(BundleMismatch, match=NEXT):
        alone.bundle("default")
    alone.close()
    only = LocalGallery.open(killed, bundle=NEXT, dimension=WIDER)
    assert only.bundles("default") == (NEXT,)
    only.create_person("default", NewPerson(id="10"))
    only.enroll("default", "10", [NewFace(wide(10), 30.0, None, None)])
    finds(only, range(11), NEXT)
    only.renewals.finish("default")
    clear(only)
    only.close()
    everything_is_whole(killed)


def test_a_damaged_label_changes_nothing_about_who_is_found(
    gallery: LocalGallery, tmp_path: Path
) -> None:
    ready(gallery)
    gallery.renewals.switch("default")
    with gallery._store.database.writing() as connection:
        connection.execute("UPDATE collections SET sealed = zeroblob(99)")
    killed = opened(shutil.copytree(tmp_path / "data", tmp_path / "killed"))
    finds(killed, range(10), NEXT)
    killed.close()


def test_deleting_destroys_the_crop_and_what_both_models_made(
    gallery: LocalGallery, tmp_path: Path
) -> None:
    ready(gallery)
    with gallery._store.reading() as records:
        owner = records.persons.owner(records.collections.place("default"), "3")
        seal = owner.seal(gallery._store.database.vault)
        [row] = records.persons.faces(owner.key)
        crop = records.persons.crop(row.key)
    assert crop is not None
    assert seal.open(crop, *row.place(owner.collection, "crop")).startswith(CROP)
    gallery.delete_person("default", "3")
    with gallery._store.database.reading() as connection:
        assert connection.execute("SELECT count(*) FROM crops").fetchone() == (9,)
        [wrapped] = connection.execute(
            "SELECT wrapped FROM secrets WHERE key = ?", (owner.secret,)
        ).fetchone()
    assert not any(wrapped)
    content = b"".join(each.read_bytes() for each in (tmp_path / "data").glob("gallery.db*"))
    for sealed in (row.sealed, row.renewed, crop):
        assert sealed is not None
        assert sealed not in content


def test_crops_go_where_a_collection_keeps_none_any_more(gallery: LocalGallery) -> None:
    gallery.create_collection("keeping", None, {}, {"keep_crops": True})
    gallery.create_person("keeping", NewPerson(id="ada"))
    gallery.enroll("keeping", "ada", [replace(face(direction(1)), crop=CROP + b"1")])
    gallery.renewals.begin("default", NEXT)
    assert gallery.renewals.unkept() == []
    gallery.renewals.cancel("default")
    clear(gallery)
    assert gallery.renewals.unkept() == ["default"]
    assert gallery.renewals.drop_unkept("default", 0) != 0
    with gallery._store.database.reading() as connection:
        assert connection.execute("SELECT count(*) FROM crops").fetchone() == (1,)
    gallery.delete_collection("keeping")
    assert gallery.renewals.unkept() == []


def test_both_models_are_read_of_the_same_faces(gallery: LocalGallery) -> None:
    enrolled(gallery, range(10, 12), crops=False)
    ready(gallery)
    pairs = gallery.renewals.paired("default", 1000)
    assert len(pairs.persons) == 10
    seeds = [int(np.argmax([direction(s) @ v for s in range(10)])) for v in pairs.active]
    assert sorted(seeds) == list(range(10))
    np.testing.assert_allclose(pairs.spare, np.stack([wide(seed) for seed in seeds]), atol=1e-6)
    assert set(pairs.active_norms) == {20.0}
    assert set(pairs.spare_norms) == {30.0}
