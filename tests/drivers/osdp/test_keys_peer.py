"""Pairing and new keys with a reader by another hand: libosdp's, in its own process on a pty."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from drivers.api import DeviceOffline, DeviceOnline, Hold
from drivers.upkeep import KeyProven, Pair, PairingEnded, Recall, Rekey
from tests.drivers.osdp.peers import Edge, Libosdp, edge_on


@asynccontextmanager
async def reader_in(folder: Path) -> AsyncIterator[Libosdp]:
    """libosdp's reader, with its key in `folder / "flash"` as soon as it has one."""
    reader = Libosdp(folder / "tty", folder / "flash")
    await reader.start()
    try:
        yield reader
    finally:
        if reader.process.returncode is None:
            await reader.kill()


def pair(edge: Edge, key: bytes, for_ns: int = 60 * 10**9) -> None:
    edge.driver.upkeep(Pair(device="r1", key=key, until_ns=time.monotonic_ns() + for_ns))


def test_libosdp_reader_is_paired_and_given_another_key(tmp_path: Path) -> None:
    first, second, third = (os.urandom(16) for _ in range(3))
    flash = tmp_path / "flash"

    async def scenario() -> None:
        async with reader_in(tmp_path) as reader, edge_on(reader._port, 1, key_file=None) as e:
            await e.until(lambda: e.of(DeviceOffline))
            assert "pair it" in e.of(DeviceOffline)[0].reason
            pair(e, first)
            await e.until(lambda: e.of(KeyProven))
            await e.until(lambda: e.of(DeviceOnline))
            assert flash.read_text() == first.hex()
            assert [fact.successor for fact in e.of(KeyProven)] == [True]
            await e.until_current()
            assert await e.do(Hold(0, True)) == "confirmed"
            for count, key in enumerate((second, third), start=2):
                e.driver.upkeep(Rekey(device="r1", key=key))
                await e.until(lambda count=count: len(e.of(KeyProven)) == count)  # type: ignore[misc]
                assert flash.read_text() == key.hex()
                await e.until_current()
            assert all(fact.successor for fact in e.of(KeyProven))
            assert await e.do(Hold(0, False)) == "confirmed"

    asyncio.run(scenario())


def test_libosdp_reader_loses_power_behind_a_new_key_and_so_does_the_panel(tmp_path: Path) -> None:
    """Both begin anew: the panel with two keys, the reader with the one in its flash."""
    old, new = os.urandom(16), os.urandom(16)
    flash = tmp_path / "flash"
    flash.write_text(old.hex())

    async def scenario() -> None:
        async with reader_in(tmp_path) as reader:
            async with edge_on(reader._port, 1, key_file=old.hex().encode()) as e:
                await e.until(lambda: e.of(DeviceOnline))
                e.driver.upkeep(Rekey(device="r1", key=new))
                await reader.said("keyset")
            await reader.kill()
        async with reader_in(tmp_path) as reader:
            edge = edge_on(reader._port, 1, key_file=old.hex().encode())
            async with edge as e:
                e.driver.upkeep(Recall(device="r1", successor=new))
                await e.until(lambda: e.of(KeyProven))
                assert e.of(KeyProven)[0].successor is (flash.read_text() == new.hex()) is True

    asyncio.run(scenario())


def test_libosdp_reader_that_has_a_key_takes_no_published_one(tmp_path: Path) -> None:
    flash, own = tmp_path / "flash", os.urandom(16)
    flash.write_text(own.hex())

    async def scenario() -> None:
        async with reader_in(tmp_path) as reader, edge_on(reader._port, 1, key_file=None) as e:
            await e.until(lambda: e.of(DeviceOffline))
            pair(e, os.urandom(16), 1_500_000_000)
            await e.until(lambda: e.of(PairingEnded))
            assert not e.of(PairingEnded)[0].is_out
            assert e.of(DeviceOnline) == []
            assert flash.read_text() == own.hex()

    asyncio.run(scenario())
