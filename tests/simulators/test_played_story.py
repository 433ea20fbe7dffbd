"""An emergency at an edge of its own process, at real ports, with real signatures, in real time."""

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from simulators.commands import demo
from simulators.played_story import play
from simulators.story import Expect, Line, load_story


def test_what_a_story_tells_comes_to_pass_at_real_doors(tmp_path: Path) -> None:
    """Duress at the gate, and a lockdown that follows; nobody waits where nothing happens."""
    heard: list[Line] = []
    told = asyncio.run(play(load_story("under-duress"), tmp_path, heard.append, gap_s_max=0.0))
    assert told.wrong == []
    assert tuple(heard) == told.lines
    assert told.kinds["order-accepted"] == 1


def test_what_comes_otherwise_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    story = load_story("siege")
    expects = Expect(at_s=0, within_s=0, in_force=("siege",), missing=())
    short = replace(story, step=(expects,))
    monkeypatch.setattr("simulators.story.load_story", lambda _: short)
    done = CliRunner().invoke(demo, ["--story", "siege"])
    assert done.exit_code == 1
    assert "NOT SO: in_force is none and not siege" in done.output
    assert "1 came otherwise" in done.output


def test_a_story_that_is_none_is_refused() -> None:
    done = CliRunner().invoke(demo, ["--story", "no-such-story"])
    assert done.exit_code == 1
    assert "no-such-story" in done.output
