"""Orders and postures as people are shown them: in words, with who gave them and who obeys."""

import logging
from collections.abc import Sequence
from typing import NamedTuple

from controller.arrival import Arrival
from controller.events import OrderAccepted, OrderEnded, decode_body, decode_entry
from controller.ids import OrderId, PortalId
from controller.leadership import Acting, who_acts
from controller.orders import InForce, Order, in_order
from controller.posture import MODES, in_scope
from controller.site import Outcome
from edge.arrivals import Arrivals, Come, Door
from edge.config import Config
from edge.control.messages_orders import (
    Acts,
    ArrivalReply,
    OrderShown,
    OrdersReply,
    PortalArrival,
    PostureReply,
    ZoneStands,
)
from edge.daemon import Daemon
from edge.journal import JournalError, Stored
from edge.present import committed
from policies.compiled import ZoneKind, ZoneRule
from policies.facts import Mode
from policies.rights import OrderKind

READ_BYTES_MAX = 512 * 1024

ID_SIGNS = 12
"""Of an order's id where people read it: nobody finds a second one by chance."""

log = logging.getLogger(__name__)


class _Given(NamedTuple):
    """Who gave an order, how and when, as far as the journal tells."""

    utc_us: int | None = None
    signed_by: str = ""
    path: str = ""
    operator: str = ""
    break_glass: bool = False


_NOTHING_TOLD = _Given()


class Showing:
    """One daemon's orders."""

    def __init__(self, daemon: Daemon, config: Config, arrivals: Arrivals) -> None:
        self._daemon = daemon
        self._config = config
        self._arrivals = arrivals
        self._known: dict[OrderId, _Given] = {}
        self._known_of: object = None
        """The people on file when it was read: names may be erased."""

    def arrival(self, order: OrderId) -> ArrivalReply:
        """How far one order has come."""
        come = self._arrivals.come(order)
        return ArrivalReply(
            order=order,
            in_force=come is not None,
            timezone=self._daemon.site.policy.timezone,
            utc_us=self._daemon.now().utc_us,
            took_ms=None if come is None else come.took_ms,
            portals=() if come is None else tuple(self._portal(door) for door in come.doors),
        )

    async def orders(self) -> OrdersReply:
        """Every order in force, with what the journal tells of it."""
        site = self._daemon.site
        shown = [await self._shown(come) for come in self._arrivals.all()]
        return OrdersReply(
            timezone=site.policy.timezone,
            utc_us=self._daemon.now().utc_us,
            clock_trusted=self._daemon.now().trusted,
            quarantined=site.state.orders.quarantined,
            ended=len(site.state.orders.ended),
            orders=tuple(shown),
        )

    def posture(self) -> PostureReply:
        """What all of them together make of the site."""
        site = self._daemon.site
        state, policy = site.state, site.policy
        in_force = in_order(state.orders.in_force.values())
        return PostureReply(
            site=self._config.site,
            edge=self._config.edge,
            timezone=policy.timezone,
            utc_us=self._daemon.now().utc_us,
            mode=state.mode,
            threat=state.threat,
            quarantined=state.orders.quarantined,
            fires=tuple(name for name, fire in state.fires.items() if fire.latched),
            zones=tuple(_zone(zone, in_force) for zone in policy.zones),
            portals=self._together(),
            acting=tuple(
                self._acts(one)
                for one in who_acts(state.orders, policy, site.directory, self._daemon.now())
            ),
        )

    def _acts(self, one: Acting) -> Acts:
        record = self._daemon.people.roll.holders.get(one.holder)
        return Acts(
            role=one.role,
            person=f"holder {one.holder}" if record is None else record.external_id,
            order=one.order,
            until_s=one.until_s,
            kinds=tuple(str(kind) for kind in one.kinds),
            zones=one.zones,
            unreachable=one.unreachable,
        )

    def _together(self) -> tuple[PortalArrival, ...]:
        """Every portal that an order is about, once, by the order that it obeys least."""
        worst: dict[PortalId, PortalArrival] = {}
        for come in self._arrivals.all():
            for door in come.doors:
                shown = self._portal(door)
                known = worst.get(door.arrived.portal)
                if known is None or _rank(shown) < _rank(known):
                    worst[door.arrived.portal] = shown
        rules = self._daemon.site.policy.portals
        return tuple(worst[PortalId(rule.id)] for rule in rules if PortalId(rule.id) in worst)

    def _portal(self, door: Door) -> PortalArrival:
        arrived = door.arrived
        rule = self._daemon.site.policy.portal(arrived.portal)
        wired = self._config.portals.get(arrived.portal)
        return PortalArrival(
            portal=arrived.portal,
            name=arrived.portal if rule is None else rule.name,
            device="its lock" if wired is None else wired.lock.device,
            arrival=arrived.arrival,
            obeyed=arrived.obeyed,
            observable=arrived.observable,
            linked=door.linked,
            released=door.released,
            since_utc_us=door.since_utc_us,
        )

    async def _shown(self, come: Come) -> OrderShown:
        order, given = come.one.order, await self._given(come.one)
        return OrderShown(
            order=order.id,
            order_kind=str(order.kind),
            zones=order.zones,
            portals_named=tuple(order.portals),
            cover=str(order.cover) if order.kind is OrderKind.LOCKDOWN else "",
            level=order.level,
            drill=order.drill,
            moves=order.moves,
            late=come.one.late,
            reason=order.reason,
            review_s=order.review_s,
            until_s=order.until_s,
            role=order.role,
            person=self._person(order),
            source=order.source,
            seq=come.one.seq,
            given_utc_us=given.utc_us,
            signed_by=given.signed_by,
            path=given.path,
            operator=given.operator,
            break_glass=given.break_glass,
            obeyed=sum(door.arrived.obeyed for door in come.doors),
            portals=len(come.doors),
        )

    async def _given(self, one: InForce) -> _Given:
        """What the journal tells of it; read once for the people who are on file now, since nothing
        of it changes but by an erasure.
        """
        roll, in_force = self._daemon.people.roll, self._daemon.site.state.orders.in_force
        if self._known_of is not roll:
            self._known, self._known_of = {}, roll
        known = self._known.get(one.order.id)
        if known is not None:
            return known
        try:
            stored: list[Stored] = await self._daemon.writer.read(one.seq, 1, READ_BYTES_MAX)
        except JournalError as error:
            log.warning("who gave an order cannot be read: %s", error)
            return _NOTHING_TOLD
        given = _given_by(stored)
        if given.utc_us is not None and self._known_of is roll:
            kept = {order: told for order, told in self._known.items() if order in in_force}
            self._known = kept | {one.order.id: given}
        return given

    def _person(self, order: Order) -> str:
        if order.holder is None:
            return ""
        record = self._daemon.people.roll.holders.get(order.holder)
        return "" if record is None else record.external_id


def _given_by(stored: Sequence[Stored]) -> _Given:
    if not stored:
        return _NOTHING_TOLD
    entry = decode_entry(stored[0].entry)
    body, told = decode_body(entry), committed(entry, stored[0].personal)
    if not isinstance(body, OrderAccepted):
        return _NOTHING_TOLD
    return _Given(
        entry.utc_us,
        told.get("signed_by", ""),
        body.path,
        told.get("operator", ""),
        break_glass=bool(body.break_glass),
    )


def said_of(order: Order, outcome: Outcome) -> str:
    """What an accepted order came to, in words."""
    ended = {
        event.body.order
        for event in outcome.events
        if isinstance(event.body, OrderEnded) and event.body.by == order.id
    }
    said = [subject(order)]
    if ended:
        said.append(f"ended: {', '.join(one[:ID_SIGNS] for one in sorted(ended))}")
    unknown = [one for one in order.ends if one not in ended]
    if unknown:
        ids = ", ".join(one[:ID_SIGNS] for one in unknown)
        said.append(f"not in force here, and never will be: {ids}")
    return "; ".join(said)


def subject(order: Order) -> str:
    """`lockdown of the whole site`, `hold of side-door`, `lift`."""
    drill = "drill: " if order.drill else ""
    if order.ends:
        return f"{drill}{order.kind}"
    if order.fire or order.challenge:
        return f"{order.kind} {order.fire}".strip()
    where: Sequence[str] = order.portals or order.zones
    level = "" if order.level is None else f" to level {order.level}"
    if order.role:
        return f"{drill}{order.kind} of role {order.role}"
    return f"{drill}{order.kind}{level} of {', '.join(where) or 'the whole site'}"


def _zone(zone: ZoneRule, in_force: Sequence[InForce]) -> ZoneStands:
    about = [one for one in in_force if in_scope(one, zone)]
    kinds = {one.order.kind for one in about if one.acts}
    levels = [one.order.level or 1 for one in about if one.acts]
    return ZoneStands(
        zone=zone.id,
        name=zone.name,
        public=zone.kind is ZoneKind.PUBLIC,
        mode=next((mode for kind, mode in MODES.items() if kind in kinds), Mode.NORMAL),
        threat=max(levels, default=1),
        orders=tuple(one.order.id for one in about),
    )


def _rank(portal: PortalArrival) -> int:
    """The smaller, the more somebody has to look after it."""
    if portal.obeyed:
        return 2
    return 1 if portal.arrival is Arrival.DEVICE_CONFIRMED else 0
