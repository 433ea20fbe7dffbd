"""One person on the command line: put on file, changed, found, shown; with a daemon and without."""

import asyncio
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from controller import events as ev
from edge.commands.person import person
from edge.people import People
from tests.edge.house import House
from tests.edge.process import entries, running_process

CARD = "h10301:17/4711"


class Desk:
    """A house's people, asked for by command."""

    def __init__(self, folder: Path) -> None:
        self.house = House(folder)
        self.folder = folder
        policy = folder / "policy.toml"
        more = '[role.cleaner]\n[[grant]]\nid = "g2"\nroles = ["cleaner"]\nzones = ["hall"]\n'
        policy.write_text(policy.read_text() + more)

    def run(self, *words: str, typed: str | None = None) -> Result:
        config = str(self.folder / "site.toml")
        return CliRunner().invoke(person, [*words, "--config", config], input=typed)

    def people(self) -> People:
        return People.open(self.folder / "state" / "site.db")

    def version(self) -> int:
        with self.people() as people:
            return people.version


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def ids(said: Result) -> list[str]:
    assert said.exit_code == 0, said.output
    return [one["person"] for one in json.loads(said.stdout)["people"]]


def test_one_person_is_put_on_file_and_shown(desk: Desk) -> None:
    done = desk.run(
        "add",
        "9",
        "--name",
        "Zoë Ångström",
        "--role",
        "cleaner",
        "--valid-until",
        "2099-01-31",
        "--watchlist",
        "none",
    )
    assert done.exit_code == 0, done.output
    assert done.stdout == "9 added, version 2 of the people\n"
    said = desk.run("show", "9")
    assert said.exit_code == 0
    for words in (
        "Zoë Ångström",
        "in good standing",
        "cleaner",
        "PIN         none",
        "badges: none",
    ):
        assert words in said.stdout
    assert desk.house.config().edge in said.stdout  # who changed it, and where


def test_somebody_who_is_there_is_not_added_and_nobody_else_is_changed(desk: Desk) -> None:
    again = desk.run("add", "1", "--name", "Somebody Else", "--role", "staff")
    assert again.exit_code == 1
    assert "'1' is on file already" in again.output
    other = desk.run("change", "11", "--name", "Somebody Else")
    assert other.exit_code == 1
    assert "nobody on file has the id '11'" in other.output
    assert desk.version() == 1


def test_every_mistake_is_named_by_its_option_and_nothing_is_changed(desk: Desk) -> None:
    done = desk.run("add", "9", "--name", "Zoe", "--role", "claener", "--valid-until", "soon")
    assert done.exit_code == 1
    assert "--role: the policy knows no role 'claener'; did you mean 'cleaner'?" in done.output
    assert "--valid-until: not a date" in done.output
    assert "nothing was changed" in done.output
    assert desk.version() == 1


def test_a_trial_writes_nothing(desk: Desk) -> None:
    done = desk.run("change", "1", "--name", "Ada King", "--dry-run")
    assert done.stdout == "1 would be changed\n"
    assert desk.version() == 1


def test_a_pin_is_typed_or_read_and_never_an_argument(desk: Desk, tmp_path: Path) -> None:
    done = desk.run("change", "1", "--pin", typed="8023\n8023\n")
    assert done.exit_code == 0, done.output
    assert "8023" not in done.output
    file = tmp_path / "pin"
    file.write_text("6190\n")
    with file.open("rb") as opened:
        done = desk.run("change", "1", "--pin-fd", str(os.dup(opened.fileno())))
    assert done.exit_code == 0, done.output
    with desk.people() as people:
        assert people.version == 3
    assert desk.run("change", "1", "--no-pin").exit_code == 0
    assert "PIN         none" in desk.run("show", "1").stdout
    refused = desk.run("change", "1", "--pin", "--no-pin", typed="8023\n8023\n")
    assert refused.exit_code == 2
    for command in (person.commands["add"], person.commands["change"]):
        for option in command.params:
            if "pin" in (option.name or "") and isinstance(option, click.Option):
                assert option.is_flag or option.type.name == "integer range"


def test_suspended_and_back(desk: Desk) -> None:
    assert desk.run("suspend", "1").stdout == "1 changed, version 2 of the people\n"
    assert "SUSPENDED" in desk.run("show", "1").stdout
    assert ids(desk.run("list", "--suspended", "--json")) == ["1"]
    assert desk.run("resume", "1").exit_code == 0
    assert ids(desk.run("list", "--suspended", "--json")) == []
    assert "unchanged" in desk.run("resume", "1").stdout


def test_people_are_found_by_what_is_known_of_them(desk: Desk) -> None:
    for words in (
        ("30", "--name", "José Müller", "--role", "cleaner", "--valid-until", "2099-01-01"),
        ("31", "--name", "Jo Miller", "--role", "staff"),
    ):
        assert desk.run("add", *words).exit_code == 0
    assert ids(desk.run("list", "jose", "--json")) == ["30"]
    assert ids(desk.run("list", "MULLER", "--json")) == ["30"]
    assert ids(desk.run("list", "3", "--json")) == ["31", "30"]
    assert ids(desk.run("list", "--role", "cleaner", "--json")) == ["30"]
    assert ids(desk.run("list", "jo", "--role", "staff", "--json")) == ["31"]
    until = (datetime.now(UTC) + timedelta(days=5)).date().isoformat()
    assert desk.run("change", "31", "--valid-until", until).exit_code == 0
    assert ids(desk.run("list", "--expiring", "7", "--json")) == ["31"]
    assert ids(desk.run("list", "--expiring", "3", "--json")) == []
    unknown = desk.run("list", "--role", "claener")
    assert unknown.exit_code == 1
    assert "the policy knows no role 'claener'" in unknown.output
    assert desk.run("list", "nobody of that name").stdout == "nobody\n"
    nowhere = desk.run("list", "--zone", "hall")
    assert nowhere.exit_code == 1
    assert "no daemon runs here" in nowhere.output


def test_no_badge_and_no_pin_is_ever_shown(desk: Desk) -> None:
    with desk.people() as people:
        secrets = [one.ref for one in people.roll.credentials.values()]
        secrets += [one.hash for one in people.roll.pins.values()]
    assert secrets
    for words in (("list",), ("list", "--json"), ("show", "1"), ("show", "1", "--json")):
        said = desk.run(*words).output
        assert not [secret for secret in secrets if secret in said], words


def test_a_running_edge_takes_one_person_at_once_and_has_it_on_record(desk: Desk) -> None:
    async def ask(*words: str) -> Result:
        return await asyncio.to_thread(desk.run, *words)

    async def run() -> None:
        async with desk.house.line(), running_process(desk.house) as edge:
            done = await ask("add", "9", "--name", "Zoe", "--role", "staff", "--badge", CARD)
            assert done.exit_code == 0, done.output
            assert "9 added, version 2 of the people" in done.output
            await edge.badge_opens()
            assert ids(await ask("list", "--json")) == ["1", "2", "9"]
            shown = json.loads((await ask("show", "9", "--json")).stdout)
            assert [one["status"] for one in shown["badges"]] == ["active"]
            assert ids(await ask("list", "--zone", "vault", "--json")) == []
            assert "no zone 'vualt'" in (await ask("list", "--zone", "vualt")).output
            assert (await ask("add", "9", "--name", "Zoe", "--role", "staff")).exit_code == 1
            assert (await ask("suspend", "9")).exit_code == 0
            assert await edge.stop() == 0

    asyncio.run(run())
    versions = [body.version for body in entries(desk.house, ev.HoldersReplaced)]
    assert versions[-2:] == [2, 3]
