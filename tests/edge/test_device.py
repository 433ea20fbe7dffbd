"""`sentrypost device list` and `watch` at a whole edge with devices on a real pty."""

import asyncio
import base64
import json
import os
import re
import struct
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from controller import events as ev
from drivers.api import Spoken
from drivers.osdp.messages import Buzzer, Led
from edge import device_signs
from edge.assembly import Edge
from edge.commands.device import device
from edge.device_taps import WAITING_MAX, Listening
from simulators.osdp_line import ReaderLine
from simulators.osdp_reader import SimulatedReader
from tests.edge.house import ADA, FRONT_CONTACT, FRONT_REX, VAULT, House, running, until
from tests.records import ROOT

WITHIN_S = 30.0


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def at(house: House, scene: Callable[[Edge, ReaderLine], Awaitable[None]]) -> None:
    async def run() -> None:
        async with house.line() as line, running(house) as edge:
            await until(edge, ev.EdgeReady)
            await scene(edge, line)

    asyncio.run(run())


async def asked(house: House, *arguments: str) -> Result:
    """What a command does while the daemon goes on in this process."""
    named = [*arguments, "--config", str(house.folder / "site.toml")]
    return await asyncio.to_thread(CliRunner().invoke, device, named, catch_exceptions=False)


async def listed(house: House) -> dict[str, dict[str, Any]]:
    found = json.loads((await asked(house, "list", "--json")).stdout)
    return {one["id"]: one for one in found["devices"]}


async def shown(house: House, is_there: Callable[[dict[str, dict[str, Any]]], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not is_there(await listed(house)):
            await asyncio.sleep(0.02)


@asynccontextmanager
async def following(house: House, *arguments: str) -> AsyncIterator[asyncio.StreamReader]:
    """`sentrypost device` as a process of its own, and what it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "edge.main",
        "device",
        *arguments,
        "--config",
        str(house.folder / "site.toml"),
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.kill()
        await process.wait()


async def until_said(stream: asyncio.StreamReader, words: str) -> list[str]:
    """The lines up to the first with these words."""
    lines: list[str] = []
    async with asyncio.timeout(WITHIN_S):
        while not lines or words not in lines[-1]:
            line = await stream.readline()
            assert line, f"it ended after {lines}"
            lines.append(line.decode().rstrip("\n"))
    return lines


def test_a_device_is_shown_with_what_hangs_on_it(house: House) -> None:
    async def scene(edge: Edge, line: ReaderLine) -> None:
        house.board.set_input(FRONT_CONTACT, True)
        await shown(house, lambda all_: all_["board"]["inputs"][FRONT_CONTACT]["state"] == "active")
        await shown(house, lambda all_: all_["board"]["outputs"][1]["on"] is True)
        page = (await asked(house, "list", "board")).output
        assert "board: online, secure since 20" in page
        assert "input 0     active: contact of portal front, open" in page
        assert "input 1     inactive: exit button of portal front, at rest" in page
        assert "input 3     active: fire input panel, normal" in page
        assert "output 0    off: lock of portal front, locked" in page
        assert "output 1    on: lock of portal vault-door, locked" in page
        assert "  says it is  " in page
        assert "front-in" not in page
        readers = await listed(house)
        assert list(readers) == ["front-in", "vault-in", "vault-out", "board"]
        assert readers["vault-out"]["serves"] == ["exit of portal vault-door"]
        assert readers["front-in"]["secure"] is True

    at(house, scene)


def test_a_device_that_is_gone_is_shown_with_the_reason_and_nothing_it_said_before(
    house: House,
) -> None:
    async def scene(edge: Edge, line: ReaderLine) -> None:
        await shown(house, lambda all_: all_["board"]["inputs"][0]["state"] is not None)
        line.unplug()
        await shown(house, lambda all_: all_["board"]["online"] is False)
        board = (await listed(house))["board"]
        assert {one["state"] for one in board["inputs"]} == {None}
        assert {one["on"] for one in board["outputs"]} == {None}
        assert {one["word"] for one in board["inputs"]} == {"unknown"}
        assert board["reason"]
        assert board["secure"] is False
        page = (await asked(house, "list", "front-in")).output
        assert re.match(r"front-in: OFFLINE since \S+ \S+: .*north: \w+", page), page

    at(house, scene)


def test_a_name_that_is_not_there_is_refused_with_the_one_that_is_meant(house: House) -> None:
    async def scene(edge: Edge, line: ReaderLine) -> None:
        refused = await asked(house, "list", "bord")
        assert refused.exit_code == 1
        assert "no device 'bord'" in refused.output

    at(house, scene)


def test_changes_are_followed_live_and_no_badge_is_in_them(house: House) -> None:
    async def scene(edge: Edge, line: ReaderLine) -> None:
        async with following(house, "watch", "front-in", "board") as stream:
            await until_said(stream, "fire input panel, normal")
            house.board.set_input(FRONT_REX, True)
            (*_, told) = await until_said(stream, "exit button")
            assert told.endswith("board  input 1 active: exit button of portal front, pressed")
            house.badge("front-in", ADA)
            (*_, told) = await until_said(stream, "badge")
            assert told.endswith("front-in  a badge was shown, 26 bits")
            assert ADA.hex() not in told
            house.board.set_local(tampered=True)
            await until_said(stream, "board  TAMPERED WITH")
            house.board.set_local()
            await until_said(stream, "board  housing closed, power good")
            line.unplug()
            told = await until_said(stream, "board  OFFLINE")
            assert not any("vault-in" in one for one in told)
            line.replug()
            await until_said(stream, "board  online, secure; says it is")

    at(house, scene)


def test_each_line_of_json_is_a_device_whole(house: House) -> None:
    async def scene(edge: Edge, line: ReaderLine) -> None:
        async with following(house, "watch", "board", "--json") as stream:
            await until_said(stream, '"board"')
            house.board.set_input(FRONT_CONTACT, True)
            (*_, told) = await until_said(stream, '"word":"open"')
            found = json.loads(told)
            assert found["id"] == "board"
            assert found["inputs"][0]["wired"] == "contact of portal front"

    at(house, scene)


def test_only_what_has_changed_is_sent_again(house: House) -> None:
    async def scene(edge: Edge, line: ReaderLine) -> None:
        await shown(house, lambda all_: all(one["online"] for one in all_.values()))
        book, told = edge.daemon.devices, ["front-in"]
        following = edge.desk.devices.follow()
        assert len((await anext(following)).devices) == 4
        house.board.set_input(FRONT_CONTACT, True)
        while "board" not in told:
            before = book.changes
            told = [one.id for one in (await anext(following)).devices]
            assert told == [name for name in house.readers if book.of(name).change > before]

    at(house, scene)


def test_what_passes_is_told_masked_and_for_as_long_as_somebody_reads(house: House) -> None:
    async def scene(edge: Edge, line: ReaderLine) -> None:
        bus = edge.daemon.drivers["north"]._bus  # type: ignore[attr-defined]  # an OSDP line's
        async with (
            following(house, "trace", "front-in", "--json") as reader,
            following(house, "trace", "north") as whole,
        ):
            await until_said(whole, "<- board")
            await until_said(reader, '"outgoing":true')
            house.badge("front-in", ADA)
            told = [json.loads(one) for one in await until_said(reader, "RAW")]
            assert {one["device"] for one in told} == {"front-in"}
            assert ADA not in base64.b64decode(told[-1]["frame"])
            assert ADA.hex() not in told[-1]["text"].lower().replace(" ", "")
            await until_said(whole, "RAW")
        async with following(house, "trace", "north") as whole:
            async with following(house, "trace", "north") as other:
                await until_said(other, "<- board")
            await until_said(whole, "<- board")
            house.badge("front-in", ADA)
            await until_said(whole, "RAW")
            assert bus.tap is not None
        async with asyncio.timeout(WITHIN_S):
            while bus.tap is not None:
                await asyncio.sleep(0.01)

    at(house, scene)


def test_a_trace_ends_by_itself_where_that_was_asked_for(house: House) -> None:
    async def scene(edge: Edge, line: ReaderLine) -> None:
        done = await asked(house, "trace", "north", "--seconds", "0.1")
        assert done.exit_code == 0

    at(house, scene)


def test_a_trace_is_kept_in_a_new_file_of_ones_own(house: House, tmp_path: Path) -> None:
    async def scene(edge: Edge, line: ReaderLine) -> None:
        file = tmp_path / "north.pcap"
        named = ("trace", "north", "--seconds", "0.5", "--pcap", str(file))
        done = await asked(house, *named)
        assert done.exit_code == 0, done.output
        assert done.stdout == ""
        whole = file.read_bytes()
        magic, linktype = struct.unpack_from("<I16xI", whole)
        assert (magic, linktype) == (0xA1B2C3D4, 162)
        count = int(done.stderr.split()[0])
        at, frames = 24, []
        while at < len(whole):
            seconds, _, kept, length = struct.unpack_from("<IIII", whole, at)
            assert kept == length
            assert abs(seconds - time.time()) < 60
            frames.append(whole[at + 16 : at + 16 + kept])
            at += 16 + kept
        assert (len(frames), count > 4) == (count, True)
        assert file.stat().st_mode & 0o777 == 0o600
        again = await asked(house, *named)
        assert "there is such a file" in again.output
        assert file.read_bytes() == whole

    at(house, scene)


def test_a_line_that_is_not_there_is_refused_with_the_one_that_is_meant(house: House) -> None:
    async def scene(edge: Edge, line: ReaderLine) -> None:
        refused = await asked(house, "trace", "nroth")
        assert refused.exit_code == 1
        assert "no line and no device 'nroth'" in refused.output

    at(house, scene)


def test_a_slow_listener_misses_the_oldest_and_is_told_how_many() -> None:
    heard = Listening("gate-in")
    for number in range(WAITING_MAX + 7):
        for name in ("gate-in", "gate-out"):
            heard.hear(Spoken(at_ns=number, device=name, outgoing=True, text="poll"))
    taken, missed = heard.take(WAITING_MAX)
    assert (len(taken), missed) == (WAITING_MAX, 7)
    assert [one.at_ns for one in taken[:2]] == [7, 8]
    assert {one.device for one in taken} == {"gate-in"}
    assert heard.take(1) == ([], 0)


def test_a_reader_shows_itself_and_one_that_cannot_is_told(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = bytes.fromhex((house.folder / "vault-in.key").read_text())
    house.readers["vault-in"] = SimulatedReader(2, key, os.urandom, sounders=0)

    async def scene(edge: Edge, line: ReaderLine) -> None:
        await shown(house, lambda all_: all(one["online"] for one in all_.values()))
        async with asyncio.timeout(10):
            while not house.board.outputs[VAULT]:  # the magnet holds from the start on
                await asyncio.sleep(0.01)
        locks = list(house.strikes)
        done = await asked(house, "try", "front-in")
        assert done.output == "front-in: its light: confirmed; its sounder: confirmed\n"
        led, beep = (command for _, command in house.readers["front-in"].executed)
        assert (type(led), type(beep)) == (Led, Buzzer)
        deaf = await asked(house, "try", "vault-in")
        assert deaf.exit_code == 1
        assert "its light: confirmed; its sounder: refused" in deaf.output
        assert house.strikes == locks
        monkeypatch.setattr(device_signs, "WITHIN_S", 0.3)
        house.readers["front-in"].silent = True
        mute = await asked(house, "try", "front-in")
        assert (mute.exit_code, "confirmed" in mute.output) == (1, False)
        house.readers["front-in"].silent = False
        line.unplug()
        await shown(house, lambda all_: all_["front-in"]["online"] is False)
        assert "'front-in' is away" in (await asked(house, "try", "front-in")).output
        assert "no device 'frnt-in'" in (await asked(house, "try", "frnt-in")).output

    at(house, scene)
