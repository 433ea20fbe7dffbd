"""Answers of a module, spoilt in every way that its check sum is there to find.

`fuzz` is what `make test` runs a slice of and `make campaign fuzz` a million frames.
"""

import random
from collections.abc import Callable, Mapping

from drivers.api import CommandEnded, Fact, Hold, InputsReported, InputState, OutputsReported
from drivers.modbus.bus import HEARD_MAX
from tests.drivers.growth import Put
from tests.drivers.modbus.world import World

BITS_FLIPPED_MAX = 3  # the check sum finds any three wrong bits of so short a frame
PIECE_MS = 500


class Spoiler:
    """Between module and panel. `frames` counts the answers that it had in its hands."""

    def __init__(self, source: random.Random) -> None:
        self.frames = self.left_whole = 0
        self._source = source
        self._ways: tuple[Callable[[bytes], bytes], ...] = (
            self._whole,
            self._flipped,
            self._cut,
            lambda data: self._noise() + data,
            lambda data: data + self._noise(),
            lambda data: self._noise(len(data)),
            lambda data: data[1:] + data[:1],
            lambda data: data[: len(data) // 2] + data,
        )

    def spoil(self, data: bytes) -> bytes:
        """What arrives of an answer."""
        if not data:
            return data
        self.frames += 1
        return self._source.choice(self._ways)(data)

    def _whole(self, data: bytes) -> bytes:
        self.left_whole += 1
        return data

    def _flipped(self, data: bytes) -> bytes:
        damaged = bytearray(data)
        bits = self._source.sample(range(8 * len(data)), self._source.randint(1, BITS_FLIPPED_MAX))
        for bit in bits:
            damaged[bit // 8] ^= 1 << bit % 8
        return bytes(damaged)

    def _cut(self, data: bytes) -> bytes:
        return data[: self._source.randrange(len(data))]

    def _noise(self, length: int | None = None) -> bytes:
        return self._source.randbytes(self._source.randrange(1, 40) if length is None else length)


def fuzz(seed: int, frames: int) -> str:
    """Put so many spoilt answers to a line. Raises AssertionError for what must not be."""
    source = random.Random(seed)
    spoiler, world = Spoiler(source), World(1, baud=115200)
    module = world.modules[1]
    true_inputs = {tuple(module.inputs)}
    true_outputs = {module.outputs}

    def hear(fact: Fact) -> None:
        if isinstance(fact, InputsReported):
            assert tuple(state is InputState.ACTIVE for state in fact.states) in true_inputs
        elif isinstance(fact, OutputsReported):
            assert fact.states in true_outputs, fact

    world.on_fact = hear
    world.to_panel = spoiler.spoil
    commands = 0
    while spoiler.frames < frames:
        module.inputs = [source.random() < 0.5 for _ in module.inputs]
        true_inputs.add(tuple(module.inputs))
        before = module.outputs
        world.run(PIECE_MS)
        assert module.outputs == before, "nothing is switched that was not asked for"
        assert len(world.bus._heard) <= HEARD_MAX
        output, on = source.randrange(8), source.random() < 0.5
        true_outputs.add((*before[:output], on, *before[output + 1 :]))
        world.submit(Hold(output, on=on), within_ms=PIECE_MS)
        commands += 1
        world.run(2 * PIECE_MS)
        world.sent.clear()
    ended = len(world.of(CommandEnded))
    assert commands - 1 <= ended <= commands, "every command ends"
    return f"{spoiler.left_whole} of {spoiler.frames} answers left whole, {commands} commands"


TARGETS: Mapping[str, Callable[[int, int], str]] = {"modbus": fuzz}


def lasting(seed: int) -> Put:
    """One line for good."""
    source = random.Random(f"for good {seed}")
    spoiler, world = Spoiler(source), World(1, baud=115200)
    world.to_panel = spoiler.spoil
    module = world.modules[1]

    def put(frames: int) -> None:
        end = spoiler.frames + frames
        while spoiler.frames < end:
            module.inputs = [source.random() < 0.5 for _ in module.inputs]
            world.submit(Hold(source.randrange(8), on=source.random() < 0.5), within_ms=PIECE_MS)
            world.run(2 * PIECE_MS)
            for kept in (world.facts, world.sent, module.asked):
                kept.clear()

    return put


LASTING: Mapping[str, Callable[[int], Put]] = {"modbus": lasting}
