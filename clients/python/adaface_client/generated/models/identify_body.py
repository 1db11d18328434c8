from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="IdentifyBody")


@_attrs_define
class IdentifyBody:
    """An image whose faces are searched, images that show one person together, or embeddings.

    Attributes:
        image (None | str | Unset): An image in base64; each of its faces is searched for.
        images (list[str] | Unset): Photographs of one person, one face each, who is searched for once.
        embeddings (list[list[float] | str] | Unset): Embeddings, each of which is searched for.
        bundle (None | str | Unset): The model that the embeddings are of, where it is not the one in service.
    """

    image: None | str | Unset = UNSET
    images: list[str] | Unset = UNSET
    embeddings: list[list[float] | str] | Unset = UNSET
    bundle: None | str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        image: None | str | Unset
        if isinstance(self.image, Unset):
            image = UNSET
        else:
            image = self.image

        images: list[str] | Unset = UNSET
        if not isinstance(self.images, Unset):
            images = self.images

        embeddings: list[list[float] | str] | Unset = UNSET
        if not isinstance(self.embeddings, Unset):
            embeddings = []
            for embeddings_item_data in self.embeddings:
                embeddings_item: list[float] | str
                if isinstance(embeddings_item_data, list):
                    embeddings_item = embeddings_item_data

                else:
                    embeddings_item = embeddings_item_data
                embeddings.append(embeddings_item)

        bundle: None | str | Unset
        if isinstance(self.bundle, Unset):
            bundle = UNSET
        else:
            bundle = self.bundle

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if image is not UNSET:
            field_dict["image"] = image
        if images is not UNSET:
            field_dict["images"] = images
        if embeddings is not UNSET:
            field_dict["embeddings"] = embeddings
        if bundle is not UNSET:
            field_dict["bundle"] = bundle

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_image(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        image = _parse_image(d.pop("image", UNSET))

        images = cast(list[str], d.pop("images", UNSET))

        _embeddings = d.pop("embeddings", UNSET)
        embeddings: list[list[float] | str] | Unset = UNSET
        if _embeddings is not UNSET:
            embeddings = []
            for embeddings_item_data in _embeddings:

                def _parse_embeddings_item(data: object) -> list[float] | str:
                    try:
                        if not isinstance(data, list):
                            raise TypeError()
                        embeddings_item_type_0 = cast(list[float], data)

                        return embeddings_item_type_0
                    except (TypeError, ValueError, AttributeError, KeyError):
                        pass
                    return cast(list[float] | str, data)

                embeddings_item = _parse_embeddings_item(embeddings_item_data)

                embeddings.append(embeddings_item)

        def _parse_bundle(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        bundle = _parse_bundle(d.pop("bundle", UNSET))

        identify_body = cls(
            image=image,
            images=images,
            embeddings=embeddings,
            bundle=bundle,
        )

        return identify_body
