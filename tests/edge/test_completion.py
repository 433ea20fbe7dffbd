"""A shell completes commands, options, and names that a running edge knows."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from edge.commands.completing import VARIABLE
from edge.main import sentrypost
from tests.edge.house import House
from tests.edge.process import ROOT, running_process

BASH = """
eval "$(sentrypost completion bash)"
COMP_WORDS=({words})
COMP_CWORD={last}
_sentrypost_completion sentrypost
echo "${{COMPREPLY[@]}}"
"""


def completed(folder: Path, *words: str) -> list[str]:
    """What a real bash offers behind these words, the last of which is being written."""
    line = ("sentrypost", *words)
    quoted = " ".join(f'"{word}"' for word in line)
    program = folder / "bin" / "sentrypost"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m edge.main "$@"\n')
    program.chmod(0o755)
    path = f"{program.parent}:{os.environ['PATH']}"
    script = BASH.format(words=quoted, last=len(line) - 1)
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split()


def offered(*words: str) -> list[str]:
    """The same without a shell in between."""
    completion = ShellComplete(sentrypost, {}, "sentrypost", VARIABLE)
    return [one.value for one in completion.get_completions(list(words[:-1]), words[-1])]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_is_told_how_to_ask(shell: str) -> None:
    done = CliRunner().invoke(sentrypost, ["completion", shell])
    assert done.exit_code == 0
    assert f"{VARIABLE}={shell}_complete" in done.stdout
    assert CliRunner().invoke(sentrypost, ["completion", "tcsh"]).exit_code == 2


def test_names_that_a_running_edge_knows_are_offered_and_none_where_none_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path)
    monkeypatch.chdir(tmp_path)
    site = ("--config", str(tmp_path / "site.toml"))

    def asked() -> None:
        assert completed(tmp_path, "portal", "release", "va") == ["vault-door"]
        monkeypatch.setenv(VARIABLE, "bash_complete")  # as the shell does when it asks
        assert offered("person", "show", "") == ["1", "2"]
        assert offered("person", "list", *site, "--zone", "h") == ["hall"]
        assert offered("lockdown", "--state", str(tmp_path / "state"), "--zone", "va") == ["vault"]
        assert offered("badge", "add", "1", "--reader", "front") == ["front-in"]
        assert offered("fire", "reset", "") == ["panel"]

    async def run() -> None:
        async with house.line(), running_process(house) as edge:
            await asyncio.to_thread(asked)
            assert await edge.stop() == 0

    asyncio.run(run())
    assert offered("portal", "release", "va") == []
    assert offered("person", "show", "--config", "nowhere.toml", "") == []
    assert "--zone" in offered("lockdown", "--")
