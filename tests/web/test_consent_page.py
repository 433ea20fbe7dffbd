"""A consent at the chief's console: prepared, signed with a security key, named, and ended."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, expect

from tests.web.browser import Screen, serious
from tests.web.embassy import ANNA
from tests.web.test_story_posture import SIGN, Signers, address, at_her_key

__all__ = ["address"]

KARL = "60"
"""An agent of the host state, whom nobody lets in without a consent."""


@pytest.fixture(scope="module")
def signers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signers]:
    """Anna's security key may sign consents as well."""
    found = Signers(tmp_path_factory.mktemp("consent"))
    site = found.site.folder / "site.toml"
    site.write_text(site.read_text().replace('may = ["order"]', 'may = ["order", "consent"]', 1))
    with found.site:
        add = ("person", "add", KARL, "--name", "Karl Huber", "--role", "host-police")
        found.site.command(*add)
        yield found


@pytest.fixture
def anna(signers: Signers, address: str, browser: Browser) -> Iterator[Screen]:
    yield from at_her_key(signers, address, browser, ANNA, signers.anna)


def test_the_head_of_mission_consents_and_ends_it(signers: Signers, anna: Screen) -> None:
    until = datetime.now(ZoneInfo("Europe/Vienna")) + timedelta(hours=2)
    with anna.task(actions=5) as page:
        consents = page.get_by_role("region", name="Consents in force")
        anna.types("Id of who may come in", KARL, consents)
        anna.types("Until", until.strftime("%Y-%m-%dT%H:%M"), consents)
        anna.types("What for", "a burst pipe", consents)
        anna.presses("Prepare a consent to be signed")
        drafts = page.get_by_role("region", name="Waiting for signatures")
        expect(drafts).to_contain_text(f"'{KARL}' may enter until")
        assert serious(page) == []
        anna.presses(SIGN)
        expect(consents.get_by_role("listitem")).to_contain_text("Karl Huber until")
        expect(consents.get_by_role("listitem")).to_contain_text("signed by Anna Berger")
        expect(consents.get_by_role("listitem")).to_contain_text("a burst pipe")
        expect(drafts.get_by_role("listitem")).to_have_count(0)
    journal = signers.site.command("journal", "tail", "-n", "30")
    assert "consent" in journal
    with anna.carries_on(actions=1) as page:
        anna.presses("End this consent")
        expect(consents.get_by_role("listitem")).to_have_count(0)
        expect(consents).to_contain_text("None.")
    assert "no consent is in force" in signers.site.command("consent", "list")
