"""One site with a wall, and one browser, for all the stories that a worker tells."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, expect

from central.operator_words import OperatorRight
from tests.central.web.wall_site import EVERYTHING, WallSite
from tests.web.browser import Screen, chromium

expect.set_options(timeout=20_000)
"""A machine may be busy; what is waited for comes as a rule within a second."""


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WallSite]:
    with WallSite(tmp_path_factory.mktemp("wall")) as one:
        yield one


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Of this folder: while it is there this thread has an event loop, and no other test's."""
    with chromium() as found:
        yield found


@pytest.fixture
def wall(site: WallSite, browser: Browser) -> Iterator[Callable[..., Screen]]:
    """`wall(name, *rights)` is a browser in which that operator is signed in."""
    opened: list[Screen] = []

    def signed_in(
        name: str = "ida", rights: tuple[OperatorRight, ...] = EVERYTHING, **options: object
    ) -> Screen:
        one = Screen(browser, site.wall_address, **options)
        opened.append(one)
        if name:
            one.sign_in(site.operator(name, *rights))
        return one

    yield signed_in
    for one in opened:
        one.close()
