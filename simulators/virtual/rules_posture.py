"""From a fire or a closing posture on nobody enters, but for those whom the design names."""

from controller.events import Body, Entry, PortalGranted, PortalLeased
from controller.moment import MILLISECOND_US, SECOND_US
from controller.portal import STRIKE_WITHIN_US
from policies.compiled import OnFire, PortalRule, Rex
from policies.facts import Mode
from simulators.virtual.plan import Person, Plan
from simulators.virtual.rule import Rule
from simulators.virtual.rules_scene import LOOK_EVERY_S, WIRE_S, Scene
from simulators.virtual.seen import Seen, What

LOCK_S = 3.0
"""From a closing posture to a door that is locked: two commits of a second at most, then the line.
Locking waits for the journal, as everything does that is not a way out."""

WAY_OUT = {What.EXIT_ASKED, What.PRESENTED}


class PostureForbidsEntry(Rule):
    """In lockdown, shelter, evacuation and fire, in the journal's order and at the doors."""

    name = "posture-forbids-entry"

    def __init__(self, plan: Plan) -> None:
        self._scene = Scene(plan)
        self._due_s: dict[str, float] = {}
        """By when a portal has to be locked that was not when the reason came."""
        self._handled_s: dict[str, float] = {}
        """Since when each portal is known to be shut."""
        self._left_s: dict[str, float] = {}
        """When each portal let go last for somebody on the way out."""
        self._released_s: dict[str, float] = {}
        """When each portal let go last."""
        self._look_s = 0.0

    # --- in the journal's order -------------------------------------------------------------

    def recorded(self, at_s: float, entry: Entry, body: Body | None) -> None:
        self._scene.recorded(at_s, body)
        if isinstance(body, PortalGranted):
            self._check_grant(at_s, entry, body)
        elif isinstance(body, PortalLeased):
            self._check_lease(at_s, entry, body.portal)

    def _check_grant(self, at_s: float, entry: Entry, body: PortalGranted) -> None:
        scene, book = self._scene, self._scene.book
        portal, decided = body.portal, book.decided.get(body.portal)
        if body.after.direction is scene.rules[portal].way_out:
            return
        holder = None
        if decided is not None and decided.attempt == body.after.attempt:
            holder = decided.request.holder
        who = None if holder is None else scene.holder(holder.id)
        if not scene.overrides(who, portal, book.mode, burns=book.burns_at(portal)):
            story = f"{entry.seq}: {_name(who)} was granted entry at {portal}, {self._why(portal)}"
            raise self.broken(at_s, story)

    def _check_lease(self, at_s: float, entry: Entry, portal: str) -> None:
        book = self._scene.book
        low = book.threat <= self._scene.rules[portal].open_threat_max
        if book.mode is not Mode.NORMAL or not low or book.burns_at(portal):
            story = f"{entry.seq}: {portal} stands open by schedule, {self._why(portal)}"
            raise self.broken(at_s, story)

    def _why(self, portal: str) -> str:
        book = self._scene.book
        latched = [fire for fire in self._scene.covering[portal] if book.latched[fire]]
        return f"mode {book.mode}, threat {book.threat}, latched {latched}"

    # --- at the doors -----------------------------------------------------------------------

    def see(self, seen: Seen) -> None:
        self._scene.see(seen)
        at_s, portal = seen.at_s, seen.where
        if seen.what is What.RELEASED:
            self._check_release(at_s, portal)
            self._released_s[portal] = at_s
            if self._leaves(self._scene.rules[portal], at_s):
                self._left_s[portal] = at_s
        if seen.what in WAY_OUT or seen.what in {What.SECURED, What.FAILED_SAFE}:
            self._due_s.pop(portal, None)
        if at_s >= self._look_s:
            self._look_s = at_s + LOOK_EVERY_S
            self._look(at_s)

    def _check_release(self, at_s: float, portal: str) -> None:
        scene, rule = self._scene, self._scene.rules[portal]
        since_s = scene.shut_s(portal)
        if since_s is None or at_s <= since_s + WIRE_S:
            return
        if rule.on_fire is OnFire.RELEASE and scene.may_be_free(portal, at_s):
            return
        if self._leaves(rule, at_s):
            return
        asked = scene.presented(portal, scene.way_in(portal), at_s)
        if not any(scene.may_enter(person, portal) for person in asked):
            who = ", ".join(person.name for person in asked) or "nobody"
            story = f"{portal} let go for {who}, though entry is denied since {since_s:.6f}"
            raise self.broken(at_s, story)

    def _leaves(self, rule: PortalRule, at_s: float) -> bool:
        button = rule.rex is Rex.UNLOCK and self._scene.wants_out(rule.id, at_s, by_reader=False)
        return button or self._scene.wants_out(rule.id, at_s, by_reader=True)

    def _look(self, at_s: float) -> None:
        if not self._scene.is_alarmed:
            self._due_s.clear()
            self._handled_s.clear()
            return
        for portal in self._scene.rules:
            self._watch(portal, at_s)

    def _watch(self, portal: str, at_s: float) -> None:
        """What was open for entry when the reason came is locked in time."""
        scene, rule = self._scene, self._scene.rules[portal]
        since_s = scene.shut_s(portal)
        if since_s is None:
            self._due_s.pop(portal, None)
            self._handled_s.pop(portal, None)
            return
        if portal not in self._handled_s:
            self._handled_s[portal] = since_s
            free = rule.on_fire is OnFire.RELEASE and scene.may_be_free(portal, at_s)
            # What let go since then was judged by itself: somebody may override the posture.
            free |= self._released_s.get(portal, 0.0) >= since_s
            if portal in scene.unlocked and not free and not self._has_time(rule, at_s):
                self._due_s[portal] = since_s + LOCK_S
        if at_s > self._due_s.get(portal, at_s):
            del self._due_s[portal]
            if scene.served_s(portal) <= since_s:
                raise self.broken(at_s, f"{portal} stays unlocked; no entry since {since_s:.6f}")

    def _has_time(self, rule: PortalRule, at_s: float) -> bool:
        """Whether a strike may still run for somebody on the way out."""
        longest_ms = rule.release_ms(extended=True)
        strike_s = (STRIKE_WITHIN_US + longest_ms * MILLISECOND_US) / SECOND_US
        return at_s <= self._left_s.get(rule.id, -strike_s) + strike_s


def _name(person: Person | None) -> str:
    return "nobody" if person is None else person.name
