"""`sentrypost policy prove` and `lint`, as integrators call them."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge.commands.policy import policy
from edge.config import ConfigError, load_config
from edge.failed import CONFIGURATION, FAILED
from tests.edge.checks import ready
from tests.edge.house import House, running
from tests.policies.support import changed, embassy_text

OPEN_GATE = changed("open-s = 8\n", 'open-s = 8\nopen = "office"\n')


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(policy, [str(argument) for argument in arguments])


@pytest.fixture
def embassy(tmp_path: Path) -> Path:
    file = tmp_path / "embassy.toml"
    file.write_text(embassy_text())
    return file


@pytest.fixture
def open_gate(tmp_path: Path) -> Path:
    file = tmp_path / "open.toml"
    file.write_text(OPEN_GATE)
    return file


def test_a_policy_whose_invariants_hold(embassy: Path) -> None:
    result = run("prove", embassy)
    assert result.exit_code == 0, result.output
    assert "holds: a10-safe-room (line " in result.stdout
    assert "fire opens inward too: archive-door (chancery -> archive, line " in result.stdout
    assert result.stdout.splitlines()[-1] == "all 25 invariants hold"
    assert result.stderr == "", "progress is for terminals"


def test_a_policy_with_a_breach_fails_with_its_story(open_gate: Path) -> None:
    result = run("prove", open_gate)
    assert result.exit_code == FAILED
    assert "DOES NOT HOLD: no-entry-without-consent (built in)" in result.stdout
    assert "    1. street -> forecourt by main-gate, as anybody may" in result.stdout
    last = result.stdout.splitlines()[-1]
    assert last.startswith("4 of 25 invariants do not hold: n10-visitors-alone, n20-host-state, ")
    # Who flees along the way to the refuge stands before the archive when a fire lets go of it.
    assert "4. chancery -> archive by archive-door: its lock lets go in a fire" in result.stdout


def test_a_check_names_what_does_not_hold_as_it_names_mistakes(
    embassy: Path, open_gate: Path
) -> None:
    result = run("check", open_gate)
    assert result.exit_code == CONFIGURATION
    told = result.stderr.splitlines()
    assert [line for line in told if "n20-host-state does not hold: nobody who is " in line]
    assert told[-1].endswith("open.toml: 4 mistakes"), told
    answer = run("check", "--json", open_gate)
    assert answer.exit_code == CONFIGURATION
    found = json.loads(answer.stdout)
    assert (found["ok"], len(found["problems"])) == (False, 4)
    assert run("check", embassy).exit_code == 0


def test_proofs_as_json(open_gate: Path) -> None:
    result = run("prove", "--json", open_gate)
    assert result.exit_code == FAILED
    told = json.loads(result.stdout)
    assert told["ok"] is False
    failed = {proof["id"]: proof for proof in told["proofs"] if not proof["holds"]}
    (step,) = failed["n20-host-state"]["story"]["steps"]
    assert step["portal"] == "main-gate"
    assert (step["means"], step["code"], step["rule"]) == ("anybody", 105, "office")
    assert [opened["portal"] for opened in told["opened_by_fire"]] == ["archive-door"]


def test_an_included_file_is_proven_as_well(embassy: Path) -> None:
    never = embassy.with_name("never.toml")
    never.write_text(
        'schema = 1\n[[never]]\nid = "n99"\nroles = ["visitor"]\nreach = ["archive"]\n'
    )
    embassy.write_text(embassy_text().replace("\n", '\ninclude = ["never.toml"]\n', 1))
    result = run("prove", embassy)
    assert result.exit_code == FAILED, result.output
    assert "4. chancery -> archive by archive-door: its lock lets go in a fire" in result.stdout


def test_lint_warns_and_keeps_no_policy_from_use(embassy: Path) -> None:
    assert run("lint", embassy).stdout == "no warnings\n"
    embassy.write_text(embassy_text() + "\n[role.nobody]\n")
    line = len(embassy_text().splitlines()) + 2
    result = run("lint", embassy)
    assert result.exit_code == 0
    expected = f"{embassy}:{line}:1: warning: role.nobody: no grant names it: it opens nothing"
    assert result.stdout.splitlines() == [expected, "1 warning"]
    (finding,) = json.loads(run("lint", "--json", embassy).stdout)
    assert (finding["about"], finding["line"]) == ("role.nobody", line)


def test_lint_looks_at_the_people_of_the_site_where_it_is_asked_to(tmp_path: Path) -> None:
    """The file where no daemon runs, otherwise the daemon, which alone reads it then."""
    house = House(tmp_path)
    policy = tmp_path / "policy.toml"
    policy.write_text(
        policy.read_text().replace("[role.staff]", "[role.stuff]").replace('["staff"]', '["stuff"]')
    )
    arguments = ("lint", policy, "--people", "--config", tmp_path / "site.toml")
    expected = [
        "role.staff: 1 person on file has it and the policy does not: it opens nothing; "
        "did you mean 'stuff'?",
        "role.stuff: nobody on file has it",
    ]

    def told() -> list[str]:
        result = run(*arguments)
        assert result.exit_code == 0, result.output
        warnings = [line.partition(": warning: ")[2] for line in result.stdout.splitlines()]
        return [said for said in warnings if " on file " in said]

    async def asked_of_a_daemon() -> list[str]:
        async with house.line(), running(house) as edge:
            await ready(edge)
            return await asyncio.to_thread(told)

    assert told() == expected
    assert asyncio.run(asked_of_a_daemon()) == expected
    assert "on file" not in run("lint", policy).stdout
    (tmp_path / "state" / "site.db").unlink()
    assert run(*arguments).exit_code == FAILED


@pytest.mark.parametrize("command", ["prove", "lint"])
def test_a_policy_with_mistakes_is_not_looked_at(embassy: Path, command: str) -> None:
    embassy.write_text(changed('when  = "cleaning"', 'when  = "cleening"'))
    result = run(command, embassy)
    assert result.exit_code == CONFIGURATION
    assert "unknown schedule 'cleening'; did you mean 'cleaning'?" in result.output


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("Europe/Viena", "did you mean 'Europe/Vienna'?"),
        ("America/New York", "did you mean 'America/New_York'?"),
        ("the site's own", "for example Europe/Vienna"),
    ],
)
def test_a_mistaken_time_zone_is_told_the_nearest_one(
    embassy: Path, written: str, hint: str
) -> None:
    embassy.write_text(changed('"Europe/Vienna"', f'"{written}"'))
    result = run("check", embassy)
    assert result.exit_code == CONFIGURATION
    assert f"unknown time zone '{written}'; {hint}" in result.stderr


def test_an_edge_refuses_a_policy_that_breaks_an_invariant(tmp_path: Path) -> None:
    """Where the story happens; what was in force before is loaded all the same when it is all that
    is left."""
    house = House(tmp_path)
    house.config()
    policy, site = tmp_path / "policy.toml", tmp_path / "site.toml"
    text = changed(
        'egress = "mechanical"\nexit = "free"\nrex = "shunt"',
        'egress = "electric"\nexit = "free"\nrex = "unlock"',
        policy.read_text(),
    )
    policy.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load_config(site)
    (problem,) = refused.value.problems
    line = text.splitlines().index("[portal.front]") + 1
    assert (problem.file, problem.line) == (str(policy), line)
    assert "way-out-without-power does not hold" in problem.message
    assert (
        "1. hall -> street by front: electric egress, and the lock needs power" in problem.message
    )
    kept = load_config(site, {site: site.read_bytes(), policy: text.encode()})
    assert kept.kept
