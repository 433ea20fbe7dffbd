"""Who is erased at one edge is erased at the others that take the change set."""

import asyncio
from pathlib import Path

import pytest

from controller import events as ev
from tests.edge.checks import ready
from tests.edge.house import BOB, bodies, running, until
from tests.edge.process import entries
from tests.edge.test_erase import ADA_ID, left_in, values_of, verified
from tests.edge.test_people_sets import Site, decided


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


async def both_know_them(site: Site) -> dict[str, bytes]:
    """And Ada was at the door of edge B: what is kept of her there."""
    await site.keys()
    await site.export("all.set", "--all")
    taken = await site.person("b", "take", "all.set")
    assert taken.code == 0, taken.err
    async with site.b.line(), running(site.b) as b:
        await ready(b)
        await decided(b, site.b, 1)
        site.b.badge("front-in", BOB)
        await until(b, ev.DecisionMade, 2)
    ours = values_of(site.b, b"\x2e\xc0\xc8\x40", "Ada L")
    assert left_in(site.b.folder / "state", ours)
    erased = await site.person("a", "erase", "1", "--reason", "asked for")
    assert erased.code == 0, erased.err
    await site.export("news.set", "--since", "1")
    return ours


def test_a_running_edge_takes_the_set_and_erases_whom_it_takes_away(site: Site) -> None:
    async def run() -> dict[str, bytes]:
        ours = await both_know_them(site)
        async with site.b.line(), running(site.b) as b:
            await ready(b)
            taken = await site.person("b", "take", "news.set")
            assert taken.code == 0, taken.err
            (erased,) = await until(b, ev.PersonErased)
            assert isinstance(erased, ev.PersonErased)
            assert erased.holder == ADA_ID
            assert erased.reason.startswith("erased at another edge: change set ")
            async with asyncio.timeout(30):
                while left_in(site.b.folder / "state", ours):
                    await asyncio.sleep(0.05)
            again = await site.person("b", "take", "news.set")
            assert "on file already" in again.out
            assert len(await bodies(b, ev.PersonErased)) == 1
        return ours

    ours = asyncio.run(run())
    assert left_in(site.b.folder / "state", ours) == []
    verified(site.b)


def test_an_edge_that_does_not_run_erases_as_it_takes_the_set(site: Site) -> None:
    async def run() -> dict[str, bytes]:
        ours = await both_know_them(site)
        dry = await site.person("b", "take", "--dry-run", "news.set")
        assert dry.code == 0, dry.err
        assert left_in(site.b.folder / "state", ours)
        taken = await site.person("b", "take", "news.set")
        assert taken.code == 0, taken.err
        return ours

    ours = asyncio.run(run())
    assert left_in(site.b.folder / "state", ours) == []
    (erased,) = entries(site.b, ev.PersonErased, edge="annex")
    assert erased.holder == ADA_ID
    verified(site.b)
