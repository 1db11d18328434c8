"""The root key: made once, kept to its owner, and asked for by name when it is not the right one."""

from __future__ import annotations

import base64
import logging
from pathlib import Path

import pytest

from service.errors import DataDirectoryUnusable, StartupError
from service.gallery.keys import KeySource
from service.gallery.local import LocalGallery
from service.runtime import key_source
from service.settings import Settings

from .faces import BUNDLE, DIMENSION, direction, enrolled, found, opened

KEY = bytes(range(32))


def opened_with(directory: Path, keys: KeySource) -> LocalGallery:
    return LocalGallery.open(directory, bundle=BUNDLE, dimension=DIMENSION, keys=keys)


def test_a_new_gallery_makes_a_key_for_its_owner_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        opened(tmp_path).close()
    path = tmp_path / "root.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(bytes.fromhex(path.read_text())) == 32
    notices = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert [str(path) in notice.getMessage() for notice in notices] == [True]


@pytest.mark.parametrize("text", [KEY.hex(), base64.b64encode(KEY).decode(), f" {KEY.hex()}\n"])
def test_a_given_key_is_used_and_written_nowhere(tmp_path: Path, text: str) -> None:
    keys = KeySource(tmp_path / "root.key", text)
    gallery = opened_with(tmp_path / "data", keys)
    enrolled(gallery, "ada", 1)
    gallery.close()
    assert not (tmp_path / "root.key").exists()
    assert text not in repr(keys)
    gallery = opened_with(tmp_path / "data", KeySource(tmp_path / "none", KEY.hex()))
    assert found(gallery, direction(1)) == ["ada"]
    gallery.close()


def test_a_file_may_hold_the_bare_bytes(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xff" + KEY[1:])
    opened_with(tmp_path / "data", KeySource(tmp_path / "key")).close()
    given = KeySource(tmp_path / "none", (b"\xff" + KEY[1:]).hex())
    opened_with(tmp_path / "data", given).close()


@pytest.mark.parametrize("text", ["", "ab" * 31, "not a key, by far", base64.b64encode(KEY[1:])])
def test_what_is_no_key_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataDirectoryUnusable, match="FACE_ROOT_KEY is not 32 bytes") as refused:
        opened_with(tmp_path / "data", KeySource(tmp_path / "none", str(text)))
    assert not text or str(text) not in str(refused.value)


def test_another_key_is_refused_and_the_right_one_still_fits(tmp_path: Path) -> None:
    gallery = opened(tmp_path)
    enrolled(gallery, "ada", 1)
    gallery.close()
    with pytest.raises(DataDirectoryUnusable, match="FACE_ROOT_KEY is not the one"):
        opened_with(tmp_path, KeySource(tmp_path / "root.key", KEY.hex()))
    gallery = opened(tmp_path)
    assert found(gallery, direction(1)) == ["ada"]
    gallery.close()


def test_a_missing_key_is_named_and_never_replaced(tmp_path: Path) -> None:
    opened(tmp_path).close()
    path = tmp_path / "root.key"
    path.rename(tmp_path / "safe")
    for _ in range(2):
        with pytest.raises(DataDirectoryUnusable, match=r"root\.key is missing"):
            opened(tmp_path)
    assert not path.exists()
    (tmp_path / "safe").rename(path)
    opened(tmp_path).close()


def test_a_start_killed_while_it_wrote_the_key_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "root.key.new").write_text("half a k")
    opened(tmp_path).close()
    assert [path.name for path in tmp_path.glob("root.key*")] == ["root.key"]


def test_settings_name_one_place_and_keep_the_key_to_themselves(tmp_path: Path) -> None:
    assert key_source(Settings(data_dir=tmp_path)) == KeySource(tmp_path / "root.key")
    named = Settings(data_dir=tmp_path, root_key_file=tmp_path / "elsewhere")
    assert key_source(named).path == tmp_path / "elsewhere"
    given = Settings(data_dir=tmp_path, root_key=KEY.hex())
    assert key_source(given).given == KEY.hex()
    assert KEY.hex() not in repr(given)
    with pytest.raises(StartupError, match="FACE_ROOT_KEY and FACE_ROOT_KEY_FILE"):
        key_source(named.model_copy(update={"root_key": given.root_key}))
