from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="EnrolledFace")


@_attrs_define
class EnrolledFace:
    """A face kept in the gallery; the image is not kept.

    Attributes:
        id (str): The face's id, part of its address.
        quality (float | None): Quality score, 0 to 100; null where the bundle was not calibrated then.
        norm (float): Length of the recognizer's feature.
        detection_score (float | None): How sure it was that this is a face; null for an aligned crop.
        created_at (datetime.datetime): When it was created, in UTC.
    """

    id: str
    quality: float | None
    norm: float
    detection_score: float | None
    created_at: datetime.datetime
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        quality: float | None
        quality = self.quality

        norm = self.norm

        detection_score: float | None
        detection_score = self.detection_score

        created_at = self.created_at.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "quality": quality,
                "norm": norm,
                "detection_score": detection_score,
                "created_at": created_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = d.pop("id")

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

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        enrolled_face = cls(
            id=id,
            quality=quality,
            norm=norm,
            detection_score=detection_score,
            created_at=created_at,
        )

        enrolled_face.additional_properties = d
        return enrolled_face

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
