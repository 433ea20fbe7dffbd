"""Orders and postures read a second time: from the design, and from no line of the core.

It takes the policy as the text that its author wrote, and orders as they were offered; it says
what is in force, and what that means at each passage. Slow and plain: every question looks at
everything.
"""

import tomllib
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from controller.moment import SECOND_US, Moment
from controller.orders import Cover, Order
from policies.facts import Direction, Mode
from policies.rights import OrderKind as Kind

WINDOW = 1_024
HOLD_US = 15 * 60 * SECOND_US
UNLOCK_US = 12 * 3600 * SECOND_US
GONE_US = SECOND_US // 2
"""After its device was told gone a fire input counts as fire."""
DRILL_US = 8 * 3600 * SECOND_US
POSTURES = {
    Kind.LOCKDOWN: Mode.LOCKDOWN,
    Kind.SHELTER: Mode.SHELTER,
    Kind.EVACUATE: Mode.EVACUATE,
}
BY_SOURCES = {*POSTURES, Kind.RAISE}
"""What a key switch may order, and what a drill can be of."""
BY_ONE = BY_SOURCES | {Kind.END_HOLD, Kind.END_DRILL, Kind.END_UNLOCK}
"""Raises protection or ends a danger: one person, no clock, no counter."""
BY_TWO = {Kind.LIFT, Kind.LOWER, Kind.UNLOCK, Kind.HOLD, Kind.FIRE_OVERRIDE, Kind.COUNTERS}
ENDED_BY = {
    Kind.LOCKDOWN: Kind.LIFT,
    Kind.SHELTER: Kind.LIFT,
    Kind.EVACUATE: Kind.LIFT,
    Kind.RAISE: Kind.LOWER,
    Kind.HOLD: Kind.END_HOLD,
    Kind.UNLOCK: Kind.END_UNLOCK,
    Kind.DELEGATE: Kind.END_DELEGATION,
    Kind.SUCCEED: Kind.END_DELEGATION,
}
CANNOT_COUNT = {"lift", "vehicle-barrier"}
"""Never a way out; a turnstile without drop-arm neither."""

Tree = dict[str, Any]


class WayIn(NamedTuple):
    """What fire and orders say of one way in. `shut`: each of these has to be overcome by itself.
    `sheltered`: a door inside a shelter, where only grants that name shelter hold.
    """

    shut: frozenset[str]
    sheltered: bool
    level: int
    fleeing: bool
    scheduled: bool  # may stand open by its schedule


class WayOut(NamedTuple):
    free: bool  # granted without identity
    held: bool
    level: int


@dataclass
class Taken:
    order: Order
    until_us: int | None
    late: bool  # an evacuation that was first seen after its time, not yet confirmed on the spot


@dataclass
class Reading:
    """`text`: the policy as its author wrote it."""

    text: str
    in_force: dict[str, Taken] = field(default_factory=dict)
    over: dict[str, str] = field(default_factory=dict)
    """Acted and ended for good, and why."""
    named: dict[str, set[Kind]] = field(default_factory=dict)
    """Every id that an accepted order was to end, with the kinds of those orders."""
    counters: dict[str, set[int]] = field(default_factory=dict)
    burning: set[str] = field(default_factory=set)
    lines: dict[str, str] = field(default_factory=dict)
    silent_us: dict[str, int] = field(default_factory=dict)
    floor: int = 0
    """At or below this number nothing is believed that takes protection away."""
    doubted: bool = False
    """Told once of one journal."""
    quarantined: bool = False
    challenge: str = ""
    recorded: bool = True

    def __post_init__(self) -> None:
        self.tree: Tree = tomllib.loads(self.text)

    # --- what happens ---------------------------------------------------------------------------

    def offered(self, order: Order, people: int, now: Moment, *, sourced: bool = False) -> bool:
        """An order came, by whatever path; whether it was taken."""
        self.time(now)
        if order.id in self.in_force or order.id in self.over or self._dead(order):
            return False
        if order.ends and all(order.kind in self.named.get(one, ()) for one in order.ends):
            return False  # it says nothing new, and is not counted
        if sourced and order.kind not in BY_ONE:
            return False
        if people < self._people_needed(order):
            return False
        if order.kind not in BY_ONE and not self._fresh(order, now):
            return False
        if not self._fits(order, now):
            return False
        self._take(order, now)
        return True

    def time(self, now: Moment) -> None:
        for fire, since_us in list(self.silent_us.items()):
            if now.mono_us >= since_us + GONE_US:
                del self.silent_us[fire]
                self._latched(fire)
        for order_id, taken in list(self.in_force.items()):
            if self._ran_out(taken, now):
                self._end(order_id, "time")

    def line(self, fire: str, line: str, now: Moment) -> None:
        """A fire input says something else than before: two people may overrule what it says."""
        if self.lines.get(fire) == line:
            return
        self.lines[fire] = line
        self.silent_us.pop(fire, None)
        if line == "gone":
            self.silent_us[fire] = now.mono_us
        elif line != "normal":
            self._latched(fire)

    def _latched(self, fire: str) -> None:
        if fire in self.burning:
            return
        self.burning.add(fire)
        self._end_of("fire", Kind.HOLD, Kind.UNLOCK)
        self._end_drills("fire")

    def reset(self, fire: str) -> None:
        self.burning.discard(fire)

    def restarted(self) -> None:
        self.recorded, self.lines, self.silent_us = True, {}, {}
        self._end_of("restart", Kind.HOLD, Kind.UNLOCK)
        self._end_drills("restart")

    def journal_lost(self) -> None:
        self.recorded = False
        self._end_of("journal", Kind.HOLD, Kind.UNLOCK)

    def restored(self) -> None:
        """The state is of an old copy, or the journal is not to be believed."""
        self.quarantined = self.quarantined or not self.doubted
        self.doubted = True

    def confirmed(self, order_id: str) -> None:
        if order_id in self.in_force:
            self.in_force[order_id].late = False

    # --- what it means --------------------------------------------------------------------------

    def way_in(self, portal: str) -> WayIn:
        source, target = self._in(portal)
        moving = [t for t in self.in_force.values() if t.order.kind in POSTURES and _moves(t.order)]
        evacuated = any(
            t.order.kind is Kind.EVACUATE and self._covers(t.order, target) for t in moving
        )
        flight = any(t.order.kind in {Kind.LOCKDOWN, Kind.SHELTER} for t in moving)
        fleeing = flight and not evacuated and self._towards_refuge(portal, source, target)
        shut = {"fire"} if self.fire_at(portal) else set()
        scheduled, sheltered = not shut, False
        for taken in moving:
            order = taken.order
            scheduled &= not self._covers(order, target)
            if not self._covers(order, target) or fleeing:
                continue
            from_inside = self._covers(order, source)
            spared = order.kind is Kind.SHELTER
            spared |= order.kind is Kind.LOCKDOWN and order.cover is Cover.PERIMETER
            if spared and from_inside:
                sheltered |= order.kind is Kind.SHELTER
            else:
                shut.add(POSTURES[order.kind].value)
        return WayIn(frozenset(shut), sheltered, self.level(target), fleeing, scheduled)

    def way_out(self, portal: str) -> WayOut:
        _, source = self._in(portal)
        rule = self.tree["portal"][portal]
        free = rule["exit"] == "free" or self.fire_at(portal)
        free |= any(source in self._reached(t.order) for t in self._evacuations())
        held = any(
            t.order.kind is Kind.HOLD and portal in t.order.portals for t in self.in_force.values()
        )
        return WayOut(free, held and "may-hold" in rule, self.level(source))

    def released(self, portal: str) -> bool:
        """Whether fire or evacuation keep the lock of this portal released."""
        rule = self.tree["portal"][portal]
        if rule.get("on-fire") != "release":
            return False
        return self.fire_at(portal) or self.leads_out_of_an_evacuation(portal)

    def concerns(self, order_id: str, portal: str) -> bool:
        """Whether a posture in force, by itself, shuts the way in through this portal or frees the
        way out: whose answer is waited for.
        """
        order = self.in_force[order_id].order
        source, target = self._in(portal)
        if order.kind is Kind.EVACUATE and self._would_free(order, portal):
            return True
        if not self._covers(order, target):
            return False
        outer = order.kind is Kind.SHELTER
        outer |= order.kind is Kind.LOCKDOWN and order.cover is Cover.PERIMETER
        return not (outer and self._covers(order, source))

    def freed_by(self, order_id: str, portal: str) -> bool:
        """Whether this order has the lock released."""
        taken = self.in_force[order_id]
        return self._would_free(taken.order, portal) and not taken.late

    def _would_free(self, order: Order, portal: str) -> bool:
        release = self.tree["portal"][portal].get("on-fire") == "release"
        evacuates = order.kind is Kind.EVACUATE
        return evacuates and release and portal in self._ways_out_of(order)

    def unlocked(self, portal: str) -> bool:
        """Whether an order keeps it unlocked."""
        return any(
            t.order.kind is Kind.UNLOCK and portal in t.order.portals
            for t in self.in_force.values()
        )

    def locked(self, portal: str) -> bool:
        """Whether a posture wants it locked and nothing that saves lives wants it open."""
        shut = self.way_in(portal).shut - {"fire"}
        return bool(shut) and not self.released(portal)

    def whole_site(self) -> tuple[Mode, int]:
        """The strongest mode and the highest level that lie over all of it."""
        whole = [t.order for t in self.in_force.values() if _moves(t.order) and not t.order.zones]
        strength = [Mode.NORMAL, Mode.SHELTER, Mode.LOCKDOWN, Mode.EVACUATE]
        modes = [POSTURES[order.kind] for order in whole if order.kind in POSTURES]
        levels = [order.level or 1 for order in whole if order.kind is Kind.RAISE]
        return max(modes, key=strength.index, default=Mode.NORMAL), max(levels, default=1)

    def level(self, zone: str) -> int:
        raised = [
            t.order.level or 1
            for t in self.in_force.values()
            if t.order.kind is Kind.RAISE and _moves(t.order) and self._covers(t.order, zone)
        ]
        return max(raised, default=1)

    def fire_at(self, portal: str) -> bool:
        rule = self.tree["portal"][portal]
        sides = {*self._lineage(rule["from"]), *self._lineage(rule["to"])}
        return any(
            not self.tree["fire"][fire].get("zones")
            or sides & set(self.tree["fire"][fire]["zones"])
            for fire in self.burning
        )

    def leads_out_of_an_evacuation(self, portal: str) -> bool:
        """Whether somebody may come through here on his way out of an evacuation."""
        return any(portal in self._ways_out_of(t.order) for t in self._evacuations())

    # --- the judging of one order ---------------------------------------------------------------

    def _people_needed(self, order: Order) -> int:
        return 2 if order.kind in BY_TWO else 1

    def _fresh(self, order: Order, now: Moment) -> bool:
        """Lowering orders and actions: never twice, never long after, never after a restore."""
        if order.kind is Kind.COUNTERS:
            return bool(self.challenge) and order.challenge == self.challenge
        seen = sorted(self.counters.get(order.issuer, set()))
        if self.quarantined or order.counter in seen or order.counter <= self.floor:
            return False
        if len(seen) > WINDOW and order.counter < seen[-WINDOW]:
            return False
        if not now.trusted:
            return not seen or order.counter > seen[-1]
        return order.accept_until_s is None or now.utc_s < order.accept_until_s

    def _fits(self, order: Order, now: Moment) -> bool:
        if now.trusted and order.until_s is not None and order.until_s <= now.utc_s:
            return False
        if order.drill and (self.burning or self._real_posture()):
            return False
        if order.kind is Kind.FIRE_OVERRIDE:
            return order.fire in self.burning
        if order.kind not in {Kind.HOLD, Kind.UNLOCK}:
            return True
        if not self.recorded or any(self.fire_at(portal) for portal in order.portals):
            return False
        if order.kind is Kind.HOLD:
            return all("may-hold" in self.tree["portal"][portal] for portal in order.portals)
        return now.trusted and not self._unknown_to(order)

    def _dead(self, order: Order) -> bool:
        """Whether something that may end it named it before it came."""
        enders = self.named.get(order.id, set())
        return ENDED_BY.get(order.kind) in enders or (order.drill and Kind.END_DRILL in enders)

    def _take(self, order: Order, now: Moment) -> None:
        if order.kind not in BY_ONE:
            self.counters.setdefault(order.issuer, set()).add(order.counter)
        for ended in order.ends:
            self.named.setdefault(ended, set()).add(order.kind)
            if ended in self.in_force and self._dead(self.in_force[ended].order):
                self._end(ended, order.id)
        if order.kind is Kind.COUNTERS:
            self.quarantined, self.challenge, self.floor = False, "", order.counter
        if order.kind is Kind.FIRE_OVERRIDE:
            self.burning.discard(order.fire)
        if order.kind not in ENDED_BY:
            return
        late = (
            order.kind is Kind.EVACUATE
            and now.trusted
            and order.accept_until_s is not None
            and now.utc_s >= order.accept_until_s
        )
        self.in_force[order.id] = Taken(order, _until_us(order, now), late)
        if order.kind in POSTURES and not order.drill:
            self._end_drills("a real order")
        for unlock in [t.order for t in self.in_force.values() if t.order.kind is Kind.UNLOCK]:
            if any(self._lies_over(order, portal) for portal in unlock.portals):
                self._end(unlock.id, "a posture")

    def _real_posture(self) -> bool:
        return any(t.order.kind in POSTURES and not t.order.drill for t in self.in_force.values())

    def _lies_over(self, order: Order, portal: str) -> bool:
        """Whether a posture lies over the portal, or frees it, be it only when it is confirmed."""
        rule = self.tree["portal"][portal]
        if order.kind not in POSTURES or not _moves(order):
            return False
        sides = (rule["from"], rule["to"])
        return any(self._covers(order, s) for s in sides) or self._would_free(order, portal)

    def _unknown_to(self, unlock: Order) -> bool:
        """Whether a posture lies over one of its portals of which it says nothing."""
        return any(
            self._lies_over(t.order, portal)
            for t in self.in_force.values()
            for portal in unlock.portals
            if t.order.id not in unlock.despite
        )

    def _ran_out(self, taken: Taken, now: Moment) -> bool:
        return taken.until_us is not None and now.mono_us >= taken.until_us

    def _end(self, order_id: str, why: str) -> None:
        order = self.in_force.pop(order_id).order
        self.named.setdefault(order_id, set()).add(ENDED_BY[order.kind])
        self.over[order_id] = why

    def _end_of(self, why: str, *kinds: Kind) -> None:
        for order_id in [i for i, t in self.in_force.items() if t.order.kind in kinds]:
            self._end(order_id, why)

    def _end_drills(self, why: str) -> None:
        for order_id in [i for i, t in self.in_force.items() if t.order.drill]:
            self._end(order_id, why)

    # --- the ground -----------------------------------------------------------------------------

    def _lineage(self, zone: str | None) -> list[str]:
        found: list[str] = []
        while zone is not None:
            found.append(zone)
            zone = self.tree["zone"][zone].get("inside")
        return found

    def _public(self, zone: str) -> bool:
        return bool(self.tree["zone"][zone]["kind"] == "public")

    def _covers(self, order: Order, zone: str) -> bool:
        if not order.zones:
            return not self._public(zone)
        return bool(set(order.zones) & set(self._lineage(zone)))

    def outward(self, portal: str) -> Direction:
        route = self.tree["portal"][portal].get("egress-route")
        return Direction.ENTRY if route == "entry" else Direction.EXIT

    def inward(self, portal: str) -> Direction:
        return Direction.EXIT if self.outward(portal) is Direction.ENTRY else Direction.ENTRY

    def _in(self, portal: str) -> tuple[str, str]:
        """From where to where the way in leads."""
        rule = self.tree["portal"][portal]
        if self.outward(portal) is Direction.EXIT:
            return rule["from"], rule["to"]
        return rule["to"], rule["from"]

    def _towards_refuge(self, portal: str, source: str, target: str) -> bool:
        rule = self.tree["portal"][portal]
        refuge = self.tree["zone"][target]["kind"] == "refuge" or rule.get("refuge-route", False)
        return refuge and not self._public(source)

    def _evacuations(self) -> list[Taken]:
        return [
            t
            for t in self.in_force.values()
            if t.order.kind is Kind.EVACUATE and _moves(t.order) and not t.late
        ]

    def _counts(self, portal: str) -> bool:
        """Whether people on foot may leave through it."""
        rule = self.tree["portal"][portal]
        if rule.get("egress-route") == "none" or rule["kind"] in CANNOT_COUNT:
            return False
        if rule["egress"] == "none":
            return False
        return rule["kind"] != "turnstile" or bool(rule.get("drop-arm", False))

    def _ways(self) -> list[tuple[str, str, str]]:
        """Portal, from where, to where, of every way that counts as a way out."""
        found = []
        for portal in self.tree["portal"]:
            outer, inner = self._in(portal)
            if self._counts(portal) and not self._public(inner):
                found.append((portal, inner, outer))
        return found

    def _reached(self, order: Order) -> set[str]:
        """Where people from the order's zones may come on their way out; not beyond the street."""
        reached = {zone for zone in self.tree["zone"] if self._covers(order, zone)}
        while grown := {b for _, a, b in self._ways() if a in reached} - reached:
            reached |= grown
        return reached

    def _ways_out_of(self, order: Order) -> set[str]:
        """Every portal on some way from the order's zones to the public side."""
        leading = {zone for zone in self.tree["zone"] if self._public(zone)}
        while grown := {a for _, a, b in self._ways() if b in leading} - leading:
            leading |= grown
        reached = self._reached(order)
        return {p for p, a, b in self._ways() if a in reached and b in leading}


def _moves(order: Order) -> bool:
    """A drill that moves nothing changes nothing at doors."""
    return order.moves or not order.drill


def _until_us(order: Order, now: Moment) -> int | None:
    """By the clock that nobody sets: what is timed ends though the wall is turned back."""
    if not order.drill and order.kind not in {Kind.HOLD, Kind.UNLOCK}:
        return None
    longest_us = {Kind.HOLD: HOLD_US, Kind.UNLOCK: UNLOCK_US}.get(order.kind, DRILL_US)
    if now.trusted and order.until_s is not None:
        longest_us = min(longest_us, order.until_s * SECOND_US - now.utc_us)
    return now.mono_us + longest_us
