"""A printed or shining sheet that somebody holds before the camera, flat or bent."""

from typing import NamedTuple

import cv2
import numpy as np

from simulators.people.canvas import Floats, Image
from simulators.people.layers import Pose, turned

AWAY_WIDTHS = 3.0
"""From the camera to the sheet, in widths of the sheet: an arm's length for a page of A5."""


class Held(NamedTuple):
    """`centre` and `width_px` as they would be seen of the flat sheet straight on. `bend_deg`: the
    arc that its width makes, towards the camera in the middle; 0 is flat."""

    pose: Pose
    centre: tuple[float, float]
    width_px: float
    bend_deg: float = 0.0


def hold(scene: Floats, sheet: Image, held: Held) -> None:
    """Paint the sheet into the scene, each pixel where its ray meets the sheet."""
    high_px = held.width_px * sheet.shape[0] / sheet.shape[1]
    along, down, facing = _met(scene.shape[:2], held)
    inside = (np.abs(along) <= held.width_px / 2) & (np.abs(down) <= high_px / 2)
    scale = sheet.shape[1] / held.width_px
    columns = (along * scale + sheet.shape[1] / 2 - 0.5).astype(np.float32)
    rows = (down * scale + sheet.shape[0] / 2 - 0.5).astype(np.float32)
    found = cv2.remap(sheet, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    light = (0.7 + 0.3 * facing)[..., None]
    cover = np.asarray(cv2.blur(inside.astype(np.float32), (3, 3)))[..., None]
    scene[:] = np.asarray(found) * light * cover + scene * (1 - cover)


def _met(shape: tuple[int, ...], held: Held) -> tuple[Floats, Floats, Floats]:
    """For each pixel: where on the sheet its ray ends, and how squarely the sheet looks at it.

    Along the arc and down, in pixels of the flat sheet from its middle; squareness 0..1.
    """
    rotation = turned(held.pose)
    distance = AWAY_WIDTHS * held.width_px
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    across, down = columns - held.centre[0], rows - held.centre[1]
    # The sheet's own axes: the camera lies at `eye`, the rays go along x, y, z (z to the camera).
    eye = rotation.T @ np.array([0, 0, distance], np.float32)
    x, y, z = (
        rotation[0, axis] * across + rotation[1, axis] * down - rotation[2, axis] * distance
        for axis in range(3)
    )
    if held.bend_deg < 1:
        far = -eye[2] / np.minimum(z, -1e-3)
        facing = np.full_like(far, rotation[2, 2])
        return eye[0] + far * x, eye[1] + far * y, facing
    radius = held.width_px / np.radians(held.bend_deg)
    # The ray in the circle of that radius around (0, -radius), of which the near half is the sheet.
    a, b = x * x + z * z, eye[0] * x + (eye[2] + radius) * z
    c = eye[0] ** 2 + (eye[2] + radius) ** 2 - radius**2
    root = b * b - a * c
    far = np.where(root > 0, (-b - np.sqrt(np.maximum(root, 0))) / a, 0)
    angle = np.arctan2(eye[0] + far * x, eye[2] + far * z + radius)
    along = np.where(root > 0, radius * angle, np.inf)
    facing = rotation[2, 0] * np.sin(angle) + rotation[2, 2] * np.cos(angle)
    return np.clip(along, -1e6, 1e6), eye[1] + far * y, np.clip(facing, 0, 1)
