"""The engine that doors use: dlib's detector on half the picture, and its network in OpenCV."""

from functools import cache

import cv2
import dlib
import numpy as np
from numpy.typing import NDArray

from drivers.faces.interfaces import Box, FoundFace, Image, Points, Vector
from drivers.faces.model_files import FIVE_POINTS, model_file
from drivers.faces.network import CHIP_PX
from drivers.faces.recognition import Recognition, Vectors

MODEL = "dlib-resnet-v1/5pt/150px"
"""Network, what faces are turned upright by, and how large they are then. Templates that differ in
any of the three cannot be compared.
"""

CHIP_PADDING = 0.25
"""How much is seen around the face, in its size: as dlib does it (`compute_face_descriptor`)."""

HALVED_FROM_PX = 320
"""A part of a picture that is this wide or high is searched at half its size: it is that large
because the face in it is, and the detector needs 60 pixels of a face.
"""

WHOLE_HALVED_FROM_PX = 960
"""As above for the whole picture: half of it still shows faces that are 120 pixels wide. Of 56 real
faces of 160 pixels none was missed so (face.md section 2).
"""

SCORE_LEAST = 0.0
"""dlib's own threshold."""


class FastEngine:
    """HOG detector on grey, half-size where that is enough; 5 points; the recognition network."""

    def __init__(self, recognition: Recognition) -> None:
        """Raises NoModelsError."""
        cv2.setNumThreads(1)
        self._recogniser = recognition.recogniser()
        self._detector = dlib.get_frontal_face_detector()
        self._points = _five_points()

    @property
    def model(self) -> str:
        return MODEL

    def find(self, image: Image, within: Box | None = None) -> tuple[FoundFace, ...]:
        """As FaceEngine has it."""
        area = inside(within, image) if within is not None else None
        part = image[area.top : area.bottom, area.left : area.right] if area else image
        at = (area.left, area.top) if area else (0, 0)
        faces: list[FoundFace] = []
        for step in _steps(part, whole=area is None):
            faces = faces or self._found(part, step, at)
        return tuple(sorted(faces, key=lambda face: -face.box.width))

    def _found(self, part: Image, step: int, at: tuple[int, int]) -> list[FoundFace]:
        """What the detector finds in the part, made smaller by `step`."""
        grey = cv2.cvtColor(part, cv2.COLOR_BGR2GRAY)
        if step > 1:
            size = (max(1, part.shape[1] // step), max(1, part.shape[0] // step))
            grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        found, scores, _ = self._detector.run(grey, 0, SCORE_LEAST)
        pairs = zip(found, scores, strict=True)
        return [self._face(part, rectangle, step, at, score) for rectangle, score in pairs]

    def _face(
        self, part: Image, found: dlib.rectangle, step: int, at: tuple[int, int], score: float
    ) -> FoundFace:
        """What was found in the small picture, in pixels of the whole one.

        The points are sought in colour: dlib takes the mean of the three, whatever their order,
        which is another grey than OpenCV's.
        """
        scaled = dlib.rectangle(*(step * side for side in corners(found)))
        shape = self._points(np.ascontiguousarray(part), scaled)
        points = points_of(shape) + np.array(at, np.float32)
        left, top, right, bottom = corners(scaled)
        box = Box(left + at[0], top + at[1], right + 1 + at[0], bottom + 1 + at[1])
        return FoundFace(box, points, float(score))

    def describe(self, image: Image, face: FoundFace, jitter: int = 0) -> Vector:
        """As FaceEngine has it."""
        chip = face_chip(image, face)
        chips = dlib.jitter_image(chip, num_jitters=jitter) if jitter else [chip]
        found: Vectors = self._recogniser.vectors(chips)
        return np.asarray(found.mean(axis=0), np.float32)


@cache
def _five_points() -> dlib.shape_predictor:
    """One for all engines of a process: it takes 10 MB and is only read. Raises NoModelsError."""
    return dlib.shape_predictor(str(model_file(FIVE_POINTS)))


def _steps(part: Image, *, whole: bool) -> tuple[int, ...]:
    """By how much a picture is made smaller before faces are sought in it; the second where the
    first finds none: small faces, and those that half a picture shows less well.
    """
    least = WHOLE_HALVED_FROM_PX if whole else HALVED_FROM_PX
    return (2, 1) if max(part.shape[:2]) >= least else (1,)


def inside(box: Box, image: Image) -> Box:
    """The part of the box that the image has; never empty."""
    height, width = image.shape[:2]
    left, top = min(max(box.left, 0), width - 1), min(max(box.top, 0), height - 1)
    right, bottom = min(max(box.right, left + 1), width), min(max(box.bottom, top + 1), height)
    return Box(left, top, right, bottom)


def corners(rectangle: dlib.rectangle) -> tuple[int, int, int, int]:
    """Left, top, right, bottom; the last two inclusive, as dlib counts."""
    return rectangle.left(), rectangle.top(), rectangle.right(), rectangle.bottom()


def points_of(shape: dlib.full_object_detection) -> Points:
    """The five points, in dlib's order."""
    return np.array([(point.x, point.y) for point in shape.parts()], np.float32)


def shape_of(face: FoundFace) -> dlib.full_object_detection:
    """The face as dlib has it. Its points are whole pixels."""
    box = face.box
    rectangle = dlib.rectangle(box.left, box.top, box.right - 1, box.bottom - 1)
    return dlib.full_object_detection(
        rectangle, [dlib.point(int(x), int(y)) for x, y in face.points]
    )


def face_chip(image: Image, face: FoundFace) -> NDArray[np.uint8]:
    """The face upright and scaled, red, green, blue: what the network looks at."""
    red_first = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return np.asarray(
        dlib.get_face_chip(red_first, shape_of(face), size=CHIP_PX, padding=CHIP_PADDING), np.uint8
    )
