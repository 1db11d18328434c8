"""Records the examples of the OpenAPI document: `python -m tests.service.examples`.

Each operation is asked once on a real server, and what was sent and answered is kept in
`service/routes/examples.json`. The photographs are small, for they stand in the document.
"""

from __future__ import annotations

import base64
import io
import json
import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import numpy as np
import PIL.Image

from models import bundle as bundles
from service.documents import ROOT
from service.gallery import NewFace, NewPerson
from service.gallery.local import LocalGallery
from service.settings import STARTER
from tests import photographs
from tests.service.serving import server

ZIP = {"Content-Type": "application/zip"}
PEOPLE = 60  # enough to calibrate on
FILE = ROOT / "service" / "routes" / "examples.json"


class Recorder:
    """Asks, and keeps what was sent and answered under the operation's id."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.kept: dict[str, dict[str, Any]] = {}

    def __call__(
        self, operation: str, method: str, path: str, sent: Any = None, **query: Any
    ) -> Any:
        body = {"content": sent, "headers": ZIP} if isinstance(sent, bytes) else {"json": sent}
        answer = self.client.request(method, path, params=query, **body)
        assert answer.is_success, (operation, answer.text)
        request = {} if sent is None or isinstance(sent, bytes) else {"request": sent}
        told = {"response": answer.json()} if answer.content else {}
        self.kept[operation] = request | told
        return told.get("response")


def picture(side: int = 96, quality: int = 50, mirrored: bool = False) -> str:
    """The astronaut in base64, a JPEG of `side` x `side` pixels."""
    whole = PIL.Image.open(io.BytesIO(photographs.astronaut())).convert("RGB")
    part = whole.crop((120, 0, 330, 210)).resize((side, side), PIL.Image.Resampling.LANCZOS)
    if mirrored:
        part = part.transpose(PIL.Image.Transpose.FLIP_LEFT_RIGHT)
    buffer = io.BytesIO()
    part.save(buffer, "JPEG", quality=quality, optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


def record(ask: Recorder) -> None:
    one, other = picture(), picture(mirrored=True)
    ask("detect_faces", "POST", "/detect", {"image": one})
    ask("embed_faces", "POST", "/embed", {"image": one}, embedding="base64")
    ask("detect_batch", "POST", "/detect/batch", {"images": [one, "bm8gaW1hZ2U="]})
    ask("embed_batch", "POST", "/embed/batch", {"images": [one]}, embedding="base64")
    ask("verify_faces", "POST", "/verify", {"source": {"image": one}, "target": {"image": other}})
    _collection(ask)
    _persons(ask, one, other)
    _renewal(ask, one)
    _system(ask)


def _collection(ask: Recorder) -> None:
    body = {"id": "staff", "name": "Staff", "settings": {"keep_crops": True}}
    ask("create_collection", "POST", "/collections", body)
    ask("list_collections", "GET", "/collections", limit=1)
    ask("change_collection", "PATCH", "/collections/staff", {"settings": {"retention_days": 365}})


def _persons(ask: Recorder, one: str, other: str) -> None:
    persons = "/collections/staff/persons"
    body = {"id": "eileen", "name": "Eileen Collins", "metadata": {"team": "STS-93"}}
    ask("create_person", "POST", persons, body)
    ask("change_person", "PATCH", f"{persons}/eileen", {"metadata": {"role": "commander"}})
    faces = f"{persons}/eileen/faces"
    made = ask("enroll_face", "POST", faces, {"images": [one, other]})
    ask("identify_faces", "POST", "/identify", {"image": one}, collection="staff")
    ask("list_persons", "GET", persons)
    ask("get_person", "GET", f"{persons}/eileen")
    ask("list_faces", "GET", faces)
    ask("get_collection", "GET", "/collections/staff")
    ask("create_person", "POST", persons, {"id": "colonel", "name": "E. Collins"})
    ask("examine_gallery", "GET", "/collections/staff/health")
    part = ask.client.get("/collections/staff/export").content
    ask("import_persons", "POST", "/collections/copy/import", part)
    ask("calibrate_collection", "POST", "/collections/default/calibration")
    ask("get_calibration", "GET", "/collections/default/calibration")
    last = made["faces"][-1]["id"]
    ask("move_face", "POST", f"{faces}/{last}/move", {"person": "colonel"})
    ask("merge_persons", "POST", f"{persons}/eileen/merge", {"source": "colonel"})
    ask("create_person", "POST", persons, body | {"id": "ada"})


def _renewal(ask: Recorder, picture: str) -> None:
    """Needs the server's second model, of which the first is a copy."""
    models = ask("list_models", "GET", "/models")["items"]
    ask("begin_renewal", "POST", "/collections/staff/renewal", {"bundle": models[1]["id"]})
    while ask("get_renewal", "GET", "/collections/staff/renewal")["state"] != "ready":
        time.sleep(0.2)
    ask("switch_renewal", "POST", "/collections/staff/renewal/switch")
    ask("roll_back_renewal", "POST", "/collections/staff/renewal/rollback")
    ask("switch_renewal", "POST", "/collections/staff/renewal/switch")
    ask("finish_renewal", "POST", "/collections/staff/renewal/finish")
    ask("begin_renewal", "POST", "/collections/default/renewal", {"bundle": models[1]["id"]})
    missing = ask("list_missing_faces", "GET", "/collections/default/renewal/missing", limit=1)
    lacking = "/collections/default/persons/{person}/faces/{face}/crop"
    ask("supply_crop", "PUT", lacking.format(**missing["items"][0]), {"image": picture})
    ask("cancel_renewal", "DELETE", "/collections/default/renewal")


def _system(ask: Recorder) -> None:
    model = ask.kept["list_models"]["response"]["items"][0]["id"]
    ask("get_model", "GET", f"/models/{model}")
    ask("check_liveness", "GET", "/livez")
    ask("check_readiness", "GET", "/readyz")


def other_model(directory: Path) -> Path:
    """The starter under another version."""
    copy = Path(shutil.copytree(STARTER, directory / "next"))
    manifest = json.loads((copy / bundles.MANIFEST).read_text())
    (copy / bundles.MANIFEST).write_text(json.dumps(manifest | {"version": "2.0.0"}))
    return copy


def fill(directory: Path) -> None:
    """Enrolls drawn features, three of each person, to calibrate on."""
    manifest = bundles.load(STARTER).manifest
    size = manifest.embedding_size
    gallery = LocalGallery.open(directory, bundle=manifest.id, dimension=size)
    random = np.random.default_rng(7)
    for person in range(PEOPLE):
        own = random.normal(size=size)
        drawn = own + random.normal(scale=0.5, size=(3, size))
        vectors = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
        gallery.create_person("default", NewPerson(id=f"person-{person}"))
        faces = [NewFace(vector, 20.0, 80.0, 0.9) for vector in vectors]
        gallery.enroll("default", f"person-{person}", faces)
    gallery.close()


def main() -> None:
    with TemporaryDirectory() as scratch:
        data = Path(scratch) / "data"
        data.mkdir()
        fill(data)
        with server(data, next_bundle=other_model(Path(scratch))) as running:
            ask = Recorder(running.client)
            record(ask)
    FILE.write_text(json.dumps(ask.kept, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
