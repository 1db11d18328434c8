"""The `FACE_*` settings: unknown, misspelled, or out of range."""

from __future__ import annotations

import os
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from service.doctor.finding import Finding, Findings
from service.settings import PREFIX, Settings

NAME = "settings"


def settings() -> tuple[Settings, list[Finding]]:
    """The settings, with the default where one cannot be, and what is wrong with them."""
    names = sorted(name for name in os.environ if name.upper().startswith(PREFIX))
    found = [*_unknown(names)]
    try:
        made = Settings()
    except ValidationError as error:
        wrong = {str(each["loc"][0]): each for each in error.errors()}
        found += [_impossible(name, each) for name, each in wrong.items()]
        made = Settings(**{name: Settings.model_fields[name].default for name in wrong})
    if not found:
        said = (
            f"{len(names)} are set, all of them known."
            if names
            else "None is set, the defaults hold."
        )
        found.append(Finding("ok", NAME, said))
    return made, found


def _unknown(names: list[str]) -> Findings:
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    for name in names:
        if name.upper() in known:
            continue
        close = get_close_matches(name.upper(), known, n=1)
        meant = (
            f"did you mean {close[0]}?" if close else "docs/configuration.md lists those that are."
        )
        yield Finding("problem", NAME, f"{name} is no setting; {meant}")


def _impossible(name: str, error: Any) -> Finding:
    sentence = f"{PREFIX}{name.upper()} cannot be {error['input']!r}: {error['msg']}."
    return Finding("problem", NAME, sentence)
