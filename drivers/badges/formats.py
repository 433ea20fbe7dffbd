"""Card formats as a table: which bits are which number, and which check which.

Positions count from 1, the first bit on the wire, as data sheets of cards do.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from drivers.badges.bits import BADGE_BITS_MAX, Badge, badge_from_number


class BadgeRefusedError(ValueError):
    """The bits are no card of the format. The message is for people and gives none of them."""


class Field(msgspec.Struct, frozen=True):
    """A number inside the bits: `width` of them from `at` on, the highest first."""

    name: str
    at: int
    width: int

    @property
    def covers(self) -> range:
        return range(self.at, self.at + self.width)


class Parity(msgspec.Struct, frozen=True):
    """A check bit at `at` that makes the ones in it and at the positions `over` even or odd."""

    at: int
    over: tuple[int, ...]
    odd: bool


class Format(msgspec.Struct, frozen=True):
    """A layout without flaws. Parity is worked out in its order: a bit that checks others comes
    behind them.
    """

    bits: int
    fields: tuple[Field, ...]
    parity: tuple[Parity, ...]

    @property
    def field_names(self) -> str:
        """As a badge's numbers are written: `facility/card`."""
        return "/".join(field.name for field in self.fields)

    @property
    def unchecked(self) -> tuple[int, ...]:
        """Positions of which no parity tells when they were read wrong."""
        checked = {at for one in self.parity for at in (one.at, *one.over)}
        return tuple(at for at in range(1, self.bits + 1) if at not in checked)


class Flaw(msgspec.Struct, frozen=True):
    """What is wrong with a layout. `where`: `bits`, or the list and the index of its entry."""

    where: tuple[str | int, ...]
    message: str


Formats = Mapping[str, Format]
"""Formats by the names that a site has for them."""


def _span(first: int, last: int) -> tuple[int, ...]:
    return tuple(range(first, last + 1))


def _without_every_third(first: int, last: int, skipped: int) -> tuple[int, ...]:
    """All positions but each third, of which `skipped` is one."""
    return tuple(at for at in range(first, last + 1) if (at - skipped) % 3)


def _halves(bits: int, over: int) -> tuple[Parity, Parity]:
    """The first bit even over the `over` behind it, the last one odd over those before it."""
    first = Parity(1, _span(2, 1 + over), odd=False)
    return first, Parity(bits, _span(bits - over, bits - 1), odd=True)


# HID publishes H10301, H10302 and H10304 ("Understanding card data formats"), and not Corporate
# 1000, whose masks are those of the Proxmark3 project. Vectors of each: `tests/drivers/badges`.
FORMATS: Formats = {
    # The 26-bit Wiegand format of the SIA AC-01 standard.
    "h10301": Format(26, (Field("facility", 2, 8), Field("card", 10, 16)), _halves(26, 12)),
    # Also N10002. Other makers' 34 bits divide the numbers differently: a site format then.
    "h10306": Format(34, (Field("facility", 2, 16), Field("card", 18, 16)), _halves(34, 16)),
    "c1k35": Format(
        35,
        (Field("facility", 3, 12), Field("card", 15, 20)),
        (
            Parity(2, _without_every_third(3, 34, 5), odd=False),
            Parity(35, _without_every_third(2, 33, 4), odd=True),
            Parity(1, _span(2, 35), odd=True),
        ),
    ),
    # Both halves of 37 bits check the bit in the middle.
    "h10302": Format(37, (Field("card", 2, 35),), _halves(37, 18)),
    "h10304": Format(37, (Field("facility", 2, 16), Field("card", 18, 19)), _halves(37, 18)),
    "c1k48": Format(
        48,
        (Field("facility", 3, 22), Field("card", 25, 23)),
        (
            Parity(2, _without_every_third(4, 47, 6), odd=False),
            Parity(48, _without_every_third(3, 46, 5), odd=True),
            Parity(1, _span(2, 48), odd=True),
        ),
    ),
}


def encode(form: Format, values: Sequence[int]) -> Badge:
    """The bits of a card: one value for each field, parity worked out. ValueError: does not fit."""
    if len(values) != len(form.fields):
        raise ValueError(f"{len(form.fields)} numbers are needed: {form.field_names}")
    number = 0
    for field, value in zip(form.fields, values, strict=True):
        if not 0 <= value < 1 << field.width:
            raise ValueError(f"{field.name} is 0..{(1 << field.width) - 1}")
        number |= value << form.bits - field.covers.stop + 1
    for check in form.parity:
        if _ones(form, number, check.over) % 2 != check.odd:
            number |= 1 << form.bits - check.at
    return badge_from_number(form.bits, number)


def decode(form: Format, badge: Badge) -> tuple[int, ...]:
    """A card's numbers, one for each field. Raises BadgeRefusedError for another length, or where
    a parity bit does not hold.
    """
    if badge.bits != form.bits:
        raise BadgeRefusedError(f"{badge.bits} bits, and the format has {form.bits}")
    number = badge.number
    for check in form.parity:
        if _ones(form, number, (check.at, *check.over)) % 2 != check.odd:
            raise BadgeRefusedError(f"the parity bit {check.at} does not hold")
    return tuple(
        number >> form.bits - field.covers.stop + 1 & (1 << field.width) - 1
        for field in form.fields
    )


def _ones(form: Format, number: int, over: Sequence[int]) -> int:
    return sum(number >> form.bits - at & 1 for at in over)


# --- layouts that a site writes -----------------------------------------------------------------


def flaws(form: Format) -> list[Flaw]:
    """Everything that is wrong with a layout; nothing where it may be used."""
    if not 1 <= form.bits <= BADGE_BITS_MAX:
        return [Flaw(("bits",), f"a badge has 1..{BADGE_BITS_MAX} bits")]
    found = [*_out_of_range(form)]
    return found or [*_of_fields(form), *_of_parity(form), *_left_over(form)]


def _out_of_range(form: Format) -> Iterator[Flaw]:
    positions = f"positions are 1..{form.bits}, the first bit on the wire is 1"
    for index, field in enumerate(form.fields):
        if field.width < 1:
            yield Flaw(("fields", index, "width"), "a field has at least one bit")
        elif field.at < 1 or field.covers[-1] > form.bits:
            yield Flaw(("fields", index), f"'{field.name}' does not fit: {positions}")
    for index, check in enumerate(form.parity):
        if not 1 <= check.at <= form.bits:
            yield Flaw(("parity", index, "at"), positions)
        if not check.over or not all(1 <= at <= form.bits for at in check.over):
            yield Flaw(("parity", index, "over"), positions)


def _of_fields(form: Format) -> Iterator[Flaw]:
    if not form.fields:
        yield Flaw(("fields",), "at least one field is needed: nothing else tells badges apart")
    names: set[str] = set()
    taken: dict[int, str] = {}
    for index, field in enumerate(form.fields):
        if field.name in names:
            yield Flaw(("fields", index, "name"), f"there is a field '{field.name}' already")
        names.add(field.name)
        other = next((taken[at] for at in field.covers if at in taken), None)
        if other is not None:
            yield Flaw(("fields", index), f"'{field.name}' overlaps '{other}'")
        taken |= dict.fromkeys(field.covers, field.name)


def _of_parity(form: Format) -> Iterator[Flaw]:
    owners = {at: field.name for field in form.fields for at in field.covers}
    places = {one.at: index for index, one in reversed(list(enumerate(form.parity)))}
    for index, check in enumerate(form.parity):
        twice = [at for at, count in Counter(check.over).items() if count > 1]
        if check.at in owners:
            wrong = f"bit {check.at} belongs to the field '{owners[check.at]}'"
            yield Flaw(("parity", index, "at"), wrong)
        if places[check.at] != index:
            yield Flaw(("parity", index, "at"), f"bit {check.at} is a parity bit already")
        if check.at in check.over:
            yield Flaw(("parity", index, "over"), f"bit {check.at} would check itself")
        if twice:
            yield Flaw(("parity", index, "over"), f"bit {min(twice)} is named twice")
        later = [at for at in check.over if places.get(at, -1) > index]
        if later:
            wrong = f"bit {min(later)} is worked out later: put its parity before this one"
            yield Flaw(("parity", index, "over"), wrong)


def _left_over(form: Format) -> Iterator[Flaw]:
    """Bits of no meaning would be written as 0 and read as anything: another badge."""
    meant = {at for field in form.fields for at in field.covers} | {one.at for one in form.parity}
    rest = [at for at in range(1, form.bits + 1) if at not in meant]
    if rest and form.fields:
        yield Flaw(("bits",), f"bit {rest[0]} is in no field and is no parity bit: give it a field")
