"""Attempts: from a badge at a reader to a verdict, and what a verdict sets in motion."""

from msgspec.structs import replace

from controller import attempt as attempts
from controller.attempt import ANSWER_US, Attempt
from controller.effects import AskPin, FreeExit, LeasePortal, ReleasePortal, ShowAtReader, Sign
from controller.events import (
    AnswerIgnored,
    AttemptAbandoned,
    AttemptBegan,
    BadgeIgnored,
    DecisionMade,
    FactorAnswered,
    FactorAsked,
)
from controller.fires import burns_at, free_egress
from controller.holders import Credential, Holder
from controller.ids import AttemptId, HolderId, PortalId, QuestionId, ReaderId
from controller.inputs import BadgeRead, ExitAsked, PinChecked, PinOutcome
from controller.ledger import Personal, commitment
from controller.moment import MILLISECOND_US, SECOND_US, Micros
from controller.portal import LEASE_US, STRIKE_WITHIN_US, Contact, Signal, State
from controller.state import SiteState
from controller.turn import Turn
from policies.codes import Code
from policies.compiled import CompiledPolicy, PortalRule, Rex
from policies.decide import decide
from policies.facts import (
    CredentialStatus,
    Decision,
    Direction,
    Factor,
    HolderFacts,
    Objection,
    Presented,
    Request,
)

SHOW_WITHIN_US = 2 * SECOND_US

REASONS_MAX = 64
"""Objections and notes that are recorded of one verdict, the first in gate order. A policy with
hundreds of grants can give hundreds; an entry must hold them, and nobody reads more."""

NEVER_ASKED_FOR = frozenset({Code.LIFE_SAFETY, Code.EVACUATION, Code.FREE_EXIT})
"""Grants on the way out that need no identity and therefore wait for nothing."""


def on_badge(turn: Turn, read: BadgeRead) -> None:
    """A badge was presented: judge it, ask for more, or say why it was not looked at."""
    accepts_cards = turn.state.ready and not turn.state.stopping
    if not accepts_cards and not turn.leads_out(read.portal, read.direction):
        badge = None if read.badge is None else commitment(read.badge)
        reason = "the edge stops" if turn.state.stopping else "the edge has not finished starting"
        turn.record(BadgeIgnored(reader=read.reader, reason=reason, badge=badge), read.badge)
        show(turn, read.reader, Sign.TRY_AGAIN)
        return
    abandon(turn, read.reader, "a newer badge at the same reader")
    credential_id = turn.directory.by_ref.get(read.ref)
    credential = turn.directory.credentials.get(credential_id) if credential_id else None
    presented = (Presented(Factor.BADGE, read.assurance, passed=True),)
    request = _request(turn, read.portal, read.direction, credential, presented)
    verdict = decide(turn.policy, request)
    begun = Attempt(
        id=read.attempt,
        reader=read.reader,
        portal=read.portal,
        direction=read.direction,
        holder=None if credential is None else credential.holder,
        credential=None if credential is None else credential.id,
        policy=turn.policy.digest,
        presented=presented,
    )
    if credential is not None and _can_ask_pin(turn, verdict, credential, read.offers):
        turn.record(AttemptBegan(after=begun))
        _ask_pin(turn, begun, credential.holder, read.question)
        return
    attempts.ended(begun, attempts.Signal.DECIDED)
    _conclude(turn, begun.id, begun.reader, turn.policy, request, verdict, read.badge, read.person)


def on_pin(turn: Turn, policies: dict[str, CompiledPolicy], answer: PinChecked) -> None:
    """The answer to a question. Late, doubled and unknown ones are recorded and change nothing."""
    pending = next((a for a in turn.state.attempts.values() if a.question == answer.question), None)
    moved = None if pending is None else attempts.move(pending, attempts.Signal.ANSWERED)
    if pending is None or moved is None:
        turn.record(AnswerIgnored(question=answer.question, reason="nobody waits for it"))
        return
    if answer.outcome is PinOutcome.UNAVAILABLE:
        abandon(turn, pending.reader, "the PIN could not be checked")
        show(turn, pending.reader, Sign.TRY_AGAIN)
        return
    passed = answer.outcome is PinOutcome.MATCHED
    presented = (*pending.presented, Presented(Factor.PIN, answer.assurance, passed=passed))
    judged = replace(moved, presented=presented, question=None, deadline_us=None)
    turn.record(
        FactorAnswered(factor=Factor.PIN, question=answer.question, passed=passed, after=judged)
    )
    # The rules are those the attempt began under; people, credentials and posture are today's.
    policy = policies.get(judged.policy, turn.policy)
    credential = turn.directory.credentials.get(judged.credential) if judged.credential else None
    if credential is not None and credential.holder != judged.holder:
        credential = None  # the badge is somebody else's by now, and the PIN was not his
    request = _request(turn, PortalId(judged.portal), judged.direction, credential, presented)
    verdict = decide(policy, request)
    attempts.ended(judged, attempts.Signal.DECIDED)
    _conclude(turn, judged.id, judged.reader, policy, request, verdict, None, answer.person)


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
        request = _request(turn, asked.portal, rule.way_out, None, ())
        request = replace(request, credential=CredentialStatus.NONE)
        verdict = decide(turn.policy, request)
        _conclude(turn, asked.attempt, None, turn.policy, request, verdict, None, None)


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
    """End the reader's pending attempt, if there is one, without a verdict."""
    pending = turn.state.attempts.get(reader)
    if pending is not None:
        attempts.ended(pending, signal)
        turn.record(
            AttemptAbandoned(
                attempt=pending.id,
                reader=reader,
                portal=PortalId(pending.portal),
                reason=reason,
            )
        )


def abandon_entries(turn: Turn, reason: str) -> None:
    """Drop every pending attempt to enter; attempts to leave are never touched."""
    for reader, pending in list(turn.state.attempts.items()):
        if not turn.leads_out(PortalId(pending.portal), pending.direction):
            abandon(turn, reader, reason)
            show(turn, reader, Sign.DENIED)


def show(turn: Turn, reader: ReaderId, sign: Sign) -> None:
    """Show a sign at a reader."""
    turn.wish(
        lambda effect_id, cause, drill: ShowAtReader(
            id=effect_id,
            cause=cause,
            not_after_us=turn.now_us + SHOW_WITHIN_US,
            drill=drill,
            reader=reader,
            sign=sign,
        )
    )


def settle_lease(turn: Turn, portal_id: PortalId, *, due: bool) -> None:
    """Begin, renew (when `due`) or end the portal's opening by schedule."""
    portal = turn.state.portals[portal_id]
    if not _stands_open(turn, portal_id):
        if portal.leased:
            turn.signal(portal_id, Signal.LEASE_ENDED)
        return
    if portal.leased and not due:
        return
    if turn.signal(portal_id, Signal.LEASED):
        turn.wish(
            lambda effect_id, cause, drill: LeasePortal(
                id=effect_id,
                cause=cause,
                not_after_us=turn.now_us + STRIKE_WITHIN_US,
                drill=drill,
                portal=portal_id,
                for_ms=LEASE_US // MILLISECOND_US,
            )
        )


def _stands_open(turn: Turn, portal_id: PortalId) -> bool:
    """Whether anybody may enter here now: exactly what decide() says of an anonymous entry."""
    portal, rule = turn.state.portals[portal_id], turn.rule(portal_id)
    if rule is None or rule.open_schedule is None or not portal.linked:
        return False
    if not turn.state.ready or turn.state.stopping:
        return False
    request = _request(turn, portal_id, _way_in(rule.way_out), None, ())
    verdict = decide(turn.policy, replace(request, credential=CredentialStatus.NONE))
    return verdict.granted and verdict.code is Code.OPEN_PORTAL


def _way_in(way_out: Direction) -> Direction:
    return Direction.ENTRY if way_out is Direction.EXIT else Direction.EXIT


def _can_ask_pin(
    turn: Turn, verdict: Decision, credential: Credential, offers: tuple[Factor, ...]
) -> bool:
    """Whether a PIN alone would turn the refusal, and both reader and holder have one to give."""
    holder = turn.directory.holders.get(credential.holder)
    knows_pin = holder is not None and holder.knows_pin
    return (Factor.PIN,) in verdict.missing and Factor.PIN in offers and knows_pin


def _ask_pin(turn: Turn, begun: Attempt, holder: HolderId, question: QuestionId) -> None:
    moved = attempts.move(begun, attempts.Signal.PIN_NEEDED)
    assert moved is not None, "a presented attempt can wait for a PIN"
    deadline_us = turn.now_us + ANSWER_US
    asked = replace(moved, question=question, deadline_us=deadline_us)
    turn.record(FactorAsked(factor=Factor.PIN, question=question, after=asked))
    turn.wish(
        lambda effect_id, cause, drill: AskPin(
            id=effect_id,
            cause=cause,
            not_after_us=deadline_us,
            drill=drill,
            question=question,
            reader=asked.reader,
            holder=holder,
        )
    )
    show(turn, asked.reader, Sign.PRESENT_PIN)


def _request(
    turn: Turn,
    portal_id: PortalId,
    direction: Direction,
    credential: Credential | None,
    presented: tuple[Presented, ...],
) -> Request:
    """The whole question as things stand at this moment."""
    holder = None if credential is None else turn.directory.holders.get(credential.holder)
    portal = turn.state.portals.get(portal_id)
    status = CredentialStatus.UNKNOWN
    if credential is not None and holder is not None:
        status = credential.status
    return Request(
        portal=portal_id,
        direction=direction,
        utc_s=turn.moment.utc_s,
        clock_trusted=turn.moment.trusted,
        credential=status,
        holder=_facts(holder),
        presented=presented,
        mode=turn.state.mode,
        threat=turn.state.threat,
        fire=burns_at(turn, portal_id),
        consent=holder is not None and holder.consent,
        interlock_clear=interlock_clear(turn.state, turn.policy, portal_id, turn.now_us),
        operable=portal is not None and portal.linked,
        recorded=turn.state.recorded,
    )


def _facts(holder: Holder | None) -> HolderFacts | None:
    return None if holder is None else holder.facts


def interlock_clear(
    state: SiteState, policy: CompiledPolicy, portal_id: PortalId, now_us: Micros
) -> bool:
    """Whether every other leaf of the interlock is seen closed and is not about to open: a strike
    that is not over yet holds a leaf released even when somebody has passed and it has closed.
    """
    partners = (
        state.portals.get(PortalId(partner)) for partner in policy.interlock_partners(portal_id)
    )
    return all(
        partner is not None
        and partner.contact is Contact.CLOSED
        and partner.state in {State.LOCKED, State.SECURED}
        and (partner.strike_until_us is None or partner.strike_until_us <= now_us)
        for partner in partners
    )


def _conclude(
    turn: Turn,
    attempt: AttemptId,
    reader: ReaderId | None,
    policy: CompiledPolicy,
    request: Request,
    verdict: Decision,
    badge: Personal | None,
    person: Personal | None,
) -> None:
    """Record the verdict and set in motion what it calls for."""
    turn.record(
        DecisionMade(
            attempt=attempt,
            reader=reader,
            portal=PortalId(request.portal),
            direction=request.direction,
            policy=policy.digest,
            request=request,
            decision=replace(
                verdict,
                objections=verdict.objections[:REASONS_MAX],
                notes=_first_notes(verdict.notes),
            ),
            person=None if person is None else commitment(person),
            badge=None if badge is None else commitment(badge),
        ),
        person,
        badge,
    )
    if verdict.granted:
        _release(turn, attempt, request, verdict)
    if reader is not None:
        show(turn, reader, Sign.GRANTED if verdict.granted else Sign.DENIED)


def _first_notes(notes: tuple[Objection, ...]) -> tuple[Objection, ...]:
    """The first in gate order, and of those after them what no rule gave but the moment: duress."""
    of_the_moment = tuple(n for n in notes[REASONS_MAX:] if n.code >= Code.NOTE_DURESS)
    return notes[:REASONS_MAX] + of_the_moment


def _release(turn: Turn, attempt: AttemptId, request: Request, verdict: Decision) -> None:
    """Wish for the one release that a grant is worth; a portal that stands open needs none."""
    portal_id, direction = PortalId(request.portal), request.direction
    rule = turn.rule(portal_id)
    if rule is None or portal_id not in turn.state.portals:
        return
    # What stands open by schedule is granted to nobody in particular, seen or not seen.
    granted = not turn.state.portals[portal_id].leased and turn.signal(
        portal_id, Signal.GRANTED, attempt=attempt, direction=direction
    )
    not_after_us, for_ms = turn.now_us + STRIKE_WITHIN_US, rule.open_ms
    if verdict.code in NEVER_ASKED_FOR:
        _free_exit(turn, portal_id, rule)
        return
    if not granted:
        return
    turn.wish(
        lambda effect_id, cause, drill: ReleasePortal(
            id=effect_id,
            cause=cause,
            not_after_us=not_after_us,
            drill=drill,
            portal=portal_id,
            direction=direction,
            attempt=attempt,
            for_ms=for_ms,
        )
    )


def _free_exit(turn: Turn, portal_id: PortalId, rule: PortalRule) -> None:
    """Let somebody out, whatever the portal should be already: a lease may still wait for the disk,
    a release may not have arrived. Neither is cut short by the pulse.
    """
    portal = turn.state.portals[portal_id]
    if portal.released:
        free_egress(turn, portal_id)
        return
    for_ms = max(rule.open_ms, LEASE_US // MILLISECOND_US) if portal.leased else rule.open_ms
    turn.wish(
        lambda effect_id, cause, drill: FreeExit(
            id=effect_id,
            cause=cause,
            not_after_us=turn.now_us + STRIKE_WITHIN_US,
            drill=drill,
            portal=portal_id,
            for_ms=for_ms,
        )
    )
