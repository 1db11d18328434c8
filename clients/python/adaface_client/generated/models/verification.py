from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.verification_decision import VerificationDecision
from ..models.verification_reasons_item import VerificationReasonsItem

if TYPE_CHECKING:
    from ..models.face import Face


T = TypeVar("T", bound="Verification")


@_attrs_define
class Verification:
    """The answer to /verify. What only a calibration can tell is null where there is none.

    Attributes:
        similarity (float): Cosine of the two embeddings.
        decision (VerificationDecision): What the similarity, the threshold and the quality of the faces come to.
        threshold (float): The similarity from which two faces match.
        fmr (float | None): The false match rate the threshold stands for.
        fmr_supported (bool | None): False where the rate is extrapolated.
        probability (float | None): Of being the same person, at even prior odds; null without a calibration.
        reasons (list[VerificationReasonsItem]): Why a decision is inconclusive: a face is too poor, the similarity is
            within the calibration's interval around the threshold, or two persons are hardly less alike than each other.
        source (Face | None): Null where an embedding was given.
        target (Face | None): Null where an embedding was given.
        bundle (str): The id of the model; only embeddings and scores of equal ids can be compared.
    """

    similarity: float
    decision: VerificationDecision
    threshold: float
    fmr: float | None
    fmr_supported: bool | None
    probability: float | None
    reasons: list[VerificationReasonsItem]
    source: Face | None
    target: Face | None
    bundle: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.face import Face  # noqa: PLC0415

        similarity = self.similarity

        decision = self.decision.value

        threshold = self.threshold

        fmr: float | None
        fmr = self.fmr

        fmr_supported: bool | None
        fmr_supported = self.fmr_supported

        probability: float | None
        probability = self.probability

        reasons = []
        for reasons_item_data in self.reasons:
            reasons_item = reasons_item_data.value
            reasons.append(reasons_item)

        source: dict[str, Any] | None
        if isinstance(self.source, Face):
            source = self.source.to_dict()
        else:
            source = self.source

        target: dict[str, Any] | None
        if isinstance(self.target, Face):
            target = self.target.to_dict()
        else:
            target = self.target

        bundle = self.bundle

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "similarity": similarity,
                "decision": decision,
                "threshold": threshold,
                "fmr": fmr,
                "fmr_supported": fmr_supported,
                "probability": probability,
                "reasons": reasons,
                "source": source,
                "target": target,
                "bundle": bundle,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.face import Face  # noqa: PLC0415

        d = dict(src_dict)
        similarity = d.pop("similarity")

        decision = VerificationDecision(d.pop("decision"))

        threshold = d.pop("threshold")

        def _parse_fmr(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        fmr = _parse_fmr(d.pop("fmr"))

        def _parse_fmr_supported(data: object) -> bool | None:
            if data is None:
                return data
            return cast(bool | None, data)

        fmr_supported = _parse_fmr_supported(d.pop("fmr_supported"))

        def _parse_probability(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        probability = _parse_probability(d.pop("probability"))

        reasons = []
        _reasons = d.pop("reasons")
        for reasons_item_data in _reasons:
            reasons_item = VerificationReasonsItem(reasons_item_data)

            reasons.append(reasons_item)

        def _parse_source(data: object) -> Face | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                source_type_0 = Face.from_dict(data)

                return source_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(Face | None, data)

        source = _parse_source(d.pop("source"))

        def _parse_target(data: object) -> Face | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                target_type_0 = Face.from_dict(data)

                return target_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(Face | None, data)

        target = _parse_target(d.pop("target"))

        bundle = d.pop("bundle")

        verification = cls(
            similarity=similarity,
            decision=decision,
            threshold=threshold,
            fmr=fmr,
            fmr_supported=fmr_supported,
            probability=probability,
            reasons=reasons,
            source=source,
            target=target,
            bundle=bundle,
        )

        verification.additional_properties = d
        return verification

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
