from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.model_metrics import ModelMetrics
    from ..models.operating_point import OperatingPoint


T = TypeVar("T", bound="Model")


@_attrs_define
class Model:
    """The running bundle.

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
        metrics (ModelMetrics): What was measured, by name.
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
    metrics: ModelMetrics
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
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
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.model_metrics import ModelMetrics  # noqa: PLC0415
        from ..models.operating_point import OperatingPoint  # noqa: PLC0415

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

        metrics = ModelMetrics.from_dict(d.pop("metrics"))

        model = cls(
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
        )

        model.additional_properties = d
        return model

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
