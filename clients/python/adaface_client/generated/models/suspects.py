from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.person_summary import PersonSummary


T = TypeVar("T", bound="Suspects")


@_attrs_define
class Suspects:
    """Two persons who may be one.

    Attributes:
        persons (list[PersonSummary]): The two, the older one first.
        similarity (float): Cosine of their templates.
        probability (float | None): Of being the same person, at even prior odds.
    """

    persons: list[PersonSummary]
    similarity: float
    probability: float | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.person_summary import PersonSummary  # noqa: PLC0415

        persons = []
        for persons_item_data in self.persons:
            persons_item: dict[str, Any]
            if isinstance(persons_item_data, PersonSummary):
                persons_item = persons_item_data.to_dict()

            persons.append(persons_item)

        similarity = self.similarity

        probability: float | None
        probability = self.probability

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "persons": persons,
                "similarity": similarity,
                "probability": probability,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.person_summary import PersonSummary  # noqa: PLC0415

        d = dict(src_dict)
        persons = []
        _persons = d.pop("persons")
        for persons_item_data in _persons:

            def _parse_persons_item(data: object) -> PersonSummary:
                if not isinstance(data, dict):
                    raise TypeError()
                persons_item_type_0 = PersonSummary.from_dict(data)

                return persons_item_type_0

            persons_item = _parse_persons_item(persons_item_data)

            persons.append(persons_item)

        similarity = d.pop("similarity")

        def _parse_probability(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        probability = _parse_probability(d.pop("probability"))

        suspects = cls(
            persons=persons,
            similarity=similarity,
            probability=probability,
        )

        suspects.additional_properties = d
        return suspects

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
