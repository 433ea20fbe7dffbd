"""The driver on real ptys, with our simulated reader and with libosdp's at the far end."""

import asyncio
import os
import signal
import time
from itertools import pairwise
from pathlib import Path

import pytest

from drivers.api import (
    Beep,
    CardRead,
    Color,
    CommandEnded,
    DeviceOffline,
    DeviceOnline,
    Fact,
    Hold,
    InputsReported,
    InputState,
    KeysPressed,
    Light,
    LinkLostError,
    OutputsReported,
    ProtocolViolated,
    Pulse,
    Spoken,
    TamperReported,
)
from drivers.osdp.config import LineConfig
from drivers.osdp.driver import OsdpDriver
from simulators.osdp_line import ReaderLine
from tests.drivers.osdp.peers import (
    PATIENCE_S,
    Edge,
    edge_on,
    libosdp_and_edge,
    simulated,
)
from tests.drivers.osdp.world import reader_config


def test_life_on_a_pty(tmp_path: Path) -> None:
    async def scenario() -> None:
        readers = simulated(1, 2, 3)
        async with ReaderLine(tmp_path / "tty", readers) as line, edge_on(line.link, 1, 2, 3) as e:
            await e.until(lambda: len(e.of(OutputsReported)) == 3)
            await e.until_current()
            readers[1].present_card(26, b"\x12\x34\x56\x40")
            readers[2].press_keys("12*#")
            readers[0].set_input(1, True)
            await e.until(lambda: e.of(CardRead) and e.of(KeysPressed))
            assert (e.of(CardRead)[0].device, e.of(CardRead)[0].bits) == ("r2", 26)
            assert (e.of(KeysPressed)[0].device, e.of(KeysPressed)[0].keys) == ("r3", "12*#")
            await e.until(lambda: InputState.ACTIVE in e.of(InputsReported)[-1].states)
            changes: list[tuple[int, bool]] = []
            readers[0].on_output = lambda number, on: changes.append((number, on))
            assert await e.do(Pulse(0, 200)) == "confirmed"
            await e.until(lambda: changes == [(0, True), (0, False)] and e.facts)
            assert await e.do(Light(0, Color.GREEN, 0), address=2) == "confirmed"
            assert await e.do(Beep(0, 2), address=3) == "confirmed"
            assert e.of(DeviceOffline) == []
            assert e.of(ProtocolViolated) == []
            turns = e.driver.turns
            async with asyncio.timeout(PATIENCE_S):
                while e.driver.turns == turns:
                    await asyncio.sleep(0.01)

    asyncio.run(scenario())


def test_unplug_and_replug(tmp_path: Path) -> None:
    async def scenario() -> None:
        readers = simulated(1)
        async with ReaderLine(tmp_path / "tty", readers) as line, edge_on(line.link, 1) as e:
            await e.until(lambda: e.of(OutputsReported))
            line.unplug()
            await e.until(lambda: e.of(DeviceOffline))
            assert await e.do(Pulse(0, 200)) == "lost"
            await asyncio.sleep(0.2)
            e.facts.clear()
            line.replug()
            await e.until(lambda: e.of(DeviceOnline))
            assert not readers[0].executed
            assert any("plug" in loss for loss in e.losses)
            assert await e.do(Pulse(0, 200)) == "confirmed"

    asyncio.run(scenario())


def test_a_fact_is_heard_to_its_end_before_the_next(tmp_path: Path) -> None:
    """The edge commands while it hears; a board's offline must not end behind its online."""

    async def scenario() -> None:
        readers = simulated(1)
        async with ReaderLine(tmp_path / "tty", readers) as line, edge_on(line.link, 1) as e:
            await e.until(lambda: e.of(OutputsReported))
            e.facts.clear()
            hear, heard, commands = e._report, [], []

            def command_and_hear(fact: Fact) -> None:
                if isinstance(fact, DeviceOffline | DeviceOnline):
                    commands.append(e.submit(Hold(0, True)))
                heard.append(type(fact))
                hear(fact)

            e.driver._report = command_and_hear  # type: ignore[attr-defined]
            readers[0].reboot()
            await e.until(lambda: len(commands) == 2 and all(map(e.ends, commands)))
            links = [kind for kind in heard if kind in (DeviceOffline, DeviceOnline)]
            assert links == [DeviceOffline, DeviceOnline]
            assert [e.ends(command)[0].outcome for command in commands] == ["confirmed"] * 2

    asyncio.run(scenario())


def test_noise_on_a_pty(tmp_path: Path) -> None:
    async def scenario() -> None:
        readers = simulated(1)
        async with (
            ReaderLine(tmp_path / "tty", readers, seed=7) as line,
            edge_on(line.link, 1) as e,
        ):
            await e.until(lambda: e.of(OutputsReported))
            line.noise = 0.1
            for number in range(30):
                readers[0].present_card(8, bytes([number]))
                await asyncio.sleep(0.07)
            line.noise = 0.0
            readers[0].present_card(8, b"\xff")
            await e.until(lambda: e.of(CardRead) and e.of(CardRead)[-1].data == b"\xff")
            cards = [card.data[0] for card in e.of(CardRead)]
            assert cards == sorted(set(cards)), "no card twice, none out of order"
            # A card is lost when every repetition of its report is spoilt as well.
            assert len(cards) >= 25
            renewed = "its session had to be renewed"
            assert {fact.reason for fact in e.of(DeviceOffline)} <= {renewed}

    asyncio.run(scenario())


def test_two_lines_in_one_process(tmp_path: Path) -> None:
    async def scenario() -> None:
        one, other = simulated(1), simulated(1)
        async with (
            ReaderLine(tmp_path / "one", one) as line_one,
            ReaderLine(tmp_path / "other", other) as line_other,
            edge_on(line_one.link, 1) as e_one,
            edge_on(line_other.link, 1) as e_other,
        ):
            await e_one.until(lambda: e_one.of(OutputsReported))
            await e_other.until(lambda: e_other.of(OutputsReported))
            line_one.unplug()
            await e_one.until(lambda: e_one.of(DeviceOffline))
            assert await e_other.do(Hold(0, True)) == "confirmed"
            assert e_other.of(DeviceOffline) == []

    asyncio.run(scenario())


def test_port_that_is_missing_or_taken(tmp_path: Path) -> None:
    async def scenario() -> None:
        missing = Edge(tmp_path / "nothing", 1)
        with pytest.raises(LinkLostError, match="plug the adapter in"):
            await missing.driver.run(missing._report, lambda command: True)
        assert [type(fact) for fact in missing.facts] == [DeviceOffline]
        async with ReaderLine(tmp_path / "tty", simulated(1)) as line, edge_on(line.link, 1) as e:
            await e.until(lambda: e.of(DeviceOnline))
            second = Edge(line.link, 1)
            with pytest.raises(LinkLostError, match="in use"):
                await second.driver.run(second._report, lambda command: True)

    asyncio.run(scenario())


def test_cancelled_run_reports_offline_and_loses_commands(tmp_path: Path) -> None:
    async def scenario() -> None:
        readers = simulated(1)
        async with ReaderLine(tmp_path / "tty", readers) as line:
            async with edge_on(line.link, 1) as e:
                await e.until(lambda: e.of(OutputsReported))
                command = e.submit(Pulse(0, 200))
            assert [type(fact) for fact in e.facts[-2:]] == [CommandEnded, DeviceOffline]
            assert e.ends(command)[0].outcome == "lost"
            late = e.submit(Pulse(0, 200))
            assert e.ends(late)[0].outcome == "lost"
            await asyncio.sleep(0.1)
            assert not readers[0].executed

    asyncio.run(scenario())


def test_libosdp_reader_is_understood(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with libosdp_and_edge(tmp_path) as (reader, e):
            for line in ("card 26 12345640", "card 32 deadbeef", "card 48 0123456789ab"):
                reader.tell(line)
            reader.tell("keys 1234*#")
            reader.tell("input 1 1")
            reader.tell("tamper 1")
            await e.until(lambda: any(fact.tampered for fact in e.of(TamperReported)))
            assert [(card.bits, card.data.hex()) for card in e.of(CardRead)] == [
                (26, "12345640"),
                (32, "deadbeef"),
                (48, "0123456789ab"),
            ]
            assert "".join(fact.keys for fact in e.of(KeysPressed)) == "1234*#"
            assert e.of(InputsReported)[-1].states[:2] == (InputState.INACTIVE, InputState.ACTIVE)
            assert await e.do(Pulse(0, 2_000)) == "confirmed"
            assert await e.do(Pulse(1, 700, on=False)) == "confirmed"
            assert await e.do(Hold(1, True)) == "confirmed"
            assert await e.do(Light(0, Color.GREEN, 1_500)) == "confirmed"
            assert await e.do(Light(0, Color.RED, 0)) == "confirmed"
            assert await e.do(Beep(0, 3)) == "confirmed"
            for said in ("output 0 5 20", "output 1 6 7", "output 1 2 0", "buzzer 0 3"):
                await reader.said(said)
            for said in ("led 0 0 temporary 2 15", "led 0 0 permanent 1 0"):
                await reader.said(said)
            assert e.of(DeviceOffline) == []
            assert e.of(ProtocolViolated) == []

    asyncio.run(scenario())


def test_a_stalled_loop_takes_a_waiting_reply_for_an_answer(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with libosdp_and_edge(tmp_path) as (reader, e):
            loop = asyncio.get_running_loop()
            for after_s in (0.01, 0.03, 0.05):
                loop.call_later(after_s, time.sleep, 0.5)
                await asyncio.sleep(0.6)
            reader.tell("card 26 12345640")
            await e.until(lambda: e.of(CardRead))
            assert e.of(DeviceOffline) == []
            assert e.of(ProtocolViolated) == [], "the session never ended"

    asyncio.run(scenario())


def test_libosdp_reader_is_killed_and_returns(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with libosdp_and_edge(tmp_path) as (reader, e):
            await reader.kill()
            queued = e.submit(Pulse(0, 2_000), within_ms=60_000)
            await e.until(lambda: e.of(DeviceOffline))
            late = e.submit(Pulse(0, 2_000), within_ms=60_000)
            await e.until(lambda: e.ends(queued) and e.ends(late))
            assert {e.ends(queued)[0].outcome, e.ends(late)[0].outcome} == {"lost"}
            reader.lines.clear()
            e.facts.clear()
            await reader.start()
            await e.until(lambda: e.of(DeviceOnline))
            await e.until_current()
            reader.tell("card 26 12345640")
            await e.until(lambda: e.of(CardRead))
            assert not [line for line in reader.lines if line.startswith("output")]
            assert await e.do(Pulse(0, 2_000)) == "confirmed"

    asyncio.run(scenario())


def test_libosdp_reader_that_sleeps_obeys_nothing_when_it_wakes(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with libosdp_and_edge(tmp_path) as (reader, e):
            os.kill(reader.process.pid, signal.SIGSTOP)  # the port stays open, nobody listens
            await asyncio.sleep(0.02)
            queued = e.submit(Pulse(0, 2_000), within_ms=60_000)
            await e.until(lambda: e.of(DeviceOffline))
            assert e.ends(queued)[0].outcome == "lost"
            e.facts.clear()
            os.kill(reader.process.pid, signal.SIGCONT)
            await e.until(lambda: e.of(DeviceOnline))
            await e.until_current()
            reader.tell("card 26 12345640")
            await e.until(lambda: e.of(CardRead))
            assert not [line for line in reader.lines if line.startswith("output")]

    asyncio.run(scenario())


def test_simulated_readers_are_as_slow_as_their_line(tmp_path: Path) -> None:
    """What a poll and its answer take at 9600 is what the panel sees between the two."""

    for baud, byte_ms in ((9600, 10 / 9.6), (115200, 10 / 115.2)):
        config = LineConfig(port=str(tmp_path / "tty"), baud=baud, readers=(reader_config(1),))
        seen: list[Spoken] = []

        async def listen(config: LineConfig = config, seen: list[Spoken] = seen) -> None:
            driver = OsdpDriver(config)
            driver.watch(seen.append)
            async with ReaderLine(tmp_path / "tty", simulated(1)):
                task = asyncio.create_task(driver.run(lambda fact: None, lambda command: True))
                async with asyncio.timeout(PATIENCE_S):
                    while len([spoken for spoken in seen if spoken.text.startswith("POLL")]) < 4:
                        await asyncio.sleep(0.01)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

        asyncio.run(listen())
        said = [
            (asked, answer)
            for asked, answer in pairwise(seen)
            if asked.outgoing and not answer.outgoing and answer.frame
        ]
        assert len(said) > 8
        for asked, answer in said:
            wire_ms = (1 + wire_bytes(asked) + 1 + wire_bytes(answer)) * byte_ms
            assert answer.at_ns - asked.at_ns >= 0.99 * wire_ms * 1e6


def wire_bytes(spoken: Spoken) -> int:
    """At least how many bytes the frame had: what is shown has no MAC and no padding."""
    return len(spoken.frame)
