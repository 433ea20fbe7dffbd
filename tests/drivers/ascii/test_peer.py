"""Our simulated module at a real port, read by a program that others wrote (PyPI `rdm6300`)."""

import asyncio
import time
from pathlib import Path

from rdm6300 import BaseReader

from simulators.ascii_reader import rdm6300
from simulators.serial_line import SerialLine, paced

BADGES = [bytes.fromhex(badge) for badge in ("67003B51C6", "0C000621A5", "100086F444")]


class Peer(BaseReader):  # type: ignore[misc]  # it has no types
    """Notes each badge that follows another one, and whatever it cannot read."""

    def __init__(self, port: str) -> None:
        super().__init__(port, heartbeat_interval=None)
        self.seen: list[tuple[str, bytes]] = []

    def _note(self, what: str, card) -> None:
        self.seen.append((what, bytes([card.type]) + card.value.to_bytes(4, "big")))

    def card_inserted(self, card) -> None:
        self._note("came", card)

    def invalid_card(self, card) -> None:
        self._note("broken", card)


def test_another_program_reads_the_simulated_module(tmp_path: Path) -> None:
    async def scenario() -> list[tuple[str, bytes]]:
        module = rdm6300()
        async with SerialLine(tmp_path / "tty", module) as line:
            module.say, line.treatment = line.say, paced(9600)
            peer = Peer(str(line.link))
            reading = asyncio.create_task(asyncio.to_thread(peer.start))
            try:
                async with asyncio.timeout(30):
                    for count, badge in enumerate(BADGES, start=1):
                        module.hold(badge, time.monotonic_ns())
                        line.set_timer()
                        while len(peer.seen) < count:
                            await asyncio.sleep(0.01)
                        module.remove(badge, time.monotonic_ns())
                        line.set_timer()
            finally:
                peer.stop()
                await asyncio.gather(reading, return_exceptions=True)
                peer.close()
        return peer.seen

    assert asyncio.run(scenario()) == [("came", badge) for badge in BADGES]
