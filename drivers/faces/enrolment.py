"""Views of one person in, a template and a report out. For a command's own process.

The mean of several views is nearer to the next view than any of them is: of drawn people the mean
of four keeps 0.07 away from the nearest other one, where single views overlap (face.md section 4).
"""

from collections.abc import Sequence
from itertools import combinations

import msgspec
import numpy as np

from drivers.faces.api import Template
from drivers.faces.interfaces import FaceEngine, Image, Vector
from drivers.faces.quality import ENROLMENT, quality
from drivers.faces.recognition import template_bytes

VIEWS_MIN = 3
"""Fewer do not show how one person differs from herself."""

VIEWS_MAX = 20
"""More add nothing: the mean of ten moves by less than one view's noise."""

JITTER = 10
"""Slightly moved copies of each view. Real pairs at 0.50: 5.0 % instead of 6.4 % refused, and none
taken for each other; ten times the work, for which only enrolment has the time (face.md section 5).
"""

APART_MOST = 0.6
"""Between two views of one person: 7 in 1,000 real pairs are further apart, and 18 in 10,000 pairs
of two people are nearer (face.md section 5, all pairs).
"""


class ViewReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one picture was good for. `flaw`: why it was left out, for people; None: it was used.

    `eyes_px`: between the outer corners of the eyes. `turn`: 0 from the front, positive to her own
    left.
    """

    flaw: str | None
    eyes_px: float = 0.0
    brightness: float = 0.0
    sharpness: float = 0.0
    turn: float = 0.0


class Enrolled(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an enrolment.

    `template`: None where `refusal`, for people, says why not. `views`: one for each picture, in
    order. `apart_most`: the greatest distance between two views that were used; the smaller, the
    more surely she will be told from others.
    """

    template: Template | None
    refusal: str | None
    views: tuple[ViewReport, ...]
    apart_most: float = 0.0


def enrol(
    engine: FaceEngine, views: Sequence[Image], version: int = 1, jitter: int = JITTER
) -> Enrolled:
    """A template of at least VIEWS_MIN good views, or why there is none. Never raises."""
    reports: list[ViewReport] = []
    vectors: list[Vector] = []
    for view in views[:VIEWS_MAX]:
        report, vector = view_of(engine, view, jitter)
        reports.append(report)
        if vector is not None:
            vectors.append(vector)
    apart = [float(np.linalg.norm(one - other)) for one, other in combinations(vectors, 2)]
    twice = any(np.array_equal(one, other) for one, other in combinations(views[:VIEWS_MAX], 2))
    refusal = _refusal(len(views), len(vectors), apart, twice=twice)
    mean = np.mean(vectors, axis=0) if not refusal else None
    template = (
        None
        if mean is None
        else Template(model=engine.model, version=version, mean=template_bytes(mean))
    )
    return Enrolled(
        template=template,
        refusal=refusal,
        views=tuple(reports),
        apart_most=max(apart, default=0.0),
    )


def view_of(
    engine: FaceEngine, view: Image, jitter: int = JITTER
) -> tuple[ViewReport, Vector | None]:
    """One picture: what it is good for, and its vector where it is."""
    found = engine.find(view)
    if len(found) != 1:
        return ViewReport(flaw="nobody in it" if not found else "more than one person in it"), None
    measured = quality(view, found[0], ENROLMENT)
    report = ViewReport(
        flaw=None if measured.flaw is None else measured.flaw.value,
        eyes_px=round(measured.eyes_px, 1),
        brightness=round(measured.brightness, 1),
        sharpness=round(measured.sharpness, 3),
        turn=round(measured.turn, 2),
    )
    if measured.flaw is not None:
        return report, None
    return report, engine.describe(view, found[0], jitter)


def _refusal(given: int, good: int, apart: list[float], *, twice: bool) -> str | None:
    """Why there is no template; with the remedy."""
    if given > VIEWS_MAX:
        return f"{given} pictures: at most {VIEWS_MAX} are taken"
    if twice:
        return "two of the pictures are one and the same: take each view anew"
    if good < VIEWS_MIN:
        return (
            f"{good} of {given} pictures can be used, and {VIEWS_MIN} are needed: add better ones"
        )
    if max(apart) > APART_MOST:
        return "two of the pictures do not show the same person: look through them"
    return None
