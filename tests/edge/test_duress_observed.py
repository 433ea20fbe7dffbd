"""Whoever listens to all topics and watches every output sees two entries, and no duress."""

import asyncio
import json
from collections import Counter
from pathlib import Path

import pytest

from controller import events as ev
from drivers.osdp.messages import Message
from edge.assembly import Edge
from simulators.broker_process import BrokerProcess
from tests.edge.checks import ready
from tests.edge.house import ADA, PIN, House, bodies, running, until
from tests.edge.test_duress_daemon import DURESS_PIN, forceable, run
from tests.mqtt import Client, wait_for

SLOW, QUICK = "open-s = 2\nheld-s = 3\n\n[fire", "open-s = 0.5\nheld-s = 1\n\n[fire"

STANDING = ("event/edge-ready", "status", "orders", "posture", "muster")
"""What an edge says of itself in its first seconds, whatever happens at its doors."""

Shape = object


def shape(value: object) -> Shape:
    """What there is to see but for the moment and the chance: numbers as such, texts by length."""
    match value:
        case dict():
            return tuple(sorted((key, shape(one)) for key, one in value.items()))
        case list():
            return tuple(shape(one) for one in value)
        case bool() | None:
            return value
        case int():
            return "number"
        case str():
            try:
                inner = json.loads(value)
            except json.JSONDecodeError:
                return len(value)
            return shape(inner) if isinstance(inner, dict) else len(value)
        case _:
            return repr(value)


class Observer:
    """Reads everything that anybody may read, and stands at the door."""

    def __init__(self, port: int, house: House) -> None:
        self._client = Client(port, "observer")
        self._client.subscribe("#", 1)
        self._house = house
        self._seen = self._last = 0
        self._told: dict[str, int] = {}

    async def entry(self, edge: Edge) -> tuple[Counter[object], list[Shape], list[object]]:
        """What has come since the last entry: messages by topic and shape, what the archive is sent
        in its order, and what the readers and locks were told.
        """
        messages = self._client.messages[self._seen :]
        self._seen = len(self._client.messages)
        found: Counter[object] = Counter()
        for one in messages:
            if not one.topic.endswith(("/journal", "/checkpoint")):
                found[one.topic, one.qos, bool(one.retain), shape(json.loads(one.payload))] += 1
        stored = await edge.daemon.writer.read(self._last + 1, 1_000, 64 * 1024 * 1024)
        self._last += len(stored)
        sent = [(shape(json.loads(one.entry)), len(one.personal)) for one in stored]
        return found, sent, self._obeyed()

    def _obeyed(self) -> list[object]:
        done: list[object] = []
        for name, reader in sorted(self._house.readers.items()):
            told: list[Message] = [message for _, message in reader.executed]
            done.append((name, tuple(told[self._told.get(name, 0) :])))
            self._told[name] = len(told)
        return done

    async def until(self, kind: str, count: int) -> None:
        def heard() -> bool:
            topics = [one.topic for one in list(self._client.messages)]
            return sum(topic.endswith(f"/{kind}") for topic in topics) >= count

        await asyncio.to_thread(wait_for, heard, f"{count} {kind}")


def test_nobody_who_reads_all_topics_and_watches_the_door_can_tell(
    mosquitto: BrokerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (recipient,) = json.loads(run("new", "watch-room").stdout.partition("recipients = ")[2])
    house = forceable(tmp_path, recipients=[recipient])
    policy = tmp_path / "policy.toml"
    assert SLOW in policy.read_text()
    policy.write_text(policy.read_text().replace(SLOW, QUICK))
    site = tmp_path / "site.toml"
    broker = f'\n[broker]\nhost = "127.0.0.1"\nport = {mosquitto.port}\n'
    site.write_text(site.read_text() + broker)
    observer = Observer(mosquitto.port, house)
    seen = []

    async def scene() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            await observer.until("edge-ready", 1)
            await observer.entry(edge)
            for number, keys in enumerate((PIN, DURESS_PIN, PIN), start=1):
                house.badge("vault-in", ADA)
                await until(edge, ev.FactorAsked, number)
                house.readers["vault-in"].press_keys(keys + "#")
                await until(edge, ev.GrantUnused, number)
                await observer.until("event/grant-unused", number)
                seen.append(await observer.entry(edge))
            notes = [one.note for one in await bodies(edge, ev.FactorAnswered)]  # type: ignore[attr-defined]
            assert len(set(notes)) == len(seen), "each entry carries a note of its own"

    asyncio.run(scene())
    normal, forced, again = seen
    assert normal[0]
    assert forced == again
