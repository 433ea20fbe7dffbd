"""`sentrypost person import` where no daemon runs."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge.commands.person import person
from edge.control.messages import ImportPeopleReply
from edge.people import People

POLICY = """
schema = 1
site = "house"
version = 1
timezone = "Europe/Vienna"

[factors]
badge = { 1 = "badge" }

[zone.street]
kind = "public"
[zone.hall]
kind = "premises"
inside = "street"
factors = "badge"

[portal.front]
from = "street"
to = "hall"
kind = "door"
lock = "power-to-unlock"
egress = "mechanical"
exit = "free"
open-s = 2
held-s = 3

[role.staff]
clearance = 3

[[grant]]
id = "g1"
roles = ["staff"]
zones = ["hall"]
"""

SITE = """
site = "house"
edge = "gate"
policy = ["policy.toml"]
state = "state"
site-key = "site.key"

[line.north]
driver = "osdp"
port = "north"

[device.front-in]
line = "north"
address = 1
key = "front-in.key"
inputs = 1
outputs = 1

[portal.front]
lock = { device = "front-in", output = 0 }
accept-exposed-lock = true
contact = { device = "front-in", input = 0 }
entry-reader = "front-in"
"""

GOOD = b"id,name,roles,badge\n007,Anna,staff,26:2ec0c86\n7,Bert,staff,\n"
BAD = b"id,name,roles,badge\n007,Anna,staf,26:2ec0c86\n7,,staff,\n"


@pytest.fixture
def house(tmp_path: Path) -> Path:
    (tmp_path / "policy.toml").write_text(POLICY)
    (tmp_path / "site.toml").write_text(SITE)
    for name, key in (
        ("site.key", bytes(range(32))),
        ("front-in.key", bytes(range(1, 17)).hex().encode()),
    ):
        (tmp_path / name).write_bytes(key)
        (tmp_path / name).chmod(0o600)
    return tmp_path


def run(house: Path, data: bytes, *options: str) -> Result:
    config = str(house / "site.toml")
    return CliRunner().invoke(person, ["import", "-", "--config", config, *options], input=data)


def on_file(house: Path) -> list[str]:
    with People.open(house / "state" / "site.db") as people:
        return sorted(record.external_id for record in people.roll.holders.values())


def test_a_file_is_imported_and_again_changes_nothing(house: Path) -> None:
    done = run(house, GOOD)
    assert (done.exit_code, done.stdout) == (0, "2 added, 0 changed, 0 unchanged\n"), done.output
    assert on_file(house) == ["007", "7"]
    assert run(house, GOOD).stdout == "0 added, 0 changed, 2 unchanged\n"
    with People.open(house / "state" / "site.db") as people:
        assert people.version == 1
    assert (house / "state").stat().st_mode & 0o777 == 0o750


def test_a_dry_run_writes_nothing(house: Path) -> None:
    done = run(house, GOOD, "--dry-run")
    assert done.stdout == "2 would be added, 0 would be changed, 0 unchanged\n"
    assert not (house / "state").exists()
    run(house, GOOD)
    before = {path: path.read_bytes() for path in (house / "state").iterdir()}
    done = run(house, b"id,name,status\n007,Anna B,suspended\n", "--dry-run")
    assert done.stdout == "0 would be added, 1 would be changed, 0 unchanged\n"
    assert {path: path.read_bytes() for path in (house / "state").iterdir()} == before


def test_with_one_mistake_nothing_is_imported(house: Path) -> None:
    run(house, GOOD)
    before = (house / "state" / "site.db").read_bytes()
    done = run(house, b"id,name,roles\n1,New,staff\n007,Changed,staf\n")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert "row 3, roles: the policy knows no role 'staf'; did you mean 'staff'?" in done.stderr
    assert "nothing was imported" in done.stderr
    assert (house / "state" / "site.db").read_bytes() == before


def test_json_says_the_same_to_machines(house: Path) -> None:
    bad = json.loads(run(house, BAD, "--json").stdout)
    assert [(problem["row"], problem["column"]) for problem in bad["problems"]] == [
        (2, "roles"),
        (3, "name"),
    ]
    good = json.loads(run(house, GOOD, "--json").stdout)
    expected = ImportPeopleReply(applied=True, version=1, added=2)
    assert (good["applied"], good["version"], good["added"]) == (True, 1, 2)
    assert set(good) == {"type", *expected.__struct_fields__}


def test_a_key_that_cannot_be_used_is_said_with_its_remedy(house: Path) -> None:
    (house / "site.key").write_bytes(b"short")
    done = run(house, GOOD)
    assert done.exit_code == 1
    assert "head -c 32 /dev/urandom" in done.stderr
    assert not (house / "state").exists()


def test_a_file_that_is_open_elsewhere_is_left_alone(house: Path) -> None:
    run(house, GOOD)
    with People.open(house / "state" / "site.db") as owner:
        done = run(house, b"id,name,roles\n1,New,staff\n")
        assert done.exit_code == 1
        assert "another process has it open" in done.stderr
        assert len(owner.roll.holders) == 2


def test_no_output_shows_a_badge_or_a_pin(house: Path) -> None:
    data = b"id,name,roles,badge,pin\n1,A,staff,26:2ec0c8666,123456789\n2,B,staff,26:ffffff1,12a4\n"
    for options in ((), ("--json",), ("--dry-run",)):
        done = run(house, data, *options)
        assert done.exit_code == 1
        for secret in ("2ec0c8666", "123456789", "ffffff1", "12a4"):
            assert secret not in done.output
