from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="Rejected")


@_attrs_define
class Rejected:
    """An image that was not enrolled, and what to do about it.

    Attributes:
        index (int): Position among the images sent.
        reasons (list[str]): The problem's slug, such as no-face-found, and of a face that is too poor the components
            that are out of the ordinary.
        advice (str): What went wrong, and what to do.
    """

    index: int
    reasons: list[str]
    advice: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        index = self.index

        reasons = self.reasons

        advice = self.advice

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "index": index,
                "reasons": reasons,
                "advice": advice,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        index = d.pop("index")

        reasons = cast(list[str], d.pop("reasons"))

        advice = d.pop("advice")

        rejected = cls(
            index=index,
            reasons=reasons,
            advice=advice,
        )

        rejected.additional_properties = d
        return rejected

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
