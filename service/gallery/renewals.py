"""A collection changes its model: new features beside the old ones, a switch, and the way back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, Literal

import numpy as np

from service.errors import (
    FaceNotFound,
    RenewalConflict,
    RenewalNotFound,
    ServiceError,
)
from service.gallery.cursors import cursor, key_after
from service.gallery.protocol import Features, Page
from service.gallery.records import Records
from service.gallery.renewal import Counted, MissingFace, Pair, Paired, Renewal, Waiting
from service.gallery.renewing import Renewing, drop_faces, keeps_none
from service.gallery.rows import CollectionRow
from service.gallery.slots import Slots, State
from service.gallery.store import Store

logger = logging.getLogger(__name__)

_COUNTED_AT_ONCE: Final = 5000  # persons counted in one transaction, some milliseconds
_CLEARED_AT_ONCE: Final = 500  # persons
_DROPPED_AT_ONCE: Final = 50  # faces; each gives its person another key
_SAMPLED_AT_ONCE: Final = 100  # persons


class Renewals:
    """The changes of all collections; all that is known of them is in the database.

    Raises CollectionNotFound, RenewalNotFound where there is none, and RenewalConflict where what
    is asked does not fit its state.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def begin(self, collection: str, bundle: str) -> None:
        """From now on new faces need features of `bundle`, too. Raises BundleMismatch."""
        if bundle not in self._store.spaces:
            raise RenewalConflict(
                f"The model {bundle!r} is not loaded; set FACE_NEXT_BUNDLE to its directory and"
                " restart."
            )

        def change(records: Records) -> None:
            row = self._store.ours(records, collection)
            slots = records.collections.slots(row)
            if slots.state is not None:
                raise _unfit(collection, slots, "another one")
            if slots.bundle == bundle:
                raise RenewalConflict(f"The faces of {collection!r} are of {bundle!r} already.")
            records.collections.turn(row, slots._replace(state="embedding", other=bundle))

        self._store.commit(change)

    def state(self, collection: str) -> Renewal:
        """Counts the faces, some thousand persons in a transaction."""
        row, slots = self._place(collection)
        counts = Counted(0, 0, 0)
        for each in self._counted(row):
            counts = counts.plus(each)
        state: Literal["embedding", "ready", "switched", "clearing"] = slots.state or "clearing"
        if state == "embedding" and not counts.waiting and self._stands_by(row):
            state = "ready"
        other = slots.other or slots.bundle
        before, after = (other, slots.bundle) if state == "switched" else (slots.bundle, other)
        return Renewal(state, before, after, *counts)

    def open(self) -> dict[str, Slots]:
        """The collections that change their model, and where their features are."""
        with self._store.reading() as records:
            found = {row.id: records.collections.slots(row) for row in records.collections.rows()}
        return {id_: slots for id_, slots in found.items() if slots.state is not None}

    def waiting(self, collection: str, after: int, persons: int) -> tuple[list[Waiting], int]:
        """Crops of the next persons' faces that are still to be embedded, and where to go on; 0 at the end.

        A crop that is damaged is deleted: the face is missing then.
        """
        row, slots = self._place(collection)
        if slots.spare not in slots.wanted:
            raise _unfit(collection, slots, "embedding")
        with self._store.reading() as records:
            found, damaged, last = Renewing(records.tables).waiting(
                row, slots.spare, after, persons
            )
        if damaged:
            logger.error("%d kept crops in %r are damaged and deleted", len(damaged), collection)
            self.drop_crops(damaged)
        return found, last

    def unkept(self) -> list[str]:
        """Collections that keep no crops and do not need any to change their model.

        None where there is no crop at all.
        """
        with self._store.reading() as records:
            if not Renewing(records.tables).any_crops():
                return []
            rows = records.collections.rows()
            return [row.id for row in rows if keeps_none(records, row)]

    def drop_unkept(self, collection: str, after: int) -> int:
        """Deletes the crops of some persons; where to go on, 0 at the end."""

        def change(records: Records) -> int:
            row = records.collections.place(collection)
            if not keeps_none(records, row):
                return 0
            return Renewing(records.tables).drop_crops_of(row, after, _CLEARED_AT_ONCE)

        return self._store.commit(change)

    def drop_crops(self, faces: Sequence[int]) -> None:
        """Deletes the crops of faces, by key: nothing can be made of them."""
        self._store.commit(lambda records: Renewing(records.tables).drop_crops(faces))

    def put(self, collection: str, embedded: Sequence[tuple[int, Features]]) -> int:
        """Keeps what the spare slot's model makes of faces, by key; how many were waiting for it."""

        def change(records: Records) -> int:
            row, slots = _placed(records, collection, None)
            renewing, wanted = Renewing(records.tables), slots.wanted.get(slots.spare)
            return sum(
                renewing.put(row, slots, face, features)
                for face, features in embedded
                if features.bundle == wanted
            )

        return self._store.commit(change)

    def supply(
        self, collection: str, person: str, face: str, seen: Sequence[Features], crop: bytes | None
    ) -> None:
        """Features of a face by the model of the spare slot, and its crop where crops are kept.

        Raises PersonNotFound and FaceNotFound, and RenewalConflict where neither is wanted.
        """

        def change(records: Records) -> None:
            row = records.collections.place(collection)
            slots = records.collections.slots(row)
            owner = records.persons.sound(row, person)
            found = [each for each in records.persons.faces(owner.key) if each.id == face]
            if not found:
                raise FaceNotFound(f"The person {person!r} has no face {face!r}.")
            renewing, given = Renewing(records.tables), {each.bundle: each for each in seen}
            wanted = slots.wanted.get(slots.spare)
            if wanted in given:
                renewing.put(row, slots, found[0].key, given[wanted])
            if crop is not None:
                renewing.keep_crop(owner, found[0], crop)
            elif wanted not in given:
                raise RenewalConflict(
                    f"{collection!r} keeps no crops and is not changing its model, so that the"
                    " image is of no use."
                )

        self._store.commit(change)

    def missing(self, collection: str, after: str | None, limit: int) -> Page[MissingFace]:
        """Faces without features of the other model and without a crop; some more than `limit`."""
        row, slots = self._place(collection)
        signing, name = self._store.database.vault.signing, f"missing:{row.key}"
        first = key_after(after, name, signing)
        found: list[MissingFace] = []
        while len(found) < limit:
            with self._store.reading() as records:
                some, first = Renewing(records.tables).missing(row, slots.spare, first, limit)
            found += [MissingFace(*each) for each in some]
            if first == 0:
                return Page(found, None)
        return Page(found, cursor(name, first, signing))

    def prepare(self, collection: str, stopped: Callable[[], bool]) -> bool:
        """Reads the index of the spare slot, unless it stands by; whether it does now.

        It follows all changes from then on. Blocks for as long as reading takes.
        """
        row, _ = self._place(collection)
        layout = self._store.layout(row.key, spare=True)
        indexes = self._store.indexes
        if not indexes.stands_by(row.key, layout) and not indexes.prepare(row.key, layout, stopped):
            return False
        try:
            self._place(collection)
        except ServiceError:  # cancelled meanwhile
            indexes.dismiss(row.key)
            raise
        return True

    def switch(self, collection: str, *, drop_missing: bool = False) -> None:
        """Searches with the new model from now on: one small transaction, and a pointer.

        Refused while faces are missing, unless they are to be deleted.
        """
        self._turn(collection, "embedding", "switched", drop_missing=drop_missing)

    def rollback(self, collection: str, *, drop_missing: bool = False) -> None:
        """Searches with the model from before again."""
        self._turn(collection, "switched", "embedding", drop_missing=drop_missing)

    def finish(self, collection: str) -> None:
        """The features from before are not needed any more; `clear` takes them out."""
        self._end(collection, "switched")

    def cancel(self, collection: str) -> None:
        """Before the switch: all stays as it was."""
        self._end(collection, "embedding")

    def clear(self, collection: str, after: int) -> int:
        """Empties the spare slot of some persons' faces; where to go on, 0 when it is over."""

        def change(records: Records) -> int:
            row, slots = _placed(records, collection, "clearing")
            last = Renewing(records.tables).clear(row, slots.spare, after, _CLEARED_AT_ONCE)
            if last == 0:
                records.collections.turn(row, Slots(slots.active, slots.bundle))
            return last

        return self._store.commit(change)

    def paired(self, collection: str, faces: int) -> Paired:
        """Features by both models of about so many faces, of persons chosen at random.

        Only of persons all of whose faces have both.
        """
        row, slots = self._place(collection)
        with self._store.reading() as records:
            persons = Renewing(records.tables).persons(row)
        np.random.default_rng(0).shuffle(persons)
        found: list[Pair] = []
        for first in range(0, len(persons), _SAMPLED_AT_ONCE):
            with self._store.reading() as records:
                some = persons[first : first + _SAMPLED_AT_ONCE]
                found += Renewing(records.tables).paired(some, slots.active)
            if len(found) >= faces:
                break
        return Paired.of(found)

    def _turn(self, collection: str, before: State, after: State, *, drop_missing: bool) -> None:
        row, _ = self._place(collection, before)
        layout = self._store.layout(row.key, spare=True)
        self._without_missing(collection, drop=drop_missing)

        def change(records: Records) -> None:
            row, slots = _placed(records, collection, before)
            if not self._store.indexes.stands_by(row.key, layout):
                raise RenewalConflict(
                    f"The index of {slots.other!r} for {collection!r} is still being read; repeat"
                    " this in a moment."
                )
            records.collections.turn(row, slots.turned(after))

        self._store.commit(change)
        logger.info("%r is searched with %s now", collection, layout.bundle)

    def _without_missing(self, collection: str, *, drop: bool) -> None:
        """Deletes the faces that would be lost by a switch, or raises RenewalConflict."""
        state = self.state(collection)
        if state.waiting:
            raise RenewalConflict(
                f"{state.waiting} faces of {collection!r} are still to be embedded; repeat this"
                " when the state is 'ready'."
            )
        if state.missing and not drop:
            raise RenewalConflict(
                f"{state.missing} faces of {collection!r} have no kept crop; supply an image of"
                " each (the list is at renewal/missing), or pass drop_missing=true to delete them."
            )
        after = None
        while state.missing:
            page = self.missing(collection, after, _DROPPED_AT_ONCE)
            self._store.remove(partial(drop_faces, collection=collection, faces=page.items))
            if (after := page.next) is None:
                return

    def _end(self, collection: str, state: State) -> None:
        def change(records: Records) -> int:
            row, slots = _placed(records, collection, state)
            records.collections.turn(row, slots._replace(state="clearing"))
            return row.key

        self._store.indexes.dismiss(self._store.commit(change))

    def _place(self, collection: str, state: State | None = None) -> tuple[CollectionRow, Slots]:
        with self._store.reading() as records:
            return _placed(records, collection, state)

    def _stands_by(self, row: CollectionRow) -> bool:
        try:
            layout = self._store.layout(row.key, spare=True)
        except ServiceError:
            return False
        return self._store.indexes.stands_by(row.key, layout)

    def _counted(self, row: CollectionRow) -> Iterator[Counted]:
        after = 0
        while True:
            with self._store.reading() as records:
                spare = records.collections.slots(records.collections.by_key(row.key)).spare
                counted, after = Renewing(records.tables).counted(
                    row, spare, after, _COUNTED_AT_ONCE
                )
            yield counted
            if after == 0:
                return


def _placed(records: Records, collection: str, state: State | None) -> tuple[CollectionRow, Slots]:
    """Raises RenewalNotFound, and RenewalConflict if a state is wanted and it is in another."""
    row = records.collections.place(collection)
    slots = records.collections.slots(row)
    if slots.state is None:
        raise RenewalNotFound(f"The collection {collection!r} is not changing its model.")
    if state not in {None, slots.state}:
        raise _unfit(collection, slots, "this")
    return row, slots


def _unfit(collection: str, slots: Slots, what: str) -> RenewalConflict:
    advice = {
        "embedding": "it is being embedded: wait and switch, or cancel it",
        "switched": "it is switched: finish it, or roll it back",
        "clearing": "what is not needed any more is being taken out: wait for the end of it",
    }[slots.state or "clearing"]
    return RenewalConflict(
        f"The change of {collection!r} to or from {slots.other!r} does not allow {what} now;"
        f" {advice}."
    )
