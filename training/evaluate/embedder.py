"""Any model as one function from aligned crops to embeddings and norms."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from models import bundle as bundles
from models.golden import Features, Recognize, picture
from training.evaluate.errors import EvaluationError

Embed = Recognize  # (n, 112, 112, 3) uint8 RGB crops -> Features of n rows
FUSED_COSINE = 0.99999  # a fused graph answers a picture and its mirror image alike


@dataclass(frozen=True)
class Embedder:
    """A model ready to embed, and what a report says about it.

    `direction` is +1 where a longer feature means a better image, -1 where a shorter one does.
    """

    embed: Embed
    path: Path
    sha256: str
    architecture: str
    flip_fusion: bool
    direction: int = 1

    def __call__(self, crops: NDArray[np.uint8]) -> Features:
        return self.embed(crops)


def open_embedder(
    path: Path, *, flip: bool = True, threads: int = 0, color: Literal["rgb", "bgr"] | None = None
) -> Embedder:
    """Opens a bundle, a recognizer of the bundle contract (.onnx), or a checkpoint or its folder.

    With `flip` the embedding is the direction of features(crop) + features(mirror image), the sum
    of raw features (AdaFace `fuse_features_with_norm`); the norm stays the crop's alone, because
    the sum's says how symmetric a face is. `threads` 0 leaves the number to the runtime; `color`
    is the order a checkpoint was trained with, where its file does not tell.
    Raises EvaluationError where the file is no model, or flip fusion is in the graph but unwanted.
    """
    if (path / bundles.MANIFEST).is_file():
        return _open_bundle(path, flip, threads)
    if not path.exists():
        raise EvaluationError(f"There is no model at {path}.")
    if path.suffix == ".onnx":
        embed, fused = _with_flip(_graph(path, threads), path, flip)
        return Embedder(embed, path, bundles.sha256(path), "unknown", fused)
    return _open_checkpoint(path, flip, threads, color)


def _open_bundle(directory: Path, flip: bool, threads: int) -> Embedder:
    try:
        bundle = bundles.load(directory)
    except bundles.BundleError as error:
        raise EvaluationError(str(error)) from error
    manifest = bundle.manifest
    embed, fused = _with_flip(_graph(bundle.recognizer, threads), directory, flip)
    direction = manifest.quality.direction if manifest.quality else 1
    digest = manifest.files[bundles.RECOGNIZER]
    return Embedder(embed, directory, digest, manifest.architecture, fused, direction)


def _graph(path: Path, threads: int) -> Embed:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Threads that wait must not spin on the cores that decode the next batch.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=onnxruntime.get_available_providers()
        )
    except Exception as error:  # ONNX Runtime raises a class of its own per cause
        raise EvaluationError(f"{path} cannot be loaded by ONNX Runtime: {error}") from error
    inputs, answers = session.get_inputs(), {each.name for each in session.get_outputs()}
    if [each.type for each in inputs] != ["tensor(uint8)"] or not {"embedding", "norm"} <= answers:
        raise EvaluationError(
            f"{path} does not take uint8 crops and answer embedding and norm; make a bundle of it "
            "with 'adaface models import'."
        )

    def embed(crops: NDArray[np.uint8]) -> Features:
        found = session.run(["embedding", "norm"], {inputs[0].name: crops})
        return Features(np.asarray(found[0], np.float32), np.asarray(found[1]).reshape(-1))

    return embed


def _with_flip(embed: Embed, path: Path, flip: bool) -> tuple[Embed, bool]:
    """The graph with or without flip fusion, as asked; asks the graph whether it has it inside."""
    crop = picture(0)[None]
    plain, mirrored = embed(crop).embeddings[0], embed(_mirror(crop)).embeddings[0]
    if float(plain @ mirrored) > FUSED_COSINE:
        if not flip:
            raise EvaluationError(
                f"{path} has flip fusion inside its graph; leave out --no-flip, or evaluate the "
                "checkpoint it was exported from."
            )
        return embed, True
    return (fused(embed), True) if flip else (embed, False)


def fused(embed: Embed) -> Embed:
    """`embed` over each crop and its mirror image: raw features summed, norms of the crops."""

    def both(crops: NDArray[np.uint8]) -> Features:
        own, other = embed(crops), embed(_mirror(crops))
        total = own.embeddings * own.norms[:, None] + other.embeddings * other.norms[:, None]
        length = np.linalg.norm(total, axis=1, keepdims=True)
        return Features((total / np.maximum(length, 1e-6)).astype(np.float32), own.norms)

    return both


def _mirror(crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(crops[:, :, ::-1])


def _open_checkpoint(
    path: Path, flip: bool, threads: int, color: Literal["rgb", "bgr"] | None
) -> Embedder:
    import torch

    from training.export import Recognizer
    from training.importers.conversion import backbone_of

    try:
        imported = backbone_of(path, color=color)
    except (OSError, ValueError, RuntimeError) as error:
        raise EvaluationError(str(error)) from error
    if threads:
        torch.set_num_threads(threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    recognizer = Recognizer(imported.backbone, flip_fusion=flip, color=imported.color).to(device)

    def embed(crops: NDArray[np.uint8]) -> Features:
        with torch.inference_mode():
            vectors, norms = recognizer(torch.from_numpy(crops).to(device))
        return Features(vectors.cpu().numpy(), norms.cpu().numpy())

    digest = imported.source.rpartition("sha256 ")[2]  # the folder may hold more than one file
    return Embedder(embed, path, digest, imported.architecture, flip)
