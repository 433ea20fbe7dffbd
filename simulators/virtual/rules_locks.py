"""What let go locks again: a strike ends, a lease ends, and what failed safe is locked anew."""

from controller.events import Body, Entry, PortalGranted, PortalLeased
from controller.moment import MILLISECOND_US, SECOND_US
from policies.compiled import OnFire
from simulators.virtual.plan import Plan
from simulators.virtual.rule import Rule
from simulators.virtual.rules_scene import ASK_S, LOOK_EVERY_S, Scene
from simulators.virtual.seen import Seen, What

STRIKE_WITHIN_S = 2.0
"""Between a grant on disk and the beginning of its strike."""

LEASE_S = 30.0
"""A lease that nobody renews ends by itself."""

SERVED_S = 4.0
"""An edge that serves a board again has found out what its locks are to be, and told them."""

LATE_S = 1.0
"""For the wire and the look, which is not at every moment."""


class LocksAgain(Rule):
    """No lock stands open for longer than its reason."""

    name = "what-let-go-locks-again"

    def __init__(self, plan: Plan) -> None:
        self._scene = Scene(plan)
        self._until_s: dict[str, float] = {}
        self._look_s = 0.0

    def recorded(self, at_s: float, entry: Entry, body: Body | None) -> None:
        self._scene.recorded(at_s, body)
        if isinstance(body, PortalGranted):
            self._extend(body.portal, at_s + STRIKE_WITHIN_S + self._open_s(body.portal))
        elif isinstance(body, PortalLeased):
            self._extend(body.portal, at_s + STRIKE_WITHIN_S + LEASE_S)

    def see(self, seen: Seen) -> None:
        self._scene.see(seen)
        at_s = seen.at_s
        if seen.what in {What.EXIT_ASKED, What.PRESENTED, What.RELEASED}:
            self._extend(seen.where, at_s + ASK_S + self._open_s(seen.where))
        if at_s >= self._look_s:
            self._look_s = at_s + LOOK_EVERY_S
            for portal in self._scene.unlocked:
                self._look(portal, at_s)

    def _open_s(self, portal: str) -> float:
        return self._scene.rules[portal].release_ms(extended=True) * MILLISECOND_US / SECOND_US

    def _extend(self, portal: str, until_s: float) -> None:
        self._until_s[portal] = max(until_s, self._until_s.get(portal, 0.0))

    def _look(self, portal: str, at_s: float) -> None:
        scene = self._scene
        if scene.rules[portal].on_fire is OnFire.RELEASE:
            # A magnet without current is open: after a fire, a restart, a board without power.
            free = scene.may_be_free(portal, at_s) or portal in scene.book.freed
            if free or at_s <= scene.served_s(portal) + SERVED_S:
                self._extend(portal, at_s + SERVED_S)
                return
        until_s = self._until_s.get(portal, 0.0)
        if at_s > until_s + LATE_S:
            story = f"{portal} still stands open, though its reason was over at {until_s:.6f} s"
            raise self.broken(at_s, story)
