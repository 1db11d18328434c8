from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="Agreement")


@_attrs_define
class Agreement:
    """What both models say of a sample: each face against the templates of everybody's others.

    Attributes:
        probes (int): Faces of the sample.
        mated (int): Probes of persons with several faces.
        persons (int): Persons of the sample.
        same_best (float | None): Probes whose best person is the same by both.
        decisions_changed (float | None): Probes whose decision at FACE_FPIR is another; null without calibrations.
        rank1_before (float | None): Mated probes that find their person.
        rank1_after (float | None): The same by the other model.
        pearson (float | None): Correlation of the scores of all comparisons.
        spearman (float | None): Correlation of their ranks.
    """

    probes: int
    mated: int
    persons: int
    same_best: float | None
    decisions_changed: float | None
    rank1_before: float | None
    rank1_after: float | None
    pearson: float | None
    spearman: float | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        probes = self.probes

        mated = self.mated

        persons = self.persons

        same_best: float | None
        same_best = self.same_best

        decisions_changed: float | None
        decisions_changed = self.decisions_changed

        rank1_before: float | None
        rank1_before = self.rank1_before

        rank1_after: float | None
        rank1_after = self.rank1_after

        pearson: float | None
        pearson = self.pearson

        spearman: float | None
        spearman = self.spearman

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "probes": probes,
                "mated": mated,
                "persons": persons,
                "same_best": same_best,
                "decisions_changed": decisions_changed,
                "rank1_before": rank1_before,
                "rank1_after": rank1_after,
                "pearson": pearson,
                "spearman": spearman,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        probes = d.pop("probes")

        mated = d.pop("mated")

        persons = d.pop("persons")

        def _parse_same_best(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        same_best = _parse_same_best(d.pop("same_best"))

        def _parse_decisions_changed(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        decisions_changed = _parse_decisions_changed(d.pop("decisions_changed"))

        def _parse_rank1_before(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        rank1_before = _parse_rank1_before(d.pop("rank1_before"))

        def _parse_rank1_after(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        rank1_after = _parse_rank1_after(d.pop("rank1_after"))

        def _parse_pearson(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        pearson = _parse_pearson(d.pop("pearson"))

        def _parse_spearman(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        spearman = _parse_spearman(d.pop("spearman"))

        agreement = cls(
            probes=probes,
            mated=mated,
            persons=persons,
            same_best=same_best,
            decisions_changed=decisions_changed,
            rank1_before=rank1_before,
            rank1_after=rank1_after,
            pearson=pearson,
            spearman=spearman,
        )

        agreement.additional_properties = d
        return agreement

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
