"""Texts and files to a reader by another hand: libosdp's, in its own process on a pty."""

import asyncio
import hashlib
import os
import random
import tty
from pathlib import Path

import pytest

from drivers.api import DeviceOnline, FileProgress, SendFile, Show
from simulators.osdp_line import flip_one_bit, point_link
from tests.drivers.osdp.peers import Libosdp, edge_on, libosdp_and_edge
from tests.drivers.osdp.world import key_of


def test_a_text(tmp_path: Path) -> None:
    async def run() -> None:
        async with libosdp_and_edge(tmp_path) as (reader, edge):
            assert await edge.do(Show(0, "Go ahead", 1_500)) == "confirmed"
            await reader.said("text 0 2 " + b"Go ahead".hex())

    asyncio.run(run())


@pytest.mark.parametrize("size", [5_000, 200_000])
def test_a_file(tmp_path: Path, size: int) -> None:
    content = random.Random(size).randbytes(size)

    async def run() -> None:
        async with libosdp_and_edge(tmp_path) as (reader, edge):
            assert await edge.do(SendFile(content, 7), within_ms=30_000) == "confirmed"
            await reader.said(f"file 7 {size} {hashlib.sha256(content).hexdigest()}")
            assert edge.of(FileProgress)[-1].sent == size

    asyncio.run(run())


class Noise:
    """A line between a near end, made here, and a far one: it spoils a share of what passes."""

    def __init__(self, near: Path, far: Path, share: float, seed: int) -> None:
        self.spoilt = 0
        self._near, self._far, self._share = near, far, share
        self._source = random.Random(seed)

    def __enter__(self) -> "Noise":
        self._port = os.open(self._far, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._master, self._slave = os.openpty()
        for end in (self._port, self._slave):
            tty.setraw(end)
        os.set_blocking(self._master, False)
        point_link(self._near, os.ttyname(self._slave))
        loop = asyncio.get_running_loop()
        loop.add_reader(self._master, self._pass_on, self._master, self._port)
        loop.add_reader(self._port, self._pass_on, self._port, self._master)
        return self

    def __exit__(self, *_error: object) -> None:
        for end in (self._master, self._port):
            asyncio.get_running_loop().remove_reader(end)
        for end in (self._master, self._port, self._slave):
            os.close(end)

    def _pass_on(self, source: int, target: int) -> None:
        data = os.read(source, 4096)
        if data and self._source.random() < self._share:
            self.spoilt += 1
            data = flip_one_bit(data, self._source)
        os.write(target, data)


@pytest.mark.parametrize("fixed", [1, None])
def test_a_file_through_noise(tmp_path: Path, fixed: int | None, seed: int) -> None:
    """libosdp repeats no reply: each one that is spoilt costs the session, and the file begins
    anew.
    """
    seed = seed if fixed is None else fixed
    content = random.Random(seed).randbytes(5_000)
    key_file = tmp_path / "key"
    key_file.write_text(key_of(1).hex())

    async def run() -> None:
        reader = Libosdp(tmp_path / "far", key_file)
        await reader.start()
        try:
            with Noise(tmp_path / "near", tmp_path / "far", 0.02, seed) as noise:
                async with edge_on(tmp_path / "near", 1) as edge:
                    await edge.until(lambda: edge.of(DeviceOnline))
                    outcome = await edge.do(SendFile(content, 7), within_ms=60_000)
                    assert outcome == "confirmed", f"seed {seed}, {noise.spoilt} spoilt"
            await reader.said(f"file 7 5000 {hashlib.sha256(content).hexdigest()}")
        finally:
            await reader.kill()

    asyncio.run(run())
