"""The retained `alarm/{number}` topics: a whole edge, a real broker, and whoever reads them."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from central.commands_alarm import alarm as across
from controller import events as ev
from controller.alarm import State
from controller.alarm_kinds import Priority, SourceKind
from controller.alarm_queue import Alarms
from controller.events_alarms import AlarmAcknowledged
from drivers.mqtt_link import CongestedError, Message, Publication
from edge.alarms_told import AlarmsTold
from edge.control.messages_alarms import Acknowledge, AddNote, AnswerAlarm, Assign
from edge.gate_sight import EVERYTHING, Guard
from edge.signatures import public_text
from edge.signing_keys import make_signing_key
from edge.wire_alarms import AlarmNow
from simulators.broker_process import BrokerProcess
from tests.central.rig import CentralProcess
from tests.controller.test_alarm_queue import suspected
from tests.controller.test_alarm_queue import told as after
from tests.edge.checks import ready
from tests.edge.house import FRONT_CONTACT, running, until
from tests.edge.test_muster_wire import at
from tests.mqtt import Client

PREFIX = "sentrypost/v1/house/gate/alarm/"
WITHIN_S = 20.0
GUARD = Guard("Officer Smith", None, EVERYTHING)
TEXT = "the courier, Mr Brown"


class Reader:
    """Anybody who reads the topics, and what stands on each for him."""

    def __init__(self, port: int, name: str = "wall") -> None:
        self.client = Client(port, name)
        self.client.subscribe(PREFIX + "+", 1)

    @property
    def alarms(self) -> dict[str, AlarmNow]:
        here: dict[str, AlarmNow] = {}
        for message in list(self.client.messages):
            name = message.topic.removeprefix(PREFIX)
            if message.payload:
                here[name] = msgspec.json.decode(message.payload, type=AlarmNow)
            else:
                here.pop(name, None)
        return here

    async def until(self, holds: Callable[[dict[str, AlarmNow]], bool]) -> dict[str, AlarmNow]:
        async with asyncio.timeout(WITHIN_S):
            while not holds(found := self.alarms):
                await asyncio.sleep(0.02)
        return found


FORGED = AlarmNow(
    incarnation="f" * 16,
    revision=4711,
    alarm=4711,
    kind="fire-latched",
    priority=Priority.LIFE,
    source_kind=SourceKind.FIRE,
    source="panel",
    state=State.RAISED,
    count=1,
    last=4711,
    first_us=1,
    last_us=1,
)
"""Of another journal, or of somebody else."""


def test_an_alarm_stands_on_the_wire_until_it_closes_and_nobody_is_named(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    house = at(mosquitto, tmp_path)
    reader = Reader(mosquitto.port)
    reader.client.publish(PREFIX + "4711", msgspec.json.encode(FORGED), 1, retain=True)

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await reader.until(bool)
            await ready(edge)
            await reader.until(lambda here: not here)  # what the broker kept is taken away
            house.board.set_input(FRONT_CONTACT, True)
            await until(edge, ev.PortalForced)
            ((name, first),) = (await reader.until(bool)).items()
            number = edge.daemon.site.state.alarms.open[0].seq
            assert (name, first.alarm, first.revision) == (str(number), number, number)
            assert (first.kind, first.source, first.state) == ("portal-forced", "front", "raised")
            desk = edge.desk.alarms
            for step in (Acknowledge(reason=TEXT), AddNote(text=TEXT), Assign(person="1")):
                assert (await desk.answer(AnswerAlarm(alarm=number, step=step), GUARD)).accepted
            seen = (await reader.until(lambda here: here[name].assigned is not None))[name]
            assert (seen.state, seen.noted, seen.assigned) == (State.ACKNOWLEDGED, 1, "a" * 16)
            assert seen.revision > first.revision
            late = Reader(mosquitto.port, "late")
            assert await late.until(bool) == {name: seen}
            house.board.set_input(FRONT_CONTACT, False)
            await until(edge, ev.PortalClosed)
            await reader.until(lambda here: not here)
            for message in reader.client.messages:
                for word in (b"Ada", b"Smith", b"Brown"):
                    assert word not in message.payload
            reader.client.leave()
            late.client.leave()

    asyncio.run(run())


def test_an_alarm_is_acknowledged_from_central_by_a_key_that_the_edge_knows(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    house = at(mosquitto, tmp_path)
    anna = make_signing_key(tmp_path / "anna.key")
    with (tmp_path / "site.toml").open("a") as file:
        public = json.dumps(public_text(anna.public))
        file.write(f'\n[key.anna]\nperson = "Anna"\npublic = {public}\nmay = ["alarm"]\n')
    central = CentralProcess(mosquitto.port, tmp_path / "archive.db")

    def asked(*arguments: str) -> Result:
        state = str(tmp_path / "archive.state")
        return CliRunner().invoke(across, [*arguments, "--state", state], catch_exceptions=False)

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            house.board.set_input(FRONT_CONTACT, True)
            await until(edge, ev.PortalForced)
            which = f"house/gate#{edge.daemon.site.state.alarms.open[0].seq}"
            async with asyncio.timeout(WITHIN_S):
                while which not in (await asyncio.to_thread(asked, "list")).output:
                    await asyncio.sleep(0.1)
            key = ("--key", str(tmp_path / "anna.key"))
            done = await asyncio.to_thread(asked, "acknowledge", which, *key, "--reason", TEXT)
            assert (done.exit_code, done.output.strip()) == (0, f"{which} is acknowledged")
            (alarm,) = edge.daemon.site.state.alarms.open
            assert alarm.state is State.ACKNOWLEDGED
            (body,) = await until(edge, AlarmAcknowledged)
            assert "Brown" not in repr(body)
            unknown = await asyncio.to_thread(asked, "acknowledge", "house/gate#1", *key)
            assert (unknown.exit_code, "no alarm house/gate#1" in unknown.output) == (1, True)
        away = await asyncio.to_thread(asked, "acknowledge", which, *key, "--wait", "0.2")
        assert (away.exit_code, "has not answered" in away.output) == (3, True), away.output

    try:
        asyncio.run(run())
    finally:
        central.stop()


class Wire:
    """A wire that is up, down or full, and remembers what it took."""

    connected = True

    def __init__(self) -> None:
        self.taken: list[tuple[str, bool]] = []
        self.full = False

    def publish(self, publication: Publication) -> None:
        if self.full:
            raise CongestedError
        self.taken.append((publication.topic.removeprefix(PREFIX), bool(publication.payload)))


def said(topic: str, *, retained: bool) -> Message:
    return Message(topic=topic, payload=b"{}", retained=retained)


def test_each_is_told_once_and_again_with_a_connection() -> None:
    alarms = after(after(Alarms(), 5, suspected(1)), 6, suspected(2))
    wire, one = Wire(), AlarmsTold("house", "gate", "0" * 16, lambda: alarms)
    one._say(wire)
    assert wire.taken == [("5", True), ("6", True)]
    one._say(wire)
    assert len(wire.taken) == 2, "nothing has changed"
    alarms = after(alarms, 7, suspected(2))
    wire.full = True
    with pytest.raises(CongestedError):
        one._say(wire)
    wire.full = False
    one._say(wire)
    assert wire.taken[2:] == [("6", True)]
    one.connected()
    for topic, retained in (("5", True), ("9", True), ("10", False)):
        assert one.heard(said(PREFIX + topic, retained=retained))
    assert not one.heard(said("sentrypost/v1/house/gate/status", retained=True))
    one._say(wire)
    assert wire.taken[3:] == [("5", True), ("6", True), ("9", False)]
