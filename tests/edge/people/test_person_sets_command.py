"""`sentrypost person export`, `take` and `history` where no daemon runs."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge.commands.duress import duress
from edge.commands.key import key
from edge.commands.person import person
from edge.people import People
from tests.edge.house import House


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """With Ada and Bob, a chief whose key is in the site file, and one whose key is not."""
    monkeypatch.chdir(tmp_path)
    house = House(tmp_path)
    entry = CliRunner().invoke(key, ["new", "chief", "--may", "people"]).stdout
    with (tmp_path / "site.toml").open("a") as file:
        file.write(f"\n{entry}")
    CliRunner().invoke(key, ["new", "stranger", "--may", "people", "--passphrase"], input="p\np\n")
    return house


def run(*words: str, data: bytes | str = b"") -> Result:
    return CliRunner().invoke(person, words, input=data)


def export(*words: str) -> Result:
    return run("export", *words, "--key", "chief.key")


def without_people(house: House) -> Path:
    """The same edge as if it had just been installed."""
    file = house.folder / "state" / "site.db"
    file.unlink()
    return file


def test_people_come_back_from_a_file(house: House) -> None:
    done = export("all.set", "--all")
    assert done.exit_code == 0, done.output
    assert done.stdout == "all.set: everybody, version 1, 2 people\n"
    file = without_people(house)
    dry = run("take", "all.set", "--dry-run")
    assert dry.stdout == (
        "version 1 of the people would be taken: 2 people, 2 badges, 1 PIN changed; "
        "signed by chief\n"
    )
    assert not file.exists(), "a dry run makes no file"
    taken = json.loads(run("take", "all.set", "--json").stdout)
    assert (taken["applied"], taken["version"], taken["signed_by"]) == (True, 1, ["chief"])
    with People.open(file) as people:
        assert people.name_of(next(iter(people.roll.holders))) in {"Ada L", "Bob M"}
    again = run("take", "all.set")
    assert again.stdout == "version 1 of the people is on file already; signed by chief\n"


def test_a_dry_run_over_people_on_file_writes_nothing(house: House) -> None:
    export("all.set", "--all")
    assert run("import", "-", data=b"id,status\n1,revoked\n").exit_code == 0
    export("news.set", "--since", "1")
    without_people(house)
    run("take", "all.set")
    before = {path: path.read_bytes() for path in (house.folder / "state").iterdir()}
    dry = json.loads(run("take", "news.set", "--dry-run", "--json").stdout)
    assert (dry["applied"], dry["version"], dry["brings"], dry["credentials"]) == (False, 1, 2, 1)
    assert {path: path.read_bytes() for path in (house.folder / "state").iterdir()} == before


def test_what_is_asked_must_be_said(house: House) -> None:
    for words in ((), ("--all", "--since", "1")):
        done = export("some.set", *words)
        assert done.exit_code == 2
        assert "--since N or --all" in done.stderr
    assert not (house.folder / "some.set").exists()


def test_a_file_is_never_written_over(house: House) -> None:
    (house.folder / "all.set").write_bytes(b"somebody's")
    done = export("all.set", "--all")
    assert done.exit_code == 1
    assert "there is such a file" in done.stderr
    assert (house.folder / "all.set").read_bytes() == b"somebody's"


def test_nothing_is_exported_where_nothing_is_new(house: House) -> None:
    done = export("news.set", "--since", "1")
    assert done.exit_code == 1
    assert "nothing has changed after 1" in done.stderr
    assert not (house.folder / "news.set").exists()
    without_people(house)
    assert "there is none" in export("all.set", "--all").stderr


def test_a_set_of_a_stranger_is_refused_with_its_remedy(house: House) -> None:
    done = run("export", "all.set", "--all", "--key", "stranger.key", data="p\n")
    assert done.exit_code == 0, done.output
    wrong = run("export", "other.set", "--all", "--key", "stranger.key", data="q\n")
    assert "the passphrase is wrong" in wrong.stderr
    file = without_people(house)
    for words in ((), ("--json",), ("--dry-run",)):
        refused = run("take", "all.set", *words)
        assert refused.exit_code == 1
        assert "nobody has signed this who may sign people" in refused.stderr
        assert not file.exists()
    assert json.loads(run("take", "all.set", "--json").stdout)["applied"] is False


def test_the_history_tells_who_when_and_whom(house: House) -> None:
    run("import", "-", data=b"id,status\n1,revoked\n")
    first, second = run("history").stdout.splitlines()
    assert first.startswith("2  20")
    assert first.endswith(" at gate: 1 person, 1 badge, 0 PINs (ids 1)")
    assert second.startswith("1  at an unknown time  somebody at an unknown edge: 2 people")
    (newest,) = json.loads(run("history", "-n", "1", "--json").stdout)["changes"]
    assert (newest["number"], newest["people"], newest["seq"]) == (2, ["1"], None)
    without_people(house)
    assert "there is none" in run("history").stderr


def test_people_with_duress_pins_come_only_where_somebody_is_told(house: House) -> None:
    data = b"id,pin,duress-pin\n1,2580,2469\n"
    site, told = house.folder / "site.toml", "sentrypost duress new"
    alone = site.read_text()
    for words in (("--dry-run",), ()):
        refused = run("import", "-", *words, data=data)
        assert refused.exit_code == 1
        assert told in refused.stderr
    entry = CliRunner().invoke(duress, ["new", "watch-room"]).stdout
    site.write_text(f"{alone}\n{entry}")
    assert run("import", "-", data=data).exit_code == 0
    assert export("all.set", "--all").exit_code == 0
    file = without_people(house)
    dry = run(
        "import", "-", "--dry-run", data=b"id,name,roles,pin,duress-pin\n1,A,staff,2580,2469\n"
    )
    assert dry.exit_code == 0, dry.output
    site.write_text(alone)
    for words in (("--dry-run",), ()):
        refused = run("take", "all.set", *words)
        assert refused.exit_code == 1
        assert "names nobody who is told of duress" in refused.stderr
    site.write_text(f"{alone}\n{entry}")
    for words in (("--dry-run",), ()):
        assert run("take", "all.set", *words).exit_code == 0
    with People.open(file) as people:
        (pins,) = people.roll.pins.values()
        assert pins.duress_hash is not None


def test_a_set_that_brings_a_visitor_with_another_role_is_refused(house: House) -> None:
    """By the policy of here; the other edge has another one."""
    policy = house.folder / "policy.toml"
    there = policy.read_text() + "\n[role.cleaner]\n"
    policy.write_text(there)
    assert run("import", "-", data=b"id,roles\n1,staff cleaner\n").exit_code == 0
    export("all.set", "--all")
    file = without_people(house)
    policy.write_text(there + 'kind = "visitor"\n')
    for words in (("--dry-run",), ()):
        done = run("take", "all.set", *words)
        assert done.exit_code == 1
        assert "visitors who have another role as well: 1 person (1)" in done.output
        assert "Ada" not in done.output
    with People.open(file) as people:
        assert people.version == 0
    policy.write_text(there)
    assert run("take", "all.set").exit_code == 0, "it was refused for that alone"
