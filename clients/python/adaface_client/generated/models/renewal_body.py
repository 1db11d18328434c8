from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

T = TypeVar("T", bound="RenewalBody")


@_attrs_define
class RenewalBody:
    """The model to change to.

    Attributes:
        bundle (str): The id of the model to change to; `/models` lists those loaded.
    """

    bundle: str

    def to_dict(self) -> dict[str, Any]:
        bundle = self.bundle

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "bundle": bundle,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        bundle = d.pop("bundle")

        renewal_body = cls(
            bundle=bundle,
        )

        return renewal_body
