"""A duress PIN at the running edge: the door opens, help is called, and nothing else happens."""

import asyncio
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from controller import events as ev
from controller.body import NOTE_CHARS
from edge.commands.duress import TOLD, duress
from edge.people import Change, People, PinCost, PinHasher, PinRecord
from tests.edge.checks import ready
from tests.edge.house import ADA, PIN, VAULT, House, bodies, running, until

DURESS_PIN = "6933"
CHEAP = PinHasher(PinCost(time_cost=1, memory_kib=8))


def forceable(folder: Path, *, recipients: Sequence[str]) -> House:
    """A house where Ada has two PINs."""
    house = House(folder)
    with People.open(folder / "state" / "site.db") as people:
        pins = PinRecord(holder="a" * 16, hash=CHEAP.hash(PIN), duress_hash=CHEAP.hash(DURESS_PIN))
        people.apply(Change(base=people.version, pins=(pins,)))
    if recipients:
        with (folder / "site.toml").open("a") as file:
            file.write(f"\n[duress]\nrecipients = {json.dumps(recipients)}\n")
    return house


async def typed(house: House, keys: str) -> None:
    """Ada goes to the vault, and the vault's magnet lets go of her."""
    async with house.line(), running(house) as edge:
        await ready(edge)
        house.badge("vault-in", ADA)
        await until(edge, ev.FactorAsked)
        house.readers["vault-in"].press_keys(keys + "#")
        (decision,) = await until(edge, ev.DecisionMade)
        assert isinstance(decision, ev.DecisionMade)
        assert decision.decision.granted
        assert decision.decision.notes == ()
        assert not decision.request.duress
        async with asyncio.timeout(5):
            while house.board.outputs[VAULT]:
                await asyncio.sleep(0.01)
        (answered,) = await bodies(edge, ev.FactorAnswered)
        assert isinstance(answered, ev.FactorAnswered)
        assert len(answered.note) == NOTE_CHARS


def run(*arguments: str) -> Result:
    return CliRunner().invoke(duress, arguments)


@pytest.mark.parametrize(("keys", "code"), [(PIN, 0), (DURESS_PIN, TOLD)])
def test_the_door_opens_and_those_who_can_help_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: str, code: int
) -> None:
    monkeypatch.chdir(tmp_path)
    made = run("new", "watch-room").stdout
    (recipient,) = json.loads(made.partition("recipients = ")[2])
    asyncio.run(typed(forceable(tmp_path, recipients=[recipient]), keys))
    shown = run("open", "state", "--key", "watch-room.key")
    assert shown.exit_code == code, shown.output
    assert (f"DURESS holder {'a' * 16} at vault-in, site house" in shown.stdout) is (code == TOLD)


def test_a_site_that_tells_nobody_says_so_when_it_starts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asyncio.run(typed(forceable(tmp_path, recipients=[]), DURESS_PIN))
    warned = [one for one in caplog.records if "nobody is told of duress" in one.getMessage()]
    assert [one.levelno for one in warned] == [logging.WARNING]
