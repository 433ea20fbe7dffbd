"""A site's own badge formats: in its file, at its readers, and in files of people."""

import asyncio
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from controller import events as ev
from controller import inputs
from drivers.api import CardRead, CodeRead
from drivers.badges import FORMATS, Badge, badge_from_number, parse_badge
from edge.badge_formats import BadgeFormats
from edge.commands.person import person
from edge.config import ConfigError, load_config
from edge.keypads import Keypads
from edge.people import (
    EMPTY,
    People,
    code_ref,
    credential_ref,
    load_site_key,
    plan_import,
)
from edge.wiring import Wiring
from tests.edge.checks import ready
from tests.edge.house import SITE, House, running, until

HOUSE_30 = """
[badge-format.house-30]
bits = 30
fields = [
  { name = "lot", at = 2, width = 8 },
  { name = "card", at = 10, width = 20 },
]
parity = [
  { at = 1, over = "2-15", ones = "even" },
  { at = 30, over = "16,17,18-29", ones = "odd" },
]
"""

TAGS = """
[badge-format.tags]
bits = 40
card = "h10301"
takes = "numbers"
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Takes a moment, and nothing here changes more of it than its site file."""
    return House(tmp_path_factory.mktemp("house"))


@pytest.fixture
def house(built: House) -> House:
    (built.folder / "site.toml").write_text(SITE.format(broker=""))
    return built


def with_more(house: House, tables: str, *reader: tuple[str, str]) -> None:
    """More tables at the end of the site file, and the format of some readers."""
    file = house.folder / "site.toml"
    text = file.read_text() + tables
    for device, form in reader:
        text = text.replace(
            f"[device.{device}]\n", f'[device.{device}]\nbadge-format = "{form}"\n', 1
        )
    file.write_text(text)


def problems(house: House) -> list[tuple[int, str]]:
    """Line in the file and what is said there."""
    with pytest.raises(ConfigError) as caught:
        load_config(house.folder / "site.toml")
    found = []
    for problem in caught.value.problems:
        assert problem.file == str(house.folder / "site.toml")
        found.append((problem.line, str(problem)))
    return found


def test_without_a_word_a_site_knows_the_common_formats(house: House) -> None:
    assert house.config().badges == BadgeFormats()
    assert {"raw", *FORMATS} == set(house.config().badges.handings)


def test_a_layout_of_its_own_is_read_and_written(house: House) -> None:
    with_more(house, HOUSE_30 + TAGS, ("front-in", "house-30"), ("vault-in", "tags"))
    config = house.config()
    card = parse_badge("house-30:3/1603", config.badges.cards)
    bits = f"{card.number:030b}"
    assert bits[1:9] + bits[9:29] == f"{3:08b}{1603:020b}"
    assert bits[:15].count("1") % 2 == 0
    assert bits[15:].count("1") % 2 == 1
    assert config.badges.at(config.devices["front-in"]).badge(card.bits, card.data) == card
    tag = badge_from_number(40, 0x55 << 32 | 118 << 16 | 1603)
    badge = config.badges.at(config.devices["vault-in"]).badge(tag.bits, tag.data)
    assert badge == parse_badge("h10301:118/1603")


@pytest.mark.parametrize(
    ("good", "bad", "on", "said"),
    [
        ("at = 10, width = 20", "at = 9, width = 20", "at = 9", "'card' overlaps 'lot'"),
        ("at = 10, width = 20", "at = 10, width = 22", "width = 22", "'card' does not fit"),
        ("at = 10, width = 20", "at = 0, width = 20", "at = 0", ">= 1"),
        ("at = 10, width = 20", "at = 10, width = 19", "bits = 30", "bit 29 is in no field"),
        ("at = 10, width = 20", "at = 10", '"card", at = 10', "'width' is missing"),
        ('over = "2-15"', 'over = "1-15"', "1-15", "bit 1 would check itself"),
        ('over = "2-15"', 'over = "2-31"', "2-31", "positions are 1..30"),
        ('over = "2-15"', 'over = "15-2"', "15-2", "no positions of bits"),
        ('over = "2-15"', 'over = "0xff"', "0xff", "as in data sheets: 2-13"),
        ('over = "2-15"', 'over = "2-15,30"', "2-15,30", "bit 30 is worked out later"),
        ('ones = "even"', 'ones = "none"', "none", "unknown value 'none'"),
        ('ones = "even"', 'once = "even"', "once", "did you mean 'ones'?"),
        ("at = 30, over", "at = 29, over", "at = 29", "bit 29 belongs to the field 'card'"),
        ("bits = 30", "bits = 3000", "bits = 3000", "<= 1024"),
        ("bits = 30", 'bits = 30\ntakes = "last"', "takes", "goes with 'card' alone"),
        ("bits = 30", 'bits = 30\ncard = "h10301"', "fields = [", "goes not with 'card'"),
        ("house-30]", "h10301]", "h10301]", "'h10301' cannot be a format's name"),
        ("house-30]", "raw]", "raw]", "'raw' cannot be a format's name"),
        ("house-30]", "30]", "[badge-format.30]", "begin with a letter"),
    ],
)
def test_a_mistake_in_a_layout_is_told_at_its_line(
    house: House, good: str, bad: str, on: str, said: str
) -> None:
    assert HOUSE_30.count(good) == 1
    with_more(house, HOUSE_30.replace(good, bad))
    lines = (house.folder / "site.toml").read_text().splitlines()
    found = problems(house)
    assert any(said in text and on in lines[line - 1] for line, text in found), found


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ('"h10301"', '"h10302"', "40 bits, and a card"),
        ('"h10301"', '"h1031"', "did you mean 'h10301'?"),
        ('"h10301"', '"tags"', "'tags' is no layout itself"),
        ('takes = "numbers"', "", "'takes' is missing"),
        ('takes = "numbers"', 'takes = "first"', "unknown value 'first'"),
        ("bits = 40", "bits = 23", "23 bits, and a card of 'h10301' takes 24 of them"),
        ("bits = 40", "", "'bits' is missing"),
    ],
)
def test_a_mistake_in_what_is_handed_over_is_told(
    house: House, good: str, bad: str, said: str
) -> None:
    with_more(house, TAGS.replace(good, bad))
    if said == "40 bits, and a card":  # 35 of 40 bits are enough
        assert house.config().badges.handings["tags"].needs == 35
        return
    assert any(said in text for _, text in problems(house))


def test_a_reader_of_an_unknown_format_is_refused(
    house: House,
) -> None:
    with_more(house, "", ("front-in", "h1030"))
    ((line, said),) = problems(house)
    assert "no badge format 'h1030'; did you mean" in said
    lines = (house.folder / "site.toml").read_text().splitlines()
    assert lines[line - 1] == 'badge-format = "h1030"'


def test_a_format_with_a_mistake_is_no_second_mistake_at_its_reader(house: House) -> None:
    with_more(house, HOUSE_30.replace("bits = 30", "bits = 31"), ("front-in", "house-30"))
    ((_, said),) = problems(house)
    assert "bit 31 is in no field" in said


# --- at readers -----------------------------------------------------------------------------------


def wiring(house: House, people: People) -> Wiring:
    config = house.config()
    return Wiring(config, people, load_site_key(config.site_key), Keypads(), bytes)


def read(device: str, badge: Badge) -> CardRead:
    return CardRead(device=device, at_ns=0, reader=0, bits=badge.bits, data=badge.data)


def test_the_same_card_has_one_reference_at_every_reader_of_the_site(house: House) -> None:
    with_more(house, TAGS, ("vault-in", "tags"), ("vault-out", "h10301"))
    card = parse_badge("h10301:118/1603")
    with People.open(house.folder / "state" / "site.db") as people:
        hears = wiring(house, people)
        tag = badge_from_number(40, 118 << 16 | 1603)
        heard = [
            hears.heard(read("front-in", card), 0),
            hears.heard(read("vault-in", tag), 0),
            hears.heard(read("vault-out", card), 0),
        ]
    key = load_site_key(house.folder / "site.key")
    for (fact,) in heard:
        assert isinstance(fact, inputs.BadgeRead)
        # As it was before readers had formats: whoever is enrolled stays so.
        assert fact.ref == credential_ref(key, 26, bytes.fromhex("bb032180"))


@pytest.mark.parametrize(
    ("bits", "number", "said"),
    [(26, 0x2EC0C87, "parity bit 26"), (25, 0x0EC0C86, "25 bits"), (40, 0x2EC0C86, "40 bits")],
)
def test_what_is_no_card_of_the_format_is_recorded_without_its_bits(
    house: House, bits: int, number: int, said: str
) -> None:
    with_more(house, "", ("front-in", "h10301"))
    with People.open(house.folder / "state" / "site.db") as people:
        (fact,) = wiring(house, people).heard(read("front-in", badge_from_number(bits, number)), 0)
    assert isinstance(fact, inputs.BadgeUnreadable)
    assert fact.reader == "front-in"
    assert said in fact.reason
    assert re.search(f"{number:x}|{number}", str(fact), re.IGNORECASE) is None


def test_bits_that_contradict_themselves_are_refused_at_any_reader(house: House) -> None:
    broken = CardRead(device="front-in", at_ns=0, reader=0, bits=26, data=b"\x01")
    with People.open(house.folder / "state" / "site.db") as people:
        (fact,) = wiring(house, people).heard(broken, 0)
        assert isinstance(fact, inputs.BadgeUnreadable)
        elsewhere = CardRead(device="nowhere", at_ns=0, reader=0, bits=26, data=bytes(4))
        assert wiring(house, people).heard(elsewhere, 0) == []


def test_nothing_keeps_a_cards_bits(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    house = House(tmp_path)
    with_more(house, "", ("vault-in", "h10301"))
    good = badge_from_number(26, 0x2BA5_E91)
    wrong = badge_from_number(26, 0x15D2_F4A)

    async def run() -> str:
        async with house.line(), running(house) as edge:
            await ready(edge)
            house.badge("front-in", good.data)
            await until(edge, ev.DecisionMade)
            house.badge("vault-in", wrong.data)
            (ignored,) = await until(edge, ev.BadgeIgnored)
            assert isinstance(ignored, ev.BadgeIgnored)
            assert "parity" in ignored.reason
            await edge.daemon.keep_state()
            return repr(edge.daemon.site.state) + repr(edge.daemon.people.roll)

    with caplog.at_level("DEBUG"):
        said = asyncio.run(run())
    kept = [path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file()]
    everything = b"".join(kept) + caplog.text.encode() + said.encode()
    for badge in (good, wrong):
        number = badge.number
        for secret in (badge.data, badge.data.hex().encode(), b"%x" % number, b"%d" % number):
            assert secret not in everything


# --- in files of people ---------------------------------------------------------------------------


def refs(house: House, badge: str) -> list[str]:
    config = house.config()
    key = load_site_key(config.site_key)
    csv = f"id,name,roles,badge\n7,Eva N,staff,{badge}\n".encode()
    plan = plan_import(EMPTY, csv, config.policy, key, formats=config.badges.cards)
    assert plan.problems == ()
    return [one.ref for one in plan.draft.credentials]


def test_people_are_enrolled_by_the_sites_formats_and_by_what_a_scanner_reads(
    house: House,
) -> None:
    with_more(house, HOUSE_30)
    key, cards = load_site_key(house.folder / "site.key"), house.config().badges.cards
    card = parse_badge("house-30:3/1603", cards)
    assert refs(house, "house-30:3/1603") == [credential_ref(key, card.bits, card.data)]
    assert refs(house, "code:AB-1603") == [code_ref(key, "AB-1603")]
    with People.open(house.folder / "state" / "site.db") as people:
        scanned = CodeRead(device="front-in", at_ns=0, reader=0, text="AB-1603")
        (fact,) = wiring(house, people).heard(scanned, 0)
    assert isinstance(fact, inputs.BadgeRead)
    assert [fact.ref] == refs(house, "code:AB-1603")
    assert "AB-1603" not in repr(fact) + repr(scanned)


def test_a_visitors_code_is_not_enrolled_by_hand(house: House) -> None:
    config = house.config()
    csv = b"id,name,roles,badge\n7,Eva N,staff,code:SPV1.ABC\n"
    plan = plan_import(EMPTY, csv, config.policy, load_site_key(config.site_key))
    (problem,) = plan.problems
    assert (problem.row, problem.column) == (2, "badge")
    assert "`sentrypost visitor code`" in str(problem.hint)
    assert "ABC" not in str(problem)


def test_the_sites_formats_count_in_an_import_by_the_edge_and_where_none_runs(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    with_more(house, HOUSE_30)
    csv = b"id,name,roles,badge\n%d,Eva N,staff,house-30:3/%d\n"

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            assert (await edge.desk.import_people(csv % (7, 1), "smith", False)).applied

    asyncio.run(run())
    config = str(house.folder / "site.toml")
    closed = CliRunner().invoke(person, ["import", "-", "--config", config], input=csv % (8, 2))
    assert closed.exit_code == 0, closed.output
    key, cards = load_site_key(house.folder / "site.key"), house.config().badges.cards
    with People.open(house.folder / "state" / "site.db") as people:
        on_file = {one.ref for one in people.roll.credentials.values()}
    for card in (parse_badge(f"house-30:3/{number}", cards) for number in (1, 2)):
        assert credential_ref(key, card.bits, card.data) in on_file


def test_a_text_is_never_the_badge_whose_bits_it_has(house: House) -> None:
    key = load_site_key(house.folder / "site.key")
    assert code_ref(key, "AB") != credential_ref(key, 16, b"AB")
