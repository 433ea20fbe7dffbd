"""What a verdict sets in motion: its record, the one release that it is worth, signs, openings."""

from msgspec.structs import replace

from controller.effects import AskToClose, FreeExit, LeasePortal, ReleasePortal, ShowAtReader, Sign
from controller.events import DecisionMade, ProtocolOfficerCalled
from controller.fires import burns_at, free_egress
from controller.ids import AttemptId, HolderId, PortalId, ReaderId
from controller.ledger import Personal, commitment
from controller.moment import MILLISECOND_US, SECOND_US
from controller.portal import LEASE_US, STRIKE_WITHIN_US, Signal
from controller.posture import unlocked
from controller.questions import interlock_clear, question
from controller.turn import Turn
from controller.whereabouts import Passing
from policies.codes import Code
from policies.compiled import CompiledPolicy, PortalRule
from policies.decide import decide
from policies.facts import CredentialStatus, Decision, Request, as_recorded

SHOW_WITHIN_US = 2 * SECOND_US

NEVER_ASKED_FOR = frozenset({Code.LIFE_SAFETY, Code.EVACUATION, Code.FREE_EXIT})
"""Grants on the way out that need no identity and therefore wait for nothing."""


def conclude(
    turn: Turn,
    attempt: AttemptId,
    reader: ReaderId | None,
    policy: CompiledPolicy,
    request: Request,
    verdict: Decision,
    badge: Personal | None,
    person: Personal | None,
    passing: Passing | None = None,
) -> None:
    """Record the verdict and set in motion what it calls for. `passing`: whom a grant lets
    through; None: nobody in particular.
    """
    record(turn, attempt, reader, policy, request, verdict, badge, person)
    if verdict.granted:
        _release(turn, attempt, request, verdict, passing)
    if reader is not None:
        show(turn, reader, Sign.GRANTED if verdict.granted else Sign.DENIED)


def record(
    turn: Turn,
    attempt: AttemptId,
    reader: ReaderId | None,
    policy: CompiledPolicy,
    request: Request,
    verdict: Decision,
    badge: Personal | None,
    person: Personal | None,
) -> None:
    """Record the verdict with the whole question. Where it refuses a protected person somebody is
    called who speaks with him, and that is all that follows.
    """
    turn.record(
        DecisionMade(
            attempt=attempt,
            reader=reader,
            portal=PortalId(request.portal),
            direction=request.direction,
            policy=policy.digest,
            request=request,
            decision=as_recorded(verdict),
            person=None if person is None else commitment(person),
            badge=None if badge is None else commitment(badge),
        ),
        person,
        badge,
    )
    holder = request.holder
    if holder is not None and not verdict.granted and policy.standing(holder.roles).protected:
        turn.record(
            ProtocolOfficerCalled(
                holder=HolderId(holder.id),
                portal=PortalId(request.portal),
                direction=request.direction,
                code=verdict.code,
                roles=tuple(sorted(role.id for role in policy.roles.values() if role.protocol)),
            )
        )


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


def ask_to_close(turn: Turn, portal_id: PortalId) -> None:
    """Remind whoever is at the portal before its leaf counts as held."""
    if turn.signal(portal_id, Signal.CLOSE_DUE):
        turn.wish(
            lambda effect_id, cause, drill: AskToClose(
                id=effect_id,
                cause=cause,
                not_after_us=turn.now_us + SHOW_WITHIN_US,
                drill=drill,
                portal=portal_id,
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
    """Whether anybody may enter here now: two people have ordered it, or it is exactly what
    decide() says of an anonymous entry.
    """
    portal, rule = turn.state.portals[portal_id], turn.rule(portal_id)
    if rule is None or not portal.linked or not turn.state.ready or turn.state.stopping:
        return False
    if unlocked(turn.state.orders, portal_id):
        clear = interlock_clear(turn.state, turn.policy, portal_id, turn.now_us)
        return clear and not burns_at(turn, portal_id)
    if rule.open_schedule is None:
        return False
    request = question(turn, turn.policy, portal_id, rule.way_in, None, ())
    verdict = decide(turn.policy, replace(request, credential=CredentialStatus.NONE))
    return verdict.granted and verdict.code is Code.OPEN_PORTAL


def _release(
    turn: Turn,
    attempt: AttemptId,
    request: Request,
    verdict: Decision,
    passing: Passing | None,
) -> None:
    """Wish for the one release that a grant is worth; a portal that stands open needs none."""
    portal_id, direction = PortalId(request.portal), request.direction
    rule = turn.rule(portal_id)
    if rule is None or portal_id not in turn.state.portals:
        return
    # What stands open by schedule is granted to nobody in particular, seen or not seen.
    granted = not turn.state.portals[portal_id].leased and turn.signal(
        portal_id, Signal.GRANTED, attempt=attempt, direction=direction, passing=passing
    )
    not_after_us = turn.now_us + STRIKE_WITHIN_US
    for_ms = rule.release_ms(extended=turn.state.portals[portal_id].extended)
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
    for_ms = rule.release_ms(extended=portal.extended)
    if portal.leased:
        for_ms = max(for_ms, LEASE_US // MILLISECOND_US)
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
