"""Consents, screenings, and what time does to people inside. Nothing of it keeps anybody in.

Time is wall time here, because it is what people agreed on and it goes on while the edge does not
run. By a clock that is not trusted nothing falls due; what did meanwhile is dealt with as soon as
it is trusted again.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from controller import fires, visitors
from controller.company import HOST_LOST, hosts_lost
from controller.consents import CONSENT_S_MAX, CONSENTS_MAX, PARTY_MAX, ConsentEnd, Consents
from controller.events import (
    AgentWithoutConsent,
    ConsentEnded,
    ConsentGiven,
    ConsentRefused,
    Event,
    GrantUnused,
    PassageMade,
    PersonScreened,
    PortalOpened,
    VisitorCodeMade,
    VisitorOverstayed,
    VisitorUnescorted,
    clipped,
)
from controller.holders import Directory
from controller.ids import HolderId, OrderId
from controller.inputs import ConsentEndAsked, ConsentOffered, ScreeningHeard, VisitorCodeAsked
from controller.leadership import acting_until_s, lent_to
from controller.ledger import Personal, commitment
from controller.orders import InForce
from controller.signers import why_not_enough
from controller.state import SiteState
from controller.turn import Turn
from controller.visit import Visits
from controller.whereabouts import People, Presence
from policies.compiled import CompiledPolicy
from policies.facts import UtcSeconds
from policies.rights import OrderKind


class Basis(NamedTuple):
    """All that decides when something is due; what is the same object has not changed."""

    policy: CompiledPolicy
    directory: Directory
    presences: Mapping[HolderId, Presence]
    escorts: Mapping[HolderId, HolderId]
    unescorted: Mapping[HolderId, HolderId]
    consents: Consents
    orders: Mapping[OrderId, InForce]
    visits: Visits

    def has_rules_of(self, other: "Basis") -> bool:
        """Whether everybody's roles allow what they did then."""
        return self.policy is other.policy and self.directory is other.directory


class Hourglass:
    """When wall time next brings something due to people inside.

    It remembers whose stay is limited, so that not everybody inside is looked at after each step;
    all of it follows from state, policy and people.
    """

    def __init__(self) -> None:
        self._stays_s: dict[HolderId, int] = {}
        self._basis: Basis | None = None
        self._due_s: UtcSeconds | None = None
        self.overview = visitors.Overview()

    def due_s(
        self,
        state: SiteState,
        policy: CompiledPolicy,
        directory: Directory,
        events: Iterable[Event] = (),
    ) -> UtcSeconds | None:
        """The first second at which something is due, or None. `events`: of this step."""
        people = state.people
        now = Basis(
            policy,
            directory,
            people.presences,
            people.escorts,
            people.unescorted,
            state.consents,
            state.orders.in_force,
            state.visits,
        )
        before, self._basis = self._basis, now
        if before is None or not now.has_rules_of(before):
            self._look_at(now, now.presences)
        elif now.presences is not before.presences:
            self._look_at(now, _who_moved(events))
        if before is None or any(new is not old for new, old in zip(now, before, strict=True)):
            due = [consent.until_s for consent in state.consents.in_force.values()]
            due += [since_s + stay_s for _, since_s, stay_s in self._stays(people)]
            due += _hosts_end(people, directory)
            due += acting_until_s(state.orders)
            visit_s = self.overview.due_s(state.visits)
            due += [] if visit_s is None else [visit_s]
            self._due_s = min(due, default=None)
        return self._due_s

    def overstayed(self, people: People, utc_s: UtcSeconds) -> list[tuple[HolderId, UtcSeconds]]:
        """Who is inside for too long and since when; of whom that was told is left out."""
        stays = self._stays(people)
        return sorted((who, since_s) for who, since_s, stay_s in stays if since_s + stay_s <= utc_s)

    def _look_at(self, now: Basis, holders: Iterable[HolderId]) -> None:
        stays_s = {h: stay_s for h, stay_s in self._stays_s.items() if h in now.presences}
        for holder in holders:
            stay_s = _stay_max_s(now.policy, now.directory, holder)
            if stay_s is None or holder not in now.presences:
                stays_s.pop(holder, None)
            else:
                stays_s[holder] = stay_s
        self._stays_s = stays_s

    def _stays(self, people: People) -> list[tuple[HolderId, UtcSeconds, int]]:
        """Who has to be out some time: since when he is inside, and how long he may be."""
        found = []
        for holder, stay_s in self._stays_s.items():
            seen = people.presences.get(holder)
            since_s = None if seen is None or seen.overstayed else seen.inside_since_s
            if since_s is not None:
                found.append((holder, since_s, stay_s))
        return found


def deal_with_due(turn: Turn, hourglass: Hourglass) -> None:
    """What wall time has brought due; the clock is trusted."""
    utc_s = turn.moment.utc_s
    for holder, consent in sorted(turn.state.consents.in_force.items()):
        if consent.until_s <= utc_s:
            _end(turn, holder, ConsentEnd.EXPIRED)
    for visitor, since_s in hourglass.overstayed(turn.state.people, utc_s):
        host = turn.state.people.escorts.get(visitor)
        turn.record(VisitorOverstayed(visitor=visitor, host=host, since_s=since_s))
    visitors.deal_with_due(turn)
    settle_hosts(turn)


def settle_consents(turn: Turn) -> None:
    """Other people: a consent ends with who is known no more."""
    for holder in sorted(turn.state.consents.in_force):
        if holder not in turn.directory.holders:
            end_consent(turn, holder)


def end_consent(turn: Turn, holder: HolderId) -> None:
    """Somebody is known no more: a consent to his entry ends, where there is one."""
    if holder in turn.state.consents.in_force:
        _end(turn, holder, ConsentEnd.HOLDER_GONE)


def settle_hosts(turn: Turn) -> None:
    """Other people, rules or time: who was a host may be none any more."""
    lost = hosts_lost(turn.policy, turn.state.people, turn.directory, turn.moment)
    for visitor, host in lost:
        turn.record(VisitorUnescorted(visitor=visitor, host=host, reason=HOST_LOST, lost=True))


def on_screening(turn: Turn, fact: ScreeningHeard) -> None:
    """A word about somebody, from a station that the policy knows; others are nobody's."""
    if fact.station not in turn.policy.screenings or fact.holder not in turn.directory.holders:
        return
    said = PersonScreened(
        station=fact.station,
        holder=fact.holder,
        result=fact.result,
        operator=None if fact.operator is None else commitment(fact.operator),
    )
    turn.record(said, fact.operator)


def on_code_asked(turn: Turn, asked: VisitorCodeAsked) -> None:
    """Record that a code is made; people who have it come by themselves."""
    made = VisitorCodeMade(
        holder=asked.holder,
        valid_from_s=asked.valid_from_s,
        valid_until_s=asked.valid_until_s,
        operator=commitment(asked.operator),
    )
    turn.record(made, asked.operator)


def on_consent_offered(turn: Turn, offered: ConsentOffered) -> None:
    """A signed consent: it holds from here on, or it is recorded why it does not."""
    operator = commitment(offered.operator)
    reason = _why_not(turn, offered)
    if reason is not None:
        refused = ConsentRefused(order=offered.order, reason=clipped(reason), operator=operator)
        turn.record(refused, offered.operator)
        return
    turn.record(
        ConsentGiven(
            holder=offered.holder,
            order=offered.order,
            until_s=offered.until_s,
            accept_until_s=offered.accept_until_s,
            zones=offered.zones,
            party=offered.party,
            keys=offered.keys,
            signed_by=commitment(offered.signed_by),
            reason=commitment(offered.reason),
            operator=operator,
        ),
        offered.signed_by,
        offered.reason,
        offered.operator,
    )


def on_consent_end_asked(turn: Turn, asked: ConsentEndAsked) -> None:
    """Whoever asks takes it away: that needs no second person and no trusted clock."""
    if asked.holder in turn.state.consents.in_force:
        _end(turn, asked.holder, ConsentEnd.REVOKED, asked.operator)


# --- consents ---------------------------------------------------------------------------------


def _why_not(turn: Turn, offered: ConsentOffered) -> str | None:
    """Why a signed consent does not come into force; None where it does."""
    holder = turn.directory.holders.get(offered.holder)
    if not turn.state.recorded:
        return "the journal cannot be written; a consent that is not on record is none"
    if not turn.moment.trusted:
        return "the clock is not trusted, and every consent has an end"
    if holder is None:
        return "nobody knows the person"
    if not turn.policy.standing(holder.facts.roles).host_state:
        return "the person is no agent of the host state and needs no consent"
    unknown = [zone for zone in offered.zones if zone not in turn.policy.zones_by_id]
    if unknown:
        return f"the policy has no zone '{unknown[0]}'"
    return _why_not_now(turn.state.consents, offered, turn.moment.utc_s) or _why_not_enough(
        turn, offered
    )


def _why_not_now(consents: Consents, offered: ConsentOffered, utc_s: UtcSeconds) -> str | None:
    if offered.order in consents.seen:
        return "this file was given before, and acts once"
    if offered.accept_until_s <= max(utc_s, consents.closed_s):
        return "the time in which it could be given is over"
    if offered.until_s <= utc_s:
        return "its time is over"
    if offered.until_s > utc_s + CONSENT_S_MAX:
        return f"a consent holds for {CONSENT_S_MAX // 3600} hours at most"
    if offered.party > PARTY_MAX:
        return f"a consent lets {PARTY_MAX} people come with somebody at most"
    if offered.accept_until_s > offered.until_s:
        return "it could be given after its own end"
    if sum(by_s > utc_s for by_s in consents.seen.values()) >= CONSENTS_MAX:
        return f"{CONSENTS_MAX} consents were given within a day"
    return None


def _why_not_enough(turn: Turn, offered: ConsentOffered) -> str | None:
    """Nobody consents to his own entry, and no agent of the host state to anybody's. Where the
    policy names roles, they count, and so does whoever acts for somebody who has one.
    """
    policy, people, moment = turn.policy, turn.directory, turn.moment
    rule = policy.orders.get(OrderKind.CONSENT)
    others = {who for who in offered.signers if who != offered.holder}
    signers = {who for who in others if who is None or not _is_known_agent(turn, who)}
    if others and not signers:
        return "no agent of the host state consents to anybody's entry"
    if rule is None:
        return None if signers else "nobody but the person himself has signed it"
    zones = frozenset(offered.zones)
    lent = lent_to(turn.state.orders, policy, people, signers, rule.kind, zones, moment)
    return why_not_enough(policy, rule, signers, people, moment, lent=lent)


def _end(turn: Turn, holder: HolderId, cause: ConsentEnd, by: Personal | None = None) -> None:
    """End a consent. A way in that was granted by it and not used is taken back; an agent who is
    inside is left alone.
    """
    order = turn.state.consents.in_force[holder].order
    operator = None if by is None else commitment(by)
    turn.record(ConsentEnded(holder=holder, order=order, cause=cause, operator=operator), by)
    for portal_id, portal in sorted(turn.state.portals.items()):
        if portal.passing is not None and holder in portal.passing.holders:
            fires.abort_entry(turn, portal_id)
    seen = turn.state.people.presences.get(holder)
    if seen is not None and _is_agent(turn, holder):
        turn.record(AgentWithoutConsent(holder=holder, zone=seen.zone, cause=cause))


def _is_agent(turn: Turn, holder: HolderId) -> bool:
    """Whoever is known no more was one when the consent was given."""
    return holder not in turn.directory.holders or _is_known_agent(turn, holder)


def _is_known_agent(turn: Turn, holder: HolderId) -> bool:
    known = turn.directory.holders.get(holder)
    return known is not None and turn.policy.standing(known.facts.roles).host_state


# --- visitors ---------------------------------------------------------------------------------


def _stay_max_s(policy: CompiledPolicy, directory: Directory, holder: HolderId) -> int | None:
    """The shortest that one of his roles allows; None: no role says anything."""
    known = directory.holders.get(holder)
    roles = () if known is None else known.facts.roles
    stays = (policy.roles[role].stay_max_s for role in roles if role in policy.roles)
    return min((stay_s for stay_s in stays if stay_s is not None), default=None)


def _hosts_end(people: People, directory: Directory) -> Iterator[UtcSeconds]:
    """When the records of hosts end; of whom that was told is left out."""
    for visitor, host in people.escorts.items():
        known = directory.holders.get(host)
        until_s = None if known is None else known.facts.valid_until_s
        if until_s is not None and people.unescorted.get(visitor) != host:
            yield until_s


def _who_moved(events: Iterable[Event]) -> list[HolderId]:
    bodies = (event.body for event in events)
    moves = (b.moved for b in bodies if isinstance(b, PassageMade | GrantUnused | PortalOpened))
    return [holder for moved in moves if moved is not None for holder in moved.holders]
