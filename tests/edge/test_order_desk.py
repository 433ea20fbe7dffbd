"""Orders at a whole edge: files, keys, the desk, doors on a real line."""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from controller import events as ev
from controller.arrival import Arrival
from edge.arrival_words import sentence
from edge.assembly import Edge
from edge.break_glass import make_codes
from edge.control.messages_orders import ArrivalReply, Carrier, OrderReply
from edge.people.pins import PinCost, PinHasher
from edge.signatures import SigningKey
from edge.signed_orders import with_assertion
from policies.codes import Code
from policies.facts import Mode
from tests.edge.checks import ready, without_a_journal
from tests.edge.house import ADA, FIRE_LOOP, FRONT, FRONT_CONTACT, House, bodies, running, until
from tests.edge.ordered import asserted, security_key
from tests.edge.ordering import (
    ANNA,
    ANNA_TOO,
    BEN,
    CARL,
    STRANGER,
    evacuate,
    id_of,
    lift,
    lockdown,
    ordered_house,
)

WHO = "smith"
CHEAP = PinHasher(PinCost(time_cost=1, memory_kib=8))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return ordered_house(tmp_path)


def scene(house: House, what: Callable[[Edge], Awaitable[None]]) -> None:
    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            await what(edge)

    asyncio.run(run())


async def gives(edge: Edge, envelope: bytes) -> OrderReply:
    return await edge.desk.orders.give(envelope, Carrier.FILE, "", WHO)


async def come(
    edge: Edge, order: str, enough: Callable[[ArrivalReply], bool], within_s: float = 20
) -> ArrivalReply:
    """How far an order is as soon as it is so far."""
    async with asyncio.timeout(within_s), aclosing(edge.desk.orders.follow(order)) as following:
        async for reply in following:
            if enough(reply):
                return reply
    raise AssertionError("it ended before")


def obeyed(count: int) -> Callable[[ArrivalReply], bool]:
    return lambda reply: sum(one.obeyed for one in reply.portals) == count


async def code(edge: Edge, house: House, badge: bytes = ADA) -> Code:
    """What is decided about a badge at the front door."""
    before = len(await bodies(edge, ev.DecisionMade))
    house.badge("front-in", badge)
    last = (await until(edge, ev.DecisionMade, before + 1))[-1]
    assert isinstance(last, ev.DecisionMade)
    return last.decision.code


def test_a_lockdown_locks_every_door_and_says_so(house: House) -> None:
    async def what(edge: Edge) -> None:
        reply = await gives(edge, lockdown())
        assert (reply.accepted, reply.standing, reply.recorded) == (True, True, True), reply
        assert reply.reason == "lockdown of the whole site"
        arrival = await come(edge, reply.order, obeyed(2))
        said = sentence(arrival, edge.daemon.site.policy.zone)
        assert said.startswith("2 of 2 obeyed in 0."), said
        assert await code(edge, house) is Code.LOCKDOWN
        posture = edge.desk.orders.posture()
        assert posture.mode is Mode.LOCKDOWN
        assert {zone.zone: zone.mode for zone in posture.zones} == {
            "street": Mode.NORMAL,
            "hall": Mode.LOCKDOWN,
            "vault": Mode.LOCKDOWN,
        }
        house.board.set_input(FRONT_CONTACT, True)
        await come(edge, reply.order, obeyed(1))
        house.board.set_input(FRONT_CONTACT, False)
        again = await come(edge, reply.order, obeyed(2))
        assert again.took_ms == arrival.took_ms, "a door that is used later obeyed long ago"
        (shown,) = (await edge.desk.orders.listed()).orders
        assert (shown.signed_by, shown.operator, shown.path) == ("Anna", WHO, "file")
        assert (shown.obeyed, shown.portals) == (2, 2)

    scene(house, what)


def test_two_people_lift_it_and_nothing_less_does(house: House) -> None:
    async def what(edge: Edge) -> None:
        given = await gives(edge, lockdown())
        for keys in ((ANNA,), (ANNA, ANNA_TOO)):
            refused = await gives(edge, lift(given.order, keys=keys))
            assert (refused.accepted, refused.reason) == (
                False,
                "1 of 2 people have signed it",
            )
            assert "order sign" in refused.remedy
        assert await code(edge, house) is Code.LOCKDOWN
        reply = await gives(edge, lift(given.order))
        assert (reply.accepted, reply.standing) == (True, False), reply
        assert f"ended: {given.order[:12]}" in reply.reason
        assert await code(edge, house) is Code.GRANTED
        assert edge.desk.orders.posture().mode is Mode.NORMAL

    scene(house, what)


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ((CARL,), "may not sign orders"),
        ((STRANGER,), "does not know"),
        ((ANNA, STRANGER), "does not know"),
    ],
)
def test_what_nobody_signed_who_may_is_refused_and_on_record(
    house: House, keys: tuple[SigningKey, ...], why: str
) -> None:
    async def what(edge: Edge) -> None:
        for number in range(3):
            reply = await gives(edge, lockdown(*keys))
            assert not reply.accepted
            assert why in reply.reason
            assert reply.remedy
            assert len(await bodies(edge, ev.OrderRefused)) == number + 1
        assert len(await bodies(edge, ev.OrdersSuspected)) == 1
        assert await code(edge, house) is Code.GRANTED

    scene(house, what)


def test_garbage_is_refused_with_a_remedy(house: House) -> None:
    async def what(edge: Edge) -> None:
        whole = lockdown()
        for data in (b"", b"{}", whole[:-9], whole[:200] + whole, b"x" * 4096):
            reply = await gives(edge, data)
            assert (reply.accepted, bool(reply.reason), bool(reply.remedy)) == (False, True, True)
        assert not await bodies(edge, ev.OrderAccepted)

    scene(house, what)


def test_the_same_order_twice_is_one_and_a_lift_that_came_first_has_ended_it(house: House) -> None:
    async def what(edge: Edge) -> None:
        envelope, other = lockdown(), lockdown()
        await gives(edge, envelope)
        again = await gives(edge, envelope)
        assert (again.accepted, again.already, again.standing) == (True, True, True)
        assert len(await bodies(edge, ev.OrderAccepted)) == 1
        early = await gives(edge, lift(id_of(house, other)))
        assert early.accepted
        assert "never will be" in early.reason
        late = await gives(edge, other)
        assert (late.accepted, late.reason) == (False, "it was ended before")
        union = await edge.desk.orders.take(other, "union")
        assert not union.accepted, "the core says nothing of what others hand on for days"
        assert union.remedy
        (one,) = (await edge.desk.orders.listed()).orders
        assert one.order == again.order

    scene(house, what)


def test_a_door_that_stands_open_is_named_until_somebody_closes_it(house: House) -> None:
    async def what(edge: Edge) -> None:
        house.board.set_input(FRONT_CONTACT, True)
        await until(edge, ev.PortalForced)
        given = await gives(edge, lockdown())
        zone = edge.daemon.site.policy.zone
        arrival = await come(edge, given.order, obeyed(1))
        assert "1 of 2 obeyed" in sentence(arrival, zone)
        assert "missing: front (stands open)" in sentence(arrival, zone)
        assert not arrival.portals[0].obeyed
        house.board.set_input(FRONT_CONTACT, False)
        await come(edge, given.order, obeyed(2))

    scene(house, what)


def test_doors_whose_device_is_gone_are_named_and_obey_when_it_is_back(house: House) -> None:
    async def what(edge: Edge) -> None:
        house.board.silent = True
        await until(edge, ev.PortalLost, 2)
        edge.desk.orders.arrivals.look()  # as its task does within milliseconds
        given = await gives(edge, lockdown())
        arrival = await come(edge, given.order, lambda _: True)
        said = sentence(arrival, edge.daemon.site.policy.zone)
        assert said.startswith("0 of 2 obeyed; missing: front (board offline since "), said
        assert {one.arrival for one in arrival.portals} == {Arrival.UNKNOWN}
        (shown,) = (await edge.desk.orders.listed()).orders
        assert shown.given_utc_us is not None
        assert all(one.since_utc_us < shown.given_utc_us for one in arrival.portals)
        house.board.silent = False
        # Of a machine that is busy it may be gone for so long that it counts as a fire.
        await come(
            edge,
            given.order,
            lambda reply: all(one.obeyed or one.released for one in reply.portals),
        )

    scene(house, what)


def test_a_restart_keeps_the_lockdown_and_nobody_enters_meanwhile(house: House) -> None:
    async def run() -> None:
        async with house.line():
            async with running(house) as edge:
                await ready(edge)
                given = await gives(edge, lockdown())
                await come(edge, given.order, obeyed(2))
            before = len(house.opened_at(FRONT))
            async with running(house) as edge:
                house.badge("front-in", ADA)
                await until(edge, ev.EdgeReady, 2)
                arrival = await come(edge, given.order, obeyed(2))
                assert arrival.took_ms is None, "nobody counts from before the start"
                assert await code(edge, house) is Code.LOCKDOWN
                granted = [
                    one
                    for one in await bodies(edge, ev.DecisionMade)
                    if one.decision.code is Code.GRANTED
                ]
                assert not granted
                lifted = await gives(edge, lift(given.order))
                assert lifted.accepted, lifted
            assert len(house.opened_at(FRONT)) == before
            async with running(house) as edge:
                await until(edge, ev.EdgeReady, 3)
                again = await gives(edge, lift(given.order))
                assert (again.accepted, again.already) == (True, True)
                assert not (await edge.desk.orders.listed()).orders

    asyncio.run(run())


def test_a_lockdown_acts_while_the_journal_cannot_be_written(house: House) -> None:
    async def what(edge: Edge) -> None:
        free, stalled = await without_a_journal(edge)
        given = await gives(edge, lockdown())
        assert (given.accepted, given.standing, given.recorded) == (True, True, False)
        await come(edge, given.order, obeyed(2))
        free.set()
        await stalled
        await until(edge, ev.JournalRestored)
        assert len(await bodies(edge, ev.OrderAccepted)) == 1

    scene(house, what)


def test_an_evacuation_that_came_late_frees_nothing_until_somebody_says_so(house: House) -> None:
    async def what(edge: Edge) -> None:
        given = await gives(edge, evacuate(accept_until_s=int(time.time()) - 5))
        assert (given.accepted, given.late) == (True, True), given
        (shown,) = (await edge.desk.orders.listed()).orders
        assert shown.late
        assert await code(edge, house) is Code.EVACUATION_ENTRY
        assert not await bodies(edge, ev.EgressReleased)
        unknown = await edge.desk.orders.confirm("0" * 64, WHO)
        assert (unknown.accepted, bool(unknown.remedy)) == (False, True)
        confirmed = await edge.desk.orders.confirm(given.order, WHO)
        assert confirmed.accepted, confirmed
        await until(edge, ev.EgressReleased)
        arrival = await come(
            edge,
            given.order,
            lambda reply: any(one.arrival is Arrival.FREED for one in reply.portals),
        )
        assert {one.portal for one in arrival.portals if one.arrival is Arrival.FREED} == {
            "vault-door"
        }
        assert not (await edge.desk.orders.confirm(given.order, WHO)).accepted, "once is enough"

    scene(house, what)


def test_following_ends_with_the_order(house: House) -> None:
    async def what(edge: Edge) -> None:
        given = await gives(edge, lockdown())
        following = asyncio.create_task(come(edge, given.order, lambda reply: not reply.in_force))
        await gives(edge, lift(given.order))
        reply = await following
        assert (reply.portals, reply.in_force) == ((), False)

    scene(house, what)


def test_orders_are_carried_from_edge_to_edge(tmp_path: Path) -> None:
    """No broker anywhere: what is in force at one is given to the other as files."""
    (tmp_path / "gate").mkdir()
    (tmp_path / "annex").mkdir()
    gate, annex = (ordered_house(tmp_path / name, edge=name) for name in ("gate", "annex"))

    async def run() -> None:
        async with gate.line(), annex.line(), running(gate) as here, running(annex) as there:
            await ready(here)
            await ready(there)
            first, second = await gives(here, lockdown()), await gives(here, lockdown(BEN))
            await gives(here, lift(first.order))
            files = here.desk.orders.files("").files
            assert sorted(one.order_kind for one in files) == ["", "lockdown"]
            for file in sorted(files, key=lambda one: one.order_kind):
                assert (await gives(there, file.envelope.encode())).accepted
            await come(there, second.order, obeyed(2))
            assert await code(there, annex) is Code.LOCKDOWN
            assert not (await gives(there, lockdown(ANNA))).already
            listed = {one.order for one in (await there.desk.orders.listed()).orders}
            assert first.order not in listed
            assert second.order in listed

    asyncio.run(run())


def test_a_fire_during_lockdown_frees_the_way_out_and_keeps_the_door_shut(house: House) -> None:
    async def what(edge: Edge) -> None:
        given = await gives(edge, lockdown())
        await come(edge, given.order, obeyed(2))
        house.board.set_input(FIRE_LOOP, False)
        await until(edge, ev.EgressReleased)
        assert await code(edge, house) in {Code.LOCKDOWN, Code.FIRE_ENTRY}
        assert edge.desk.orders.posture().fires == ("panel",)
        arrival = await come(edge, given.order, obeyed(1))
        assert {one.arrival for one in arrival.portals if not one.obeyed} == {Arrival.OPEN}
        said = sentence(arrival, edge.daemon.site.policy.zone)
        assert "missing: vault-door (released for the way out)" in said

    scene(house, what)


def test_a_break_glass_code_stands_for_one_person_once(house: House) -> None:
    one, other = make_codes(house.folder / "state", 2, CHEAP)

    async def what(edge: Edge) -> None:
        given = await gives(edge, lockdown())

        async def lifts(code: str) -> OrderReply:
            envelope = lift(given.order, keys=(ANNA,))
            return await edge.desk.orders.give(envelope, Carrier.FILE, code, WHO)

        wrong = await lifts(one.code[:-4] + "ZZZZ")
        assert (wrong.accepted, wrong.reason) == (False, "no such break-glass code")
        assert (await lifts(one.code)).accepted
        (lifted,) = [body for body in await bodies(edge, ev.OrderAccepted) if body.order.ends]
        assert (lifted.people, lifted.break_glass) == (1, one.id)
        given = await gives(edge, lockdown())
        used = await lifts(one.code)
        assert (used.accepted, "used" in used.reason) == (False, True), used
        assert (await lifts(other.code)).accepted

    scene(house, what)


def test_two_orders_with_one_count_of_a_security_key_are_a_copied_key(tmp_path: Path) -> None:
    device, trusted = security_key(count=7)
    house = ordered_house(tmp_path)
    with (tmp_path / "site.toml").open("a") as file:
        text = base64.b64encode(device.attested).decode()
        file.write(f'\n[key.stick]\nperson = "Dora"\nfido2 = "{text}"\nmay = ["order"]\n')

    def asserts(envelope: bytes) -> bytes:
        return with_assertion(envelope, asserted(device, envelope), (trusted,), "house")[0]

    async def what(edge: Edge) -> None:
        first, second = await gives(edge, lockdown()), await gives(edge, lockdown())
        device.count = 7
        good = await gives(edge, asserts(lift(first.order, keys=(ANNA,))))
        assert good.accepted, good
        device.count = 7
        copied = await gives(edge, asserts(lift(second.order, keys=(ANNA,))))
        assert not copied.accepted
        assert "two of the security key" in copied.reason
        assert await code(edge, house) is Code.LOCKDOWN

    scene(house, what)


def test_a_drill_that_works_no_lock_waits_for_none(house: House) -> None:
    async def what(edge: Edge) -> None:
        until_s = int(time.time()) + 600
        given = await gives(edge, lockdown(drill=True, moves=False, until_s=until_s))
        assert (given.accepted, given.reason) == (True, "drill: lockdown of the whole site")
        arrival = await come(edge, given.order, lambda _: True)
        assert arrival.portals == ()
        assert sentence(arrival, edge.daemon.site.policy.zone).startswith("no portal")
        assert await code(edge, house) is Code.GRANTED

    scene(house, what)


def test_a_challenge_makes_orders_count_again(house: House) -> None:
    async def what(edge: Edge) -> None:
        first = await edge.desk.orders.challenge(WHO)
        second = await edge.desk.orders.challenge(WHO)
        assert first.challenge != second.challenge
        assert len(await bodies(edge, ev.CountersChallenged)) == 2

    scene(house, what)
