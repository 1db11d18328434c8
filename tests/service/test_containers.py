"""The images and what is started with them, as far as that can be told without a container engine."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import compose_spec
import cv2
import pytest
import yaml

from service.documents import ROOT
from tests.service.serving import Server

DOCKER = ROOT / "docker"
HADOLINT = Path(sys.executable).parent / "hadolint"


def pins(name: str) -> dict[str, str]:
    """Package and version of each line of a requirement file."""
    text = (ROOT / "requirements" / name).read_text()
    return dict(re.findall(r"^([a-z0-9.-]+)==([^ \n]+)", text, re.MULTILINE))


def test_there_is_one_onnxruntime_and_one_opencv_without_windows() -> None:
    owners: dict[str, set[str]] = {"onnxruntime": set(), "cv2": set()}
    for each in distributions():
        for file in each.files or ():
            if file.parts[0] in owners and file.parts[-1] == "__init__.py" and len(file.parts) == 2:
                owners[file.parts[0]].add(each.name)
    assert owners == {"onnxruntime": {"onnxruntime"}, "cv2": {"opencv-python-headless"}}
    assert re.search(r"GUI:\s+NONE", cv2.getBuildInformation())


@pytest.mark.parametrize("target", ["cpu", "cuda", "train"])
def test_no_image_installs_a_second_runtime_or_windows(target: str) -> None:
    installed = pins(f"image-{target}.txt")
    runtimes = {name for name in installed if name.startswith("onnxruntime")}
    assert runtimes == {"onnxruntime-gpu" if target == "cuda" else "onnxruntime"}
    pictures = {name for name in installed if name.startswith("opencv")}
    assert pictures == {"opencv-python-headless"}
    assert "insightface" in installed


@pytest.mark.parametrize("target", ["cpu", "cuda", "train"])
def test_an_image_has_the_versions_that_were_tested(target: str) -> None:
    tested = pins("serve.txt") | {"ncnn": pins("test.txt")["ncnn"]}
    found = pins(f"image-{target}.txt")
    missing = {"cpu": set(), "cuda": {"onnxruntime", "ncnn"}, "train": {"ncnn"}}
    assert tested.keys() - found.keys() == missing[target]
    assert {name: found[name] for name in tested.keys() & found.keys()}.items() <= tested.items()


@pytest.mark.parametrize("target", ["build", "cpu", "cuda", "train"])
def test_every_package_of_an_image_is_installed_by_its_sum(target: str) -> None:
    text = (ROOT / "requirements" / f"image-{target}.txt").read_text()
    entries = [each for each in re.split(r"\n(?=[a-z])", text) if "==" in each]
    assert entries
    assert all("--hash=sha256:" in entry for entry in entries)


def test_the_dockerfile_passes_its_linter() -> None:
    done = subprocess.run([HADOLINT, DOCKER / "Dockerfile"], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode()


def test_the_dockerfile_keeps_its_promises() -> None:
    text = (DOCKER / "Dockerfile").read_text()
    stages = re.split(r"^FROM ", text, flags=re.MULTILINE)
    names = [stage.splitlines()[0].split(" AS ")[1] for stage in stages[1:]]
    assert {"cpu", "cuda", "train"} < set(names)
    assert names[-1] == "cpu"  # what is built where no target is named
    assert re.search(
        r"^ARG PYTHON=\S+:\d+\.\d+\.\d+-slim-\w+(@sha256:\w{64})?$", text, re.MULTILINE
    )
    for installing in re.findall(r"pip\b[^&]*? install [^&]+", text.replace("\\\n", " ")):
        assert "--require-hashes" in installing or "--no-index" in installing
    account = stages[names.index("account") + 1]
    assert "USER 10001:10001" in account
    assert "STOPSIGNAL SIGTERM" in account
    assert not any("USER" in stage for stage in stages if " AS account" not in stage)
    serving = stages[names.index("serving") + 1]
    assert 'ENTRYPOINT ["adaface"]' in serving
    assert 'CMD ["serve"]' in serving
    assert "/readyz" in serving
    assert "HEALTHCHECK" in serving


def test_the_health_check_asks_the_service_itself_on_its_port(running: Server) -> None:
    text = (DOCKER / "Dockerfile").read_text()
    [asked] = re.findall(r"^HEALTHCHECK [^[]+CMD (\[.*\])$", text, re.MULTILINE)
    program, *arguments = json.loads(asked)
    assert program == "python3"
    port = str(running.client.base_url.port)
    for port_, status in ((port, 0), ("9", 1)):  # nobody listens on 9
        given = {"FACE_PORT": port_, "http_proxy": "http://127.0.0.1:9"}
        done = subprocess.run(
            [sys.executable, *arguments], env=given, stderr=subprocess.DEVNULL, check=False
        )
        assert done.returncode == status


def test_the_build_sees_nothing_but_what_it_copies() -> None:
    shown = {
        line[1:].split("/")[0] for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }  # fmt: skip
    text = (DOCKER / "Dockerfile").read_text()
    copied = {
        name.split("/")[0]
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
        for name in line.split()
    }
    assert copied == shown
    assert all((ROOT / name).exists() for name in copied)


def test_the_wheel_has_every_file_that_is_no_code() -> None:
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packed = {
        file
        for package, patterns in tool["package-data"].items()
        for pattern in patterns
        for file in ROOT.joinpath(*package.split(".")).glob(pattern)
    }
    for name in ("models", "service", "training"):
        files = {each for each in (ROOT / name).rglob("*") if each.is_file()}
        code = {each for each in files if each.suffix in {".py", ".pyc"}}
        assert files - code == {each for each in packed if ROOT / name in each.parents}
        assert all((each.parent / "__init__.py").exists() for each in code if each.suffix == ".py")


def compose() -> dict[str, Any]:
    """The compose file with its defaults put in and its anchors resolved."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", (ROOT / "docker-compose.yml").read_text())
    loaded = yaml.safe_load(text)
    return {key: value for key, value in loaded.items() if not key.startswith("x-")}


def test_the_compose_file_fits_the_specification() -> None:
    read = compose_spec.PyCompose.from_json(json.dumps(compose()))
    read.validate()
    assert set(read.service_names()) == {"face", "gpu0", "gpu1", "prometheus", "grafana"}
    with pytest.raises(ValueError, match="imagee"):
        compose_spec.PyCompose.from_json('{"services": {"face": {"imagee": "x"}}}')


@pytest.mark.parametrize("name", ["face", "gpu0", "gpu1", "prometheus", "grafana"])
def test_every_container_is_hardened(name: str) -> None:
    service = compose()["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"] > 0
    assert service["mem_limit"]
    assert not service.get("privileged")
    assert all(":" in image and not image.endswith(":latest") for image in [service["image"]])
    assert service.get("profiles") == {"face": None, "gpu0": ["gpu"], "gpu1": ["gpu"]}.get(
        name, ["observability"]
    )


def test_nobody_is_served_without_a_key() -> None:
    services = compose()["services"]
    for name in ("face", "gpu0", "gpu1"):
        environment = services[name]["environment"]
        assert environment["FACE_ADMIN_KEY_FILE"] == "/run/secrets/api_key"
        assert "FACE_ALLOW_ANONYMOUS" not in environment
        assert services[name]["secrets"] == ["api_key"]
    assert "GF_SECURITY_ADMIN_PASSWORD__FILE" in services["grafana"]["environment"]
    published = [port for each in services.values() for port in each.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") for port in published)
    volumes = [volume for name in ("face", "gpu0", "gpu1") for volume in services[name]["volumes"]]
    assert set(Counter(volumes).values()) == {1}  # a gallery has one process


def test_what_is_mounted_is_there() -> None:
    for service in compose()["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert not source.startswith(".") or (ROOT / source).exists()


def test_prometheus_sends_the_key_it_is_given() -> None:
    [job] = yaml.safe_load((DOCKER / "prometheus.yml").read_text())["scrape_configs"]
    assert job["authorization"]["credentials_file"] == "/run/secrets/api_key"
    assert compose()["services"]["prometheus"]["secrets"] == ["api_key"]
    assert job["static_configs"] == [{"targets": ["face:8000"]}]
