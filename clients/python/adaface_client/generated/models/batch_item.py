from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.failing import Failing
    from ..models.pictured import Pictured


T = TypeVar("T", bound="BatchItem")


@_attrs_define
class BatchItem:
    """The answer for one image; either `image` or `problem` is there.

    Attributes:
        index (int): Position among the images sent.
        status (int): The HTTP status it would have had alone.
        image (None | Pictured): What the image shows; null beside a problem.
        problem (Failing | None): Why there is no answer; null beside an image.
    """

    index: int
    status: int
    image: None | Pictured
    problem: Failing | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.failing import Failing  # noqa: PLC0415
        from ..models.pictured import Pictured  # noqa: PLC0415

        index = self.index

        status = self.status

        image: dict[str, Any] | None
        if isinstance(self.image, Pictured):
            image = self.image.to_dict()
        else:
            image = self.image

        problem: dict[str, Any] | None
        if isinstance(self.problem, Failing):
            problem = self.problem.to_dict()
        else:
            problem = self.problem

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "index": index,
                "status": status,
                "image": image,
                "problem": problem,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.failing import Failing  # noqa: PLC0415
        from ..models.pictured import Pictured  # noqa: PLC0415

        d = dict(src_dict)
        index = d.pop("index")

        status = d.pop("status")

        def _parse_image(data: object) -> None | Pictured:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                image_type_0 = Pictured.from_dict(data)

                return image_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Pictured, data)

        image = _parse_image(d.pop("image"))

        def _parse_problem(data: object) -> Failing | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                problem_type_0 = Failing.from_dict(data)

                return problem_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(Failing | None, data)

        problem = _parse_problem(d.pop("problem"))

        batch_item = cls(
            index=index,
            status=status,
            image=image,
            problem=problem,
        )

        batch_item.additional_properties = d
        return batch_item

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
