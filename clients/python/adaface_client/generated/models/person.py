from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.person_metadata import PersonMetadata


T = TypeVar("T", bound="Person")


@_attrs_define
class Person:
    """A person of a collection.

    Attributes:
        id (str): The person's id, part of their address.
        name (None | str): The person's name; several may have the same.
        external_id (None | str): The person's id elsewhere.
        metadata (PersonMetadata): A JSON object of the client's own, encrypted at rest.
        consent_reference (None | str): Where the person's consent is on file.
        expires_at (datetime.datetime | None): From then on the person is not found, and a minute later deleted with
            every template.
        created_at (datetime.datetime): When it was created, in UTC.
        face_count (int): Faces kept of the person.
    """

    id: str
    name: None | str
    external_id: None | str
    metadata: PersonMetadata
    consent_reference: None | str
    expires_at: datetime.datetime | None
    created_at: datetime.datetime
    face_count: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        name: None | str
        name = self.name

        external_id: None | str
        external_id = self.external_id

        metadata = self.metadata.to_dict()

        consent_reference: None | str
        consent_reference = self.consent_reference

        expires_at: None | str
        if isinstance(self.expires_at, datetime.datetime):
            expires_at = self.expires_at.isoformat()
        else:
            expires_at = self.expires_at

        created_at = self.created_at.isoformat()

        face_count = self.face_count

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "name": name,
                "external_id": external_id,
                "metadata": metadata,
                "consent_reference": consent_reference,
                "expires_at": expires_at,
                "created_at": created_at,
                "face_count": face_count,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.person_metadata import PersonMetadata  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        def _parse_name(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        name = _parse_name(d.pop("name"))

        def _parse_external_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        external_id = _parse_external_id(d.pop("external_id"))

        metadata = PersonMetadata.from_dict(d.pop("metadata"))

        def _parse_consent_reference(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        consent_reference = _parse_consent_reference(d.pop("consent_reference"))

        def _parse_expires_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                expires_at_type_0 = datetime.datetime.fromisoformat(data)

                return expires_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        expires_at = _parse_expires_at(d.pop("expires_at"))

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        face_count = d.pop("face_count")

        person = cls(
            id=id,
            name=name,
            external_id=external_id,
            metadata=metadata,
            consent_reference=consent_reference,
            expires_at=expires_at,
            created_at=created_at,
            face_count=face_count,
        )

        person.additional_properties = d
        return person

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
