"""Each planted mistake is found at the virtual site, by the rule that is there for it."""

import pytest

from tests.virtual.plants import PLANTS, Plant, hunt

SEEDS_TRIED = 4
"""From the plant's own seed on: a change of the simulated world makes other runs of the seeds."""


@pytest.mark.timeout(900)
@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_the_mistake_is_found(plant: Plant) -> None:
    finding = hunt(plant.name, range(plant.seed, plant.seed + SEEDS_TRIED), compare=True)
    assert finding is not None, f"nobody noticed that {plant.name}: {plant.cost}"
    assert finding.rule in plant.rules, finding.story
    assert finding.without == "", f"without the mistake, at seed {finding.seed}: {finding.without}"
