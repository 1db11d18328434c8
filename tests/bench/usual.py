"""How face recognition is usually served: insightface's FaceAnalysis behind FastAPI's threads.

Written as its examples are, for the benchmark to compare with: insightface's own detection loop
at 640 × 640, the faces of an image one after the other, sessions with ONNX Runtime's defaults,
the work in the thread pool of the framework, the answer a dict of lists. It gets three favors
that the usual server does not have: bodies are raw instead of forms, the event loop does not
decode, and a face is embedded with nothing but the bundle's graph.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from insightface.app import FaceAnalysis
from insightface.utils import face_align

from models import bundle as bundles
from tests.bench.load import ROOT


class Recognition:
    """The bundle's recognizer, in the shape of insightface's."""

    taskname = "recognition"

    def __init__(self, path: Path) -> None:
        self._session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def prepare(self, ctx_id: int) -> None:
        pass

    def get(self, image: np.ndarray, face: Any) -> None:
        crop = face_align.norm_crop(image, landmark=face.kps)[np.newaxis, :, :, ::-1]
        feed = {self._input: np.ascontiguousarray(crop)}
        face.embedding, face.norm = (
            each[0] for each in self._session.run(["embedding", "norm"], feed)
        )


def analysis(directory: Path) -> FaceAnalysis:
    """FaceAnalysis over the networks of the bundle in `directory`."""
    bundle = bundles.load(directory)
    app = FaceAnalysis(
        str(directory), allowed_modules=["detection"], providers=["CPUExecutionProvider"]
    )
    app.models["recognition"] = Recognition(bundle.recognizer)
    app.prepare(ctx_id=-1, det_thresh=bundle.manifest.detector.threshold, det_size=(640, 640))
    return app


def application(directory: Path) -> FastAPI:
    app, faces = FastAPI(), analysis(directory)

    def embed(body: bytes) -> list[dict[str, Any]]:
        image = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR)
        return [
            {
                "bbox": face.bbox.tolist(),
                "landmarks": face.kps.tolist(),
                "detection_score": float(face.det_score),
                "norm": float(face.norm),
                "embedding": face.embedding.tolist(),
            }
            for face in faces.get(image)
        ]

    @app.post("/embed")
    async def embed_faces(request: Request) -> dict[str, Any]:
        return {"faces": await run_in_threadpool(embed, await request.body())}

    return app


@contextmanager
def usual(bundle: Path) -> Iterator[str]:
    """Runs the server in a process of its own; its address."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-W",
            "ignore::FutureWarning",  # insightface's use of scikit-image
            "-m",
            "tests.bench.usual",
            str(bundle),
        ],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout
    try:
        yield process.stdout.readline().decode().strip()
    finally:
        process.terminate()
        process.wait(60)


def main() -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(2048)
    config = uvicorn.Config(application(Path(sys.argv[1])), log_level="warning", access_log=False)
    sys.stdout.write(f"http://127.0.0.1:{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
