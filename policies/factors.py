"""Proofs asked for: `badge+pin | badge+face` as a truth table over every set of factors.

A set of factors is a bit mask, one bit per `Factor`; a table is an integer with one bit per set.
AND and OR of requirements are then `&` and `|`. Every table is upward closed: more proof never
suffices less.
"""

from collections.abc import Iterable
from functools import cache, lru_cache

import msgspec

from policies.facts import Factor

BITS: dict[Factor, int] = {factor: 1 << place for place, factor in enumerate(Factor)}
SETS = 1 << len(BITS)
ANYTHING = (1 << SETS) - 1
"""The table that every set satisfies, the empty one as well."""


FactorTable = int
"""Bit s is set when the set of factors s (a bit per `Factor`) suffices."""


class Profile(msgspec.Struct, frozen=True):
    """Factors asked for, per level, never weaker above; `alternative` is what they are for holders
    who give no biometrics: as many factors, or more."""

    regular: tuple[FactorTable, ...]
    alternative: tuple[FactorTable, ...]

    def both(self, other: "Profile") -> "Profile":
        """What satisfies this one and the other."""
        return Profile(
            tuple(a & b for a, b in zip(self.regular, other.regular, strict=True)),
            tuple(a & b for a, b in zip(self.alternative, other.alternative, strict=True)),
        )


class FactorSyntaxError(ValueError):
    """`word` is the factor nobody knows, or empty where the text is not an expression at all."""

    def __init__(self, message: str, word: str = "") -> None:
        super().__init__(message)
        self.word = word


def mask_of(factors: Iterable[Factor]) -> int:
    mask = 0
    for factor in factors:
        mask |= BITS[factor]
    return mask


def parse(text: str) -> tuple[int, ...]:
    """The alternatives of an expression as masks. Raises FactorSyntaxError."""
    alternatives = []
    for alternative in text.split("|"):
        names = [name.strip() for name in alternative.split("+")]
        if "" in names:
            raise FactorSyntaxError("a factor is missing; write for example 'badge+pin | badge'")
        for name in names:
            if name not in set(Factor):
                raise FactorSyntaxError(f"unknown factor '{name}'", name)
        alternatives.append(mask_of(Factor(name) for name in names))
    return tuple(alternatives)


def table_of(alternatives: Iterable[int]) -> int:
    """The table that any superset of any alternative satisfies."""
    wanted = tuple(alternatives)
    table = 0
    for candidate in range(SETS):
        if any(candidate & mask == mask for mask in wanted):
            table |= 1 << candidate
    return table


def suffices(table: int, mask: int) -> bool:
    return bool(table >> mask & 1)


@cache
def minimal_sets(table: int) -> tuple[int, ...]:
    """The smallest masks that suffice, fewest factors first."""
    found: list[int] = []
    for mask in sorted(range(SETS), key=lambda mask: (mask.bit_count(), mask)):
        if suffices(table, mask) and not any(mask & small == small for small in found):
            found.append(mask)
    return tuple(found)


@lru_cache(maxsize=10_000)
def missing_sets(table: int, mask: int) -> tuple[tuple[Factor, ...], ...]:
    """What may be added to `mask` so that it suffices: each set minimal, smallest first."""
    wanted = {needed & ~mask for needed in minimal_sets(table)}
    smallest = [a for a in wanted if not any(b != a and a & b == b for b in wanted)]
    ordered = sorted(smallest, key=lambda added: (added.bit_count(), added))
    return tuple(tuple(f for f, bit in BITS.items() if added & bit) for added in ordered)


def described(mask: int) -> str:
    return "+".join(factor for factor, bit in BITS.items() if mask & bit) or "nothing"
