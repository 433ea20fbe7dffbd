"""An emergency at an edge of its own process, at real ports, with real signatures, in real time."""

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from policies.facts import Mode
from simulators import played_story
from simulators.commands import demo
from simulators.story import Expect, load_story


def test_what_a_story_tells_comes_to_pass_at_real_doors_and_what_does_not_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Duress at a door, and the lockdown behind it; at the end something that cannot be so."""
    story = load_story("under-duress")
    never = Expect(at_s=story.step[-1].at_s, within_s=0, mode=Mode.SHELTER)
    longer = replace(story, step=(*story.step, never))
    monkeypatch.setattr("simulators.story.load_story", lambda _: longer)
    monkeypatch.setattr(played_story, "GAP_S_MAX", 0.0)
    done = CliRunner().invoke(demo, ["--story", "under-duress"])
    assert done.exit_code == 1, done.output
    (wrong,) = [line.strip() for line in done.output.splitlines() if "NOT SO" in line]
    assert wrong == "NOT SO: mode is normal and not shelter"
    assert done.output.endswith("1 came otherwise\n")


def test_a_story_that_is_none_is_refused() -> None:
    done = CliRunner().invoke(demo, ["--story", "no-such-story"])
    assert done.exit_code == 1
    assert "no-such-story" in done.output
