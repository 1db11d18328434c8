from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.collection_patch_metadata_type_0 import CollectionPatchMetadataType0
    from ..models.collection_settings import CollectionSettings


T = TypeVar("T", bound="CollectionPatch")


@_attrs_define
class CollectionPatch:
    """What changes; `metadata` and `settings` are merged, and null takes a member away (RFC 7396).

    Attributes:
        name (None | str | Unset): Another name, or null for none.
        metadata (CollectionPatchMetadataType0 | None | Unset): Members that change.
        settings (CollectionSettings | None | Unset): Settings that change.
    """

    name: None | str | Unset = UNSET
    metadata: CollectionPatchMetadataType0 | None | Unset = UNSET
    settings: CollectionSettings | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        from ..models.collection_patch_metadata_type_0 import (
            CollectionPatchMetadataType0,  # noqa: PLC0415
        )
        from ..models.collection_settings import CollectionSettings  # noqa: PLC0415

        name: None | str | Unset
        if isinstance(self.name, Unset):
            name = UNSET
        else:
            name = self.name

        metadata: dict[str, Any] | None | Unset
        if isinstance(self.metadata, Unset):
            metadata = UNSET
        elif isinstance(self.metadata, CollectionPatchMetadataType0):
            metadata = self.metadata.to_dict()
        else:
            metadata = self.metadata

        settings: dict[str, Any] | None | Unset
        if isinstance(self.settings, Unset):
            settings = UNSET
        elif isinstance(self.settings, CollectionSettings):
            settings = self.settings.to_dict()
        else:
            settings = self.settings

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if name is not UNSET:
            field_dict["name"] = name
        if metadata is not UNSET:
            field_dict["metadata"] = metadata
        if settings is not UNSET:
            field_dict["settings"] = settings

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.collection_patch_metadata_type_0 import (
            CollectionPatchMetadataType0,  # noqa: PLC0415
        )
        from ..models.collection_settings import CollectionSettings  # noqa: PLC0415

        d = dict(src_dict)

        def _parse_name(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        name = _parse_name(d.pop("name", UNSET))

        def _parse_metadata(data: object) -> CollectionPatchMetadataType0 | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                metadata_type_0 = CollectionPatchMetadataType0.from_dict(data)

                return metadata_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(CollectionPatchMetadataType0 | None | Unset, data)

        metadata = _parse_metadata(d.pop("metadata", UNSET))

        def _parse_settings(data: object) -> CollectionSettings | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                settings_type_0 = CollectionSettings.from_dict(data)

                return settings_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(CollectionSettings | None | Unset, data)

        settings = _parse_settings(d.pop("settings", UNSET))

        collection_patch = cls(
            name=name,
            metadata=metadata,
            settings=settings,
        )

        return collection_patch
