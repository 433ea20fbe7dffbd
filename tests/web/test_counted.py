"""That stories are told by what a person sees and does, with each action counted."""

import ast
from pathlib import Path

import pytest

UNCOUNTED = {
    "check",
    "click",
    "dblclick",
    "dispatch_event",
    "fill",
    "goto",
    "locator",
    "press",
    "press_sequentially",
    "select_option",
    "set_checked",
    "tap",
    "type",
    "uncheck",
}
"""What Playwright does for nothing, and how it finds what no label names."""

STORIES = sorted(Path(__file__).parent.glob("test_story_*.py"))


@pytest.mark.parametrize("story", STORIES, ids=lambda path: path.stem)
def test_a_story_finds_by_labels_and_acts_by_counted_actions_alone(story: Path) -> None:
    named = {
        node.func.attr
        for node in ast.walk(ast.parse(story.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not named & UNCOUNTED
    assert "task" in named
