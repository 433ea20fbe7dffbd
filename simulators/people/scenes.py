"""What a camera sees: people as they are, and what somebody holds up in place of a person."""

from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache

import cv2
import msgspec
import numpy as np

from simulators.people.canvas import Floats, Image
from simulators.people.held import Held, hold
from simulators.people.layers import Light, Pose
from simulators.people.moves import Move, Stance, frames_of, stance
from simulators.people.portrait import (
    FACE_PX,
    FRAME,
    PLAIN,
    ROOM,
    Figure,
    Lens,
    picture,
    render,
    seen,
    wall,
)
from simulators.people.traits import Glasses


class How(StrEnum):
    LIVE = "live"
    PHOTO = "photo"
    """A printed portrait, tilted where its person would turn."""
    REPLAY = "replay"
    """A telephone that plays what was recorded of the person, whatever is asked now."""
    FROZEN = "frozen"
    """One frame again and again, to the byte."""


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """Who is before a camera, and how. All of it makes the pictures, and nothing else does.

    `bend_deg` bends the photo; `recorded` is what a replay shows; `companion` stands beside.
    """

    identity: int
    how: How = How.LIVE
    bend_deg: float = 0.0
    recorded: tuple[Move, ...] = (Move.STANDS, Move.LEFT, Move.STANDS, Move.RIGHT)
    companion: int | None = None
    glasses: Glasses | None = None
    fps: float = 10.0
    frame: tuple[int, int] = FRAME
    size_px: float = FACE_PX
    light: Light = ROOM
    lens: Lens = PLAIN
    seed: int = 0


def length(scene: Scene, move: Move) -> int:
    """How many frames `frames` gives."""
    if scene.how is How.REPLAY and move is Move.STANDS:
        return sum(frames_of(each, scene.fps) for each in scene.recorded)
    return frames_of(move, scene.fps)


def frames(scene: Scene, move: Move, background: Image | None = None) -> Iterator[Image]:
    """The pictures of that move, (height, width, 3) BGR as `scene.frame` says.

    `background` has the size of the frame; without one a wall is drawn. A telephone plays its
    whole record while it is held up (`STANDS`).
    """
    behind = wall(scene.seed, scene.frame) if background is None else background
    first: Image | None = None
    for number in range(length(scene, move)):
        if scene.how is How.FROZEN:
            if first is None:
                first = _live(scene, stance(Move.STANDS, 0, scene.fps), behind, 0)
            yield first
            continue
        noise = _seed(scene, move, number)
        if scene.how is How.LIVE:
            yield _live(scene, stance(move, number, scene.fps), behind, noise)
        else:
            yield _shown(scene, move, number, behind, noise)


def _seed(scene: Scene, move: Move, number: int) -> int:
    """No two frames of a scene have the same noise."""
    return (scene.seed * len(Move) + list(Move).index(move)) * 10_000 + number


def _live(scene: Scene, there: Stance | None, behind: Image, noise: int) -> Image:
    figures = []
    if there is not None and scene.companion is not None:
        figures.append(_beside(scene, scene.companion, there))
    if there is not None:
        centre = _centre(scene, there)
        size = scene.size_px * there.near
        who = Figure(scene.identity, there.pose, size_px=size, centre=centre)
        figures.append(who._replace(glasses=scene.glasses))
    return picture(
        figures, scene.light, frame=scene.frame, lens=scene.lens, background=behind, seed=noise
    )


def _centre(scene: Scene, there: Stance) -> tuple[float, float]:
    width, height = scene.frame
    return width * (0.5 + there.across), height / 2


COMPANION_BESIDE, COMPANION_NEAR = 1.45, 0.85
"""Face widths to the right, and how near: two heads that hide nothing of each other."""


def _beside(scene: Scene, companion: int, there: Stance) -> Figure:
    x, y = _centre(scene, there)
    pose = Pose(-there.pose.roll * 3, there.pose.pitch, -there.pose.roll)
    size = scene.size_px * there.near * COMPANION_NEAR
    beside = x + COMPANION_BESIDE * scene.size_px * there.near
    return Figure(companion, pose, size_px=size, centre=(beside, y))


PRINT = (480, 600)
"""Width and height of a printed portrait in its own pixels."""

PRINT_FACE_PX = 280
PRINT_BORDER_PX = 18

PHOTO_TURN = 1.6
"""A photo is tilted further than a head turns: 35 degrees where a person turns 22."""

PHONE = (540, 960)
"""The telephone's screen in its own pixels."""

PHONE_FACE_SHARE = 0.6
"""How much of the screen's width the recorded face takes."""

BEZEL_PX = 36
STRIPE_PX = 3
"""Columns of red, green and blue that make one dot of the screen."""

STRIPE_DEPTH = 0.3
"""How much of its light a column lacks of the other two colours, after the camera's own blur."""

SHINES = np.array([1.12, 1.06, 1.0], np.float32)
"""A screen is brighter and bluer than a face in the room (BGR)."""


def _shown(scene: Scene, move: Move, number: int, behind: Image, noise: int) -> Image:
    """A frame in which a print or a telephone is held up."""
    out = behind.astype(np.float32)
    random = np.random.default_rng(noise)
    there = stance(move, number, scene.fps)
    if there is not None and scene.how is How.PHOTO:
        _hold_photo(out, scene, there)
    elif there is not None:
        _hold_phone(out, scene, there, number)
    out *= scene.light.gain
    return seen(out, scene.lens, random)


def _hold_photo(out: Floats, scene: Scene, there: Stance) -> None:
    pose = Pose(there.pose.yaw * PHOTO_TURN, there.pose.pitch, there.pose.roll)
    printed = _printed(scene.identity, scene.glasses)
    width = scene.size_px * there.near * printed.shape[1] / PRINT_FACE_PX
    hold(out, printed, Held(pose, _centre(scene, there), width, scene.bend_deg))


@lru_cache(4)
def _printed(identity: int, glasses: Glasses | None) -> Image:
    lens = Lens(0.8, 2.0)
    portrait = render(
        identity, size_px=PRINT_FACE_PX, frame=PRINT, glasses=glasses, lens=lens, seed=identity
    )
    border = (PRINT_BORDER_PX,) * 4
    framed = cv2.copyMakeBorder(portrait, *border, cv2.BORDER_CONSTANT, value=(235, 238, 240))
    return np.asarray(framed, np.uint8)


def _hold_phone(out: Floats, scene: Scene, there: Stance, number: int) -> None:
    """A hand holds it, so it moves a little, and does not turn with what it shows."""
    screen = _screen(scene, number if there.across == 0 else 0)
    body = cv2.copyMakeBorder(screen, *(BEZEL_PX,) * 4, cv2.BORDER_CONSTANT, value=(22, 20, 20))
    hand = number / scene.fps
    pose = Pose(3 * np.sin(1.3 * hand), 2 * np.sin(1.7 * hand), 1.5 * np.sin(0.9 * hand))
    x, y = _centre(scene, there)
    centre = (x + 4 * np.sin(1.1 * hand), y + 3 * np.sin(1.9 * hand))
    width = scene.size_px * there.near / PHONE_FACE_SHARE * body.shape[1] / PHONE[0]
    hold(out, np.asarray(body, np.uint8), Held(pose, centre, width))


def _screen(scene: Scene, number: int) -> Image:
    """What the telephone shows in that frame, in stripes of colour."""
    left = number
    for move in scene.recorded:
        if left < frames_of(move, scene.fps):
            break
        left -= frames_of(move, scene.fps)
    recorded = stance(move, left, scene.fps)
    figure = Figure(scene.identity, glasses=scene.glasses)
    if recorded is not None:
        figure = figure._replace(pose=recorded.pose)
    size = PHONE[0] * PHONE_FACE_SHARE
    figure = figure._replace(size_px=size / 2)
    half = (PHONE[0] // 2, PHONE[1] // 2)
    room, noise = wall(scene.seed + 1, half), _seed(scene, Move.AWAY, number)
    shot = picture((figure,), scene.light, frame=half, background=room, seed=noise)
    large = cv2.resize(shot, PHONE, interpolation=cv2.INTER_LINEAR).astype(np.float32)
    stripes = np.full((PHONE[0], 3), 1 - STRIPE_DEPTH, np.float32)
    stripes[np.arange(PHONE[0]), np.arange(PHONE[0]) % STRIPE_PX] = 1 + STRIPE_DEPTH
    return np.asarray(np.clip(large * SHINES * stripes[None], 0, 255), np.uint8)
