"""A panel and its reader stopped at the moments of a link's life, and all that may be said then."""

from drivers.api import Hold, Priority, Pulse
from drivers.osdp import messages as osdp
from tests.drivers.osdp.world import World

BODIES = [
    osdp.Ack(),
    *(osdp.Nak(reason) for reason in range(1, 10)),
    osdp.Identity(b"\xba\xdb\xad", 9, 9, 999, b"\x01\x00\x00"),
    osdp.Capabilities(b"\x01\x01\x02\x02\x01\x02\x09\x01\x01"),
    osdp.LocalStatus(1, 1),
    osdp.InputStatus(b"\x01\x01"),
    osdp.OutputStatus(b"\x01\x01"),
    osdp.RawCard(0, 0, 32, b"\xde\xad\xbe\xc0"),
    osdp.Keypad(0, 4, b"1234"),
    osdp.ReaderCryptogram(bytes(8), bytes(range(8)), bytes(16)),
    osdp.InitialMac(bytes(16)),
    osdp.Busy(),
]
KNOWN = [osdp.encode(body) for body in BODIES]


def stopped_after(replies: int) -> World:
    """A world whose panel has heard so many replies and waits for the next."""
    world = World(1)
    left = [replies]

    def pass_some(data: bytes) -> bytes:
        left[0] -= 1
        return data if left[0] >= 0 else b""

    world.to_panel = pass_some
    return world.run(60)


def command_on_the_wire() -> World:
    """The reader has obeyed, and its answer is swallowed."""
    world = World(1).online()
    world.to_panel = lambda data: b""
    world.submit(Pulse(0, 300), within_ms=None)
    world.submit(Hold(1, True), priority=Priority.LIFE_SAFETY, within_ms=None)
    return world.run(60)


def between_polls() -> World:
    world = World(1).online()
    while world.bus.deadline() is not None and world.bus._speaking is not None:
        world.run(1)
    return world


def offline() -> World:
    world = World(1).online()
    world.readers[1].silent = True
    world.run(3_000)
    while world.bus._speaking is not None:
        world.run(10)
    return world
