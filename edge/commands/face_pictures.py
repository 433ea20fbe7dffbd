"""Pictures into a template, in a command's own process: what needs OpenCV and dlib is imported when
it is used, so that an edge without cameras has the other commands.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from edge.commands.common import Failed
from edge.control.messages_faces import FacePictureReply
from edge.faces.sealing import INSTALL

if TYPE_CHECKING:
    from drivers.faces.engine import FastEngine
    from drivers.faces.enrolment import Enrolled
    from drivers.faces.interfaces import Image

POSES = (
    "look straight into the camera",
    "turn the head a little to the left",
    "turn the head a little to the right",
    "lift the chin a little",
    "look straight into the camera again, with another expression",
)
"""One picture of each: a template of views that differ is nearer to the next one."""

BETWEEN_S = 0.3
"""Between two pictures of a camera."""

TRIES = 40
"""Pictures for one pose, 12 s of them; then the next pose is asked for."""


PORTRAIT_PX = 320
"""As large as somebody is recognised by on a guard's screen; a badge's photograph has less."""

PORTRAIT_AROUND = 0.4
"""Of the face's height, on each side: hair, chin and ears tell people apart as well."""


class View(NamedTuple):
    """One picture: what it is called to whoever reads the report; `flaw` where it gave no image."""

    name: str
    image: "Image | None"
    flaw: str = ""


class Judged(NamedTuple):
    """`views`: name and flaw of each picture, an empty flaw where it was used."""

    enrolled: "Enrolled"
    views: tuple[tuple[str, str], ...]


def engine() -> "FastEngine":
    """What describes faces. Raises Failed where this installation cannot."""
    try:
        from drivers.faces.engine import FastEngine
        from drivers.faces.model_files import NoModelsError
        from drivers.faces.recognition import open_recognition
    except ImportError as error:
        raise Failed(f"no face can be described here: {error}", INSTALL) from None
    try:
        return FastEngine(open_recognition(None))
    except NoModelsError as error:
        raise Failed(f"no face can be described here: {error}", INSTALL) from None


def of_files(files: Sequence[Path]) -> tuple[View, ...]:
    """Each is judged by its header before anything of it is decoded."""
    from drivers.faces.picture_file import PictureFileError, read_picture

    views = []
    for file in files:
        try:
            views.append(View(str(file), read_picture(file)))
        except PictureFileError as error:
            views.append(View(str(file), None, str(error)))
    return tuple(views)


def of_camera(
    take: Callable[[], FacePictureReply], faces: "FastEngine", say: Callable[[str], None]
) -> tuple[View, ...]:
    """One good picture of each pose, as far as there are any. `say` tells the person what to do.

    Raises Failed where the camera gives nothing.
    """
    from drivers.faces.enrolment import view_of

    views: list[View] = []
    for pose in POSES:
        say(pose)
        found = View(pose, None, "no picture came")
        for _ in range(TRIES):
            image = _decoded(take())
            flaw = view_of(faces, image, jitter=0)[0].flaw
            found = View(pose, image, flaw or "")
            if flaw is None:
                break
            time.sleep(BETWEEN_S)
        say(found.flaw or "taken")
        views.append(found)
    return tuple(views)


def judged(faces: "FastEngine", views: Sequence[View]) -> Judged:
    """The template, or why there is none, with what each picture was good for."""
    from drivers.faces.enrolment import enrol

    images = [view.image for view in views if view.image is not None]
    enrolled = enrol(faces, images)
    reports = iter(enrolled.views)
    told = []
    for view in views:
        report = next(reports, None) if view.image is not None else None
        told.append((view.name, (report.flaw or "") if report is not None else view.flaw))
    return Judged(enrolled, tuple(told))


def portrait(faces: "FastEngine", views: Sequence[View], judged: Judged) -> bytes:
    """The face of the first picture that was used, as JPEG, with some of what is around it."""
    import cv2

    used = (
        view.image
        for view, (_, flaw) in zip(views, judged.views, strict=True)
        if view.image is not None and not flaw
    )
    image = next(used, None)
    found = [] if image is None else faces.find(image)
    if image is None or not found:
        return b""
    box = found[0].box
    around = int(PORTRAIT_AROUND * (box.bottom - box.top))
    height, width = image.shape[:2]
    top, bottom = max(0, box.top - around), min(height, box.bottom + around)
    left, right = max(0, box.left - around), min(width, box.right + around)
    cut = image[top:bottom, left:right]
    scale = min(1.0, PORTRAIT_PX / max(cut.shape[:2]))
    small = cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    done, jpeg = cv2.imencode(".jpg", small)
    return jpeg.tobytes() if done else b""


def _decoded(reply: FacePictureReply) -> "Image":
    """A picture that our own daemon has made of a frame. Raises Failed."""
    import cv2
    import numpy as np

    from drivers.faces.picture_file import PIXELS_MOST, PictureFileError, picture_size

    if not reply.jpeg:
        raise Failed(f"no picture: {reply.reason}", reply.remedy)
    try:
        size = picture_size(reply.jpeg)
    except PictureFileError as error:
        raise Failed(f"the camera's picture: {error}", "look at the camera") from None
    if size.width * size.height > PIXELS_MOST:
        raise Failed("the camera's picture is too large", "look at the camera")
    image = cv2.imdecode(np.frombuffer(reply.jpeg, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise Failed("the camera's picture is damaged", "look at the camera")
    return np.ascontiguousarray(image, np.uint8)
