"""`sentrypost report`, with a daemon and without."""

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from controller import events as ev
from edge.assembly import Edge
from edge.commands.report import report
from edge.views_file import VIEWS_FILE
from tests.edge.house import ADA, BOB, FRONT_CONTACT, House, running, until
from tests.edge.test_views import rows


def asked(*arguments: str | Path, config: Path | None = None) -> Result:
    site = [] if config is None else ["--config", str(config)]
    return CliRunner().invoke(report, [*map(str, arguments), *site])


def answer(*arguments: str | Path, config: Path) -> dict[str, Any]:
    page = asked(*arguments, "--json", config=config)
    assert page.exit_code == 0, page.output
    return json.loads(page.stdout)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def at_home(house: House, scene: Callable[[Edge], Awaitable[None]]) -> None:
    """Ada goes into the hall, Bob is refused; then the scene."""

    async def main() -> None:
        async with house.line(), running(house) as edge:
            await until(edge, ev.EdgeReady)
            await until(edge, ev.ReaderFound, 4)
            house.badge("front-in", ADA)
            await until(edge, ev.PortalGranted)
            house.board.set_input(FRONT_CONTACT, True)
            await until(edge, ev.PassageMade)
            house.board.set_input(FRONT_CONTACT, False)
            await until(edge, ev.PortalClosed)
            house.badge("front-in", BOB)
            await until(edge, ev.DecisionMade, 2)
            await scene(edge)

    asyncio.run(main())


async def beside(work: Callable[[], Any]) -> Any:
    """What a command does while the daemon goes on in this process."""
    return await asyncio.to_thread(work)


def test_a_running_edge_says_who_is_inside_how_doors_stand_and_what_happened(
    house: House,
) -> None:
    config = house.folder / "site.toml"

    async def scene(edge: Edge) -> None:
        seq = edge.daemon.writer.last_seq
        found = await beside(lambda: answer("inside", config=config))
        assert found["as_of"]["seq"] >= seq
        assert found["as_of"]["behind"] == 0
        assert found["as_of"]["running"] is True
        assert found["as_of"]["timezone"] == "Europe/Vienna"
        (ada,) = found["people"]
        assert (ada["person"], ada["name"], ada["zone"]) == ("1", "Ada L", "hall")
        assert found["zones"] == [{"zone": "hall", "people": 1}]
        assert (await beside(lambda: answer("inside", "--zone", "vault", config=config)))[
            "people"
        ] == []

        doors = (await beside(lambda: answer("doors", config=config)))["doors"]
        state = edge.daemon.site.state
        assert {door["portal"]: door["state"] for door in doors} == {
            name: str(portal.state) for name, portal in state.portals.items()
        }
        page = await beside(lambda: asked("doors", config=config))
        assert "front" in page.stdout
        assert "leaf closed" in page.stdout

        codes = await beside(
            lambda: answer("counts", "--by", "code", "--by", "portal", config=config)
        )
        assert {(row["code"], row["portal"], row["entries"]) for row in codes["counts"]} == {
            (100, "front", 1),
            (601, "front", 1),
        }
        page = await beside(lambda: asked("inside", config=config))
        assert page.stdout.startswith(f"as of entry {edge.daemon.writer.last_seq}, ")
        assert "hall  1  Ada L  since " in page.stdout

    at_home(house, scene)


def test_a_running_edge_makes_it_anew_when_it_is_asked_to(house: House) -> None:
    config, file = house.folder / "site.toml", house.folder / "state" / VIEWS_FILE

    async def scene(edge: Edge) -> None:
        before = await beside(lambda: answer("counts", "--by", "kind", config=config))
        await beside(lambda: _spoil(file))
        spoiled = await beside(lambda: answer("counts", "--by", "kind", config=config))
        assert spoiled["counts"] != before["counts"]
        page = await beside(lambda: asked("rebuild", config=config))
        assert page.exit_code == 0, page.output
        assert "made anew from the journal" in page.stdout
        after = await beside(lambda: answer("counts", "--by", "kind", config=config))
        assert after["counts"] == before["counts"]

    at_home(house, scene)


def _spoil(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE tally SET entries = entries + 1000")
        connection.commit()


async def nothing(_: Edge) -> None:
    pass


def test_without_an_edge_it_is_brought_up_and_says_that_nobody_watches(house: House) -> None:
    config, file = house.folder / "site.toml", house.folder / "state" / VIEWS_FILE
    at_home(house, nothing)
    found = answer("inside", config=config)
    # A free exit that nobody watches: who was in the hall may have left.
    assert found["as_of"]["running"] is False
    assert found["as_of"]["behind"] == 0
    kept = rows(file)
    page = asked("doors", config=config)
    assert "NO EDGE RUNS here" in page.stdout
    assert rows(file) == kept

    file.unlink()
    assert answer("inside", config=config)["people"] == found["people"]
    assert rows(file) == kept
    assert file.stat().st_mode & 0o777 == 0o640

    page = asked("rebuild", "--json", config=config)
    assert json.loads(page.stdout)["seq"] == found["as_of"]["seq"]
    assert rows(file) == kept
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE view SET timezone = 'Nowhere/At_All'")
        connection.commit()
    assert answer("inside", config=config)["people"] == found["people"]
    assert rows(file) == kept
    at_state = asked("counts", "--state", house.folder / "state", "--json")
    assert json.loads(at_state.stdout)["as_of"]["timezone"] == "Europe/Vienna"


def test_the_name_of_somebody_who_is_not_on_file_any_more_is_not_there(house: House) -> None:
    """Nothing of a person stands in views.db: whoever is off the file is off the reports."""
    config = house.folder / "site.toml"
    at_home(house, nothing)
    (name,) = {one["name"] for one in answer("inside", config=config)["people"]}
    assert name == "Ada L"
    for file in (house.folder / "state").glob("views.db*"):
        assert b"Ada" not in file.read_bytes()
    (house.folder / "state" / "site.db").unlink()
    page = asked("inside", config=config)
    assert page.exit_code == 0
    assert "nobody can be named" in page.stderr
    assert f"not on file ({'a' * 16})" in page.stdout


def test_a_folder_that_cannot_be_written_is_reported_on_from_memory(house: House) -> None:
    """Evidence: a copy on a stick, or on a disk that somebody has mounted to be read."""
    config, state = house.folder / "site.toml", house.folder / "state"
    at_home(house, nothing)
    whole = answer("counts", "--by", "kind", config=config)
    (state / VIEWS_FILE).unlink()
    (state / VIEWS_FILE).mkdir()  # root may write everywhere; nobody removes a folder so
    page = asked("counts", "--by", "kind", "--json", config=config)
    assert page.exit_code == 0, page.output
    assert "views.db is not written" in page.stderr
    assert json.loads(page.stdout)["counts"] == whole["counts"]
    page = asked("rebuild", config=config)
    assert page.exit_code == 1
    assert "Is a directory" in page.output


def test_days_are_chosen_and_both_ends_belong_to_them(house: House) -> None:
    config = house.folder / "site.toml"
    at_home(house, nothing)
    (day,) = [row["day"] for row in answer("counts", config=config)["counts"]]
    for since, until_, found in (
        (day, day, 1),
        ("2000-01-01", day, 1),
        (day, "2100-01-01", 1),
        ("2000-01-01", "2000-12-31", 0),
        ("2100-01-01", "2100-12-31", 0),
    ):
        counts = answer("counts", "--since", since, "--until", until_, config=config)["counts"]
        assert len(counts) == found
    assert asked("counts", "--since", "yesterday", config=config).exit_code == 2
    assert asked("counts", "--by", "person", config=config).exit_code == 2


def test_where_there_is_no_journal_the_remedy_is_said(tmp_path: Path) -> None:
    page = asked("inside", "--state", tmp_path)
    assert page.exit_code == 1
    assert "Traceback" not in page.output
