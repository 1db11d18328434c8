from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.b_box import BBox
    from ..models.quality import Quality


T = TypeVar("T", bound="Face")


@_attrs_define
class Face:
    """A face in an image; the null fields do not exist for an aligned crop.

    Attributes:
        bbox (BBox | None): Where the face is.
        landmarks (list[list[float]] | None): Left eye, right eye, nose, left and right mouth corner, as seen; pixels.
        detection_score (float | None): How sure it is that this is a face.
        quality (Quality): How well the face can be recognized.
        embedding (list[float] | None | str): Unit length; null unless asked for.
    """

    bbox: BBox | None
    landmarks: list[list[float]] | None
    detection_score: float | None
    quality: Quality
    embedding: list[float] | None | str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.b_box import BBox  # noqa: PLC0415

        bbox: dict[str, Any] | None
        if isinstance(self.bbox, BBox):
            bbox = self.bbox.to_dict()
        else:
            bbox = self.bbox

        landmarks: list[list[float]] | None
        if isinstance(self.landmarks, list):
            landmarks = []
            for landmarks_type_0_item_data in self.landmarks:
                landmarks_type_0_item = []
                for landmarks_type_0_item_item_data in landmarks_type_0_item_data:
                    landmarks_type_0_item_item: float
                    landmarks_type_0_item_item = landmarks_type_0_item_item_data
                    landmarks_type_0_item.append(landmarks_type_0_item_item)

                landmarks.append(landmarks_type_0_item)

        else:
            landmarks = self.landmarks

        detection_score: float | None
        detection_score = self.detection_score

        quality = self.quality.to_dict()

        embedding: list[float] | None | str
        if isinstance(self.embedding, list):
            embedding = self.embedding

        else:
            embedding = self.embedding

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "bbox": bbox,
                "landmarks": landmarks,
                "detection_score": detection_score,
                "quality": quality,
                "embedding": embedding,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.b_box import BBox  # noqa: PLC0415
        from ..models.quality import Quality  # noqa: PLC0415

        d = dict(src_dict)

        def _parse_bbox(data: object) -> BBox | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                bbox_type_0 = BBox.from_dict(data)

                return bbox_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(BBox | None, data)

        bbox = _parse_bbox(d.pop("bbox"))

        def _parse_landmarks(data: object) -> list[list[float]] | None:
            if data is None:
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                landmarks_type_0 = []
                _landmarks_type_0 = data
                for landmarks_type_0_item_data in _landmarks_type_0:
                    landmarks_type_0_item = []
                    _landmarks_type_0_item = landmarks_type_0_item_data
                    for landmarks_type_0_item_item_data in _landmarks_type_0_item:

                        def _parse_landmarks_type_0_item_item(data: object) -> float:
                            return cast(float, data)

                        landmarks_type_0_item_item = _parse_landmarks_type_0_item_item(landmarks_type_0_item_item_data)

                        landmarks_type_0_item.append(landmarks_type_0_item_item)

                    landmarks_type_0.append(landmarks_type_0_item)

                return landmarks_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[list[float]] | None, data)

        landmarks = _parse_landmarks(d.pop("landmarks"))

        def _parse_detection_score(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        detection_score = _parse_detection_score(d.pop("detection_score"))

        quality = Quality.from_dict(d.pop("quality"))

        def _parse_embedding(data: object) -> list[float] | None | str:
            if data is None:
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                embedding_type_0_type_0 = cast(list[float], data)

                return embedding_type_0_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[float] | None | str, data)

        embedding = _parse_embedding(d.pop("embedding"))

        face = cls(
            bbox=bbox,
            landmarks=landmarks,
            detection_score=detection_score,
            quality=quality,
            embedding=embedding,
        )

        face.additional_properties = d
        return face

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
