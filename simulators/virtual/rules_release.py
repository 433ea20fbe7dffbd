"""A lock lets go for a reason in the world or on disk; what went before the disk is told later."""

from typing import NamedTuple

from controller.events import (
    Body,
    DecisionMade,
    EgressReleased,
    Entry,
    ExitRequested,
    FireLatched,
    GrantAborted,
    JournalRestored,
    PortalChange,
    PortalGranted,
    PortalLeased,
)
from controller.moment import SECOND_US
from controller.portal import STRIKE_WITHIN_US
from policies.compiled import OnFire, Rex
from policies.facts import Mode
from simulators.virtual.plan import Plan
from simulators.virtual.rule import Rule
from simulators.virtual.rules_scene import ASK_S, WIRE_S, Scene
from simulators.virtual.seen import Seen, What

STRIKE_S = STRIKE_WITHIN_US / SECOND_US + WIRE_S
"""A strike or a lease whose entry is older than this is not on the wire any more."""

RECORD_S = 5.0
"""From an act without the journal, or from a journal that works again, to the entry on disk: two
commits of a second at most, and a try to reopen every two seconds."""

TOLD_BY: dict[str, tuple[type[DecisionMade | PortalChange], ...]] = {
    "asked": (DecisionMade, PortalGranted, ExitRequested, EgressReleased),
    "free": (EgressReleased,),
}
"""The entries that explain a release for somebody who asked, and for everybody."""


class Debt(NamedTuple):
    """A lock let go before the entry that says why was on disk."""

    portal: str
    since_s: float
    why: str


class Grant:
    """One release that the journal allows."""

    def __init__(self, body: PortalGranted, at_s: float) -> None:
        self.attempt = body.after.attempt
        self.until_s = at_s + STRIKE_S


class ReleaseNeedsAGrant(Rule):
    """No door opens on a decision that is not on disk; life safety alone goes first."""

    name = "release-needs-a-durable-grant"

    def __init__(self, plan: Plan) -> None:
        self._scene = Scene(plan)
        self._grants: dict[str, list[Grant]] = {}
        self._leased_s: dict[str, float] = {}
        self._debts: list[Debt] = []
        self._told_s: dict[tuple[str, str], float] = {}
        self._edge_lives = True

    def see(self, seen: Seen) -> None:
        if seen.where == "edge" and seen.what in {What.KILLED, What.STOPPED, What.STARTED}:
            self._debts.clear()  # it died before it could write
            self._edge_lives = seen.what is What.STARTED
        self._scene.see(seen)
        if seen.what is What.RELEASED:
            self._explain(seen.at_s, seen.where)
        self._collect(seen.at_s)

    def recorded(self, at_s: float, entry: Entry, body: Body | None) -> None:
        in_order, book = not self._scene.has_disk_trouble(at_s), self._scene.book
        if isinstance(body, FireLatched) and in_order and not self._suspected(body.fire):
            raise self.broken(at_s, f"{entry.seq}: {body.fire} latched ({body.reason}) for nothing")
        self._scene.recorded(at_s, body)
        match body:
            case PortalGranted(portal=portal) if not book.without_disk:
                self._grants.setdefault(portal, []).append(Grant(body, at_s))
            case GrantAborted(portal=portal):
                for grant in self._grants.get(portal, []):
                    if grant.attempt == body.attempt:
                        grant.until_s = min(grant.until_s, at_s + WIRE_S)
            case PortalLeased(portal=portal) if not book.without_disk:
                self._leased_s[portal] = at_s
            case EgressReleased(portal=portal):
                self._check_free(at_s, entry, portal)
            case JournalRestored(dropped=dropped) if dropped:
                self._debts.clear()
        self._settle(at_s, body)
        self._collect(at_s)

    def finish(self, at_s: float) -> None:
        self._collect(at_s)

    def _suspected(self, fire: str) -> bool:
        return self._scene.fires[fire].suspected or self._scene.book.latched[fire]

    def _check_free(self, at_s: float, entry: Entry, portal: str) -> None:
        """In the journal's own order a way out is released for a latched fire or an evacuation."""
        book, rule = self._scene.book, self._scene.rules[portal]
        called_for = book.burns_at(portal) or book.mode is Mode.EVACUATE
        if rule.on_fire is not OnFire.RELEASE or not called_for:
            raise self.broken(at_s, f"{entry.seq}: {portal} freed without fire or evacuation")

    def _explain(self, at_s: float, portal: str) -> None:
        """Find the reason for a release, the strongest first."""
        scene, rule = self._scene, self._scene.rules[portal]
        grants = self._grants.get(portal, [])
        usable = next((grant for grant in grants if grant.until_s >= at_s), None)
        self._grants[portal] = [g for g in grants if g.until_s >= at_s and g is not usable]
        if usable is not None or at_s <= self._leased_s.get(portal, -STRIKE_S) + STRIKE_S:
            return
        freed = rule.on_fire is OnFire.RELEASE and scene.may_be_free(portal, at_s)
        if freed and portal in scene.book.freed:
            return  # on disk and in force: said again to a board that came back
        trouble = scene.has_disk_trouble(at_s)
        button = rule.rex is Rex.UNLOCK and scene.wants_out(portal, at_s, by_reader=False)
        if button or (trouble and scene.wants_out(portal, at_s, by_reader=True)):
            self._owe(portal, at_s, "asked")
        elif freed:
            self._owe(portal, at_s, "free")
        elif trouble and rule.emergency and self._responds(portal, at_s):
            self._owe(portal, at_s, "asked")
        else:
            story = (
                f"{portal} let go; no grant or lease on disk within {STRIKE_S} s, nobody asked for"
                f" the way out (disk trouble: {trouble}), no fire or evacuation that releases it"
            )
            raise self.broken(at_s, story)

    def _responds(self, portal: str, at_s: float) -> bool:
        """An emergency passage is entered, by people in good standing, while nothing is written."""
        asked = self._scene.presented(portal, self._scene.way_in(portal), at_s)
        return any(person.in_good_standing for person in asked)

    def _owe(self, portal: str, at_s: float, why: str) -> None:
        # Of a dead edge the last bytes may still have been on the wire.
        if self._edge_lives and at_s > self._told_s.get((portal, why), -ASK_S) + ASK_S:
            self._debts.append(Debt(portal, at_s, why))

    def _settle(self, at_s: float, body: Body | None) -> None:
        for why, bodies in TOLD_BY.items():
            if isinstance(body, bodies):
                paid = body.portal, why
                self._told_s[paid] = at_s
                self._debts = [d for d in self._debts if (d.portal, d.why) != paid]

    def _collect(self, at_s: float) -> None:
        if not self._debts or self._scene.has_disk_trouble(at_s):
            return
        debt = self._debts[0]
        if at_s > debt.since_s + RECORD_S:
            story = (
                f"{debt.portal} let go ({debt.why}) at {debt.since_s:.6f} s and no entry says so"
            )
            raise self.broken(at_s, story)
