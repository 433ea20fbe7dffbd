"""`sentrypost` as processes: what people and scripts see of it."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

import edge.main
from controller import events as ev
from controller.ledger import Personal, commitment, leaf, link, origin
from edge.control.place import JOURNAL
from edge.failed import failed_by
from edge.journal import Journal, JournalMissing
from edge.main import COMMANDS_GROUP, Dispatcher, sentrypost, summary
from tests.commands import command
from tests.edge.control.rig import Running, person, ticks
from tests.edge.house import House

ROOT = Path(__file__).resolve().parents[2]
INTERRUPTED = 130


def cli(
    *arguments: str | Path, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edge.main", *map(str, arguments)],
        cwd=cwd or ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Running]:
    with Running(tmp_path / "state") as running:
        yield running


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """The state folder of a daemon that has ended, with five entries; the last is about Ada."""
    with Running(tmp_path / "state") as running:
        name = Personal("operator", "Ada L", person("").salt)
        reset = ev.FireReset(fire="panel", after=ev.Fire(), operator=commitment(name))
        running.record(*ticks(1))
        running.record(reset, personal=(name,))
    return tmp_path / "state"


# --- the dispatcher ---------------------------------------------------------------------------


def test_help_lists_every_command_of_the_project_with_what_it_does() -> None:
    began = time.monotonic()
    result = cli("--help", COLUMNS="200")
    print(f"sentrypost --help took {time.monotonic() - began:.3f} s")  # noqa: T201  # shown by -s
    assert result.returncode == 0
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for name in declared["project"]["entry-points"][COMMANDS_GROUP]:
        assert re.search(rf"^  {name} +[A-Z].*\.$", result.stdout, re.MULTILINE), name
    assert "78   the site file or a policy has mistakes" in result.stdout


def test_help_imports_no_command() -> None:
    script = (
        "import sys; sys.argv = ['sentrypost', '--help']\n"
        "from edge.main import main\n"
        "try: main()\n"
        "finally: print('MODULES', *sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(result.stdout.partition("MODULES ")[2].split())
    assert "edge.main" in loaded
    assert not {"edge.commands.run", "central.commands", "msgspec", "asyncio", "sqlite3"} & loaded


def test_who_asks_the_daemon_loads_none_of_its_databases() -> None:
    """What every command of an operator waits for."""
    script = "import sys, edge.commands.status; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert "edge.control.protocol" in loaded
    assert not {"sqlite_utils", "sqlite3", "asyncio", "argon2", "edge.people"} & set(loaded)


def test_what_is_declared_is_what_is_installed() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())
    installed = {point.name: point.value for point in entry_points(group=COMMANDS_GROUP)}
    assert installed == declared["project"]["entry-points"][COMMANDS_GROUP], "run `make env`"


def every_command(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            yield (*path, name)
            if isinstance(command, click.Group):
                yield from every_command(command, (*path, name))


def test_every_command_option_and_argument_has_help() -> None:
    found = list(every_command(sentrypost))
    expected = "run check status watch fire.reset journal.show journal.verify journal.tail"
    assert {tuple(name.split(".")) for name in expected.split()} <= set(found)
    for path in found:
        command: Any = sentrypost
        for name in path:
            command = command.get_command(click.Context(command), name)
        assert command.help, path
        assert command.get_short_help_str(200).endswith("."), path
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, (path, parameter.name)
        assert CliRunner().invoke(sentrypost, [*path, "--help"]).exit_code == 0


def test_first_lines_are_read_without_importing() -> None:
    for point in entry_points(group=COMMANDS_GROUP):
        command = point.load()
        assert summary(point) == command.help.partition("\n")[0], point.name


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("no_such_package.commands:word", "(not installed)"),
        ("edge.no_such_module:word", "(not installed)"),
        ("edge.main:no_such_function", "(cannot be loaded)"),
        ("{broken}:word", "(cannot be loaded)"),
        ("{raising}:word", "Does something."),
    ],
)
def test_a_broken_command_takes_no_other_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, shown: str
) -> None:
    (tmp_path / "broken_command.py").write_text("def word(:\n")
    (tmp_path / "raising_command.py").write_text(
        'import no_such_thing\ndef word():\n    """Does something."""\n'
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    value = value.format(broken="broken_command", raising="raising_command")
    good = EntryPoint("check", "edge.commands.check:check", COMMANDS_GROUP)
    bad = EntryPoint("word", value, COMMANDS_GROUP)
    monkeypatch.setattr(edge.main, "entry_points", lambda group: [bad, good])
    dispatcher = Dispatcher("sentrypost", help="Test.")
    listed = CliRunner().invoke(dispatcher, ["--help"])
    assert listed.exit_code == 0
    assert re.search(rf"word +{re.escape(shown)}", listed.output)
    assert CliRunner().invoke(dispatcher, ["check", "--help"]).exit_code == 0
    used = CliRunner().invoke(dispatcher, ["word"])
    assert (used.exit_code, type(used.exception)) == (1, SystemExit)
    assert "'word' cannot be loaded" in used.output


def test_version() -> None:
    assert re.fullmatch(r"sentrypost \d+\.\d+\.\d+\n", cli("--version").stdout)


def test_an_unknown_command_is_a_mistake_in_the_command_line() -> None:
    result = cli("lockdwon")
    assert (result.returncode, result.stdout) == (2, "")
    assert "No such command 'lockdwon'" in result.stderr


def test_a_reader_that_goes_away_is_no_traceback(closed: Path) -> None:
    command = [sys.executable, "-m", "edge.main", "journal", "show", "--from", "1"]
    with subprocess.Popen(
        [*command, "--state", str(closed)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_a_typed_error_says_its_remedy() -> None:
    failed = failed_by(JournalMissing("x does not exist; put it back; at once"))
    assert (failed.message, failed.remedy) == ("x does not exist", "put it back; at once")


# --- where the site is ------------------------------------------------------------------------


def test_no_site_file(tmp_path: Path) -> None:
    result = command("status", cwd=tmp_path)
    assert result.returncode == 78
    assert result.stderr == (
        "error: site.toml cannot be read: No such file or directory\n"
        "remedy: name the site file with --config, or the state folder with --state\n"
    )


def test_the_state_folder_is_found_in_a_site_file_with_mistakes(daemon: Running) -> None:
    site = daemon.state.parent / "site.toml"
    site.write_text('state = "state"\nsite = 3\n')
    assert command("status", cwd=site.parent).returncode == 0
    assert command("status", "--config", site, cwd=Path("/")).returncode == 0
    site.write_text("state = \n")
    result = command("status", "--config", site)
    assert result.returncode == 78
    assert "remedy: mend it, or name the state folder with --state" in result.stderr
    site.write_text("")
    assert "names no state folder" in command("status", "--config", site).stderr
    assert command("status", "--config", site, "--state", daemon.state).returncode == 0


def test_no_daemon(tmp_path: Path) -> None:
    for words in (("status",), ("watch",), ("fire", "reset", "panel")):
        result = command(*words, "--state", tmp_path)
        assert result.returncode == 1
        assert result.stderr == (
            f"error: no daemon runs here (no socket at {tmp_path}/control.sock)\n"
            "remedy: start it with `sentrypost run --config …`\n"
        )


# --- check and run ----------------------------------------------------------------------------


def test_check_of_a_site_in_order(tmp_path: Path) -> None:
    House(tmp_path)
    result = command("check", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert "site.toml is in order" in result.stdout
    assert "2 portals, 3 readers, 1 fire inputs" in result.stdout
    assert "fire opens for entry too: vault-door" in result.stdout
    answer = json.loads(command("check", "--json", cwd=tmp_path).stdout)
    assert (answer["ok"], answer["opened_by_fire"]) == (True, ["vault-door"])
    assert answer["readers"] == ["front-in", "vault-in", "vault-out"]


def test_check_names_every_mistake_with_its_line(tmp_path: Path) -> None:
    House(tmp_path)
    site = tmp_path / "site.toml"
    text = (
        site.read_text()
        .replace("output = 1", "output = 7")
        .replace('line = "north"', 'line = "nroth"', 1)
    )
    site.write_text(text)
    result = command("check", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (78, "")
    named = re.findall(r"^site\.toml:(\d+):\d+: error: (\S+)", result.stderr, re.MULTILINE)
    assert len(named) >= 2
    assert str(1 + text[: text.index("output = 7")].count("\n")) in {line for line, _ in named}
    assert result.stderr.splitlines()[-2:] == [
        f"error: site.toml has {len(named)} mistakes",
        "remedy: mend them and run `sentrypost check` again",
    ]
    answer = json.loads(command("check", "--json", cwd=tmp_path).stdout)
    assert answer["ok"] is False
    assert len(answer["problems"]) == len(named)
    assert command("check", "--json", cwd=tmp_path).returncode == 78
    ran = command("run", cwd=tmp_path)
    assert (ran.returncode, ran.stderr) == (78, result.stderr)


# --- status -----------------------------------------------------------------------------------


def test_status_for_people(daemon: Running) -> None:
    page = command("status", "--state", daemon.state).stdout
    for said in (
        "house/gate",
        "NOT READY",
        "posture   normal, threat 1",
        "entry 3",
        "broker connected, stored up to 1, 2 behind",
        "NOT TRUSTED",
        "up 1 min 30 s",
    ):
        assert said in page, said
    assert re.search(r"front +FORCED +leaf open", page)
    assert re.search(r"vault-door +UNKNOWN +leaf not observable", page)
    assert re.search(r"front-in +DOES NOT ANSWER", page)
    assert re.search(r"panel +FIRE latched, line cut", page)


def test_status_for_programs(daemon: Running) -> None:
    answer = json.loads(command("status", "--json", "--state", daemon.state).stdout)
    assert (answer["seq"], answer["fires"][0]["latched"]) == (3, True)


# --- what happened ----------------------------------------------------------------------------


def seqs(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"^\S+ \S+ #(\d+) ", text, re.MULTILINE)]


def test_the_journal_is_read_through_the_daemon(daemon: Running) -> None:
    daemon.record(*ticks(600))
    tail = command("journal", "tail", "-n", "550", "--state", daemon.state)
    assert seqs(tail.stdout) == list(range(54, 604))
    assert "+01:00 #603" in tail.stdout, "times are the site's"
    shown = command("journal", "show", "--from", "2", "--to", "4", "--state", daemon.state)
    assert seqs(shown.stdout) == [2, 3, 4]
    assert '"reason": "the line is cut"' in shown.stdout
    verified = command("journal", "verify", "--state", daemon.state)
    assert (verified.returncode, verified.stderr) == (0, "")
    assert f"head at 603: {daemon.desk.writer.head.hex()}" in verified.stdout
    assert "SOUND" in verified.stdout


def test_the_journal_is_read_from_its_files_where_no_daemon_runs(closed: Path) -> None:
    before = (closed / JOURNAL / "segment-000001.db").read_bytes()
    tail = command("journal", "tail", "--state", closed)
    assert seqs(tail.stdout) == [1, 2, 3, 4, 5]
    assert "NOTICE  FIRE panel reset by Ada L" in tail.stdout
    shown = command("journal", "show", "5", "--state", closed).stdout
    assert seqs(shown) == [5]
    assert "operator (beside it) Ada L" in shown
    assert "SOUND" in command("journal", "verify", "--state", closed).stdout
    assert (closed / JOURNAL / "segment-000001.db").read_bytes() == before


def test_json_lines_carry_what_proves_them(closed: Path) -> None:
    result = command("journal", "show", "--from", "1", "--json", "--state", closed)
    shown = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["seq"] for line in shown] == [1, 2, 3, 4, 5]
    assert shown[4]["personal"] == {"operator": "Ada L"}
    assert shown[1]["body"]["reason"] == "the line is cut"
    with closing(
        Journal.open(
            closed / JOURNAL, site="house", edge="gate", entropy=os.urandom, utc_us=0, create=False
        )
    ) as journal:
        chain = origin("house", "gate", journal.incarnation)
        for line, stored in zip(shown, journal.read(1, 10, 10**6), strict=True):
            chain = link(chain, leaf(stored.entry))
            assert line["chain"] == chain.hex()


def edited(state: Path, statement: str) -> None:
    """Change the files past every guard that they have."""
    with closing(sqlite3.connect(state / JOURNAL / "segment-000001.db")) as connection:
        triggers = connection.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"
        ).fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement)
        for _, sql in triggers:
            connection.execute(sql)
        connection.commit()


def test_an_edited_entry_is_found(closed: Path) -> None:
    edited(
        closed,
        "UPDATE entry SET entry ="
        " CAST(replace(CAST(entry AS TEXT), 'is cut', 'was ok') AS BLOB) WHERE seq = 2",
    )
    verified = command("journal", "verify", "--state", closed)
    assert verified.returncode == 1
    assert "entry 2: its bytes are not those that were hashed" in verified.stdout
    assert "NOT SOUND" in verified.stdout
    answer = command("journal", "verify", "--json", "--state", closed)
    assert (answer.returncode, json.loads(answer.stdout)["findings"][0]["seq"]) == (1, 2)
    tail = command("journal", "tail", "--state", closed)
    assert tail.returncode == 1
    assert seqs(tail.stdout) == [1], "nothing is shown that is not what was recorded"
    assert "error: entry 2: its bytes are not those" in tail.stderr


@pytest.mark.parametrize(
    ("statement", "said", "before"),
    [
        ("UPDATE entry SET chain = zeroblob(32) WHERE seq = 3", "3: the chain breaks", [1, 2]),
        ("DELETE FROM entry WHERE seq = 3", "3: it is missing", [1, 2]),
        ("DELETE FROM entry WHERE seq = 1", "1: it is missing", []),
    ],
)
def test_a_broken_chain_is_not_shown_as_history(
    closed: Path, statement: str, said: str, before: list[int]
) -> None:
    edited(closed, statement)
    tail = command("journal", "tail", "--state", closed)
    assert (tail.returncode, seqs(tail.stdout)) == (1, before)
    assert f"error: entry {said}" in tail.stderr


def test_journal_without_a_journal(tmp_path: Path) -> None:
    for words in (("tail",), ("show", "1"), ("verify",)):
        result = command("journal", *words, "--state", tmp_path)
        assert result.returncode == 1
        assert "does not exist\nremedy: " in result.stderr


def test_which_entries_must_be_said(daemon: Running) -> None:
    for words in ((), ("2", "--from", "1"), ("0",), ("x",)):
        assert command("journal", "show", *words, "--state", daemon.state).returncode == 2
    missing = command("journal", "show", "4", "--state", daemon.state)
    assert missing.returncode == 1
    assert "there is no entry 4, the newest is 3" in missing.stderr


def test_no_colour_where_nobody_looks(daemon: Running) -> None:
    for words in (("status",), ("journal", "tail")):
        result = command(*words, "--state", daemon.state, NO_COLOR="", FORCE_COLOR="1")
        assert result.returncode == 0
        assert "\x1b" not in result.stdout + result.stderr


def test_no_progress_where_nobody_looks(closed: Path) -> None:
    for words in (("journal", "verify"), ("journal", "verify", "--json")):
        result = command(*words, "--state", closed, NO_COLOR="", FORCE_COLOR="1")
        assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("no_colour", [False, True])
def test_colour_on_a_terminal_unless_no_color(daemon: Running, no_colour: bool) -> None:
    import pty

    main, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1" if no_colour else ""}
    subprocess.run(
        [sys.executable, "-m", "edge.main", "journal", "tail", "--state", str(daemon.state)],
        cwd=ROOT,
        env=environment,
        stdout=terminal,
        timeout=60,
        check=True,
    )
    os.close(terminal)
    text = b""
    while b"without a grant" not in text:
        text += os.read(main, 65536)
    os.close(main)
    assert (b"\x1b[31m" in text) is not no_colour
    assert b"ALARM" in text, "the word stands there with and without colour"


# --- fire -------------------------------------------------------------------------------------


def test_fire_reset(daemon: Running) -> None:
    done = command("fire", "reset", "panel", "--state", daemon.state)
    assert (done.returncode, done.stderr) == (0, "")
    me = daemon.desk.asked[0][2]
    assert done.stdout == f"fire input 'panel' is reset by {me}: the latch is reset\n"
    refused = command("fire", "reset", "cellar", "--state", daemon.state)
    assert refused.returncode == 1
    assert "'cellar' is not reset: no fire input 'cellar'\nremedy: " in refused.stderr
    assert command("fire", "reset", "--state", daemon.state).returncode == 2
    asked = command("fire", "reset", "panel", "--json", "--state", daemon.state)
    assert (asked.returncode, json.loads(asked.stdout)["accepted"]) == (0, True)
    asked = command("fire", "reset", "cellar", "--json", "--state", daemon.state)
    assert (asked.returncode, json.loads(asked.stdout)["accepted"]) == (1, False)


# --- watch ------------------------------------------------------------------------------------


class Watching:
    """`sentrypost watch` under way."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "edge.main", "watch", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Watching":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def interrupted(self) -> tuple[str, str]:
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=20)


def test_watch_shows_what_was_and_what_comes(daemon: Running) -> None:
    with Watching("--from", "2", "--state", str(daemon.state)) as watching:
        assert "#2 ALARM   FIRE panel: the line is cut" in watching.line()
        assert "#3 ALARM   front was opened without a grant" in watching.line()
        daemon.record(*ticks(1))
        assert "#4 NOTICE  the clock is trusted" in watching.line()
        out, err = watching.interrupted()
    assert (out, err, watching.process.returncode) == ("", "\n", INTERRUPTED)


def test_watch_begins_with_what_comes_next(daemon: Running) -> None:
    with Watching("--json", "--state", str(daemon.state)) as watching:
        end = time.monotonic() + 20
        while daemon.clients() == 0:
            assert time.monotonic() < end
            time.sleep(0.01)
        time.sleep(0.3)
        daemon.record(*ticks(1))
        assert json.loads(watching.line())["seq"] == 4


def test_watch_outlives_a_restart_and_leaves_nothing_out(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with Running(state) as first:
        watching = Watching("--from", "1", "--state", str(state))
        seen = [watching.line() for _ in range(3)]
        first.record(*ticks(2))
        seen += [watching.line() for _ in range(2)]
    try:
        with Running(state) as second:  # records its three beginnings on top
            assert second.desk.last_seq == 8
            seen += [watching.line() for _ in range(3)]
        out, err = watching.interrupted()
    finally:
        watching.process.kill()
    assert seqs("".join(seen)) == list(range(1, 9))
    assert out == ""
    assert "-- the daemon is stopping; trying again" in err


def test_watch_from_the_future_is_refused_by_what_is_there(daemon: Running) -> None:
    with Watching("--from", "9", "--json", "--state", str(daemon.state)) as watching:
        assert watching.process.stderr is not None
        assert "ends at 3" in watching.process.stderr.readline()
        daemon.record(*ticks(1))
        assert json.loads(watching.line())["seq"] == 4


# --- the daemon itself ------------------------------------------------------------------------


def test_a_daemon_from_start_to_end(tmp_path: Path) -> None:
    """The house without its line: nothing answers, and every command still says so."""
    House(tmp_path)
    daemon = subprocess.Popen(
        [sys.executable, "-m", "edge.main", "run"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        end = time.monotonic() + 30
        while (status := cli("status", "--json", cwd=tmp_path)).returncode:
            assert time.monotonic() < end, status.stderr
        answer = json.loads(status.stdout)
        assert {portal["id"] for portal in answer["portals"]} == {"front", "vault-door"}
        assert not any(portal["linked"] for portal in answer["portals"])
        second = cli("run", cwd=tmp_path)
        assert second.returncode == 1
        assert re.search(r"^error: .+\nremedy: .+\n", second.stderr)
        refused = cli("fire", "reset", "panel", cwd=tmp_path)
        assert refused.returncode == 1
        assert "'panel' is not reset: " in refused.stderr
        assert "FIRE panel not reset for " in cli("journal", "tail", cwd=tmp_path).stdout
        assert cli("journal", "verify", cwd=tmp_path).returncode == 0
    finally:
        daemon.terminate()
        _, log = daemon.communicate(timeout=30)
    assert daemon.returncode == 0, log
    assert not (tmp_path / "state" / "control.sock").exists()
    assert all(json.loads(line)["time"] for line in log.splitlines()), "the log is JSON lines"
    assert "the edge stops" in cli("journal", "tail", cwd=tmp_path).stdout
    assert cli("status", cwd=tmp_path).returncode == 1
