from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="OperatingPoint")


@_attrs_define
class OperatingPoint:
    """A calibrated threshold and the evidence for it.

    Attributes:
        fmr (float): The false match rate promised.
        threshold (float): The similarity that keeps it.
        false_matches (int): Comparisons of strangers at or above the threshold.
        fmr_lower (float): 95 % interval, people drawn anew.
        fmr_upper (float): 95 % interval, people drawn anew.
        tmr (float | None): Share of genuine comparisons at or above the threshold.
        tmr_lower (float | None): 95 % interval, people drawn anew.
        tmr_upper (float | None): 95 % interval, people drawn anew.
        threshold_lower (float | None): 95 % interval, people drawn anew; between the two a decision is inconclusive.
        threshold_upper (float | None): The upper end of that interval.
        supported (bool): At least 3 / fmr comparisons of strangers were made.
    """

    fmr: float
    threshold: float
    false_matches: int
    fmr_lower: float
    fmr_upper: float
    tmr: float | None
    tmr_lower: float | None
    tmr_upper: float | None
    threshold_lower: float | None
    threshold_upper: float | None
    supported: bool
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        fmr = self.fmr

        threshold = self.threshold

        false_matches = self.false_matches

        fmr_lower = self.fmr_lower

        fmr_upper = self.fmr_upper

        tmr: float | None
        tmr = self.tmr

        tmr_lower: float | None
        tmr_lower = self.tmr_lower

        tmr_upper: float | None
        tmr_upper = self.tmr_upper

        threshold_lower: float | None
        threshold_lower = self.threshold_lower

        threshold_upper: float | None
        threshold_upper = self.threshold_upper

        supported = self.supported

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "fmr": fmr,
                "threshold": threshold,
                "false_matches": false_matches,
                "fmr_lower": fmr_lower,
                "fmr_upper": fmr_upper,
                "tmr": tmr,
                "tmr_lower": tmr_lower,
                "tmr_upper": tmr_upper,
                "threshold_lower": threshold_lower,
                "threshold_upper": threshold_upper,
                "supported": supported,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        fmr = d.pop("fmr")

        threshold = d.pop("threshold")

        false_matches = d.pop("false_matches")

        fmr_lower = d.pop("fmr_lower")

        fmr_upper = d.pop("fmr_upper")

        def _parse_tmr(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        tmr = _parse_tmr(d.pop("tmr"))

        def _parse_tmr_lower(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        tmr_lower = _parse_tmr_lower(d.pop("tmr_lower"))

        def _parse_tmr_upper(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        tmr_upper = _parse_tmr_upper(d.pop("tmr_upper"))

        def _parse_threshold_lower(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        threshold_lower = _parse_threshold_lower(d.pop("threshold_lower"))

        def _parse_threshold_upper(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        threshold_upper = _parse_threshold_upper(d.pop("threshold_upper"))

        supported = d.pop("supported")

        operating_point = cls(
            fmr=fmr,
            threshold=threshold,
            false_matches=false_matches,
            fmr_lower=fmr_lower,
            fmr_upper=fmr_upper,
            tmr=tmr,
            tmr_lower=tmr_lower,
            tmr_upper=tmr_upper,
            threshold_lower=threshold_lower,
            threshold_upper=threshold_upper,
            supported=supported,
        )

        operating_point.additional_properties = d
        return operating_point

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
