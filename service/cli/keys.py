"""`adaface keys`: who may use the service, and for what, while it runs or before."""

from __future__ import annotations

import os
import re
import secrets
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from service.access import SCOPES, AccessKey, Keyring
from service.access.key import Earlier, digest, issued
from service.cli.console import JsonOption, err, one_line, out, print_json
from service.errors import AccessKeysUnusable
from service.gallery.sqlite import NAME, lock
from service.runtime import key_source
from service.settings import Settings, from_environment

app = typer.Typer(help="Access keys: create, list, rotate, revoke.", no_args_is_help=True)

UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(text: str) -> timedelta:
    """A time like `90d`, `12h`, `30m` or `60s`."""
    if (found := re.fullmatch(r"(\d{1,6})([smhd])", text)) is None:
        raise typer.BadParameter("give a number with s, m, h or d, as 90d")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def known(given: list[str]) -> list[str]:
    """Nothing but names of scopes, `all`, or `none` alone."""
    if unknown := sorted(set(given) - {*SCOPES, "all"}) if given != ["none"] else []:
        raise typer.BadParameter(f"{unknown[0]} is not one of {', '.join(SCOPES)}, all")
    return given


DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Instead of FACE_DATA_DIR.")]
Which = Annotated[str, typer.Argument(metavar="KEY", help="The key's id, or its name.")]
ScopeOption = Annotated[
    list[str],
    typer.Option(
        "--scope",
        metavar="SCOPE",
        callback=known,
        help=f"What the key is for: {', '.join(SCOPES)}; may be repeated. Or all; or none, for"
        " /models and /metrics alone.",
    ),
]
ExpiresOption = Annotated[
    timedelta | None,
    typer.Option("--expires", parser=duration, metavar="TIME", help="After 90d, 12h; else never."),
]
GraceOption = Annotated[
    timedelta | None,
    typer.Option(
        "--grace", parser=duration, metavar="TIME", help="How long the old secret works, as 24h."
    ),
]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for, as 'front door'.")],
    scope: ScopeOption,
    expires: ExpiresOption = None,
    data_dir: DataDir = None,
) -> None:
    """Make a key and print it, this once: only a digest of it is kept.

    The key is all of standard output. A running service takes it at once.
    """
    with one_line():
        keyring = _keyring(data_dir, new=True)
        now = datetime.now(UTC)
        with keyring.changing() as keys:
            if any(key.name == name and key.state(now) == "active" for key in keys.values()):
                raise AccessKeysUnusable(f"There is an active key {name!r}; choose another name.")
            id_ = secrets.token_hex(6)
            token = issued(id_)
            keys[id_] = key = AccessKey(
                id=id_,
                name=name,
                scopes=tuple(each for each in SCOPES if each in scope or "all" in scope),
                created_at=now,
                expires_at=None if expires is None else now + expires,
                digest=digest(keyring.pepper(), token),
            )
    _tell(token, key)


@app.command("list")
def list_(data_dir: DataDir = None, as_json: JsonOption = False) -> None:
    """All keys, also those that were revoked; their secrets are not kept."""
    with one_line():
        keys = list(_keyring(data_dir).read().values())
    if as_json:
        return print_json([_shown(key) for key in keys])
    table = Table("id", "name", "scopes", "state", "created", "expires", box=None)
    for key in keys:
        state = key.state(datetime.now(UTC))
        scopes = ", ".join(key.scopes) or "none"
        table.add_row(key.id, key.name, scopes, state, _day(key.created_at), _day(key.expires_at))
    return out.print(table)


@app.command()
def rotate(key: Which, grace: GraceOption = None, data_dir: DataDir = None) -> None:
    """Give a key another secret and print it, this once; the old one works for --grace longer."""
    with one_line():
        keyring, now = _keyring(data_dir), datetime.now(UTC)
        with keyring.changing() as keys:
            old = _found(keys, key)
            token = issued(old.id)
            earlier = Earlier(digest=old.digest, until=now + grace) if grace is not None else None
            made = digest(keyring.pepper(), token)
            keys[old.id] = new = old.model_copy(update={"digest": made, "earlier": earlier})
    _tell(token, new)


@app.command()
def revoke(key: Which, data_dir: DataDir = None) -> None:
    """End a key for good; a running service refuses it from the next request on."""
    with one_line(), _keyring(data_dir).changing() as keys:
        old = _found(keys, key)
        revoked = {"revoked_at": datetime.now(UTC), "earlier": None}
        keys[old.id] = old.model_copy(update=revoked)
    out.print(f"{old.name} ({old.id}) is revoked", markup=False, highlight=False)


def _keyring(data_dir: Path | None, *, new: bool = False) -> Keyring:
    """The keys of the data directory; `new` where its root key may have to be made."""
    settings = from_environment()
    if data_dir is not None:
        settings = settings.model_copy(update={"data_dir": data_dir})
    if new:
        _make_root_key(settings)
    return Keyring(settings.data_dir, key_source(settings).key)


def _make_root_key(settings: Settings) -> None:
    """Where no gallery is yet, under its lock: a service that starts just now makes one, too."""
    source, directory = key_source(settings), settings.data_dir
    if source.given is not None or source.path.exists() or (directory / NAME).exists():
        return
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = lock(directory)
    try:
        source.made()
    finally:
        os.close(descriptor)


def _found(keys: dict[str, AccessKey], which: str) -> AccessKey:
    """The key of that id, or the one active key of that name."""
    now = datetime.now(UTC)
    live = [key for key in keys.values() if key.revoked_at is None and which in {key.id, key.name}]
    live = [key for key in live if key.state(now) == "active"] or live
    if len(live) != 1:
        problem = "no key that is not revoked" if not live else "more than one key"
        raise AccessKeysUnusable(f"There is {problem} {which!r}; 'adaface keys list' names all.")
    return live[0]


def _tell(token: str, key: AccessKey) -> None:
    """The secret on standard output, all else beside it."""
    expires = "never expires" if key.expires_at is None else f"expires {_day(key.expires_at)}"
    note = (
        f"{key.name} ({key.id}): {', '.join(key.scopes) or 'no scope'}; {expires}; shown this once"
    )
    err.print(note, markup=False, highlight=False)
    sys.stdout.write(token + "\n")


def _shown(key: AccessKey) -> dict[str, Any]:
    kept = {"id", "name", "scopes", "created_at", "expires_at", "revoked_at"}
    state = key.state(datetime.now(UTC))
    return key.model_dump(mode="json", include=kept) | {"state": state}


def _day(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
