"""Attempts: from a badge at a reader to a verdict, with everybody and everything it waits for."""

from msgspec.structs import replace

from controller import attempt as attempts
from controller.asking import Asker, Judged, ask, judged
from controller.attempt import ANSWER_US, Attempt, Waiting
from controller.body import Note
from controller.company import (
    ASKS_FOR_COMPANY,
    accompanied,
    accompanied_by,
    passing_of,
    side_by_side,
    two_passing,
)
from controller.effects import Sign
from controller.events import (
    AnswerIgnored,
    AttemptAbandoned,
    AttemptBegan,
    BadgeIgnored,
    FactorAnswered,
    FactorMissed,
    HolderLockedOut,
    SecondAsked,
    clipped,
)
from controller.holders import Credential
from controller.ids import AttemptId, CredentialId, HolderId, PortalId, QuestionId, ReaderId
from controller.inputs import (
    Answer,
    BadgeRead,
    ExitAsked,
    FaceChecked,
    FaceOutcome,
    GuardAnswered,
    PinChecked,
    PinOutcome,
    RefusalAsked,
)
from controller.ledger import commitment
from controller.portal import Signal
from controller.questions import Window, question, within
from controller.turn import Turn
from controller.verdicts import conclude, record, show
from controller.whereabouts import LOCKOUT_US, WRONG_PINS_MAX
from policies.compiled import CompiledPolicy, Rex
from policies.decide import decide
from policies.facts import Assurance, CredentialStatus, Factor, Presented, Request

Policies = dict[str, CompiledPolicy]
"""By digest: those under which attempts that are pending began, and the one in force."""


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
    asker = Asker(read.question, read.offers, read.badge, read.person, window)
    _judge(turn, policies, begun, credential, asker)


def on_answer(turn: Turn, policies: Policies, answer: Answer) -> None:
    """Somebody has answered a question."""
    match answer:
        case PinChecked():
            on_pin(turn, policies, answer)
        case FaceChecked():
            on_face(turn, policies, answer)
        case GuardAnswered():
            on_guard(turn, policies, answer)


def on_pin(turn: Turn, policies: Policies, answer: PinChecked) -> None:
    """A PIN was checked. Where that failed the attempt ends, and the person tries again."""
    waiting = _answered(turn, answer, answer.note)
    if waiting is None:
        return
    if answer.outcome is PinOutcome.UNAVAILABLE:
        abandon(turn, waiting.reader, "the PIN could not be checked")
        show(turn, waiting.reader, Sign.TRY_AGAIN)
        return
    passed = answer.outcome is PinOutcome.MATCHED
    shown = _with(waiting, Presented(Factor.PIN, answer.assurance, passed=passed))
    turn.record(
        FactorAnswered(
            factor=Factor.PIN,
            question=answer.question,
            passed=passed,
            after=shown,
            note=answer.note,
        )
    )
    holder = shown.holder
    if holder is not None and turn.state.people.wrong_pins.get(holder, 0) >= WRONG_PINS_MAX:
        turn.record(HolderLockedOut(holder=holder, until_us=turn.now_us + LOCKOUT_US))
    _go_on(turn, policies, shown, answer)


def on_face(turn: Turn, policies: Policies, answer: FaceChecked) -> None:
    """A face was compared, or could not be: then what the policy takes in its place is asked."""
    waiting = _answered(turn, answer)
    if waiting is None:
        return
    if answer.outcome in {FaceOutcome.MATCHED, FaceOutcome.WRONG}:
        passed = answer.outcome is FaceOutcome.MATCHED
        after = _with(waiting, Presented(Factor.FACE, answer.assurance, passed=passed))
        body = FactorAnswered(
            factor=Factor.FACE, question=answer.question, passed=passed, after=after
        )
        turn.record(body)
    else:
        after = replace(waiting, missed=(*waiting.missed, Factor.FACE))
        reason = clipped(f"{answer.outcome}: {answer.reason}")
        missed = FactorMissed(
            factor=Factor.FACE, question=answer.question, reason=reason, after=after
        )
        turn.record(missed)
    _go_on(turn, policies, after, answer)


def on_guard(turn: Turn, policies: Policies, answer: GuardAnswered) -> None:
    """A guard has looked. He speaks over the control socket, which proves who he is."""
    waiting = _answered(turn, answer)
    if waiting is None:
        return
    looked = Presented(Factor.GUARD, Assurance.SECURE, passed=answer.accepted)
    after = _with(waiting, looked)
    turn.record(
        FactorAnswered(
            factor=Factor.GUARD,
            question=answer.question,
            passed=answer.accepted,
            after=after,
            reason=commitment(answer.reason),
            operator=commitment(answer.operator),
        ),
        answer.reason,
        answer.operator,
    )
    _go_on(turn, policies, after, answer)


def on_refused(turn: Turn, policies: Policies, asked: RefusalAsked) -> None:
    """A guard refuses who waits to come in: a factor that failed. Nobody is kept in by a guard whom
    no rule has asked.
    """
    attempt = asked.attempt
    pending = next((a for a in turn.state.attempts.values() if a.id == attempt), None)
    moved = None if pending is None else attempts.move(pending, attempts.Signal.ANSWERED)
    if pending is None or moved is None or _leads_out(turn, pending):
        told = QuestionId(attempt)
        turn.record(AnswerIgnored(question=told, reason="nobody waits who could be refused"))
        return
    failed = Presented(Factor.GUARD, Assurance.SECURE, passed=False)
    after = _with(replace(moved, question=None, deadline_us=None), failed)
    turn.record(
        FactorAnswered(
            factor=Factor.GUARD,
            question=pending.question or QuestionId(attempt),
            passed=False,
            after=after,
            reason=commitment(asked.reason),
            operator=commitment(asked.operator),
        ),
        asked.reason,
        asked.operator,
    )
    credential = _credential(turn, after.credential, after.holder)
    _judge(turn, policies, after, credential, Asker(None, (), None, asked.person))


def _leads_out(turn: Turn, attempt: Attempt) -> bool:
    return turn.leads_out(PortalId(attempt.portal), attempt.direction)


def _answered(turn: Turn, answer: Answer, note: Note = "") -> Attempt | None:
    """The attempt that waits for this answer. Late, doubled and unknown ones are recorded and
    change nothing.
    """
    asked = answer.question
    pending = next((a for a in turn.state.attempts.values() if a.question == asked), None)
    wanted = pending is not None and pending.state is _AWAITING[type(answer)]
    moved = attempts.move(pending, attempts.Signal.ANSWERED) if pending and wanted else None
    if moved is None:
        turn.record(AnswerIgnored(question=asked, reason="nobody waits for it", note=note))
        return None
    return replace(moved, question=None, deadline_us=None)


_AWAITING: dict[type[Answer], attempts.State] = {
    PinChecked: attempts.State.AWAITING_PIN,
    FaceChecked: attempts.State.AWAITING_FACE,
    GuardAnswered: attempts.State.AWAITING_GUARD,
}


def _with(attempt: Attempt, presented: Presented) -> Attempt:
    return replace(attempt, presented=(*attempt.presented, presented))


def _go_on(turn: Turn, policies: Policies, attempt: Attempt, answer: Answer) -> None:
    """Judge anew, with the facts of this moment."""
    credential = _credential(turn, attempt.credential, attempt.holder)
    asker = Asker(answer.further, answer.offers, None, answer.person)
    _judge(turn, policies, attempt, credential, asker)


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
        if pending.portal == portal_id and not _leads_out(turn, pending):
            abandon(turn, reader, reason)
            show(turn, reader, Sign.DENIED)


# --- judging ----------------------------------------------------------------------------------


def _judge(
    turn: Turn,
    policies: Policies,
    attempt: Attempt,
    credential: Credential | None,
    asker: Asker,
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

    def judge(request: Request) -> Judged:
        alone = decide(policy, request)
        codes = {objection.code for objection in alone.objections}
        if codes.isdisjoint(ASKS_FOR_COMPANY):
            return Judged(request, alone, alone)
        # What else would be asked for is found out before anybody else is called.
        return Judged(request, alone, decide(policy, accompanied(policy, request)))

    (request, alone, verdict), factor = judged(turn, attempt, credential, asker, request, judge)
    if factor is not None and credential is not None:
        ask(turn, policy, attempt, credential.holder, factor, asker, request)
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
    asker: Asker,
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

    def judge(request: Request) -> Judged:
        verdict = decide(policy, request)
        return Judged(request, verdict, verdict)

    (request, _, verdict), factor = judged(turn, attempt, credential, asker, request, judge)
    if factor is not None and credential is not None:
        ask(turn, policy, attempt, credential.holder, factor, asker, request)
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


def _ask_second(turn: Turn, attempt: Attempt) -> None:
    moved = attempts.move(attempt, attempts.Signal.SECOND_NEEDED)
    assert moved is not None, "a presented attempt can wait for somebody"
    if attempt.reader not in turn.state.attempts:
        turn.record(AttemptBegan(after=attempt))
    turn.record(SecondAsked(after=replace(moved, deadline_us=turn.now_us + ANSWER_US)))
    show(turn, attempt.reader, Sign.PRESENT_SECOND)
