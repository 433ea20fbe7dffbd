"""libosdp's reader over Secure Channel through a bad cable, in real time: what must hold meanwhile.

Each round shows numbered cards and gives numbered commands while something is wrong with the cable
or the reader, and waits until all is well again. `check` holds at any time:

- no card is heard that was not shown, none out of order, and none twice;
- every command ends once; a confirmed one was obeyed, and none is obeyed twice;
- what was given while the cable was cut, and ran out before it was whole, is never obeyed;
- the device is only ever online with a session of its own key.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from drivers.api import (
    CardRead,
    CommandEnded,
    DeviceOffline,
    DeviceOnline,
    Outcome,
    ProtocolViolated,
    Pulse,
)
from tests.drivers.osdp.cable import Cable
from tests.drivers.osdp.peers import Edge, Libosdp, edge_on
from tests.drivers.osdp.world import key_of

CARD_EVERY_S = 0.03
SPOILT_MIN = 2  # noise goes on until it has spoilt so many bytes
COMMANDS_MAX = 250  # libosdp counts a timer in eight bits, and each command has its own


class Fault(msgspec.Struct, frozen=True):
    """What is wrong for `for_s`: shares of bytes, a cut, or a reader that loses its power."""

    for_s: float
    flipped: float = 0.0
    lost: float = 0.0
    cut: bool = False
    restart: bool = False


class Trial:
    """One edge, one cable, one reader. `returned_s`: how long each fault was felt after its end."""

    def __init__(self, edge: Edge, cable: Cable, reader: Libosdp) -> None:
        self.returned_s: list[float] = []
        self.edge, self.cable, self.reader = edge, cable, reader
        self.cards = 0
        self.given: dict[str, str] = {}
        self._never: set[str] = set()

    async def suffer(self, fault: Fault) -> None:
        """Cards and commands while the fault lasts; then until a card and a command get through."""
        loop = asyncio.get_running_loop()
        cable = self.cable
        cable.flipped, cable.lost, cable.cut = fault.flipped, fault.lost, fault.cut
        if fault.restart:
            await self.reader.kill()
        end_s = loop.time() + fault.for_s
        noisy = fault.flipped + fault.lost > 0
        enough = self.cable.spoilt + SPOILT_MIN
        while loop.time() < end_s or (noisy and self.cable.spoilt < enough):
            if not fault.restart:
                self._show_card()
            if fault.cut and end_s - loop.time() > 0.2:
                self._never.add(self._give(within_ms=100))
            elif not fault.cut:
                self._give(within_ms=500)
            await asyncio.sleep(CARD_EVERY_S)
        if fault.restart:
            await self.reader.start()
            self.cable.connect()
        cable.flipped = cable.lost = 0.0
        cable.cut = False
        ended_s = loop.time()
        await self._until_well()
        self.returned_s.append(loop.time() - ended_s)

    async def _until_well(self) -> None:
        """A new card is heard: one that is shown before the reader is back may be lost."""
        first = self.cards
        while not any(int.from_bytes(card.data) > first for card in self.edge.of(CardRead)):
            self._show_card()
            await asyncio.sleep(CARD_EVERY_S)
        command = self._give(within_ms=3_000)
        await self.edge.until(lambda: self.edge.ends(command))
        await self.edge.until(lambda: all(map(self.edge.ends, self.given)))

    def _show_card(self) -> None:
        self.cards += 1
        self.reader.tell(f"card 32 {self.cards:08x}")

    def _give(self, *, within_ms: int) -> str:
        ticks = len(self.given) % COMMANDS_MAX + 1
        command = self.edge.submit(Pulse(0, ticks * 100), within_ms=within_ms)
        self.given[command] = f"output 0 5 {ticks}"
        return command

    def check(self) -> None:
        """See above; the trial is over."""
        heard = [int.from_bytes(card.data) for card in self.edge.of(CardRead)]
        assert heard == sorted(set(heard))
        assert set(heard) <= set(range(1, self.cards + 1))
        ended = Counter(fact.command for fact in self.edge.of(CommandEnded))
        assert ended == Counter(dict.fromkeys(self.given, 1))
        obeyed = Counter(line for line in self.reader.lines if line.startswith("output"))
        allowed = Counter(self.given.values())
        assert obeyed <= allowed, "obeyed twice"
        if len(self.given) > COMMANDS_MAX:
            return  # several have the same number
        for command, line in self.given.items():
            outcome = self.edge.ends(command)[0].outcome
            assert outcome is not Outcome.CONFIRMED or obeyed[line] == 1
            assert outcome is Outcome.CONFIRMED or outcome is Outcome.LOST or obeyed[line] == 0
        assert not [self.given[command] for command in self._never if obeyed[self.given[command]]]
        assert all(fact.secure for fact in self.edge.of(DeviceOnline))

    def figures(self) -> str:
        """How often something happened, for a campaign's line."""
        edge = self.edge
        outcomes = Counter(fact.outcome.value for fact in edge.of(CommandEnded))
        told = ", ".join(f"{count} {word}" for word, count in sorted(outcomes.items()))
        return (
            f"{self.cards} cards shown, {len(edge.of(CardRead))} heard, "
            f"{len(self.given)} commands ({told}), "
            f"{len(edge.of(DeviceOffline))} times offline, "
            f"{len(edge.of(ProtocolViolated))} violations, {self.cable.spoilt} bytes spoilt"
        )


@asynccontextmanager
async def trial(folder: Path, seed: int) -> AsyncIterator[Trial]:
    """All of it, well and current."""
    key_file = folder / "key"
    key_file.write_text(key_of(1).hex())
    reader = Libosdp(folder / "far", key_file)
    await reader.start()
    try:
        async with (
            Cable(folder / "tty", folder / "far", seed) as cable,
            edge_on(cable.link, 1) as edge,
        ):
            await edge.until(lambda: edge.of(DeviceOnline))
            await edge.until_current()
            yield Trial(edge, cable, reader)
    finally:
        if reader.process.returncode is None:
            await reader.kill()
