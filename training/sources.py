"""The data set a recipe names, opened."""

from __future__ import annotations

from pathlib import Path

from training.config import Data, RecipeError
from training.data.folder import Folder
from training.data.recordio import RecordIO
from training.data.shards import Shards
from training.data.source import Source
from training.data.synthetic import Synthetic


def open_source(data: Data, root: Path) -> Source | Shards:
    """`data` below `root`. Raises RecipeError, with what to do, for what is not there or not as said."""
    streamed = data.format == "shards" and (":" in data.path)  # a URL or a command
    path = root / data.path
    if data.format != "synthetic" and not streamed and not path.exists():
        raise RecipeError(
            f"{path} does not exist; --data names the folder that holds {data.path}, or set "
            "data.path."
        )
    try:
        source = _opened(data, data.path if streamed else path)
    except (OSError, ValueError) as error:
        raise RecipeError(str(error)) from error
    if data.classes is not None and source.classes != data.classes:
        raise RecipeError(
            f"{path} holds {source.classes:,} identities, the recipe says {data.classes:,}; is it "
            "the right data set? If so, set data.classes."
        )
    return source


def _opened(data: Data, place: str | Path) -> Source | Shards:
    if data.format == "synthetic":
        return Synthetic(data.identities, data.per_identity, first=data.first)
    if data.format == "shards":
        return Shards(place, color=data.color)
    if data.format == "recordio":
        return RecordIO(Path(place), color=data.color)
    return Folder(Path(place), color=data.color)
