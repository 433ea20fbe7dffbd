"""The daemon with a real pty, a real journal and real time."""

import asyncio
from pathlib import Path

import pytest

from controller import events as ev
from controller.effects import AskToClose, LockEffect, SecurePortal
from controller.ids import EffectId, PortalId
from controller.portal import Contact, State
from drivers.osdp import messages as osdp
from policies.codes import Code
from tests.edge import checks
from tests.edge import house as houses
from tests.edge.checks import ready
from tests.edge.house import (
    ADA,
    BOB,
    FIRE_LOOP,
    FRONT,
    FRONT_CONTACT,
    FRONT_REX,
    PIN,
    VAULT,
    VAULT_CONTACT,
    House,
    bodies,
    running,
    until,
)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.mark.parametrize(
    "check",
    [
        checks.strike_waits_for_the_disk,
        checks.lockdown_while_committing_withdraws_the_strike,
        checks.late_strike_is_never_sent,
        checks.restart_in_a_fire_secures_nothing_released,
    ],
    ids=lambda check: check.__name__,
)
def test_it_holds_that(check, house: House) -> None:
    async def run() -> None:
        async with house.line() as line:
            await check(house, line)

    asyncio.run(run())


def test_a_badge_with_a_role_opens_and_the_passage_is_seen(house: House) -> None:
    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            house.badge("front-in", ADA)
            await until(edge, ev.PortalGranted)
            house.board.set_input(FRONT_CONTACT, True)
            (passage,) = await until(edge, ev.PassageMade)
            house.board.set_input(FRONT_CONTACT, False)
            await until(edge, ev.PortalClosed)
            (decision,) = await bodies(edge, ev.DecisionMade)
            assert decision.decision.code is Code.GRANTED
            assert passage.attempt == decision.attempt
            assert len(house.opened_at(FRONT)) == 1

    asyncio.run(run())


def test_a_badge_without_a_role_is_refused_with_the_reason(house: House) -> None:
    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            house.badge("front-in", BOB)
            (decision,) = await until(edge, ev.DecisionMade)
            assert decision.decision.code is Code.NO_GRANT
            await asyncio.sleep(0.2)
            assert house.opened_at(FRONT) == []

    asyncio.run(run())


@pytest.mark.parametrize(("keys", "granted"), [(PIN + "#", True), ("0000#", False)])
def test_a_pin_decides_where_the_zone_asks_for_one(house: House, keys: str, granted: bool) -> None:
    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            house.badge("vault-in", ADA)
            await until(edge, ev.FactorAsked)
            house.readers["vault-in"].press_keys(keys)
            (decision,) = await until(edge, ev.DecisionMade)
            assert decision.decision.granted is granted
            await asyncio.sleep(0.2)
            assert (house.board.outputs[VAULT] is False) is granted, "the magnet holds, or lets go"

    asyncio.run(run())


def test_every_reader_of_a_portal_asks_for_it_to_be_closed(house: House) -> None:
    policy = house.folder / "policy.toml"
    at = policy.read_text().index("[portal.vault-door]")
    early = policy.read_text()[at:].replace("held-s = 3", "held-s = 3\npre-alarm-s = 2.5", 1)
    policy.write_text(policy.read_text()[:at] + early)

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            house.badge("vault-out", ADA)
            await until(edge, ev.PortalGranted)
            house.board.set_input(VAULT_CONTACT, True)
            (asked,) = await until(edge, ev.CloseAsked)
            assert isinstance(asked, ev.CloseAsked)
            assert asked.portal == "vault-door"
            async with asyncio.timeout(5):
                while not (reminded("vault-in") and reminded("vault-out")):
                    await asyncio.sleep(0.01)
            assert not reminded("front-in")

    def reminded(reader: str) -> bool:
        heard = [message for _, message in house.readers[reader].executed]
        return any(isinstance(one, osdp.Buzzer) and one.count == 4 for one in heard)

    asyncio.run(run())


def test_what_became_of_a_reminder_is_worth_no_line() -> None:
    about = {"id": EffectId("7.0"), "cause": 7, "not_after_us": None, "drill": False}
    assert not isinstance(AskToClose(portal=PortalId("front"), **about), LockEffect)
    assert isinstance(SecurePortal(portal=PortalId("front"), **about), LockEffect)


def test_an_opening_after_a_request_to_exit_is_explained(house: House) -> None:
    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            house.board.set_input(FRONT_REX, True)
            await until(edge, ev.ExitRequested)
            house.board.set_input(FRONT_CONTACT, True)
            await until(edge, ev.PortalOpened)
            assert await bodies(edge, ev.PortalForced) == []

    asyncio.run(run())


def test_an_opening_that_nothing_explains_is_forced(house: House) -> None:
    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            house.board.set_input(FRONT_CONTACT, True)
            await until(edge, ev.PortalForced)

    asyncio.run(run())


@pytest.fixture
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """The front door's lock on the board, its contact alone on another device."""
    device, contact = 'key = "vault-out.key"', 'contact = {{ device = "board", input = 0 }}'
    site = houses.SITE.replace(device, f"{device}\ninputs = 1")
    monkeypatch.setattr(
        houses, "SITE", site.replace(contact, contact.replace("board", "vault-out"))
    )
    made = House(tmp_path)
    made.readers["vault-out"]._inputs = [0]
    return made


def test_a_forced_opening_is_noticed_where_nothing_else_happens(apart: House) -> None:
    """The contact's own settling time is what the edge wakes up for."""

    async def run() -> None:
        async with apart.line(), running(apart) as edge:
            await ready(edge)
            await until(edge, ev.PortalSettled, 2)
            await asyncio.sleep(0.3)
            apart.readers["vault-out"].set_input(0, True)
            await until(edge, ev.PortalForced, within_s=1.0)

    asyncio.run(run())


def test_a_lock_that_comes_back_finds_the_contact_that_never_went_away(apart: House) -> None:
    async def run() -> None:
        async with apart.line(), running(apart) as edge:
            await ready(edge)
            await asyncio.sleep(0.3)
            apart.board.silent = True
            await until(edge, ev.PortalLost, 2)
            apart.board.silent = False
            await until(edge, ev.PortalFound, 4, within_s=10)
            await asyncio.sleep(0.3)
            front = edge.daemon.site.state.portals["front"]
            assert (front.state, front.contact) == (State.LOCKED, Contact.CLOSED)
            # The fire loop went away with its board, and in a fire no opening is forced.
            edge.daemon.judge_fire_reset("panel", "anna")
            apart.readers["vault-out"].set_input(0, True)
            await until(edge, ev.PortalForced, within_s=1.0)

    asyncio.run(run())


def test_a_contact_that_is_gone_is_not_believed_when_the_lock_comes_back(apart: House) -> None:
    async def run() -> None:
        async with apart.line(), running(apart) as edge:
            await ready(edge)
            apart.readers["vault-out"].silent = True
            apart.board.silent = True
            await until(edge, ev.PortalLost, 2)
            await until(edge, ev.ReaderLost, 2)
            apart.board.silent = False
            await until(edge, ev.PortalFound, 4, within_s=10)
            await asyncio.sleep(0.3)
            assert edge.daemon.site.state.portals["front"].contact is Contact.FAULTED

    asyncio.run(run())


def test_ten_badges_in_a_second_are_ten_verdicts(house: House) -> None:
    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            for number in range(10):
                house.badge("front-in", ADA if number % 2 else BOB)
                await asyncio.sleep(0.1)
            decisions = await until(edge, ev.DecisionMade, 10)
            assert [d.decision.granted for d in decisions] == [False, True] * 5
            assert len(house.opened_at(FRONT)) >= 1

    asyncio.run(run())


def test_a_lock_device_that_comes_back_opens_nothing(house: House) -> None:
    async def run() -> None:
        async with house.line() as line, running(house) as edge:
            await ready(edge)
            line.unplug()
            await until(edge, ev.PortalLost, 2)
            house.strikes.clear()
            line.replug()
            await until(edge, ev.PortalFound, 4, within_s=8)
            await asyncio.sleep(0.5)
            assert house.opened_at(FRONT) == []
            assert house.board.outputs == (False, True), "strike at rest, magnet holding"

    asyncio.run(run())


def test_a_cut_fire_loop_is_a_fire(house: House) -> None:
    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            house.board.set_input(FIRE_LOOP, 3)
            await until(edge, ev.EgressReleased)
            await asyncio.sleep(0.2)
            assert house.board.outputs[VAULT] is False
            assert house.opened_at(FRONT) == [], "fire energises no fail-secure strike"

    asyncio.run(run())


def test_no_name_badge_or_pin_is_in_what_is_stored_of_an_entry(house: House) -> None:
    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            house.badge("vault-in", ADA)
            await until(edge, ev.FactorAsked)
            house.readers["vault-in"].press_keys(PIN + "#")
            await until(edge, ev.DecisionMade)
            stored = await edge.daemon.writer.read(1, 10_000, 64 * 1024 * 1024)
            entries = b"".join(record.entry for record in stored)
            for secret in (b"Ada", PIN.encode() + b"#", ADA.hex().encode()):
                assert secret not in entries
            names = {p.value for record in stored for p in record.personal if p.field == "person"}
            assert names == {"Ada L"}, "the name lies beside its entry"

    asyncio.run(run())
