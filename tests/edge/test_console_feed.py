"""The console's stream: whole at each change, else quiet, and who does not obey by name."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import UTC
from pathlib import Path

import pytest

from controller import events as ev
from edge import console_feed, order_showing
from edge.assembly import Edge
from edge.control.messages_orders import Carrier
from edge.control.messages_page_orders import (
    ConsoleHeartbeat,
    ConsoleState,
    RaisedKind,
    ReadDrillReport,
    SomebodyNamed,
)
from edge.gate_sight import Sight
from edge.web.console_words import console_view
from edge.web.words import languages
from policies.facts import Mode
from policies.rights import ProtectedShown
from tests.edge.house import ADA as BADGE
from tests.edge.house import FRONT_CONTACT, House, until
from tests.edge.ordering import lockdown
from tests.edge.paged import ADA, BOB, Keys, held, paged_house
from tests.edge.test_drafts import drafted, locked, signs
from tests.edge.test_page_raising import at_once, scene

__all__ = ["at_once"]

Stream = AsyncGenerator[ConsoleState | ConsoleHeartbeat, None]


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def house(tmp_path: Path, keys: Keys) -> House:
    return paged_house(tmp_path, keys)


async def shows(stream: Stream, enough: Callable[[ConsoleState], bool]) -> ConsoleState:
    """The first state that does."""
    async with asyncio.timeout(20):
        async for told in stream:
            if isinstance(told, ConsoleState) and enough(told):
                return told
    raise AssertionError("it ended before")


def test_doors_confirm_one_by_one_and_the_missing_ones_have_names(
    house: House, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console_feed, "HEARTBEAT_S", 3600)  # it is told, not looked up

    async def what(edge: Edge) -> None:
        house.board.set_input(FRONT_CONTACT, True)
        await until(edge, ev.PortalForced)
        async with aclosing(edge.desk.page_orders.follow_console(BOB)) as stream:
            begun = await shows(stream, lambda state: True)
            assert (begun.posture.mode, begun.orders, begun.came) == (Mode.NORMAL, (), ())
            assert {door.id for door in begun.doors} == {"front", "vault-door"}
            assert begun.central is None
            order = (await held(edge, ADA, RaisedKind.LOCKDOWN)).order
            partly = await shows(stream, lambda s: bool(s.came) and s.came[0].missing == ("front",))
            (shown,), (came,) = partly.orders, partly.came
            assert (shown.order, shown.operator, came.order) == (order, "1", order)
            assert {zone.zone: zone.mode for zone in partly.posture.zones}["hall"] is Mode.LOCKDOWN
            house.board.set_input(FRONT_CONTACT, False)
            all_of = await shows(stream, lambda s: s.came[0].missing == ())
            assert all(one.obeyed for one in all_of.came[0].portals)
            assert all_of.came[0].took_ms is not None
            draft = await drafted(edge, order)
            waits = await shows(stream, lambda s: bool(s.drafts))
            assert (waits.drafts[0].draft, waits.drafts[0].yours) == (draft.draft, False)
            await signs(edge, draft, keys.ada)
            await shows(stream, lambda s: s.drafts[0].signed_by == ("Ada Lovelace",))
            await signs(edge, draft, keys.bob)
            ended = await shows(stream, lambda s: not s.orders)
            assert (ended.posture.mode, ended.drafts) == (Mode.NORMAL, ())

    scene(house, what)


def test_where_nothing_changes_it_beats_and_says_nothing_twice(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console_feed, "HEARTBEAT_S", 0.05)

    async def what(edge: Edge) -> None:
        async with aclosing(edge.desk.page_orders.follow_console(ADA)) as stream:
            assert isinstance(await anext(stream), ConsoleState)
            beats = [await anext(stream) for _ in range(3)]
            assert all(isinstance(one, ConsoleHeartbeat) for one in beats)

    scene(house, what)


def test_who_is_inside_is_told_by_zone(house: House) -> None:
    async def what(edge: Edge) -> None:
        async with aclosing(edge.desk.page_orders.follow_console(ADA)) as stream:
            await shows(stream, lambda s: {one.people for one in s.inside} == {0})
            house.badge("front-in", BADGE)
            await until(edge, ev.PortalGranted)
            house.board.set_input(FRONT_CONTACT, True)
            told = await shows(stream, lambda s: any(one.people for one in s.inside))
            assert [one.zone for one in told.inside if one.people] == ["hall"]
            house.board.set_input(FRONT_CONTACT, False)

    scene(house, what)


@pytest.mark.parametrize("protected", [False, True])
def test_who_ordered_is_named_to_whom_the_policy_shows_him(
    house: House, tmp_path: Path, *, protected: bool
) -> None:
    if protected:
        file = tmp_path / "policy.toml"
        text = file.read_text()
        assert "[role.staff]\n" in text
        file.write_text(text.replace("[role.staff]\n", "[role.staff]\nprotected = true\n"))
    chief = BOB._replace(sight=Sight(protected=ProtectedShown.NAME))
    guard = BOB._replace(sight=Sight(protected=ProtectedShown.STATUS))
    away = chief._replace(sight=Sight(protected=ProtectedShown.NAME, people=False))

    async def what(edge: Edge) -> None:
        await held(edge, ADA, RaisedKind.LOCKDOWN)
        ada = SomebodyNamed(person="1", name="Ada L")
        for by, named in ((chief, True), (guard, not protected), (away, False)):
            state = await edge.desk.page_orders.console(by)
            assert state.people == ((ada,) if named else ())
            (shown,) = console_view(state, languages()["en"], UTC).orders
            assert shown.about.startswith("Ada L, " if named else "1, ")

    scene(house, what)


def test_the_journal_is_read_once_for_an_order_however_many_look(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    honest = order_showing._given_by
    monkeypatch.setattr(order_showing, "_given_by", lambda stored: read.append(1) or honest(stored))

    async def what(edge: Edge) -> None:
        await edge.desk.orders.give(lockdown(), Carrier.FILE, "", "smith")
        for by in (ADA, BOB, ADA):
            state = await edge.desk.page_orders.console(by)
            assert state.orders[0].signed_by == "Anna"
        house.badge("front-in", BADGE)
        await until(edge, ev.DecisionMade)
        assert (await edge.desk.page_orders.console(ADA)).orders[0].operator == "smith"
        assert len(read) == 1

    scene(house, what)


def test_an_order_whose_people_changed_is_read_anew(house: House) -> None:
    """Names may have been erased meanwhile."""

    async def what(edge: Edge) -> None:
        order = await locked(edge)
        showing = edge.desk.orders._showing
        await edge.desk.page_orders.console(ADA)
        assert order in showing._known
        showing._known_of = object()
        await edge.desk.page_orders.console(ADA)
        await edge.desk.orders.listed()
        assert showing._known_of is edge.daemon.people.roll

    scene(house, what)


def test_drills_are_listed_and_told(house: House) -> None:
    async def what(edge: Edge) -> None:
        desk = edge.desk.page_orders
        drill = await held(edge, ADA, RaisedKind.LOCKDOWN, "press-01", drill=True)
        await held(edge, ADA, RaisedKind.END_DRILL, "press-02", ends=(drill.order,))
        async with asyncio.timeout(20):
            while not (listed := await desk.drills()).drills or not listed.drills[0].ended_utc_us:
                await asyncio.sleep(0.02)
        assert [(one.order, one.order_kind) for one in listed.drills] == [(drill.order, "lockdown")]
        parts = [one async for one in desk.drill_report(ReadDrillReport(order=drill.order))]
        html = "".join(one.html for one in parts)
        assert "Drill of lockdown at house, edge gate" in html
        assert [one.ends for one in parts] == [False] * (len(parts) - 1) + [True]
        (none,) = [one async for one in desk.drill_report(ReadDrillReport(order="ab" * 32))]
        assert (none.html, none.ends) == ("", True)
        assert "no drill" in none.reason

    scene(house, what)
