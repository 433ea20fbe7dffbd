"""Who passes the challenge of turning the head, and what does not."""

import numpy as np
import pytest

from drivers.faces.api import Turn
from drivers.faces.engine import FastEngine
from drivers.faces.hints import FROZEN_NS, Hint, Hints, pattern
from drivers.faces.interfaces import Box, FoundFace, Liveness
from drivers.faces.liveness import TABLE, Signal, State, TurnChallenge, solid
from drivers.faces.tracks import Shape
from tests.drivers.faces.acting import (
    FACE_PX,
    Film,
    Judged,
    Person,
    Print,
    Swapped,
    drawn,
    judge,
    noisy,
)

LEFT, RIGHT = Turn.LEFT, Turn.RIGHT
ADA, BEN = 34, 151


@pytest.fixture(scope="module")
def live(engine: FastEngine) -> Judged:
    return judge(engine, Person(ADA), (RIGHT, LEFT))


def test_who_turns_as_asked_passes_and_is_asked_in_that_order(live: Judged):
    assert live.verdict is Liveness.PASSED, live.reason
    assert live.asked == (RIGHT, LEFT)
    assert live.challenge.asks() is None


def test_a_verdict_stands(live: Judged):
    """What is shown after it changes nothing."""
    image = drawn(BEN, 0)
    assert live.challenge.judge(image, None, int(60e9)) is Liveness.PASSED


def test_it_says_since_when_it_has_seen_one_thing(live: Judged):
    since_ns = live.challenge.since_ns
    assert since_ns is not None
    assert since_ns < 1e9, "she stood there from the start"


@pytest.mark.parametrize("bend_deg", [0, 60])
def test_a_print_that_is_tilted_as_asked_is_refused(engine: FastEngine, bend_deg: float):
    found = judge(engine, Print(ADA, most=38, bend_deg=bend_deg), (LEFT, RIGHT), fps=10)
    assert found.verdict is Liveness.FAILED
    assert found.reason == "no head was seen to turn in time"


def test_a_film_passes_where_its_order_is_the_one_that_was_drawn(engine: FastEngine):
    """The limit that the spec sheet tells of: but for the order a film cannot be told from her."""
    assert judge(engine, Film(ADA, (LEFT, RIGHT)), (LEFT, RIGHT)).verdict is Liveness.PASSED


def test_a_film_of_another_order_is_refused(engine: FastEngine):
    found = judge(engine, Film(ADA, (LEFT, RIGHT)), (RIGHT, RIGHT))
    assert found.verdict is Liveness.FAILED
    assert found.reason == "the head turned the other way"


@pytest.mark.parametrize(
    ("person", "step", "reason"),
    [
        (BEN, 10, "the face was lost from sight on the way"),
        (ADA, 8, "no head was seen to turn in time"),
    ],
)
def test_another_picture_in_the_place_of_the_first_is_refused(
    engine: FastEngine, person: int, step: int, reason: str
):
    """Another person's, and one of her own head turned, that fits to the pixel."""
    found = judge(engine, Swapped(drawn(ADA, 0), drawn(person, step), 1.2), (LEFT,))
    assert found.verdict is Liveness.FAILED
    assert found.reason == reason


def test_what_was_seen_of_somebody_else_does_not_count_for_whoever_comes_next(
    engine: FastEngine,
):
    """Both stand in the same place, and are found in each picture."""
    challenge, random = TurnChallenge((LEFT,)), np.random.default_rng(5)
    for number, person in enumerate((ADA, ADA, ADA, BEN, BEN)):
        image = noisy(drawn(person, 0), random)
        (face,) = engine.find(image)
        challenge.judge(image, face, number * 80_000_000)
        assert challenge.since_ns == (0 if person == ADA else 240_000_000)


def test_who_does_not_turn_is_refused_in_time(engine: FastEngine):
    still = drawn(ADA, 0)
    found = judge(engine, Swapped(still, still, 0), (LEFT,), fps=5)
    assert found.verdict is Liveness.FAILED
    assert found.at_s < 6


def test_nobody_is_asked_nothing(engine: FastEngine):
    challenge = TurnChallenge((LEFT,))
    empty = np.full((100, 100, 3), 90, np.uint8)
    for number in range(100):
        assert challenge.judge(empty, None, number * 100_000_000) is Liveness.RUNNING
    assert challenge.asks() is None
    assert challenge.since_ns is None


def test_a_challenge_without_a_turn_is_a_mistake():
    with pytest.raises(ValueError, match="a turn at least"):
        TurnChallenge(())


@pytest.mark.parametrize(
    ("residual", "slant", "is_solid"),
    [
        (0.04, 0.27, True),  # a head at 15 degrees
        (0.019, 0.05, False),  # noise, before anything has turned
        (0.016, 0.7, False),  # a print at 45 degrees, as its points drift
        (0.027, 0.53, False),  # one that is bent by 90 degrees
    ],
)
def test_a_head_is_told_by_its_relief_for_how_far_it_turned(
    residual: float, slant: float, is_solid: bool
):
    assert solid(Shape(residual, slant)) is is_solid


def test_what_has_failed_never_passes():
    assert {move.state for move in TABLE[State.FAILED].values()} == {State.FAILED}
    ways_to_pass = {
        (state, signal)
        for state, row in TABLE.items()
        for signal, move in row.items()
        if move.state is State.PASSED and state is not State.PASSED
    }
    assert ways_to_pass == {(State.ASKED, Signal.LAST_TURNED)}


def test_a_picture_that_stands_still_is_noticed_and_counts_for_nothing():
    hints, image = Hints(), drawn(ADA, 0)
    looked = [hints.look(image, None, at) for at in range(0, FROZEN_NS * 2, FROZEN_NS // 4)]
    assert looked == [True, *[False] * 7]
    assert hints.seen == {Hint.FROZEN}


def test_pictures_that_come_again_are_a_film():
    random = np.random.default_rng(1)
    pictures = [noisy(drawn(ADA, 0), random) for _ in range(5)]
    hints = Hints()
    for number, picture in enumerate(pictures * 2):
        assert (Hint.REPEATED in hints.seen) == (number > 7)
        hints.look(picture, None, number * 100_000_000)
    challenge = TurnChallenge((LEFT,))
    for number, picture in enumerate(pictures * 2):
        verdict = challenge.judge(picture, None, number * 100_000_000)
    assert verdict is Liveness.FAILED
    assert challenge.reason == "the same pictures came again"


def test_the_stripes_of_a_screen_are_a_hint_and_a_face_is_none():
    face = drawn(ADA, 0)
    middle_x, middle_y = face.shape[1] // 2, face.shape[0] // 2
    half = FACE_PX // 2
    box = Box(middle_x - half, middle_y - half, middle_x + half, middle_y + half)
    across = np.arange(face.shape[1]) * 2 * np.pi / 3.2
    stripes = np.stack([0.8 + 0.2 * np.cos(across + colour) for colour in (0, 2.1, 4.2)], -1)
    random = np.random.default_rng(2)
    shown = noisy(face * stripes.astype(np.float32), random)
    hints = Hints()
    for number in range(4):
        hints.look(noisy(face, random), _found(box), number)
    assert hints.seen == frozenset()
    for number in range(4, 8):
        hints.look(noisy(shown, random), _found(box), number)
    assert hints.seen == {Hint.SCREEN}
    assert pattern(face, Box(0, 0, 20, 20)) == 0, "too small to say"


def _found(box: Box) -> FoundFace:
    return FoundFace(box, np.zeros((5, 2), np.float32), 1.0)
