"""A few of the mistakes that `make campaign mutants` plants in the engine: each is seen."""

import pytest

from tests.policies.mutants import MUTATED, Mutant, judged, mutants

EVERY = 60
ALL = mutants()


def test_there_are_enough_of_them_in_every_file() -> None:
    assert len(ALL) > 200
    assert {mutant.file for mutant in ALL} == set(MUTATED)


@pytest.mark.parametrize("mutant", ALL[::EVERY], ids=lambda m: f"{m.file}:{m.line}:{m.number}")
def test_a_mistake_in_the_engine_is_seen(mutant: Mutant) -> None:
    verdict = judged(mutant)
    assert not verdict.wrong, verdict
