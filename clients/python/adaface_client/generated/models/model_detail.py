from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.model_detail_files import ModelDetailFiles
    from ..models.model_detail_loss_constants import ModelDetailLossConstants
    from ..models.model_detail_metrics import ModelDetailMetrics
    from ..models.operating_point import OperatingPoint
    from ..models.quality_scale import QualityScale


T = TypeVar("T", bound="ModelDetail")


@_attrs_define
class ModelDetail:
    """A loaded bundle with its model card.

    Attributes:
        id (str): The id of the model; only embeddings and scores of equal ids can be compared.
        name (str): The name, which versions share.
        version (str): The version.
        architecture (str): The recognizer's network.
        loss (str): What the recognizer was trained with.
        embedding_size (int): Numbers of an embedding.
        alignment (str): How faces are cut out for the recognizer.
        license_ (str): The license of the weights.
        training_data (list[str]): What the networks were trained on.
        provider (str): What the networks run on, as FACE_PROVIDER names it.
        calibrated (bool): Whether error rates and quality scores are known.
        impostors (int): Comparisons of strangers the thresholds stand on.
        genuines (int): Comparisons of faces of one person among them.
        thresholds (list[OperatingPoint]): From the largest false match rate.
        metrics (ModelDetailMetrics): What was measured, by name.
        created (datetime.date): The day it was made.
        parameters (int): Weights of the recognizer.
        loss_constants (ModelDetailLossConstants): The loss's constants, by name.
        flip_fusion (bool): Whether an embedding is the sum over a crop and its mirror.
        files (ModelDetailFiles): SHA-256 of each file, in hex.
        score_data (None | str): What the thresholds were measured on.
        cllr (float | None): Cost of the probabilities, in bits; 1 says nothing.
        min_cllr (float | None): What it would be at best with these similarities.
        quality (None | QualityScale): Null where the bundle is not calibrated.
        card (None | str): MODEL_CARD.md, also at /models/{name}/card.
    """

    id: str
    name: str
    version: str
    architecture: str
    loss: str
    embedding_size: int
    alignment: str
    license_: str
    training_data: list[str]
    provider: str
    calibrated: bool
    impostors: int
    genuines: int
    thresholds: list[OperatingPoint]
    metrics: ModelDetailMetrics
    created: datetime.date
    parameters: int
    loss_constants: ModelDetailLossConstants
    flip_fusion: bool
    files: ModelDetailFiles
    score_data: None | str
    cllr: float | None
    min_cllr: float | None
    quality: None | QualityScale
    card: None | str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.quality_scale import QualityScale  # noqa: PLC0415

        id = self.id

        name = self.name

        version = self.version

        architecture = self.architecture

        loss = self.loss

        embedding_size = self.embedding_size

        alignment = self.alignment

        license_ = self.license_

        training_data = self.training_data

        provider = self.provider

        calibrated = self.calibrated

        impostors = self.impostors

        genuines = self.genuines

        thresholds = []
        for thresholds_item_data in self.thresholds:
            thresholds_item = thresholds_item_data.to_dict()
            thresholds.append(thresholds_item)

        metrics = self.metrics.to_dict()

        created = self.created.isoformat()

        parameters = self.parameters

        loss_constants = self.loss_constants.to_dict()

        flip_fusion = self.flip_fusion

        files = self.files.to_dict()

        score_data: None | str
        score_data = self.score_data

        cllr: float | None
        cllr = self.cllr

        min_cllr: float | None
        min_cllr = self.min_cllr

        quality: dict[str, Any] | None
        if isinstance(self.quality, QualityScale):
            quality = self.quality.to_dict()
        else:
            quality = self.quality

        card: None | str
        card = self.card

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "name": name,
                "version": version,
                "architecture": architecture,
                "loss": loss,
                "embedding_size": embedding_size,
                "alignment": alignment,
                "license": license_,
                "training_data": training_data,
                "provider": provider,
                "calibrated": calibrated,
                "impostors": impostors,
                "genuines": genuines,
                "thresholds": thresholds,
                "metrics": metrics,
                "created": created,
                "parameters": parameters,
                "loss_constants": loss_constants,
                "flip_fusion": flip_fusion,
                "files": files,
                "score_data": score_data,
                "cllr": cllr,
                "min_cllr": min_cllr,
                "quality": quality,
                "card": card,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.model_detail_files import ModelDetailFiles  # noqa: PLC0415
        from ..models.model_detail_loss_constants import ModelDetailLossConstants  # noqa: PLC0415
        from ..models.model_detail_metrics import ModelDetailMetrics  # noqa: PLC0415
        from ..models.operating_point import OperatingPoint  # noqa: PLC0415
        from ..models.quality_scale import QualityScale  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        name = d.pop("name")

        version = d.pop("version")

        architecture = d.pop("architecture")

        loss = d.pop("loss")

        embedding_size = d.pop("embedding_size")

        alignment = d.pop("alignment")

        license_ = d.pop("license")

        training_data = cast(list[str], d.pop("training_data"))

        provider = d.pop("provider")

        calibrated = d.pop("calibrated")

        impostors = d.pop("impostors")

        genuines = d.pop("genuines")

        thresholds = []
        _thresholds = d.pop("thresholds")
        for thresholds_item_data in _thresholds:
            thresholds_item = OperatingPoint.from_dict(thresholds_item_data)

            thresholds.append(thresholds_item)

        metrics = ModelDetailMetrics.from_dict(d.pop("metrics"))

        created = datetime.date.fromisoformat(d.pop("created"))

        parameters = d.pop("parameters")

        loss_constants = ModelDetailLossConstants.from_dict(d.pop("loss_constants"))

        flip_fusion = d.pop("flip_fusion")

        files = ModelDetailFiles.from_dict(d.pop("files"))

        def _parse_score_data(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        score_data = _parse_score_data(d.pop("score_data"))

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

        def _parse_quality(data: object) -> None | QualityScale:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                quality_type_0 = QualityScale.from_dict(data)

                return quality_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | QualityScale, data)

        quality = _parse_quality(d.pop("quality"))

        def _parse_card(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        card = _parse_card(d.pop("card"))

        model_detail = cls(
            id=id,
            name=name,
            version=version,
            architecture=architecture,
            loss=loss,
            embedding_size=embedding_size,
            alignment=alignment,
            license_=license_,
            training_data=training_data,
            provider=provider,
            calibrated=calibrated,
            impostors=impostors,
            genuines=genuines,
            thresholds=thresholds,
            metrics=metrics,
            created=created,
            parameters=parameters,
            loss_constants=loss_constants,
            flip_fusion=flip_fusion,
            files=files,
            score_data=score_data,
            cllr=cllr,
            min_cllr=min_cllr,
            quality=quality,
            card=card,
        )

        model_detail.additional_properties = d
        return model_detail

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
