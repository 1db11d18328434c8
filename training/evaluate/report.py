"""One JSON document per evaluation.

    {"schema_version": 1,
     "protocol": "pairs" | "ijb" | "tinyface" | "edc" | "open-set",
     "model": {"path", "sha256", "architecture", "flip_fusion"},
     "results": the fields of the protocol's report: VerificationReport, IjbReport, TinyFaceReport,
                EdcReport or OpenSetReport, in which a measure is {"name", "value", "lower",
                "upper"} (95 % interval, null where unknown),
     "beside": [{"model", "measure", "measured", "published", "difference", "inside_interval",
                 "source"}]}

All rates are shares in [0, 1]. `inside_interval` says whether the published value lies in the 95 %
interval of the measured one. Added fields are no change of the schema.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from training.evaluate.anchors import Anchor, canonical
from training.evaluate.edc import EdcReport
from training.evaluate.embedder import Embedder
from training.evaluate.ijb import IjbReport
from training.evaluate.measures import Measure
from training.evaluate.open_set import OpenSetReport
from training.evaluate.tinyface import TinyFaceReport
from training.evaluate.verification import VerificationReport

ProtocolName = Literal["pairs", "ijb", "tinyface", "edc", "open-set"]
AnyReport = VerificationReport | IjbReport | TinyFaceReport | EdcReport | OpenSetReport


class Measured(Protocol):
    """A report whose numbers can be compared with published ones."""

    @property
    def set(self) -> str: ...

    def measures(self) -> list[Measure]: ...


@dataclass(frozen=True, slots=True)
class Beside:
    """A measured number beside a published one."""

    model: str
    measure: str
    measured: float
    published: float
    difference: float
    inside_interval: bool | None
    source: str


def beside(report: Measured, anchors: Sequence[Anchor]) -> list[Beside]:
    """Every anchor of the report's set that has a measured counterpart."""
    name, measures = canonical(report.set), {each.name: each for each in report.measures()}
    return [
        _beside(anchor, measures[anchor.measure])
        for anchor in anchors
        if canonical(anchor.set) == name and anchor.measure in measures
    ]


def _beside(anchor: Anchor, measure: Measure) -> Beside:
    inside = None
    if measure.lower is not None and measure.upper is not None:
        inside = measure.lower <= anchor.value <= measure.upper
    return Beside(
        model=anchor.model,
        measure=anchor.measure,
        measured=measure.value,
        published=anchor.value,
        difference=measure.value - anchor.value,
        inside_interval=inside,
        source=anchor.source,
    )


def document(
    protocol: ProtocolName, model: Embedder, report: AnyReport, compared: Sequence[Beside] = ()
) -> dict[str, Any]:
    """The JSON document of an evaluation."""
    return {
        "schema_version": 1,
        "protocol": protocol,
        "model": {
            "path": str(model.path),
            "sha256": model.sha256,
            "architecture": model.architecture,
            "flip_fusion": model.flip_fusion,
        },
        "results": asdict(report),
        "beside": [asdict(each) for each in compared],
    }
