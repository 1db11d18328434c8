from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.identified import Identified


T = TypeVar("T", bound="Identification")


@_attrs_define
class Identification:
    """The answer to /identify. What only a calibration can tell is null where there is none.

    Attributes:
        collection (str): The collection searched.
        person_count (int): Persons searched.
        threshold (float): The similarity from which a person is a candidate.
        fpir (float | None): Chance that a stranger is given a name, per face searched.
        fmr (float | None): The rate per comparison that belongs to it.
        fpir_supported (bool | None): False where the rate is extrapolated.
        results (list[Identified]): One for each face, largest first, or each embedding in the order given.
        truncated (bool): More faces were found than `max_faces`.
        bundle (str): The id of the model; only embeddings and scores of equal ids can be compared.
    """

    collection: str
    person_count: int
    threshold: float
    fpir: float | None
    fmr: float | None
    fpir_supported: bool | None
    results: list[Identified]
    truncated: bool
    bundle: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        collection = self.collection

        person_count = self.person_count

        threshold = self.threshold

        fpir: float | None
        fpir = self.fpir

        fmr: float | None
        fmr = self.fmr

        fpir_supported: bool | None
        fpir_supported = self.fpir_supported

        results = []
        for results_item_data in self.results:
            results_item = results_item_data.to_dict()
            results.append(results_item)

        truncated = self.truncated

        bundle = self.bundle

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "collection": collection,
                "person_count": person_count,
                "threshold": threshold,
                "fpir": fpir,
                "fmr": fmr,
                "fpir_supported": fpir_supported,
                "results": results,
                "truncated": truncated,
                "bundle": bundle,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.identified import Identified  # noqa: PLC0415

        d = dict(src_dict)
        collection = d.pop("collection")

        person_count = d.pop("person_count")

        threshold = d.pop("threshold")

        def _parse_fpir(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        fpir = _parse_fpir(d.pop("fpir"))

        def _parse_fmr(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        fmr = _parse_fmr(d.pop("fmr"))

        def _parse_fpir_supported(data: object) -> bool | None:
            if data is None:
                return data
            return cast(bool | None, data)

        fpir_supported = _parse_fpir_supported(d.pop("fpir_supported"))

        results = []
        _results = d.pop("results")
        for results_item_data in _results:
            results_item = Identified.from_dict(results_item_data)

            results.append(results_item)

        truncated = d.pop("truncated")

        bundle = d.pop("bundle")

        identification = cls(
            collection=collection,
            person_count=person_count,
            threshold=threshold,
            fpir=fpir,
            fmr=fmr,
            fpir_supported=fpir_supported,
            results=results,
            truncated=truncated,
            bundle=bundle,
        )

        identification.additional_properties = d
        return identification

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
