from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.operating_point import OperatingPoint


T = TypeVar("T", bound="Calibration")


@_attrs_define
class Calibration:
    """Thresholds that were measured on the people of a collection.

    Attributes:
        collection (str): The collection measured.
        bundle (str): The id of the model; only embeddings and scores of equal ids can be compared.
        created_at (datetime.datetime): When it was created, in UTC.
        persons (int): Persons measured.
        faces (int): Faces measured.
        impostors (int): Comparisons of strangers.
        genuines (int): Comparisons of faces of one person.
        cllr (float | None): Cost of the probabilities, in bits; 1 says nothing.
        min_cllr (float | None): What it would be at best with these similarities.
        thresholds (list[OperatingPoint]): From the largest false match rate.
    """

    collection: str
    bundle: str
    created_at: datetime.datetime
    persons: int
    faces: int
    impostors: int
    genuines: int
    cllr: float | None
    min_cllr: float | None
    thresholds: list[OperatingPoint]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        collection = self.collection

        bundle = self.bundle

        created_at = self.created_at.isoformat()

        persons = self.persons

        faces = self.faces

        impostors = self.impostors

        genuines = self.genuines

        cllr: float | None
        cllr = self.cllr

        min_cllr: float | None
        min_cllr = self.min_cllr

        thresholds = []
        for thresholds_item_data in self.thresholds:
            thresholds_item = thresholds_item_data.to_dict()
            thresholds.append(thresholds_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "collection": collection,
                "bundle": bundle,
                "created_at": created_at,
                "persons": persons,
                "faces": faces,
                "impostors": impostors,
                "genuines": genuines,
                "cllr": cllr,
                "min_cllr": min_cllr,
                "thresholds": thresholds,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.operating_point import OperatingPoint  # noqa: PLC0415

        d = dict(src_dict)
        collection = d.pop("collection")

        bundle = d.pop("bundle")

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        persons = d.pop("persons")

        faces = d.pop("faces")

        impostors = d.pop("impostors")

        genuines = d.pop("genuines")

        def _parse_cllr(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        cllr = _parse_cllr(d.pop("cllr"))

        def _parse_min_cllr(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        min_cllr = _parse_min_cllr(d.pop("min_cllr"))

        thresholds = []
        _thresholds = d.pop("thresholds")
        for thresholds_item_data in _thresholds:
            thresholds_item = OperatingPoint.from_dict(thresholds_item_data)

            thresholds.append(thresholds_item)

        calibration = cls(
            collection=collection,
            bundle=bundle,
            created_at=created_at,
            persons=persons,
            faces=faces,
            impostors=impostors,
            genuines=genuines,
            cllr=cllr,
            min_cllr=min_cllr,
            thresholds=thresholds,
        )

        calibration.additional_properties = d
        return calibration

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
