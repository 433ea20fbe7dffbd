"""What a drill's report makes of the core's own entries."""

from controller.arrival import Action, Arrival
from controller.drill import Drill, DrillFold
from controller.effects import Effect, FreeEgress, LockEffect, SecurePortal
from controller.events import Event
from controller.events_orders import OrderAccepted
from controller.ids import InputId, PortalId
from controller.inputs import EffectEndHeard
from controller.orders import EndCause, Order
from controller.site import Outcome
from controller.state import SiteState, apply
from policies.rights import OrderKind
from simulators.orders import offered
from tests.controller.support import Rig, calm
from tests.controller.test_muster import begins, checks, ends, undoes
from tests.controller.test_orders import order

LOCKDOWN = order(OrderKind.LOCKDOWN, "drill", drill=True)
EVACUATE = order(OrderKind.EVACUATE, "drill", drill=True)
REAL = order(OrderKind.LOCKDOWN, "real")
ACTIONS = {SecurePortal: Action.SECURE, FreeEgress: Action.FREE}


class Watched:
    """A site whose every event is kept, with the state behind it."""

    def __init__(self) -> None:
        self.rig: Rig = calm()
        self.before: SiteState = self.rig.site.state
        self.events: list[Event] = []
        self.effects: list[Effect] = []

    def note(self, outcome: Outcome) -> Outcome:
        self.events += outcome.events
        self.effects += outcome.effects
        return outcome

    def gives(self, given: Order) -> Outcome:
        return self.note(self.rig.feed(offered(given)))

    def obeys(self, *but: str) -> None:
        """Every device but these confirms what it was told."""
        told, self.effects = self.effects, []
        for effect in told:
            if isinstance(effect, LockEffect) and effect.portal not in but:
                self.note(
                    self.rig.feed(
                        EffectEndHeard(
                            id=InputId(self.rig.new_id()),
                            effect=effect.id,
                            outcome="confirmed",
                            portal=PortalId(effect.portal),
                            action=ACTIONS[type(effect)],
                            drill=effect.drill,
                        )
                    )
                )

    def later(self, seconds: float) -> None:
        self.note(self.rig.later(seconds))

    def report(self) -> Drill:
        """As from the journal: the first order is the drill's."""
        state, fold = self.before, None
        for event in self.events:
            state = apply(state, event)
            if fold is not None:
                fold.take(event, state)
            elif isinstance(event.body, OrderAccepted):
                fold = DrillFold(event, state, self.rig.site.policy)
        assert fold is not None
        assert state == self.rig.site.state, "no event was missed"
        return fold.drill


def end_of(given: Order) -> Order:
    return order(OrderKind.END_DRILL, "end", ends=(given.id,))


def test_each_door_is_timed_from_the_order_to_its_device_s_word_and_its_leaf() -> None:
    seen = Watched()
    seen.note(seen.rig.opens("mag"))
    seen.gives(LOCKDOWN)
    seen.later(0.4)
    seen.obeys("vault")
    seen.later(2)
    seen.note(seen.rig.closes("mag"))
    seen.obeys("vault")
    seen.later(1)
    seen.gives(end_of(LOCKDOWN))
    drill = seen.report()
    doors = {door.portal: door for door in drill.doors}
    gate, mag, vault = (doors[PortalId(one)] for one in ("gate", "mag", "vault"))
    assert (gate.confirmed_us, gate.obeyed_us, gate.late) == (400_000, 400_000, False)
    assert gate.action is Action.SECURE
    assert (mag.confirmed_us, mag.obeyed_us, mag.late) == (400_000, 2_400_000, True)
    assert (vault.confirmed_us, vault.obeyed_us, vault.arrival) == (None, None, Arrival.ORDERED)
    assert [door.portal for door in drill.missing] == ["vault"]
    assert [door.portal for door in drill.late] == ["mag"]
    assert (drill.cause, drill.by) == (EndCause.ORDERED, end_of(LOCKDOWN).id)
    assert drill.ended_us == 3_400_000


def test_a_door_without_a_contact_is_neither_obeyed_nor_missing() -> None:
    seen = Watched()
    blind = [rule.id for rule in seen.rig.site.policy.portals if not rule.contact]
    assert blind, "the site has such a door"
    seen.gives(LOCKDOWN)
    seen.obeys()
    doors = {door.portal: door for door in seen.report().doors}
    for one in map(PortalId, blind):
        assert doors[one].confirmed_us == 0
        assert doors[one].obeyed_us is None
        assert not doors[one].missing


def test_what_obeyed_once_is_told_as_it_stands_at_the_end() -> None:
    seen = Watched()
    seen.gives(LOCKDOWN)
    seen.obeys()
    seen.later(1)
    seen.note(seen.rig.opens("gate"))
    (gate,) = [door for door in seen.report().doors if door.portal == "gate"]
    assert gate.obeyed_us == 0
    assert gate.arrival in {Arrival.OPEN, Arrival.STUCK}
    assert not gate.missing


def test_an_evacuation_frees_ways_out_and_counts_whom_it_finds() -> None:
    seen = Watched()
    rig = seen.rig
    seen.note(rig.badge("gate", "ann"))
    rig_passes(seen, "gate")
    seen.gives(EVACUATE)
    seen.obeys()
    seen.later(30)
    seen.note(checks(rig))
    seen.later(30)
    seen.note(checks(rig, "h-dan"))
    seen.note(undoes(rig, "h-dan"))
    seen.gives(end_of(EVACUATE))
    seen.later(60)
    seen.note(checks(rig, "h-bob", "oak"))
    seen.note(ends(rig))
    seen.note(begins(rig))
    seen.note(checks(rig, "h-cora"))
    drill = seen.report()
    freed = [door for door in drill.doors if door.action is Action.FREE]
    assert freed
    assert all(door.obeyed_us == 0 for door in freed)
    found = [(one.holder, one.after_us, one.undone) for one in drill.found]
    assert found == [
        ("h-ann", 30_000_000, False),
        ("h-dan", 60_000_000, True),
        ("h-bob", 120_000_000, False),
    ]
    assert (drill.mustered, drill.unfound, drill.checked) == (True, 0, 2)
    assert drill.muster_us == 120_000_000


def rig_passes(seen: Watched, portal: str) -> None:
    seen.note(seen.rig.opens(portal))
    seen.later(1)
    seen.note(seen.rig.closes(portal))
    seen.later(8)
    seen.effects.clear()


def test_what_was_real_meanwhile_is_named_and_what_the_drill_did_is_not() -> None:
    seen = Watched()
    seen.gives(EVACUATE)
    seen.obeys()
    seen.later(5)
    real = seen.note(seen.rig.link("gate", False))
    drill = seen.report()
    assert set(drill.real) == {event.header.seq for event in real.events}
    assert any(event.header.kind == "egress-released" for event in seen.events)


def test_a_real_order_and_a_fire_end_it_and_are_named() -> None:
    for real, cause in (("order", EndCause.REAL), ("fire", EndCause.FIRE)):
        seen = Watched()
        seen.gives(LOCKDOWN)
        seen.obeys()
        seen.later(3)
        seen.gives(REAL) if real == "order" else seen.note(seen.rig.fire("alarm"))
        seen.later(10)
        drill = seen.report()
        assert (drill.cause, drill.ended_us) == (cause, 3_000_000)
        assert drill.real, real


def test_a_drill_that_works_no_lock_times_no_door() -> None:
    seen = Watched()
    seen.note(seen.rig.link("vault", False))
    still = order(OrderKind.LOCKDOWN, "still", drill=True, moves=False)
    seen.gives(still)
    assert not [effect for effect in seen.effects if isinstance(effect, SecurePortal)]
    seen.later(2)
    drill = seen.report()
    assert not drill.works_locks
    assert all(door.confirmed_us is None for door in drill.doors)
    assert [door.portal for door in drill.doors if not door.linked] == ["vault"]
    assert drill.cause is None


def test_a_restart_ends_it_by_the_last_time_that_its_clock_told() -> None:
    seen = Watched()
    seen.gives(LOCKDOWN)
    seen.obeys()
    seen.later(7)
    seen.note(seen.rig.opens("gate"))
    seen.rig.now_us = 0
    seen.note(seen.rig.start())
    drill = seen.report()
    assert drill.cause is EndCause.RESTART
    assert drill.ended_us == 7_000_000
