"""Who is drawn, and how: against pictures of the trial's own program, and as a detector sees it."""

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from drivers.faces.api import Turn
from simulators.people.layers import Light, Pose
from simulators.people.paint import Expression
from simulators.people.portrait import Figure, Lens, picture, render, wall
from simulators.people.traits import SELECTED, Glasses, traits
from simulators.people.views import turning, views, yaws

GOLDEN = Path(__file__).parents[2] / "golden" / "people"
SMALL = {"frame": (160, 120), "size_px": 56}

TRIAL = {
    "plain-17": (17, {}),
    "turned-34": (34, {"pose": Pose(25, -6, 4), "light": Light((0.5, -0.2, 0.8), 0.5)}),
    "smile-308": (
        308,
        {"expression": Expression(0, 0.5, 0.5), "pose": Pose(-12), "lens": Lens(0.6, 0)},
    ),
    "blink-90": (90, {"expression": Expression(1), "light": Light(gain=0.8), "lens": Lens(0.6, 0)}),
    "glasses-151": (151, {"glasses": Glasses.ROUND, "lens": Lens(0, 0)}),
}
"""Made by the trial's program (face.md section 4) with the same arguments."""

# Where two points of one depth meet the trial's program may have shown the other one (6 of 255 in
# half a hundredth of the values); another processor rounds some values to the other side.
DIFFERENCE_MAX, DIFFERENCE_MEAN_MAX = 10, 0.05


@pytest.mark.parametrize("name", TRIAL)
def test_people_are_those_of_the_trial(name):
    identity, arguments = TRIAL[name]
    drawn = render(identity, seed=identity, **SMALL, **arguments)
    expected = cv2.imread(str(GOLDEN / f"{name}.png"))
    difference = np.abs(drawn.astype(int) - expected)
    assert difference.max() <= DIFFERENCE_MAX
    assert difference.mean() <= DIFFERENCE_MEAN_MAX


def test_the_same_seed_gives_the_same_picture_and_no_other_does():
    first = render(17, seed=1, **SMALL)
    assert np.array_equal(first, render(17, seed=1, **SMALL))
    assert not np.array_equal(first, render(17, seed=2, **SMALL))
    assert not np.array_equal(first, render(34, seed=1, **SMALL))


def test_forty_people_were_selected():
    assert len(set(SELECTED)) == len(SELECTED) == 40


@pytest.mark.parametrize("identity", SELECTED[::7])
def test_a_detector_finds_everybody(engine, identity):
    assert len(engine.find(render(identity, size_px=120, frame=(240, 240), seed=identity))) == 1


def test_an_empty_wall_shows_nobody_and_two_people_are_two(engine):
    assert engine.find(picture((), frame=(320, 240))) == ()
    two = (Figure(17, size_px=100, centre=(90, 110)), Figure(34, size_px=90, centre=(230, 110)))
    assert len(engine.find(picture(two, frame=(320, 240)))) == 2


def test_somebody_outside_the_picture_is_not_in_it():
    behind = wall(3, (160, 120))
    away = Figure(17, size_px=50, centre=(-300, 60))
    still = Lens(0, 0)
    shown = picture((away,), frame=(160, 120), lens=still, background=behind)
    assert np.array_equal(shown, behind)


@pytest.mark.parametrize("identity", [34, 293])
def test_a_turn_to_her_left_moves_the_nose_there_more_and_more(turned_by, identity):
    shot = {"size_px": 130, "frame": (260, 240)}
    seen = [turned_by(render(identity, Pose(yaw), **shot)) for yaw in (-20, -10, 0, 10, 20)]
    assert all(after - before > 0.05 for before, after in pairwise(seen)), seen


def test_who_is_asked_to_turn_does_so_in_that_order():
    angles = yaws((Turn.RIGHT, Turn.LEFT), 10)
    assert angles[0] == angles[-1] == 0
    assert np.argmin(angles) < np.argmax(angles)
    frames = list(turning(17, (Turn.LEFT,), 1, size_px=56, frame=(160, 120)))
    assert len(frames) == len(yaws((Turn.LEFT,), 1))
    corners = [frame[:20, :20] for frame in frames]  # the wall, so nothing but noise
    assert not any(np.array_equal(*pair) for pair in pairwise(corners))


def test_views_of_one_person_are_many_and_come_again():
    first = list(views(17, 2, frame=(160, 120)))
    again = list(views(17, 2, frame=(160, 120)))
    assert all(np.array_equal(*pair) for pair in zip(first, again, strict=True))
    assert not np.array_equal(*first)


def test_glasses_change_the_eyes_and_not_the_chin():
    assert traits(34).spectacles.style is Glasses.NONE
    still = {"lens": Lens(0, 0), **SMALL}
    plain = render(34, **still).astype(int)
    changed = np.abs(plain - render(34, glasses=Glasses.SQUARE, **still)).max(axis=(1, 2))
    eyes, chin = changed[40:56], changed[78:100]
    assert eyes.max() > 40
    assert chin.max() == 0


@pytest.mark.parametrize(
    ("expression", "rows"), [(Expression(blink=1), (43, 51)), (Expression(mouth=1), (78, 86))]
)
def test_a_face_moves_where_it_should(expression, rows):
    still = {"lens": Lens(0, 0), **SMALL}
    moved = np.abs(render(34, **still).astype(int) - render(34, expression=expression, **still))
    where = np.flatnonzero(moved.max(axis=(1, 2)) > 20)
    assert len(where)
    assert rows[0] <= where.min()
    assert where.max() <= rows[1]
