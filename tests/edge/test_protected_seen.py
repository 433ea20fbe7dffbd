"""What a guard is shown of protected persons on a roll and beside a visit: nobody is left out of a
muster, and who it is stands there where the policy says so, or where it is real.
"""

from pathlib import Path

import pytest

from controller import events_muster as em
from controller.visit import State
from edge.assembly import Edge
from edge.control.messages_muster import (
    BeginMuster,
    CheckPerson,
    MusterReply,
    UndoCheck,
)
from edge.control.messages_visitors import VisitorReply, VisitShown, VisitsReply
from edge.control.seen import seen
from edge.gate_sight import Sight
from policies.rights import OrderKind, ProtectedShown
from simulators.orders import offered
from tests.edge.house import House, until
from tests.edge.test_drill import order
from tests.edge.test_muster import scene

ADA_ID = "a" * 16
NAMED = Sight(protected=ProtectedShown.NAME)
GUARD = Sight(protected=ProtectedShown.STATUS)
BLIND = Sight(protected=ProtectedShown.HIDDEN)
WHO = "david"


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Ada's role is inviolable."""
    house = House(tmp_path)
    file = tmp_path / "policy.toml"
    file.write_text(file.read_text().replace("[role.staff]\n", "[role.staff]\nprotected = true\n"))
    return house


async def listed(edge: Edge, sight: Sight) -> tuple[str, str, bool]:
    """The id and the name of the one person on the roll, and whether she is protected."""
    reply = seen(await edge.desk.muster(0), sight)
    assert isinstance(reply, MusterReply)
    (one,) = reply.people
    assert (reply.head.listed, one.listed.holder, one.listed.zone) == (1, ADA_ID, "hall")
    return one.person, one.name, one.protected


HIDDEN = ("", "", True)
SHOWN = ("1", "Ada L", True)


def test_she_is_on_the_roll_without_her_name_until_it_is_real(house: House) -> None:
    async def story(edge: Edge) -> None:
        assert [await listed(edge, sight) for sight in (NAMED, GUARD, BLIND)] == [
            SHOWN, HIDDEN, HIDDEN,
        ]  # fmt: skip
        assert (await edge.desk.change_muster(BeginMuster(), WHO, GUARD)).accepted
        assert [await listed(edge, sight) for sight in (NAMED, GUARD, BLIND)] == [SHOWN] * 3
        done = await edge.desk.change_muster(CheckPerson(person="1", where="oak"), WHO, GUARD)
        assert done.reason == "Ada L (1) is at oak"

    scene(house, story)


def test_in_an_exercise_she_is_checked_off_by_her_place_on_the_roll(house: House) -> None:
    async def story(edge: Edge) -> None:
        edge.daemon.judge(offered(order(OrderKind.EVACUATE, "the drill", drill=True)))
        await until(edge, em.MusterBegun)
        assert await listed(edge, GUARD) == HIDDEN
        for name in ("Ada", "ada l"):
            asked = CheckPerson(person=name, where="oak")
            refused = await edge.desk.change_muster(asked, WHO, GUARD)
            assert (refused.accepted, "Ada L" in refused.reason) == (False, False)
        done = await edge.desk.change_muster(CheckPerson(person=ADA_ID, where="oak"), WHO, GUARD)
        assert (done.accepted, done.reason) == (True, "a protected person is at oak")
        undone = await edge.desk.change_muster(UndoCheck(person=ADA_ID), WHO, GUARD)
        assert undone.reason == "a protected person is looked for again"
        chief = await edge.desk.change_muster(CheckPerson(person="ada", where="oak"), WHO, NAMED)
        assert chief.reason == "Ada L (1) is at oak"

    scene(house, story)


def visit(*, protected: bool) -> VisitShown:
    return VisitShown(
        visit="0" * 32,
        state=State.EXPECTED,
        person="v1",
        name="Vera",
        host="1",
        host_name="Ada L",
        host_protected=protected,
        from_s=1,
        until_s=2,
        closes_s=3,
    )


@pytest.mark.parametrize(
    ("sight", "protected", "host"),
    [
        (NAMED, True, ("1", "Ada L", True)),
        (GUARD, True, ("", "", True)),
        (BLIND, True, ("", "", False)),
        (GUARD, False, ("1", "Ada L", False)),
        (BLIND, False, ("1", "Ada L", False)),
    ],
)
def test_the_host_of_a_visit_is_shown_as_at_the_gate(
    sight: Sight, host: tuple[str, str, bool], *, protected: bool
) -> None:
    shown = visit(protected=protected)
    whole = VisitsReply(timezone="UTC", utc_s=1, clock_trusted=True, total=1, visits=(shown,))
    reply = VisitorReply(accepted=True, reason="", shown=shown)
    for told in (seen(whole, sight), seen(reply, sight)):
        (one,) = told.visits if isinstance(told, VisitsReply) else (told.shown,)  # type: ignore[attr-defined]
        assert one is not None
        assert (one.host, one.host_name, one.host_protected) == host
        assert one.name == "Vera"
