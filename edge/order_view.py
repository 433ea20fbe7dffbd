"""What one edge tells on the wire of its orders, its posture and its doors."""

from collections.abc import Mapping
from itertools import islice

from controller.ids import OrderId
from controller.orders import ENDED_BY, Orders, in_order
from controller.portal import Portal
from controller.posture import MODES, in_scope, site_wide
from edge.arrivals import Door as Arrived
from edge.daemon import Daemon
from edge.order_desk import OrderDesk
from edge.order_gist import Gist
from edge.order_lane import UNION, WIRE, Took
from edge.wire_orders import (
    DOORS_MAX,
    ENVELOPES_MAX,
    ZONES_MAX,
    Door,
    OrderAck,
    OrderShown,
    OrderStanding,
    PortalNow,
    Posture,
    ZonePosture,
)
from policies.compiled import PortalRule, ZoneRule
from policies.facts import Mode
from policies.rights import OrderKind

OPERATORS = {WIRE: "central, over the wire", UNION: "another edge, over the wire"}
"""Under these names the journal has what came so; the signatures say who answers for it."""


class OrderView:
    """One edge's: `edge.order_lane.Judged`."""

    def __init__(self, daemon: Daemon, desk: OrderDesk) -> None:
        self._daemon = daemon
        self._desk = desk

    async def take(self, envelope: bytes, path: str) -> Took:
        reply = await self._desk.take(envelope, path, OPERATORS[path])
        return Took(reply.accepted, reply.recorded, reply.reason, reply.remedy)

    @property
    def _orders(self) -> Orders:
        return self._daemon.site.state.orders

    @property
    def mark(self) -> tuple[str, int]:
        return self._daemon.site.origin.incarnation, self._daemon.site.state.seq

    @property
    def judgement(self) -> object:
        state = self._daemon.site.state
        return state.clock_trusted, state.orders.quarantined, state.policy, state.holders_version

    # --- which orders ---

    def knows(self, gist: Gist) -> bool:
        return gist.id in self._orders.in_force or self._is_over(gist) or self._has_ended(gist)

    def _is_over(self, gist: Gist) -> bool:
        """It was ended by something that can end its kind."""
        kinds = self._orders.ended.get(gist.id, ())
        return any(gist.kind in ENDED_BY[kind] and _fits(kind, gist) for kind in kinds)

    def _has_ended(self, gist: Gist) -> bool:
        """Everything that it ends is over by it, or by another of its kind."""
        if gist.kind not in ENDED_BY or not gist.ends:
            return False
        ended = self._orders.ended
        return all(gist.kind in ended.get(one, ()) for one in gist.ends)

    def in_force(self) -> Mapping[OrderId, str]:
        """What keeps people safe goes before what lets them in."""
        found = in_order(self._orders.in_force.values())
        found.sort(key=lambda one: one.order.kind not in MODES)
        return {one.order.id: one.order.envelope for one in found if one.order.envelope}

    def lifts(self) -> Mapping[OrderId, str]:
        return {one: envelope for one, envelope in self._orders.lifts.items() if envelope}

    # --- how far they have come ---

    def ack(self, order: OrderId) -> OrderAck | None:
        come = self._desk.arrivals.come(order)
        if come is not None:
            doors = (self._door(door) for door in islice(come.doors, DOORS_MAX))
            return self._ack(order, OrderStanding.IN_FORCE, tuple(doors))
        if order in self._orders.ended:
            return self._ack(order, OrderStanding.ENDED)
        if order in self._orders.lifts:
            return self._ack(order, OrderStanding.DONE)
        return None

    def _ack(
        self, order: OrderId, standing: OrderStanding, doors: tuple[Door, ...] = ()
    ) -> OrderAck:
        incarnation, revision = self.mark
        return OrderAck(
            incarnation=incarnation,
            revision=revision,
            order=order,
            standing=standing,
            recorded=not self._daemon.recorder.down,
            doors=doors,
        )

    def _door(self, door: Arrived) -> Door:
        arrived = door.arrived
        return Door(
            portal=arrived.portal,
            name=self._daemon.site.policy.portals_by_id[arrived.portal].name,
            arrival=arrived.arrival,
            obeyed=arrived.obeyed,
            observable=arrived.observable,
            linked=door.linked,
            since_us=door.since_utc_us,
        )

    # --- for whoever watches ---

    def posture(self) -> Posture:
        state = self._daemon.site.state
        mode, threat = site_wide(state.orders)
        zones = (
            ZonePosture(zone=zone.id, mode=there[0], threat=there[1])
            for zone in self._daemon.site.policy.zones
            if (there := _in_zone(state.orders, zone)) not in {(mode, threat), (Mode.NORMAL, 1)}
        )
        incarnation, revision = self.mark
        shown = (
            OrderShown(
                order=one.order.id,
                kind=one.order.kind,
                drill=one.order.drill,
                review_s=one.order.review_s,
                zones=one.order.zones,
            )
            for one in in_order(state.orders.in_force.values())
        )
        return Posture(
            incarnation=incarnation,
            revision=revision,
            mode=mode,
            threat=threat,
            fire=any(fire.latched for fire in state.fires.values()),
            zones=tuple(islice(zones, ZONES_MAX)),
            orders=tuple(islice(shown, ENVELOPES_MAX)),
        )

    def portals(self) -> Mapping[str, PortalNow]:
        rules = self._daemon.site.policy.portals_by_id
        return {
            name: self._portal(rule, portal)
            for name, portal in self._daemon.site.state.portals.items()
            if (rule := rules.get(name)) is not None
        }

    def _portal(self, rule: PortalRule, portal: Portal) -> PortalNow:
        incarnation, revision = self.mark
        return PortalNow(
            incarnation=incarnation,
            revision=revision,
            name=rule.name,
            state=portal.state,
            contact=portal.contact,
            bolted=portal.bolted,
            linked=portal.linked,
            released=portal.released,
            secured=portal.secured,
            leased=portal.leased,
            observable=rule.contact,
        )


def _fits(kind: OrderKind, gist: Gist) -> bool:
    return kind is not OrderKind.END_DRILL or gist.drill


def _in_zone(orders: Orders, zone: ZoneRule) -> tuple[Mode, int]:
    """The strongest mode and the highest level ordered for a zone."""
    acting = [one for one in orders.in_force.values() if one.acts and in_scope(one, zone)]
    kinds = {one.order.kind for one in acting}
    mode = next((mode for kind, mode in MODES.items() if kind in kinds), Mode.NORMAL)
    return mode, max((one.order.level or 1 for one in acting), default=1)
