"""The sums of what was fetched: `models.lock.json` beside the bundles."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.bundle import Sha256
from service.durable import sync
from service.errors import PullFailed

NAME = "models.lock.json"


class Record(BaseModel):
    """What a model was when it was fetched first; `revision` is None for what came from a folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recorded: date = Field(default_factory=lambda: datetime.now(UTC).date())
    source: str
    revision: str | None = None
    files: dict[str, Sha256]


class _Lock(BaseModel):
    model_config = ConfigDict(extra="forbid")

    models: dict[str, Record] = Field(default_factory=dict)


class Recorded:
    """The records in a folder of bundles. Raises PullFailed where the file is damaged."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._lock = self._read()

    def _read(self) -> _Lock:
        try:
            return _Lock.model_validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return _Lock()
        except ValidationError as error:
            raise PullFailed(f"{self.path} is damaged; restore it, or delete it.") from error

    def expected(self, name: str, file: str) -> str | None:
        """The sum a file had the first time; None where it is new."""
        record = self._lock.models.get(name)
        return None if record is None else record.files.get(file)

    def refuse_other(self, name: str, file: str, found: str) -> None:
        """Raises PullFailed where a file is not what it was the first time."""
        if self.expected(name, file) not in {None, found}:
            raise PullFailed(
                f"{file} of {name} is not what it was when it was first fetched, on "
                f"{self._lock.models[name].recorded} ({self.path}); where the change is meant, "
                f"delete {name} from that file."
            )

    def keep(self, name: str, record: Record) -> None:
        """Adds what is new; sums that are there stay. Written whole or not at all."""
        self._lock = self._read()  # others may have been pulled while this one was
        if (old := self._lock.models.get(name)) is not None:
            record = old.model_copy(update={"files": record.files | old.files})
        self._lock.models[name] = record
        partial = self.path.with_name(NAME + ".partial")
        partial.write_text(self._lock.model_dump_json(indent=1) + "\n")
        sync(partial)
        partial.replace(self.path)
        sync(self.path.parent)
