from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="Components")


@_attrs_define
class Components:
    """What a person can see and act on; the null ones are unknown for an aligned crop.

    Names are those of ISO/IEC 29794-5 where it has one, signs of angles those of ISO/IEC 39794-5.

        Attributes:
            sharpness (float): 0 to 1; from the Laplacian of the face.
            luminance_mean (float): 0 to 1; about 0.5 is well exposed.
            luminance_variance (float): 0 to 0.25, of luminances from 0 to 1.
            inter_eye_distance (float | None): Pixels between the eyes in the image.
            head_pose_yaw (float | None): Degrees; positive: looks to their left.
            head_pose_pitch (float | None): Degrees; positive: looks down. The coarsest of the three.
            head_pose_roll (float | None): Degrees; positive: leans to their right shoulder.
            outside_frame (float | None): 0 to 1: share of the face beyond the edge of the image.
    """

    sharpness: float
    luminance_mean: float
    luminance_variance: float
    inter_eye_distance: float | None
    head_pose_yaw: float | None
    head_pose_pitch: float | None
    head_pose_roll: float | None
    outside_frame: float | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        sharpness = self.sharpness

        luminance_mean = self.luminance_mean

        luminance_variance = self.luminance_variance

        inter_eye_distance: float | None
        inter_eye_distance = self.inter_eye_distance

        head_pose_yaw: float | None
        head_pose_yaw = self.head_pose_yaw

        head_pose_pitch: float | None
        head_pose_pitch = self.head_pose_pitch

        head_pose_roll: float | None
        head_pose_roll = self.head_pose_roll

        outside_frame: float | None
        outside_frame = self.outside_frame

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "sharpness": sharpness,
                "luminance_mean": luminance_mean,
                "luminance_variance": luminance_variance,
                "inter_eye_distance": inter_eye_distance,
                "head_pose_yaw": head_pose_yaw,
                "head_pose_pitch": head_pose_pitch,
                "head_pose_roll": head_pose_roll,
                "outside_frame": outside_frame,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        sharpness = d.pop("sharpness")

        luminance_mean = d.pop("luminance_mean")

        luminance_variance = d.pop("luminance_variance")

        def _parse_inter_eye_distance(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        inter_eye_distance = _parse_inter_eye_distance(d.pop("inter_eye_distance"))

        def _parse_head_pose_yaw(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        head_pose_yaw = _parse_head_pose_yaw(d.pop("head_pose_yaw"))

        def _parse_head_pose_pitch(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        head_pose_pitch = _parse_head_pose_pitch(d.pop("head_pose_pitch"))

        def _parse_head_pose_roll(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        head_pose_roll = _parse_head_pose_roll(d.pop("head_pose_roll"))

        def _parse_outside_frame(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        outside_frame = _parse_outside_frame(d.pop("outside_frame"))

        components = cls(
            sharpness=sharpness,
            luminance_mean=luminance_mean,
            luminance_variance=luminance_variance,
            inter_eye_distance=inter_eye_distance,
            head_pose_yaw=head_pose_yaw,
            head_pose_pitch=head_pose_pitch,
            head_pose_roll=head_pose_roll,
            outside_frame=outside_frame,
        )

        components.additional_properties = d
        return components

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
