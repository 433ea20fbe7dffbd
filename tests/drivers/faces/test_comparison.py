"""Who is taken for whom, and what is no evidence of anything."""

from collections.abc import Iterable
from itertools import islice

import pytest

from drivers.faces.api import FaceAnswer, FaceAsked, FaceOutcome, Turn
from drivers.faces.comparison import Comparison
from drivers.faces.engine import FastEngine
from drivers.faces.interfaces import Challenge, FoundFace, Image, Liveness
from drivers.faces.liveness import TurnChallenge
from tests.drivers.faces.acting import At, Person, Print
from tests.drivers.faces.scenes import ADA, BEN, CLARA, FRAME_NS, Question, before_camera, moments


class Scripted:
    """A challenge that says what it was told to say at each frame, and asks while it runs."""

    reason = "as the script has it"

    def __init__(self, script: str, turns: tuple[Turn, ...]) -> None:
        self._script, self._turns = iter(script), turns
        self._now = "."
        self.since_ns: int | None = None

    def asks(self) -> Turn | None:
        return self._turns[int(self._now)] if self._now.isdigit() else None

    def judge(self, image: Image, face: FoundFace | None, at_ns: int) -> Liveness:
        """`.` looks on, a digit asks for that turn, `!` fails, `+` has passed; `s`: another face
        could have been there until now.
        """
        self._now = next(self._script, self._now)
        if self.since_ns is None or self._now == "s":
            self.since_ns = at_ns
        verdict = {"+": Liveness.PASSED, "!": Liveness.FAILED}
        return verdict.get(self._now, Liveness.RUNNING)


class Scripts:
    """Gives each new challenge the next script."""

    def __init__(self, *scripts: str) -> None:
        self._scripts = iter(scripts)

    def __call__(self, turns: tuple[Turn, ...]) -> Challenge:
        return Scripted(next(self._scripts), turns)


NO_SCRIPT = Scripts()
TURNS = (Turn.LEFT, Turn.RIGHT)


class Watched:
    """A comparison that is shown frames, ten a second."""

    def __init__(self, comparison: Comparison, engine: FastEngine) -> None:
        self._comparison, self._engine = comparison, engine
        self.now_ns = 0
        self.frames = 0

    def see(self, images: Iterable[Image]) -> FaceAnswer | None:
        """Stops at an answer."""
        for image in images:
            self.now_ns += FRAME_NS
            self.frames += 1
            if (answer := self._comparison.look(self._engine, image, self.now_ns)) is not None:
                return answer
        return None

    def end(self, later_ns: int = FRAME_NS) -> FaceAnswer:
        return self._comparison.end(self.now_ns + later_ns)

    def asks(self) -> Turn | None:
        return self._comparison.asks()


@pytest.fixture
def watched(engine: FastEngine, question: Question) -> Watched:
    """Ada's badge; no turns."""
    return Watched(Comparison(question.asked(), 0, NO_SCRIPT), engine)


def challenged(engine: FastEngine, question: Question, *scripts: str) -> Watched:
    """Ada's badge, and turns."""
    return Watched(Comparison(question.asked(*TURNS), 0, Scripts(*scripts)), engine)


def test_the_right_face_passes_with_its_second_clear_picture(watched: Watched):
    answer = watched.see(islice(moments(before_camera(ADA)), 8))
    assert answer is not None
    assert answer.outcome is FaceOutcome.MATCHED
    assert watched.frames >= 2


def test_another_face_is_wrong_after_a_second_of_clear_pictures(watched: Watched):
    answer = watched.see(islice(moments(before_camera(BEN)), 20))
    assert answer is not None
    assert answer.outcome is FaceOutcome.WRONG
    assert watched.frames > 10


def test_another_face_is_wrong_when_time_is_up(watched: Watched):
    assert watched.see(islice(moments(before_camera(BEN)), 6)) is None
    assert watched.end().outcome is FaceOutcome.WRONG


def test_one_clear_picture_is_too_few_for_either(watched: Watched):
    assert watched.see(islice(moments(before_camera(ADA)), 1)) is None
    assert watched.end().outcome is FaceOutcome.POOR


@pytest.mark.parametrize(
    ("image", "outcome", "reason"),
    [
        (before_camera, FaceOutcome.NOBODY, "nobody before the camera"),
        (lambda: before_camera(ADA, BEN), FaceOutcome.SEVERAL, "more than one person"),
        (lambda: before_camera(ADA, size_px=58), FaceOutcome.POOR, "too far away"),
        (lambda: before_camera(CLARA, size_px=180, blur_px=5), FaceOutcome.POOR, "blurred"),
    ],
    ids=["nobody", "two", "far", "blurred"],
)
def test_what_cannot_be_compared_is_neither(watched: Watched, image, outcome, reason):
    assert watched.see(islice(moments(image()), 6)) is None
    answer = watched.end()
    assert (answer.outcome, answer.question) == (outcome, "q")
    assert reason in answer.reason


def test_a_camera_that_shows_the_same_picture_shows_nothing(watched: Watched):
    assert watched.see([before_camera(ADA)] * 20) is None
    assert watched.end().outcome is FaceOutcome.UNAVAILABLE


def test_a_camera_that_stops_has_shown_nothing(watched: Watched):
    assert watched.see(islice(moments(before_camera(ADA)), 1)) is None
    assert watched.end(later_ns=3_000_000_000).outcome is FaceOutcome.UNAVAILABLE


def test_what_was_seen_before_the_badge_does_not_count(engine: FastEngine, question: Question):
    late = Watched(Comparison(question.asked(), 10**12, NO_SCRIPT), engine)
    assert late.see(islice(moments(before_camera(ADA)), 8)) is None
    assert late.end().outcome is FaceOutcome.UNAVAILABLE


def test_a_face_that_comes_in_the_place_of_another_is_judged_alone(watched: Watched):
    """Of three votes two must fit, of one face: hers from before are gone with her."""
    assert watched.see(islice(moments(before_camera(ADA)), 1)) is None
    assert watched.see(islice(moments(before_camera(ADA, BEN)), 1)) is None
    assert watched.see(islice(moments(before_camera(ADA)), 1)) is None
    assert watched.end().outcome is FaceOutcome.POOR


def test_who_fits_once_and_then_no_more_is_neither(watched: Watched):
    """Two people in one place, or one of whom nobody can tell: no word of a wrong face."""
    assert watched.see(islice(moments(before_camera(ADA)), 1)) is None
    assert watched.see(islice(moments(before_camera(BEN)), 14)) is None
    assert watched.end().outcome is FaceOutcome.POOR


def test_turns_are_done_by_the_face_that_fits_before_and_after(
    engine: FastEngine, question: Question
):
    watched = challenged(engine, question, "..0011++++++++")
    frames = moments(before_camera(ADA))
    assert watched.see(islice(frames, 3)) is None
    assert watched.asks() is Turn.LEFT
    assert watched.see(islice(frames, 2)) is None
    assert watched.asks() is Turn.RIGHT
    assert watched.see(islice(frames, 1)) is None, "not before the turns are done"
    answer = watched.see(islice(frames, 6))
    assert answer is not None
    assert answer.outcome is FaceOutcome.MATCHED


def test_turns_that_are_not_done_end_as_not_live(engine: FastEngine, question: Question):
    for image in (before_camera(ADA), before_camera(BEN)):
        watched = challenged(engine, question, "..0")
        assert watched.see(islice(moments(image), 6)) is None
        answer = watched.end()
        assert answer.outcome is FaceOutcome.NOT_LIVE
        assert answer.reason == "as the script has it"


def test_a_failed_challenge_ends_at_once(engine: FastEngine, question: Question):
    watched = challenged(engine, question, "..0!")
    answer = watched.see(islice(moments(before_camera(ADA)), 8))
    assert answer is not None
    assert answer.outcome is FaceOutcome.NOT_LIVE
    assert watched.frames == 4


def test_another_face_is_wrong_only_once_it_has_turned(engine: FastEngine, question: Question):
    watched = challenged(engine, question, "............++++")
    answer = watched.see(islice(moments(before_camera(BEN)), 30))
    assert answer is not None
    assert answer.outcome is FaceOutcome.WRONG
    assert watched.frames > 12


def test_turns_by_another_do_not_pass_for_her(engine: FastEngine, question: Question):
    """Her picture first, then somebody who turns: the challenge cannot say who was there before."""
    watched = challenged(engine, question, "...s0+++++")
    frames = moments(before_camera(ADA))
    assert watched.see(islice(frames, 3)) is None
    others = moments(before_camera(BEN))
    answer = watched.see(islice(others, 3)) or watched.see(islice(frames, 12)) or watched.end()
    assert answer.outcome is not FaceOutcome.MATCHED


def test_who_is_lost_during_the_turns_is_not_asked_again(engine: FastEngine, question: Question):
    watched = challenged(engine, question, "01111", "+")
    assert watched.see(islice(moments(before_camera(ADA)), 3)) is None
    answer = watched.see(islice(moments(before_camera()), 12))
    assert answer is not None
    assert answer.outcome is FaceOutcome.NOT_LIVE


def test_who_is_lost_before_the_second_turn_may_begin_anew(engine: FastEngine, question: Question):
    watched = challenged(engine, question, "0", "..01++++++")
    assert watched.see(islice(moments(before_camera(ADA)), 2)) is None
    assert watched.see(islice(moments(before_camera()), 9)) is None
    answer = watched.see(islice(moments(before_camera(ADA)), 12))
    assert answer is not None
    assert answer.outcome is FaceOutcome.MATCHED


def shown(
    engine: FastEngine, asked: FaceAsked, show: At, fps: int = 12, for_s: int = 6
) -> FaceAnswer:
    """What is answered where she is really asked to turn, and somebody shows this."""
    comparison = Comparison(asked, 0, TurnChallenge)
    for number in range(1, fps * for_s):
        image = show(number / fps, comparison.asks())
        answer = comparison.look(engine, image, number * 10**9 // fps)
        if answer is not None:
            return answer
    return comparison.end(for_s * 10**9)


def test_who_turns_as_asked_and_is_the_one_passes(engine: FastEngine, question: Question):
    answer = shown(engine, question.asked(Turn.RIGHT), Person(ADA))
    assert answer.outcome is FaceOutcome.MATCHED, answer.reason


def test_who_turns_as_asked_and_is_another_does_not(engine: FastEngine, question: Question):
    answer = shown(engine, question.asked(Turn.RIGHT), Person(BEN))
    assert answer.outcome is FaceOutcome.WRONG, answer.reason


def test_her_print_does_not_pass(engine: FastEngine, question: Question):
    answer = shown(engine, question.asked(Turn.RIGHT), Print(ADA), for_s=3)
    assert answer.outcome is FaceOutcome.NOT_LIVE, answer.reason
