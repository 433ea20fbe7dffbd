"""A head, turned and lit, as colours on nothing."""

from typing import NamedTuple

import cv2
import numpy as np

from simulators.people.canvas import Floats, Image, Whole
from simulators.people.head import Points

FINER = 2
"""Points are put on a picture so many times finer, and brought down smoothly."""

DISTANCE = 9.0
"""From the camera to the head in half faces: some 65 cm, so that the nose is a little larger."""

EDGE_PX = 16
"""Around the points, in finer pixels: more than closing (6) and blurring (2) reach; even."""

CLOSED_PX = 7
"""Holes between points up to this size, in finer pixels, are filled from around them."""


class Pose(NamedTuple):
    """Degrees. `yaw` above 0 turns to the person's own left (the picture's right), `pitch` above 0
    up, `roll` above 0 clockwise as seen in the picture."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0


class Light(NamedTuple):
    """One lamp and the light around. `from_` points to the lamp (x right, y down, z to the camera);
    `ambient` is the share that comes from everywhere, `gain` the whole exposure."""

    from_: tuple[float, float, float] = (-0.3, -0.5, 0.8)
    ambient: float = 0.42
    gain: float = 1.0


class Layer(NamedTuple):
    """Colours and cover (0..1), of which the upper left corner lies at (left, top)."""

    colours: Floats
    cover: Floats
    left: int
    top: int

    def over(self, scene: Floats) -> None:
        """Put it on a scene."""
        height, width = self.cover.shape[:2]
        part = scene[self.top : self.top + height, self.left : self.left + width]
        part[:] = self.colours + part * (1 - self.cover)


def turned(pose: Pose) -> Floats:
    """The rotation, (3, 3): first yaw, then pitch, then roll."""
    a, b, c = np.radians(pose)
    roll = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    pitch = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    yaw = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    return np.asarray(roll @ pitch @ yaw, np.float32)


def layer(
    points: Points,
    pose: Pose,
    light: Light,
    size_px: float,
    centre: tuple[float, float],
    frame: tuple[int, int],
) -> Layer | None:
    """The head with its middle at `centre`, its face `size_px` wide; None: nothing is in the frame.

    Of the points that fall on one place the nearest is seen, and only those seen are lit.
    """
    rotation = turned(pose)
    facing = np.flatnonzero(points.normals @ rotation[2] > -0.05)
    places = points.places[facing] @ rotation.T
    scale = size_px / 2 * FINER
    nearer = 1 / (1 - places[:, 2] / DISTANCE)
    columns = (places[:, 0] * nearer * scale + centre[0] * FINER).astype(np.int32)
    rows = ((places[:, 1] * nearer + 0.15) * scale + centre[1] * FINER).astype(np.int32)
    width, height = frame[0] * FINER, frame[1] * FINER
    inside = np.flatnonzero((columns >= 0) & (rows >= 0) & (columns < width) & (rows < height))
    if not len(inside):
        return None
    far_first = inside[_by_depth(places[inside, 2])]
    columns, rows = columns[far_first], rows[far_first]
    (left, right), (top, bottom) = _span(columns, width), _span(rows, height)
    seen = np.full((bottom - top, right - left), -1, np.int32)
    seen[rows - top, columns - left] = facing[far_first]
    return Layer(*_painted(seen, points, rotation, light), left // FINER, top // FINER)


def _by_depth(depths: Floats) -> Whole:
    """The order from far to near. Sixteen bits are sorted ten times as fast, and are finer than
    what lies between two points of a head."""
    low, high = float(depths.min()), float(depths.max())
    steps = (depths - low) * (65535 / max(high - low, 1e-6))
    return np.asarray(np.argsort(steps.astype(np.uint16), kind="stable"), np.int32)


def _span(values: Whole, limit: int) -> tuple[int, int]:
    """From where to where values lie, with the edge, on whole pixels of the picture."""
    low = max(0, int(values.min()) - EDGE_PX) // FINER * FINER
    high = -(-min(limit, int(values.max()) + 1 + EDGE_PX) // FINER) * FINER
    return low, high


def _lit(normals: Floats, colours: Floats, light: Light) -> Floats:
    """Colours under the lamp: as dull skin, with a little shine."""
    lamp = np.array(light.from_, np.float32)
    lamp /= np.linalg.norm(lamp)
    facing = np.clip((normals @ lamp + 0.25) / 1.25, 0, 1)
    half = np.add(lamp, [0, 0, 1])
    half = (half / np.linalg.norm(half)).astype(np.float32)
    shine = np.clip(normals @ half, 0, 1) ** 28 * 22
    dull = (light.ambient + (1.12 - light.ambient) * facing) * light.gain
    return np.asarray(colours * dull[:, None] + shine[:, None] * light.gain)


def _painted(seen: Whole, points: Points, rotation: Floats, light: Light) -> tuple[Floats, Floats]:
    """Colours and cover of a picture of which each pixel shows that point, or none (-1)."""
    hit = seen >= 0
    places = np.flatnonzero(hit)
    shown = seen.reshape(-1)[places]
    finer = np.zeros((*seen.shape, 3), np.float32)
    lit = _lit(points.normals[shown] @ rotation.T, points.colours[shown], light)
    finer.reshape(-1, 3)[places] = lit
    there: Image = hit.astype(np.uint8)
    closed = cv2.morphologyEx(there, cv2.MORPH_CLOSE, np.ones((CLOSED_PX, CLOSED_PX), np.uint8))
    share = np.asarray(cv2.blur(there.astype(np.float32), (5, 5)))[..., None] + 1e-6
    around = np.asarray(cv2.blur(finer, (5, 5))) / share
    finer = np.where(hit[..., None], finer, around)
    size = (seen.shape[1] // FINER, seen.shape[0] // FINER)
    cover = cv2.resize(np.asarray(closed, np.float32), size, interpolation=cv2.INTER_AREA)
    small = cv2.resize(finer * closed[..., None], size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32), np.asarray(cover, np.float32)[..., None]
