"""What is kept of people is said as the configuration has it, and changes with it."""

import json
import re
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from controller.events import KINDS
from controller.retention import RecordClass
from edge import privacy
from edge.commands.privacy import privacy as command
from edge.duress import recipient_text
from edge.duress_keys import make_duress_key
from edge.notes import Algorithm, NoteKey
from tests.edge.house import POLICY, House
from tests.golden.examples import EXAMPLES

BROKER = '[broker]\nhost = "broker.example.org"\n'


def made(house: House) -> privacy.Sheet:
    config = house.config()
    return privacy.sheet(config, config.policy)


def purposes(sheet: privacy.Sheet) -> str:
    return "\n".join(activity.purpose for activity in sheet.activities)


def with_policy(house: House, *more: str) -> House:
    (house.folder / "policy.toml").write_text(POLICY + "\n".join(more))
    return house


def test_every_personal_field_of_the_schema_has_words() -> None:
    fields = privacy.personal_fields()
    assert {name for names in fields.values() for name in names} == set(privacy.FIELDS)
    for kind, names in fields.items():
        for name in names:
            assert re.fullmatch("[0-9a-f]{64}", getattr(EXAMPLES[kind], name)), (kind, name)
    assert fields["decision-made"] == ("person", "badge")
    assert set(fields) < set(KINDS)


def test_a_site_without_a_broker_lets_nothing_out(tmp_path: Path) -> None:
    sheet = made(House(tmp_path))
    assert "where the site cannot lose it" not in purposes(sheet)
    assert any("nothing leaves the edge" in one for one in sheet.not_kept)
    assert "broker" not in privacy.page(sheet).replace("no broker is configured", "")


def test_a_broker_brings_the_archive_and_the_live_view(tmp_path: Path) -> None:
    sheet = made(House(tmp_path, BROKER))
    assert "where the site cannot lose it" in purposes(sheet)
    page = privacy.page(sheet)
    assert "broker.example.org:1883" in page
    assert "no witness is configured" in page
    assert "names cross it in clear" in page
    assert not any("nothing leaves the edge" in one for one in sheet.not_kept)


def test_roles_watchlists_and_stations_are_those_of_the_policy(tmp_path: Path) -> None:
    plain = privacy.page(made(House(tmp_path)))
    assert "roles, of: staff" in plain
    assert "watchlist" not in plain
    assert "who was not screened" not in plain
    assert "visitors" not in plain
    assert "head of mission" not in plain
    (tmp_path / "other").mkdir()
    house = with_policy(
        House(tmp_path / "other"),
        '[watchlist.summit]\naction = "observe"\nreason = "asked by protocol"\n',
        "[screening.gate-house]\nvalid-s = 600\n",
        '[role.guest]\nkind = "visitor"\nstay-max-s = 3600\n',
        "[role.police]\nhost-state = true\n",
    )
    sheet = made(house)
    page = privacy.page(sheet)
    assert "summit (observe)" in page
    assert "gate-house (counts for 600 s)" in page
    assert "visitors: guest" in page
    assert "guest for at most 3600 s" in page
    assert "by consent of the head of mission" in page


def test_how_long_is_what_the_site_file_says_where_anything_goes_at_all(tmp_path: Path) -> None:
    retention = "[retention]\npassages-days = 90\n"
    alone = privacy.page(made(House(tmp_path, retention)))
    assert "nothing goes without an archive and a witness" in alone
    assert "90 days" not in alone
    (tmp_path / "witnessed").mkdir()
    key = NoteKey("sentrypost/_central", bytes(range(32)), Algorithm.WITNESS)
    house = House(tmp_path / "witnessed", f'{BROKER}witness = "{key.text}"\n{retention}')
    page = privacy.page(made(house))
    assert "who came to which door for 90 days" in page
    assert "alarms, fires and postures for good" in page
    assert "a witness cosigns the journal's size" in page
    assert set(privacy.CLASSES) == set(RecordClass)


def test_duress_says_who_is_told_and_never_whether_anybody_can_call(tmp_path: Path) -> None:
    house = House(tmp_path)
    before = privacy.page(made(house))
    assert "notes of duress: nobody is named" in before
    public = make_duress_key(tmp_path / "watch.key").public_key().public_bytes_raw()
    site = (tmp_path / "site.toml").read_text()
    entry = f'[duress]\nrecipients = ["{recipient_text(public)}"]\n'
    (tmp_path / "site.toml").write_text(f"{site}\n{entry}")
    page = privacy.page(made(house))
    assert "1 key that the site file names can open the notes" in page
    assert "whether anybody has a second one is never said" in page


def test_without_a_keypad_nobody_tries_pins(tmp_path: Path) -> None:
    house = House(tmp_path)
    page = privacy.page(made(house))
    assert "asked for at 1 keypad" in page
    assert "trying PINs" in page
    site = (tmp_path / "site.toml").read_text().replace("keypad = true", "")
    (tmp_path / "site.toml").write_text(site)
    page = privacy.page(made(house))
    assert "no keypad asks for it here" in page
    assert "trying PINs" not in page


def test_the_command_prints_a_page_and_json(tmp_path: Path) -> None:
    house = House(tmp_path, BROKER)
    site = str(house.folder / "site.toml")
    page = CliRunner().invoke(command, ["sheet", "--config", site])
    assert page.exit_code == 0
    assert page.stdout == privacy.page(made(house))
    said = CliRunner().invoke(command, ["sheet", "--config", site, "--json"])
    assert msgspec.json.decode(said.stdout, type=privacy.Sheet) == made(house)
    assert json.loads(said.stdout)["format"] == privacy.FORMAT
    assert "Ada L" not in page.stdout + said.stdout


@pytest.mark.parametrize("kept", ["Controller", "Legal basis", "## What is not kept"])
def test_the_page_leaves_open_what_only_the_site_can_say(tmp_path: Path, kept: str) -> None:
    assert kept in privacy.page(made(House(tmp_path)))
