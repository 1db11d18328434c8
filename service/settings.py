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
    allow_anonymous: bool = Field(
        False,
        description="Whether other addresses than this machine's are listened on while there is no access "
        "key, so that everybody may do everything.",
    )
    admin_key_file: Path | None = Field(
        None,
        description="File whose first line is an access key with every scope, as a container's secret; "
        "32 characters or more. Others are made by `adaface keys create`.",
    )
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
    next_bundle: Path | None = Field(
        None,
        description="Directory of a second bundle, which collections can change to, or have changed from.",
    )
    provider: Literal["cpu", "cuda", "tensorrt"] = Field(
        "cpu", description="ONNX Runtime execution provider; the service refuses to fall back."
    )
    engine: Literal["auto", "onnxruntime", "winograd"] = Field(
        "auto",
        description="What computes embeddings on a CPU. `winograd` needs ncnn (`pip install --no-deps -r "
        "requirements/image-cpu.txt`) and must agree with ONNX Runtime, which answers otherwise; `auto` "
        "takes it where it is installed and the recognizer has 10 million parameters.",
    )
    threads: int = Field(0, ge=0, le=256, description="Compute threads; 0 means one per core.")
    batch: int = Field(
        0,
        ge=0,
        le=128,
        description="Most faces in one call of the recognizer; 0 means 4, or 32 on a GPU.",
    )
    arena: bool = Field(
        True,
        description="Whether ONNX Runtime keeps the memory it has used; without, 10 to 15 % slower and "
        "smaller.",
    )
    device: int = Field(0, ge=0, le=63, description="Which GPU, as CUDA counts them.")
    fp16: bool = Field(
        True,
        description="Whether TensorRT computes in half precision; with `cuda` open an fp16 bundle.",
    )
    fmr: Rate = Field(
        1e-4,
        description="Default false match rate of /verify: strangers accepted per comparison. The starter "
        "bundle's calibration supports it, at the price of missed matches; /models says how many.",
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
        50_000_000,
        ge=10_000,
        description="Decoded pixels held by all requests together; 6 bytes each while they are decoded.",
    )
    max_requests: int = Field(
        64, ge=1, description="Requests in progress; one more is answered 503 with Retry-After."
    )
    max_wait_seconds: float = Field(
        0.75,
        gt=0,
        le=3600,
        description="A request with photographs that would wait longer for its answer, by the rate of "
        "the last seconds, is answered 503; 8 are always let in.",
    )
    deadline_seconds: float = Field(
        60,
        gt=0,
        le=3600,
        description="After this time a request is given up with 504; the header X-Deadline-Seconds "
        "shortens it.",
    )
    max_body_bytes_in_flight: int = Field(
        100_000_000, ge=1000, description="Bytes of bodies held by all requests together."
    )
    client_seconds: float = Field(
        20,
        gt=0,
        le=3600,
        description="A body has to be there after this time, plus a second for every 16 kB that came, "
        "else 408. In half of it headers have to be there, and a body or a reader may not pause longer.",
    )
    drain_seconds: float = Field(
        0,
        ge=0,
        le=600,
        description="How long SIGTERM keeps serving, with /readyz at 503, before it stops accepting; 5 "
        "behind a load balancer.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info",
        description="Verbosity; `debug` has a line for each probe and each request without a key, too.",
    )
    log_format: Literal["auto", "json", "text"] = Field(
        "auto",
        description="How log lines are written to standard output: `auto` is JSON, and text on a terminal.",
    )

    @property
    def compute_threads(self) -> int:
        return self.threads or len(os.sched_getaffinity(0))

    @property
    def max_batch(self) -> int:
        return self.batch or (4 if self.provider == "cpu" else 32)

    @property
    def engines(self) -> Path:
        """Where converted and compiled networks are kept; they can be made again."""
        return self.data_dir / "engines"


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
