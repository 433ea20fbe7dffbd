"""Texts and files to a reader by another hand: libosdp's, in its own process on a pty."""

import asyncio
import hashlib
import random
from pathlib import Path

import pytest

from drivers.api import FileProgress, SendFile, Show
from tests.drivers.osdp.peers import libosdp_and_edge


def test_a_text(tmp_path: Path) -> None:
    async def run() -> None:
        async with libosdp_and_edge(tmp_path) as (reader, edge):
            assert await edge.do(Show(0, "Go ahead", 1_500)) == "confirmed"
            await reader.said("text 0 2 " + b"Go ahead".hex())

    asyncio.run(run())


@pytest.mark.parametrize("size", [1, 5_000, 200_000])
def test_a_file(tmp_path: Path, size: int) -> None:
    content = random.Random(size).randbytes(size)

    async def run() -> None:
        async with libosdp_and_edge(tmp_path) as (reader, edge):
            assert await edge.do(SendFile(content, 7), within_ms=30_000) == "confirmed"
            await reader.said(f"file 7 {size} {hashlib.sha256(content).hexdigest()}")
            assert edge.of(FileProgress)[-1].sent == size

    asyncio.run(run())
