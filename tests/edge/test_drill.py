"""`sentrypost drill report` of a drill at a whole edge: as text, as JSON, as a page."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from controller import events as ev
from controller import events_muster as em
from controller.events_orders import OrderEnded
from controller.orders import Order
from edge.assembly import Edge
from edge.commands.drill import drill
from edge.control.messages_muster import CheckPerson, EndMuster
from policies.rights import OrderKind
from simulators.orders import offered, order_id
from tests.edge.checks import ready
from tests.edge.house import ADA, FRONT_CONTACT, House, running, until
from tests.edge.test_muster import opens

REASON = "<b>fire</b> exercise"
EVACUATE = order_id("the drill")
WHO = "smith"


def order(kind: OrderKind, name: str, **fields: object) -> Order:
    made: dict[str, object] = {
        "id": order_id(name),
        "kind": kind,
        "issuer": "ab" * 16,
        "counter": 1_795_212_000_000,
        "reason": REASON,
        "review_s": 1_795_300_000,
    }
    return Order(**(made | fields))  # type: ignore[arg-type]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def asked(house: House, *arguments: str) -> Result:
    site = ["--config", str(house.folder / "site.toml")]
    return CliRunner().invoke(drill, ["report", *arguments, *site], catch_exceptions=False)


def answer(house: House, *arguments: str) -> dict[str, Any]:
    page = asked(house, *arguments, "--json")
    assert page.exit_code == 0, page.output
    return json.loads(page.stdout)


def drilled(house: House, then: Callable[[Edge], Awaitable[None]]) -> None:
    """Ada goes in, an evacuation is drilled, the vault's door is free, and Ada is found."""

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            house.badge("front-in", ADA)
            await until(edge, ev.PortalGranted)
            await opens(edge, house, ev.PassageMade)
            before = len(await until(edge, ev.EffectEnded))
            given = order(OrderKind.EVACUATE, "the drill", drill=True)
            edge.daemon.judge(offered(given))
            await until(edge, em.MusterBegun)
            await until(edge, ev.EffectEnded, before + 2)
            assert (
                await edge.desk.change_muster(CheckPerson(person="1", where="oak"), WHO)
            ).accepted
            house.board.set_input(FRONT_CONTACT, True)
            await until(edge, ev.PortalOpened)
            over = order(OrderKind.END_DRILL, "the end", ends=(given.id,))
            edge.daemon.judge(offered(over))
            await until(edge, OrderEnded)
            assert (await edge.desk.change_muster(EndMuster(), WHO)).accepted
            await then(edge)

    asyncio.run(run())


async def nothing(_: Edge) -> None:
    pass


def test_a_drill_is_reported_by_a_running_edge_and_by_its_files_alike(house: House) -> None:
    told: list[dict[str, Any]] = []

    async def running_edge(_: Edge) -> None:
        told.append(await asyncio.to_thread(answer, house, EVACUATE[:8]))

    drilled(house, running_edge)
    closed = answer(house)
    assert closed == told[0]
    doors = {door["portal"]: door for door in closed["drill"]["doors"]}
    vault = doors["vault-door"]
    assert vault["action"] == "free"
    assert vault["confirmed_us"] is not None
    assert vault["obeyed_us"] == vault["confirmed_us"] > 0
    assert doors["front"]["action"] == "secure"
    assert closed["missing"] == []
    assert closed["drill"]["cause"] == "ordered"
    (ada,) = closed["people"]
    assert (ada["person"], ada["name"], ada["where"]) == ("1", "Ada L", "oak")
    assert closed["drill"]["unfound"] == 0
    assert closed["other_policy"] is False


class _Page(HTMLParser):
    """What a page asks for and what stands in it."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"src", "href", "action"}]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_stands_alone_and_escapes_what_people_wrote(house: House) -> None:
    drilled(house, nothing)
    file = house.folder / "drill.html"
    done = asked(house, "--html", str(file))
    assert done.exit_code == 0, done.output
    content = file.read_text()
    page = _Page()
    page.feed(content)
    assert page.links == []
    assert not {"script", "img", "link", "iframe", "b"} & set(page.tags)
    assert "url(" not in content
    assert "@import" not in content
    said = " ".join(page.text)
    assert REASON in said
    for words in ("DRILL", "Ada L", "vault-door", "2 of 2 doors obeyed", "0 still missing"):
        assert words in said, words
    assert "prefers-color-scheme: dark" in content
    assert "@media print" in content
    again = asked(house, "--html", str(file))
    assert again.exit_code == 1
    assert "there is such a file" in again.output


def test_as_text_it_says_the_same(house: House) -> None:
    drilled(house, nothing)
    said = asked(house).output
    assert "DRILL" in said
    assert "2 of 2 doors obeyed" in said
    assert "vault-door" in said
    assert "Ada L" in said
    assert "1 person checked off" in said
    assert "No alarm and no fault came in between." in said


def test_what_is_no_drill_is_not_reported_as_one(house: House) -> None:
    async def real(edge: Edge) -> None:
        edge.daemon.judge(offered(order(OrderKind.LOCKDOWN, "shots")))

    drilled(house, real)
    for wanted, words in (
        (order_id("shots")[:10], "is real, and no drill"),
        ("abc", "too short"),
        ("ffffffffffff", "no drill whose order's id begins with"),
    ):
        refused = asked(house, wanted)
        assert refused.exit_code == 1
        assert words in refused.output


def test_a_site_without_drills_says_so(house: House) -> None:
    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)

    asyncio.run(run())
    refused = asked(house)
    assert refused.exit_code == 1
    assert "the journal has no drill" in refused.output
