from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.identified_decision import IdentifiedDecision
from ..models.identified_reasons_item import IdentifiedReasonsItem

if TYPE_CHECKING:
    from ..models.candidate import Candidate
    from ..models.face import Face


T = TypeVar("T", bound="Identified")


@_attrs_define
class Identified:
    """What was found for one face or embedding, or for several images of one person.

    Attributes:
        face (Face | None): Null for an embedding, and for several images.
        fused (list[Face]): The faces of several images, whose features were added up.
        decision (IdentifiedDecision): What the similarity, the threshold and the quality of the faces come to.
        similarity (float | None): That of the first candidate; null without one.
        probability (float | None): That of the first candidate.
        candidates (list[Candidate]): Persons at or above the threshold, best first, and those who may be by the
            calibration's interval. Others are not told: their scores would let a caller approximate templates, as a low
            `threshold` of its own does.
        reasons (list[IdentifiedReasonsItem]): Why a decision is inconclusive: a face is too poor, the similarity is
            within the calibration's interval around the threshold, or two persons are hardly less alike than each other.
    """

    face: Face | None
    fused: list[Face]
    decision: IdentifiedDecision
    similarity: float | None
    probability: float | None
    candidates: list[Candidate]
    reasons: list[IdentifiedReasonsItem]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.face import Face  # noqa: PLC0415

        face: dict[str, Any] | None
        if isinstance(self.face, Face):
            face = self.face.to_dict()
        else:
            face = self.face

        fused = []
        for fused_item_data in self.fused:
            fused_item = fused_item_data.to_dict()
            fused.append(fused_item)

        decision = self.decision.value

        similarity: float | None
        similarity = self.similarity

        probability: float | None
        probability = self.probability

        candidates = []
        for candidates_item_data in self.candidates:
            candidates_item = candidates_item_data.to_dict()
            candidates.append(candidates_item)

        reasons = []
        for reasons_item_data in self.reasons:
            reasons_item = reasons_item_data.value
            reasons.append(reasons_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "face": face,
                "fused": fused,
                "decision": decision,
                "similarity": similarity,
                "probability": probability,
                "candidates": candidates,
                "reasons": reasons,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.candidate import Candidate  # noqa: PLC0415
        from ..models.face import Face  # noqa: PLC0415

        d = dict(src_dict)

        def _parse_face(data: object) -> Face | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                face_type_0 = Face.from_dict(data)

                return face_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(Face | None, data)

        face = _parse_face(d.pop("face"))

        fused = []
        _fused = d.pop("fused")
        for fused_item_data in _fused:
            fused_item = Face.from_dict(fused_item_data)

            fused.append(fused_item)

        decision = IdentifiedDecision(d.pop("decision"))

        def _parse_similarity(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        similarity = _parse_similarity(d.pop("similarity"))

        def _parse_probability(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        probability = _parse_probability(d.pop("probability"))

        candidates = []
        _candidates = d.pop("candidates")
        for candidates_item_data in _candidates:
            candidates_item = Candidate.from_dict(candidates_item_data)

            candidates.append(candidates_item)

        reasons = []
        _reasons = d.pop("reasons")
        for reasons_item_data in _reasons:
            reasons_item = IdentifiedReasonsItem(reasons_item_data)

            reasons.append(reasons_item)

        identified = cls(
            face=face,
            fused=fused,
            decision=decision,
            similarity=similarity,
            probability=probability,
            candidates=candidates,
            reasons=reasons,
        )

        identified.additional_properties = d
        return identified

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
