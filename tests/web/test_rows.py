"""A list that changes while somebody is in it: the console's orders and drafts."""

from collections.abc import Callable
from random import Random

from playwright.sync_api import expect

from tests.web.browser import Screen
from tests.web.embassy import ANNA

NAMES = "abcdefgh"

MADE = """() => document.querySelector("main").insertAdjacentHTML("beforeend", `
  <ul id="some"></ul>
  <template id="some-row">
    <li><span data-field="id"></span> <input><button>End it</button></li>
  </template>
`)"""

DRAWN = """async (names) => {
  const { rows } = await import("/static/kept-rows.js");
  rows("some", names.map((id) => ({ id })), "some-row");
}"""

ORDER = """() => [...document.querySelectorAll("#some > li")].map((row) => row.dataset.id)"""

TYPED = """() => [document.activeElement.closest("li").dataset.id, document.activeElement.value]"""


def test_whoever_types_in_a_row_stays_there_whatever_comes_and_goes(
    screen: Callable[..., Screen], seed: int
) -> None:
    page = screen(ANNA).page
    page.goto("/console")
    page.evaluate(MADE)
    page.evaluate(DRAWN, ["e"])
    page.locator("#some input").fill("why")
    random = Random(seed)
    for _ in range(30):
        names = sorted({"e", *random.sample(NAMES, random.randrange(len(NAMES)))})
        page.evaluate(DRAWN, names)
        assert page.evaluate(ORDER) == names
        assert page.evaluate(TYPED) == ["e", "why"]


def test_what_has_just_come_is_not_pressed_yet(screen: Callable[..., Screen]) -> None:
    page = screen(ANNA).page
    page.goto("/console")
    page.evaluate(MADE)
    page.evaluate(
        """() => document.getElementById("some").addEventListener("click", (event) => {
          event.target.dataset.pressed = "true";
        })"""
    )
    page.evaluate(DRAWN, ["b"])
    button = page.locator("#some > li[data-id=b] button")
    expect(button).to_be_enabled()
    page.evaluate(
        """async () => {
          const { rows } = await import("/static/kept-rows.js");
          rows("some", [{ id: "a" }, { id: "b" }], "some-row");
          for (const one of document.querySelectorAll("#some button")) one.click();
        }"""
    )
    assert page.locator("[data-pressed]").count() == 0
    button.click()
    assert page.locator("li[data-id=b] [data-pressed]").count() == 1
