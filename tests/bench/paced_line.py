"""Readers at the far end of a pty that is as slow as a wire: every byte takes its ten bits."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from simulators.osdp_line import ReaderLine
from simulators.osdp_reader import SimulatedReader

BITS_PER_BYTE = 10

REPLY_S = 0.001
"""What a reader takes to answer: SIA OSDP v2.2 allows up to 200 ms, present ones need about one."""

READ_MAX = 4096


class PacedLine(ReaderLine):
    """One RS-485 line. A frame is heard when its last bit has come, and so is its answer."""

    def __init__(self, link: Path, readers: Sequence[SimulatedReader], baud: int) -> None:
        super().__init__(link, readers)
        self._byte_s = BITS_PER_BYTE / baud

    def _readable(self) -> None:
        try:
            data = os.read(self._master, READ_MAX)
        except BlockingIOError:
            return
        heard_s = len(data) * self._byte_s
        asyncio.get_running_loop().call_later(heard_s, self._heard, data)

    def _heard(self, data: bytes) -> None:
        now_ns = self._clock_ns()
        for reader in self.readers:
            reply = reader.receive(data, now_ns)
            if reply and not reader.silent:
                said_s = REPLY_S + len(reply) * self._byte_s
                asyncio.get_running_loop().call_later(said_s, self._send, reply)
        self._set_timer()
