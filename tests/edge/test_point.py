"""`sentrypost point` at a whole edge: control socket, names, roles, what a faulted line shows."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from controller import events as ev
from controller.events_points import (
    ArmingRefused,
    PointFaulted,
    PointSettled,
    PointShunted,
    PointShuntEnded,
    ShuntRefused,
    ZoneArmed,
    ZoneDisarmed,
)
from edge.assembly import Edge
from edge.commands.point import point
from tests.edge.checks import without_a_journal
from tests.edge.compound import Compound, Played, played
from tests.edge.house import bodies, running, until


@pytest.fixture
def compound(tmp_path: Path) -> Compound:
    return Compound(tmp_path)


def at(compound: Compound, scene: Callable[[Edge, Played], Awaitable[None]]) -> None:
    async def run() -> None:
        async with played(compound) as site, running(compound) as edge:
            await until(edge, ev.EdgeReady)
            await until(edge, PointSettled, 3)
            await scene(edge, site)

    asyncio.run(run())


async def asked(compound: Compound, *arguments: str) -> Result:
    """What a command does while the daemon goes on in this process."""
    named = [*arguments, "--config", str(compound.folder / "site.toml")]
    return await asyncio.to_thread(CliRunner().invoke, point, named, catch_exceptions=False)


SHUNT = ("shunt", "beam", "--reason", "the hedge is cut", "--minutes", "90")


def test_a_set_is_armed_and_a_point_shunted_by_who_has_the_role(compound: Compound) -> None:
    async def scene(edge: Edge, site: Played) -> None:
        done = await asked(compound, "arm", "yard", "--person", "1")
        assert (done.exit_code, done.output) == (0, "done: 'yard' is armed\n")
        (armed,) = await bodies(edge, ZoneArmed)
        assert (armed.arming, armed.holder) == ("yard", "a" * 16)
        done = await asked(compound, *SHUNT, "--person", "1")
        assert done.exit_code == 0, done.output
        (shunted,) = await bodies(edge, PointShunted)
        assert shunted.reason == "the hedge is cut"
        shown = (await asked(compound)).output
        assert "SHUNTED until" in shown
        assert "armed" in shown
        done = await asked(compound, "unshunt", "beam")
        assert (done.exit_code, len(await bodies(edge, PointShuntEnded))) == (0, 1)
        done = await asked(compound, "disarm", "yard", "--person", "1")
        assert (done.exit_code, len(await bodies(edge, ZoneDisarmed))) == (0, 1)

    at(compound, scene)


def test_who_may_not_is_refused_with_the_reason_and_it_is_on_record(compound: Compound) -> None:
    async def scene(edge: Edge, site: Played) -> None:
        for arguments, said in (
            (("disarm", "yard", "--person", "2"), "none of the person's roles may: staff"),
            ((*SHUNT, "--person", "2"), "none of the person's roles may: staff"),
            (("arm", "yard", "--person", "7"), "nobody on file has the id '7'"),
            (("arm", "yrad", "--person", "1"), "the policy has no arming set 'yrad'"),
            (("unshunt", "beam"), "it is not shunted"),
        ):
            refused = await asked(compound, *arguments)
            assert refused.exit_code == 1, refused.output
            assert said in refused.output
        assert len(await bodies(edge, ArmingRefused)) == 1
        assert len(await bodies(edge, ShuntRefused)) == 2

    at(compound, scene)


def test_nothing_is_silenced_that_would_not_be_on_record(compound: Compound) -> None:
    async def scene(edge: Edge, site: Played) -> None:
        free, stalled = await without_a_journal(edge)
        try:
            for arguments in (("disarm", "yard", "--person", "1"), (*SHUNT, "--person", "1")):
                refused = await asked(compound, *arguments)
                assert refused.exit_code == 1
                assert "journal cannot be written" in refused.output
        finally:
            free.set()
            await stalled

    at(compound, scene)


def test_a_line_that_is_cut_and_one_that_cannot_tell_are_shown(compound: Compound) -> None:
    async def scene(edge: Edge, site: Played) -> None:
        site.does("cut", "point.fence")
        await until(edge, PointFaulted)
        page = (await asked(compound)).output
        (fence,) = [line for line in page.splitlines() if line.split()[:1] == ["fence"]]
        assert "CUT" in fence
        assert "a cut is not seen" not in fence
        (pir,) = [line for line in page.splitlines() if line.split()[:1] == ["hall-pir"]]
        assert "a cut is not seen" in pir
        answer = json.loads((await asked(compound, "--json")).stdout)
        points = {one["id"]: one for one in answer["points"]}
        assert points["fence"]["line"] == "cut"
        assert points["hall-pir"]["supervised"] is False
        assert {one["id"] for one in answer["sources"]} == {"guard-key", "panic"}
        assert answer["barriers"][0]["portal"] == "drive"

    at(compound, scene)
