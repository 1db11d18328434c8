from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="Imported")


@_attrs_define
class Imported:
    """What became of a part's persons.

    Attributes:
        created (int): New here.
        unchanged (int): There already, the same to the last bit.
        replaced (int): There already, and put in the place of what was.
        skipped (int): There already, and left as they are.
        conflicts (list[str]): The persons skipped: they differ, or have a face that is another person's here.
    """

    created: int
    unchanged: int
    replaced: int
    skipped: int
    conflicts: list[str]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        created = self.created

        unchanged = self.unchanged

        replaced = self.replaced

        skipped = self.skipped

        conflicts = self.conflicts

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "created": created,
                "unchanged": unchanged,
                "replaced": replaced,
                "skipped": skipped,
                "conflicts": conflicts,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        created = d.pop("created")

        unchanged = d.pop("unchanged")

        replaced = d.pop("replaced")

        skipped = d.pop("skipped")

        conflicts = cast(list[str], d.pop("conflicts"))

        imported = cls(
            created=created,
            unchanged=unchanged,
            replaced=replaced,
            skipped=skipped,
            conflicts=conflicts,
        )

        imported.additional_properties = d
        return imported

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
