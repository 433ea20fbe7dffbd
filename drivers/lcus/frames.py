"""What an LCUS board is told and what it answers.

LC Technology's protocol as sellers print it: `A0`, relay from 1 on, 1 on or 0 off, and the sum of
the three; nothing is answered. Boards with newer firmware answer `FF` with a line for each relay,
`CH1:OFF` and so on, with blanks that differ from board to board.
"""

import re

RELAYS_MAX = 8
QUERY = b"\xff"

_START = 0xA0
_LINE = re.compile(rb"CH(\d): ?(ON|OFF) ?\r\n")
_LINE_LENGTH_MAX = len(b"CH1: OFF \r\n")
HEARD_MAX = 2 * RELAYS_MAX * _LINE_LENGTH_MAX
"""Bytes that are kept while an answer is owed: a whole one behind as much noise."""


def switch(relay: int, *, on: bool) -> bytes:
    """The command for one relay, counted from 0."""
    frame = bytes([_START, relay + 1, int(on)])
    return frame + bytes([sum(frame) & 0xFF])


def states_in(data: bytes, relays: int) -> tuple[bool, ...] | None:
    """What the latest whole answer in these bytes says of so many relays, or None.

    A whole one has a line for each of them, in order and with nothing in between.
    """
    found: list[bool] = []
    whole: tuple[bool, ...] | None = None
    end = 0
    for line in _LINE.finditer(data):
        number = int(line[1])
        follows = line.start() == end and number == len(found) + 1
        found = [*found, line[2] == b"ON"] if follows else [line[2] == b"ON"] if number == 1 else []
        end = line.end()
        if len(found) == relays:
            whole = tuple(found)
    return whole
