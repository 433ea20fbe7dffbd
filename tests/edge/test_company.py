"""A visitor and his host at a real reader: nobody opens for the one, the door opens for both."""

import asyncio
from pathlib import Path

from controller import events as ev
from edge.people import Change, HolderRecord, People
from tests.edge.checks import ready
from tests.edge.house import ADA, BOB, FRONT, FRONT_CONTACT, POLICY, House, running, until

AMBER = 3

WITH_VISITORS = (
    POLICY.replace("clearance = 3", "clearance = 3\nescort = true")
    + """
[role.visitor]
kind = "visitor"

[[grant]]
id = "visitors"
roles = ["visitor"]
zones = ["hall"]
"""
)


def test_a_visitor_waits_for_his_host_and_both_go_in(tmp_path: Path) -> None:
    house = House(tmp_path)
    (tmp_path / "policy.toml").write_text(WITH_VISITORS)
    with People.open(tmp_path / "state" / "site.db", create=False) as people:
        bob = HolderRecord(
            id="b" * 16, external_id="2", name="Bob M", roles=("visitor",), version=2
        )
        people.apply(Change(base=people.version, holders=(bob,)))

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            house.badge("front-in", BOB)
            await until(edge, ev.SecondAsked)
            async with asyncio.timeout(5):
                while house.readers["front-in"].color(0) != AMBER:
                    await asyncio.sleep(0.01)
            assert house.opened_at(FRONT) == []
            house.badge("front-in", ADA)
            async with asyncio.timeout(5):
                while not house.opened_at(FRONT):
                    await asyncio.sleep(0.01)
            house.board.set_input(FRONT_CONTACT, True)
            (made,) = await until(edge, ev.PassageMade)
            assert isinstance(made, ev.PassageMade)
            assert made.moved is not None
            assert made.moved.holders == ("b" * 16, "a" * 16)
            assert edge.daemon.site.state.people.escorts == {"b" * 16: "a" * 16}
            assert len(await until(edge, ev.DecisionMade, 2)) == 2

    asyncio.run(run())
