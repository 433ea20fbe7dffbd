"""One question, frame by frame: is this the person of the template, and is she live?

No clock and no process in here: frames come with their time, and an answer comes out, sooner or
when time is up. What passes is narrow: of the last three clear pictures of one face that was
followed without a break at least two fit, and where turns were asked that face has done them, and
fits before them and after. Whatever cannot be judged is said to be so, and is neither her nor not.
"""

from collections import Counter
from typing import NamedTuple

from controller.inputs import FaceOutcome
from drivers.faces.api import FaceAnswer, FaceAsked, Turn
from drivers.faces.following import Follower
from drivers.faces.interfaces import (
    Box,
    Challenge,
    FaceEngine,
    FoundFace,
    Image,
    Liveness,
    MakeChallenge,
    Vector,
)
from drivers.faces.quality import quality
from drivers.faces.recognition import distance

BESIDE_SHARE = 0.6
"""Of the largest face's width: who is smaller stands behind her, as people in a queue do, and the
badge is not his.
"""

GAP_NS = 700_000_000
"""So long a face may be unseen and still be the same one: a head that turns is lost for a frame or
two (4 to 8 % of frames at 30 degrees, face.md section 4).
"""

JUMP_WIDTHS = 0.8
"""A face that moved by more than this of its width between two frames is another one."""

GROWN_MOST = 1.5
"""As above for its width. The detector's own steps are 1.2."""

VOTE_EVERY_NS = 100_000_000
"""Between two pictures that count: nearer ones are the same picture but for the noise."""

VOTES_LOOKED_AT = 3
FITS_NEEDED = 2

WRONG_VOTES = 5
WRONG_AFTER_NS = 1_000_000_000
"""So many clear pictures over so long a time, of which none fits, are somebody else. Before that
somebody may still be coming nearer, or look up.
"""
WRONG_VOTES_AT_END = 3
"""As many are enough when time is up."""

STALE_NS = 1_000_000_000
"""A camera that showed nothing new for so long before time was up has stopped."""


class Vote(NamedTuple):
    """A clear picture: whether it fits, and whether the turns were done by then."""

    at_ns: int
    fits: bool
    turned: bool


class _Track:
    """One face, as long as it is followed without a break."""

    def __init__(self, face: FoundFace, at_ns: int, challenge: Challenge | None) -> None:
        self.box = face.box
        self.seen_ns = at_ns
        self.challenge = challenge
        self.live = Liveness.RUNNING if challenge else Liveness.PASSED
        self.votes: list[Vote] = []
        self.asked: Turn | None = None
        self.turns_shown = 0

    def continues(self, face: FoundFace, at_ns: int) -> bool:
        """Whether this can be the same face."""
        return at_ns - self.seen_ns <= GAP_NS and not _jumped(self.box, face.box)

    def judge(self, image: Image, face: FoundFace | None, at_ns: int) -> None:
        """One more frame for the challenge."""
        if face is not None:
            self.box, self.seen_ns = face.box, at_ns
        if self.challenge is None or self.live is not Liveness.RUNNING:
            return
        self.live = self.challenge.judge(image, face, at_ns)
        self._note_prompt(self.challenge.asks() if self.live is Liveness.RUNNING else None)

    def _note_prompt(self, turn: Turn | None) -> None:
        if turn is not None and turn != self.asked:
            self.turns_shown += 1
        self.asked = turn

    def counting(self) -> list[Vote]:
        """The votes on what surely was this face all the time."""
        if self.challenge is None:
            return self.votes
        since_ns = self.challenge.since_ns
        return [vote for vote in self.votes if since_ns is not None and vote.at_ns >= since_ns]

    @property
    def knows_the_order(self) -> bool:
        """Whether whoever stands there was told more than the first turn. Begun again, a picture
        that turns in the right order could take her place.
        """
        return self.turns_shown > 1


class Comparison:
    """The state of one question. `begun_ns`: when it came; what was seen before is of no use."""

    def __init__(self, asked: FaceAsked, begun_ns: int, make_challenge: MakeChallenge) -> None:
        self._asked = asked
        self._begun_ns = begun_ns
        self._make_challenge = make_challenge
        self._follower = Follower()
        self._track: _Track | None = None
        self._seen: Counter[str] = Counter()
        self._last_ns: int | None = None

    def asks(self) -> Turn | None:
        """What the person is to do now; None: to look into the camera."""
        return self._track.asked if self._track else None

    def look(self, engine: FaceEngine, image: Image, at_ns: int) -> FaceAnswer | None:
        """Judge one more frame; `at_ns` is its time. None: not known yet."""
        if at_ns < self._begun_ns or (self._last_ns is not None and at_ns <= self._last_ns):
            return None
        seen = self._follower.look(engine, image, at_ns)
        if not seen.fresh:
            return None
        self._last_ns = at_ns
        counting = _counting(seen.faces)
        if len(counting) == 1:
            return self._one(engine, image, counting[0], at_ns, whole=seen.whole)
        if counting:
            self._seen[SEVERAL] += 1
            return self._broken()
        self._seen[NOBODY] += 1
        return self._none(image, at_ns)

    def end(self, at_ns: int) -> FaceAnswer:
        """The answer when time is up; never MATCHED."""
        if self._last_ns is None or at_ns - self._last_ns > STALE_NS:
            return self._answer(FaceOutcome.UNAVAILABLE, "the camera shows nothing new")
        votes = self._track.counting() if self._track else []
        if (
            self._track is not None
            and self._track.votes
            and self._track.live is not Liveness.PASSED
        ):
            assert self._track.challenge is not None
            return self._answer(FaceOutcome.NOT_LIVE, self._track.challenge.reason)
        if len(votes) >= WRONG_VOTES_AT_END and not any(vote.fits for vote in votes):
            return self._answer(FaceOutcome.WRONG, WRONG)
        if votes:
            return self._answer(FaceOutcome.POOR, "no clear likeness in the time there was")
        return self._nothing_clear()

    def _nothing_clear(self) -> FaceAnswer:
        """Time is up, and no picture could be compared: what was seen most often says why."""
        somebody = Counter({words: n for words, n in self._seen.items() if words != NOBODY})
        words = somebody.most_common(1)[0][0] if somebody else NOBODY
        if words == NOBODY:
            return self._answer(FaceOutcome.NOBODY, NOBODY)
        if words == SEVERAL:
            return self._answer(FaceOutcome.SEVERAL, SEVERAL)
        return self._answer(FaceOutcome.POOR, words)

    def _none(self, image: Image, at_ns: int) -> FaceAnswer | None:
        """A frame without a face: for a moment that is no break."""
        track = self._track
        if track is None:
            return None
        if at_ns - track.seen_ns > GAP_NS:
            return self._broken()
        track.judge(image, None, at_ns)
        return self._failed()

    def _one(
        self, engine: FaceEngine, image: Image, face: FoundFace, at_ns: int, *, whole: bool
    ) -> FaceAnswer | None:
        """A frame with one face that counts."""
        gone_on = self._track is None or self._track.continues(face, at_ns)
        if not gone_on and (answer := self._broken()) is not None:
            return answer
        if self._track is None:
            turns = self._asked.turns
            self._track = _Track(face, at_ns, self._make_challenge(turns) if turns else None)
        self._track.judge(image, face, at_ns)
        if (answer := self._failed()) is not None:
            return answer
        if whole:
            self._vote(self._track, engine, image, face, at_ns)
        return self._decided(self._track)

    def _broken(self) -> FaceAnswer | None:
        """The face is lost. Another may begin anew, as long as the order is nobody's yet."""
        track, self._track = self._track, None
        if track is not None and track.challenge is not None and track.knows_the_order:
            return self._answer(FaceOutcome.NOT_LIVE, "the face was lost during the turns")
        return None

    def _failed(self) -> FaceAnswer | None:
        track = self._track
        if track is None or track.challenge is None or track.live is not Liveness.FAILED:
            return None
        return self._answer(FaceOutcome.NOT_LIVE, track.challenge.reason)

    def _vote(
        self, track: _Track, engine: FaceEngine, image: Image, face: FoundFace, at_ns: int
    ) -> None:
        """Compare, where the picture is clear and not one of a moment ago."""
        if track.votes and at_ns - track.votes[-1].at_ns < VOTE_EVERY_NS:
            return
        measured = quality(image, face)
        if measured.flaw is not None:
            self._seen[measured.flaw.value] += 1
            return
        fits = self._fits(engine.describe(image, face))
        track.votes.append(Vote(at_ns, fits, track.live is Liveness.PASSED))

    def _fits(self, vector: Vector) -> bool:
        return distance(self._asked.template.mean, vector) <= self._asked.distance_max

    def _decided(self, track: _Track) -> FaceAnswer | None:
        """Whether what was seen of this face is enough."""
        votes = track.counting()
        if track.live is not Liveness.PASSED or not votes:
            return None
        fits = [vote for vote in votes if vote.fits]
        if sum(vote.fits for vote in votes[-VOTES_LOOKED_AT:]) >= FITS_NEEDED:
            turned = {vote.turned for vote in fits}
            if not self._asked.turns or turned == {False, True}:
                return self._answer(FaceOutcome.MATCHED, "the face fits")
        long = votes[-1].at_ns - votes[0].at_ns >= WRONG_AFTER_NS
        if not fits and long and len(votes) >= WRONG_VOTES and votes[-1].turned:
            return self._answer(FaceOutcome.WRONG, WRONG)
        return None

    def _answer(self, outcome: FaceOutcome, reason: str) -> FaceAnswer:
        return FaceAnswer(question=self._asked.question, outcome=outcome, reason=reason)


NOBODY = "nobody before the camera"
SEVERAL = "more than one person before the camera"
WRONG = "another face"


def _counting(faces: tuple[FoundFace, ...]) -> list[FoundFace]:
    """The largest face, and those beside it that could as well be meant."""
    if not faces:
        return []
    least = max(face.box.width for face in faces) * BESIDE_SHARE
    return [face for face in faces if face.box.width >= least]


def _jumped(before: Box, now: Box) -> bool:
    """Whether a face cannot have come from the one place to the other between two frames."""
    wider, narrower = max(before.width, now.width), max(1, min(before.width, now.width))
    across = (now.left + now.right - before.left - before.right) / 2
    down = (now.top + now.bottom - before.top - before.bottom) / 2
    return bool(wider / narrower > GROWN_MOST or (across**2 + down**2) ** 0.5 > JUMP_WIDTHS * wider)
