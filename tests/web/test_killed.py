"""The pages' process may end at any moment: doors do not notice."""

import json
import time
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Browser, expect

from tests.web.browser import Screen
from tests.web.embassy import DAVID, Embassy

WITHIN_S = 60.0


def entries(embassy: Embassy, after: int) -> Iterator[dict[str, Any]]:
    """What is recorded from `after` on, as it comes, for a while."""
    until = time.monotonic() + WITHIN_S
    while time.monotonic() < until:
        for line in embassy.command("journal", "tail", "-n", "60", "--json").splitlines():
            entry = json.loads(line)
            if entry["seq"] > after:
                after = entry["seq"]
                yield entry
    raise AssertionError(f"nothing more came within {WITHIN_S:.0f} s")


def test_a_kill_in_the_middle_of_a_passage_changes_no_verdict_and_the_page_comes_back(
    embassy: Embassy, browser: Browser
) -> None:
    screen = Screen(browser, embassy.address)
    screen.sign_in(embassy.link(DAVID))
    page = screen.page
    page.goto("/gate")
    expect(page.locator("#live")).to_have_text("Live")
    now = json.loads(embassy.command("status", "--json"))["seq"]
    granted = next(one for one in entries(embassy, now) if one["kind"] == "portal-granted")
    embassy.web.kill()
    for one in entries(embassy, granted["seq"]):
        assert one["kind"] not in {"grant-aborted", "edge-started", "portal-forced"}
        if one["kind"] == "passage-made" and one["body"]["portal"] == granted["body"]["portal"]:
            break
    expect(page.locator("#live")).to_have_text("NOT LIVE")
    # People go on being judged while nobody serves pages.
    next(one for one in entries(embassy, one["seq"]) if one["kind"] == "decision-made")
    embassy.start_web(embassy.port)
    expect(page.locator("#live")).to_have_text("Live")
    screen.close()
