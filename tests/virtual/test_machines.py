"""Machines keep their programs up, whenever somebody ends them."""

import asyncio
from pathlib import Path
from random import Random

import pytest

from simulators.virtual.loop import run
from simulators.virtual.machines import RESTART_S_MAX
from simulators.virtual.plan import write_plan
from simulators.virtual.seen import Trace
from simulators.virtual.site import Site

STARTED_S = 5.0


@pytest.mark.parametrize("after_s", [0.0, 0.0005, STARTED_S])
def test_an_edge_that_is_asked_to_stop_at_any_moment_is_started_again(
    after_s: float, tmp_path: Path
) -> None:
    async def main() -> None:
        chance = Random(1)
        site = Site(
            write_plan(tmp_path, portals=2, people=1, chance=chance), chance, 1, Trace(), []
        )
        site.edge.start()
        await asyncio.sleep(after_s)
        site.edge.restart()
        await asyncio.sleep(RESTART_S_MAX + STARTED_S)
        assert (site.edge.life, site.edge.edge is not None) == (2, True)
        site.close()

    run(main())


def test_a_program_that_dies_of_a_bug_ends_the_run(tmp_path: Path) -> None:
    async def main() -> None:
        chance = Random(1)
        site = Site(
            write_plan(tmp_path, portals=2, people=1, chance=chance), chance, 1, Trace(), []
        )
        site.edge.opened = None  # type: ignore[assignment]
        site.start()
        await asyncio.wait_for(site.ended.wait(), STARTED_S)
        assert site.violation is not None
        assert site.violation.rule == "no-exceptions"
        site.close()

    run(main())
