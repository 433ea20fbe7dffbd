"""A badge is revoked in one command, which writes what the other edges are to take."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge.commands.key import key
from edge.commands.person import person
from edge.people import People, change_of, load_site_key, offered
from policies.facts import CredentialStatus
from simulators.secret_file import write_secret
from tests.edge.house import House


class Office:
    """A house where nothing runs, with a key that may sign people."""

    def __init__(self, folder: Path) -> None:
        self.house = House(folder)
        self.folder = folder
        made = self.run(key, "new", "chief", "--person", "Chief", "--may", "people")
        assert made.exit_code == 0, made.output
        with (folder / "site.toml").open("a") as file:
            file.write(f"\n{made.stdout}")

    def run(self, command, *words: str) -> Result:  # type: ignore[no-untyped-def]
        return CliRunner().invoke(command, words)

    def revoke(self, *words: str) -> Result:
        return self.run(person, "revoke", *words, "--config", "site.toml")

    def badges(self) -> list[CredentialStatus]:
        """Of Ada."""
        with People.open(self.folder / "state" / "site.db") as people:
            return [
                one.status for one in people.roll.credentials.values() if one.holder == "a" * 16
            ]


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.chdir(tmp_path)
    return Office(tmp_path)


def test_a_revocation_is_one_command_and_its_set_brings_it_elsewhere(office: Office) -> None:
    before = office.folder / "before.db"
    write_secret(before, (office.folder / "state" / "site.db").read_bytes())
    said = office.revoke("1", "--set", "out.set", "--key", "chief.key")
    assert said.exit_code == 0, said.output
    assert "1 revoked, version 2 of the people" in said.output
    assert "sentrypost central distribute out.set" in said.output
    assert office.badges() == [CredentialStatus.REVOKED]
    config = office.house.config()
    data = (office.folder / "out.set").read_bytes()
    offer = offered(data, config.keys, load_site_key(config.site_key), config.site)
    with People.open(before) as elsewhere:
        change = change_of(elsewhere.roll, offer)
        assert change is not None
        assert [one.status for one in change.credentials] == [CredentialStatus.REVOKED]


def test_again_changes_nothing_and_makes_the_set_all_the_same(office: Office) -> None:
    first = office.revoke("1")
    assert first.exit_code == 0
    assert "at this edge alone" in first.output
    said = office.revoke("1", "--set", "out.set", "--key", "chief.key")
    assert said.exit_code == 0, said.output
    assert "1 was revoked before, version 2 of the people" in said.output
    assert (office.folder / "out.set").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("99",), "nothing is revoked"),
        (("1", "--set", "out.set"), "say both --set and --key"),
        (("1", "--set", "out.set", "--key", "none.key"), "none.key"),
    ],
)
def test_what_is_refused_revokes_nobody(office: Office, words: tuple[str, ...], said: str) -> None:
    found = office.revoke(*words)
    assert found.exit_code != 0
    assert said in found.output
    assert office.badges() == [CredentialStatus.ACTIVE]
    assert not (office.folder / "out.set").exists()
