"""Attempts: from a badge at a reader to a verdict, with everybody and everything it waits for."""

from typing import NamedTuple

from msgspec.structs import replace

from controller import attempt as attempts
from controller.attempt import ANSWER_US, Attempt, Waiting
from controller.company import (
    ASKS_FOR_COMPANY,
    accompanied,
    accompanied_by,
    passing_of,
    side_by_side,
    two_passing,
)
from controller.effects import AskPin, Sign
from controller.events import (
    AnswerIgnored,
    AttemptAbandoned,
    AttemptBegan,
    BadgeIgnored,
    FactorAnswered,
    FactorAsked,
    HolderLockedOut,
    SecondAsked,
)
from controller.holders import Credential
from controller.ids import AttemptId, CredentialId, HolderId, PortalId, QuestionId, ReaderId
from controller.inputs import BadgeRead, ExitAsked, PinChecked, PinOutcome
from controller.ledger import Personal, commitment
from controller.portal import Signal
from controller.questions import ALWAYS, Window, question, within
from controller.turn import Turn
from controller.verdicts import conclude, record, show
from controller.whereabouts import LOCKOUT_US, WRONG_PINS_MAX
from policies.compiled import CompiledPolicy, Rex
from policies.decide import decide
from policies.facts import CredentialStatus, Decision, Factor, Presented

Policies = dict[str, CompiledPolicy]
"""By digest: those under which attempts that are pending began, and the one in force."""


class _Asker(NamedTuple):
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


def on_badge(turn: Turn, policies: Policies, read: BadgeRead) -> None:
    """A badge was presented: judge it, ask for more, or say why it was not looked at."""
    accepts_cards = turn.state.ready and not turn.state.stopping
    if not accepts_cards and not turn.leads_out(read.portal, read.direction):
        badge = None if read.badge is None else commitment(read.badge)
        reason = "the edge stops" if turn.state.stopping else "the edge has not finished starting"
        turn.record(BadgeIgnored(reader=read.reader, reason=reason, badge=badge), read.badge)
        show(turn, read.reader, Sign.TRY_AGAIN)
        return
    credential = turn.directory.by_ref.get(read.ref)
    first = _waiting(turn, read, credential)
    if first is None:
        abandon(turn, read.reader, "a newer badge at the same reader")
    begun = Attempt(
        id=read.attempt,
        reader=read.reader,
        portal=read.portal,
        direction=read.direction,
        holder=None if credential is None else credential.holder,
        credential=None if credential is None else credential.id,
        policy=turn.policy.digest,
        presented=(Presented(Factor.BADGE, read.assurance, passed=True),),
        first=first,
    )
    window = Window(read.valid_from_s, read.valid_until_s)
    asker = _Asker(read.question, read.offers, read.badge, read.person, window)
    _judge(turn, policies, begun, credential, asker)


def on_pin(turn: Turn, policies: Policies, answer: PinChecked) -> None:
    """The answer to a question. Late, doubled and unknown ones are recorded and change nothing."""
    pending = next((a for a in turn.state.attempts.values() if a.question == answer.question), None)
    moved = None if pending is None else attempts.move(pending, attempts.Signal.ANSWERED)
    if pending is None or moved is None:
        reason = "nobody waits for it"
        turn.record(AnswerIgnored(question=answer.question, reason=reason, note=answer.note))
        return
    if answer.outcome is PinOutcome.UNAVAILABLE:
        abandon(turn, pending.reader, "the PIN could not be checked")
        show(turn, pending.reader, Sign.TRY_AGAIN)
        return
    passed = answer.outcome is PinOutcome.MATCHED
    presented = (*pending.presented, Presented(Factor.PIN, answer.assurance, passed=passed))
    judged = replace(moved, presented=presented, question=None, deadline_us=None)
    turn.record(
        FactorAnswered(
            factor=Factor.PIN,
            question=answer.question,
            passed=passed,
            after=judged,
            note=answer.note,
        )
    )
    holder = judged.holder
    if holder is not None and turn.state.people.wrong_pins.get(holder, 0) >= WRONG_PINS_MAX:
        turn.record(HolderLockedOut(holder=holder, until_us=turn.now_us + LOCKOUT_US))
    credential = _credential(turn, judged.credential, holder)
    _judge(turn, policies, judged, credential, _Asker(None, (), None, answer.person))


def on_exit_asked(turn: Turn, asked: ExitAsked) -> None:
    """A request to exit: it always explains an opening; where it unlocks, it is a passage."""
    portal, rule = turn.state.portals.get(asked.portal), turn.rule(asked.portal)
    if portal is None or rule is None:
        return
    if not asked.active:
        if portal.rex_since_us is not None:
            turn.signal(asked.portal, Signal.EXIT_LET_GO)
        return
    if portal.rex_since_us is not None:
        return
    turn.signal(asked.portal, Signal.EXIT_REQUESTED)
    if rule.rex is Rex.UNLOCK:
        request = question(turn, turn.policy, asked.portal, rule.way_out, None, ())
        request = replace(request, credential=CredentialStatus.NONE)
        verdict = decide(turn.policy, request)
        conclude(turn, asked.attempt, None, turn.policy, request, verdict, None, None)


def on_patience_ended(turn: Turn, reader: ReaderId) -> None:
    """The next factor did not come in time."""
    abandon(turn, reader, "no answer in time", attempts.Signal.PATIENCE_ENDED)
    show(turn, reader, Sign.DENIED)


def abandon(
    turn: Turn,
    reader: ReaderId,
    reason: str,
    signal: attempts.Signal = attempts.Signal.DROPPED,
) -> None:
    """End the reader's pending attempt, if there is one, without a verdict; and with it that of
    the person who waited for it.
    """
    pending = turn.state.attempts.get(reader)
    if pending is not None:
        attempts.ended(pending, signal)
        _abandoned(turn, pending.id, pending, reason)
        if pending.first is not None:
            _abandoned(turn, pending.first.id, pending, reason)


def _abandoned(turn: Turn, attempt: AttemptId, at: Attempt, reason: str) -> None:
    portal = PortalId(at.portal)
    turn.record(AttemptAbandoned(attempt=attempt, reader=at.reader, portal=portal, reason=reason))


def abandon_entries(turn: Turn, reason: str, portal_id: PortalId) -> None:
    """Drop every pending attempt to enter here; attempts to leave are never touched."""
    for reader, pending in list(turn.state.attempts.items()):
        if pending.portal == portal_id and not turn.leads_out(portal_id, pending.direction):
            abandon(turn, reader, reason)
            show(turn, reader, Sign.DENIED)


# --- judging ----------------------------------------------------------------------------------


def _judge(
    turn: Turn,
    policies: Policies,
    attempt: Attempt,
    credential: Credential | None,
    asker: _Asker,
) -> None:
    """Judge what was presented so far: conclude, ask for one more factor, or for somebody else.

    The rules are those the attempt began under; people, credentials and posture are today's.
    """
    if attempt.first is not None:
        _judge_second(turn, policies, attempt, credential, attempt.first, asker)
        return
    policy = policies.get(attempt.policy, turn.policy)
    portal = PortalId(attempt.portal)
    request = question(turn, policy, portal, attempt.direction, credential, attempt.presented)
    request = within(request, asker.window)
    verdict = decide(policy, request)
    codes = {objection.code for objection in verdict.objections}
    alone = verdict
    if not codes.isdisjoint(ASKS_FOR_COMPANY):
        # What else would be asked for is found out before anybody else is called.
        verdict = decide(policy, accompanied(policy, request))
    if credential is not None and _can_ask_pin(turn, verdict, credential, asker):
        _ask_pin(turn, attempt, credential.holder, asker)
        return
    if verdict.granted and not alone.granted:
        _ask_second(turn, attempt)
        return
    attempts.ended(attempt, attempts.Signal.DECIDED)
    passing = passing_of(policy, request, attempt.holder, alone)
    reader = attempt.reader
    conclude(turn, attempt.id, reader, policy, request, alone, asker.badge, asker.person, passing)


def _judge_second(
    turn: Turn,
    policies: Policies,
    attempt: Attempt,
    credential: Credential | None,
    first: Waiting,
    asker: _Asker,
) -> None:
    """The second person is judged for himself, then the first one with him at his side."""
    portal, direction = PortalId(attempt.portal), attempt.direction
    policy = policies.get(attempt.policy, turn.policy)
    rules = policies.get(first.policy, turn.policy)
    badge = _credential(turn, first.credential, first.holder)
    asked = question(turn, rules, portal, direction, badge, first.presented)
    request = question(turn, policy, portal, direction, credential, attempt.presented)
    request = within(request, asker.window)
    request = side_by_side(policy, request, asked.holder)
    verdict = decide(policy, request)
    if credential is not None and _can_ask_pin(turn, verdict, credential, asker):
        _ask_pin(turn, attempt, credential.holder, asker)
        return
    attempts.ended(attempt, attempts.Signal.DECIDED)
    reader = attempt.reader
    record(turn, attempt.id, reader, policy, request, verdict, asker.badge, asker.person)
    if not verdict.granted or credential is None or request.holder is None:
        _abandoned(turn, first.id, attempt, "who came along may not enter")
        show(turn, reader, Sign.DENIED)
        return
    asked = accompanied_by(rules, asked, request.holder, turn.state)
    answer = decide(rules, asked)
    passing = two_passing(rules, asked, answer, first.holder, request.holder)
    conclude(turn, first.id, reader, rules, asked, answer, None, None, passing)


def _waiting(turn: Turn, read: BadgeRead, credential: Credential | None) -> Waiting | None:
    """Who waits at this reader for somebody else. The same person with another card is nobody
    else.
    """
    first = turn.state.attempts.get(read.reader)
    if first is None or first.state is not attempts.State.AWAITING_SECOND or credential is None:
        return None
    if first.holder is None or first.credential is None or first.holder == credential.holder:
        return None
    if (first.portal, first.direction) != (read.portal, read.direction):
        return None
    return Waiting(
        id=first.id,
        holder=first.holder,
        credential=first.credential,
        policy=first.policy,
        presented=first.presented,
    )


def _credential(
    turn: Turn, credential_id: CredentialId | None, holder: HolderId | None
) -> Credential | None:
    """The credential as it is today; none where the badge is somebody else's by now."""
    credential = turn.directory.credential(credential_id) if credential_id else None
    if credential is not None and credential.holder != holder:
        return None
    return credential


def _can_ask_pin(turn: Turn, verdict: Decision, credential: Credential, asker: _Asker) -> bool:
    """Whether a PIN alone would turn the refusal, and both reader and holder have one to give."""
    if (Factor.PIN,) not in verdict.missing or Factor.PIN not in asker.offers:
        return False
    holder = turn.directory.holders.get(credential.holder)
    return holder is not None and holder.knows_pin


def _ask_pin(turn: Turn, attempt: Attempt, holder: HolderId, asker: _Asker) -> None:
    moved = attempts.move(attempt, attempts.Signal.PIN_NEEDED)
    assert moved is not None, "a presented attempt can wait for a PIN"
    asked_as = asker.question
    assert asked_as is not None, "nothing is offered where no id came along"
    deadline_us = turn.now_us + ANSWER_US
    asked = replace(moved, question=asked_as, deadline_us=deadline_us)
    turn.record(AttemptBegan(after=attempt))
    turn.record(FactorAsked(factor=Factor.PIN, question=asked_as, after=asked))
    turn.wish(
        lambda effect_id, cause, drill: AskPin(
            id=effect_id,
            cause=cause,
            not_after_us=deadline_us,
            drill=drill,
            question=asked_as,
            attempt=asked.id,
            reader=asked.reader,
            holder=holder,
        )
    )
    show(turn, asked.reader, Sign.PRESENT_PIN)


def _ask_second(turn: Turn, attempt: Attempt) -> None:
    moved = attempts.move(attempt, attempts.Signal.SECOND_NEEDED)
    assert moved is not None, "a presented attempt can wait for somebody"
    if attempt.reader not in turn.state.attempts:
        turn.record(AttemptBegan(after=attempt))
    turn.record(SecondAsked(after=replace(moved, deadline_us=turn.now_us + ANSWER_US)))
    show(turn, attempt.reader, Sign.PRESENT_SECOND)
