from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.quality_scale_direction import QualityScaleDirection

if TYPE_CHECKING:
    from ..models.quality_scale_percentiles import QualityScalePercentiles
    from ..models.quality_scale_spearman import QualityScaleSpearman


T = TypeVar("T", bound="QualityScale")


@_attrs_define
class QualityScale:
    """How a norm becomes a quality score.

    Attributes:
        data (str): What the scale was measured on.
        direction (QualityScaleDirection): 1 where a longer feature means a better image.
        center (float): The norm that scores 50.
        width (float): Norm units per unit of log-odds.
        percentiles (QualityScalePercentiles): Norms of undegraded images.
        spearman (QualityScaleSpearman): Of the score with the level of each kind of degradation.
    """

    data: str
    direction: QualityScaleDirection
    center: float
    width: float
    percentiles: QualityScalePercentiles
    spearman: QualityScaleSpearman
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        data = self.data

        direction = self.direction.value

        center = self.center

        width = self.width

        percentiles = self.percentiles.to_dict()

        spearman = self.spearman.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "data": data,
                "direction": direction,
                "center": center,
                "width": width,
                "percentiles": percentiles,
                "spearman": spearman,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.quality_scale_percentiles import QualityScalePercentiles  # noqa: PLC0415
        from ..models.quality_scale_spearman import QualityScaleSpearman  # noqa: PLC0415

        d = dict(src_dict)
        data = d.pop("data")

        direction = QualityScaleDirection(d.pop("direction"))

        center = d.pop("center")

        width = d.pop("width")

        percentiles = QualityScalePercentiles.from_dict(d.pop("percentiles"))

        spearman = QualityScaleSpearman.from_dict(d.pop("spearman"))

        quality_scale = cls(
            data=data,
            direction=direction,
            center=center,
            width=width,
            percentiles=percentiles,
            spearman=spearman,
        )

        quality_scale.additional_properties = d
        return quality_scale

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
