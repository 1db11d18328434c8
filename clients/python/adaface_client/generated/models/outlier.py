from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.candidate import Candidate
    from ..models.person_summary import PersonSummary


T = TypeVar("T", bound="Outlier")


@_attrs_define
class Outlier:
    """A face that is not like the others of its person.

    Attributes:
        person (PersonSummary): Who a candidate is.
        face (str): The id of the face.
        similarity (float): With the person's other faces fused.
        closest (Candidate | None): Somebody else whom a search by this face would name: it may be theirs.
    """

    person: PersonSummary
    face: str
    similarity: float
    closest: Candidate | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.candidate import Candidate  # noqa: PLC0415

        person = self.person.to_dict()

        face = self.face

        similarity = self.similarity

        closest: dict[str, Any] | None
        if isinstance(self.closest, Candidate):
            closest = self.closest.to_dict()
        else:
            closest = self.closest

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "person": person,
                "face": face,
                "similarity": similarity,
                "closest": closest,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.candidate import Candidate  # noqa: PLC0415
        from ..models.person_summary import PersonSummary  # noqa: PLC0415

        d = dict(src_dict)
        person = PersonSummary.from_dict(d.pop("person"))

        face = d.pop("face")

        similarity = d.pop("similarity")

        def _parse_closest(data: object) -> Candidate | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                closest_type_0 = Candidate.from_dict(data)

                return closest_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(Candidate | None, data)

        closest = _parse_closest(d.pop("closest"))

        outlier = cls(
            person=person,
            face=face,
            similarity=similarity,
            closest=closest,
        )

        outlier.additional_properties = d
        return outlier

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
