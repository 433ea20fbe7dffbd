"""What the pages show loads, runs through the real readers, and was seen in a run."""

import re
import secrets
import tomllib
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from drivers.badges import FORMATS as CARDS
from drivers.badges import badge_from_number, parse_badge
from edge.config import Config, ConfigError, load_config
from edge.lines import build_lines
from edge.people import EMPTY, load_site_key, plan_import
from policies import TEXTS, Code, Direction, Mode, Request, decide
from policies.facts import Assurance, CredentialStatus, Factor, HolderFacts, Presented
from policies.rights import OrderKind
from simulators.demo import ALARMS
from tests.docs.pages import README, ROOT, blocks, marked, prose

POLICY = marked((ROOT / "docs" / "policy.md").read_text(), "policy.toml")
SITE = marked(README.read_text(), "site.toml")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
PEOPLE = marked(OPERATIONS, "people.csv")
FORMATS = marked(OPERATIONS, "badge-formats.toml")
DEMO = marked(README.read_text(), "demo")

MONDAY_10_00 = 1_763_974_800  # 2025-11-24, ten o'clock in Vienna


def site_in(folder: Path, site: str = SITE, policy: str = POLICY) -> Config:
    """The README's site as its steps leave it: two files and keys. Raises ConfigError."""
    (folder / "site.toml").write_text(site)
    (folder / "policy.toml").write_text(policy)
    for name in re.findall(r'key += "([\w-]+\.key)"', site):
        (folder / name).touch(mode=0o600)
        key = secrets.token_bytes(32) if name == "site.key" else secrets.token_hex(16).encode()
        (folder / name).write_bytes(key)
    return load_config(folder / "site.toml")


def test_the_site_of_the_readme_loads_with_the_policy_of_the_page(tmp_path):
    config = site_in(tmp_path)
    assert list(config.portals) == ["front-door"]
    load_site_key(config.site_key)
    assert list(build_lines(config.lines)) == ["gate"]


def test_its_people_can_be_imported(tmp_path):
    config = site_in(tmp_path)
    key = load_site_key(config.site_key)
    plan = plan_import(EMPTY, PEOPLE.encode(), config.policy, key)
    assert plan.problems == ()
    assert len(plan.added) == 2


def test_the_badge_formats_of_the_page_are_those_of_a_site(tmp_path):
    badges = site_in(tmp_path, f"{SITE}\n{FORMATS}").badges
    card = parse_badge("house-30:3/1603", badges.cards)
    assert badges.handings["house-30"].badge(card.bits, card.data) == card
    tag = badge_from_number(40, 0xAB << 32 | 118 << 16 | 1603)
    assert badges.handings["tags"].badge(tag.bits, tag.data) == parse_badge("h10301:118/1603")


def test_every_common_format_is_on_the_page():
    page = prose(OPERATIONS)
    assert [name for name, form in CARDS.items() if f"| `{name}` | {form.bits} |" not in page] == []


@pytest.mark.parametrize(
    ("role", "hours", "threat", "factors", "code"),
    [
        ("staff", 0, 1, "badge", Code.GRANTED),
        ("staff", 0, 2, "badge", Code.GRANTED),
        ("staff", 0, 3, "badge", Code.FACTORS_MISSING),
        ("staff", 0, 3, "badge pin", Code.GRANTED),
        ("staff", 12, 1, "badge", Code.OUT_OF_SCHEDULE),
        ("caretaker", 12, 1, "badge", Code.GRANTED),
    ],
)
def test_the_example_decides_as_the_page_says(tmp_path, role, hours, threat, factors, code):
    shown = tuple(Presented(Factor(f), Assurance.SECURE, passed=True) for f in factors.split())
    request = Request(
        portal="front-door",
        direction=Direction.ENTRY,
        utc_s=MONDAY_10_00 + hours * 3600,
        clock_trusted=True,
        credential=CredentialStatus.ACTIVE,
        holder=HolderFacts(id="h", version=1, roles=(role,)),
        presented=shown,
        mode=Mode.NORMAL,
        threat=threat,
    )
    decision = decide(site_in(tmp_path).policy, request)
    assert decision.code is code
    if code is Code.OUT_OF_SCHEDULE:
        assert decision.rule == "g10-staff"


def test_every_toml_block_is_toml():
    for path in (README, *(ROOT / "docs").glob("*.md")):
        for block in blocks(path.read_text()):
            if block.language == "toml":
                tomllib.loads(block.text)


@pytest.mark.parametrize(
    ("site", "policy"),
    [
        (SITE.replace("output = 0", "output = 1"), POLICY),
        (SITE.replace('lock         = { device = "board"', 'lock = { device = "front-in"'), POLICY),
        (SITE.replace("keypad", "keypat"), POLICY),
        (SITE, POLICY.replace('rex    = "shunt"', "")),
        (SITE, POLICY.replace("open-s", "open_s")),
    ],
)
def test_a_mistake_in_them_is_found(tmp_path, site, policy):
    assert (site, policy) != (SITE, POLICY)
    with pytest.raises(ConfigError):
        site_in(tmp_path, site, policy)


# --- the demo's excerpt -------------------------------------------------------------------------

PERSON = re.compile(
    r"\d\d:\d\d:\d\d  (?P<person>.{16}) (?P<way>in |out) (?P<portal>\S+) +"
    r"(?P<verdict>GRANTED|REFUSED|free)\s+(?P<reason>.*?)(?: +\d+ ms)?"
)
FREE = "opened from inside, nobody is asked"
NEWS = re.compile(r"\d\d:\d\d:\d\d  (?:!!|\*\*) (?P<what>[a-z-]+): (?P<said>.*)")


def strange_lines(excerpt: str) -> list[str]:
    """Lines that no run of this demo can have said."""
    embassy = files("simulators") / "embassy"
    scenario = tomllib.loads((embassy / "scenario.toml").read_text())
    names = {person["name"] for person in scenario["person"].values()}
    portals = tomllib.loads((embassy / "site.toml").read_text().replace("{port}", "1"))["portal"]
    reasons = {*TEXTS.values(), FREE}
    wrong = []
    for line in excerpt.splitlines():
        found = PERSON.fullmatch(line.rstrip())
        news = NEWS.fullmatch(line)
        if news is not None:
            ordered = news["what"] in set(OrderKind) and "; signed by " in news["said"]
            if not ordered and news["said"] not in ALARMS.values():
                wrong.append(line)
        elif found is None:
            if line[:1].isdigit() and line[2:3] == ":":
                wrong.append(line)
        elif (
            found["person"].strip() not in names
            or found["portal"] not in portals
            or found["reason"] not in reasons
        ):
            wrong.append(line)
    return wrong


def test_the_excerpt_is_what_the_demo_says():
    assert strange_lines(DEMO) == []
    assert len(PERSON.findall(DEMO)) > 5
    source = (ROOT / "simulators" / "demo.py").read_text()
    for said in (
        "the edge is ready: fire inputs read, doors secured, cards accepted",
        "from badge or PIN to lock or light: median ",
        "granted, ",
        "who was where at the end:",
        "doors that did not obey the lockdown at first: ",
        "every one of them let its person out",
        " entries, chain ",
    ):
        assert said in DEMO
        assert said in source


def test_its_sums_add_up():
    """Refusals by reason are all refusals; nothing shown exceeds the totals."""
    granted, refused = map(int, re.findall(r"(\d+) granted, (\d+) refused", DEMO)[0])
    reasons = re.findall(r"^ +(\d+) x (.*)$", DEMO, flags=re.MULTILINE)
    assert sum(int(count) for count, _ in reasons) == refused
    assert {reason for _, reason in reasons} <= set(TEXTS.values())
    assert DEMO.count(" REFUSED ") == refused
    assert DEMO.count(" GRANTED ") <= granted


@pytest.mark.parametrize(
    "line",
    [
        "13:36:00  Grace Mbeki      in  main-gate       REFUSED  because                     15 ms",
        "13:36:00  Nobody Known     in  main-gate       GRANTED  granted                     15 ms",
        "13:36:00  Anna Berger      in  back-door       GRANTED  granted                     15 ms",
        "13:36:00  Anna Berger      in  main-gate       MAYBE    granted                     15 ms",
    ],
)
def test_a_made_up_line_is_found(line):
    assert strange_lines(line) == [line]


# --- figures ------------------------------------------------------------------------------------

MEASURED = re.compile(
    r"(\d+(?:[.,]\d+)?) ?(ms|µs|s|seconds?|minutes?|hours?|%|MB|kB|KiB|MiB|times|entries|events"
    r"|readers|portals|people|passages|decisions|tests|lines)\b"
)


def unproven_figures(page: str, excerpt: str) -> list[str]:
    """Numbers with a unit in the text that the excerpt does not show."""
    shown = set(re.findall(r"\d+(?:[.,]\d+)?", excerpt))
    return [found[0] for found in MEASURED.finditer(prose(page)) if found[1] not in shown]


def test_the_readme_claims_no_figure_beyond_the_run_it_shows():
    assert unproven_figures(README.read_text(), DEMO) == []


def test_a_claimed_figure_is_found():
    page, excerpt = "decides in 3 ms, 251 ms at worst, 1000 readers", "GRANTED  granted  251 ms"
    assert unproven_figures(page, excerpt) == ["3 ms", "1000 readers"]


def test_vienna_is_where_the_hours_are():
    assert ZoneInfo("Europe/Vienna").key in POLICY
