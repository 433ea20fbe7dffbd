"""What is on a badge: a run of bits. Texts and card formats to bits, as pure functions.

Readers hand over raw bits (`CardRead`: left-aligned, unused low bits zero), people write numbers.
Two ways of writing stand for the same bits:

    26:2ec0c86          bits:hex, the bits as one number, right-aligned, exactly as many hex digits
                        as the number of bits needs (26 bits: 7 digits)
    h10301:118/1603     format:fields, with the parity bits worked out from the table below
"""

import re
from collections.abc import Mapping, Sequence

import msgspec

BADGE_BITS_MAX = 1024
"""The longest run of bits that counts as a card, as on the OSDP line."""

_RAW = re.compile(r"(\d{1,4}):([0-9a-fA-F]{1,256})\Z", re.ASCII)
_FIELDS = re.compile(r"([A-Za-z][A-Za-z0-9]{0,31}):(\d{1,20}(?:/\d{1,20})*)\Z", re.ASCII)
_SPREADSHEET = re.compile(r"\d[.,]?\d*[eE]\+?\d+\Z", re.ASCII)


class Badge(msgspec.Struct, frozen=True):
    """A badge's bits, left-aligned in `data`, unused low bits zero. Secret: no repr shows them."""

    bits: int
    data: bytes

    def __repr__(self) -> str:
        return f"Badge(bits={self.bits}, data=…)"


class BadgeTextError(ValueError):
    """The text names no badge. The message never repeats the text; `hint` says what to write."""

    def __init__(self, message: str, hint: str) -> None:
        self.message, self.hint = message, hint
        super().__init__(f"{message}; {hint}")


class Field(msgspec.Struct, frozen=True):
    """A number inside the bits. Positions count from 0 at the first bit on the wire."""

    name: str
    at: int
    width: int


class Parity(msgspec.Struct, frozen=True):
    """A check bit at `at` that makes the ones in it and in `over` even or odd in number."""

    at: int
    over: range
    odd: bool


class Format(msgspec.Struct, frozen=True):
    bits: int
    fields: tuple[Field, ...]
    parity: tuple[Parity, ...]


FORMATS: Mapping[str, Format] = {
    # The 26-bit Wiegand format of the SIA AC-01 standard.
    "h10301": Format(
        bits=26,
        fields=(Field("facility", 1, 8), Field("card", 9, 16)),
        parity=(Parity(0, range(1, 13), odd=False), Parity(25, range(13, 25), odd=True)),
    ),
}


def badge_from_number(bits: int, number: int) -> Badge:
    """The badge whose `bits` bits are `number`. Raises ValueError when they do not fit."""
    if not 1 <= bits <= BADGE_BITS_MAX:
        raise ValueError(f"bits: a badge has 1..{BADGE_BITS_MAX}")
    if not 0 <= number < 1 << bits:
        raise ValueError(f"the number does not fit into {bits} bits")
    return Badge(bits, (number << -bits % 8).to_bytes((bits + 7) // 8, "big"))


def encode(form: Format, values: Sequence[int]) -> Badge:
    """The bits of a card: one value for each field, parity worked out. ValueError: does not fit."""
    if len(values) != len(form.fields):
        raise ValueError(f"{len(form.fields)} numbers are needed: {_field_names(form)}")
    number = 0
    for field, value in zip(form.fields, values, strict=True):
        if not 0 <= value < 1 << field.width:
            raise ValueError(f"{field.name} is 0..{(1 << field.width) - 1}")
        number |= value << form.bits - field.at - field.width
    for check in form.parity:
        ones = sum(number >> form.bits - 1 - at & 1 for at in check.over)
        if ones % 2 != check.odd:
            number |= 1 << form.bits - 1 - check.at
    return badge_from_number(form.bits, number)


def parse_badge(text: str) -> Badge:
    """The badge that a text names, in either way of writing. Raises BadgeTextError."""
    if raw := _RAW.match(text):
        return _parse_raw(int(raw[1]), raw[2])
    if named := _FIELDS.match(text):
        return _parse_fields(named[1].lower(), named[2])
    if _SPREADSHEET.match(text):
        raise BadgeTextError(
            "a spreadsheet has rounded this number", "format the column as text and enter it again"
        )
    raise BadgeTextError("this is not a badge", "write bits:hex (26:...) or h10301:facility/card")


def _parse_raw(bits: int, digits: str) -> Badge:
    if not 1 <= bits <= BADGE_BITS_MAX:
        raise BadgeTextError(
            f"a badge of {bits} bits", f"the number before the colon is 1..{BADGE_BITS_MAX}"
        )
    needed = (bits + 3) // 4
    if len(digits) != needed:
        raise BadgeTextError(
            f"{bits} bits are {needed} hex digits, not {len(digits)}",
            "write the bits as one number, with its leading zeros and nothing behind it",
        )
    try:
        return badge_from_number(bits, int(digits, 16))
    except ValueError as error:
        raise BadgeTextError(
            str(error), "the first hex digit is too large: is it shifted to the left?"
        ) from None


def _parse_fields(name: str, numbers: str) -> Badge:
    form = FORMATS.get(name)
    if form is None:
        raise BadgeTextError(
            "no such card format", f"known: {', '.join(sorted(FORMATS))}; or write bits:hex"
        )
    try:
        return encode(form, [int(number) for number in numbers.split("/")])
    except ValueError as error:
        raise BadgeTextError(str(error), f"write {name}:{_field_names(form)}") from None


def _field_names(form: Format) -> str:
    return "/".join(field.name for field in form.fields)
