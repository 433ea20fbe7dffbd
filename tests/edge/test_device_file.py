"""`sentrypost device send-file` at a whole edge with readers on a real pty."""

import asyncio
import hashlib
import json
import os
import random
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from controller import events as ev
from controller.events_devices import DeviceServiced, ServiceStep
from drivers.osdp.messages import FileStatusDetail
from edge.commands.device import device
from simulators.osdp_files import FileReceiver
from simulators.osdp_reader import SimulatedReader
from tests.edge.house import ADA, House, bodies, running, until
from tests.records import ROOT

CONTENT = random.Random(5).randbytes(40_000)
NAME = "front-in"


@pytest.fixture
def house(tmp_path: Path) -> House:
    (tmp_path / "firmware.bin").write_bytes(CONTENT)
    return House(tmp_path)


def taking(house: House, files: FileReceiver) -> FileReceiver:
    former = house.readers[NAME]
    house.readers[NAME] = SimulatedReader(
        former.address, former.key, os.urandom, inputs=0, outputs=0, receive_size=512, files=files
    )
    return files


async def asked(house: House, *arguments: str) -> Result:
    """What the command does while the daemon goes on in this process."""
    file = str(house.folder / "firmware.bin")
    named = ["send-file", NAME, file, *arguments, "--config", str(house.folder / "site.toml")]
    return await asyncio.to_thread(CliRunner().invoke, device, named)


def test_a_file_is_sent_told_of_and_on_record(house: House) -> None:
    files = taking(house, FileReceiver())

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await until(edge, ev.EdgeReady)
            coming = asyncio.ensure_future(asked(house, "--kind", "133", "--json"))
            await until(edge, DeviceServiced)
            house.badge(NAME, ADA)
            await until(edge, ev.DecisionMade)
            told = await coming
            assert told.exit_code == 0, told.output
            lines = [json.loads(line) for line in told.stdout.splitlines()]
            assert lines[-1]["accepted"] is True
            arrived = [line["sent"] for line in lines[:-1]]
            assert arrived == sorted(set(arrived))
            assert arrived[-1] == len(CONTENT)
            begun, sent = await until(edge, DeviceServiced, 2)
            assert (begun.step, sent.step) == (ServiceStep.FILE_BEGUN, ServiceStep.FILE_SENT)
            assert hashlib.sha256(CONTENT).hexdigest() in begun.detail
            assert "kind 133, 40000 bytes" in begun.detail
            assert begun.operator is not None

    asyncio.run(run())
    assert files.files == [(133, CONTENT)]


def test_a_device_that_does_not_want_it_says_why(house: House) -> None:
    taking(house, FileReceiver(ending=FileStatusDetail.UNACCEPTABLE, refuse_at=1))

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await until(edge, ev.EdgeReady)
            told = await asked(house)
            assert told.exit_code == 1
            assert "damaged or not for it" in told.output
            *_, ended = await until(edge, DeviceServiced, 2)
            assert ended.step is ServiceStep.FILE_ENDED
            assert "damaged or not for it" in ended.detail

    asyncio.run(run())


def test_whoever_leaves_takes_it_back(house: House) -> None:
    files = taking(house, FileReceiver(delay_ms=200))

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await until(edge, ev.EdgeReady)
            sending = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "edge.main", "device", "send-file", NAME),
                *(str(house.folder / "firmware.bin"), "--config", str(house.folder / "site.toml")),
                stderr=asyncio.subprocess.DEVNULL,
                cwd=ROOT,
            )
            await until(edge, DeviceServiced)
            async with asyncio.timeout(30):
                while not files.longest:
                    await asyncio.sleep(0.01)
            sending.kill()
            await sending.wait()
            *_, ended = await until(edge, DeviceServiced, 2)
            assert "taken back" in ended.detail
            async with asyncio.timeout(30):
                while not files.aborts:
                    await asyncio.sleep(0.01)

    asyncio.run(run())
    assert files.files == []


def test_what_cannot_be_sent_is_refused_before_anything_is_on_record(house: House) -> None:
    async def run() -> None:
        async with house.line() as line, running(house) as edge:
            await until(edge, ev.EdgeReady)
            (house.folder / "firmware.bin").write_bytes(b"")
            told = await asked(house)
            assert "1 to 4194304 bytes" in told.output
            line.unplug()
            await until(edge, ev.ReaderLost)
            (house.folder / "firmware.bin").write_bytes(CONTENT)
            told = await asked(house)
            assert "is away" in told.output
            assert await bodies(edge, DeviceServiced) == []

    asyncio.run(run())
