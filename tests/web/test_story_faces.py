"""The wrong face: a guard compares who stands at the door with the picture on file, and refuses."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from simulators.demo_faces import DRAWN, Lacking, add_cipher_room
from simulators.secret_file import write_secret
from tests.servers import skip_or_fail
from tests.web.browser import Screen
from tests.web.embassy import CLARA, DAVID, Embassy

VIEWS = 4
"""Pictures for an enrolment, which needs three."""

STANDS_S = 90.0
"""Until somebody who is drawn for the first time stands before the camera."""

DIFFER = """() => {
  const [file, camera] = ["Picture on file", "Picture of the camera"].map((name) => {
    const canvas = document.querySelector(`canvas[aria-label="${name}"]`);
    return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  });
  const lit = (data) => data.some((value, at) => at % 4 === 3 && value > 0);
  return lit(file) && lit(camera) && file.some((value, at) => value !== camera[at]);
}"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embassy]:
    """The demonstration's cipher room, where a badge is believed when a guard has looked."""
    why = Lacking().why()
    if why is not None:
        skip_or_fail(f"no camera can be simulated here: {why}")
    folder = tmp_path_factory.mktemp("faces")
    site = Embassy(folder, walks="", also=())
    add_cipher_room(folder)
    for device in ("cipher-in", "cipher-board"):
        write_secret(folder / f"{device}.key", secrets.token_bytes(16).hex().encode())
    changed(folder / "cipher-room.toml", '"badge+face"', '"badge+guard"')
    # Somebody holds up a photograph of himself: that is drawn in a tenth of the time.
    changed(folder / "scenario.toml", "{ who = 293 }", '{ who = 293, shown = "photo" }')
    with site:
        pictures = [word for one in enrolled(folder) for word in ("--picture", one)]
        site.command("face", "enrol", CLARA, *pictures, "--consent", "form 7, signed today")
        yield site


def changed(path: Path, was: str, becomes: str) -> None:
    text = path.read_text("utf-8")
    assert was in text
    path.write_text(text.replace(was, becomes), "utf-8")


def enrolled(folder: Path) -> list[str]:
    """Pictures of the person whose face it is to be."""
    from simulators.people.clips import as_jpeg
    from simulators.people.views import views

    names = []
    for number, image in enumerate(views(DRAWN, VIEWS, seed=1, strength=0.5)):
        names.append(f"view-{number}.jpg")
        (folder / names[-1]).write_bytes(as_jpeg(image))
    return names


def both_drawn(page: Page) -> None:
    page.wait_for_function(DIFFER)


def test_a_guard_sees_both_pictures_and_refuses_somebody_else_with_a_good_badge(
    guarded: Embassy, browser: Browser
) -> None:
    guard = Screen(browser, guarded.address)
    guard.sign_in(guarded.link(DAVID))
    with guard.task(actions=1) as page:
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        guarded.cue("clara-lent")
        now = page.get_by_role("region", name="At the gate now")
        accept = now.get_by_role("button", name="It is this person")
        expect(accept).to_be_visible(timeout=STANDS_S * 1000)
        expect(now.get_by_text("Clara Diaz")).to_be_visible()
        expect(now.get_by_text("Compare the two pictures")).to_be_visible()
        both_drawn(page)
        guard.presses("It is somebody else")
        expect(page.get_by_role("status").filter(has_text="Refused: ")).to_be_visible()
        expect(accept).to_be_hidden()
    guarded.hardware.said('"passed":false')
    guard.close()
