"""What a reader hands over for a card, and which badge that is.

The same card is the same badge at every reader of a site: one sends all its bits, another the
numbers without the parity bits, a third puts a customer's code in front. What stands behind is
always the whole card, parity included, as the first one sends it.
"""

from enum import StrEnum

import msgspec

from drivers.badges.bits import BADGE_BITS_MAX, Badge, badge_from_number
from drivers.badges.formats import BadgeRefusedError, Format, decode, encode


class Takes(StrEnum):
    """Which of the bits that a reader hands over are the card."""

    LAST = "last"
    """The last ones are all of the card, its parity bits included."""
    NUMBERS = "numbers"
    """The last ones are the fields in their order; parity bits are not among them."""


class Handing(msgspec.Struct, frozen=True):
    """How one reader gives cards of `card`, None for bits of any kind; `bits`: how many it hands
    over.
    """

    card: Format | None = None
    bits: int = 0
    takes: Takes = Takes.LAST

    def badge(self, bits: int, data: bytes) -> Badge:
        """The badge behind what a reader has handed over, left-aligned in `data`.

        Raises BadgeRefusedError, which never shows it.
        """
        if not 1 <= bits <= BADGE_BITS_MAX or len(data) != (bits + 7) // 8:
            raise BadgeRefusedError(f"a badge has 1..{BADGE_BITS_MAX} bits, and as many are sent")
        # Low bits of the last byte that stand for nothing are left out.
        handed = badge_from_number(bits, int.from_bytes(data, "big") >> -bits % 8)
        if self.card is None:
            return handed
        if bits != self.bits:
            raise BadgeRefusedError(f"{bits} bits, and this reader's cards have {self.bits}")
        if self.takes is Takes.NUMBERS:
            return encode(self.card, _numbers(self.card, handed.number))
        last = badge_from_number(self.card.bits, handed.number & (1 << self.card.bits) - 1)
        decode(self.card, last)
        return last

    @property
    def needs(self) -> int:
        """How many bits a reader must hand over at least."""
        if self.card is None:
            return 1
        if self.takes is Takes.NUMBERS:
            return sum(field.width for field in self.card.fields)
        return self.card.bits


RAW = Handing()
"""Any bits, as they come."""


def whole(card: Format) -> Handing:
    """A reader that sends the card's own bits and nothing else."""
    return Handing(card, card.bits)


def _numbers(card: Format, number: int) -> list[int]:
    """The fields that stand side by side at the end of a number."""
    found = []
    for field in reversed(card.fields):
        found.append(number & (1 << field.width) - 1)
        number >>= field.width
    return found[::-1]
