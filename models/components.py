"""What one can see of a face image and act on, by the names of ISO/IEC 29794-5 where it has one.

Values are measures (pixels, degrees, shares), not the 0 to 100 that OFIQ maps its own to: those
maps are fitted to portraits for documents.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from models.alignment import TEMPLATE, DegenerateLandmarks, similarity

FACE = (slice(20, 104), slice(20, 92))  # rows and columns of the crop that are skin, not hair
_EYES: Final = float(TEMPLATE[1, 0] - TEMPLATE[0, 0])  # 35 pixels of the crop between them
# Depth of the points towards the camera, in eye distances: the tip of the nose is about 28 mm, the
# corners of the mouth about 5 mm before the eyes, which are 63 mm apart.
_DEPTH: Final = np.array([0.0, 0.0, 0.44, 0.08, 0.08])
_ACROSS: Final = 12  # points of the face, each way, that are looked for in the image


class Components(NamedTuple):
    """The last five are None for a crop that came aligned, of which nobody knows them."""

    sharpness: float  # 0 to 1: variance of the Laplacian of the face, saturating
    luminance_mean: float  # 0 to 1; about 0.5 is well exposed
    luminance_variance: float  # 0 to 0.25, of luminances in 0 to 1
    inter_eye_distance: float | None = None  # pixels of the photograph
    head_pose_yaw: float | None = None  # degrees; positive: looks to their left
    head_pose_pitch: float | None = None  # degrees; positive: looks down
    head_pose_roll: float | None = None  # degrees; positive: leans to their right shoulder
    outside_frame: float | None = None  # 0 to 1: share of the face beyond the image's edge


def components(
    crop: NDArray[np.uint8],
    landmarks: NDArray[np.floating] | None = None,
    frame: tuple[int, int] | None = None,
) -> Components:
    """The component measures of an aligned (112, 112, 3) RGB crop.

    `landmarks` (5, 2) are in pixels of the photograph, `frame` is its width and height. Angles are
    signed as in ISO/IEC 39794-5, and 0 for the mean face of the alignment template.
    """
    luma = cv2.cvtColor(crop[FACE], cv2.COLOR_RGB2GRAY)
    texture = float(cv2.Laplacian(luma, cv2.CV_32F).var())
    sharpness, mean, variance = (
        round(texture / (texture + 150.0), 4),
        round(float(luma.mean()) / 255, 4),
        round(float(luma.var()) / 255**2, 4),
    )
    if landmarks is None:
        return Components(sharpness, mean, variance)
    points = landmarks.astype(np.float64)
    yaw, pitch, roll = pose(points)
    return Components(
        sharpness,
        mean,
        variance,
        inter_eye_distance=round(float(np.hypot(*(points[1] - points[0]))), 2),
        head_pose_yaw=round(yaw, 1),
        head_pose_pitch=round(pitch, 1),
        head_pose_roll=round(roll, 1),
        outside_frame=None if frame is None else round(_outside(points, frame), 4),
    )


def _mean_face() -> NDArray[np.float64]:
    """(5, 3) in eye distances: x to the right of the image, y down, z to the camera."""
    flat = TEMPLATE / _EYES
    mirrored = (flat * [-1, 1])[[1, 0, 2, 4, 3]]  # the template itself is not quite symmetric
    flat = (flat - flat.mean(axis=0) + mirrored - mirrored.mean(axis=0)) / 2
    face = np.column_stack([flat, _DEPTH])
    centered: NDArray[np.float64] = face - face.mean(axis=0)
    return centered


_MEAN_FACE: Final = _mean_face()
_TO_CAMERA: Final = np.linalg.pinv(_MEAN_FACE)


def pose(landmarks: NDArray[np.float64]) -> tuple[float, float, float]:
    """Yaw, pitch and roll in degrees, from (5, 2) landmarks.

    The scaled orthographic camera that fits the mean face best (DeMenthon and Davis, 1995, without
    the iteration), its two rows made orthonormal. Tried on synthetic heads only; pitch
    also follows the proportions of a face.
    """
    camera = (_TO_CAMERA @ (landmarks - landmarks.mean(axis=0))).T
    left, lengths, right = np.linalg.svd(camera, full_matrices=False)
    if lengths[1] < 1e-9:  # points on one line have no pose
        return 0.0, 0.0, 0.0
    across, down = left @ right
    ahead = np.cross(across, down)
    yaw = np.arcsin(np.clip(-ahead[0], -1, 1))
    pitch = -np.arctan2(ahead[1], ahead[2])
    roll = -np.arctan2(down[0], across[0])
    return float(np.degrees(yaw)), float(np.degrees(pitch)), float(np.degrees(roll))


def _outside(landmarks: NDArray[np.float64], frame: tuple[int, int]) -> float:
    """The share of the face's area that is beyond the edges of a frame (width, height)."""
    try:
        matrix = similarity(landmarks)
    except DegenerateLandmarks:
        return 0.0
    rows, columns = FACE
    grid = np.meshgrid(
        np.linspace(columns.start, columns.stop, _ACROSS),
        np.linspace(rows.start, rows.stop, _ACROSS),
    )
    points = np.stack([each.ravel() for each in grid], axis=1) - matrix[:, 2]
    at = points @ np.linalg.inv(matrix[:, :2]).T
    inside = (at >= 0).all(axis=1) & (at <= np.array(frame)).all(axis=1)
    return float(1 - inside.mean())
