"""Two days at one site that differ in one thing: in the second everybody types his duress PIN."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from controller.events import decode_entry
from controller.ids import HolderId
from controller.inputs import PinOutcome
from drivers.mqtt_link import Publication
from edge.duress import NotOpenedError, Occasion, Sealer, opened
from edge.people import Checked, PinChecker, PinCost, PinHasher, PinRecord
from edge.wire import decode_batch
from simulators.virtual import machines, plan, run
from simulators.virtual.broker import VirtualBroker
from simulators.virtual.faults import Level
from simulators.virtual.machines import VirtualPins
from simulators.virtual.plan import Character, Plan
from simulators.virtual.run import Options, simulate
from simulators.virtual.site import Site

WATCH_ROOM = X25519PrivateKey.generate()
CHEAP = PinHasher(PinCost(time_cost=1, memory_kib=8))
NEXT_DIGITS = str.maketrans("0123456789", "3456789012")
ARCHIVISTS = (Character("archivist", ("staff", "archivist"), 100),)
"""Everybody has to go where a PIN is asked for."""

OPTIONS = Options(seed=4, days=0.08, faults=Level.NORMAL, portals=4, people=16, hour=7)


def for_duress(pin: str) -> str:
    return pin.translate(NEXT_DIGITS)


class SealingPins(VirtualPins):
    """As long as the model takes, and then what the edge's own checker finds and seals."""

    def __init__(self, pins: dict[HolderId, str], chance: Random, aim: Callable[[str], None]):
        super().__init__(pins, chance, aim)
        on_file = {
            holder: PinRecord(
                holder=holder, hash=CHEAP.hash(pin), duress_hash=CHEAP.hash(for_duress(pin))
            )
            for holder, pin in pins.items()
        }
        sealer = Sealer([WATCH_ROOM.public_key().public_bytes_raw()])
        self._checker = PinChecker(on_file.get, CHEAP, sealer)

    async def check(self, occasion: Occasion, pin: str) -> Checked:
        modelled = await super().check(occasion, pin)
        if modelled.outcome is PinOutcome.UNAVAILABLE:
            return modelled
        return self._checker.judged(occasion, pin)


class Day(NamedTuple):
    """Everything that somebody without a key could get hold of."""

    trace: list[str]
    """Lights, locks, faults and entries, with their times; of an entry not the hash."""
    entries: list[bytes]
    messages: list[tuple[str, int]]
    """Topic and size; of a batch the size before it was compressed, which noise varies."""
    log: list[str]


def lived(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, typed: Callable[[str], str]
) -> Day:
    """One day with this seed, on which everybody types `typed(PIN)`."""
    day = Day([], [], [], [])
    plan_of, compare, accept = run.write_plan, run._compare, VirtualBroker._accept

    def write_plan(folder: Path, **options: Any) -> Plan:
        site = plan_of(folder, **options)
        return site._replace(people=tuple(p._replace(pin=typed(p.pin)) for p in site.people))

    def compared(site: Site) -> None:
        day.entries.extend(site.ledger.entries)
        compare(site)

    def accepted(broker: VirtualBroker, publication: Publication) -> None:
        day.messages.append((publication.topic, size(publication)))
        accept(broker, publication)

    logging.disable(logging.NOTSET)
    caplog.clear()
    with monkeypatch.context() as patch, caplog.at_level(logging.DEBUG):
        patch.setattr(plan, "CHARACTERS", ARCHIVISTS)
        patch.setattr(machines, "VirtualPins", SealingPins)
        patch.setattr(run, "write_plan", write_plan)
        patch.setattr(run, "_compare", compared)
        patch.setattr(VirtualBroker, "_accept", accepted)
        verdict = simulate(OPTIONS, keep=lambda line: day.trace.append(unhashed(line)))
    assert verdict.broken == ""
    day.log.extend(f"{one.name} {one.levelname} {one.getMessage()}" for one in caplog.records)
    return day


def unhashed(line: str) -> str:
    return line.rpartition(" ")[0] if " entry " in line else line


def size(publication: Publication) -> int:
    if not publication.topic.endswith("/journal"):
        return len(publication.payload)
    return len(msgspec.json.encode(decode_batch(publication.payload)))


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> tuple[Day, Day]:
    """A usual one, and one on which everybody was under duress all day."""
    return lived(monkeypatch, caplog, str), lived(monkeypatch, caplog, for_duress)


def notes(day: Day) -> list[str]:
    bodies = (msgspec.json.decode(decode_entry(data).body) for data in day.entries)
    return [body["note"] for body in bodies if body.get("note")]


def without_notes(data: bytes) -> bytes:
    entry = json.loads(data)
    if "note" in entry["body"]:
        entry["body"]["note"] = "·" * len(entry["body"]["note"])
    return json.dumps(entry).encode()


def told(day: Day) -> list[Occasion]:
    found = []
    for note in notes(day):
        try:
            found.append(opened(note, WATCH_ROOM))
        except NotOpenedError:  # of a check that the model says was never made
            continue
    return [one for one in found if one is not None]


def test_only_a_recipients_key_tells_the_days_apart(days: tuple[Day, Day]) -> None:
    usual, forced = days
    assert len(notes(usual)) >= 10, "few PINs were typed on this day"

    # Whoever stands there: lights, locks and times.
    assert forced.trace == usual.trace
    # Whoever reads the journal.
    assert [len(data) for data in forced.entries] == [len(data) for data in usual.entries]
    assert [without_notes(data) for data in forced.entries] == [
        without_notes(data) for data in usual.entries
    ]
    # Whoever reads every topic, in order.
    assert forced.messages == usual.messages
    # Whoever reads the log of the daemon.
    assert forced.log == usual.log
    assert usual.log
    # Whoever looks for a note that comes twice.
    assert len({*notes(usual), *notes(forced)}) == len(notes(usual)) + len(notes(forced))

    right = {
        (body["after"]["reader"], body["after"]["id"])
        for data in forced.entries
        if (body := json.loads(data)["body"]).get("passed")
    }
    assert told(usual) == []
    assert {(one.reader, one.attempt) for one in told(forced)} >= right
    assert right
