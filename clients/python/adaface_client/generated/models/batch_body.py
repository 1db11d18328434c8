from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

T = TypeVar("T", bound="BatchBody")


@_attrs_define
class BatchBody:
    """Several images in JSON, which have nothing to do with each other.

    Attributes:
        images (list[str]): JPEG, PNG or WebP files in base64.
    """

    images: list[str]

    def to_dict(self) -> dict[str, Any]:
        images = self.images

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "images": images,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        images = cast(list[str], d.pop("images"))

        batch_body = cls(
            images=images,
        )

        return batch_body
