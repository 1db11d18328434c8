"""Writes what is generated from the code: `openapi.json` and `docs/configuration.md`.

`python -m service.documents`; a test compares the files with what this would write.
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from service.app import create_app
from service.runtime import open_runtime
from service.settings import PREFIX, STARTER, Settings

ROOT = Path(__file__).parent.parent


def openapi() -> str:
    """The OpenAPI document of the service as it stands."""
    with (
        TemporaryDirectory() as scratch,
        open_runtime(Settings(data_dir=Path(scratch))) as runtime,
    ):
        return json.dumps(create_app(runtime).openapi(), indent=1, ensure_ascii=False) + "\n"


def configuration() -> str:
    """A table of every setting, its default and what it does."""
    lines = [
        "# Configuration",
        "",
        "Every setting is an environment variable. An unknown `FACE_*` name ends the start with",
        "one line, so a typing error never silently means the default. Written by `make docs`.",
        "",
        "| variable | default | meaning |",
        "|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = "models/starter" if field.default == STARTER else field.default
        lines.append(f"| `{PREFIX}{name.upper()}` | `{default}` | {field.description} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    (ROOT / "openapi.json").write_text(openapi())
    (ROOT / "docs" / "configuration.md").write_text(configuration())


if __name__ == "__main__":
    main()
