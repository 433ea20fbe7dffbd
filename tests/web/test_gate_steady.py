"""What a guard presses is what stood there: the page at the gate under a guard's finger."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Locator, Page, expect

from edge.web.gate_words import PassageView, ReleaseView
from tests.web.browser import Screen, serious
from tests.web.embassy import DAVID

SIZES = [(320, 640), (768, 1024), (1180, 820), (1920, 1080)]

# As the stream hands it over; the page's own script is one module, whoever imports it.
HEARD = """async ([passage, now]) => (await import("/static/at-gate.js")).heard(passage, now)"""

RELEASE = """async (told) => (await import("/static/releases.js")).heard(told)"""

SOMEBODY_COMES = """() => {
  const space = document.createElement("p");
  space.style.blockSize = "12rem";
  document.querySelector("main").prepend(space);
}"""

STEADY_MS = 900
"""What is pressed later counts."""


def passage(attempt: str, **other: Any) -> PassageView:
    """Somebody with a badge who waits for a guard's comparison, if nothing else is said."""
    waits = other.get("waits", True)
    shown = {
        "seq": 1,
        "attempt": attempt,
        "time": "10:00:00",
        "portal": "main-gate",
        "portal_id": "main-gate",
        "direction": "in",
        "way": "entry",
        "who": f"holder of {attempt}",
        "person": attempt,
        "status": "",
        "verdict": "Asked" if waits else "Refused",
        "tone": "notice" if waits else "denied",
        "reason": "",
        "more": "",
        "next": "",
        "factors": "",
        "stage": "asked" if waits else "over",
        "waits": waits,
        "granted": False,
        "question": f"question of {attempt}" if waits else "",
        "pictures": (),
        "drill": False,
    }
    return PassageView(**(shown | other))


class Gate:
    """The page, on which no real passage is heard: its embassy's are kept out of it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.now = page.get_by_role("region", name="At the gate now")
        self.who = self.now.locator(".who")
        self.sent: list[str] = []
        page.route("**/gate/live*", lambda route: route.abort())
        page.route("**/gate/picture*", lambda route: route.abort())
        for act in ("compare", "refuse", "let-pass", "confirm"):
            page.route(f"**/gate/{act}", self._sent)
        page.goto("/gate")

    def _sent(self, route: Any) -> None:
        self.sent.append(route.request.post_data)
        route.fulfill(json={"text": "done", "tone": "granted", "done": True})

    def hear(self, view: PassageView, *, now: bool = True) -> None:
        self.page.evaluate(HEARD, [msgspec.to_builtins(view), now])

    def hear_and_press(self, view: PassageView, button: Locator) -> None:
        """At once, whatever else the machine does."""
        button.evaluate(
            """async (button, passage) => {
              (await import("/static/at-gate.js")).heard(passage, true);
              button.click();
            }""",
            msgspec.to_builtins(view),
        )

    def hear_release(self, name: str, *, over: bool = False) -> None:
        told = ReleaseView(release=name, text=f"{name} is asked for", over=over)
        self.page.evaluate(RELEASE, msgspec.to_builtins(told))

    def releases(self, what: str) -> None:
        self.page.evaluate(
            """async (what) => (await import("/static/releases.js"))[what]()""", what
        )

    def button(self, name: str) -> Locator:
        return self.now.get_by_role("button", name=name)


@pytest.fixture
def gate(screen: Callable[..., Screen]) -> Iterator[Gate]:
    guard = screen(DAVID)
    yield Gate(guard.page)
    # A stream that was kept away is none of the page's troubles.
    guard.troubles.clear()


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_help_is_called_for_at_the_same_place_whatever_comes_onto_the_page(
    screen: Callable[..., Screen], size: tuple[int, int]
) -> None:
    page = screen(DAVID, viewport={"width": size[0], "height": size[1]}).page
    page.goto("/gate")
    button = page.get_by_role("button", name="Hold for help: panic")
    before = button.bounding_box()
    assert before is not None
    assert before["y"] + before["height"] <= size[1], "in sight, without scrolling"
    page.evaluate(SOMEBODY_COMES)
    assert button.bounding_box() == before
    page.mouse.wheel(0, 4000)
    page.wait_for_timeout(200)
    assert button.bounding_box() == before
    page.evaluate("document.getElementById('said').textContent = 'The alarm is given. '.repeat(20)")
    after = button.bounding_box()
    assert after is not None
    assert after["x"] == before["x"]
    assert abs(after["y"] - before["y"]) <= 1, "what is said grows away from it"
    assert serious(page) == []


def test_nothing_on_the_page_lies_under_what_is_pinned(screen: Callable[..., Screen]) -> None:
    page = screen(DAVID, viewport={"width": 768, "height": 700}).page
    page.goto("/gate")
    expect(page.get_by_role("row", name="main-gate")).to_be_visible()
    pinned = page.locator(".pinned").bounding_box()
    assert pinned is not None
    for _ in range(60):
        page.keyboard.press("Tab")
        hidden = page.evaluate(
            """top => {
              const one = document.activeElement;
              if (one.closest(".pinned") || one === document.body) return "";
              const box = one.getBoundingClientRect();
              return box.height < innerHeight / 2 && box.top >= top ? one.outerHTML : "";
            }""",
            pinned["y"],
        )
        assert hidden == "", "what has the focus is hidden behind it"


def test_whoever_waits_is_not_taken_away_by_another_who_waits(gate: Gate) -> None:
    gate.hear(passage("ann"))
    gate.hear(passage("bob"))
    gate.hear(passage("cy", waits=False))
    expect(gate.who).to_have_text("holder of ann")
    expect(gate.button("holder of bob, main-gate")).to_be_visible()
    gate.button("It is this person").click()
    expect(gate.page.locator("#said")).to_have_text("done")
    assert gate.sent[0].startswith("question=question+of+ann&")


def test_the_one_who_waits_longest_comes_next_when_the_other_is_done(gate: Gate) -> None:
    for name in ("ann", "bob", "cy"):
        gate.hear(passage(name))
    gate.hear(passage("ann", waits=False, granted=True))
    gate.hear(passage("dee"))
    expect(gate.who).to_have_text("holder of bob")
    expect(gate.button("holder of cy, main-gate")).to_be_visible()


def test_a_guard_goes_over_to_somebody_else_by_a_touch(gate: Gate) -> None:
    gate.hear(passage("ann"))
    gate.hear(passage("bob"))
    gate.button("holder of bob, main-gate").click()
    expect(gate.who).to_have_text("holder of bob")
    expect(gate.button("holder of ann, main-gate")).to_be_visible()


def test_a_press_that_was_meant_for_the_one_before_answers_for_nobody(gate: Gate) -> None:
    gate.hear(passage("ann"))
    accept = gate.button("It is this person")
    accept.click(trial=True)
    # The same person is asked for once more, just before the press; a screen reader's has no more.
    gate.hear_and_press(passage("ann", question="another question"), accept)
    expect(accept).to_be_enabled()
    assert gate.sent == []
    accept.click()
    expect(gate.page.locator("#said")).to_have_text("done")
    assert gate.sent[0].startswith("question=another+question&")


def test_a_press_that_began_before_the_change_answers_for_nobody_either(gate: Gate) -> None:
    gate.hear(passage("ann"))
    accept = gate.button("It is this person")
    keys, mouse = gate.page.keyboard, gate.page.mouse
    presses = (mouse.down, mouse.up), (partial(keys.down, " "), partial(keys.up, " "))
    for number, (begin, end) in enumerate(presses):
        accept.click(trial=True)
        accept.hover()
        accept.focus()
        begin()
        gate.hear(passage("ann", question=f"another question {number}"))
        gate.page.wait_for_timeout(STEADY_MS)
        end()
        gate.page.wait_for_timeout(STEADY_MS)
        assert gate.sent == []
    accept.press("Enter")
    expect(gate.page.locator("#said")).to_have_text("done")
    assert len(gate.sent) == 1


def test_enter_in_a_field_is_a_press_as_well(gate: Gate) -> None:
    gate.hear(passage("ann"))
    accept = gate.button("It is this person")
    accept.click(trial=True)
    field = gate.page.get_by_label("What you have seen")
    field.focus()
    # What a browser makes of Enter there: a click on the form's first button.
    gate.hear_and_press(passage("ann", question="another question"), accept)
    expect(accept).to_be_enabled()
    assert gate.sent == []
    field.press("Enter")
    expect(gate.page.locator("#said")).to_have_text("done")
    assert len(gate.sent) == 1


def test_a_guard_who_goes_on_typing_keeps_whom_it_is_about(gate: Gate) -> None:
    gate.page.clock.install()
    gate.page.reload()
    gate.hear(passage("ann", waits=False))
    gate.hear(passage("bob"), now=False)
    reason = gate.page.get_by_label("Why you let this person pass")
    gate.hear(passage("cy", waits=False))
    expect(gate.who).to_have_text("holder of bob")
    gate.hear(passage("bob", waits=False))
    reason.fill("k")
    for letter in "nown to me":
        gate.page.clock.run_for(9_000)
        reason.press(letter if letter != " " else "Space")
        expect(gate.who).to_have_text("holder of bob")
    gate.hear(passage("dee"))
    gate.page.clock.run_for(19_000)
    expect(gate.who).to_have_text("holder of bob")
    gate.page.clock.run_for(2_000)
    expect(gate.who).to_have_text("holder of dee")


def test_a_question_whose_end_nobody_tells_holds_the_page_for_no_longer_than_it_can_last(
    gate: Gate,
) -> None:
    gate.page.clock.install()
    gate.page.reload()
    gate.hear(passage("ann"))
    gate.page.clock.run_for(60_000)
    gate.hear(passage("ann", question="another question"))
    gate.hear(passage("bob"))
    gate.page.clock.run_for(31_000)
    expect(gate.button("It is this person")).to_be_visible()
    expect(gate.who).to_have_text("holder of ann")
    gate.hear(passage("bob", question="another question about bob"))
    gate.page.clock.run_for(60_000)
    expect(gate.button("It is this person")).to_be_hidden()
    gate.page.clock.run_for(3_000)
    expect(gate.who).to_have_text("holder of bob")


def test_whoever_is_asked_for_a_pin_stands_in_nobodys_way(gate: Gate) -> None:
    gate.hear(passage("ann", question=""))
    expect(gate.who).to_have_text("holder of ann")
    gate.hear(passage("cy", waits=False))
    expect(gate.who).to_have_text("holder of ann")
    gate.hear(passage("bob"))
    expect(gate.who).to_have_text("holder of bob")
    expect(gate.button("holder of ann, main-gate")).to_be_hidden()


def test_somebody_for_whom_a_guard_types_a_reason_stays(gate: Gate) -> None:
    gate.hear(passage("ann", waits=False))
    reason = gate.page.get_by_label("Why you let this person pass")
    reason.fill("known to me")
    gate.hear(passage("bob", waits=False))
    gate.hear(passage("cy"))
    expect(gate.who).to_have_text("holder of ann")
    gate.button("Let this person pass").click()
    expect(gate.page.locator("#said")).to_have_text("done")
    assert "person=ann" in gate.sent[0]
    # That is done: whoever waits is shown, and the reason was for the one before.
    expect(gate.who).to_have_text("holder of cy")
    gate.hear(passage("cy", waits=False))
    expect(reason).to_be_visible()
    expect(reason).to_have_value("")


def test_nobody_is_shown_of_those_who_came_before_the_page_was_opened_but_who_waits(
    gate: Gate,
) -> None:
    gate.hear(passage("ann", waits=False), now=False)
    expect(gate.now.get_by_text("Nobody.")).to_be_visible()
    gate.hear(passage("bob"), now=False)
    expect(gate.who).to_have_text("holder of bob")


def test_who_is_not_told_of_again_after_a_broken_link_waits_no_longer(gate: Gate) -> None:
    gate.hear(passage("ann"))
    gate.hear(passage("bob"))
    gate.page.evaluate("""async () => (await import("/static/at-gate.js")).forget()""")
    gate.hear(passage("bob"), now=False)
    gate.page.evaluate("""async () => (await import("/static/at-gate.js")).complete()""")
    expect(gate.button("It is this person")).to_be_hidden()
    expect(gate.who).to_have_text("holder of bob")


def test_a_second_person_agrees_to_the_release_that_is_read(gate: Gate) -> None:
    field = gate.page.get_by_label("Release that waits for a second person")
    gate.hear_release("one")
    gate.hear_release("two")
    expect(field).to_have_value("one")
    expect(gate.page.get_by_text("one is asked for")).to_be_visible()
    agree = gate.page.get_by_role("button", name="I agree to this release")
    agree.click(trial=True)
    # Another guard's word comes first, and the finger is on its way.
    agree.hover()
    gate.page.mouse.down()
    gate.hear_release("one", over=True)
    gate.page.wait_for_timeout(STEADY_MS)
    gate.page.mouse.up()
    gate.page.wait_for_timeout(STEADY_MS)
    assert gate.sent == []
    expect(field).to_have_value("two")
    expect(gate.page.get_by_text("two is asked for")).to_be_visible()
    agree.click()
    expect(gate.page.get_by_text("done")).to_be_visible()
    assert gate.sent == ["release=two"]
    gate.hear_release("three")
    gate.hear_release("two", over=True)
    expect(field).to_have_value("three")
    expect(gate.page.get_by_text("three is asked for")).to_be_visible()


def test_all_releases_that_wait_are_named_and_a_touch_takes_another(gate: Gate) -> None:
    field = gate.page.get_by_label("Release that waits for a second person")
    gate.hear_release("one")
    gate.hear_release("two")
    gate.page.get_by_role("button", name="two is asked for").click()
    expect(field).to_have_value("two")
    expect(gate.page.get_by_role("button", name="one is asked for")).to_be_visible()


def test_a_release_that_ended_while_the_link_was_away_gives_way(gate: Gate) -> None:
    field = gate.page.get_by_label("Release that waits for a second person")
    gate.hear_release("one")
    gate.releases("forget")
    gate.hear_release("two")
    gate.releases("complete")
    expect(field).to_have_value("two")
    expect(gate.page.get_by_text("two is asked for")).to_be_visible()
    field.fill("typed")
    gate.releases("forget")
    gate.releases("complete")
    expect(field).to_have_value("typed")


def test_what_is_typed_stays_when_a_release_begins_to_wait_and_when_it_is_over(gate: Gate) -> None:
    field = gate.page.get_by_label("Release that waits for a second person")
    field.fill("from the telephone")
    gate.hear_release("one")
    expect(field).to_have_value("from the telephone")
    gate.hear_release("one", over=True)
    expect(field).to_have_value("from the telephone")
    gate.hear_release("two")
    field.fill("")
    gate.hear_release("three")
    expect(field).to_have_value("two")
