from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.advice import Advice


T = TypeVar("T", bound="Accepted")


@_attrs_define
class Accepted:
    """A face that was enrolled, or in a dry run would be, and what would make it better.

    Attributes:
        index (int): Position of its image among those sent.
        id (None | str): Null in a dry run.
        quality (float | None): Quality score, 0 to 100; null where the bundle is not calibrated.
        norm (float): Length of the recognizer's feature.
        detection_score (float | None): How sure it was that this is a face; null for an aligned crop.
        created_at (datetime.datetime | None): Null in a dry run.
        advice (list[Advice]): Empty for a face that nothing is wrong with.
    """

    index: int
    id: None | str
    quality: float | None
    norm: float
    detection_score: float | None
    created_at: datetime.datetime | None
    advice: list[Advice]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        index = self.index

        id: None | str
        id = self.id

        quality: float | None
        quality = self.quality

        norm = self.norm

        detection_score: float | None
        detection_score = self.detection_score

        created_at: None | str
        if isinstance(self.created_at, datetime.datetime):
            created_at = self.created_at.isoformat()
        else:
            created_at = self.created_at

        advice = []
        for advice_item_data in self.advice:
            advice_item = advice_item_data.to_dict()
            advice.append(advice_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "index": index,
                "id": id,
                "quality": quality,
                "norm": norm,
                "detection_score": detection_score,
                "created_at": created_at,
                "advice": advice,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.advice import Advice  # noqa: PLC0415

        d = dict(src_dict)
        index = d.pop("index")

        def _parse_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        id = _parse_id(d.pop("id"))

        def _parse_quality(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        quality = _parse_quality(d.pop("quality"))

        norm = d.pop("norm")

        def _parse_detection_score(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        detection_score = _parse_detection_score(d.pop("detection_score"))

        def _parse_created_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                created_at_type_0 = datetime.datetime.fromisoformat(data)

                return created_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        created_at = _parse_created_at(d.pop("created_at"))

        advice = []
        _advice = d.pop("advice")
        for advice_item_data in _advice:
            advice_item = Advice.from_dict(advice_item_data)

            advice.append(advice_item)

        accepted = cls(
            index=index,
            id=id,
            quality=quality,
            norm=norm,
            detection_score=detection_score,
            created_at=created_at,
            advice=advice,
        )

        accepted.additional_properties = d
        return accepted

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
