"""The whole question about a passage as things stand: what `decide()` is asked."""

from typing import NamedTuple

from msgspec import UNSET
from msgspec.structs import replace

from controller.consents import holds
from controller.fires import burns_at
from controller.holders import Credential, Holder
from controller.ids import HolderId, PortalId
from controller.moment import SECOND_US, Micros
from controller.portal import TABLE, Contact, Note, Signal, State
from controller.posture import CALM, held, here
from controller.state import SiteState
from controller.turn import Turn
from controller.visit import worth_until_s
from controller.whereabouts import People, has_first
from policies.compiled import CompiledPolicy, Passage
from policies.facts import (
    CredentialStatus,
    Direction,
    Headcount,
    HolderFacts,
    Presented,
    Request,
    Screened,
    Seconds,
    UtcSeconds,
)

SECONDS_MAX = 2**31 - 1
"""What a fact can say; longer ago is as long ago."""


class Window(NamedTuple):
    """From when, and up to when, a badge is valid by what stands on it."""

    from_s: UtcSeconds | None = None
    until_s: UtcSeconds | None = None


ALWAYS = Window()


def question(
    turn: Turn,
    policy: CompiledPolicy,
    portal_id: PortalId,
    direction: Direction,
    credential: Credential | None,
    presented: tuple[Presented, ...],
) -> Request:
    """The question with today's people, posture and site, in the words of the policy that will
    answer it; company is not counted yet.
    """
    who = None if credential is None else credential.holder
    status = CredentialStatus.UNKNOWN
    if credential is not None and who in turn.directory.holders:
        status = credential.status
    request = _asked(turn, policy, portal_id, direction, who, status, presented)
    if credential is None or not turn.state.visits:
        return request
    return within(request, Window(until_s=worth_until_s(turn.state.visits, credential.id)))


def question_about(
    turn: Turn,
    policy: CompiledPolicy,
    portal_id: PortalId,
    direction: Direction,
    who: HolderId,
    presented: tuple[Presented, ...],
    party: Headcount = 0,
) -> Request:
    """The same about somebody who shows no credential, with a party of so many people."""
    status = CredentialStatus.NONE
    return _asked(turn, policy, portal_id, direction, who, status, presented, party)


def _asked(
    turn: Turn,
    policy: CompiledPolicy,
    portal_id: PortalId,
    direction: Direction,
    who: HolderId | None,
    status: CredentialStatus,
    presented: tuple[Presented, ...],
    party: Headcount = 0,
) -> Request:
    holder = None if who is None else turn.directory.holders.get(who)
    portal = turn.state.portals.get(portal_id)
    passage = policy.passage(portal_id, direction)
    now = CALM if passage is None else here(turn.state.orders, policy, passage)
    request = Request(
        portal=portal_id,
        direction=direction,
        utc_s=turn.moment.utc_s,
        clock_trusted=turn.moment.trusted,
        credential=status,
        holder=_facts(turn, who, holder),
        presented=presented,
        mode=now.mode,
        threat=now.threat,
        shut_by=now.shut_by,
        hold_egress=held(turn.state.orders, portal_id),
        fire=burns_at(turn, portal_id),
        consent=passage is not None
        and holder is not None
        and _consented(turn, policy, passage, who, party),
        party=party or UNSET,
        interlock_clear=interlock_clear(turn.state, turn.policy, portal_id, turn.now_us),
        operable=portal is not None and portal.linked,
        recorded=turn.state.recorded,
    )
    if passage is None or not (passage.limited or passage.way_out):
        return request
    return _with_surroundings(turn, policy, request, passage, who)


def within(request: Request, window: Window) -> Request:
    """The question where the badge itself says when it is valid: never longer than its holder."""
    holder = request.holder
    if holder is None or window == ALWAYS:
        return request
    begins = [at for at in (holder.valid_from_s, window.from_s) if at is not None]
    ends = [at for at in (holder.valid_until_s, window.until_s) if at is not None]
    narrowed = replace(
        holder,
        valid_from_s=max(begins, default=None),
        valid_until_s=min(ends, default=None),
    )
    return replace(request, holder=narrowed)


def _with_surroundings(
    turn: Turn,
    policy: CompiledPolicy,
    request: Request,
    passage: Passage,
    who: HolderId | None,
) -> Request:
    """Who is where, what stations said, and whether the first person has come."""
    people = turn.state.people
    seen = None if who is None else people.presences.get(who)
    since_s = None if seen is None else seen.since_s
    zones = (*passage.entered, passage.judged) if passage.way_out else passage.entered
    first_in = all(
        has_first(people, zone.id, policy, turn.moment.utc_s)
        for zone in passage.entered
        if zone.first_person
    )
    return replace(
        request,
        inside={
            zone.id: people.inside.get(zone.id, 0) + reserved(turn, policy, zone.id, request.portal)
            for zone in zones
            if zone.occupancy is not None
        },
        whereabouts=None if seen is None else seen.zone,
        whereabouts_age_s=_age_s(turn, since_s),
        screened=() if who is None else _screened(turn, people, who),
        first_person_in=first_in,
        knowledge_age_s=_knowledge_age_s(turn),
    )


def reserved(turn: Turn, policy: CompiledPolicy, zone: str, asked_at: str) -> int:
    """Places in a zone that grants in force have reserved: two people at two doors do not both get
    the last one. A grant that nobody uses gives its place back; the one in force at `asked_at` is
    given up by the next, unless its leaf stands open and it counts as used.
    """
    found = 0
    for portal_id, portal in turn.state.portals.items():
        if portal.passing is None or portal.direction is None:
            continue
        given_up = TABLE[portal.state][Signal.GRANT_ENDED].note is Note.UNUSED
        if portal_id == asked_at and given_up and not portal.passing.ajar:
            continue
        passage = policy.passage(portal_id, portal.direction)
        if passage is not None and any(entered.id == zone for entered in passage.entered):
            found += portal.passing.people
    return found


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


def _facts(turn: Turn, who: HolderId | None, holder: Holder | None) -> HolderFacts | None:
    if who is None or holder is None:
        return None
    until_us = turn.state.people.locked_out.get(who)
    if until_us is None or until_us <= turn.now_us:
        return holder.facts
    return replace(holder.facts, locked_out=True)


def _consented(
    turn: Turn,
    policy: CompiledPolicy,
    passage: Passage,
    who: HolderId | None,
    party: Headcount,
) -> bool:
    zone = passage.judged.id
    return who is not None and holds(turn.state.consents, who, turn.moment, policy, zone, party)


def _screened(turn: Turn, people: People, holder: HolderId) -> tuple[Screened, ...]:
    return tuple(
        Screened(station, word.result, _age_s(turn, word.at_s))
        for station, word in sorted(people.screened.get(holder, {}).items())
    )


def _knowledge_age_s(turn: Turn) -> Seconds:
    """How old what is known of holders is. Who changes them here knows them; what came by a change
    set is as old as the set, and where no clock says how old that is, it is too old for anything.
    """
    known = turn.directory.provenance
    if not known.change_set or known.made_utc_us is None:
        return 0
    age_s = _age_s(turn, known.made_utc_us // SECOND_US)
    return SECONDS_MAX if age_s is None else age_s


def _age_s(turn: Turn, since_s: int | None) -> Seconds | None:
    """How long ago; None where no trusted clock says so."""
    if since_s is None or not turn.moment.trusted or turn.moment.utc_s < since_s:
        return None
    return min(turn.moment.utc_s - since_s, SECONDS_MAX)
