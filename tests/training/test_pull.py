"""`adaface models pull`: the models of others, fetched from a hub that breaks, lies or says no."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import torch
from click.testing import Result
from safetensors.torch import save
from typer.testing import CliRunner

import adaface
from models import bundle as bundles
from models.golden import picture
from service.cli import app
from service.settings import STARTER
from tests import hub as hubs
from tests import photographs
from tests.hub import COMMIT, Hub
from tests.service.serving import command, server
from training.backbones import build, settle
from training.export import Recognizer
from training.parity import open_recognizer

CONFIG = json.dumps({"conf": {"color_space": "RGB"}}).encode()


def backbone(architecture: str) -> torch.nn.Module:
    torch.manual_seed(1)
    made = build(architecture)
    settle(made, [torch.rand(4, 3, 112, 112) * 2 - 1])
    return made.eval()


def released(made: torch.nn.Module) -> bytes:
    """The file `model.safetensors` as CVLface's repositories have it."""
    state = {f"model.net.{name}": each.contiguous() for name, each in made.state_dict().items()}
    return save(state)


@pytest.fixture(scope="module")
def tiny() -> bytes:
    return released(backbone("ir_starter"))


@pytest.fixture
def hub(tiny: bytes) -> Iterator[Hub]:
    with hubs.hub() as running:
        running.publish("authors/tiny", {"model.safetensors": tiny, "config.json": CONFIG})
        yield running


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def pulled(catalogue: Path, output: Path, hub: Hub | None, *options: str | Path) -> Result:
    """The command in this process, with the license accepted."""
    given = ["models", "pull", "tiny", "--catalogue", catalogue, "--output", output, *options]
    mirror = [] if hub is None else ["--endpoint", hub.url, "--github", hub.url]
    arguments = [*map(str, given), *mirror, "--accept-license"]
    return CliRunner().invoke(app, arguments, obj=adaface.convert)


def refusal(run: Result) -> str:
    """The last line of a pull that failed, behind the license."""
    assert run.exit_code == 1, run.output
    line = run.stderr.strip().splitlines()[-1]
    assert line.startswith("adaface: ")
    return line


def left(folder: Path) -> list[str]:
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*"))


def test_a_broken_pull_goes_on_where_it_stopped_and_its_bundle_serves(tmp_path: Path) -> None:
    made, name = backbone("ir_18"), "adaface-ir18-webface4m"  # of the catalogue that comes along
    content = released(made)
    half = len(content) // 2
    arguments = ("models", "pull", name, "--output", tmp_path / "new", "--accept-licence")
    with hubs.hub() as hub:
        repository = "minchul/cvlface_adaface_ir18_webface4m"
        hub.publish(repository, {"model.safetensors": content, "config.json": CONFIG})
        hub.cut_after = half
        given = [*map(str, arguments), "--endpoint", hub.url]
        run = CliRunner().invoke(app, given, obj=adaface.convert)
        assert "goes on from there" in refusal(run)
        assert not (tmp_path / "new").exists()
        hub.cut_after, hub.silent, hub.asked = None, False, []
        run = _through_environment(hub, *arguments)
        assert run.returncode == 0, run.stderr
        assert set(hub.ranges("model.safetensors")) == {f"bytes={half}-"}
        known = {each.path.startswith("/cdn"): each.authorization for each in hub.asked}
        assert known == {False: "Bearer hf_secret", True: None}  # the file's host is another
    assert left(tmp_path) == [
        "models.lock.json", "new", "new/MODEL_CARD.md", "new/bundle.json", "new/detector.onnx",
        "new/recognizer.onnx",
    ]  # fmt: skip
    bundle = bundles.load(tmp_path / "new")
    _is_described(bundle, digest(content))
    _answers_as(made, bundle)
    with server(tmp_path / "data", bundle=tmp_path / "new") as running:
        jpeg = {"content-type": "image/jpeg"}
        response = running.client.post("/embed", content=photographs.portrait(), headers=jpeg)
    assert response.status_code == 200, response.text
    answer = response.json()
    assert answer["bundle"] == bundle.manifest.id
    assert len(answer["faces"][0]["embedding"]) == 512


def _through_environment(hub: Hub, *arguments: str | Path) -> CompletedProcess[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", hub.url)  # as huggingface_hub's users name a mirror
        patch.setenv("HF_TOKEN", "hf_secret")
        return command(*arguments)


def _is_described(bundle: bundles.Bundle, sha256: str) -> None:
    kept = bundle.manifest
    assert (kept.architecture, kept.loss.name) == ("ir_18", "adaface")
    assert kept.training_data == ["WebFace4M"]
    assert "training data" in kept.license
    card = (bundle.directory / bundles.CARD).read_text()
    for said in (sha256, COMMIT, "cvlface_adaface_ir18_webface4m", "license of the training"):
        assert said in card
    lock = json.loads((bundle.directory.parent / "models.lock.json").read_text())
    [record] = lock["models"].values()
    assert record["revision"] == COMMIT
    assert record["files"] == {"model.safetensors": sha256, "config.json": digest(CONFIG)}


def _answers_as(made: torch.nn.Module, bundle: bundles.Bundle) -> None:
    crops = picture(3)[None]
    with torch.no_grad():
        wanted = Recognizer(made, flip_fusion=False, color="rgb")(torch.from_numpy(crops))
    found = open_recognizer(bundle.recognizer)(crops)
    assert float((found.embeddings * wanted[0].numpy()).sum()) >= 0.99999


def test_without_a_terminal_and_the_option_nothing_is_fetched(hub: Hub, tmp_path: Path) -> None:
    catalogue = hubs.catalogue(tmp_path / "own.toml")
    arguments = ["models", "pull", "tiny", "--catalogue", str(catalogue), "--endpoint", hub.url]
    arguments += ["--output", str(tmp_path / "bundles" / "new")]
    run = CliRunner().invoke(app, arguments, obj=adaface.convert)
    assert "--accept-license" in refusal(run)
    assert "Only for tests." in run.stderr
    assert left(tmp_path) == ["own.toml"]
    assert hub.asked == []


def test_a_hub_with_another_file_than_is_known_is_refused(hub: Hub, tmp_path: Path) -> None:
    known = {"path": "model.safetensors", "sha256": "0" * 64}
    catalogue = hubs.catalogue(tmp_path / "own.toml", weights=[known])
    assert "sha256" in refusal(pulled(catalogue, tmp_path / "bundles" / "new", hub))
    assert left(tmp_path) == ["own.toml"]
    assert hub.ranges("model.safetensors") == []


def test_a_file_that_is_not_what_the_hub_says_is_deleted(
    hub: Hub, tmp_path: Path, tiny: bytes
) -> None:
    catalogue = hubs.catalogue(tmp_path / "own.toml")
    hub.served["/authors/tiny/model.safetensors"] = tiny[:-1] + bytes([tiny[-1] ^ 1])
    assert "it was deleted" in refusal(pulled(catalogue, tmp_path / "bundles" / "new", hub))
    assert left(tmp_path) == ["own.toml"]


def test_what_was_recorded_first_is_expected_from_then_on(hub: Hub, tmp_path: Path) -> None:
    catalogue = hubs.catalogue(tmp_path / "own.toml")
    assert pulled(catalogue, tmp_path / "bundles" / "a", hub).exit_code == 0
    before = left(tmp_path)
    hub.publish("authors/tiny", {"model.safetensors": released(backbone("ir_starter").train())})
    hub.files["/authors/tiny/model.safetensors"] += b"0"
    line = refusal(pulled(catalogue, tmp_path / "bundles" / "b", hub))
    assert "models.lock.json" in line
    assert left(tmp_path) == before


def test_brought_along_nothing_is_asked(tmp_path: Path, tiny: bytes) -> None:
    known = {"path": "model.safetensors", "sha256": digest(tiny)}
    catalogue = hubs.catalogue(tmp_path / "own.toml", weights=[known], color="rgb")
    (tmp_path / "usb").mkdir()
    file = tmp_path / "usb" / "fetched elsewhere.safetensors"
    file.write_bytes(tiny)
    run = pulled(catalogue, tmp_path / "a", None, "--from", file)
    assert run.exit_code == 0, run.output
    assert bundles.load(tmp_path / "a").manifest.name == "tiny"
    file.rename(file.with_name("model.safetensors"))
    run = pulled(catalogue, tmp_path / "b", None, "--from", tmp_path / "usb")
    assert run.exit_code == 0, run.output
    file.with_name("model.safetensors").write_bytes(tiny + b"0")
    assert "fetch it again" in refusal(
        pulled(catalogue, tmp_path / "c", None, "--from", file.parent)
    )
    assert not (tmp_path / "c").exists()


def test_a_detector_comes_out_of_its_pack(hub: Hub, tmp_path: Path) -> None:
    content, packed = (STARTER / bundles.DETECTOR).read_bytes(), io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("pack/other.onnx", b"another network")
        archive.writestr("pack/det.onnx", content)
    hub.files["/who/what/pack.zip"] = packed.getvalue()
    pack = {"path": "who/what/pack.zip", "sha256": digest(packed.getvalue())}
    member = {"path": "det.onnx", "sha256": digest(content)}
    catalogue = hubs.catalogue(tmp_path / "own.toml", detector={"pack": pack, "member": member})
    run = pulled(catalogue, tmp_path / "new", hub, "--detector", "seeing")
    assert run.exit_code == 0, run.output
    assert bundles.load(tmp_path / "new").detector.read_bytes() == content
    assert digest(content) in (tmp_path / "new" / bundles.CARD).read_text()
    lock = json.loads((tmp_path / "models.lock.json").read_text())
    assert lock["models"].keys() == {"tiny", "seeing"}


def _gated(hub: Hub) -> None:
    hub.gated = True


def _renamed(hub: Hub) -> None:
    hub.files = {name.replace("tiny", "other"): each for name, each in hub.files.items()}


def _without_weights(hub: Hub) -> None:
    del hub.files["/authors/tiny/model.safetensors"]


def _too_large(hub: Hub) -> None:
    hub.sizes["/authors/tiny/model.safetensors"] = 10**15


def _broken(hub: Hub) -> None:
    hub.silent = True


def _no_hub(hub: Hub) -> None:
    hub.url += "/not/a/hub"


def _gone(hub: Hub) -> None:
    hub.url = "http://127.0.0.1:9"


def _no_address(hub: Hub) -> None:
    hub.url = "http://["


@pytest.mark.parametrize(
    ("fault", "remedy"),
    [
        (_gated, "HF_TOKEN"),
        (_renamed, "There is no authors/tiny"),
        (_without_weights, "has no model.safetensors"),
        (_too_large, "make room"),
        (_broken, "try again"),
        (_no_hub, "hub"),
        (_gone, "--from"),
        (_no_address, "--endpoint"),
    ],
)
def test_a_hub_that_says_no_is_one_sentence(
    hub: Hub, tmp_path: Path, fault: object, remedy: str
) -> None:
    fault(hub)  # type: ignore[operator]
    catalogue = hubs.catalogue(tmp_path / "own.toml")
    assert remedy in refusal(pulled(catalogue, tmp_path / "bundles" / "new", hub))
    assert "bundles/new" not in left(tmp_path)


def test_another_network_than_the_catalogue_says_is_refused(hub: Hub, tmp_path: Path) -> None:
    catalogue = hubs.catalogue(tmp_path / "own.toml", architecture="ir_101")
    assert "ir_starter" in refusal(pulled(catalogue, tmp_path / "new", hub))
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "models.lock.json").exists()
