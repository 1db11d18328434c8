"""The file of the access keys: what a kill, a thief and a forger find."""

from __future__ import annotations

import json
import os
import secrets
import sys
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.access import SCOPES, Access, AccessKey, Keyring
from service.access.key import Earlier, digest, id_of, issued
from service.errors import AccessKeysUnusable, Forbidden, ServiceError, Unauthenticated

ROOT = bytes(range(32))
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TO_DISK = {"mkdir", "open", "flock", "unlink", "write", "flush", "fsync", "rename", "close"}


def keyring(directory: Path, root: bytes = ROOT) -> Keyring:
    return Keyring(directory, lambda: root)


def created(ring: Keyring, *scopes: Any, **fields: Any) -> str:
    """A new key in the file; its token."""
    token = issued(secrets.token_hex(6))
    key = AccessKey(
        id=id_of(token),
        name="camera",
        scopes=scopes,
        created_at=NOW,
        digest=digest(ring.pepper(), token),
        **fields,
    )
    with ring.changing() as keys:
        keys[key.id] = key
    return token


def refusal(access: Access, token: str | None, *needed: str) -> type[ServiceError] | None:
    try:
        access.admit(token, needed)
    except (Unauthenticated, Forbidden) as error:
        return type(error)
    return None


def test_without_any_key_everybody_is_let_in_and_with_the_first_nobody_without(
    tmp_path: Path,
) -> None:
    ring = keyring(tmp_path)
    access = Access(ring)
    assert refusal(access, None, "admin") is None
    token = created(ring, "verify")
    assert refusal(access, None, "verify") is Unauthenticated
    assert refusal(access, token, "verify") is None
    assert refusal(access, token, "enroll", "verify") is None
    assert refusal(access, token) is None
    assert refusal(access, token, "enroll") is Forbidden


def test_a_lost_file_locks_up_instead_of_opening(tmp_path: Path) -> None:
    ring = keyring(tmp_path)
    token = created(ring, "verify")
    access = Access(ring)
    ring.path.rename(tmp_path / "aside")
    assert refusal(access, None, "verify") is Unauthenticated
    assert refusal(access, token, "verify") is Unauthenticated
    (tmp_path / "aside").rename(ring.path)
    assert refusal(access, token, "verify") is None


@pytest.mark.parametrize("change", ["scopes", "cut", "empty", "version"])
def test_what_was_changed_by_hand_lets_nobody_in_until_it_is_put_back(
    tmp_path: Path, change: str
) -> None:
    ring = keyring(tmp_path)
    token = created(ring, "verify")
    access, good = Access(ring), ring.path.read_text()
    document = json.loads(good)
    document["keys"][0]["scopes"] = ["admin"]
    forged = {"scopes": json.dumps(document), "cut": good[:50], "empty": "", "version": "[]"}
    ring.path.write_text(forged[change])
    assert refusal(access, token, "admin") is Unauthenticated
    assert refusal(access, None) is Unauthenticated
    with pytest.raises(AccessKeysUnusable, match="changed by hand"):
        Access(ring)
    with pytest.raises(AccessKeysUnusable), ring.changing():
        pass
    ring.path.write_text(good)
    assert refusal(access, token, "verify") is None


def test_another_root_key_is_told_at_the_start(tmp_path: Path) -> None:
    created(keyring(tmp_path), "verify")
    with pytest.raises(AccessKeysUnusable, match="another root key"):
        Access(keyring(tmp_path, bytes(32)))


def test_keys_end_when_they_expire_and_rotated_secrets_after_their_grace(tmp_path: Path) -> None:
    ring, now = keyring(tmp_path), NOW
    access = Access(ring, clock=lambda: now)
    token = created(ring, "verify", expires_at=NOW + timedelta(days=2))
    with ring.changing() as keys:
        [old] = keys.values()
        renewed = issued(old.id)
        earlier = Earlier(digest=old.digest, until=NOW + timedelta(days=1))
        fields = {"digest": digest(ring.pepper(), renewed), "earlier": earlier}
        keys[old.id] = old.model_copy(update=fields)
    assert [refusal(access, each, "verify") for each in (token, renewed)] == [None, None]
    assert len(access) == 1
    now = NOW + timedelta(days=1)
    assert refusal(access, token, "verify") is Unauthenticated
    assert refusal(access, renewed, "verify") is None
    now = NOW + timedelta(days=2)
    assert refusal(access, renewed, "verify") is Unauthenticated
    assert len(access) == 0


def test_the_key_given_at_the_start_may_do_everything(tmp_path: Path) -> None:
    access = Access(keyring(tmp_path), "x" * 32)
    assert all(refusal(access, "x" * 32, scope) is None for scope in SCOPES)
    assert refusal(access, "x" * 31 + "y", "embed") is Unauthenticated
    assert refusal(access, None) is Unauthenticated


@given(st.text(max_size=100) | st.builds("afk_{}_{}".format, st.text(max_size=12), st.text()))
def test_no_text_is_a_key_or_breaks_the_check(token: str) -> None:
    assert refusal(SHARED, token, "embed") is Unauthenticated


def test_every_wrong_token_costs_the_same_work(tmp_path: Path) -> None:
    ring = keyring(tmp_path)
    token = created(ring, "verify")
    expired = created(ring, "verify", expires_at=NOW)
    access = Access(ring)
    wrong = [token[:-1] + "!", expired, issued("0" * 12), "nonsense", "afk_"]
    costs = [_comparisons(access, each) for each in [*wrong, token]]
    assert costs == [costs[0]] * len(costs)
    assert costs[0]["compare_digest"] == 4


def _comparisons(access: Access, token: str) -> Counter[str]:
    """How often each primitive of the check is called."""
    counted: Counter[str] = Counter()

    def count(_: FrameType, event: str, called: Any) -> None:
        name = getattr(called, "__name__", "") if event == "c_call" else ""
        if name in {"compare_digest", "hmac_digest", "_compare_digest"}:
            counted[name.removeprefix("_")] += 1

    sys.setprofile(count)
    try:
        refusal(access, token, "verify")
    finally:
        sys.setprofile(None)
    return counted


def test_a_kill_before_any_step_leaves_the_old_keys_or_the_new_ones(tmp_path: Path) -> None:
    ring = keyring(tmp_path)
    created(ring, "verify")
    old, states, died, at = tuple(ring.read()), set(), True, 0
    while died:
        at += 1
        died = _killed(ring, at)
        found = tuple(ring.read())
        assert found[: len(old)] == old
        assert len(found) - len(old) in ({0, 1} if died else {1})
        states.add(len(found) - len(old))
        old = found
    assert states == {0, 1}
    assert at > 10
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"access-keys.json", "access-keys.lock"}


def _killed(ring: Keyring, at: int) -> bool:
    """Creates a key in a process that ends before its `at`-th call of the system; whether it did."""
    child = os.fork()
    if child == 0:
        seen = 0

        def kill(_: FrameType, event: str, called: Any) -> None:
            nonlocal seen
            seen += event == "c_call" and getattr(called, "__name__", "") in TO_DISK
            if seen == at:
                os._exit(137)

        token = issued(secrets.token_hex(6))
        made = digest(ring.pepper(), token)
        key = AccessKey(id=id_of(token), name="new", scopes=("embed",), created_at=NOW, digest=made)
        sys.setprofile(kill)
        with ring.changing() as keys:
            keys[key.id] = key
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 137


def test_changes_at_the_same_time_are_all_made(tmp_path: Path) -> None:
    work = [threading.Thread(target=created, args=(keyring(tmp_path), "verify")) for _ in range(20)]
    for each in work:
        each.start()
    for each in work:
        each.join()
    assert len(keyring(tmp_path).read()) == 20


def test_the_file_tells_a_thief_nothing_and_is_the_owners_alone(tmp_path: Path) -> None:
    ring = keyring(tmp_path)
    token = created(ring, "verify")
    text = ring.path.read_text()
    secret = token.rpartition("_")[2] if "_" not in token[17:] else token[17:]
    assert secret not in text
    assert token not in text
    assert ring.path.stat().st_mode & 0o777 == 0o600
    # Without the root key nobody can tell whether a token they hold is the one.
    assert digest(bytes(32), token) not in text


class _Missing(Keyring):
    """Keys that were never on a disk."""

    def stamp(self) -> None:
        return None


SHARED = Access(_Missing(Path("nowhere"), lambda: ROOT), "x" * 32)
