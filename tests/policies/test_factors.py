"""Requirements as truth tables."""

import pytest

from policies import Factor
from policies.factors import (
    ANYTHING,
    SETS,
    FactorSyntaxError,
    mask_of,
    minimal_sets,
    missing_sets,
    parse,
    suffices,
    table_of,
)

B, P, F = Factor.BADGE, Factor.PIN, Factor.FACE


def table(text: str) -> int:
    return table_of(parse(text))


def test_an_alternative_asks_for_all_its_factors_and_takes_more() -> None:
    needed = table("badge+pin | badge+face")
    assert not suffices(needed, mask_of([B]))
    assert not suffices(needed, mask_of([P, F]))
    assert suffices(needed, mask_of([B, P]))
    assert suffices(needed, mask_of(Factor))


def test_and_and_or_of_tables_are_those_of_requirements() -> None:
    both = table("badge+pin") & table("badge+face")
    either = table("badge+pin") | table("badge+face")
    assert both == table("badge+pin+face")
    assert either == table("badge+pin | badge+face")


def test_missing_sets_are_minimal_and_smallest_first() -> None:
    needed = table("badge+pin+face | badge+guard")
    assert missing_sets(needed, mask_of([B])) == ((Factor.GUARD,), (P, F))
    assert missing_sets(needed, mask_of([B, P])) == ((F,), (Factor.GUARD,))
    assert missing_sets(needed, mask_of([B, Factor.GUARD])) == ((),)


def test_the_table_that_asks_for_nothing() -> None:
    assert minimal_sets(ANYTHING) == (0,)
    assert all(suffices(ANYTHING, mask) for mask in range(SETS))


@pytest.mark.parametrize("text", ["", "badge+", "|badge", "badge pin", "Badge", "badge||pin"])
def test_what_is_no_expression(text: str) -> None:
    with pytest.raises(FactorSyntaxError):
        parse(text)
