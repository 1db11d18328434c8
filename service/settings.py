"""Every setting of the service, read from `FACE_*` environment variables."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.calibration import Rate
from service.errors import StartupError

PREFIX = "FACE_"
STARTER = Path(__file__).parent.parent / "models" / "starter"


class Settings(BaseSettings):
    """One frozen value for the whole process; `docs/configuration.md` is generated from it."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 for every interface.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    data_dir: Path = Field(Path("data"), description="Where the gallery lives; created if missing.")
    root_key_file: Path | None = Field(
        None,
        description="File of the key the gallery is encrypted with; `root.key` in the data directory if "
        "not set. Made with a new gallery; back it up apart from it.",
    )
    root_key: SecretStr | None = Field(
        None, description="The key itself, 32 bytes in hex or base64, instead of a file."
    )
    bundle: Path = Field(STARTER, description="Directory of the model bundle.")
    provider: Literal["cpu", "cuda"] = Field(
        "cpu", description="ONNX Runtime execution provider; the service refuses to fall back."
    )
    threads: int = Field(0, ge=0, le=256, description="Compute threads; 0 means one per core.")
    fmr: Rate = Field(
        1e-3, description="Default false match rate of /verify: strangers accepted per comparison."
    )
    fpir: Rate = Field(
        1e-2,
        description="Default false positive rate of /identify: strangers who are given a name, per search.",
    )
    min_quality: float = Field(
        10.0,
        ge=0,
        le=100,
        description="Faces of a lower quality score make a decision inconclusive and are not enrolled.",
    )
    max_faces: int = Field(100, ge=1, le=1000, description="Most faces answered for one image.")
    max_body_bytes: int = Field(
        15_000_000, ge=1000, description="Largest request body; more is refused unread."
    )
    max_pixels: int = Field(
        25_000_000, ge=10_000, description="Largest image, width times height, before decoding."
    )
    max_pixels_in_flight: int = Field(
        200_000_000, ge=10_000, description="Decoded pixels held by all requests together."
    )
    max_requests: int = Field(
        64, ge=1, description="Requests in progress; one more is answered 503 with Retry-After."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Verbosity."
    )

    @property
    def compute_threads(self) -> int:
        return self.threads or len(os.sched_getaffinity(0))


def from_environment() -> Settings:
    """The settings of this process.

    Raises StartupError for a value out of range, and for a `FACE_*` name nobody knows: a typing
    error must not silently mean the default.
    """
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    unknown = sorted(
        name for name in os.environ if name.upper().startswith(PREFIX) and name.upper() not in known
    )
    if unknown:
        raise StartupError(f"Unknown setting {unknown[0]}; see docs/configuration.md for the list.")
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + str(first["loc"][0]).upper()
        raise StartupError(f"{name}: {first['msg']} (got {first['input']!r}).") from error
