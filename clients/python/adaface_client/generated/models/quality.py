from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.advice import Advice
    from ..models.components import Components


T = TypeVar("T", bound="Quality")


@_attrs_define
class Quality:
    """How well the face can be recognized.

    Attributes:
        score (float | None): 0 to 100, calibrated from the norm; 50 is doubtful. Null where the bundle is not
            calibrated.
        norm (float): Length of the recognizer's feature.
        predicted_fnmr (float | None): Share of genuine comparisons with such a face that are not matched, at the
            calibrated FMR nearest to FACE_FMR; null where that is not known.
        components (Components): What a person can see and act on; the null ones are unknown for an aligned crop.

            Names are those of ISO/IEC 29794-5 where it has one, signs of angles those of ISO/IEC 39794-5.
        advice (list[Advice]): Empty for a face that nothing is wrong with.
    """

    score: float | None
    norm: float
    predicted_fnmr: float | None
    components: Components
    advice: list[Advice]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        score: float | None
        score = self.score

        norm = self.norm

        predicted_fnmr: float | None
        predicted_fnmr = self.predicted_fnmr

        components = self.components.to_dict()

        advice = []
        for advice_item_data in self.advice:
            advice_item = advice_item_data.to_dict()
            advice.append(advice_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "score": score,
                "norm": norm,
                "predicted_fnmr": predicted_fnmr,
                "components": components,
                "advice": advice,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.advice import Advice  # noqa: PLC0415
        from ..models.components import Components  # noqa: PLC0415

        d = dict(src_dict)

        def _parse_score(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        score = _parse_score(d.pop("score"))

        norm = d.pop("norm")

        def _parse_predicted_fnmr(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        predicted_fnmr = _parse_predicted_fnmr(d.pop("predicted_fnmr"))

        components = Components.from_dict(d.pop("components"))

        advice = []
        _advice = d.pop("advice")
        for advice_item_data in _advice:
            advice_item = Advice.from_dict(advice_item_data)

            advice.append(advice_item)

        quality = cls(
            score=score,
            norm=norm,
            predicted_fnmr=predicted_fnmr,
            components=components,
            advice=advice,
        )

        quality.additional_properties = d
        return quality

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
