"""Alarms across sites: what each edge's topics say, at central's socket and its command."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from central.alarms import EDGE_ALARMS_MAX, AlarmBook
from central.commands_alarm import alarm as command
from controller.alarm import State
from controller.alarm_kinds import Priority, SourceKind
from edge.topics import Topics, parse
from edge.wire import WireError
from edge.wire_alarms import AlarmNow, encode_alarm
from simulators.broker_process import BrokerProcess
from tests.central.rig import CentralProcess
from tests.mqtt import Client, wait_for


def now(number: int, *, last_us: int = 1, **fields: object) -> AlarmNow:
    values: dict[str, object] = {
        "incarnation": "0" * 16,
        "revision": number,
        "alarm": number,
        "kind": "portal-forced",
        "priority": Priority.INTRUSION,
        "source_kind": SourceKind.PORTAL,
        "source": "front",
        "state": State.RAISED,
        "count": 1,
        "last": number,
        "first_us": 1,
        "last_us": last_us,
    }
    return AlarmNow(**(values | fields))  # type: ignore[arg-type]


def tell(book: AlarmBook, edge: str, alarm: AlarmNow | int, site: str = "house") -> None:
    number = alarm if isinstance(alarm, int) else alarm.alarm
    payload = b"" if isinstance(alarm, int) else encode_alarm(alarm)
    book.heard(parse(Topics(site, edge).alarm(str(number))), payload)


def names(book: AlarmBook, site: str = "") -> list[str]:
    return [f"{one.site}/{one.edge}#{one.alarm.alarm}" for one in book.open(site)]


def test_the_most_urgent_stands_first_and_what_closes_is_gone() -> None:
    book = AlarmBook()
    tell(book, "gate", now(4, last_us=4))
    tell(book, "gate", now(5, last_us=5, acknowledged_us=9, state=State.ACKNOWLEDGED))
    tell(book, "back", now(4, last_us=9))
    tell(book, "gate", now(7, priority=Priority.LIFE))
    tell(book, "gate", now(8, priority=Priority.LIFE, drill=True))
    tell(book, "gate", now(4), site="villa")
    order = ["house/gate#7", "house/back#4", "house/gate#4", "villa/gate#4", "house/gate#5"]
    assert names(book) == [*order, "house/gate#8"]
    assert names(book, "villa") == ["villa/gate#4"]
    before = book.changes
    tell(book, "back", 4)
    assert names(book) == [one for one in [*order, "house/gate#8"] if one != "house/back#4"]
    assert book.changes > before
    unchanged = book.changes
    tell(book, "back", 4)
    assert book.changes == unchanged
    book.clear()
    assert names(book) == []


def test_what_is_no_alarm_or_one_too_many_is_refused() -> None:
    book = AlarmBook()
    with pytest.raises(WireError, match="not an alarm"):
        book.heard(parse(Topics("house", "gate").alarm("4")), b"{}")
    with pytest.raises(WireError, match="another one"):
        book.heard(parse(Topics("house", "gate").alarm("5")), encode_alarm(now(4)))
    for number in range(1, EDGE_ALARMS_MAX + 1):
        tell(book, "gate", now(number))
    with pytest.raises(WireError, match="more than"):
        tell(book, "gate", now(EDGE_ALARMS_MAX + 1))
    assert len(book.open()) == EDGE_ALARMS_MAX


def test_central_lists_what_is_open_at_every_site(tmp_path: Path, mosquitto: BrokerProcess) -> None:
    edge = Client(mosquitto.port, "edge")
    for site, number in (("house", 4), ("villa", 5)):
        topic = Topics(site, "gate").alarm(str(number))
        edge.publish(topic, encode_alarm(now(number)), 1, retain=True)
    central = CentralProcess(mosquitto.port, tmp_path / "archive.db")
    state = str(tmp_path / "archive.state")

    def listed(*arguments: str) -> list[str]:
        result = CliRunner().invoke(command, ["list", "--state", state, "--json", *arguments])
        if result.exit_code:
            return []
        return [
            f"{one['site']}#{one['alarm']['alarm']}" for one in json.loads(result.stdout)["alarms"]
        ]

    try:
        wait_for(lambda: listed() == ["house#4", "villa#5"], "both sites")
        assert listed("--site", "villa") == ["villa#5"]
        said = CliRunner().invoke(command, ["list", "--state", state]).output
        assert "2 intrusion  house/gate#4, AWAY  A door was forced (front): RAISED" in said
        edge.publish(Topics("house", "gate").alarm("4"), b"", 1, retain=True)
        wait_for(lambda: listed() == ["villa#5"], "what closed is gone")
    finally:
        central.stop()
        edge.leave()
