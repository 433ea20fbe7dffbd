"""The whole edge in virtual time: a day, many seeds, and the same seed everywhere."""

import asyncio
import json
import random
from pathlib import Path

import pytest

from controller.inputs import Input
from controller.site import Outcome
from edge.daemon import Daemon
from simulators.virtual.faults import Level
from simulators.virtual.run import Options, simulate
from tests.conftest import SEED
from tests.virtual.repeats import repeated
from tests.virtual.seeds import repeated_by

SEEDS = (*range(1, 19), *random.Random(f"{SEED}/site").sample(range(2**32), 2))
ENTRIES_MIN, KINDS_MIN = 10_000, 15
SMALL = ("--portals=4", "--people=20", "--hour=7", "--days=0.025", "--faults=heavy")


@pytest.mark.timeout(900)
def test_a_day_of_ten_doors_and_two_hundred_people() -> None:
    verdict = simulate(Options(seed=1, days=1, faults=Level.NORMAL, portals=10, people=200))
    assert verdict.broken == ""
    assert sum(verdict.entries.values()) >= ENTRIES_MIN, verdict.entries
    assert len(verdict.entries) >= KINDS_MIN, verdict.entries
    assert verdict.faults, "a day on which nothing went wrong shows little"


MORNING_DAYS, MORNING_HOUR = 0.04, 8
"""People come, and nobody has to be waited for; whole days are in `make campaign seeds`."""


@pytest.mark.parametrize("one", SEEDS)
def test_everything_going_wrong_breaks_no_rule(one: int) -> None:
    """Eighteen that are always the same, and two that nobody has seen before."""
    verdict = simulate(
        Options(
            seed=one,
            days=MORNING_DAYS,
            faults=Level.HEAVY,
            portals=4,
            people=20,
            hour=MORNING_HOUR,
        )
    )
    assert not verdict.broken, f"{repeated_by(verdict.options)}\n  {verdict.broken}"
    assert sum(verdict.faults.values()) > 10, "hardly anything went wrong"
    assert verdict.entries["decision-made"] > 0, "hardly anybody came"


@pytest.mark.timeout(900)
def test_one_seed_is_one_run_under_every_python_and_every_hash_seed() -> None:
    """What a set or a dict of another order could change would show here.

    A morning; the whole day of ten doors is compared by `make campaign repeats`.
    """
    assert repeated(11, SMALL).wrong == ""


def test_what_is_never_let_go_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[object] = []
    honest = Daemon.judge

    def judge(self: Daemon, heard: Input) -> Outcome:
        kept.append(asyncio.Event())
        return honest(self, heard)

    monkeypatch.setattr(Daemon, "judge", judge)
    verdict = simulate(Options(seed=2, days=0.55, faults=Level.NONE, portals=3, people=12))
    assert verdict.broken.startswith("nothing-grows at ")


def test_a_broken_run_is_written_and_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever finds a broken rule gets a file, and the file gives the same run again."""
    import click.testing

    from simulators.virtual import run
    from simulators.virtual.commands import replay, virtual
    from simulators.virtual.rule import Rule
    from simulators.virtual.seen import Seen, What

    class NobodyEnters(Rule):
        name = "nobody-enters"

        def see(self, seen: Seen) -> None:
            if seen.what is What.PASSED:
                raise self.broken(seen.at_s, f"{seen.detail} passed {seen.where}")

    monkeypatch.setattr(run, "door_rules", lambda _plan: [NobodyEnters()])
    monkeypatch.chdir(tmp_path)
    runner = click.testing.CliRunner()
    options = ["--seed", "5", "--portals", "3", "--people", "9", "--hour", "7", "--days", "0.05"]
    first = runner.invoke(virtual, [*options, "--json"])
    assert first.exit_code == 1
    verdict = json.loads(first.stdout)
    assert verdict["broken"].startswith("nobody-enters at ")
    again = runner.invoke(replay, ["sentrypost-virtual-5.json", "--lines", "5"])
    assert again.exit_code == 1
    lines = again.stdout.splitlines()
    assert lines[-1] == verdict["trace"]
    assert lines[-2] == f"BROKEN {verdict['broken']}"
    assert " passed " in lines[-3], "the last thing seen is the one that broke the rule"
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    mended = runner.invoke(replay, ["sentrypost-virtual-5.json", "--lines", "0"])
    assert mended.exit_code == 3, "the rule is kept now, so the run is another one"


def test_the_file_of_a_trace_is_no_descriptor_that_the_run_has_left_open(tmp_path: Path) -> None:
    import click.testing

    from simulators.virtual.commands import virtual

    file = tmp_path / "trace.txt"
    options = ["--portals", "2", "--people", "2", "--faults", "none", "--days", "0.01"]
    done = click.testing.CliRunner().invoke(virtual, [*options, "--trace", str(file)])
    assert done.exit_code == 0, done.output
    assert "entry edge 1 " in file.read_text()
