"""Who answers on an OSDP line, at which address and speed: each is asked who it is, in the clear.

The question is osdp_ID at sequence 0, which every reader answers before any session and which
changes nothing in it but to end a session that it had. Nobody else may have the line.
"""

import select
import time
from collections.abc import Callable, Iterator, Sequence

import msgspec

from drivers.osdp import messages as osdp
from drivers.osdp.abilities import Abilities, parse_abilities
from drivers.osdp.config import BAUDS
from drivers.osdp.frame import ADDRESS_MAX, MARK, NEED_MORE, Damaged, Frame, FrameDecoder, encode
from drivers.osdp.messages import Capability, Message
from drivers.osdp.translate import identity_text
from drivers.serial_port import SerialPort

REPLY_WITHIN_S = 0.2  # clause 5.8
BITS_PER_BYTE = 10
REPLY_BYTES = 64
"""Of the longest list of capabilities that is worth waiting for."""

USUAL_FIRST = (9600, 115200, *(baud for baud in BAUDS if baud not in {9600, 115200}))
"""Speeds in the order in which readers are found with: as they are sold, as they are set."""

ADDRESSES = tuple(range(ADDRESS_MAX + 1))


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One reader. `identity`: what it says of itself; empty where it refuses to say.

    `secure` and `default_key`: whether it lists Secure Channel, and the published key as its own;
    None where it lists nothing. The rest as it lists it.
    """

    baud: int
    address: int
    identity: str
    secure: bool | None = None
    default_key: bool | None = None
    inputs: int = 0
    outputs: int = 0
    light: bool = False
    sounder: bool = False
    display: bool = False


class Garbled(msgspec.Struct, frozen=True, kw_only=True):
    """At this speed something came that is no reply: another speed, a collision, or noise."""

    baud: int


class Question:
    """One command to one address, before any session, and the search for its reply."""

    def __init__(self, address: int, message: Message) -> None:
        code, data = osdp.encode(message)
        self._address = address
        self._decoder = FrameDecoder(replies=True)
        self.bytes_to_send = MARK + encode(
            Frame(address=address, is_reply=False, sequence=0, code=code, data=data)
        )
        self.heard = False

    def receive(self, data: bytes) -> Message | None:
        """The reply, once it is whole. Others' frames and noise are skipped."""
        self.heard = self.heard or bool(data)
        self._decoder.feed(data)
        while (frame := self._decoder.take()) is not NEED_MORE:
            if isinstance(frame, Damaged) or frame.address != self._address:
                continue
            if frame.sequence == 0 and (reply := osdp.decode_reply(frame.code, frame.data)):
                return reply
        return None


def scan(
    port: str,
    bauds: Sequence[int] = USUAL_FIRST,
    addresses: Sequence[int] = ADDRESSES,
    progress: Callable[[int, int], None] = lambda baud, address: None,
) -> Iterator[Found | Garbled]:
    """Everybody who answers, as he is found. `progress` is told before each question.

    Raises LinkLostError where the port cannot be had, or goes.
    """
    for baud in bauds:
        serial = SerialPort(port, baud)
        try:
            yield from _at(serial, baud, addresses, progress)
        finally:
            serial.close()


def _at(
    port: SerialPort,
    baud: int,
    addresses: Sequence[int],
    progress: Callable[[int, int], None],
) -> Iterator[Found | Garbled]:
    garbled = False
    for address in addresses:
        progress(baud, address)
        asked = Question(address, osdp.IdentityRequest())
        reply = _ask(port, baud, asked)
        if reply is None:
            garbled = garbled or asked.heard
            continue
        identity = identity_text(reply) if isinstance(reply, osdp.Identity) else ""
        listed = _ask(port, baud, Question(address, osdp.CapabilityRequest()))
        abilities = parse_abilities(listed) if isinstance(listed, osdp.Capabilities) else None
        yield _found(baud, address, identity, abilities)
    if garbled:
        yield Garbled(baud=baud)


def _ask(port: SerialPort, baud: int, asked: Question) -> Message | None:
    port.discard()
    port.write(asked.bytes_to_send)
    spoken_s = (len(asked.bytes_to_send) + REPLY_BYTES) * BITS_PER_BYTE / baud
    until_s = time.monotonic() + REPLY_WITHIN_S + spoken_s
    while (left_s := until_s - time.monotonic()) > 0:
        if select.select([port.fd], [], [], left_s)[0]:
            reply = asked.receive(port.read())
            if reply is not None:
                return reply
    return None


def _found(baud: int, address: int, identity: str, abilities: Abilities | None) -> Found:
    if abilities is None:
        return Found(baud=baud, address=address, identity=identity)
    return Found(
        baud=baud,
        address=address,
        identity=identity,
        secure=abilities.speaks_securely,
        default_key=abilities.default_key_in_use,
        inputs=abilities.get(Capability.INPUTS).items,
        outputs=abilities.get(Capability.OUTPUTS).items,
        light=abilities.has(Capability.LED),
        sounder=abilities.has(Capability.AUDIBLE),
        display=abilities.has(Capability.TEXT),
    )
