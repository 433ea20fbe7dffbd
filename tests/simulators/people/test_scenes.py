"""What is held up in place of a person, and how people come, turn and go."""

from itertools import islice, pairwise

import cv2
import numpy as np
import pytest

from drivers.faces.api import Turn
from simulators.people.held import AWAY_WIDTHS, Held, hold
from simulators.people.layers import Pose, turned
from simulators.people.moves import SECONDS, Move, frames_of, stance
from simulators.people.scenes import How, Scene, frames, length
from simulators.people.walker import REACTION_S, WISHES_MAX, Walker

SMALL = {"frame": (240, 200), "size_px": 110.0, "fps": 2.0}


TURNED = 2
"""The frame of a turn in which the head is at its side, with two frames to the second."""


def test_the_living_never_give_the_same_frame_twice_and_a_frozen_one_always_does():
    live = [each.tobytes() for each in frames(Scene(identity=17, **SMALL), Move.STANDS)]
    assert len(set(live)) == len(live) == 4
    frozen = frames(Scene(identity=17, how=How.FROZEN, **SMALL), Move.LEFT)
    assert len({each.tobytes() for each in frozen}) == 1


def test_nobody_is_there_before_and_after(engine):
    scene = Scene(identity=17, **SMALL)
    for move in (Move.AWAY, Move.COMES):
        assert engine.find(next(frames(scene, move))) == ()
    assert len(engine.find(next(frames(scene, Move.STANDS)))) == 1


def test_somebody_beside_is_a_second_face(engine):
    scene = Scene(identity=17, companion=34, frame=(420, 240), size_px=110.0)
    assert len(engine.find(next(frames(scene, Move.STANDS)))) == 2


def test_a_flat_sheet_is_seen_as_a_plane():
    """Against OpenCV's own warp by the four corners, which this module does not use."""
    sheet = np.full((120, 100, 3), 40, np.uint8)
    cv2.circle(sheet, (30, 40), 18, (200, 90, 30), -1)
    cv2.rectangle(sheet, (60, 60), (90, 110), (20, 220, 130), -1)
    pose, width, centre = Pose(28, -10, 7), 110.0, (100.0, 90.0)
    scene = np.zeros((180, 200, 3), np.float32)
    hold(scene, sheet, Held(pose, centre, width))
    scale = width / 100
    flat = np.array([[0, 0], [100, 0], [100, 120], [0, 120]], np.float64)
    there = np.column_stack([(flat - [50, 60]) * scale, np.zeros(4)]) @ turned(pose).T
    distance = AWAY_WIDTHS * width
    seen = there[:, :2] * (distance / (distance - there[:, 2]))[:, None] + centre
    matrix = cv2.getPerspectiveTransform((flat - 0.5).astype(np.float32), seen.astype(np.float32))
    expected = cv2.warpPerspective(sheet, matrix, (200, 180))
    inside = cv2.warpPerspective(np.full((120, 100), 255, np.uint8), matrix, (200, 180))
    inner = cv2.erode(inside, np.ones((5, 5), np.uint8)) == 255
    light = 0.7 + 0.3 * turned(pose)[2, 2]
    assert np.abs(scene - expected * light)[inner].mean() < 1
    assert not scene[cv2.dilate(inside, np.ones((5, 5), np.uint8)) == 0].any()


@pytest.mark.parametrize("bend_deg", [30, 60, 90])
def test_a_bent_sheet_is_as_wide_as_its_chord(bend_deg):
    scene = np.zeros((100, 240, 3), np.float32)
    hold(scene, np.full((20, 200, 3), 255, np.uint8), Held(Pose(), (120, 50), 200, bend_deg))
    radius, half = 200 / np.radians(bend_deg), np.radians(bend_deg / 2)
    back = AWAY_WIDTHS * 200 / (AWAY_WIDTHS * 200 + radius * (1 - np.cos(half)))
    chord = 2 * radius * np.sin(half) * back
    assert np.count_nonzero(scene[50, :, 0] > 60) == pytest.approx(chord, abs=3)


def test_a_photo_is_a_face_that_tilts_and_a_head_turns_further(turned_by):
    live, photo = Scene(identity=34, **SMALL), Scene(identity=34, how=How.PHOTO, **SMALL)
    seen = [list(islice(frames(each, Move.LEFT), TURNED + 1)) for each in (live, photo)]
    turns = [turned_by(each[TURNED]) - turned_by(each[0]) for each in seen]
    assert turns[0] > abs(turns[1]) + 0.1, turns


def test_a_telephone_shows_what_was_recorded(turned_by):
    recorded = (Move.RIGHT, Move.LEFT)
    scene = Scene(identity=34, how=How.REPLAY, recorded=recorded, **SMALL)
    shown = list(frames(scene, Move.STANDS))
    turn = frames_of(Move.RIGHT, 2)
    assert len(shown) == length(scene, Move.STANDS) == 2 * turn
    right, left = (turned_by(shown[TURNED + start]) for start in (0, turn))
    assert right < -0.1 < 0.1 < left


def test_a_telephone_has_the_stripes_of_a_screen():
    def colours(scene: Scene) -> float:
        """How far green goes another way than blue and red from column to column."""
        columns = next(frames(scene, Move.STANDS))[90:130].astype(float).mean(axis=0)
        apart = columns[:, 1] - columns[:, [0, 2]].mean(axis=1)
        return float(np.abs(np.diff(apart))[110:210].mean())

    room = {"frame": (320, 240), "size_px": 170.0}
    live = colours(Scene(identity=34, **room))
    assert colours(Scene(identity=34, how=How.REPLAY, **room)) > 3 * live


@pytest.mark.parametrize("move", [move for move in Move if move is not Move.AWAY])
def test_moves_begin_and_end_where_somebody_stands(move):
    """So that any may follow any other, and nothing jumps between two frames."""
    fps = 50
    track = [stance(move, number, fps) for number in range(round(SECONDS[move] * fps) + 1)]
    steps = [
        max(abs(after.pose.yaw - before.pose.yaw) / 60, abs(after.across - before.across))
        for before, after in pairwise(track)
    ]
    assert max(steps) < 0.05
    ends = {Move.COMES: (-1,), Move.GOES: (0,)}.get(move, (0, -1))
    for end in ends:
        assert np.abs(np.subtract(track[end].pose, Pose())).max() < 1e-6
        assert track[end].across == pytest.approx(0)
        assert track[end].near == pytest.approx(1)


def walked(walker: Walker, until_s: float) -> list[Move]:
    """The moves in the order in which they were seen."""
    seen: list[Move] = []
    for tenth in range(int(until_s * 10)):
        move, number = walker.at(tenth / 10)
        assert 0 <= number < length(walker.scene, move)
        if not seen or seen[-1] is not move:
            seen.append(move)
    return seen


def test_a_walker_comes_turns_as_asked_and_goes():
    walker = Walker(Scene(identity=17))
    walker.prompt(Turn.LEFT, 0.0)  # nobody is there to hear it
    walker.come(0.5)
    walker.prompt(Turn.RIGHT, 3.0)
    walker.prompt(Turn.LEFT, 3.1)
    walker.go(3.2)
    assert walked(walker, 12) == [
        *(Move.AWAY, Move.COMES, Move.STANDS, Move.RIGHT, Move.LEFT, Move.GOES, Move.AWAY)
    ]


def test_a_walker_takes_a_moment_to_react():
    walker = Walker(Scene(identity=17))
    walker.come(0.0)
    walker.at(3.0)
    walker.prompt(Turn.LEFT, 3.0)
    assert walker.at(3.0 + REACTION_S - 0.01)[0] is Move.STANDS
    assert walker.at(3.0 + REACTION_S + 0.01)[0] is Move.LEFT


def test_wishes_are_bounded():
    walker = Walker(Scene(identity=17))
    walker.come(0.0)
    walker.at(3.0)
    for _ in range(50):
        walker.prompt(Turn.LEFT, 3.0)
    last_s = 3.0 + REACTION_S + WISHES_MAX * SECONDS[Move.LEFT]
    assert walker.at(last_s - 0.1)[0] is Move.LEFT
    assert walker.at(last_s + 0.1)[0] is Move.STANDS


@pytest.mark.parametrize("how", [How.REPLAY, How.FROZEN])
def test_what_cannot_hear_obeys_nobody(how):
    walker = Walker(Scene(identity=17, how=how))
    walker.come(0.0)
    walker.prompt(Turn.LEFT, 3.0)
    walker.prompt(Turn.RIGHT, 3.0)
    assert set(walked(walker, 20)) == {Move.COMES, Move.STANDS}
