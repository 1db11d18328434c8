from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define

if TYPE_CHECKING:
    from ..models.subject import Subject


T = TypeVar("T", bound="VerifyBody")


@_attrs_define
class VerifyBody:
    """The two that are compared.

    Attributes:
        source (Subject): One side of a comparison: an image or an embedding.
        target (Subject): One side of a comparison: an image or an embedding.
    """

    source: Subject
    target: Subject

    def to_dict(self) -> dict[str, Any]:
        source = self.source.to_dict()

        target = self.target.to_dict()

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "source": source,
                "target": target,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.subject import Subject  # noqa: PLC0415

        d = dict(src_dict)
        source = Subject.from_dict(d.pop("source"))

        target = Subject.from_dict(d.pop("target"))

        verify_body = cls(
            source=source,
            target=target,
        )

        return verify_body
