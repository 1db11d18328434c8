"""The catalogue that comes along is whole, and another is refused with one sentence that says why."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.catalogue import OWN, CatalogueError, File, Recognizer, read


def test_the_one_that_comes_along_is_whole() -> None:
    known = read()
    assert {each.architecture for each in known.recognizers} == {"ir_18", "ir_50", "ir_101"}
    for each in known.detectors:
        assert each.pack.sha256
        assert each.member.sha256
    for each in known.recognizers:
        assert each.revision != "main" or "revision" in each.unverified
        assert each.weights[0].sha256 or "sha256" in each.unverified


def test_no_sum_stands_twice() -> None:
    files = [file for each in read().recognizers for file in each.weights]
    files += [file for each in read().detectors for file in (each.pack, each.member)]
    sums = [file.sha256 for file in files if file.sha256]
    assert len(set(sums)) == len(sums)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('name = "adaface-ir18-casia"', 'name = "adaface-ir18-vgg2"', "one name"),
        ('license = "insightface"', 'license = "nobody"', "nobody"),
        ('sha256 = "5838', 'sha256 = "x838', "sha256"),
        ('path = "det_10g.onnx"', 'path = "../det_10g.onnx"', "leaves the folder"),
        ('path = "det_10g.onnx"', 'path = "/det_10g.onnx"', "leaves the folder"),
        ('color = "rgb"', 'color = "red"', "color"),
        ("[[detectors]]", "[[detectors", "TOML"),
    ],
)
def test_another_catalogue_is_refused_with_the_reason(
    tmp_path: Path, old: str, new: str, named: str
) -> None:
    path = tmp_path / "own.toml"
    text = OWN.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(CatalogueError, match=named) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_a_missing_catalogue_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"none\.toml"):
        read(tmp_path / "none.toml")


@given(st.binary(max_size=200))
def test_no_bytes_get_past_the_reader_as_anything_but_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(content)
    with pytest.raises(CatalogueError):
        read(path)


@given(st.lists(st.sampled_from(["..", ".", "a", "b.onnx", ""]), min_size=1, max_size=4))
def test_a_file_stays_below_its_folder(parts: list[str]) -> None:
    path = "/".join(parts)
    try:
        file = File(path=path)
    except ValueError:
        return
    inside = Path("/folder").joinpath(file.path).resolve()
    assert inside.is_relative_to("/folder")


def test_a_name_is_found_whatever_it_is() -> None:
    known = read()
    for each in known.entries:
        assert known.find(each.name) == each
        if isinstance(each, Recognizer):
            with pytest.raises(CatalogueError, match="is a recognizer"):
                known.detector(each.name)
