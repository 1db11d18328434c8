from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.collection_metadata import CollectionMetadata
    from ..models.collection_settings import CollectionSettings


T = TypeVar("T", bound="Collection")


@_attrs_define
class Collection:
    """A gallery of its own.

    Attributes:
        id (str): The collection's id, part of its address.
        name (None | str): For people to read.
        metadata (CollectionMetadata): A JSON object of the client's own, encrypted at rest.
        settings (CollectionSettings): How a collection differs from the service's settings, which hold where a value is
            null.
        bundle (str): The id of the model; only embeddings and scores of equal ids can be compared.
        created_at (datetime.datetime): When it was created, in UTC.
        person_count (int): Persons in it, with and without faces.
        face_count (int): Faces of all of them.
    """

    id: str
    name: None | str
    metadata: CollectionMetadata
    settings: CollectionSettings
    bundle: str
    created_at: datetime.datetime
    person_count: int
    face_count: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        name: None | str
        name = self.name

        metadata = self.metadata.to_dict()

        settings = self.settings.to_dict()

        bundle = self.bundle

        created_at = self.created_at.isoformat()

        person_count = self.person_count

        face_count = self.face_count

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "name": name,
                "metadata": metadata,
                "settings": settings,
                "bundle": bundle,
                "created_at": created_at,
                "person_count": person_count,
                "face_count": face_count,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.collection_metadata import CollectionMetadata  # noqa: PLC0415
        from ..models.collection_settings import CollectionSettings  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        def _parse_name(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        name = _parse_name(d.pop("name"))

        metadata = CollectionMetadata.from_dict(d.pop("metadata"))

        settings = CollectionSettings.from_dict(d.pop("settings"))

        bundle = d.pop("bundle")

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        person_count = d.pop("person_count")

        face_count = d.pop("face_count")

        collection = cls(
            id=id,
            name=name,
            metadata=metadata,
            settings=settings,
            bundle=bundle,
            created_at=created_at,
            person_count=person_count,
            face_count=face_count,
        )

        collection.additional_properties = d
        return collection

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
