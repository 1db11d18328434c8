"""The model card of a bundle whose networks are somebody else's."""

from __future__ import annotations

from collections.abc import Sequence

from models.catalogue import Catalogue, Detector, Recognizer
from service.pull.recorded import Record

HEAD = """# {name}

A recognizer of the CVLface authors, converted by `adaface models pull`. Nothing here was measured \
by this project; `adaface calibrate` and `adaface evaluate` do that on your photographs.

- Architecture: {architecture}, loss {loss}
- Training data: {data}
- Source: {source}{revision}
"""
STARTERS = "## Detector\n\nThe one of the starter bundle, see models/starter/MODEL_CARD.md.\n"


def card(
    catalogue: Catalogue, entry: Recognizer, detector: Detector | None, records: Sequence[Record]
) -> str:
    """MODEL_CARD.md: origin, sums, licenses and the authors' figures.

    `records` are of the recognizer, then of the detector; `detector` None is the starter's.
    """
    head = HEAD.format(
        name=entry.name,
        architecture=entry.architecture,
        loss=entry.loss,
        data=", ".join(entry.training_data),
        source=records[0].source,
        revision=f", revision {records[0].revision}" if records[0].revision else "",
    )
    parts = [head, _sums(records[0]), _figures(entry)]
    parts.append(STARTERS if detector is None else _detector(detector, records[1]))
    parts.append(_license(catalogue, entry.license, "the recognizer"))
    if detector is not None:
        parts.append(_license(catalogue, detector.license, "the detector"))
    return "\n".join(part for part in parts if part)


def _sums(record: Record) -> str:
    rows = [f"| {path} | `{digest}` |" for path, digest in sorted(record.files.items())]
    return "\n".join(["| file | sha256 |", "|---|---|", *rows, ""])


def _figures(entry: Recognizer) -> str:
    if not entry.published:
        return ""
    rows = [f"| {name} | {value:g} |" for name, value in entry.published.items()]
    head = ["## As published by the authors, in percent", "", "| measure | value |", "|---|---|"]
    return "\n".join([*head, *rows, ""])


def _detector(entry: Detector, record: Record) -> str:
    data = ", ".join(entry.training_data)
    head = f"## Detector\n\n{entry.name} of insightface, trained on {data}, from {record.source}.\n"
    return head + "\n" + _sums(record)


def _license(catalogue: Catalogue, name: str, of: str) -> str:
    found = catalogue.licenses[name]
    return f"## License of {of}: {found.name}\n\n{found.text}\n\n{found.url}\n"
