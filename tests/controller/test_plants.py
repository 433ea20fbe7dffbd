"""Each checker of an hour finds the mistake it is there for."""

import pytest

from tests.controller.hour import run_hour
from tests.controller.oracles import CHECKERS
from tests.controller.plants import PLANTS, Plant

SEEDS = range(11, 23)
INPUTS = 1_500


@pytest.mark.parametrize("plant", PLANTS, ids=[plant.name for plant in PLANTS])
def test_a_planted_mistake_is_found(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant.put(monkeypatch)
    for seed in SEEDS:
        run = run_hour(seed, INPUTS)
        try:
            CHECKERS[plant.rule](run)
        except AssertionError:
            return
    pytest.fail(f"nobody noticed: {plant.name}")


def test_every_rule_has_a_mistake_that_breaks_it() -> None:
    assert {plant.rule for plant in PLANTS} == set(CHECKERS)


@pytest.mark.parametrize("seed", list(SEEDS)[:2])
def test_without_a_mistake_the_same_hours_are_safe(seed: int) -> None:
    run = run_hour(seed, INPUTS)
    for check in CHECKERS.values():
        check(run)
