"""A site to which orders come, twice, late, out of order and under-signed: the core, and beside it
the second reading of orders, fed alike.

Questions at doors are put to a copy of the site, so that asking changes nothing. What happens is
drawn in `tests.controller.besieged`.
"""

from datetime import datetime
from itertools import product
from zoneinfo import ZoneInfo

from controller import inputs
from controller.arrival import Action, arrivals
from controller.effects import Effect, FreeEgress, ReleasePortal, SecurePortal
from controller.events import (
    DecisionMade,
    Event,
    FireLine,
    OrderAccepted,
    OrderEnded,
    OrderRefused,
    decode_body,
    decode_entry,
    encode,
)
from controller.ids import (
    AttemptId,
    CredentialRef,
    HolderId,
    InputId,
    PortalId,
    QuestionId,
)
from controller.ledger import Personal
from controller.moment import SECOND_US, Moment
from controller.orders import Order
from controller.portal import Contact
from controller.site import Outcome, Site
from controller.state import SiteState, apply, restore, snapshot
from policies.facts import Assurance, Decision, Direction
from tests.controller.compound import COMPOUND, LOST, ROLES, people
from tests.controller.oracle_orders import POSTURES, Reading
from tests.controller.support import FRIDAY_0728_UTC_US, ORIGIN, compiled, reader_of

SIGNED_BY = Personal("signed_by", "Chief Smith", "cd" * 16)
OPERATOR = Personal("operator", "Officer Smith", "ab" * 16)
VIENNA = ZoneInfo("Europe/Vienna")
PORTALS = ("gate", "barrier", "front", "side", "mag", "corridor", "lift", "vault")
PORTALS += ("safe", "cellar", "annex", "back")
FIRES = ("house", "annex-panel")


class Offer:
    """An order with how it was signed."""

    def __init__(self, order: Order, people: int = 1, *, sourced: bool = False) -> None:
        self.order, self.people, self.sourced = order, people, sourced

    def as_input(self, input_id: InputId, path: str) -> inputs.OrderOffered:
        return inputs.OrderOffered(
            id=input_id,
            order=self.order,
            people=self.people,
            signers=(HolderId("h-chief"), HolderId("h-diplomat"))[: self.people],
            keys=(self.order.issuer,),
            sourced=self.sourced,
            break_glass="",
            path=path,
            signed_by=SIGNED_BY,
            operator=OPERATOR,
        )


class Siege:
    """The core and the second reading of it, fed alike. Every disagreement is an AssertionError."""

    def __init__(self, utc_us: int = FRIDAY_0728_UTC_US, text: str = COMPOUND) -> None:
        self.policy, self.reading = compiled(text), Reading(text)
        self.site = Site(ORIGIN, self.policy)
        self.mono_us, self.utc_us, self.trusted = 1_000 * SECOND_US, utc_us, True
        self.ids = self.offered = self.asked = 0
        self.events: list[Event] = []
        self.effects: list[Effect] = []
        self.started: SiteState = self.site.state
        self.known: dict[str, Order] = {}
        self.was_released: set[str] = set()
        self.was_locked: set[str] = set()
        self.granted: list[tuple[ReleasePortal, str]] = []
        self.unlinked: set[str] = set()
        self.leaves: dict[str, Contact] = {}
        self.answered: dict[tuple[str, Action], int] = {}
        """The newest command to each lock that was confirmed since its device came."""
        self.boot()

    def new_id(self) -> str:
        self.ids += 1
        return f"i{self.ids}"

    def moment(self) -> Moment:
        return Moment(self.mono_us, self.utc_us, self.trusted)

    def feed(self, fact: inputs.Input) -> Outcome:
        outcome = self.site.step(fact, self.moment())
        self.events += outcome.events
        self.effects += outcome.effects
        return outcome

    # --- what happens to both -------------------------------------------------------------------

    def boot(self) -> None:
        """A start: people, fire inputs as they are, every lock answers, every leaf is closed."""
        self.feed(inputs.Started(id=InputId(self.new_id()), version="test"))
        self.feed(inputs.DirectoryReplaced(id=InputId(self.new_id()), directory=people()))
        for fire in FIRES:
            self.line(fire, FireLine.NORMAL)
        self.leaves, self.answered, self.unlinked = {}, {}, set(PORTALS)
        for portal in PORTALS:
            self.link(portal, up=True)
            self.leaf(portal, Contact.CLOSED)

    def offer(self, offer: Offer, path: str = "wire") -> Outcome:
        order = offer.order
        self.known[order.id] = order
        self.offered += 1
        outcome = self.feed(offer.as_input(InputId(self.new_id()), path))
        self.reading.offered(order, offer.people, self.moment(), sourced=offer.sourced)
        return outcome

    def line(self, fire: str, line: FireLine) -> None:
        self.feed(inputs.FireLineHeard(id=InputId(self.new_id()), fire=fire, line=line))
        self.reading.line(fire, line, self.moment())

    def put_out(self, fire: str) -> None:
        """The line is normal again, and somebody resets the latch."""
        self.line(fire, FireLine.NORMAL)
        self.feed(inputs.FireResetAsked(id=InputId(self.new_id()), fire=fire, operator=OPERATOR))
        self.reading.reset(fire)

    def restart(self, *, kept: bool) -> None:
        """`kept`: from a snapshot; otherwise from the bytes of all events since the last start."""
        state = self.site.state
        state = restore(snapshot(state)) if kept else self.folded()
        assert state == self.site.state, "what was restored is not what was live"
        self.started, self.events, self.granted = state, [], []
        self.was_released, self.was_locked = set(), set()
        self.site = Site(ORIGIN, self.policy, state)
        self.mono_us = 7 * SECOND_US
        self.reading.restarted()
        self.boot()

    def folded(self) -> SiteState:
        """What the stored bytes of all entries since the last start make of the state then."""
        state = self.started
        for event in self.events:
            entry = decode_entry(encode(event))
            body = decode_body(entry)
            assert body is not None, event
            state = apply(state, Event(header=event.header, body=body))
        return state

    def journal(self, *, works: bool) -> None:
        if works:
            self.feed(inputs.JournalRecovered(id=InputId(self.new_id()), dropped=0))
            self.reading.recorded = True
        else:
            self.feed(inputs.JournalFailed(id=InputId(self.new_id()), reason="disk full"))
            self.reading.journal_lost()

    def clock(self, *, trusted: bool, step_us: int = 0) -> None:
        self.trusted = trusted
        self.utc_us = max(0, self.utc_us + step_us)
        self.feed(
            inputs.ClockChecked(
                id=InputId(self.new_id()), trusted=trusted, stepped_ms=step_us // 1_000
            )
        )
        self.reading.time(self.moment())

    def doubted(self) -> None:
        """A witness remembers more than the journal has."""
        self.feed(inputs.JournalDoubtHeard(id=InputId(self.new_id()), witnessed=9, held=3))
        self.reading.restored()

    def challenge(self, drawn: str) -> None:
        """Somebody has a challenge drawn, to be signed by two people."""
        self.feed(
            inputs.CountersAsked(id=InputId(self.new_id()), challenge=drawn, operator=OPERATOR)
        )
        self.reading.challenge = drawn

    def confirm(self, order_id: str) -> None:
        """Somebody on the spot says that a late evacuation is meant."""
        self.feed(
            inputs.EvacuationConfirmAsked(
                id=InputId(self.new_id()), order=order_id, operator=OPERATOR
            )
        )
        self.reading.confirmed(order_id)

    def passes(self, portal: str, direction: Direction, who: str) -> None:
        """Somebody badges; what he is granted stands until it is withdrawn, used or too late."""
        outcome = self.feed(self.badge(portal, direction, who))
        for effect in outcome.effects:
            if isinstance(effect, ReleasePortal):
                self.granted.append((effect, who))

    def link(self, portal: str, *, up: bool) -> None:
        """The device on which the lock hangs answers, or does not."""
        found = PortalId(portal)
        outcome = self.feed(inputs.PortalLinkHeard(id=InputId(self.new_id()), portal=found, up=up))
        if not up:
            self.unlinked.add(portal)
            self.leaves.pop(portal, None)
            self.answered = {key: at for key, at in self.answered.items() if key[0] != portal}
        elif portal in self.unlinked:
            self.unlinked.discard(portal)
            if self.reading.released(portal) and self.site.state.ready:
                assert portal in [e.portal for e in outcome.effects if isinstance(e, FreeEgress)]

    def answers(self, effect: SecurePortal | FreeEgress, outcome: str) -> None:
        """What became of a command."""
        action = Action.SECURE if isinstance(effect, SecurePortal) else Action.FREE
        self.feed(
            inputs.EffectEndHeard(
                id=InputId(self.new_id()),
                effect=effect.id,
                outcome=outcome,
                portal=effect.portal,
                action=action,
            )
        )
        if outcome == "confirmed":
            key = (effect.portal, action)
            self.answered[key] = max(effect.cause, self.answered.get(key, 0))

    def leaf(self, portal: str, contact: Contact) -> None:
        self.leaves[portal] = contact
        self.feed(
            inputs.ContactRead(id=InputId(self.new_id()), portal=PortalId(portal), contact=contact)
        )

    def later(self, seconds: float) -> None:
        """Time passes through every deadline on the way."""
        until_us = self.mono_us + round(seconds * SECOND_US)
        while self.mono_us < until_us:
            due_us = self.site.deadline()
            at_us = until_us if due_us is None else max(self.mono_us + 1, min(due_us, until_us))
            self.utc_us += at_us - self.mono_us
            self.mono_us = at_us
            self.feed(inputs.TimePassed(id=InputId(self.new_id())))
            self.reading.time(self.moment())

    # --- what is asked of both ------------------------------------------------------------------

    def look(self) -> None:
        """Orders and locks agree, and every exit and entry does for everybody."""
        self.look_at_orders()
        self.look_at_wishes()
        self.look_at_arrival()
        for portal in PORTALS:
            self.look_at_lock(portal)
        for portal, who in product(PORTALS, (*ROLES, f"{LOST}-staff", f"{LOST}-diplomat")):
            self.look_at_door(portal, who)

    def look_at_orders(self) -> None:
        core = set(self.site.state.orders.in_force)
        assert core == set(self.reading.in_force), (
            f"core alone {self.told(core - set(self.reading.in_force))}, "
            f"reading alone {self.told(set(self.reading.in_force) - core)}"
        )
        state = self.site.state
        assert (state.mode, state.threat) == self.reading.whole_site()

    def told(self, orders: set[str]) -> list[str]:
        """Each by kind, with what was said of it last."""
        said = []
        for order_id in sorted(orders):
            order = self.known[order_id]
            drill = " drill" if order.drill else ""
            why = self.reading.over.get(order_id)
            said.append(f"{order.kind}{drill} {order_id[:6]} ({why=}) {self.told_of(order_id)}")
        return said

    def told_of(self, order_id: str) -> list[str]:
        """What the core recorded of one order."""
        kinds = (OrderAccepted, OrderEnded, OrderRefused)
        bodies = [event.body for event in self.events if isinstance(event.body, kinds)]
        return [
            type(body).__name__ + (f" {body.reason}" if isinstance(body, OrderRefused) else "")
            for body in bodies
            if order_id in {body.order, getattr(body.order, "id", "")}
        ]

    def look_at_lock(self, portal: str) -> None:
        core, reading = self.site.state.portals[PortalId(portal)], self.reading
        released = reading.released(portal)
        assert core.released is released, f"{portal} released: {core.released}, not {released}"
        stands_open = (self.opened(portal) or reading.unlocked(portal)) and not released
        stands_open &= portal not in self.unlinked
        assert core.leased is stands_open, f"{portal} leased: {core.leased}, not {stands_open}"

    def opened(self, portal: str) -> bool:
        """Whether it stands open by its schedule."""
        if "open" not in self.reading.tree["portal"][portal]:
            return False
        now = datetime.fromtimestamp(self.utc_us / SECOND_US, VIENNA)
        hours = now.weekday() < 5 and (7, 30) <= (now.hour, now.minute) < (18, 30)
        way = self.reading.way_in(portal)
        calm = way.scheduled and way.level <= 2 and self.reading.recorded
        return hours and calm and self.trusted

    def look_at_arrival(self) -> None:
        """A door has obeyed where its device said so after the order and its leaf is seen closed;
        whom an evacuation frees has obeyed when it is free.
        """
        state = self.site.state
        for one in state.orders.in_force.values():
            if one.order.kind not in POSTURES or not one.acts:
                continue
            told = {
                str(a.portal): a for a in arrivals(one, self.policy, state.portals, state.answers)
            }
            concerned = {
                portal for portal in PORTALS if self.reading.concerns(one.order.id, portal)
            }
            assert told.keys() == concerned, (one.order.kind, told.keys() ^ concerned)
            for portal in concerned:
                freed = self.reading.freed_by(one.order.id, portal)
                action = Action.FREE if freed else Action.SECURE
                heard = self.answered.get((portal, action), 0) >= one.seq
                obeyed = heard and portal not in self.unlinked
                if not freed:
                    obeyed &= self.leaves.get(portal) is Contact.CLOSED
                    obeyed &= not self.reading.released(portal)
                assert told[portal].obeyed is obeyed, (portal, told[portal], obeyed)

    def look_at_wishes(self) -> None:
        """What has to be free was freed, what has to be shut was locked, and a grant of before
        stands no longer where posture or fire would refuse it now.
        """
        released = {portal for portal in PORTALS if self.reading.released(portal)}
        locked = {portal for portal in PORTALS if self.reading.locked(portal)}
        freed = {e.portal for e in self.effects if isinstance(e, FreeEgress)}
        secured = {e.portal for e in self.effects if isinstance(e, SecurePortal)}
        assert released - self.was_released <= freed, (released, freed)
        for portal in sorted(locked - self.was_locked - secured):
            assert self.claimed(portal) or portal in self.unlinked, f"{portal} was not locked"
        for effect in self.effects:
            if isinstance(effect, SecurePortal) and self.site.stands(effect, self.mono_us):
                assert effect.portal not in released, effect
        for effect, who in self.granted:
            inwards = effect.direction is self.reading.inward(effect.portal)
            if inwards and self.site.stands(effect, self.mono_us):
                assert self.may_enter(effect.portal, who), effect
        self.granted = [(e, who) for e, who in self.granted if self.site.stands(e, self.mono_us)]
        self.was_released, self.was_locked, self.effects = released, locked, []

    def claimed(self, portal: str) -> bool:
        """Whether somebody who was let out is on his way."""
        found = self.site.state.portals[PortalId(portal)]
        leaving = found.direction is self.reading.outward(portal)
        return leaving or (found.exit_until_us or 0) > self.mono_us

    def look_at_door(self, portal: str, who: str) -> None:
        for way, wanted in (
            (self.reading.outward(portal), self.may_leave(portal, who)),
            (self.reading.inward(portal), self.may_enter(portal, who)),
        ):
            decision = self.decision(portal, way, who)
            assert decision.granted is wanted, (
                f"{who} at {portal} {way}: {decision}, but {self.reading.way_in(portal)}, "
                f"{self.reading.way_out(portal)}"
            )

    def may_leave(self, portal: str, who: str) -> bool:
        way = self.reading.way_out(portal)
        if way.free:
            return True
        if who.startswith(LOST):
            return False
        return who == "diplomat" or not way.held

    def may_enter(self, portal: str, who: str) -> bool:
        """Badges alone are asked for. Everybody has a grant for everywhere, in shelter too, but
        for the cellar.
        """
        way, tree = self.reading.way_in(portal), self.reading.tree
        if who.startswith(LOST):
            return False
        if self.opened(portal) and portal not in self.unlinked:
            return True
        role = tree["role"][who]
        overrides = set(role.get("overrides", ()))
        least = {int(level): n for level, n in self._target(portal).get("clearance", {}).items()}
        level = 1 if way.fleeing else way.level
        needed = max((n for above, n in least.items() if above <= level), default=0)
        cleared = needed <= role["clearance"]
        lifted = least.get(1, 0) <= role["clearance"] and "threat" in overrides
        listed = portal != "cellar" or (
            who in {"staff", "chief", "warden"}
            and (not way.sheltered or "shelter" in overrides or way.fleeing)
        )
        recorded = self.reading.recorded or tree["portal"][portal].get("emergency", False)
        allowed = recorded and listed and portal not in self.unlinked
        return way.shut <= overrides and (cleared or lifted) and allowed

    def _target(self, portal: str) -> dict[str, dict[int, int]]:
        _, target = self.reading._in(portal)
        zone: dict[str, dict[int, int]] = self.reading.tree["zone"][target]
        return zone

    def decision(self, portal: str, direction: Direction, who: str) -> Decision:
        """Of a copy of the site: asking changes nothing."""
        self.asked += 1
        copy = Site(ORIGIN, self.policy, self.site.state)
        copy.directory = self.site.directory
        outcome = copy.step(self.badge(portal, direction, who), self.moment())
        made = [e.body for e in outcome.events if isinstance(e.body, DecisionMade)]
        assert len(made) == 1, [type(event.body) for event in outcome.events]
        return made[0].decision

    def badge(self, portal: str, direction: Direction, who: str) -> inputs.BadgeRead:
        return inputs.BadgeRead(
            id=InputId(self.new_id()),
            reader=reader_of(portal, direction),
            portal=PortalId(portal),
            direction=direction,
            ref=CredentialRef(f"ref-{who}"),
            assurance=Assurance.SECURE,
            attempt=AttemptId(self.new_id()),
            question=QuestionId(self.new_id()),
        )
