"""Whether a face can be compared at all, and in words for people if it cannot.

A bad picture of the right person is as far from her template as a good one of somebody else. So it
is no evidence, neither for nor against her.
"""

import math
from enum import StrEnum
from typing import NamedTuple

import cv2
import numpy as np

from drivers.faces.engine import inside
from drivers.faces.interfaces import FoundFace, Image, Points


class Flaw(StrEnum):
    """Why a face is not compared, for people to read."""

    TOO_FAR = "too far away"
    TOO_DARK = "too dark"
    DAZZLED = "too bright"
    BLURRED = "blurred"
    TURNED = "turned away"
    TILTED = "head tilted"
    CUT_OFF = "partly outside the picture"


class Gates(NamedTuple):
    """What a face must have. Measured on eight drawn people against the mean of four views, where
    a clear view is 0.15 away (median; 0.25 at most) and the nearest other person 0.51.

    `eyes_px_min`: at 39 pixels (a face of 60) 0.19 and 0.29, from 49 on as near as any; below 39
    the detector finds nothing.
    `brightness_min`: of 255; at 29 one was 0.41 away, and most are not found any more.
    `dazzled_share_max`: with half of the face blown out 0.31 and 0.38, others as near as 0.47.
    `sharpness_min`: all above it are at 0.35 or less, those below at up to 0.58. `turn_max`: at
    0.3, some 20 degrees, 0.22 and 0.45. `tilt_deg_max`: at 35 degrees 0.18 and 0.22; further the
    detector sees no face. There is no gate for a nod: at 20 degrees it is 0.32 and 0.54, and five
    points do not tell a nod from a long nose.
    """

    eyes_px_min: float = 42.0
    brightness_min: float = 32.0
    dazzled_share_max: float = 0.3
    sharpness_min: float = 0.08
    turn_max: float = 0.3
    tilt_deg_max: float = 30.0


DOOR = Gates()
"""For what is compared at a door."""

ENROLMENT = Gates(eyes_px_min=50.0, turn_max=0.5)
"""For what a template is made of: larger, and turned as far as the network still knows her."""


class Quality(NamedTuple):
    """What was measured of a face; `flaw`: the first that counts, None if it can be compared."""

    flaw: Flaw | None
    eyes_px: float
    brightness: float
    dazzled_share: float
    sharpness: float
    turn: float
    tilt_deg: float


BLOWN = 250
"""From this on a pixel shows nothing any more."""

SHOWN_LEAST = 0.85
"""How much of the face must be inside the picture: the detector guesses the rest."""

SHARPNESS_PX = 48
"""The width to which a face is brought before its edges are measured. Of 48, 64 and 96 this one
divides clear faces from blurred ones best, and small faces pass as the network takes them.
"""


def turn_of(points: Points) -> float:
    """How far the nose is out of the middle between the eyes: 0 from the front, positive where the
    person turns to her own left, about 0.37 at 20 degrees (face.md section 4).
    """
    left, right, nose = points[0], points[2], points[4]
    line = left - right
    along = float(np.dot(nose - right, line) / max(float(np.dot(line, line)), 1e-6))
    return 2 * along - 1


def eyes_px(points: Points) -> float:
    """Between the outer corners of the eyes."""
    return float(np.linalg.norm(points[0] - points[2]))


def quality(image: Image, face: FoundFace, gates: Gates = DOOR) -> Quality:
    """What the face is like in this image, and what is wrong with it."""
    box = inside(face.box, image)
    part = image[box.top : box.bottom, box.left : box.right]
    grey = cv2.cvtColor(part, cv2.COLOR_BGR2GRAY)
    size = (SHARPNESS_PX, SHARPNESS_PX)
    small = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
    line = face.points[0] - face.points[2]
    measured = Quality(
        flaw=None,
        eyes_px=eyes_px(face.points),
        brightness=float(small.mean()),
        dazzled_share=float((grey >= BLOWN).mean()),
        sharpness=_sharpness(small),
        turn=turn_of(face.points),
        tilt_deg=abs(math.degrees(math.atan2(float(line[1]), float(line[0])))),
    )
    shown = box.width * box.height / max(1, face.box.width * face.box.height)
    return measured._replace(flaw=_flaw(measured, shown, gates))


def _sharpness(small: Image) -> float:
    """How much of the contrast is in the finest detail. Light and skin make no difference to it."""
    exact = small.astype(np.float32)
    detail = cv2.Laplacian(exact, cv2.CV_32F)[1:-1, 1:-1]
    return float(detail.var() / max(1.0, float(exact.var())))


def _flaw(measured: Quality, shown: float, gates: Gates) -> Flaw | None:
    """The first thing that is wrong, in the order in which somebody would mend it."""
    wrong = {
        Flaw.TOO_FAR: measured.eyes_px < gates.eyes_px_min and abs(measured.turn) <= gates.turn_max,
        Flaw.CUT_OFF: shown < SHOWN_LEAST,
        Flaw.TOO_DARK: measured.brightness < gates.brightness_min,
        Flaw.DAZZLED: measured.dazzled_share > gates.dazzled_share_max,
        Flaw.TURNED: abs(measured.turn) > gates.turn_max,
        Flaw.TILTED: measured.tilt_deg > gates.tilt_deg_max,
        Flaw.BLURRED: measured.sharpness < gates.sharpness_min,
    }
    return next((flaw for flaw, so in wrong.items() if so), None)
