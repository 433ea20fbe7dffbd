"""One embassy and one browser for all the stories that a worker tells."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.web.browser import Screen, chromium
from tests.web.embassy import Embassy

expect.set_options(timeout=20_000)
"""A machine may be busy; what is waited for comes as a rule within a second."""


@pytest.fixture(scope="package")
def embassy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embassy]:
    with Embassy(tmp_path_factory.mktemp("embassy")) as site:
        yield site


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Of this folder: while it is there this thread has an event loop, and no other test's."""
    with chromium() as found:
        yield found


@pytest.fixture
def screen(embassy: Embassy, browser: Browser) -> Iterator[Callable[..., Screen]]:
    """`screen(person)` is a browser in which she is signed in."""
    opened: list[Screen] = []

    def signed_in(person: str = "", **options: object) -> Screen:
        one = Screen(browser, embassy.address, **options)
        opened.append(one)
        if person:
            one.sign_in(embassy.link(person))
        return one

    yield signed_in
    for one in opened:
        one.close()
