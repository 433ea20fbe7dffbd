"""Contact sheets of everybody, or of one person in many ways; films of what somebody does."""

from collections.abc import Container, Iterable
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from simulators.people.canvas import Image
from simulators.people.layers import Light, Pose
from simulators.people.moves import Move
from simulators.people.paint import CALM, Expression
from simulators.people.portrait import AHEAD, ROOM, render
from simulators.people.scenes import How, Scene, frames
from simulators.people.traits import SELECTED, Glasses

CELL = (160, 160)
"""Width and height of one picture on a sheet."""

FACE_PX = 72
LABEL_PX = 22
COLUMNS = 8

PICTURES, FILMS = (".png", ".jpg", ".jpeg"), (".avi",)

_TURNED = {
    "to her left": Pose(yaw=25),
    "to her right": Pose(yaw=-25),
    "up": Pose(pitch=15),
    "down": Pose(pitch=-15),
    "tilted": Pose(roll=15),
}
_LIGHTS = {
    "lamp at the side": Light((-1.5, -0.2, 0.5), 0.25),
    "lamp above": Light((0, -1.5, 0.4), 0.3),
    "dark": Light(gain=0.35),
    "bright": Light(gain=1.7),
}
_FACES = {"smile": Expression(smile=1), "mouth open": Expression(mouth=1), "blink": Expression(1)}
_GLASSES = {f"glasses {glasses.name.lower()}": glasses for glasses in Glasses}
_HELD = {
    "photo": Scene(identity=0, how=How.PHOTO),
    "photo bent 30": Scene(identity=0, how=How.PHOTO, bend_deg=30),
    "photo bent 60": Scene(identity=0, how=How.PHOTO, bend_deg=60),
    "photo bent 90": Scene(identity=0, how=How.PHOTO, bend_deg=90),
    "telephone": Scene(identity=0, how=How.REPLAY),
}


class SheetError(Exception):
    """A picture or a film could not be written; the message says why."""


PLAINLY = "as she is"

EVERYBODY = tuple(str(identity) for identity in SELECTED)
"""What a sheet of everybody shows: the numbers."""

ONE = (
    *(PLAINLY, *_TURNED, *_LIGHTS, *_FACES),
    *(*_GLASSES, *_HELD),
)
"""What a sheet of one person shows."""


def somebody(label: str) -> Image:
    """One of `EVERYBODY`."""
    return _cell(int(label))


def in_one_way(identity: int, label: str) -> Image:
    """A person turned, lit, with other glasses, or what is held up in her place: one of `ONE`."""
    if label in _HELD:
        return _held(_HELD[label], identity)
    return _cell(
        identity,
        pose=_TURNED.get(label, AHEAD),
        light=_LIGHTS.get(label, ROOM),
        expression=_FACES.get(label, CALM),
        glasses=_GLASSES.get(label),
    )


def sheet(cells: Iterable[tuple[str, Image]]) -> Image:
    """Labelled pictures in rows, on white."""
    drawn = [_labelled(label, image) for label, image in cells]
    rows = [drawn[start : start + COLUMNS] for start in range(0, len(drawn), COLUMNS)]
    blank = np.full_like(drawn[0], 255)
    return np.vstack([np.hstack(row + [blank] * (COLUMNS - len(row))) for row in rows])


def refuse_bad_name(path: Path, kinds: Container[str]) -> None:
    """Said before anything is drawn; SheetError."""
    if path.suffix.lower() not in kinds:
        raise SheetError(f"{path.name}: pictures are .png or .jpg, films .avi (motion JPEG)")
    if not path.parent.is_dir():
        raise SheetError(f"{path}: there is no folder {path.parent}")


def write_picture(path: Path, image: Image) -> None:
    """Into a file of the kind that its name says; SheetError."""
    refuse_bad_name(path, PICTURES)
    _, data = cv2.imencode(path.suffix, image)
    try:
        path.write_bytes(bytes(data))
    except OSError as error:
        raise SheetError(f"{path}: {error.strerror}") from error


def write_film(path: Path, images: Iterable[Image], fps: float) -> int:
    """Motion JPEG in an AVI file, which OpenCV writes by itself on every machine; SheetError.

    Gives the number of frames. They are all of one size.
    """
    refuse_bad_name(path, FILMS)
    try:
        path.open("ab").close()  # OpenCV says of a file that it cannot open nothing but "no"
    except OSError as error:
        raise SheetError(f"{path}: {error.strerror}") from error
    writer, count = cv2.VideoWriter(), 0
    fourcc = cv2.VideoWriter.fourcc(*"MJPG")
    try:
        for image in images:
            size = (image.shape[1], image.shape[0])
            if count == 0 and not writer.open(
                str(path), cv2.CAP_OPENCV_MJPEG, fourcc, fps, size, True
            ):
                raise SheetError(f"{path}: OpenCV cannot write a film there")
            writer.write(image)
            count += 1
    finally:
        writer.release()
    return count


def _cell(
    identity: int,
    *,
    pose: Pose = AHEAD,
    light: Light = ROOM,
    expression: Expression = CALM,
    glasses: Glasses | None = None,
) -> Image:
    return render(
        identity,
        pose,
        light,
        FACE_PX,
        frame=CELL,
        expression=expression,
        glasses=glasses,
        seed=identity,
    )


def _held(held: Scene, identity: int) -> Image:
    """Halfway through its turn; a telephone at its beginning."""
    scene = Scene(
        identity=identity,
        how=held.how,
        bend_deg=held.bend_deg,
        frame=CELL,
        size_px=FACE_PX,
        seed=identity,
    )
    if held.how is How.REPLAY:
        return next(frames(scene, Move.STANDS))
    return next(islice(frames(scene, Move.LEFT), 9, None))


def _labelled(label: str, image: Image) -> Image:
    out = np.full((CELL[1] + LABEL_PX, CELL[0], 3), 255, np.uint8)
    out[: CELL[1]] = image
    cv2.putText(
        out, label, (5, CELL[1] + 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA
    )
    return out
