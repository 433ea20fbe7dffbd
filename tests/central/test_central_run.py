"""`sentrypost central run` as people and programs meet it."""

import asyncio
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import msgspec
import pytest

from central.archive import Archived
from central.archive_sqlite import SqliteArchive
from central.findings import EdgeSeen, EntriesStored
from central.printer import LINES_WAITING_MAX, LinePrinter, clean, lines
from controller.events import decode_entry
from edge import wire
from simulators.broker_process import BrokerProcess
from tests.central.rig import (
    EDGE,
    NAME,
    ROOT,
    SITE,
    CentralProcess,
    assert_complete,
    record,
    running_edge,
    stored_in,
    until,
)
from tests.mqtt import TIMEOUT_S, wait_for
from tests.servers import make_broker

INCARNATION = "00112233445566aa"


def archived(seq: int, *, personal: bool = True, data: bytes | None = None) -> Archived:
    one = record(INCARNATION, seq)
    data = data or one.entry
    return Archived(entry=decode_entry(data), data=data, personal=one.personal if personal else ())


def stored(*new: Archived, unproven: int = 0) -> EntriesStored:
    return EntriesStored(site=SITE, edge=EDGE, new=new, unproven=unproven)


def test_a_decision_says_who_where_and_why() -> None:
    (line,) = lines(stored(archived(10)), as_json=False)
    assert line == (
        "2027-01-15T08:00:00.000Z gate-1 10 decision-made Ingeborg Sähnd-Brönner | "
        "main-gate entry | DENIED | outside the hours of every rule that would grant it"
    )


def test_without_the_name_the_pseudonym_stands_there() -> None:
    (line,) = lines(stored(archived(10, personal=False)), as_json=False)
    assert " decision-made h-7f3a | main-gate entry | DENIED | " in line


def test_other_kinds_say_their_own_words_and_unknown_ones_are_shown_as_they_are() -> None:
    entry = record(INCARNATION, 1).entry
    (known,) = lines(stored(archived(1)), as_json=False)
    assert "gate-1 1 badge-ignored reader=main-gate-in reason=out of turn" in known
    future = archived(1, data=entry.replace(b"badge-ignored", b"from-the-future"))
    (unknown,) = lines(stored(future), as_json=False)
    assert ' from-the-future {"reader":"main-gate-in","reason":"out of turn' in unknown
    broken = archived(1, data=entry.replace(b'"reader":"main-gate-in",', b""))
    (misfit,) = lines(stored(broken), as_json=False)
    assert 'badge-ignored {"reason":"out of turn' in misfit


def test_a_drill_is_marked() -> None:
    drill = archived(
        1, data=record(INCARNATION, 1).entry.replace(b'"drill":false', b'"drill":true')
    )
    (line,) = lines(stored(drill), as_json=False)
    assert "gate-1 1 DRILL badge-ignored" in line


def test_json_lines_hold_everything() -> None:
    (line,) = lines(stored(archived(10)), as_json=True)
    said = json.loads(line)
    assert (said["edge"], said["seq"], said["kind"]) == (EDGE, 10, "decision-made")
    assert said["personal"] == {"person": NAME}
    assert said["body"]["decision"]["code"] == 602


def test_what_came_over_the_wire_cannot_command_a_terminal() -> None:
    assert clean("a\x1b[2Jb\r\nc\u202e") == "a\ufffd[2Jb\ufffd\ufffdc\ufffd"
    evil = wire.Status(
        alive=False, incarnation=INCARNATION, boot=1, number=2, version="\x1b[2J", last_seq=0
    )
    (line,) = lines(EdgeSeen(site=SITE, edge=EDGE, status=evil), as_json=False)
    assert line == "-- embassy-vienna/gate-1 EDGE-DEAD: version \ufffd[2J, connection 1/2"


def test_a_reader_that_went_away_holds_nothing_up() -> None:
    def gone(_line: str) -> None:
        raise BrokenPipeError

    printer = LinePrinter(gone)
    for _ in range(100):
        printer.put("x")
    began = time.monotonic()
    printer.close(5)
    assert time.monotonic() - began < 1


def test_a_reader_that_is_too_slow_loses_lines_and_hears_how_many() -> None:
    shown: list[str] = []
    begun, goes_on = Event(), Event()

    def slow(lines: str) -> None:
        begun.set()
        goes_on.wait(TIMEOUT_S)
        shown.extend(lines.splitlines())

    printer = LinePrinter(slow)
    printer.put("first")
    assert begun.wait(TIMEOUT_S)
    for number in range(LINES_WAITING_MAX // 8 + 3):
        printer.put(*(f"{number} {one}" for one in range(8)))
    goes_on.set()
    printer.close(TIMEOUT_S)
    assert len(shown) == 1 + LINES_WAITING_MAX + 1
    assert shown[:3] == ["first", "0 0", "0 1"]
    assert shown[-1] == "-- 24 lines were not shown: nobody read them"


@pytest.mark.parametrize(
    ("utc_us", "said"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_800_000_000_999_999, "2027-01-15T08:00:00.999Z"),
        (2**53 - 1, "2255-06-05T23:47:34.740Z"),
    ],
)
def test_a_line_says_when_it_was_whatever_the_clock_said(utc_us: int, said: str) -> None:
    entry = record(INCARNATION, 1).entry
    data = re.sub(rb'"utc_us":\d+', b'"utc_us":%d' % utc_us, entry)
    (line,) = lines(stored(archived(1, data=data)), as_json=False)
    assert line.startswith(f"{said} gate-1 1 ")


@pytest.fixture
def central(tmp_path: Path, mosquitto: BrokerProcess) -> Iterator[CentralProcess]:
    process = CentralProcess(mosquitto.port, tmp_path / "archive.db")
    yield process
    process.kill()


def test_it_prints_stores_tells_of_deaths_and_ends_in_order(
    tmp_path: Path, mosquitto: BrokerProcess, central: CentralProcess
) -> None:
    async def scene() -> None:
        async with running_edge(tmp_path / "journal", mosquitto.port) as edge:
            await edge.happen(120)
            await edge.acked(120)
            await assert_complete(
                tmp_path / "archive.db", await stored_in(edge.outbox), edge.outbox
            )
        await until(lambda: "EDGE-DEAD" in central.output, "the death is told")

    wait_for(lambda: "connected" in central.output, "connected")
    asyncio.run(scene())
    assert central.stop() == 0
    printed = central.output.splitlines()
    entries = [line for line in printed if " gate-1 " in line and not line.startswith("--")]
    assert [int(line.split()[2]) for line in entries] == list(range(1, 121))
    assert sum(NAME in line for line in printed) == 12
    assert any("EDGE-ALIVE: version 0.1.0" in line for line in printed)
    assert not any("Traceback" in line for line in printed)


def test_what_had_come_in_is_stored_and_acknowledged_when_it_is_stopped(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    async def scene() -> None:
        path = tmp_path / "archive.db"
        async with running_edge(tmp_path / "journal", mosquitto.port) as edge:
            central = CentralProcess(mosquitto.port, path, "--json")
            try:
                await until(lambda: '"ready":true' in central.output, "ready")
                await edge.happen(3000, at_once=500)
                status = await asyncio.to_thread(central.stop)
                assert status == 0
                await asyncio.sleep(0.2)
                archive = SqliteArchive(path)
                mark = archive.mark(SITE, EDGE, edge.outbox.incarnation)
                archive.close()
                assert mark.seq == edge.outbox.acked, "stored is acknowledged, and nothing else is"
                assert mark.seq > 0
            finally:
                central.kill()
        assert len([1 for line in central.json_lines if "seq" in line]) == mark.seq

    asyncio.run(scene())


def test_a_broker_that_refuses_is_told_once_with_a_remedy_and_waited_for(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("wrong-secret\n")
    password.chmod(0o600)
    with make_broker("mosquitto", extra=("allow_anonymous false",)) as broker:
        options = ("--username", "central", "--password-file", str(password))
        central = CentralProcess(broker.port, tmp_path / "archive.db", *options)
        try:
            wait_for(lambda: "REFUSED" in central.output, "told")
            time.sleep(1.0)
            assert central.process.poll() is None, "it keeps trying"
            assert central.output.count("REFUSED") == 1
            assert "check user name, password" in central.output
            assert "wrong-secret" not in central.output
        finally:
            assert central.stop() == 0


def test_a_broker_that_is_not_there_yet(tmp_path: Path, silent_port: int) -> None:
    central = CentralProcess(silent_port, tmp_path / "archive.db", "--json")
    try:
        wait_for(lambda: "unreachable" in central.output, "told")
        assert central.json_lines[0]["link"] == "unreachable"
        with BrokerProcess("mosquitto", port=silent_port):
            wait_for(lambda: '"ready":true' in central.output, "ready")
            assert central.stop() == 0
    finally:
        central.kill()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--broker", "nowhere:port", "--archive", "a.db"), "is not HOST or HOST:PORT"),
        (("--broker", ":1", "--archive", "a.db"), "is not HOST or HOST:PORT"),
        (("--broker", "h:65536", "--archive", "a.db"), "is not HOST or HOST:PORT"),
        (("--broker", "127.0.0.1:1", "--archive", "/nowhere/at/all.db"), "cannot open the archive"),
    ],
)
def test_what_cannot_work_is_told_at_once(options: tuple[str, ...], said: str) -> None:
    command = "from central.commands import central; central()"
    ended = subprocess.run(
        [sys.executable, "-c", command, "run", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert ended.returncode != 0
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_signal_before_the_broker_answers_ends_it_as_well(
    tmp_path: Path, silent_port: int
) -> None:
    central = CentralProcess(silent_port, tmp_path / "archive.db", "--json")
    wait_for(lambda: "unreachable" in central.output, "trying")
    central.process.send_signal(signal.SIGINT)
    assert central.process.wait(10) == 0


def test_every_finding_has_its_json() -> None:
    for as_json in (False, True):
        found = lines(stored(archived(1), unproven=2), as_json=as_json)
        assert len(found) == 2
        assert "left out 2 personal values" in found[1]
        if as_json:
            assert msgspec.json.decode(found[1])["finding"] == "unproven"


def test_commitments_are_cut_and_replaced_by_the_value_where_there_is_one() -> None:
    entry = record(INCARNATION, 1).entry.replace(b'"badge":null', b'"badge":"' + b"ab" * 32 + b'"')
    (line,) = lines(stored(archived(1, data=entry)), as_json=False)
    assert line.endswith("badge=abababababab…")


@pytest.mark.parametrize("option", [(), ("--json",)])
def test_a_pipe_that_was_closed_does_not_stop_the_archive(
    tmp_path: Path, mosquitto: BrokerProcess, option: tuple[str, ...]
) -> None:
    path = tmp_path / "archive.db"
    command = "from central.commands import central; central()"
    arguments = ["run", "--broker", f"127.0.0.1:{mosquitto.port}", "--archive", str(path), *option]
    central = subprocess.Popen(
        [sys.executable, "-c", command, *arguments],
        cwd=ROOT,
        env={"PYTHONIOENCODING": "ascii"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )

    async def scene() -> None:
        async with running_edge(tmp_path / "journal", mosquitto.port) as edge:
            await edge.happen(20)
            await edge.acked(20)
            assert central.stdout is not None
            central.stdout.close()
            await edge.happen(20)
            await edge.acked(40)

    try:
        asyncio.run(scene())
        central.terminate()
        assert central.wait(10) == 0
        assert central.stderr is not None
        assert central.stderr.read() == b""
    finally:
        central.kill()
        assert central.stderr is not None
        central.stderr.close()
