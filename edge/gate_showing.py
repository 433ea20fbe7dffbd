"""What happens at a gate as one session may see it: names joined, reasons in numbers, no more than
the policy allows.

Nothing here can tell duress: neither an entry nor the core's state says anything of it but to those
who are told (`edge.duress`), so what is shown is the same with it and without.
"""

from collections.abc import Mapping

import msgspec

from controller.arrival import Arrival, arrivals
from controller.ids import HolderId, PortalId
from controller.moment import SECOND_US
from controller.orders import InForce, in_order
from controller.portal import Portal
from controller.posture import MODES, in_scope
from controller.state import SiteState
from edge.control.messages_gate import (
    Awaited,
    GateCameraShown,
    GateInside,
    GatePassage,
    GatePortal,
    GatePosture,
    GateSide,
    GateZone,
    Stage,
    ZoneInside,
)
from edge.daemon import Daemon
from edge.gate_codes import NEXT, Next, all_told, noted, told
from edge.gate_passages import Passage
from edge.gate_sight import Sight
from policies.codes import Code
from policies.compiled import Pictures, PortalRule, ZoneRule
from policies.facts import Mode
from policies.rights import ProtectedShown

AT_GATE_US = 30 * SECOND_US
"""So long behind a decision somebody still stands there, and a guard may look whether it is she."""

_ARRIVAL_RANKS = (
    Arrival.UNKNOWN,
    Arrival.STUCK,
    Arrival.OPEN,
    Arrival.ORDERED,
    Arrival.DEVICE_CONFIRMED,
    Arrival.CLOSED,
    Arrival.CLOSED_AND_LOCKED,
    Arrival.FREED,
)
"""Of several orders the worst is shown, the first that somebody has to look after."""

assert set(_ARRIVAL_RANKS) == set(Arrival), "every arrival has its rank"


class GateShowing:
    """One daemon's."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    # --- people ---

    def passage(self, seen: Passage, sight: Sight) -> GatePassage:
        """As the session may see it."""
        who = self.person(seen.holder, seen.roles, sight)
        until = seen.until_us
        now = self._daemon.now()
        return GatePassage(
            seq=seen.seq,
            utc_us=seen.utc_us,
            attempt=seen.attempt,
            portal=seen.portal,
            direction=seen.direction,
            stage=seen.stage,
            granted=seen.granted,
            person=who.person,
            name=who.name,
            roles=who.roles,
            protected=who.protected,
            visitor=who.visitor,
            beside=self.person(seen.beside, (), sight).name,
            party=seen.party,
            code=_code(seen, who, confidential=sight.confidential),
            reasons=() if who.hidden else all_told(seen.reasons, confidential=sight.confidential),
            notes=() if who.hidden else noted(seen.notes, confidential=sight.confidential),
            next=_next(seen, who),
            factors=seen.factors,
            asked=seen.awaited if seen.stage is Stage.ASKED else Awaited.NOTHING,
            until_utc_us=None if until is None else max(0, now.utc_us + until - now.mono_us),
            question=seen.question if seen.stage is Stage.ASKED else "",
            pictures=self.pictures(seen, sight),
            vouched=seen.vouched,
            drill=seen.drill,
        )

    def person(self, holder: HolderId | None, roles: tuple[str, ...], sight: Sight) -> "Person":
        """Who that is, as far as the session may see it. `roles`: those of the record of what
        happened, which count beside those on file: who was protected then stays so.
        """
        record = None if holder is None else self._daemon.people.roll.holders.get(holder)
        policy = self._daemon.site.policy
        now_roles = roles if record is None else record.roles
        standing = policy.standing(now_roles)
        if standing.protected or policy.standing(roles).protected:
            if sight.protected is ProtectedShown.HIDDEN:
                return Person(hidden=True)
            if sight.protected is ProtectedShown.STATUS:
                return Person(protected=True)
        return Person(
            person="" if record is None else record.external_id,
            name="" if record is None else record.name,
            roles=now_roles,
            protected=standing.protected,
            visitor=standing.visitor,
            named=True,
        )

    def pictures(self, seen: Passage, sight: Sight) -> tuple[GateSide, ...]:
        """Which of them the session may ask for; whether there is one shows when it does."""
        daemon, found = self._daemon, []
        watch, policy = daemon.answering.watch, daemon.site.policy
        may_know = self.person(seen.holder, seen.roles, sight).named
        if self.at_gate(seen):
            if watch.camera_at(seen.portal, seen.direction) is not None:
                found.append(GateSide.LIVE)
            # Whoever is asked to compare gets what to compare with, and still no name.
            on_file = seen.holder is not None and seen.holder in daemon.site.state.faces
            if on_file and policy.portraits and (may_know or seen.awaited is Awaited.GUARD):
                found.append(GateSide.ENROLLED)
        rule = policy.portal(seen.portal)
        keeps = rule is not None and rule.pictures is Pictures.DECISIONS
        if keeps and may_know and seen.decided_seq:
            found.append(GateSide.DECISION)
        return tuple(found)

    def at_gate(self, seen: Passage) -> bool:
        """Whether the person stands there now, as far as anybody can tell."""
        if seen.stage is Stage.ASKED:
            return any(one.id == seen.attempt for one in self._state.attempts.values())
        if seen.decided_us is None:
            return False
        return 0 <= self._daemon.now().mono_us - seen.decided_us <= AT_GATE_US

    # --- doors and zones ---

    def portal(self, name: PortalId) -> GatePortal | None:
        """How one stands; None where the policy or the edge has none of this name."""
        rule, portal = self._daemon.site.policy.portal(name), self._state.portals.get(name)
        if rule is None or portal is None:
            return None
        return _portal(rule, portal, self.arrivals().get(name), self._cameras(name))

    def portals(self) -> dict[PortalId, GatePortal]:
        """All there are, in the order of the policy."""
        arrived, state = self.arrivals(), self._state
        found = {}
        for rule in self._daemon.site.policy.portals:
            name = PortalId(rule.id)
            portal = state.portals.get(name)
            if portal is not None:
                found[name] = _portal(rule, portal, arrived.get(name), self._cameras(name))
        return found

    def arrivals(self) -> dict[PortalId, Arrival]:
        """How far the orders in force have come at each portal that one is about."""
        state, policy = self._state, self._daemon.site.policy
        worst: dict[PortalId, Arrival] = {}
        for one in state.orders.in_force.values():
            if not one.acts:
                continue  # a drill in which no lock is worked
            for come in arrivals(one, policy, state.portals, state.answers):
                known = worst.get(come.portal)
                if known is None or _rank(come.arrival) < _rank(known):
                    worst[come.portal] = come.arrival
        return worst

    def posture(self) -> GatePosture:
        """What is in force, for the site and for each zone."""
        state = self._state
        orders = in_order(state.orders.in_force.values())
        return GatePosture(
            mode=state.mode,
            threat=state.threat,
            fires=tuple(name for name, fire in state.fires.items() if fire.latched),
            orders=len(orders),
            drill=bool(orders) and all(one.order.drill for one in orders),
            muster=state.people.muster is not None,
            zones=tuple(_zone(zone, orders) for zone in self._daemon.site.policy.zones),
        )

    def inside(self) -> GateInside:
        """How many people each zone holds."""
        return GateInside(zones=counts(self._state.people.inside))

    @property
    def _state(self) -> SiteState:
        return self._daemon.site.state

    def _cameras(self, portal: PortalId) -> tuple[GateCameraShown, ...]:
        faults = self._state.cameras
        return tuple(
            GateCameraShown(camera=name, direction=camera.options.side, faults=faults.get(name, ()))
            for name, camera in self._daemon.answering.watch.cameras.items()
            if camera.options.portal == portal
        )


def counts(inside: Mapping[str, int]) -> tuple[ZoneInside, ...]:
    """Of the zones that hold somebody, by name."""
    return tuple(
        ZoneInside(zone=zone, people=people) for zone, people in sorted(inside.items()) if people
    )


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody as a session may see him. `hidden`: nothing may show that it is he, `named`: all of
    it may. No repr shows who.
    """

    person: str = ""
    name: str = ""
    roles: tuple[str, ...] = ()
    protected: bool = False
    visitor: bool = False
    named: bool = False
    hidden: bool = False

    def __repr__(self) -> str:
        return "Person(…)"


def _code(seen: Passage, who: Person, *, confidential: bool) -> int:
    if seen.code is None:
        return 0
    if who.hidden and seen.granted:
        return int(Code.GRANTED)
    return told(seen.code, confidential=confidential)


def _next(seen: Passage, who: Person) -> Next:
    if seen.stage is Stage.ASKED:
        if seen.awaited is Awaited.GUARD:
            return Next.COMPARE
        return Next.WAIT_SECOND if seen.awaited is Awaited.SECOND else Next.WAIT
    if seen.stage is not Stage.DECIDED or seen.code is None:
        return Next.NOTHING
    if who.protected and not seen.granted:
        return Next.CALL_PROTOCOL
    if who.hidden and seen.granted:
        return Next.LET_PASS
    return NEXT[seen.code]


def _portal(
    rule: PortalRule,
    portal: Portal,
    arrival: Arrival | None,
    cameras: tuple[GateCameraShown, ...],
) -> GatePortal:
    return GatePortal(
        id=rule.id,
        name=rule.name,
        portal_kind=str(rule.kind),
        from_zone=rule.outer,
        to_zone=rule.inner,
        state=portal.state,
        contact=portal.contact,
        bolted=portal.bolted,
        linked=portal.linked,
        released=portal.released,
        secured=portal.secured,
        leased=portal.leased,
        observable=rule.contact,
        arrival=arrival,
        cameras=cameras,
    )


def _zone(zone: ZoneRule, orders: list[InForce]) -> GateZone:
    about = [one for one in orders if one.acts and in_scope(one, zone)]
    kinds = {one.order.kind for one in about}
    most = None if zone.occupancy is None else zone.occupancy.most
    return GateZone(
        zone=zone.id,
        name=zone.name,
        zone_kind=str(zone.kind),
        around=zone.inside or "",
        mode=next((mode for kind, mode in MODES.items() if kind in kinds), Mode.NORMAL),
        threat=max((one.order.level or 1 for one in about), default=1),
        most=most,
    )


def _rank(arrival: Arrival) -> int:
    return _ARRIVAL_RANKS.index(arrival)
