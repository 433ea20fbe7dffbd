"""Who leads: succession, delegation, and how both end. It reads as the specification does."""

import pytest
from msgspec.structs import replace

from controller.events import DecisionMade, OrderAccepted, OrderEnded, OrderRefused
from controller.holders import Directory, Holder
from controller.ids import HolderId, InputId
from controller.inputs import ClockChecked, DirectoryReplaced, OrderOffered, TimePassed
from controller.leadership import DELEGATE_S_MAX, SUCCEED_S_MAX, Acting, who_acts
from controller.orders import EndCause, Order
from controller.site import Outcome, Site
from controller.state import restore, snapshot
from policies.codes import Code
from policies.facts import HolderFacts, Mode
from policies.rights import OrderKind
from simulators.orders import offered, order_id
from tests.controller.support import ORIGIN, POLICY, SECOND_US, Rig, calm, directory, of_type

CHIEF, DEPUTY, SECOND, GUARD, OTHER = (
    HolderId(f"h-{who}") for who in ("chief", "deputy", "second", "guard", "other")
)
POLICE = HolderId("h-pia")
STRANGER = HolderId("h-stranger")
"""Nobody on file."""
HOUR_S = 3600
LED = """
[role.chief]
[role.deputy]
[role.second]
[order.lockdown]
roles = ["chief", "guard"]
[order.lift]
roles = ["chief", "guard"]
[order.lower]
roles = ["chief"]
[order.drill]
roles = ["chief"]
[order.delegate]
roles = ["chief", "deputy"]
[succession.chief]
deputies = ["deputy", "second"]
"""
ROLES = {
    CHIEF: ("chief",),
    DEPUTY: ("deputy",),
    SECOND: ("second",),
    GUARD: ("guard",),
    OTHER: ("staff",),
}


def everybody(**changes: dict[str, object] | None) -> Directory:
    """Those who lead, and the others; with another record of some, or without them."""
    holders = [
        Holder(facts=replace(HolderFacts(who, 3, roles), **(changes.get(who[2:]) or {})))  # type: ignore[arg-type]
        for who, roles in ROLES.items()
        if changes.get(who[2:], {}) is not None
    ]
    gone = [HolderId(f"h-{who}") for who, change in changes.items() if change is None]
    return directory().after(version=3, holders=holders, holders_gone=gone)


def led(policy: str = POLICY + LED) -> Rig:
    """A site in lockdown, which one guard has ordered."""
    rig = calm(policy)
    known(rig, everybody())
    assert is_taken(gives(rig, OrderKind.LOCKDOWN, "attack", GUARD))
    return rig


def known(rig: Rig, people: Directory) -> Outcome:
    return rig.feed(DirectoryReplaced(id=InputId(rig.new_id()), directory=people))


def order(rig: Rig, kind: OrderKind, name: str, **fields: object) -> OrderOffered:
    """An order as its issuer makes it now; each of another issuer."""
    now_s = rig.utc_us // SECOND_US
    made = Order(
        id=order_id(name),
        kind=kind,
        issuer=order_id(f"key {name}")[:32],
        counter=1,
        reason="so that somebody leads",
        review_s=now_s + HOUR_S,
    )
    if kind in {OrderKind.DELEGATE, OrderKind.SUCCEED}:
        made = replace(made, role="chief", until_s=now_s + HOUR_S)
    return offered(replace(made, **fields))  # type: ignore[arg-type]


def gives(
    rig: Rig, kind: OrderKind, name: str, *signers: HolderId | None, **fields: object
) -> Outcome:
    what = order(rig, kind, name, **fields)
    signed = replace(what, id=InputId(rig.new_id()), people=len(set(signers)), signers=signers)
    return rig.feed(signed)


def lifts(rig: Rig, *signers: HolderId | None, name: str = "lift") -> Outcome:
    return gives(rig, OrderKind.LIFT, name, *signers, ends=(order_id("attack"),))


def steps_in(
    rig: Rig,
    who: HolderId = DEPUTY,
    *also: HolderId,
    name: str = "step in",
    unreachable: tuple[str, ...] = ("chief",),
    **fields: object,
) -> Outcome:
    """A deputy says that those before him cannot be reached, and acts."""
    fields = {"holder": who, "unreachable": unreachable, **fields}
    return gives(rig, OrderKind.SUCCEED, name, who, *also, **fields)


def lends(
    rig: Rig, to: HolderId = OTHER, *signers: HolderId, name: str = "leave", **fields: object
) -> Outcome:
    """The chief goes on leave."""
    fields = {"holder": to, **fields}
    return gives(rig, OrderKind.DELEGATE, name, *(signers or (CHIEF,)), **fields)


def ends(rig: Rig, what: str, *signers: HolderId, name: str = "end") -> Outcome:
    return gives(rig, OrderKind.END_DELEGATION, name, *signers, ends=(order_id(what),))


def is_taken(outcome: Outcome) -> bool:
    return bool(of_type(OrderAccepted, outcome)) and not of_type(OrderRefused, outcome)


def refused(outcome: Outcome) -> str:
    assert not of_type(OrderAccepted, outcome)
    (body,) = of_type(OrderRefused, outcome)
    return body.reason


def acting(rig: Rig) -> list[Acting]:
    return who_acts(rig.site.state.orders, rig.site.policy, rig.site.directory, rig.moment())


def who_leads(rig: Rig) -> list[HolderId]:
    return [one.holder for one in acting(rig)]


def trust(rig: Rig, trusted: bool) -> Outcome:
    rig.trusted = trusted
    return rig.feed(ClockChecked(id=InputId(rig.new_id()), trusted=trusted, stepped_ms=0))


def restarted(rig: Rig, *, trusted: bool) -> None:
    """From what a snapshot keeps, with another monotonic clock."""
    rig.site = Site(ORIGIN, rig.site.policy, restore(snapshot(rig.site.state)))
    rig.now_us, rig.trusted = 5 * SECOND_US, trusted
    rig.start()
    known(rig, everybody())


def goes_by(rig: Rig, seconds: int) -> Outcome:
    """Nothing happens for so long."""
    rig.skip(seconds)
    return rig.feed(TimePassed(id=InputId(rig.new_id())))


# --- succession ---------------------------------------------------------------------------------


def test_the_acting_chief_lifts_with_a_second_person() -> None:
    """The siege: the chief is incapacitated, and two people who may are needed."""
    rig = led()
    assert "1 of 2" in refused(lifts(rig, DEPUTY, GUARD))
    assert is_taken(steps_in(rig))
    assert is_taken(lifts(rig, DEPUTY, GUARD, name="again"))
    assert rig.site.state.mode is Mode.NORMAL


def test_the_acting_chief_alone_is_one_person() -> None:
    rig = led()
    steps_in(rig)
    assert "1 of 2" in refused(lifts(rig, DEPUTY))
    assert "1 of 2" in refused(lifts(rig, DEPUTY, DEPUTY, name="twice"))
    assert "1 of 2" in refused(lifts(rig, DEPUTY, None, name="somebody's key"))


def test_that_the_chief_cannot_be_reached_is_said_and_recorded() -> None:
    rig = led()
    assert "cannot be reached: chief" in refused(steps_in(rig, unreachable=()))
    (accepted,) = of_type(OrderAccepted, steps_in(rig))
    assert accepted.order.unreachable == ("chief",)
    (one,) = acting(rig)
    assert (one.role, one.holder, one.unreachable) == ("chief", DEPUTY, ("chief",))
    assert one.until_s == rig.utc_us // SECOND_US + HOUR_S
    assert (one.order, one.seq) == (order_id("step in"), rig.site.state.seq)


def test_the_second_deputy_says_it_of_the_first_as_well() -> None:
    rig = led()
    assert "cannot be reached: deputy" in refused(steps_in(rig, SECOND))
    assert is_taken(steps_in(rig, SECOND, name="both", unreachable=("chief", "deputy")))
    assert is_taken(lifts(rig, SECOND, GUARD))


def test_nobody_puts_a_deputy_in_place_but_himself() -> None:
    rig = led()
    named = {"holder": DEPUTY, "unreachable": ("chief",)}
    assert "himself" in refused(gives(rig, OrderKind.SUCCEED, "x", CHIEF, **named))
    assert "no deputy" in refused(steps_in(rig, OTHER))
    assert "no role" in refused(steps_in(rig, name="y", role="king"))
    assert "nobody knows" in refused(steps_in(rig, STRANGER))


def test_a_policy_may_ask_for_more_than_the_deputy_himself() -> None:
    rig = led(POLICY + LED + '[order.succeed]\nroles = ["deputy", "guard"]\npeople = 2\n')
    assert "1 of 2" in refused(steps_in(rig))
    assert is_taken(steps_in(rig, DEPUTY, GUARD, name="witnessed"))


def test_without_deputies_in_the_policy_nobody_steps_in() -> None:
    rig = led((POLICY + LED).replace('deputies = ["deputy", "second"]', 'deputies = ["second"]'))
    assert "no deputy" in refused(steps_in(rig))


@pytest.mark.parametrize(
    "record", [{"suspended": True}, {"watchlisted": True}, {"roles": ("staff",)}, None]
)
def test_a_deputy_who_is_suspended_or_gone_acts_no_more(record: dict[str, object] | None) -> None:
    rig = led()
    known(rig, everybody(deputy=record))
    refused(steps_in(rig))
    known(rig, everybody())
    steps_in(rig, name="in good standing")
    known(rig, everybody(deputy=record))
    assert "1 of 2" in refused(lifts(rig, DEPUTY, GUARD))
    assert who_leads(rig) == []


def test_it_works_offline_and_with_no_clock_that_anybody_vouches_for() -> None:
    rig = led()
    trust(rig, False)
    assert is_taken(steps_in(rig))
    assert who_leads(rig) == [DEPUTY]
    assert is_taken(lifts(rig, DEPUTY, GUARD))


# --- how acting ends ----------------------------------------------------------------------------


def test_acting_ends_by_time() -> None:
    rig = led()
    steps_in(rig)
    assert not of_type(OrderEnded, goes_by(rig, HOUR_S - 1))
    assert rig.site.deadline() == rig.now_us + SECOND_US
    (ended,) = of_type(OrderEnded, goes_by(rig, 1))
    assert (ended.order, ended.cause) == (order_id("step in"), EndCause.TIME)
    assert who_leads(rig) == []
    assert "1 of 2" in refused(lifts(rig, DEPUTY, GUARD))


@pytest.mark.parametrize("who", [CHIEF, DEPUTY])
def test_the_chief_comes_back_or_the_deputy_gives_it_up(who: HolderId) -> None:
    rig = led()
    steps_in(rig)
    (ended,) = of_type(OrderEnded, ends(rig, "step in", who))
    assert (ended.cause, ended.by) == (EndCause.ORDERED, order_id("end"))
    assert "1 of 2" in refused(lifts(rig, DEPUTY, GUARD))
    assert not is_taken(steps_in(rig)), "what was ended is over for good"


def test_who_has_no_role_of_his_own_gives_up_what_was_lent_to_him() -> None:
    rig = led()
    known(rig, everybody(other={"roles": ()}))
    lends(rig, OTHER)
    assert who_leads(rig) == [OTHER]
    assert of_type(OrderEnded, ends(rig, "leave", OTHER))


@pytest.mark.parametrize("who", [(GUARD,), (SECOND,), (GUARD, SECOND), (None,), (STRANGER,)])
def test_nobody_else_ends_it(who: tuple[HolderId]) -> None:
    rig = led()
    steps_in(rig)
    assert "nor whoever acts" in refused(ends(rig, "step in", *who))
    assert who_leads(rig) == [DEPUTY]


def test_an_acting_chief_ends_nobody_elses_acting() -> None:
    rig = led()
    lends(rig, OTHER)
    steps_in(rig)
    assert "nor whoever acts" in refused(ends(rig, "leave", DEPUTY))


def test_a_chief_who_is_suspended_takes_nothing_back() -> None:
    rig = led()
    steps_in(rig)
    known(rig, everybody(chief={"suspended": True}))
    refused(ends(rig, "step in", CHIEF))


def test_an_end_of_several_is_an_end_of_each() -> None:
    """Somebody who may end one of two ends neither by naming both."""
    rig = led()
    steps_in(rig)
    lends(rig, OTHER)
    both = {"ends": (order_id("step in"), order_id("leave"))}
    assert "nor whoever acts" in refused(gives(rig, OrderKind.END_DELEGATION, "a", DEPUTY, **both))
    assert len(of_type(OrderEnded, gives(rig, OrderKind.END_DELEGATION, "b", CHIEF, **both))) == 2


def test_an_end_names_what_is_in_force() -> None:
    rig = led()
    assert "give the order first" in refused(ends(rig, "attack", CHIEF))
    assert "give the order first" in refused(ends(rig, "step in", CHIEF, name="early"))
    assert is_taken(steps_in(rig))


def test_a_policy_may_ask_for_more_to_end_it() -> None:
    rig = led(POLICY + LED + '[order.end-delegation]\nroles = ["chief", "guard"]\npeople = 2\n')
    steps_in(rig)
    assert "1 of 2" in refused(ends(rig, "step in", CHIEF))
    assert is_taken(ends(rig, "step in", CHIEF, GUARD, name="two"))


def test_a_restart_with_a_clock_keeps_who_acts_until_his_time_is_over() -> None:
    rig = led()
    steps_in(rig)
    rig.skip(60)
    restarted(rig, trusted=True)
    assert who_leads(rig) == [DEPUTY]
    assert is_taken(lifts(rig, DEPUTY, GUARD))
    goes_by(rig, HOUR_S - 61)
    assert rig.site.deadline() == rig.now_us + SECOND_US
    (ended,) = of_type(OrderEnded, goes_by(rig, 1))
    assert ended.order == order_id("step in")


def test_a_restart_after_its_time_ends_it_before_anything_is_given() -> None:
    rig = led()
    steps_in(rig)
    rig.skip(HOUR_S)
    restarted(rig, trusted=True)
    assert who_leads(rig) == []
    assert "1 of 2" in refused(lifts(rig, DEPUTY, GUARD))


def test_after_a_restart_without_a_clock_nobody_acts_until_it_is_trusted() -> None:
    rig = led()
    steps_in(rig)
    restarted(rig, trusted=False)
    assert who_leads(rig) == []
    assert "1 of 2" in refused(lifts(rig, DEPUTY, GUARD))
    assert is_taken(steps_in(rig, name="anew")), "and he can step in again"
    assert who_leads(rig) == [DEPUTY]
    rig.skip(60)
    trust(rig, True)
    assert who_leads(rig) == [DEPUTY, DEPUTY]


def test_what_was_given_without_a_clock_holds_no_longer_than_anything_can() -> None:
    """Whoever signs while nobody knows the time may write any year."""
    rig = led()
    trust(rig, False)
    century = 50 * 365 * 24 * HOUR_S
    assert is_taken(steps_in(rig, until_s=rig.utc_us // SECOND_US + century))
    assert who_leads(rig) == [DEPUTY]
    (ended,) = of_type(OrderEnded, trust(rig, True))
    assert ended.cause is EndCause.TIME
    assert "1 of 2" in refused(lifts(rig, DEPUTY, GUARD))


def test_without_a_clock_it_ends_after_a_shift() -> None:
    rig = led()
    trust(rig, False)
    steps_in(rig)
    assert not of_type(OrderEnded, goes_by(rig, 8 * HOUR_S - 1))
    assert of_type(OrderEnded, goes_by(rig, 1))


def test_a_clock_that_is_set_right_by_a_little_ends_nothing() -> None:
    rig = led()
    steps_in(rig, until_s=rig.utc_us // SECOND_US + SUCCEED_S_MAX)
    rig.utc_us -= 30 * SECOND_US
    trust(rig, True)
    assert who_leads(rig) == [DEPUTY]


# --- delegation ---------------------------------------------------------------------------------


def test_the_chief_lends_his_place_and_keeps_it() -> None:
    rig = led()
    assert is_taken(lends(rig))
    assert is_taken(lifts(rig, OTHER, CHIEF)), "both count, as two people"


def test_a_delegation_is_limited_to_kinds_of_orders() -> None:
    rig = led()
    lends(rig, kinds=(OrderKind.LOWER, OrderKind.LOCKDOWN))
    assert "1 of 2" in refused(lifts(rig, OTHER, GUARD))
    assert is_taken(gives(rig, OrderKind.LOCKDOWN, "more", OTHER))
    drill = {"drill": True}
    assert "0 of 1" in refused(gives(rig, OrderKind.LOCKDOWN, "drill", OTHER, **drill))


def test_a_delegation_is_limited_to_zones_and_all_inside_them() -> None:
    rig = led()
    gives(rig, OrderKind.LOCKDOWN, "archive", GUARD, zones=("archive",))
    gives(rig, OrderKind.LOCKDOWN, "court", GUARD, zones=("court",))
    lends(rig, zones=("office",))
    assert "1 of 2" in refused(lifts(rig, OTHER, GUARD)), "that was for the whole site"
    for name, taken in (("court", False), ("archive", True)):
        what = {"ends": (order_id(name),)}
        assert is_taken(gives(rig, OrderKind.LIFT, f"lift {name}", OTHER, GUARD, **what)) is taken
    both = {"ends": (order_id("archive"), order_id("attack"))}
    refused(gives(rig, OrderKind.LIFT, "lift both", OTHER, GUARD, **both))
    unknown = {"ends": (order_id("what this edge has not heard of"),)}
    refused(gives(rig, OrderKind.LIFT, "lift unknown", OTHER, GUARD, **unknown))


@pytest.mark.parametrize(("portal", "taken"), [("archive", True), ("gate", False)])
def test_a_portal_lies_in_a_zone_with_both_its_sides(portal: str, taken: bool) -> None:
    unlocking = (
        '[order.unlock]\nroles = ["chief", "guard"]\n[order.end-unlock]\nroles = ["chief"]\n'
    )
    rig = calm(POLICY + LED + unlocking)
    known(rig, everybody())
    lends(rig, zones=("office",))
    until_s = rig.utc_us // SECOND_US + 600
    what = {"portals": (portal,), "until_s": until_s}
    assert is_taken(gives(rig, OrderKind.UNLOCK, "x", OTHER, GUARD, **what)) is taken
    gives(rig, OrderKind.UNLOCK, "y", CHIEF, GUARD, **what)
    ended = {"ends": (order_id("y"),)}
    assert is_taken(gives(rig, OrderKind.END_UNLOCK, "end y", OTHER, **ended)) is taken


def test_a_delegation_is_limited_in_time() -> None:
    rig = led()
    now_s = rig.utc_us // SECOND_US
    assert "at most" in refused(lends(rig, until_s=now_s + DELEGATE_S_MAX + 1))
    assert "time is over" in refused(lends(rig, name="b", until_s=now_s))
    assert "until when" in refused(lends(rig, name="c", until_s=None))
    assert is_taken(lends(rig, name="d", until_s=now_s + DELEGATE_S_MAX))
    goes_by(rig, DELEGATE_S_MAX)
    assert who_leads(rig) == []


def test_nobody_lends_a_place_that_he_has_not_himself() -> None:
    rig = led()
    assert "himself" in refused(lends(rig, OTHER, DEPUTY))
    lends(rig, OTHER)
    assert "0 of 1" in refused(lends(rig, SECOND, OTHER, name="on")), "what was lent to him"
    steps_in(rig)
    assert "himself" in refused(lends(rig, SECOND, DEPUTY, name="as acting chief"))


def test_a_place_that_was_lent_makes_nobody_a_deputy() -> None:
    rig = led()
    assert is_taken(lends(rig, OTHER, DEPUTY, role="deputy"))
    assert "no deputy" in refused(steps_in(rig, OTHER))


def test_the_chief_and_his_own_deputy_are_one_person() -> None:
    rig = led()
    known(rig, everybody(chief={"roles": ("chief", "deputy")}))
    assert is_taken(steps_in(rig, CHIEF))
    assert "1 of 2" in refused(lifts(rig, CHIEF, CHIEF))


def test_who_acts_twice_is_one_person() -> None:
    rig = led()
    lends(rig, DEPUTY)
    steps_in(rig)
    assert who_leads(rig) == [DEPUTY, DEPUTY]
    assert "1 of 2" in refused(lifts(rig, DEPUTY, DEPUTY))


def test_no_agent_of_the_host_state_acts_for_anybody() -> None:
    rig = led()
    assert "host state" in refused(lends(rig, POLICE))
    lends(rig, OTHER, name="b")
    known(rig, everybody(other={"roles": ("staff", "police")}))
    assert "1 of 2" in refused(lifts(rig, OTHER, GUARD)), "not if he is one later either"
    assert who_leads(rig) == []


def test_a_lent_place_opens_no_door() -> None:
    opens = '[[grant]]\nid = "chiefs"\nroles = ["chief"]\nzones = ["court", "lobby"]\n'
    rig = calm(POLICY + LED + opens)
    known(rig, everybody())
    assert is_taken(lends(rig, HolderId("h-fay")))
    (made,) = of_type(DecisionMade, rig.badge("panic", "fay"))
    assert made.decision.code is Code.NO_GRANT
