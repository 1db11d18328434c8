from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.face import Face


T = TypeVar("T", bound="Faces")


@_attrs_define
class Faces:
    """The answer to /detect and /embed, largest face first.

    Attributes:
        width (int): Width of the upright image in pixels.
        height (int): Height of the upright image in pixels.
        faces (list[Face]): The faces found, largest first; none is an empty list.
        truncated (bool): More faces were found than max_faces.
        bundle (str): The id of the model; only embeddings and scores of equal ids can be compared.
    """

    width: int
    height: int
    faces: list[Face]
    truncated: bool
    bundle: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        width = self.width

        height = self.height

        faces = []
        for faces_item_data in self.faces:
            faces_item = faces_item_data.to_dict()
            faces.append(faces_item)

        truncated = self.truncated

        bundle = self.bundle

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "width": width,
                "height": height,
                "faces": faces,
                "truncated": truncated,
                "bundle": bundle,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.face import Face  # noqa: PLC0415

        d = dict(src_dict)
        width = d.pop("width")

        height = d.pop("height")

        faces = []
        _faces = d.pop("faces")
        for faces_item_data in _faces:
            faces_item = Face.from_dict(faces_item_data)

            faces.append(faces_item)

        truncated = d.pop("truncated")

        bundle = d.pop("bundle")

        faces = cls(
            width=width,
            height=height,
            faces=faces,
            truncated=truncated,
            bundle=bundle,
        )

        faces.additional_properties = d
        return faces

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
