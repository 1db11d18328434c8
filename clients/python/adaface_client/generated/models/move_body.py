from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

T = TypeVar("T", bound="MoveBody")


@_attrs_define
class MoveBody:
    """Whom to give the face to.

    Attributes:
        person (str): The person who gets the face.
    """

    person: str

    def to_dict(self) -> dict[str, Any]:
        person = self.person

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "person": person,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        person = d.pop("person")

        move_body = cls(
            person=person,
        )

        return move_body
