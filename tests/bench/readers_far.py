"""The far end of the lines of `bench_readers`: simulated readers, paced, in a process of their own.

    python -m tests.bench.readers_far FOLDER < commands

Reads `trial.json`. Says `ready`. `cards SECONDS` on standard input: badges are shown at random
readers for so long, and each is said as `card NUMBER NANOSECONDS`, then `done`. `asked`: says how
many questions the readers have heard so far. Ends with its input.
"""

import asyncio
import os
import random
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from simulators.osdp_reader import SimulatedReader
from tests.bench.paced_line import PacedLine
from tests.bench.readers_trial import CARD_BITS, Trial, key_of, port_of


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Counted(PacedLine):
    """Counts what the panel says."""

    asked = 0

    def _heard(self, data: bytes) -> None:
        self.asked += 1
        super()._heard(data)


class Far:
    """All readers of one trial."""

    def __init__(self, folder: Path, trial: Trial) -> None:
        self._folder, self._trial = folder, trial
        self._readers = {
            (line, address): SimulatedReader(address, key_of(line, address), os.urandom, outputs=1)
            for line, address in trial.live()
        }
        self._number = 0

    async def serve(self) -> None:
        """Until the end of standard input."""
        async with AsyncExitStack() as open_:
            lines = []
            for line in range(len(self._trial.lines)):
                readers = [one for (on, _), one in self._readers.items() if on == line]
                port = port_of(self._folder, line)
                lines.append(Counted(port, readers, self._trial.baud))
                await open_.enter_async_context(lines[-1])
            say("ready")
            while words := (await asyncio.to_thread(sys.stdin.readline)).split():
                if words[0] == "asked":
                    say(str(sum(line.asked for line in lines)))
                    continue
                await self._show_cards(float(words[1]))
                say("done")

    async def _show_cards(self, for_s: float) -> None:
        chance = random.Random(0)
        readers = list(self._readers.values())
        until_s = time.monotonic() + for_s
        while time.monotonic() < until_s:
            await asyncio.sleep(chance.uniform(*self._trial.pause_s))
            self._number += 1
            at_ns = time.monotonic_ns()
            chance.choice(readers).present_card(CARD_BITS, self._number.to_bytes(CARD_BITS // 8))
            say(f"card {self._number} {at_ns}")


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    trial = msgspec.json.decode((folder / "trial.json").read_bytes(), type=Trial)
    asyncio.run(Far(folder, trial).serve())
