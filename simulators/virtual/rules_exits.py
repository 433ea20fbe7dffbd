"""No error ever keeps a person in."""

from typing import NamedTuple

from controller.events import Body, DecisionMade, Entry
from policies.codes import Code
from policies.compiled import ExitKind, OnFire, PortalRule, Rex
from policies.factors import mask_of, suffices
from policies.facts import Direction, Factor, Mode
from simulators.virtual.plan import Plan
from simulators.virtual.rule import Rule
from simulators.virtual.rules_scene import LOOK_EVERY_S, Scene
from simulators.virtual.seen import Seen, What

BADGE_ANSWER_S = 2.5
"""From a badge inside to the lock: the reader's poll, and two commits of a second at most before a
journal that does not answer counts as failed."""

BUTTON_ANSWER_S = 0.7
"""From the button inside to the lock: two polls of a busy line; the journal is not waited for."""

FREE_S = 0.45
"""From a fire that is known, an evacuation or a board that is back to a lock that lets go: less
than a commit may take, because a way out does not wait for one.
"""

RESET_TOLD_S = 2.5
"""From a reset that is judged to the answer that it was accepted: two commits of a second."""

KEEPS_IN = frozenset(
    {
        Code.UNKNOWN_CREDENTIAL,
        Code.CREDENTIAL_LOST,
        Code.CREDENTIAL_REVOKED,
        Code.FACTOR_FAILED,
        Code.INTERLOCK,
        Code.EGRESS_HELD,
    }
)
"""All that keeps a reader exit shut (design, section 4)."""

BADGE = mask_of((Factor.BADGE,))
OF_THE_BADGE = frozenset({Code.UNKNOWN_CREDENTIAL, Code.CREDENTIAL_LOST, Code.CREDENTIAL_REVOKED})


class Promise(NamedTuple):
    """Somebody asked for the way out at a portal whose every part works."""

    asked_s: float
    due_s: float
    story: str


class ExitsStayFree(Rule):
    """Who may leave leaves; what fire or evacuation frees is free and stays so until the reset."""

    name = "exits-stay-free"

    def __init__(self, plan: Plan) -> None:
        self._scene = Scene(plan)
        self._people = {person.name: person for person in plan.people}
        self._promises: dict[str, Promise] = {}
        rules = plan.config.policy.portals
        self._electric = [rule.id for rule in rules if rule.on_fire is OnFire.RELEASE]
        self._freed_s: dict[str, float] = {}
        """When each portal was last seen to stay open: no dead edge and no timer may lock it."""
        self._locked_s = {rule.id: 0.0 for rule in rules if rule.id not in self._scene.unlocked}
        self._early_s: dict[str, float] = {}
        """When such a portal locked all the same: a reset must have come just then."""
        self._look_s = 0.0

    # --- what the journal says --------------------------------------------------------------

    def recorded(self, at_s: float, entry: Entry, body: Body | None) -> None:
        self._scene.recorded(at_s, body)
        if not isinstance(body, DecisionMade) or body.decision.granted:
            return
        rule = self._scene.rules[body.portal]
        if body.direction is rule.way_out:
            why = self._against(body, rule)
            if why is not None:
                raise self.broken(at_s, f"{entry.seq}: kept in at {rule.id}: {why}")

    def _against(self, body: DecisionMade, rule: PortalRule) -> str | None:
        """What is wrong with a refusal of the way out; None where it is lawful."""
        codes = {objection.code for objection in body.decision.objections}
        others = (codes | {body.decision.code}) - KEEPS_IN
        if others or not codes:
            return f"for {sorted(code.name for code in others)}"
        if rule.exit is ExitKind.FREE:
            return "the way out is free"
        book = self._scene.book
        if book.burns_at(rule.id) or book.mode is Mode.EVACUATE:
            return "there is fire or evacuation"
        holder = body.request.holder
        person = None if holder is None else self._scene.holder(holder.id)
        if person is None or not person.in_good_standing:
            return None
        if not OF_THE_BADGE.isdisjoint(codes):
            return f"the badge of {person.name} is in good standing"
        roles = self._scene.plan.config.policy.roles
        if any(roles[role].protected for role in person.character.roles):
            return f"{person.name} is a protected person"
        return None

    # --- at the doors -----------------------------------------------------------------------

    def see(self, seen: Seen) -> None:
        self._scene.see(seen)
        at_s, portal = seen.at_s, seen.where
        match seen.what:
            case What.PRESENTED:
                self._badge_inside(seen)
            case What.EXIT_ASKED if self._scene.rules[portal].rex is Rex.UNLOCK:
                self._promise(portal, at_s, BUTTON_ANSWER_S, "who pressed the button")
            case What.RELEASED | What.FAILED_SAFE:
                self._promises.pop(portal, None)
                self._locked_s.pop(portal, None)
            case What.SECURED:
                self._locked_s[portal] = at_s
                if self._is_freed(portal):
                    self._early_s.setdefault(portal, at_s)
        for name in [n for n, promise in self._promises.items() if promise.due_s < at_s]:
            self._hold_to(name, at_s)
        if at_s >= self._look_s:
            self._look_s = at_s + LOOK_EVERY_S
            self._check_early(at_s)
            for name in self._electric if self._scene.is_alarmed else ():
                self._look(name, at_s)

    def finish(self, at_s: float) -> None:
        self._check_early(at_s)

    def _badge_inside(self, seen: Seen) -> None:
        """What an exit reader asks for beside the badge only the person knows: it is left out."""
        direction, _, name = seen.detail.partition(" ")
        rule, policy = self._scene.rules[seen.where], self._scene.plan.config.policy
        passage = policy.passage(rule.id, rule.way_out)
        assert passage is not None, "every portal has its way out"
        badge_alone = all(suffices(table, BADGE) for table in passage.factors.regular)
        leaves = Direction(direction) is rule.way_out and rule.interlock is None
        if leaves and badge_alone and self._people[name].in_good_standing:
            self._promise(rule.id, seen.at_s, BADGE_ANSWER_S, name)

    def _promise(self, portal: str, at_s: float, within_s: float, who: str) -> None:
        if portal not in self._scene.unlocked:
            story = f"{who} asked at {at_s:.6f} s for the way out"
            self._promises[portal] = Promise(at_s, at_s + within_s, story)

    def _hold_to(self, portal: str, at_s: float) -> None:
        promise = self._promises.pop(portal)
        # Whatever failed before or meanwhile is an excuse.
        if self._scene.is_served(portal, promise.asked_s):
            raise self.broken(at_s, f"{portal} did not let go: {promise.story}")

    def _is_freed(self, portal: str) -> bool:
        """Whether the reason for which it stood open has lasted until now."""
        since_s, freed_s = self._scene.must_be_free_s(portal), self._freed_s.get(portal)
        return since_s is not None and freed_s is not None and since_s <= freed_s

    def _check_early(self, at_s: float) -> None:
        """What locked before the reset is opened by nothing that comes later."""
        for portal, locked_s in list(self._early_s.items()):
            if self._scene.must_be_free_s(portal) is None:
                del self._early_s[portal]
            elif at_s > locked_s + RESET_TOLD_S:
                raise self.broken(at_s, f"{portal} was freed, and locked at {locked_s:.6f} s")

    def _look(self, portal: str, at_s: float) -> None:
        """Whether what must be free is."""
        since_s = self._scene.must_be_free_s(portal)
        if since_s is None:
            return
        served_s = self._scene.served_s(portal)
        due_s = max(since_s, served_s, self._locked_s.get(portal, 0.0)) + FREE_S
        if at_s <= due_s or portal in self._early_s:
            return
        if portal in self._scene.unlocked:
            self._freed_s[portal] = at_s
        else:
            raise self.broken(at_s, f"{portal} is locked, its way out is to be free: {since_s:.6f}")
