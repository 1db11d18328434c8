"""Writes the requirement files of the images, with hashes: `python requirements/images.py`.

The pins are those of the other files; `uv` (of PyPI, on the PATH) adds the sums of every file of a
release, so that an image has what was tested or is not built. What only an image has is resolved
for Linux on x86-64. Installed with `pip install --no-deps --require-hashes -r FILE`.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).parent
BUILD = ("setuptools==80.9.0",)  # builds the project's own wheel
WINOGRAD = "ncnn=="
HUB = "pyyaml=="  # huggingface-hub reads it, and the tests do
TRACING = ("opentelemetry-", "googleapis-common-protos==")
# The search is not FAISS' own but reads sketches on the CPU; faiss-gpu would bring CUDA 12 beside
# the CUDA 13 of onnxruntime-gpu, 1 GB for nothing.
CUDA = "onnxruntime-gpu[cuda,cudnn]==1.31.1"
TORCH = "torch==2.13.0"


def pins(name: str) -> list[str]:
    """The lines of a requirement file, comments left out."""
    lines = (HERE / name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def compiled(lines: Iterable[str], *options: str) -> str:
    """What uv makes of requirements."""
    with TemporaryDirectory() as scratch:
        given = Path(scratch, "wanted.in")
        given.write_text("\n".join(lines) + "\n")
        command = ["uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
        command += ["--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_28"]
        done = subprocess.run(  # noqa: S603
            [*command, *options, str(given)], check=True, capture_output=True, text=True
        )
    return done.stdout


def joined(own: list[str], further: str) -> list[str]:
    """`own` and what `further` needs besides, in the versions of `own` where both have it."""
    named = {line.split("==")[0] for line in own}
    constraints = compiled([further, *[line for line in own if line.startswith("numpy==")]])
    added = [line for line in constraints.splitlines() if line.split("==")[0] not in named]
    return sorted([*own, *added])


def main() -> None:
    serve, test = pins("serve.txt"), pins("test.txt")
    winograd = [line for line in test if line.startswith(WINOGRAD)]
    tracing = [line for line in test if line.startswith(TRACING) and line not in serve]
    train = [
        line
        for line in pins("train.txt")
        if line in serve or line not in test or line.startswith(HUB)
    ]
    files = {
        "build": list(BUILD),
        "cpu": sorted([*serve, *winograd, *tracing]),
        "cuda": joined(
            [*(line for line in serve if not line.startswith("onnxruntime==")), *tracing], CUDA
        ),
        "train": joined(train, TORCH),
    }
    for name, lines in files.items():
        header = f"# Written by requirements/images.py for the image target {name}.\n"
        hashed = compiled(lines, "--no-deps", "--generate-hashes")
        (HERE / f"image-{name}.txt").write_text(header + hashed)


if __name__ == "__main__":
    main()
