"""SIGKILL while eight producers write: a slice of `make campaign crash`."""

import random
from pathlib import Path

from tests.crash.kills import edge_kills, writer_kills
from tests.crash.producers import EARLY

FIXED = 6


def test_a_killed_writer_has_everything_that_it_acknowledged(tmp_path: Path, seed: int) -> None:
    for at, chance in enumerate((random.Random(FIXED), random.Random(seed))):
        found = writer_kills(tmp_path / f"{at}", chance, 4)
        assert found.wrong == []
        assert found.stored >= found.told > 20
        assert found.starting < found.kills


def test_who_says_so_before_it_is_durable_is_found_by_a_kill(tmp_path: Path) -> None:
    found = writer_kills(tmp_path / "j", random.Random(FIXED), 4, EARLY)
    assert any("was acknowledged" in one for one in found.wrong)


def test_a_killed_edge_has_everything_of_which_it_told_a_subscriber(
    tmp_path: Path, seed: int, silent_port: int
) -> None:
    found = edge_kills(tmp_path, random.Random(seed), 3, silent_port)
    assert found.wrong == []
    assert found.stored >= found.told > 0
