"""What an onlooker of a virtual site knows: what is disturbed, what burns, who asked for what.

Nothing of the edge's own judgement is asked here: the world's part comes from what was seen, the
journal's from the entries in their order, and of the policy only facts about hardware are read.
"""

from math import inf

from controller.events import (
    Body,
    DecisionMade,
    EdgeStarted,
    EdgeStopping,
    EgressEnded,
    EgressReleased,
    FireChange,
    FireLatched,
    FireReset,
    JournalLost,
    JournalRestored,
    PostureChanged,
)
from edge.daemon import REPEAT_S_MAX
from edge.supervisor import PAUSE_S_MAX
from policies.compiled import Lock, PortalRule, ZoneKind
from policies.facts import Direction, Mode
from policies.rights import Override
from simulators.virtual.plan import Person, Plan
from simulators.virtual.seen import Seen, What

WIRE_S = 0.05
"""From the word that a command still stands to the output: one frame at the line's baud rate."""

CALM_S = PAUSE_S_MAX + REPEAT_S_MAX + 5.0
"""After a disturbance of a line or device: the line is tried again, its sessions are made anew, and
a door whose board stumbled is told again."""

START_S = 5.0
"""From an edge's first entry to sessions with all readers that answer."""

FIRE_HEARD_S = 0.5
"""From a fire loop that opens to the core: what lasts 400 ms is processed (IEC 60839-11-1)."""

SILENT_S = 3.5
"""From a fire input that falls silent to the core, which takes it for fire: the three seconds that
the edge is promised, and a line's poll."""

JOURNAL_BACK_S = 60.0
"""From a mended disk to a journal that is written again: what a dying disk was doing just then may
take twenty times its usual three seconds, and what was kept is appended."""

ASK_S = 3.0
"""From a badge, or the last key of a PIN, to a strike: two commits of a second at most, or what a
strike that finds nobody is given (`controller.portal.STRIKE_WITHIN_US`), and the reader's poll."""

LOOK_EVERY_S = 0.2
"""How often doors are looked at that have to be in some state while there is fire or a posture."""

SHUT_MODES = frozenset({Mode.LOCKDOWN, Mode.SHELTER, Mode.EVACUATE})
MOMENTARY = frozenset({"reboot", "killed", "power-cut"})
"""Faults that are over at once."""
SILENCING = frozenset({"mute", "unplugged"})
"""Faults under which a device, or all of a line, is heard no more."""


class Calm:
    """Which places nothing disturbs, and since when."""

    def __init__(self, plan: Plan) -> None:
        self.line = {
            device.name: name
            for name, (_, spec) in plan.config.lines.items()
            for device in spec.devices
        }
        self._active: dict[str, set[str]] = {}
        self._silent_s: dict[str, float] = {}
        self._ended_s: dict[str, float] = {}

    def see(self, seen: Seen) -> None:
        active = self._active.setdefault(seen.where, set())
        if seen.what is What.FAULT and seen.detail not in MOMENTARY:
            active.add(seen.detail)
        else:
            active.discard(seen.detail)
        self._ended_s[seen.where] = seen.at_s
        if active.isdisjoint(SILENCING):
            self._silent_s.pop(seen.where, None)
        else:
            self._silent_s.setdefault(seen.where, seen.at_s)

    def over(self, where: str, what: str, at_s: float) -> None:
        """Something happened that this fault would have kept from happening."""
        if what in self._active.get(where, ()):
            self.see(Seen(at_s, What.MENDED, where, what))

    def since(self, *places: str) -> float:
        """Since when nothing disturbs these places or the lines they hang on; infinite while
        something does, and zero where nothing ever did.
        """
        every = {*places, *(self.line[place] for place in places if place in self.line)}
        if any(self._active.get(place) for place in every):
            return inf
        return max((self._ended_s.get(place, 0.0) for place in every), default=0.0)

    def silent_s(self, device: str) -> float:
        """Since when nothing can be heard of a device; infinite while something can."""
        return min(self._silent_s.get(place, inf) for place in (device, self.line[device]))


class Book:
    """What the journal says so far, in its own order.

    `freed`: portals whose way out was released; `decided`: the latest granted decision at each.
    `without_disk`: what is read now happened while nothing could be written.
    """

    def __init__(self, plan: Plan) -> None:
        self.mode = Mode.NORMAL
        self.threat = 1
        self.latched = dict.fromkeys(plan.config.fires, False)
        self.freed: set[str] = set()
        self.decided: dict[str, DecisionMade] = {}
        self.without_disk = False
        policy = plan.config.policy
        self._covering = {rule.id: policy.fire_inputs_of(rule.id) for rule in policy.portals}

    def burns_at(self, portal: str) -> bool:
        """Whether a latched fire covers the portal."""
        return any(self.latched[fire] for fire in self._covering[portal])

    def read(self, body: Body | None) -> None:
        """The next entry; none was left out."""
        match body:
            case PostureChanged():
                self.mode, self.threat = body.mode, body.threat
            case FireChange():
                self.latched[body.fire] = body.after.latched
            case EgressReleased():
                self.freed.add(body.portal)
            case EgressEnded():
                self.freed.discard(body.portal)
            case DecisionMade() if body.decision.granted:
                self.decided[body.portal] = body
            case JournalLost() | JournalRestored() | EdgeStarted():
                self.without_disk = isinstance(body, JournalLost)


class FireSeen:
    """One fire input. `known_s`: since when the edge must know of a fire that is not reset;
    `suspected`: it may hold for fire, as it burnt or could not be heard since the last reset.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self.burning_s: float | None = None
        self.known_s: float | None = None
        self.suspected = False


class Scene:
    """The site as somebody sees it who looks at doors, loops, people and the disk."""

    def __init__(self, plan: Plan) -> None:
        config = plan.config
        self.plan = plan
        self.calm = Calm(plan)
        self.book = Book(plan)
        self.rules: dict[str, PortalRule] = {rule.id: rule for rule in config.policy.portals}
        self.covering = {name: config.policy.fire_inputs_of(name) for name in self.rules}
        self.fires = {name: FireSeen(fire.input.device) for name, fire in config.fires.items()}
        self.unlocked = {n for n, rule in self.rules.items() if rule.lock is Lock.POWER_TO_LOCK}
        self.up_s = inf
        """Since when the edge runs; infinite while it does not."""
        self.mode: Mode | None = Mode.NORMAL
        """The mode in force; None where a restart may have forgotten it."""
        self.mode_s = 0.0
        self._ended_s = -inf
        """When a reason for free ways out ended last."""
        self._buttons_s: dict[str, float] = {}
        self._presented: dict[tuple[str, Direction], dict[str, float]] = {}
        """Who presented where and has not passed, and when, the last one last."""
        self._people = {person.name: person for person in plan.people}
        known = (person for person in plan.people if person.character.known)
        self._holders: dict[str, Person] = dict(zip(plan.pins, known, strict=True))

    # --- what happens -----------------------------------------------------------------------

    def see(self, seen: Seen) -> None:
        """Something was seen."""
        self._settle(seen.at_s)
        match seen.what:
            case What.FAULT | What.MENDED:
                self.calm.see(seen)
                for fire in self.fires.values():
                    if seen.where in {fire.device, self.calm.line[fire.device]}:
                        fire.suspected = True
            case What.FIRE | What.QUIET | What.RESET:
                self._see_fire(seen, self.fires[seen.where])
            case What.POSTURE:
                if self.mode is Mode.EVACUATE:
                    self._ended_s = seen.at_s
                self.mode, self.mode_s = Mode(seen.detail.split()[0]), seen.at_s
            case What.KILLED | What.STOPPED if seen.where == "edge":
                self._forget()
            case What.RELEASED | What.FAILED_SAFE:
                self.unlocked.add(seen.where)
            case What.SECURED:
                self.unlocked.discard(seen.where)
            case What.EXIT_ASKED:
                self._buttons_s[seen.where] = seen.at_s
            case What.PRESENTED:
                direction, _, name = seen.detail.partition(" ")
                asked = self._presented.setdefault((seen.where, Direction(direction)), {})
                asked.pop(name, None)
                asked[name] = seen.at_s
            case What.PASSED:
                direction, _, name = seen.detail.partition(" ")
                self._presented.get((seen.where, Direction(direction)), {}).pop(name, None)
            case What.TYPED | What.MISTYPED | What.RECOGNISED:
                self._type(seen)

    def recorded(self, at_s: float, body: Body | None) -> None:
        """An entry is durable; none was left out."""
        self.book.read(body)
        self.calm.over("disk", "eio", at_s)
        match body:
            case EdgeStarted():
                self.up_s = at_s
                # Of what was on its way to a disk that failed, the half may have arrived.
                self._forget_posture()
                for fire in self.fires.values():
                    fire.suspected = fire.burning_s is not None or not self._is_calm(fire, at_s)
            case EdgeStopping():
                self.up_s = inf
            case FireLatched() if self.fires[body.fire].suspected:
                fire = self.fires[body.fire]
                fire.known_s = at_s if fire.known_s is None else fire.known_s
            case FireReset():
                self.fires[body.fire].known_s = None

    def _settle(self, at_s: float) -> None:
        """What burns or is silent for long enough is known to an edge that runs."""
        for fire in self.fires.values():
            if fire.known_s is None:
                known_s = min(self._heard_s(fire), self._missed_s(fire))
                fire.known_s = known_s if known_s <= at_s else None

    def _heard_s(self, fire: FireSeen) -> float:
        if fire.burning_s is None:
            return inf
        ready_s = max(self.up_s + START_S, self._calm_s(fire.device))
        return max(fire.burning_s, ready_s) + FIRE_HEARD_S

    def _missed_s(self, fire: FireSeen) -> float:
        return max(self.calm.silent_s(fire.device), self.up_s + START_S) + SILENT_S

    def _see_fire(self, seen: Seen, fire: FireSeen) -> None:
        if seen.what is What.FIRE:
            fire.burning_s = seen.at_s if fire.burning_s is None else fire.burning_s
            fire.suspected = True
        elif seen.what is What.QUIET:
            fire.burning_s = None
        else:
            self._ended_s = seen.at_s
            fire.known_s = None
            fire.suspected = fire.burning_s is not None or not self._is_calm(fire, seen.at_s)

    def _forget(self) -> None:
        """The edge is gone, and with it whatever was not on disk."""
        self.up_s = inf
        for name, fire in self.fires.items():
            if not self.book.latched[name]:
                fire.known_s = None
        self._forget_posture()

    def _forget_posture(self) -> None:
        if self.mode is not self.book.mode:
            self.mode = None

    def _type(self, seen: Seen) -> None:
        for direction in Direction:
            asked = self._presented.get((seen.where, direction), {})
            if seen.detail in asked:
                asked[seen.detail] = seen.at_s

    # --- what is disturbed ------------------------------------------------------------------

    def devices(self, portal: str) -> tuple[str, ...]:
        """The portal's board and readers."""
        entry = self.plan.config.portals[portal]
        readers = (entry.entry_reader, entry.exit_reader)
        return entry.lock.device, *(reader for reader in readers if reader is not None)

    def is_served(self, portal: str, since_s: float) -> bool:
        """Whether edge, board and readers of the portal have worked well since then and before."""
        return max(self.up_s + START_S, self._calm_s(*self.devices(portal))) <= since_s

    def served_s(self, portal: str) -> float:
        """Since when the edge and the portal's board must be in touch; infinite: they need not."""
        board = self.plan.config.portals[portal].lock.device
        return max(self.up_s + START_S, self._calm_s(board))

    def has_disk_trouble(self, at_s: float) -> bool:
        """Whether the journal may be unable to write."""
        since_s = self.calm.since("disk")
        return since_s > 0 and at_s < since_s + JOURNAL_BACK_S

    def _calm_s(self, *places: str) -> float:
        since_s = self.calm.since(*places)
        return since_s + CALM_S if since_s else 0.0

    def _is_calm(self, fire: FireSeen, at_s: float) -> bool:
        return self._calm_s(fire.device) <= at_s

    # --- who asked --------------------------------------------------------------------------

    def wants_out(self, portal: str, at_s: float, *, by_reader: bool) -> bool:
        """Whether somebody inside asked just now, by the button or at the reader."""
        if by_reader:
            return bool(self.presented(portal, self.rules[portal].way_out, at_s))
        pressed_s = self._buttons_s.get(portal)
        return pressed_s is not None and at_s <= pressed_s + ASK_S

    def presented(self, portal: str, direction: Direction, at_s: float) -> list[Person]:
        """Who presented there and can still be answered, the last one last."""
        asked = self._presented.get((portal, direction), {})
        calm_s = self._calm_s(*self.devices(portal))

        def heard_s(presented_s: float) -> float:
            # A longer silence ends the session, and what the reader had kept is told to nobody.
            return max(presented_s, min(calm_s, presented_s + SILENT_S))

        return [self._people[name] for name, s in asked.items() if at_s <= heard_s(s) + ASK_S]

    def holder(self, holder: str) -> Person | None:
        """The person behind a holder's id."""
        return self._holders.get(holder)

    def way_in(self, portal: str) -> Direction:
        way_out = self.rules[portal].way_out
        return Direction.ENTRY if way_out is Direction.EXIT else Direction.EXIT

    # --- what is called for -----------------------------------------------------------------

    @property
    def is_alarmed(self) -> bool:
        """Whether there is fire, or a posture that closes doors, to the edge's knowledge."""
        burns = any(fire.known_s is not None for fire in self.fires.values())
        return burns or self.mode in SHUT_MODES

    def may_be_free(self, portal: str, at_s: float) -> bool:
        """Whether fire or evacuation may call for a free way out there, or did when what is now on
        the wire was sent.
        """
        if at_s <= self._ended_s + WIRE_S:
            return True
        burns = any(
            self.fires[fire].suspected or self.book.latched[fire] for fire in self.covering[portal]
        )
        return burns or self.mode in {Mode.EVACUATE, None} or self.book.mode is Mode.EVACUATE

    def must_be_free_s(self, portal: str) -> float | None:
        """Since when fire or evacuation calls for a free way out there, to the edge's knowledge."""
        known = [self.fires[fire].known_s for fire in self.covering[portal]]
        if self.mode is Mode.EVACUATE:
            known.append(self.mode_s)
        return min((since_s for since_s in known if since_s is not None), default=None)

    def shut_s(self, portal: str) -> float | None:
        """Since when a fire or a posture keeps people from entering there."""
        known = [self.fires[fire].known_s for fire in self.covering[portal]]
        if self.mode in SHUT_MODES:
            known.append(self.mode_s)
        return min((since_s for since_s in known if since_s is not None), default=None)

    def may_enter(self, person: Person | None, portal: str) -> bool:
        """Whether somebody overrides all that keeps people from entering there."""
        burns = any(self.fires[fire].known_s is not None for fire in self.covering[portal])
        return self.overrides(person, portal, self.mode, burns=burns)

    def overrides(
        self, person: Person | None, portal: str, mode: Mode | None, *, burns: bool
    ) -> bool:
        """Whether somebody enters in this mode, and in a fire: by a role's override, or, in
        lockdown and shelter, from inside on the way into a refuge.
        """
        needed = {Override.FIRE} if burns else set()
        sheltering = mode in {Mode.LOCKDOWN, Mode.SHELTER} and self._leads_to_refuge(portal)
        if mode in SHUT_MODES and not sheltering:
            needed.add(Override(mode))
        roles = () if person is None else person.character.roles
        policy = self.plan.config.policy
        return needed.issubset({o for role in roles for o in policy.roles[role].overrides})

    def _leads_to_refuge(self, portal: str) -> bool:
        rule, zones = self.rules[portal], self.plan.config.policy.zones_by_id
        if zones[rule.outer].kind is ZoneKind.PUBLIC:
            return False
        return rule.refuge_route or zones[rule.inner].kind is ZoneKind.REFUGE
