"""Pair sets are read whole or refused with a sentence, and never executed."""

from __future__ import annotations

import builtins
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.evaluate.faces import crop, png, write
from training.evaluate import unpickling
from training.evaluate.errors import EvaluationError
from training.evaluate.pairsets import read_bin, read_folder

IMAGES = [png(code) for code in range(6)]
TRUTHS = [True, False, True]
PYTHON_2 = (
    b"\x80\x02]q\x01(U\x03abcq\x02U\x03defq\x03e]q\x04\x88a\x86q\x05."  # str by SHORT_BINSTRING
)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "images", [IMAGES, [np.frombuffer(each, np.uint8) for each in IMAGES]], ids=["bytes", "arrays"]
)
@pytest.mark.parametrize(
    "truths",
    [TRUTHS, [np.bool_(each) for each in TRUTHS], np.array(TRUTHS), np.array([1, 0, 1], ">i4")],
    ids=["bool", "scalars", "array", "big-endian"],
)
def test_a_pair_set_is_read_whatever_wrote_it(
    tmp_path: Path, protocol: int, images: list, truths: object
) -> None:
    path = tmp_path / "lfw.bin"
    path.write_bytes(pickle.dumps((images, truths), protocol))
    pairs = read_bin(path)
    assert pairs.same.tolist() == TRUTHS
    assert pairs.first.tolist() == [0, 2, 4]
    assert pairs.second.tolist() == [1, 3, 5]
    for code in range(6):
        assert (pairs.read(code) == crop(code)).all()


def test_strings_of_python_2_are_bytes() -> None:
    assert unpickling.load(PYTHON_2) == [[b"abc", b"def"], [True]]


class Call:
    """Pickles as a call of `function`."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple:
        return self.call


def crimes(marker: str) -> dict[str, object]:
    return {
        "os.system": Call(os.system, f"touch {marker}"),
        "eval": Call(builtins.eval, f"open({marker!r}, 'w')"),
        "getattr": Call(getattr, "", "join"),
        "rmtree": Call(shutil.rmtree, marker),
        "numpy.load": Call(np.load, marker),
        "class": Path(marker),
        "objects": np.array([{}, []], dtype=object),
        "floats": np.array([0.5]),
        "bytes of a size": Call(bytes, 10**12),
    }


@pytest.mark.parametrize("crime", crimes(""))
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_malicious_pair_set_is_refused_and_not_executed(
    tmp_path: Path, crime: str, protocol: int
) -> None:
    marker, path = tmp_path / "executed", tmp_path / "lfw.bin"
    evil = crimes(str(marker))[crime]
    path.write_bytes(pickle.dumps(([evil, IMAGES[0]], [True]), protocol))
    with pytest.raises(EvaluationError, match=r"lfw\.bin"):
        read_bin(path)
    assert not marker.exists()


def test_a_memo_index_of_billions_takes_no_memory() -> None:
    with pytest.raises(pickle.UnpicklingError):
        unpickling.load(b"\x80\x02]r\xff\xff\xff\xff\x94")


def kinds(value: object) -> set[str]:
    inside = value if isinstance(value, list | tuple) else []
    return {type(value).__name__}.union(*(kinds(each) for each in inside))


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=40), st.integers(0, 10_000), st.booleans())
def test_damage_is_an_unpickling_error_or_plain_data(noise: bytes, at: int, inside: bool) -> None:
    valid = pickle.dumps(([b"abc", np.zeros(3, np.uint8)], [True, np.bool_(False)]), 2)
    at %= len(valid)
    damaged = valid[:at] + noise + valid[at + len(noise) :] if inside else noise
    try:
        found = unpickling.load(damaged)
    except pickle.UnpicklingError:
        return
    assert kinds(found) <= {"list", "tuple", "bytes", "bool", "int", "str", "ndarray", "NoneType"}


@pytest.mark.parametrize(
    ("images", "truths", "message"),
    [
        (IMAGES[:5], TRUTHS, "5 images and 3 truths"),
        (IMAGES[:4], TRUTHS, "4 images and 3 truths"),
        ([*IMAGES[:5], b"no image"], TRUTHS, "1 of 6 images .* image 5 cannot be decoded"),
        ([*IMAGES[:5], b""], TRUTHS, "image 5 cannot be decoded"),
        ([*IMAGES[:5], png(5, 96)], TRUTHS, "image 5 is 96×96 pixels"),
        ([*IMAGES[:5], 7], TRUTHS, "image 5 is a int"),
        (IMAGES, [True, True, True], "pairs of two"),
        (IMAGES, [True, "no", True], "neither true nor false"),
    ],
)
def test_what_is_wrong_with_a_pair_set_is_said(
    tmp_path: Path, images: list, truths: list, message: str
) -> None:
    path = tmp_path / "set.bin"
    path.write_bytes(pickle.dumps((images, truths)))
    with pytest.raises(EvaluationError, match=message):
        read_bin(path)


@pytest.mark.parametrize("content", [b"", b"GIF89a", pickle.dumps([1, 2, 3]), pickle.dumps({})])
def test_another_file_is_no_pair_set(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "set.bin"
    path.write_bytes(content)
    with pytest.raises(EvaluationError, match=r"set\.bin"):
        read_bin(path)


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="cannot be read: No such file"):
        read_bin(tmp_path / "no.bin")


def lfw(folder: Path) -> Path:
    for code, name in enumerate(["A_Person/A_Person_0001", "A_Person/A_Person_0002"]):
        write(folder / f"{name}.png", code)
    write(folder / "B/B_0001.jpg", 2)  # the suffix of the list, whatever is inside
    write(folder / "B/B_0003.png", 3)
    listing = folder / "pairs.txt"
    listing.write_text("2\t1\nA_Person\t1\t2\nA_Person\t2\tB\t1\nB\t1\t3\nA_Person\t1\tB\t3\n")
    return listing


def test_a_folder_of_crops_with_lfw_pairs(tmp_path: Path) -> None:
    pairs = read_folder(tmp_path, lfw(tmp_path))
    assert pairs.folds == [0, 0, 1, 1]
    assert pairs.same.tolist() == [True, False, True, False]
    shown = [(int(pairs.read(int(i))[0, 0, 0])) for i in (*pairs.first, *pairs.second)]
    assert shown == [0, 1, 2, 0, 1, 2, 3, 3]
    assert pairs.count == 4


def test_a_folder_of_crops_with_a_simple_list(tmp_path: Path) -> None:
    lfw(tmp_path)
    listing = tmp_path / "list.txt"
    listing.write_text(
        "A_Person/A_Person_0001.png A_Person/A_Person_0002.png 1\n"
        "B/B_0001.jpg A_Person/A_Person_0002.png 0\n"
    )
    pairs = read_folder(tmp_path, listing)
    assert pairs.same.tolist() == [True, False]
    assert pairs.folds == [0, 1]
    assert pairs.count == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.png b.png 2\n", "cannot read the line 'a.png b.png 2'"),
        ("a.png b.png 1\na.png\n", "cannot read the line 'a.png'"),
        ("no.png b.png 1\n", "no.png does not exist"),
        ("2 9\nA 1 2\n", "announces 36 pairs and holds 1"),
        ("", "needs pairs"),
    ],
)
def test_what_is_wrong_with_a_list_is_said(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path / "a.png", 0)
    write(tmp_path / "b.png", 1)
    listing = tmp_path / "list.txt"
    listing.write_text(text)
    with pytest.raises(EvaluationError, match=message):
        read_folder(tmp_path, listing)
