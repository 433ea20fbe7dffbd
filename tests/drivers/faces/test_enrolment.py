"""A template is made of several good views of one person, or not at all."""

from itertools import islice

import numpy as np
import pytest

from drivers.faces.api import FaceAsked, Template
from drivers.faces.engine import FastEngine
from drivers.faces.enrolment import VIEWS_MAX, enrol
from drivers.faces.interfaces import Image
from drivers.faces.recognition import distance
from simulators.people.views import views
from tests.drivers.faces.scenes import ADA, BEN, CLARA, DRAWN_MOST, before_camera, moments


@pytest.fixture(scope="session")
def adas() -> list[Image]:
    return list(views(ADA, 3, seed=1, strength=0.5))


def test_three_views_make_a_template_that_is_hers(engine: FastEngine, adas: list[Image]):
    enrolled = enrol(engine, adas, version=7, jitter=2)
    assert enrolled.refusal is None
    assert enrolled.template is not None
    assert (enrolled.template.model, enrolled.template.version) == (engine.model, 7)
    assert [view.flaw for view in enrolled.views] == [None] * 3
    assert 0 < enrolled.apart_most < DRAWN_MOST
    far = {}
    for person in (ADA, BEN):
        image = before_camera(person)
        vector = engine.describe(image, engine.find(image)[0])
        far[person] = distance(enrolled.template.mean, vector)
    assert far[ADA] < DRAWN_MOST < far[BEN]


@pytest.mark.parametrize(
    ("spoilt", "flaw"),
    [
        (before_camera, "nobody in it"),
        (lambda: before_camera(ADA, BEN), "more than one person in it"),
        (lambda: before_camera(ADA, size_px=65), "too far away"),
        (lambda: before_camera(CLARA, size_px=180, blur_px=5), "blurred"),
    ],
    ids=["nobody", "two", "far", "blurred"],
)
def test_a_view_that_is_no_good_is_named_and_left_out(
    engine: FastEngine, adas: list[Image], spoilt, flaw
):
    enrolled = enrol(engine, [*adas[:2], spoilt()], jitter=0)
    assert [view.flaw for view in enrolled.views] == [None, None, flaw]
    assert enrolled.template is None
    assert enrolled.refusal is not None
    assert "2 of 3 pictures can be used, and 3 are needed" in enrolled.refusal


def test_two_people_are_no_one(engine: FastEngine, adas: list[Image]):
    enrolled = enrol(engine, [*adas, before_camera(BEN)], jitter=0)
    assert enrolled.template is None
    assert enrolled.refusal is not None
    assert "same person" in enrolled.refusal


def test_one_picture_saved_thrice_is_one_view(engine: FastEngine, adas: list[Image]):
    enrolled = enrol(engine, [adas[0], adas[1], adas[0].copy()], jitter=0)
    assert enrolled.template is None
    assert enrolled.refusal is not None
    assert "one and the same" in enrolled.refusal


def test_too_many_pictures_are_refused(engine: FastEngine):
    empty = list(islice(moments(np.zeros((8, 8, 3), np.uint8)), VIEWS_MAX + 1))
    enrolled = enrol(engine, empty, jitter=0)
    assert enrolled.template is None
    assert enrolled.refusal == f"{VIEWS_MAX + 1} pictures: at most {VIEWS_MAX} are taken"


@pytest.mark.parametrize(
    "mean",
    [b"", bytes(511), bytes(513), np.full(128, np.nan, "<f4").tobytes()],
    ids=["none", "short", "long", "no number"],
)
def test_what_no_enrolment_makes_is_no_template(mean: bytes):
    with pytest.raises(ValueError, match="a template has"):
        Template(model="m", version=1, mean=mean)


@pytest.mark.parametrize("distance_max", [0.0, -1.0, 0.61, 10.0, float("nan"), float("inf")])
def test_no_question_takes_everybody_for_her(distance_max: float):
    with pytest.raises(ValueError, match="a distance is"):
        FaceAsked(
            question="q",
            camera="gate",
            template=Template(model="m", version=1, mean=bytes(512)),
            distance_max=distance_max,
            turns=(),
            not_after_ns=1,
        )
