"""Drawn people before a camera: `render` for one, `picture` for several or nobody.

The same arguments give the same picture, on one machine to the bit; another processor may round a
few values otherwise. Nobody real is shown: every face comes from a number (`traits.py`).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from simulators.people.canvas import Floats, Image, Whole
from simulators.people.head import Head
from simulators.people.paint import CALM, Expression
from simulators.people.traits import Glasses

FRAME = (640, 480)
"""Width and height of a picture, where nobody says another."""

FACE_PX = 170
"""How wide a face is where nobody says so: somebody an arm's length before a gate's camera."""

FINER = 2
"""Points are put on a picture so many times finer, and brought down smoothly."""

DISTANCE = 9.0
"""From the camera to the head in half faces: some 65 cm, so that the nose is a little larger."""

HEADS_MAX = 8
"""People whose shapes are kept; some 30 MB each."""

EDGE_PX = 16
"""Around the points, in finer pixels: more than closing (6) and blurring (2) reach; even."""


class Pose(NamedTuple):
    """Degrees. `yaw` above 0 turns to the person's own left (the picture's right), `pitch` above 0
    down, `roll` above 0 clockwise as seen in the picture."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0


class Light(NamedTuple):
    """One lamp and the light around. `from_` points to the lamp (x right, y down, z to the camera);
    `ambient` is the share that comes from everywhere, `gain` the whole exposure."""

    from_: tuple[float, float, float] = (-0.3, -0.5, 0.8)
    ambient: float = 0.42
    gain: float = 1.0


class Lens(NamedTuple):
    """What the camera adds: blur (deviation in pixels) and noise (deviation, of 255)."""

    blur_px: float = 0.6
    noise: float = 3.0


AHEAD, ROOM, PLAIN = Pose(), Light(), Lens()


class Figure(NamedTuple):
    """Somebody in the picture; `centre` is the middle of the face in pixels, None the picture's.
    `glasses` None are the person's own."""

    identity: int
    pose: Pose = AHEAD
    expression: Expression = CALM
    size_px: float = FACE_PX
    centre: tuple[float, float] | None = None
    glasses: Glasses | None = None


class _Layer(NamedTuple):
    """A head on nothing: colours and cover, at (left, top) of the picture."""

    colours: Floats
    cover: Floats
    left: int
    top: int


def render(
    identity: int,
    pose: Pose = AHEAD,
    light: Light = ROOM,
    size_px: float = FACE_PX,
    *,
    frame: tuple[int, int] = FRAME,
    centre: tuple[float, float] | None = None,
    expression: Expression = CALM,
    glasses: Glasses | None = None,
    lens: Lens = PLAIN,
    background: Image | None = None,
    seed: int = 0,
) -> Image:
    """One person. `frame` is (width, height), `size_px` the width of the face, `seed` that of
    background and noise. A background given is taken as it is; the other comes with shoulders."""
    figure = Figure(identity, pose, expression, size_px, centre, glasses)
    return picture((figure,), light, frame=frame, lens=lens, background=background, seed=seed)


def picture(
    figures: Sequence[Figure],
    light: Light = ROOM,
    *,
    frame: tuple[int, int] = FRAME,
    lens: Lens = PLAIN,
    background: Image | None = None,
    seed: int = 0,
) -> Image:
    """The people given, the later ones in front; none gives the empty background."""
    random = np.random.default_rng(seed)
    behind = _backdrop(random, frame) if background is None else background.astype(np.float32)
    for figure in figures:
        if background is None:
            _shoulders(behind, figure, frame)
        layer = _layer(figure, light, frame)
        if layer is not None:
            height, width = layer.cover.shape[:2]
            part = behind[layer.top : layer.top + height, layer.left : layer.left + width]
            part[:] = layer.colours + part * (1 - layer.cover)
    return seen(behind, lens, random)


def seen(scene: Floats, lens: Lens, random: np.random.Generator) -> Image:
    """What the camera makes of a scene."""
    out = cv2.GaussianBlur(scene, (0, 0), lens.blur_px) if lens.blur_px else scene
    grain = random.standard_normal(scene.shape, dtype=np.float32) * np.float32(lens.noise)
    return np.clip(np.asarray(out) + grain, 0, 255).astype(np.uint8)


@lru_cache(HEADS_MAX)
def _head(identity: int, glasses: Glasses | None) -> Head:
    return Head(identity, glasses)


def _backdrop(random: np.random.Generator, frame: tuple[int, int]) -> Floats:
    """A soft wall of a few colours."""
    patches = random.uniform(60, 190, (4, 5, 3)).astype(np.float32)
    wide = cv2.resize(patches, frame, interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.GaussianBlur(wide, (0, 0), 9), np.float32)


def _centre(figure: Figure, frame: tuple[int, int]) -> tuple[float, float]:
    return figure.centre or (frame[0] / 2, frame[1] / 2)


def _shoulders(scene: Floats, figure: Figure, frame: tuple[int, int]) -> None:
    x, y = _centre(figure, frame)
    high = int(figure.size_px * 0.75)
    middle = (int(x), int(y + figure.size_px * 1.02) + high)
    axes = (int(figure.size_px * 1.15), high)
    shirt = _head(figure.identity, figure.glasses).person.shirt.tolist()
    cv2.ellipse(scene, middle, axes, 0, 0, 360, shirt, -1, cv2.LINE_AA)


def _turned(pose: Pose) -> Floats:
    """The rotation, (3, 3): first yaw, then pitch, then roll."""
    a, b, c = np.radians(pose)
    roll = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    pitch = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    yaw = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    return np.asarray(roll @ pitch @ yaw, np.float32)


def _layer(figure: Figure, light: Light, frame: tuple[int, int]) -> _Layer | None:
    """The head, turned and lit; None where nothing of it is in the picture."""
    points = _head(figure.identity, figure.glasses).points(figure.expression)
    rotation = _turned(figure.pose)
    places = (points.places - [0, 0.5, 0.2]).astype(np.float32) @ rotation.T
    normals = points.normals @ rotation.T
    scale = figure.size_px / 2 * FINER
    x, y = _centre(figure, frame)
    nearer = 1 / (1 - places[:, 2] / DISTANCE)
    columns = (places[:, 0] * nearer * scale + x * FINER).astype(np.int32)
    rows = ((places[:, 1] * nearer + 0.15) * scale + y * FINER).astype(np.int32)
    width, height = frame[0] * FINER, frame[1] * FINER
    visible = (normals[:, 2] > -0.05) & (columns >= 0) & (rows >= 0)
    visible &= (columns < width) & (rows < height)
    shown = np.flatnonzero(visible)
    if not len(shown):
        return None
    shown = shown[np.argsort(places[shown, 2], kind="stable")]
    columns, rows = columns[shown], rows[shown]
    left, right = _span(columns, width)
    top, bottom = _span(rows, height)
    colours = _lit(normals[shown], points.colours[shown], light)
    painted = _splat(rows - top, columns - left, colours, (bottom - top, right - left))
    return _Layer(*painted, left // FINER, top // FINER)


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


def _splat(
    rows: Whole, columns: Whole, colours: Floats, shape: tuple[int, int]
) -> tuple[Floats, Floats]:
    """Points put on a picture, the later ones in front; small holes are closed."""
    finer = np.zeros((*shape, 3), np.float32)
    hit = np.zeros(shape, np.uint8)
    places = rows * shape[1] + columns
    finer.reshape(-1, 3)[places] = colours
    hit.reshape(-1)[places] = 1
    closed = cv2.morphologyEx(hit, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    share = np.asarray(cv2.blur(hit.astype(np.float32), (5, 5)))[..., None] + 1e-6
    near = np.asarray(cv2.blur(finer, (5, 5))) / share
    finer = np.where((hit == 1)[..., None], finer, near)
    size = (shape[1] // FINER, shape[0] // FINER)
    cover = cv2.resize(np.asarray(closed, np.float32), size, interpolation=cv2.INTER_AREA)
    small = cv2.resize(finer * closed[..., None], size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32), np.asarray(cover, np.float32)[..., None]
