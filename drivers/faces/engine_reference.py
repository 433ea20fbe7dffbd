"""The engine that others are held against: the `face_recognition` package through its own API.

Slow, and written by somebody else. Its import loads every model of the package, the 68-point one
among them, which it then never uses here: this is for tests and figures, never for a door.
"""

import cv2
import face_recognition
import numpy as np

from drivers.faces.engine import MODEL, inside
from drivers.faces.interfaces import Box, FoundFace, Image, Points, Vector

SMALL = "small"
"""The package's word for the 5-point model."""


class ReferenceEngine:
    """`face_locations`, `face_landmarks`, `face_encodings` of the package, with its small model.

    `upsample`: how often the picture is doubled before faces are sought; the package's own default
    is once. Scores are not told by the package and are 0.
    """

    def __init__(self, upsample: int = 1) -> None:
        self._upsample = upsample

    @property
    def model(self) -> str:
        return MODEL

    def find(self, image: Image, within: Box | None = None) -> tuple[FoundFace, ...]:
        """As FaceEngine has it."""
        area = inside(within, image) if within is not None else None
        part = image[area.top : area.bottom, area.left : area.right] if area else image
        red_first = cv2.cvtColor(part, cv2.COLOR_BGR2RGB)
        found = face_recognition.face_locations(red_first, self._upsample)
        shapes = face_recognition.face_landmarks(red_first, found, model=SMALL)
        at = (area.left, area.top) if area else (0, 0)
        faces = [
            FoundFace(
                Box(left + at[0], top + at[1], right + 1 + at[0], bottom + 1 + at[1]),
                _points(shape) + np.array(at, np.float32),
                0.0,
            )
            for (top, right, bottom, left), shape in zip(found, shapes, strict=True)
        ]
        return tuple(sorted(faces, key=lambda face: -face.box.width))

    def describe(self, image: Image, face: FoundFace, jitter: int = 0) -> Vector:
        """As FaceEngine has it. The points are found again, as the package will have it."""
        red_first = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        box = face.box
        where = [(box.top, box.right - 1, box.bottom - 1, box.left)]
        (vector,) = face_recognition.face_encodings(
            red_first, where, num_jitters=max(1, jitter), model=SMALL
        )
        return np.asarray(vector, np.float32)


def _points(shape: dict[str, list[tuple[int, int]]]) -> Points:
    """In dlib's order again. What the package calls the right eye is the person's left one."""
    parts = (*shape["right_eye"], *shape["left_eye"], *shape["nose_tip"])
    return np.array(parts, np.float32)
