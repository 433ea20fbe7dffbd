"""A duress PIN at the running edge: the door opens, help is called, and nothing else happens."""

import asyncio
import json
import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from controller import events as ev
from controller.body import NOTE_CHARS
from edge.commands.duress import TOLD, duress
from edge.duress import Sealer, opened, recipient_text
from edge.people import (
    LINE_MAX,
    PAYLOAD_TYPE,
    Change,
    Made,
    People,
    PinChecker,
    PinCost,
    PinHasher,
    PinRecord,
    Step,
    everybody,
    load_site_key,
    sealed,
)
from edge.people.records import Touched, changed, contents_digest
from edge.signatures import SigningKey, public_text, sign
from tests.edge.checks import ready
from tests.edge.house import ADA, PIN, VAULT, House, bodies, running, until

DURESS_PIN = "6933"
CHEAP = PinHasher(PinCost(time_cost=1, memory_kib=8))
TWO_PINS = PinRecord(holder="a" * 16, hash=CHEAP.hash(PIN), duress_hash=CHEAP.hash(DURESS_PIN))
TOUCHED = Touched(pins=("a" * 16,))


def forceable(folder: Path, *, recipients: Sequence[str]) -> House:
    """A house where Ada has two PINs."""
    house = House(folder)
    with People.open(folder / "state" / "site.db") as people:
        people.apply(Change(base=people.version, pins=(TWO_PINS,)))
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


class Held(PinHasher):
    """Ends no check before it is let."""

    def __init__(self) -> None:
        super().__init__(PinCost(time_cost=1, memory_kib=8))
        self.let = threading.Event()

    def verify(self, stored: str, pin: str) -> bool:
        assert self.let.wait(20)
        return super().verify(stored, pin)


@pytest.mark.parametrize(("keys", "told"), [(PIN, False), (DURESS_PIN, True)])
def test_a_check_that_ends_too_late_is_told_in_an_ordinary_entry(
    tmp_path: Path, keys: str, told: bool
) -> None:
    house, hasher = forceable(tmp_path, recipients=[]), Held()
    watch_room = X25519PrivateKey.generate()
    sealer = Sealer([watch_room.public_key().public_bytes_raw()])

    async def late() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            pins = PinChecker(edge.daemon.people.pin, hasher, sealer, deadline_s=0.1)
            edge.daemon.answering._pins = pins
            house.badge("vault-in", ADA)
            await until(edge, ev.FactorAsked)
            house.readers["vault-in"].press_keys(keys + "#")
            (abandoned,) = await until(edge, ev.AttemptAbandoned)
            assert isinstance(abandoned, ev.AttemptAbandoned)
            hasher.let.set()
            (ignored,) = await until(edge, ev.AnswerIgnored)
            assert isinstance(ignored, ev.AnswerIgnored)
            found = opened(ignored.note, watch_room)
            assert (found is not None) is told
            assert found is None or found.attempt == abandoned.attempt
            assert await bodies(edge, ev.DecisionMade) == [], "nothing opens by it any more"
            pins.close()

    asyncio.run(late())


@pytest.mark.parametrize("told", [True, False])
def test_a_running_edge_takes_duress_pins_only_where_somebody_is_told(
    tmp_path: Path, told: bool
) -> None:
    signer = SigningKey(Ed25519PrivateKey.generate())
    recipients = [recipient_text(X25519PrivateKey.generate().public_key().public_bytes_raw())]
    house = forceable(tmp_path, recipients=recipients * told)
    with (tmp_path / "site.toml").open("a") as file:
        public = public_text(signer.public)
        file.write(f'\n[key.chief]\nperson = "c"\npublic = "{public}"\nmay = ["people"]\n')
    with People.open(tmp_path / "state" / "site.db") as people:
        line, roll = people.steps(LINE_MAX), people.roll
    another = msgspec.structs.replace(TWO_PINS, duress_hash=CHEAP.hash("8855"))
    later = changed(roll, Change(base=2, pins=(another,)))
    step = Step(number=3, digest=contents_digest(later), made=Made(), touched=TOUCHED)
    brought = everybody("house", "annex", later, (*line, step))
    key = load_site_key(tmp_path / "site.key")
    envelope = sign(sealed(brought, key, os.urandom), PAYLOAD_TYPE, [signer])

    async def asked() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            rows = b"id,pin,duress-pin\n1,2580,2469\n"
            imported = await edge.desk.import_people(rows, "ann", True)
            assert (not imported.problems) is told
            taken = await edge.desk.take_people(envelope, "ann", False)
            assert taken.applied is told
            assert ("[duress]" in taken.remedy) is not told

    asyncio.run(asked())


def test_a_site_that_tells_nobody_says_so_when_it_starts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asyncio.run(typed(forceable(tmp_path, recipients=[]), DURESS_PIN))
    warned = [one for one in caplog.records if "nobody is told of duress" in one.getMessage()]
    assert [one.levelno for one in warned] == [logging.WARNING]
