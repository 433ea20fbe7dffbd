"""Who acts for whom, at a running edge: given as a file, shown, and given up again."""

import json
import time
from pathlib import Path

import pytest

from controller import events as ev
from edge.app import Edge
from edge.commands.order_daemon import send
from edge.commands.posture import posture
from edge.orders import DelegateOrder, EndDelegationOrder
from tests.edge.house import House, bodies
from tests.edge.ordering import ANNA, BEN, HOUR_S, id_of, made, ordered_house
from tests.edge.test_order_commands import Asks, scene


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Anna is Ada on file, who is staff, and Ben is Bob."""
    house = ordered_house(tmp_path)
    file = house.folder / "site.toml"
    text = file.read_text()
    for person, holder in (("Anna", "1"), ("Ben", "2")):
        text = text.replace(f'person = "{person}"', f'person = "{person}"\nholder = "{holder}"')
    file.write_text(text)
    return house


def test_who_acts_is_shown_by_name_and_end_and_no_more_when_it_is_given_up(house: House) -> None:
    now_s = int(time.time())
    until = {"accept_until_s": now_s + HOUR_S, "until_s": now_s + HOUR_S}
    lent = made(DelegateOrder, ANNA, role="staff", person="2", **until)
    order = id_of(house, lent)
    given_up = made(EndDelegationOrder, BEN, ends=(order,), accept_until_s=now_s + HOUR_S)

    async def what(edge: Edge, asks: Asks) -> None:
        assert "who acts" not in (await asks(posture)).output
        result = await asks(send, "--wait", "0", given=lent)
        assert result.exit_code == 0, result.output
        (acts,) = json.loads((await asks(posture, "--json")).output)["acting"]
        assert acts == {
            "role": "staff",
            "person": "2",
            "order": order,
            "until_s": now_s + HOUR_S,
            "kinds": [],
            "zones": [],
            "unreachable": [],
        }
        shown = (await asks(posture)).output
        assert "who acts\n  staff  2  until " in shown
        assert f"lent  everything  {order[:12]}" in shown
        assert (await asks(send, "--wait", "0", given=given_up)).exit_code == 0
        assert len(await bodies(edge, ev.OrderEnded)) == 1
        assert "who acts" not in (await asks(posture)).output

    scene(house, what)
