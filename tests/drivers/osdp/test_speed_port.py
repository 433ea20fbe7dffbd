"""A change of speed on a real port: with our readers, and with libosdp's as the other hand."""

import asyncio
from pathlib import Path

from drivers.api import DeviceOnline, Hold
from drivers.upkeep import ChangeSpeed, SpeedSettled
from simulators.osdp_line import ReaderLine
from tests.drivers.osdp.peers import edge_on, libosdp_and_edge, simulated


def test_a_port_goes_to_another_speed_with_its_readers(tmp_path: Path) -> None:
    async def scenario() -> None:
        readers = simulated(1, 2)
        for reader in readers:
            reader.baud = 115200
        async with ReaderLine(tmp_path / "tty", readers) as line, edge_on(line.link, 1, 2) as e:
            await e.until(lambda: len(e.of(DeviceOnline)) == 2)
            e.driver.upkeep(ChangeSpeed(device="r1", baud=38400))
            await e.until(lambda: e.of(SpeedSettled))
            assert e.of(SpeedSettled)[0].baud == 38400
            assert {reader.baud for reader in readers} == {38400}
            await e.until_current()
            assert await e.do(Hold(0, True), address=2) == "confirmed"

    asyncio.run(scenario())


def test_libosdp_reader_is_told_another_speed(tmp_path: Path) -> None:
    """A pty has none, so that it is found at the new one: what is seen is that it understood."""

    async def scenario() -> None:
        async with libosdp_and_edge(tmp_path) as (reader, e):
            e.driver.upkeep(ChangeSpeed(device="r1", baud=38400))
            await reader.said("comset 1 38400")
            await e.until(lambda: e.of(SpeedSettled))
            assert (e.of(SpeedSettled)[0].baud, e.of(SpeedSettled)[0].missing) == (38400, ())
            await e.until_current()
            assert await e.do(Hold(0, True)) == "confirmed"

    asyncio.run(scenario())
