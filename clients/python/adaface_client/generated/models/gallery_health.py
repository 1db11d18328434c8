from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.outlier import Outlier
    from ..models.suspects import Suspects
    from ..models.weak import Weak


T = TypeVar("T", bound="GalleryHealth")


@_attrs_define
class GalleryHealth:
    """What was found among one page of persons, each compared with the whole collection.

    Attributes:
        collection (str): The collection examined.
        bundle (str): The id of the model; only embeddings and scores of equal ids can be compared.
        person_count (int): Persons searched.
        examined (int): Persons of this page.
        threshold (float): The similarity from which two persons are suspected.
        fit_threshold (float): The similarity below which a face is an outlier.
        outliers (list[Outlier]): Faces unlike the others of their person.
        duplicates (list[Suspects]): Each pair is told once, by its older person.
        weak (list[Weak]): Persons who will hardly be found.
        next_ (None | str): Pass as `after` for the next page; null on the last one.
    """

    collection: str
    bundle: str
    person_count: int
    examined: int
    threshold: float
    fit_threshold: float
    outliers: list[Outlier]
    duplicates: list[Suspects]
    weak: list[Weak]
    next_: None | str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        collection = self.collection

        bundle = self.bundle

        person_count = self.person_count

        examined = self.examined

        threshold = self.threshold

        fit_threshold = self.fit_threshold

        outliers = []
        for outliers_item_data in self.outliers:
            outliers_item = outliers_item_data.to_dict()
            outliers.append(outliers_item)

        duplicates = []
        for duplicates_item_data in self.duplicates:
            duplicates_item = duplicates_item_data.to_dict()
            duplicates.append(duplicates_item)

        weak = []
        for weak_item_data in self.weak:
            weak_item = weak_item_data.to_dict()
            weak.append(weak_item)

        next_: None | str
        next_ = self.next_

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "collection": collection,
                "bundle": bundle,
                "person_count": person_count,
                "examined": examined,
                "threshold": threshold,
                "fit_threshold": fit_threshold,
                "outliers": outliers,
                "duplicates": duplicates,
                "weak": weak,
                "next": next_,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.outlier import Outlier  # noqa: PLC0415
        from ..models.suspects import Suspects  # noqa: PLC0415
        from ..models.weak import Weak  # noqa: PLC0415

        d = dict(src_dict)
        collection = d.pop("collection")

        bundle = d.pop("bundle")

        person_count = d.pop("person_count")

        examined = d.pop("examined")

        threshold = d.pop("threshold")

        fit_threshold = d.pop("fit_threshold")

        outliers = []
        _outliers = d.pop("outliers")
        for outliers_item_data in _outliers:
            outliers_item = Outlier.from_dict(outliers_item_data)

            outliers.append(outliers_item)

        duplicates = []
        _duplicates = d.pop("duplicates")
        for duplicates_item_data in _duplicates:
            duplicates_item = Suspects.from_dict(duplicates_item_data)

            duplicates.append(duplicates_item)

        weak = []
        _weak = d.pop("weak")
        for weak_item_data in _weak:
            weak_item = Weak.from_dict(weak_item_data)

            weak.append(weak_item)

        def _parse_next_(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        next_ = _parse_next_(d.pop("next"))

        gallery_health = cls(
            collection=collection,
            bundle=bundle,
            person_count=person_count,
            examined=examined,
            threshold=threshold,
            fit_threshold=fit_threshold,
            outliers=outliers,
            duplicates=duplicates,
            weak=weak,
            next_=next_,
        )

        gallery_health.additional_properties = d
        return gallery_health

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
