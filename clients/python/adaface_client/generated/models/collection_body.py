from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.collection_body_metadata import CollectionBodyMetadata
    from ..models.collection_settings import CollectionSettings


T = TypeVar("T", bound="CollectionBody")


@_attrs_define
class CollectionBody:
    """A collection to be made.

    Attributes:
        id (str): Chosen by the client; part of the addresses of all that is in it.
        name (None | str | Unset): For people to read.
        metadata (CollectionBodyMetadata | Unset): A JSON object of the client's own, encrypted at rest.
        settings (CollectionSettings | Unset): How a collection differs from the service's settings, which hold where a
            value is null.
    """

    id: str
    name: None | str | Unset = UNSET
    metadata: CollectionBodyMetadata | Unset = UNSET
    settings: CollectionSettings | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        name: None | str | Unset
        if isinstance(self.name, Unset):
            name = UNSET
        else:
            name = self.name

        metadata: dict[str, Any] | Unset = UNSET
        if not isinstance(self.metadata, Unset):
            metadata = self.metadata.to_dict()

        settings: dict[str, Any] | Unset = UNSET
        if not isinstance(self.settings, Unset):
            settings = self.settings.to_dict()

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "id": id,
            }
        )
        if name is not UNSET:
            field_dict["name"] = name
        if metadata is not UNSET:
            field_dict["metadata"] = metadata
        if settings is not UNSET:
            field_dict["settings"] = settings

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.collection_body_metadata import CollectionBodyMetadata  # noqa: PLC0415
        from ..models.collection_settings import CollectionSettings  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        def _parse_name(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        name = _parse_name(d.pop("name", UNSET))

        _metadata = d.pop("metadata", UNSET)
        metadata: CollectionBodyMetadata | Unset
        if isinstance(_metadata, Unset):
            metadata = UNSET
        else:
            metadata = CollectionBodyMetadata.from_dict(_metadata)

        _settings = d.pop("settings", UNSET)
        settings: CollectionSettings | Unset
        if isinstance(_settings, Unset):
            settings = UNSET
        else:
            settings = CollectionSettings.from_dict(_settings)

        collection_body = cls(
            id=id,
            name=name,
            metadata=metadata,
            settings=settings,
        )

        return collection_body
