"""Where a file of the Hugging Face hub lies, and what the hub says of it."""

from __future__ import annotations

import os
import re
from typing import Any

import httpx

from models.catalogue import File, Recognizer
from service.errors import PullFailed
from service.pull.download import Remote

SHA256 = re.compile(
    r"[0-9a-f]{64}"
)  # the ETag of a large file is its sum, of a small one its git hash


def locate(entry: Recognizer, file: File, endpoint: str | None) -> tuple[Remote, str]:
    """The file as the hub has it now, and the commit it is of.

    `endpoint` is a mirror's address; else HF_ENDPOINT, or the hub itself. HF_TOKEN, or the token
    of `hf auth login`, opens what wants one. Raises PullFailed with what to do.
    """
    hub = _library()
    base = (endpoint or hub.constants.ENDPOINT).rstrip("/")
    url = hub.hf_hub_url(entry.repository, file.path, revision=entry.revision, endpoint=base)
    headers = hub.utils.build_hf_headers(library_name="adaface-service")
    found = _asked(hub, entry, file, base, url, headers)
    if found.commit_hash is None or found.etag is None:
        raise PullFailed(f"{base} does not answer as a Hugging Face hub does; check --endpoint.")
    said = found.etag if SHA256.fullmatch(found.etag) else None
    _refuse_other(entry, file, said)
    size = found.size if said else file.size  # a small file may come compressed
    return Remote(url, found.etag, size, file.sha256 or said, headers), found.commit_hash


def _library() -> Any:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        import huggingface_hub
        import huggingface_hub.constants  # the package loads what it has only by name
        import huggingface_hub.errors
        import huggingface_hub.utils
    except ModuleNotFoundError as error:
        raise PullFailed(
            f"Fetching from the Hugging Face hub needs {error.name}; run 'make train-environment', "
            "then '.venv-train/bin/adaface models pull', or give the files with --from."
        ) from error
    return huggingface_hub


def _asked(  # noqa: PLR0913 - what is asked, and what a refusal has to name
    hub: Any, entry: Recognizer, file: File, base: str, url: str, headers: dict[str, str]
) -> Any:
    errors, where = hub.errors, f"{entry.repository} at {base}"
    try:
        return hub.get_hf_file_metadata(url, headers=headers, endpoint=base)
    except errors.GatedRepoError as error:
        raise PullFailed(
            f"{where} is given only to those who accepted its terms: do so in a browser at "
            f"{base}/{entry.repository}, then set HF_TOKEN to a token of that account."
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise PullFailed(
            f"There is no {where}, or it is private: check the mirror, or set HF_TOKEN."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise PullFailed(f"{where} has no revision {entry.revision}.") from error
    except errors.RemoteEntryNotFoundError as error:
        raise PullFailed(f"{where} has no {file.path} at {entry.revision[:12]}.") from error
    except errors.HfHubHTTPError as error:
        raise PullFailed(
            f"{where} answers {error.response.status_code}; try again later."
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise PullFailed(
            f"{base} cannot be reached ({error}): name a mirror with --endpoint, or fetch the "
            "files elsewhere and give them with --from."
        ) from error


def _refuse_other(entry: Recognizer, file: File, said: str | None) -> None:
    """Before a byte is fetched that would be refused after."""
    if said is not None and file.sha256 not in {None, said}:
        raise PullFailed(
            f"{entry.repository} has another {file.path} than is known: its sha256 is "
            f"{said[:12]}..., {str(file.sha256)[:12]}... is expected. Try another mirror."
        )
