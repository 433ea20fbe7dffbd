"""Each planted mistake is found at the virtual site, by the rule that is there for it."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from tests.virtual.plants import PLANTS, Finding, Plant, hunt

PROCESSES = 2
SEEDS_TRIED = 4
"""From the plant's own seed on: a change of the simulated world makes other runs of the seeds."""


@pytest.fixture(scope="module")
def findings() -> Iterator[Mapping[str, Finding | None]]:
    """What was found of each plant."""
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        found = {
            plant.name: pool.submit(
                hunt, plant.name, range(plant.seed, plant.seed + SEEDS_TRIED), compare=True
            )
            for plant in PLANTS
        }
        yield {name: future.result() for name, future in found.items()}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_the_mistake_is_found(plant: Plant, findings: Mapping[str, Finding | None]) -> None:
    finding = findings[plant.name]
    assert finding is not None, f"nobody noticed that {plant.name}: {plant.cost}"
    assert finding.rule in plant.rules, finding.story
    assert finding.without == "", f"without the mistake, at seed {finding.seed}: {finding.without}"
