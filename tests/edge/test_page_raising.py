"""Raising at a page: what one person orders by holding a button, and what she cannot."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from controller import events as ev
from controller.events import decode_entry
from controller.events_points import PanicRaised
from edge import page_holds
from edge.assembly import Edge
from edge.config import ConfigError
from edge.control.messages_orders import Carrier
from edge.control.messages_page_orders import RaisedKind, RaiseFromPage
from edge.order_key import order_key
from edge.present import line
from edge.tone import Tone
from policies.codes import Code
from policies.facts import Mode
from policies.rights import OrderKind
from tests.edge.checks import ready, without_a_journal
from tests.edge.house import House, bodies, running
from tests.edge.paged import ADA, BOB, Keys, held, paged_house, passed
from tests.edge.test_order_desk import code

LOCKDOWN = RaisedKind.LOCKDOWN
STAFF_LOCKS = '\n[order.lockdown]\nroles = ["staff"]\n'
TWO_LOCK = '\n[order.lockdown]\nroles = ["staff"]\npeople = 2\n'


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long is held is tried in `test_page_holds`, and over the pages' socket."""
    monkeypatch.setattr(page_holds, "EARLY_US", 0)


def scene(house: House, what: Callable[[Edge], Awaitable[None]]) -> None:
    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            await what(edge)

    asyncio.run(run())


async def accepted(edge: Edge) -> list[ev.OrderAccepted]:
    return [
        one for one in await bodies(edge, ev.OrderAccepted) if isinstance(one, ev.OrderAccepted)
    ]


def test_a_button_held_is_a_lockdown_by_the_edges_own_key_in_her_name(
    tmp_path: Path, keys: Keys
) -> None:
    house = paged_house(tmp_path, keys, STAFF_LOCKS)

    async def what(edge: Edge) -> None:
        reply = await held(edge, ADA, LOCKDOWN)
        assert (reply.accepted, reply.standing, reply.recorded) == (True, True, True), reply
        assert await code(edge, house) is Code.LOCKDOWN
        (given,) = await accepted(edge)
        own = order_key(tmp_path / "state")
        assert (given.people, given.keys, given.path) == (0, (own.id,), "page")
        assert (given.order.kind, given.order.source, given.order.reason) == (
            OrderKind.LOCKDOWN,
            "",
            "shots",
        )
        (shown,) = (await edge.desk.orders.listed()).orders
        assert (shown.operator, shown.path) == (ADA.person, "page")
        again = await edge.desk.orders.give(given.order.envelope.encode(), Carrier.FILE, "", "x")
        assert (again.accepted, again.already) == (True, True), "other edges take it as a file"

    scene(house, what)


def test_of_whoever_has_no_role_for_it_nothing_is_locked_and_it_is_on_record(
    tmp_path: Path, keys: Keys
) -> None:
    async def what(edge: Edge) -> None:
        reply = await held(edge, BOB, LOCKDOWN)
        assert (reply.accepted, reply.standing) == (False, False)
        assert "staff" in reply.reason
        assert edge.desk.orders.posture().mode is Mode.NORMAL
        assert len(await bodies(edge, ev.OrderRefused)) == 1
        assert await accepted(edge) == []

    scene(paged_house(tmp_path, keys, STAFF_LOCKS), what)


def test_where_the_policy_wants_two_one_button_is_not_enough(tmp_path: Path, keys: Keys) -> None:
    async def what(edge: Edge) -> None:
        reply = await held(edge, ADA, LOCKDOWN)
        assert not reply.accepted
        assert "1 of 2" in reply.reason
        assert "draft" in reply.remedy

    scene(paged_house(tmp_path, keys, TWO_LOCK), what)


def test_one_press_is_one_order_however_often_it_comes(tmp_path: Path, keys: Keys) -> None:
    async def what(edge: Edge) -> None:
        desk = edge.desk.page_orders
        armed = desk.arm(ADA)
        await passed(edge, armed.after_ms)
        press = RaiseFromPage(
            kind=LOCKDOWN, held=armed.token, request="press-01", reason="shots", zones=("vault",)
        )
        first, second = await asyncio.gather(desk.raised(press, ADA), desk.raised(press, ADA))
        assert first.order == second.order
        assert (first.already, second.already) == (False, True)
        other = await desk.raised(replace(press, zones=()), ADA)
        assert (other.accepted, other.order) == (False, ""), "the same press says something else"
        assert not (await desk.raised(replace(press, request="press-02"), ADA)).accepted
        assert len(await accepted(edge)) == 1
        longer = await held(edge, ADA, LOCKDOWN, "press-02")
        assert longer.order != first.order, "another press is another order"

    scene(paged_house(tmp_path, keys), what)


CONTRADICTIONS: tuple[tuple[RaisedKind, dict[str, object], str], ...] = (
    (LOCKDOWN, {"zones": ("vaul",)}, "no zone 'vaul'"),
    (LOCKDOWN, {"level": 3}, "takes no 'level'"),
    (RaisedKind.RAISE, {}, "needs 'level'"),
    (RaisedKind.END_DRILL, {}, "needs 'ends'"),
    (LOCKDOWN, {"until_s": 4_000_000_000}, "a drill alone ends by a time"),
    (LOCKDOWN, {"moves": False}, "in a drill alone"),
)


def test_what_contradicts_itself_is_refused_with_a_remedy(tmp_path: Path, keys: Keys) -> None:
    async def what(edge: Edge) -> None:
        for number, (kind, said, why) in enumerate(CONTRADICTIONS):
            reply = await held(edge, ADA, kind, f"press-{number:02}", **said)
            assert not reply.accepted
            assert why in reply.reason
            assert reply.remedy
        assert edge.desk.orders.posture().mode is Mode.NORMAL

    scene(paged_house(tmp_path, keys), what)


def test_every_kind_that_one_person_orders_does_what_it_says(tmp_path: Path, keys: Keys) -> None:
    async def what(edge: Edge) -> None:
        def stands() -> list[tuple[str, bool]]:
            in_force = edge.daemon.site.state.orders.in_force.values()
            return sorted((str(one.order.kind), one.order.drill) for one in in_force)

        drill = await held(edge, ADA, RaisedKind.EVACUATE, "press-01", drill=True, moves=False)
        assert stands() == [("evacuate", True)]
        ended = await held(edge, ADA, RaisedKind.END_DRILL, "press-02", ends=(drill.order,))
        assert ended.accepted, ended
        assert stands() == []
        for number, (kind, said) in enumerate(
            (
                (RaisedKind.LOCKDOWN, {"cover": "perimeter"}),
                (RaisedKind.SHELTER, {"zones": ("vault",)}),
                (RaisedKind.EVACUATE, {}),
                (RaisedKind.RAISE, {"level": 4}),
            )
        ):
            assert (await held(edge, ADA, kind, f"press-1{number}", **said)).accepted
        kinds = [("evacuate", False), ("lockdown", False), ("raise", False), ("shelter", False)]
        assert stands() == kinds

    scene(paged_house(tmp_path, keys), what)


def test_without_a_journal_it_locks_all_the_same(tmp_path: Path, keys: Keys) -> None:
    house = paged_house(tmp_path, keys)

    async def what(edge: Edge) -> None:
        free, stalled = await without_a_journal(edge)
        reply = await held(edge, ADA, LOCKDOWN)
        assert (reply.accepted, reply.recorded) == (True, False)
        assert edge.desk.orders.posture().mode is Mode.LOCKDOWN
        free.set()
        await stalled

    scene(house, what)


# --- panic --------------------------------------------------------------------------------------


def test_whoever_calls_for_help_is_heard_under_her_name(tmp_path: Path, keys: Keys) -> None:
    async def what(edge: Edge) -> None:
        desk = edge.desk.page_orders
        reply = await desk.panic("he has a knife", BOB)
        assert (reply.alarmed, reply.given, reply.recorded) == (True, None, True)
        (entry,) = [
            one
            for one in await edge.daemon.writer.read(1, 10_000, 64 * 1024 * 1024)
            if decode_entry(one.entry).kind == "panic-raised"
        ]
        said = decode_entry(entry.entry)
        assert b"knife" not in entry.entry, "what was said lies beside the entry"
        told = line(said, entry.personal, edge.daemon.site.policy.zone)
        assert told.tone is Tone.ALARM
        assert "PANIC at terminal gate, 2 calls for help: he has a knife" in told.text
        assert edge.desk.orders.posture().mode is Mode.NORMAL, "nothing else was asked for"

    scene(paged_house(tmp_path, keys), what)


PANIC = """
[terminal.gate]
panic = { gives = "lockdown", reason = "help at the gate", zones = ["vault"] }
"""


def test_a_terminal_gives_what_its_panic_button_would(tmp_path: Path, keys: Keys) -> None:
    house = paged_house(tmp_path, keys, STAFF_LOCKS)
    with (tmp_path / "site.toml").open("a") as file:
        file.write(PANIC)

    async def what(edge: Edge) -> None:
        desk = edge.desk.page_orders
        elsewhere = await desk.panic("", ADA)
        assert (elsewhere.alarmed, elsewhere.given) == (True, None)
        first, second = await asyncio.gather(desk.panic("", BOB), desk.panic("", BOB))
        assert first.given is not None
        assert second.given is not None
        assert (first.given.accepted, first.given.already) == (True, False), "of whichever role"
        assert (second.given.order, second.given.already) == (first.given.order, True)
        (given,) = await accepted(edge)
        assert (given.order.zones, given.order.source, given.path) == (("vault",), "gate", "page")
        assert len(await bodies(edge, PanicRaised)) == 3, "each call is told"
        (shown,) = (await edge.desk.orders.listed()).orders
        assert shown.operator == "2"

    scene(house, what)


@pytest.mark.parametrize(
    ("instead", "why"),
    [
        (('"vault"', '"valt"'), "no zone 'valt'"),
        (('gives = "lockdown"', 'gives = "raise"'), "'raise' and 'level' belong together"),
        (('gives = "lockdown"', 'gives = "lift"'), "lift"),
    ],
)
def test_what_no_terminal_could_give_is_refused_when_it_is_read(
    tmp_path: Path, keys: Keys, instead: tuple[str, str], why: str
) -> None:
    house = paged_house(tmp_path, keys)
    with (tmp_path / "site.toml").open("a") as file:
        file.write(PANIC.replace(*instead))
    with pytest.raises(ConfigError, match=why):
        house.config()
