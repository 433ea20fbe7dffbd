"""What is still to be shown: which factor would turn the refusal, and who is asked for it."""

from collections.abc import Callable
from typing import NamedTuple

from msgspec.structs import replace

from controller import attempt as attempts
from controller.attempt import ANSWER_US, GUARD_US, Attempt
from controller.effects import AskFace, AskGuard, AskPin, Question, Sign
from controller.events import AttemptBegan, FactorAsked
from controller.holders import Credential
from controller.ids import EffectId, HolderId, PortalId, QuestionId
from controller.ledger import Personal
from controller.moment import Micros
from controller.questions import ALWAYS, Window
from controller.turn import Turn
from controller.verdicts import show
from policies.compiled import CompiledPolicy
from policies.faces import face_rule
from policies.facts import Decision, Factor, Level, Request

BIOMETRIC = (Factor.FACE, Factor.FINGER)


class Asker(NamedTuple):
    """What came with the latest factor: how one more can be asked for, and values for the record.

    `question`: a fresh id, None where none came along and nothing more can be asked. `window`:
    when the badge is valid by what stands on it. It is looked at as the badge is shown: who is
    asked for a PIN meanwhile was in time.
    """

    question: QuestionId | None
    offers: tuple[Factor, ...]
    badge: Personal | None
    person: Personal | None
    window: Window = ALWAYS


class Judged(NamedTuple):
    """A question with its verdict. `alone`: without the company that would turn a refusal."""

    request: Request
    alone: Decision
    verdict: Decision


Judge = Callable[[Request], Judged]


class _Way(NamedTuple):
    """How one factor is asked for: by which signal, what the reader shows, how long it waits."""

    signal: attempts.Signal
    sign: Sign
    patience_us: Micros


_WAYS: dict[Factor, _Way] = {
    Factor.PIN: _Way(attempts.Signal.PIN_NEEDED, Sign.PRESENT_PIN, ANSWER_US),
    Factor.FACE: _Way(attempts.Signal.FACE_NEEDED, Sign.LOOK_AT_CAMERA, ANSWER_US),
    Factor.GUARD: _Way(attempts.Signal.GUARD_NEEDED, Sign.WAIT_FOR_GUARD, GUARD_US),
}
"""Those that can be asked for, the quickest first: nobody calls a guard for a wrong PIN."""


def judged(
    turn: Turn,
    attempt: Attempt,
    credential: Credential | None,
    asker: Asker,
    request: Request,
    judge: Judge,
) -> tuple[Judged, Factor | None]:
    """The question with its verdict, and the factor to ask for next, if one would help.

    Where a biometric is wanted that cannot be had here and now, the question is put once more
    without it: the policy says what takes its place, or that nothing does.
    """
    found = judge(request)
    if credential is None:
        return found, None
    able = _able(turn, attempt, credential, asker)
    factor = _next(found.verdict, able)
    wanted = {factor for wanted in found.verdict.missing for factor in wanted}
    without = tuple(one for one in BIOMETRIC if one in wanted and one not in able)
    if factor is not None or not without:
        return found, factor
    other = judge(replace(request, without=without))
    factor = _next(other.verdict, able)
    return (found, None) if factor is None and not other.verdict.granted else (other, factor)


def _next(verdict: Decision, able: set[Factor]) -> Factor | None:
    """What to ask for first of the smallest set that can be had as a whole."""
    wanted = next((one for one in verdict.missing if able.issuperset(one)), ())
    return next((factor for factor in _WAYS if factor in wanted), None)


def _able(turn: Turn, attempt: Attempt, credential: Credential, asker: Asker) -> set[Factor]:
    """What can be had of this person here and now."""
    holder = turn.directory.holders.get(credential.holder)
    if holder is None or asker.question is None:
        return set()
    able = set(asker.offers).difference(attempt.missed)
    if not holder.knows_pin:
        able.discard(Factor.PIN)
    if not holder.facts.biometrics or credential.holder not in turn.state.faces:
        able.discard(Factor.FACE)
    return able


def ask(
    turn: Turn,
    policy: CompiledPolicy,
    attempt: Attempt,
    holder: HolderId,
    factor: Factor,
    asker: Asker,
    request: Request,
) -> None:
    """Ask for one more factor; the attempt waits for it."""
    way = _WAYS[factor]
    moved = attempts.move(attempt, way.signal)
    assert moved is not None, f"a presented attempt can wait for a {factor}"
    asked_as = asker.question
    assert asked_as is not None, "nothing is offered where no id came along"
    asked = replace(moved, question=asked_as, deadline_us=turn.now_us + way.patience_us)
    pending = turn.state.attempts.get(attempt.reader)
    if pending is None or pending.id != attempt.id:
        turn.record(AttemptBegan(after=attempt))
    turn.record(FactorAsked(factor=factor, question=asked_as, after=asked))
    turn.wish(
        lambda effect_id, cause, drill: _question(
            effect_id, cause, drill, policy, asked, holder, factor, request.threat
        )
    )
    show(turn, asked.reader, way.sign)


def _question(
    effect_id: EffectId,
    cause: int,
    drill: bool,
    policy: CompiledPolicy,
    asked: Attempt,
    holder: HolderId,
    factor: Factor,
    threat: Level,
) -> Question:
    """The wish by which somebody outside gets to know of it."""
    question, portal = asked.question, PortalId(asked.portal)
    assert question is not None, "what waits for an answer has a question"
    if factor is Factor.PIN:
        return AskPin(
            id=effect_id,
            cause=cause,
            not_after_us=asked.deadline_us,
            drill=drill,
            question=question,
            attempt=asked.id,
            reader=asked.reader,
            holder=holder,
        )
    if factor is Factor.GUARD:
        return AskGuard(
            id=effect_id,
            cause=cause,
            not_after_us=asked.deadline_us,
            drill=drill,
            question=question,
            attempt=asked.id,
            reader=asked.reader,
            portal=portal,
            direction=asked.direction,
            holder=holder,
        )
    passage = policy.passage(portal, asked.direction)
    assert passage is not None, "a face is wanted at a passage that the policy has"
    distance_max, turns = face_rule(passage, threat)
    return AskFace(
        id=effect_id,
        cause=cause,
        not_after_us=asked.deadline_us,
        drill=drill,
        question=question,
        attempt=asked.id,
        reader=asked.reader,
        portal=portal,
        direction=asked.direction,
        holder=holder,
        distance_max=distance_max,
        turns=turns,
    )
