"""Orders: who gives them, what they shut and free, how they end, and what never acts."""

import msgspec
import pytest
from msgspec.structs import replace

from controller import events as ev
from controller import inputs
from controller.arrival import Action, Arrival, arrivals
from controller.effects import FreeEgress, LeasePortal, SecurePortal
from controller.ids import EffectId, InputId, PortalId
from controller.ledger import Personal
from controller.moment import SECOND_US
from controller.orders import LIFTS_KEPT, Cover, EndCause, Order
from controller.site import Outcome
from controller.state import restore, snapshot
from policies.codes import Code
from policies.facts import Mode
from policies.rights import OrderKind
from simulators.orders import offered, order_id
from tests.controller.support import (
    EXIT,
    POLICY,
    PORTALS,
    RELEASED_ON_FIRE,
    Rig,
    calm,
)

HOUR_S = 3600
MAY_HOLD = POLICY.replace("bolt = true\n", 'bolt = true\nmay-hold = "order 12 of the court"\n')
OFFICER = Personal("operator", "Officer Smith", "ab" * 16)


def order(kind: OrderKind, name: str = "", **fields: object) -> Order:
    """An order that somebody wrote a minute ago; whoever signs it signs nothing else."""
    made = order_id(name or kind)
    told: dict[str, object] = {
        "id": made,
        "kind": kind,
        "issuer": made[:32],
        "counter": NOW_S * 1000,
        "reason": "shots at the gate",
        "review_s": NOW_S + HOUR_S,
        "accept_until_s": NOW_S + HOUR_S,
    }
    return Order(**(told | fields))  # type: ignore[arg-type]


NOW_S = calm().moment().utc_s
LOCKDOWN = order(OrderKind.LOCKDOWN)
LIFT = order(OrderKind.LIFT, ends=(LOCKDOWN.id,))


def give(rig: Rig, *orders: Order, people: int = 2, **more: object) -> Outcome:
    outcomes = [rig.feed(offered(one, people=people, **more)) for one in orders]  # type: ignore[arg-type]
    return outcomes[-1]


def kinds(outcome: Outcome) -> list[str]:
    return [event.header.kind for event in outcome.events]


def refusal(outcome: Outcome) -> str:
    (said,) = [e.body.reason for e in outcome.events if isinstance(e.body, ev.OrderRefused)]
    return said


def in_force(rig: Rig) -> set[OrderKind]:
    return {one.order.kind for one in rig.site.state.orders.in_force.values()}


def enters(rig: Rig, portal: str, who: str = "ann") -> Code:
    outcome = rig.badge(portal, who)
    (made,) = [e.body for e in outcome.events if isinstance(e.body, ev.DecisionMade)]
    return made.decision.code


def secured(rig: Rig) -> set[str]:
    return {name for name, portal in rig.site.state.portals.items() if portal.secured}


def wished(outcome: Outcome, kind: type[SecurePortal] | type[FreeEgress]) -> set[str]:
    return {effect.portal for effect in outcome.effects if isinstance(effect, kind)}


# --- raising --------------------------------------------------------------------------------------


def test_one_person_locks_down_and_every_way_in_is_shut_and_told_to_lock() -> None:
    rig = calm()
    outcome = give(rig, LOCKDOWN, people=1)
    assert secured(rig) == set(rig.site.state.portals)
    assert wished(outcome, SecurePortal) == set(rig.site.state.portals)
    assert enters(rig, "gate") is Code.LOCKDOWN
    assert enters(rig, "gate", "bob") is Code.GRANTED_BY_OVERRIDE


def test_a_lockdown_needs_no_clock_and_has_no_end() -> None:
    rig = calm()
    rig.trusted = False
    give(rig, LOCKDOWN, people=1)
    rig.skip(30 * 24 * HOUR_S)
    rig.feed(inputs.TimePassed(id=InputId("a month later")))
    assert in_force(rig) == {OrderKind.LOCKDOWN}


def test_a_key_switch_locks_and_never_lifts() -> None:
    rig = calm()
    give(rig, LOCKDOWN, people=0, sourced=True)
    assert in_force(rig) == {OrderKind.LOCKDOWN}
    assert "people sign it" in refusal(give(rig, LIFT, people=0, sourced=True))


def test_given_twice_it_is_what_it_was() -> None:
    rig = calm()
    give(rig, LOCKDOWN)
    assert give(rig, LOCKDOWN) == Outcome((), ())


def test_a_perimeter_lockdown_leaves_the_doors_inside_as_they_are() -> None:
    rig = calm()
    around = order(OrderKind.LOCKDOWN, cover=Cover.PERIMETER, zones=("lobby",))
    give(rig, around)
    assert secured(rig) == {"panic", "front", "hall", "trap-b", "back"}
    assert enters(rig, "front") is Code.LOCKDOWN
    assert enters(rig, "mag") is Code.GRANTED
    assert enters(rig, "gate") is Code.GRANTED, "it lies outside"


def test_two_orders_over_one_door_are_both_overcome_or_neither() -> None:
    text = POLICY.replace(
        'overrides = ["lockdown", "shelter", "evacuate"', 'overrides = ["lockdown"'
    )
    rig = calm(text)
    give(rig, LOCKDOWN)
    assert enters(rig, "gate", "bob") is Code.GRANTED_BY_OVERRIDE
    give(rig, order(OrderKind.SHELTER))
    assert enters(rig, "gate", "bob") is Code.SHELTER


def test_a_level_is_the_highest_that_is_raised_over_a_zone() -> None:
    rig = calm()
    give(rig, order(OrderKind.RAISE, "all to 2", level=2))
    give(rig, order(OrderKind.RAISE, "office to 4", level=4, zones=("office",)))
    asked = {p: rig.badge(p).events[0].body for p in ("gate", "mag")}
    levels = {p: b.request.threat for p, b in asked.items() if isinstance(b, ev.DecisionMade)}
    assert levels.get("gate") == 2
    assert rig.site.state.threat == 2, "of the whole site"


def test_pending_attempts_and_unused_grants_end_with_the_order_and_exits_do_not() -> None:
    rig = calm()
    rig.badge("gate")
    rig.badge("archive", "ann")  # asks for a PIN
    rig.badge("vault", "cora", EXIT)
    outcome = give(rig, LOCKDOWN)
    assert {"grant-aborted", "attempt-abandoned"} <= set(kinds(outcome))
    assert rig.portal("vault").direction is EXIT


# --- evacuation -----------------------------------------------------------------------------------


def test_an_evacuation_frees_every_way_out_from_its_zones_to_the_street() -> None:
    rig = calm()
    outcome = give(rig, order(OrderKind.EVACUATE, zones=("archive",)))
    assert wished(outcome, FreeEgress) == RELEASED_ON_FIRE - {"vault"}
    assert not rig.portal("vault").released, "nobody from the archive leaves by the vault"
    assert enters(rig, "archive") is Code.EVACUATION_ENTRY
    assert enters(rig, "gate") is Code.GRANTED


def test_an_evacuation_that_comes_late_frees_nothing_until_somebody_says_that_it_is_meant() -> None:
    rig = calm()
    late = order(OrderKind.EVACUATE, accept_until_s=NOW_S)
    assert wished(give(rig, late), FreeEgress) == set()
    assert enters(rig, "gate") is Code.EVACUATION_ENTRY
    asked = inputs.EvacuationConfirmAsked(id=InputId("c"), order=late.id, operator=OFFICER)
    assert wished(rig.feed(asked), FreeEgress) == RELEASED_ON_FIRE


def test_an_evacuation_by_a_clock_that_nobody_trusts_is_never_late() -> None:
    rig = calm()
    rig.trusted = False
    late = order(OrderKind.EVACUATE, accept_until_s=NOW_S - HOUR_S)
    assert wished(give(rig, late), FreeEgress) == RELEASED_ON_FIRE


@pytest.mark.parametrize("fire_first", [True, False])
def test_fire_and_lockdown_leave_the_ways_out_free_and_the_ways_in_shut(fire_first: bool) -> None:
    rig = calm()
    if fire_first:
        rig.fire("alarm")
    give(rig, LOCKDOWN)
    if not fire_first:
        rig.fire("alarm")
    assert rig.portal("mag").released
    assert enters(rig, "gate") is Code.LOCKDOWN
    rig.fire("normal")
    reset = rig.reset()
    assert not rig.portal("mag").released
    assert "mag" in wished(reset, SecurePortal)
    assert in_force(rig) == {OrderKind.LOCKDOWN}, "no fire ends it"


# --- lowering -------------------------------------------------------------------------------------


def test_two_people_lift_what_one_has_ordered() -> None:
    rig = calm()
    give(rig, LOCKDOWN, people=1)
    assert refusal(give(rig, LIFT, people=1)) == "1 of 2 people have signed it"
    outcome = give(rig, LIFT)
    (ended,) = [e.body for e in outcome.events if isinstance(e.body, ev.OrderEnded)]
    assert (ended.order, ended.cause, ended.by) == (LOCKDOWN.id, EndCause.ORDERED, LIFT.id)
    assert secured(rig) == set()
    assert enters(rig, "gate") is Code.GRANTED


def test_two_lockdowns_are_two() -> None:
    """P27."""
    rig = calm()
    give(rig, LOCKDOWN, order(OrderKind.LOCKDOWN, "another"))
    give(rig, LIFT)
    assert secured(rig) == set(rig.site.state.portals)


def test_a_lift_may_come_before_its_lockdown() -> None:
    rig = calm()
    give(rig, LIFT)
    assert secured(rig) == set()
    give(rig, LOCKDOWN)
    assert (in_force(rig), secured(rig)) == (set(), set())


def test_what_was_lifted_never_acts_again() -> None:
    rig = calm()
    give(rig, LOCKDOWN, LIFT, LOCKDOWN)
    rig.start()
    give(rig, LOCKDOWN)
    assert in_force(rig) == set()


def test_the_oldest_lift_is_let_go_whatever_a_snapshot_made_of_their_order() -> None:
    """A restart between two lifts changes nothing of which of them are handed on."""
    rig, restarted = calm(), calm()
    given = []
    for number in range(LIFTS_KEPT + 1):
        lift = order(OrderKind.LIFT, f"lift {number}", ends=(order_id(f"lockdown {number}"),))
        given.append(replace(lift, counter=lift.counter + number))
        for one in (rig, restarted):
            give(one, given[-1])
        restarted.site.state = restore(snapshot(restarted.site.state))
    handed_on = list(rig.site.state.orders.lifts)
    assert handed_on == [one.id for one in given[1:]]
    assert list(restarted.site.state.orders.lifts) == handed_on


def test_lifts_that_an_earlier_version_kept_are_still_handed_on() -> None:
    rig = calm()
    kept = msgspec.json.decode(snapshot(rig.site.state))
    del kept["orders"]["lifts_kept"]
    kept["orders"]["lifts"] = {LIFT.id: "envelope"}
    assert restore(msgspec.json.encode(kept)).orders.lifts == {LIFT.id: "envelope"}


def test_a_lift_cannot_lower_a_level_nor_the_contrary() -> None:
    rig = calm()
    raised = order(OrderKind.RAISE, level=3)
    give(rig, raised, LOCKDOWN)
    give(rig, order(OrderKind.LIFT, "wrong", ends=(raised.id,)))
    give(rig, order(OrderKind.LOWER, "wrong too", ends=(LOCKDOWN.id,)))
    assert in_force(rig) == {OrderKind.RAISE, OrderKind.LOCKDOWN}


def test_a_number_acts_once() -> None:
    rig = calm()
    give(rig, LOCKDOWN, LIFT)
    again = order(OrderKind.LOCKDOWN, "again")
    other = replace(LIFT, id=order_id("copied number"), ends=(again.id,))
    give(rig, again)
    assert "acts once" in refusal(give(rig, other))


def test_an_old_lift_does_not_act_where_its_time_is_over() -> None:
    rig = calm()
    give(rig, LOCKDOWN)
    rig.later(HOUR_S)
    assert "time in which it could be given" in refusal(give(rig, LIFT))
    rig.utc_us -= 10 * 365 * 24 * HOUR_S * SECOND_US
    rig.trusted = False
    give(rig, LIFT)
    assert in_force(rig) == set(), "without a clock its number is the newest of its issuer"


def test_without_a_clock_an_older_number_does_not_act() -> None:
    rig = calm()
    give(rig, LOCKDOWN, replace(LIFT, ends=(order_id("some other"),)))
    rig.trusted = False
    older = replace(LIFT, id=order_id("older"), counter=LIFT.counter - 1)
    assert "newer order of its issuer" in refusal(give(rig, older))


def test_three_refusals_are_an_alarm() -> None:
    rig = calm()
    give(rig, LOCKDOWN)
    for name in ("a", "b"):
        assert "orders-suspected" not in kinds(
            give(rig, replace(LIFT, id=order_id(name)), people=1)
        )
    assert "orders-suspected" in kinds(give(rig, replace(LIFT, id=order_id("c")), people=1))


def test_a_one_time_code_stands_for_one_person_once() -> None:
    rig = calm()
    give(rig, LOCKDOWN, order(OrderKind.LOCKDOWN, "second"))
    give(rig, LIFT, people=1, break_glass="code-1")
    second = order(OrderKind.LIFT, "of the second", ends=(order_id("second"),))
    assert "used" in refusal(give(rig, second, people=1, break_glass="code-1"))
    assert len(rig.site.state.orders.in_force) == 1


def test_a_code_and_nobody_lifts_nothing() -> None:
    rig = calm()
    give(rig, LOCKDOWN)
    assert "0 of 2 people" in refusal(give(rig, LIFT, people=0, break_glass="code-1"))
    assert in_force(rig) == {OrderKind.LOCKDOWN}


# --- a journal that is not believed ---------------------------------------------------------------


def test_where_orders_may_be_missing_nothing_is_lowered_until_two_people_answer() -> None:
    rig = calm()
    give(rig, LOCKDOWN)
    rig.feed(inputs.JournalDoubtHeard(id=InputId("d"), witnessed=9, held=4))
    assert "may be missing" in refusal(give(rig, LIFT))
    give(rig, order(OrderKind.LOCKDOWN, "raising goes on"), people=1)
    assert len(rig.site.state.orders.in_force) == 2
    challenge = "0123456789abcdef" * 2
    rig.feed(inputs.CountersAsked(id=InputId("c"), challenge=challenge, operator=OFFICER))
    wrong = order(OrderKind.COUNTERS, "wrong", challenge="f" * 32)
    assert "no challenge" in refusal(give(rig, wrong))
    fresh = order(OrderKind.COUNTERS, challenge=challenge)
    refusal(give(rig, fresh, people=1))
    assert "1 of 2" in refusal(give(rig, fresh, people=1, break_glass="code-1"))
    give(rig, fresh)
    assert "too old" in refusal(give(rig, LIFT)), "it was made before"
    newer = replace(LIFT, id=order_id("newer"), counter=fresh.counter + 1)
    give(rig, newer)
    assert LOCKDOWN.id not in rig.site.state.orders.in_force


# --- holds, unlocked doors, drills ----------------------------------------------------------------


def test_a_hold_needs_the_document_and_ends_after_fifteen_minutes() -> None:
    hold = order(OrderKind.HOLD, portals=("archive",), until_s=NOW_S + HOUR_S)
    assert "document" in refusal(give(calm(), hold))
    rig = calm(MAY_HOLD)
    give(rig, hold)
    out = rig.badge("archive", "dan", EXIT)
    (made,) = [e.body for e in out.events if isinstance(e.body, ev.DecisionMade)]
    assert made.decision.code is Code.EGRESS_HELD
    rig.later(15 * 60)
    assert in_force(rig) == set()


@pytest.mark.parametrize("cause", ["fire", "journal", "restart", "one person"])
def test_a_hold_ends_with_whatever_else_happens(cause: str) -> None:
    rig = calm(MAY_HOLD)
    hold = order(OrderKind.HOLD, portals=("archive",), until_s=NOW_S + HOUR_S)
    give(rig, hold)
    match cause:
        case "fire":
            rig.fire("alarm")
        case "journal":
            rig.journal(False)
        case "restart":
            rig.start()
        case _:
            give(rig, order(OrderKind.END_HOLD, ends=(hold.id,)), people=1)
    assert in_force(rig) == set()


def test_an_unlocked_door_is_a_lease_that_ends_with_its_time_and_with_a_lockdown() -> None:
    rig = calm()
    unlock = order(OrderKind.UNLOCK, portals=("gate",), until_s=NOW_S + 60)
    outcome = give(rig, unlock)
    assert [e.portal for e in outcome.effects if isinstance(e, LeasePortal)] == ["gate"]
    rig.later(61)
    assert not rig.portal("gate").leased
    give(rig, replace(unlock, id=order_id("again"), issuer="b" * 32, until_s=NOW_S + HOUR_S))
    assert rig.portal("gate").leased
    assert "gate" in wished(give(rig, LOCKDOWN), SecurePortal)
    assert not rig.portal("gate").leased


def test_two_people_unlock_in_a_lockdown_that_they_name_and_in_no_other() -> None:
    rig = calm()
    give(rig, LOCKDOWN)
    unlock = order(OrderKind.UNLOCK, portals=("gate",), until_s=NOW_S + 60)
    assert "does not name" in refusal(give(rig, unlock))
    knowing = replace(unlock, id=order_id("knowing"), despite=(LOCKDOWN.id,))
    give(rig, knowing)
    assert rig.portal("gate").leased
    rig.later(61)
    assert not rig.portal("gate").leased
    give(rig, order(OrderKind.LOCKDOWN, "another"))
    later = replace(knowing, id=order_id("later"), issuer="c" * 32, until_s=NOW_S + HOUR_S)
    assert "does not name" in refusal(give(rig, later))


def test_a_drill_is_marked_and_moves_doors_only_where_it_says_so() -> None:
    rig = calm()
    drill = order(OrderKind.LOCKDOWN, "drill", drill=True, until_s=NOW_S + HOUR_S)
    outcome = give(rig, drill, people=1)
    assert all(event.header.drill for event in outcome.events)
    assert all(effect.drill for effect in outcome.effects)
    assert secured(rig) == set(rig.site.state.portals)
    rig.later(HOUR_S)
    assert (in_force(rig), secured(rig)) == (set(), set())
    still = order(OrderKind.LOCKDOWN, "still", drill=True, moves=False)
    assert give(rig, still, people=1).effects == ()
    assert secured(rig) == set()


def test_what_is_real_ends_a_drill() -> None:
    rig = calm()
    give(rig, order(OrderKind.EVACUATE, "drill", drill=True))
    outcome = give(rig, LOCKDOWN, people=1)
    assert in_force(rig) == {OrderKind.LOCKDOWN}
    assert not any(event.header.drill for event in outcome.events)
    assert rig.site.state.mode is Mode.LOCKDOWN


# --- arrival --------------------------------------------------------------------------------------


def confirmed(rig: Rig, outcome: Outcome, portal: str) -> None:
    """The portal's device says that it has locked."""
    (wish,) = [e for e in outcome.effects if isinstance(e, SecurePortal) and e.portal == portal]
    rig.feed(
        inputs.EffectEndHeard(
            id=InputId(rig.new_id()),
            effect=EffectId(wish.id),
            outcome="confirmed",
            portal=portal,
            action=Action.SECURE,
        )
    )


def arrived(rig: Rig) -> dict[str, Arrival]:
    state = rig.site.state
    one = state.orders.in_force[LOCKDOWN.id]
    told = arrivals(one, rig.site.policy, state.portals, state.answers)
    return {arrival.portal: arrival.arrival for arrival in told}


def test_a_door_has_obeyed_when_its_device_says_so_and_its_leaf_is_seen_closed() -> None:
    rig = calm()
    rig.opens("gate")
    rig.link("vault", up=False)
    outcome = give(rig, LOCKDOWN)
    for portal in ("gate", "front", "blind", "archive"):
        confirmed(rig, outcome, portal)
    rig.feed(inputs.BoltRead(id=InputId("b"), portal=PortalId("archive"), bolted=True))
    said = arrived(rig)
    assert said["gate"] is Arrival.STUCK, "it was forced"
    assert said["front"] is Arrival.CLOSED
    assert said["archive"] is Arrival.CLOSED_AND_LOCKED
    assert said["blind"] is Arrival.DEVICE_CONFIRMED, "nobody sees its leaf"
    assert said["vault"] is Arrival.UNKNOWN
    assert said["mag"] is Arrival.ORDERED
    assert set(said) == PORTALS - {"annex"}


def test_a_door_that_comes_back_has_to_say_it_again() -> None:
    rig = calm()
    confirmed(rig, give(rig, LOCKDOWN), "front")
    rig.link("front", up=False)
    outcome = rig.link("front")
    rig.closes("front")
    assert arrived(rig)["front"] is Arrival.ORDERED
    confirmed(rig, outcome, "front")
    assert arrived(rig)["front"] is Arrival.CLOSED
