from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.collection_settings_template_type_0 import CollectionSettingsTemplateType0
from ..types import UNSET, Unset

T = TypeVar("T", bound="CollectionSettings")


@_attrs_define
class CollectionSettings:
    """How a collection differs from the service's settings, which hold where a value is null.

    Attributes:
        fpir (float | None | Unset): Default false positive rate of searches; either this or threshold.
        threshold (float | None | Unset): Default similarity that searches decide at, in place of fpir.
        min_quality (float | None | Unset): Faces of a lower quality score are not enrolled, and make a search
            inconclusive.
        retention_days (int | None | Unset): Persons are deleted so many days after they were created, or when they
            expire.
        keep_crops (bool | None | Unset): Whether the aligned crop of each new face is kept, encrypted, so that another
            model can be changed to.
        template (CollectionSettingsTemplateType0 | None | Unset): What a person is compared by: the sum of the faces'
            features (null means this), the mean of their directions, or the most similar face.
    """

    fpir: float | None | Unset = UNSET
    threshold: float | None | Unset = UNSET
    min_quality: float | None | Unset = UNSET
    retention_days: int | None | Unset = UNSET
    keep_crops: bool | None | Unset = UNSET
    template: CollectionSettingsTemplateType0 | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        fpir: float | None | Unset
        if isinstance(self.fpir, Unset):
            fpir = UNSET
        else:
            fpir = self.fpir

        threshold: float | None | Unset
        if isinstance(self.threshold, Unset):
            threshold = UNSET
        else:
            threshold = self.threshold

        min_quality: float | None | Unset
        if isinstance(self.min_quality, Unset):
            min_quality = UNSET
        else:
            min_quality = self.min_quality

        retention_days: int | None | Unset
        if isinstance(self.retention_days, Unset):
            retention_days = UNSET
        else:
            retention_days = self.retention_days

        keep_crops: bool | None | Unset
        if isinstance(self.keep_crops, Unset):
            keep_crops = UNSET
        else:
            keep_crops = self.keep_crops

        template: None | str | Unset
        if isinstance(self.template, Unset):
            template = UNSET
        elif isinstance(self.template, CollectionSettingsTemplateType0):
            template = self.template.value
        else:
            template = self.template

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if fpir is not UNSET:
            field_dict["fpir"] = fpir
        if threshold is not UNSET:
            field_dict["threshold"] = threshold
        if min_quality is not UNSET:
            field_dict["min_quality"] = min_quality
        if retention_days is not UNSET:
            field_dict["retention_days"] = retention_days
        if keep_crops is not UNSET:
            field_dict["keep_crops"] = keep_crops
        if template is not UNSET:
            field_dict["template"] = template

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_fpir(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        fpir = _parse_fpir(d.pop("fpir", UNSET))

        def _parse_threshold(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        threshold = _parse_threshold(d.pop("threshold", UNSET))

        def _parse_min_quality(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        min_quality = _parse_min_quality(d.pop("min_quality", UNSET))

        def _parse_retention_days(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        retention_days = _parse_retention_days(d.pop("retention_days", UNSET))

        def _parse_keep_crops(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(bool | None | Unset, data)

        keep_crops = _parse_keep_crops(d.pop("keep_crops", UNSET))

        def _parse_template(data: object) -> CollectionSettingsTemplateType0 | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                template_type_0 = CollectionSettingsTemplateType0(data)

                return template_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(CollectionSettingsTemplateType0 | None | Unset, data)

        template = _parse_template(d.pop("template", UNSET))

        collection_settings = cls(
            fpir=fpir,
            threshold=threshold,
            min_quality=min_quality,
            retention_days=retention_days,
            keep_crops=keep_crops,
            template=template,
        )

        return collection_settings
