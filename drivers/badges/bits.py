"""A badge's bits, as its reader hands them over."""

import msgspec

BADGE_BITS_MAX = 1024
"""The longest run of bits that counts as a card, as on the OSDP line."""


class Badge(msgspec.Struct, frozen=True):
    """A badge's bits, left-aligned in `data`, unused low bits zero. Secret: no repr shows them."""

    bits: int
    data: bytes

    def __repr__(self) -> str:
        return f"Badge(bits={self.bits}, data=…)"

    @property
    def number(self) -> int:
        """The bits as one number. Secret as they are."""
        return int.from_bytes(self.data, "big") >> -self.bits % 8


def badge_from_number(bits: int, number: int) -> Badge:
    """The badge whose `bits` bits are `number`. Raises ValueError when they do not fit."""
    if not 1 <= bits <= BADGE_BITS_MAX:
        raise ValueError(f"bits: a badge has 1..{BADGE_BITS_MAX}")
    if not 0 <= number < 1 << bits:
        raise ValueError(f"the number does not fit into {bits} bits")
    return Badge(bits, (number << -bits % 8).to_bytes((bits + 7) // 8, "big"))
