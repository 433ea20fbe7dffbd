"""Every mistake is reported, in one run, where it stands."""

import random
import re
from zoneinfo import ZoneInfo

import pytest

from policies import PolicyError, SourceFile, load
from policies.loader import SOURCES_MAX
from policies.problems import FILE_BYTES_MAX
from policies.rights import ProtectedShown, Right
from policies.syntax import LINE_CHARACTERS_MAX
from tests.conftest import SEED
from tests.policies.support import changed, compiled, embassy, embassy_text, problems

ELEVEN_MISTAKES = """\
schema = 1
site = "embassy"
version = 1
timezone = "Europe/Wien"

[schedule.office]
mon-fri = ["07:30-18:30", "22:00"]

[factors]
standard = { 1 = "badge+pin", 3 = "badge+fase" }
odd = { 1 = "badge+pin", 2 = "badge+face" }

[zone.street]
kind = "public"
[zone.lobby]
inside = "street"
kind = "premises"
factors = "standart"
occupancy_max = 4

[portal.front-door]
from = "street"
to = "lobby"
kind = "dooor"
lock = "power-to-unlock"
egress = "mechanical"
exit = "free"

[portal.back-door]
from = "street"
to = "loby"
kind = "door"
lock = "power-to-lock"
egress = "electric"
on-fire = "leave"
exit = "reader"

[role.staff]

[[grant]]
id = "g1"
roles = ["staff"]
zones = ["lobby"]
when = "offices"
"""

SMALL = """\
schema = 1
site = "villa"
version = 1
timezone = "Europe/Vienna"
[factors]
standard = { 1 = "badge" }
[zone.street]
kind = "public"
[zone.lobby]
inside = "street"
kind = "premises"
factors = "standard"
[portal.door]
from = "street"
to = "lobby"
kind = "door"
lock = "power-to-unlock"
egress = "mechanical"
exit = "free"
"""


def test_eleven_mistakes_are_eleven_problems_each_in_its_place() -> None:
    assert [str(problem) for problem in problems(ELEVEN_MISTAKES)] == [
        "0.toml:4:12: error: timezone: unknown time zone 'Europe/Wien'; for example Europe/Vienna",
        "0.toml:7:27: error: schedule.office.mon-fri.1: '22:00' is not a time span; write"
        ' "07:30-18:30"; past midnight "22:00-06:00", a whole day "00:00-24:00"',
        "0.toml:10:35: error: factors.standard.3: unknown factor 'fase'; did you mean 'face'?",
        "0.toml:11:30: error: factors.odd.2: level 2 accepts badge+face, which level 1 refuses;"
        " each level must be at least as strict as the one below",
        "0.toml:18:11: error: zone.lobby.factors: unknown factors profile 'standart'; did you mean"
        " 'standard'?",
        "0.toml:19:1: error: zone.lobby.occupancy_max: unknown key 'occupancy_max'; did you mean"
        " 'occupancy-max'?",
        "0.toml:24:8: error: portal.front-door.kind: unknown value 'dooor'; did you mean 'door'?",
        "0.toml:31:6: error: portal.back-door.to: unknown zone 'loby'; did you mean 'lobby'?",
        "0.toml:35:11: error: portal.back-door.on-fire: an electric way out must be released in a"
        " fire; on-fire = 'release'",
        "0.toml:36:8: error: portal.back-door.exit: a reader exit needs a hard-wired release; fit"
        " one, then hard-wired-release = true",
        "0.toml:44:8: error: grant.0.when: unknown schedule 'offices'; did you mean 'office'?",
    ]


def test_a_mistyped_key_is_answered_with_the_right_one() -> None:
    (problem,) = problems(changed("open-threat-max = 1 ", "open-treat-max = 1 "))
    assert (problem.message, problem.hint) == (
        "unknown key 'open-treat-max'",
        "did you mean 'open-threat-max'?",
    )


def test_the_small_policy_is_right() -> None:
    assert problems(SMALL) == ()


def test_a_policy_may_be_split_over_files() -> None:
    head, tail = SMALL.split("[portal.door]")
    whole = compiled(head, "[portal.door]" + tail)
    assert [portal.id for portal in whole.portals] == ["door"]


def test_the_second_file_may_not_say_again_what_the_first_said() -> None:
    said = [str(p) for p in problems(SMALL, 'version = 2\n[zone.street]\nkind = "public"\n')]
    assert said == [
        "1.toml:1:1: error: version: is given twice; first in 0.toml:3",
        "1.toml:2:1: error: zone.street: 'street' is declared twice; first in 0.toml:7",
    ]


@pytest.mark.parametrize(
    ("data", "place", "message"),
    [
        (b"", (1, 1), "the file is empty"),
        (b" \n", (1, 1), "the file is empty"),
        (b"a = 1\nb = \xff\n", (2, 5), "not UTF-8 text"),
        (b'a = "\xc3\xa4" # \xff', (1, 11), "not UTF-8 text"),
        (b"a = 1\na = 2\n", (2, 1), "is given twice"),
        (b"[a]\n[a]\n", (2, 1), "is given twice"),
        (b"a = \n", (1, 5), "Invalid value"),
        (b"a = [", (1, 6), "Invalid value at the end of the file"),
        (b"a = " + b"[" * 900, (1, 1), "nested too deeply"),
        (b"a = 2026-02-30", (1, 5), "'2026-02-30' is not a date"),
        (b"\xef\xbb\xbfschema = 1", (1, 1), "Invalid statement"),
        (b"a" * (LINE_CHARACTERS_MAX + 1), (1, LINE_CHARACTERS_MAX + 1), "a line has at most"),
        (b"#" * (FILE_BYTES_MAX + 1), (1, 1), f"the file has {FILE_BYTES_MAX + 1} bytes"),
    ],
)
def test_what_is_no_toml_is_one_clear_problem(
    data: bytes, place: tuple[int, int], message: str
) -> None:
    (problem,) = problems(data)
    assert (problem.line, problem.column) == place
    assert problem.message.startswith(message)


@pytest.mark.parametrize("count", [0, SOURCES_MAX + 1])
def test_the_number_of_files_is_bounded(count: int) -> None:
    files = [SourceFile(f"{n}.toml", b"schema = 1\n") for n in range(count)]
    with pytest.raises(PolicyError, match="1 to 64 files"):
        load(files, timezone=ZoneInfo, tzdata_version="x")


def test_the_digest_covers_bytes_and_time_zone_data_but_not_names() -> None:
    one = compiled(SMALL)
    assert one.digest == compiled(SMALL).digest
    assert one.digest != compiled(SMALL + "#").digest
    assert one.digest != compiled(SMALL, tzdata_version="2024.1").digest
    other = load([SourceFile("x", SMALL.encode())], timezone=ZoneInfo, tzdata_version="2025.2")
    assert one.digest == other.digest


def extra(text: str) -> str:
    return SMALL + text


PORTAL = 'kind = "door"\nlock = "power-to-unlock"\negress = "mechanical"\nexit = "free"\n'
YARD = '[zone.yard]\ninside = "lobby"\nkind = "premises"\nfactors = "standard"\n'


def yard(portal: str) -> str:
    return extra(f'{YARD}[portal.yard]\nfrom = "lobby"\nto = "yard"\n{portal}')


def door(**keys: str) -> str:
    plain = {
        "kind": '"door"',
        "lock": '"power-to-unlock"',
        "egress": '"mechanical"',
        "exit": '"free"',
    }
    merged = plain | {key.replace("_", "-"): value for key, value in keys.items()}
    return "".join(f"{key} = {value}\n" for key, value in merged.items())


NO_WAY_OUT = "no way leads out of this zone into a public one"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (yard(door(kind='"lift"')), NO_WAY_OUT),
        (yard(door(kind='"vehicle-barrier"')), NO_WAY_OUT),
        (yard(door(kind='"turnstile"')), NO_WAY_OUT),
        (yard(door(egress='"none"')), NO_WAY_OUT),
        (yard(door(egress_route='"none"')), NO_WAY_OUT),
        (extra(YARD), NO_WAY_OUT),
        (
            yard(door(exit='"reader"', hard_wired_release="false")),
            "a reader exit needs a hard-wired release",
        ),
        (yard(door(kind='"lift"', egress_route='"exit"')), "a lift is never a way out"),
        (
            yard(door(kind='"turnstile"', egress_route='"exit"')),
            "a turnstile without drop-arm is never a way out",
        ),
        (yard(door(egress='"none"', egress_route='"exit"')), "with egress = 'none'"),
        (yard(door(egress_route='"entry"')), "the way out would lead deeper inside"),
        (
            extra(f'[portal.b]\nfrom = "lobby"\nto = "street"\n{PORTAL}'),
            "the way out would lead from the public zone 'street' into 'lobby'",
        ),
        (
            yard(door(egress='"electric"', on_fire='"leave"')),
            "an electric way out must be released in a fire",
        ),
        (
            yard(door(egress='"electric"', rex='"unlock"')),
            "no fire input covers this electric way out",
        ),
        (
            yard(door(egress='"electric"')) + "[fire.panel]\n",
            "nothing opens this electric way out for who asks for nothing",
        ),
        (yard(door(may_hold='"decree 7"')), "a free or mechanical exit is never held"),
        (yard(door(exit_factors='"standard"')), "a free exit asks for nothing"),
        (
            extra(
                f"[zone.store]\ninside = 'lobby'\nkind = 'premises'\nfactors = 'standard'\n"
                f"occupancy-max = 3\n[portal.b]\nfrom = 'lobby'\nto = 'store'\n{PORTAL}"
                "contact = false\n"
            ),
            "leads into or out of 'store', which refuses people by who is inside",
        ),
        (yard(door(drop_arm="true")), "only a turnstile has a drop-arm"),
        (yard(door(held_s="4")), "is shorter than the release itself"),
        (yard(door(stuck_s="20")), "must be longer than 'held-s'"),
        (yard(door(pre_alarm_s="20")), "must be shorter than 'held-s'"),
        (
            yard(door(pre_alarm_s="5", contact="false")),
            "nobody sees a portal without a contact stand open",
        ),
        (yard(door(open_extended_s="4")), "is shorter than 'open-s'"),
        (yard(door(held_extended_s="19")), "is shorter than 'held-s'"),
        (
            yard(door(open_extended_s="21")),
            "is longer than they may have it open ('held-extended-s')",
        ),
        (yard(door(held_extended_s="300")), "must be longer than 'held-extended-s'"),
        (yard(door(open_extended_s="5.05")), "is not a whole number of tenths of a second"),
        (yard(door(open_s="0.25")), "is not a whole number of tenths of a second"),
        (yard(door(open_s="nan")), "expected 'float' > 0.0"),
        (yard(door(open_s="inf")), "expected 'float' <= 86400.0"),
        (yard(door(debounce_ms="101")), "expected 'int' <= 100"),
        (yard(door(interlock='"trap"')), "only one portal in the interlock 'trap'"),
        (yard(door(open='"always"')), "unknown schedule 'always'"),
        (extra(f'[portal.b]\nfrom = "lobby"\nto = "lobby"\n{PORTAL}'), "leads into the zone it"),
        (extra("[portal.b]\n" + PORTAL), "'from' is missing"),
        (changed('inside = "street"', 'inside = "lobby"', SMALL), "a zone inside itself"),
        (changed('factors = "standard"\n', "", SMALL), "'factors' is missing"),
        (
            changed(
                'factors = "standard"\n',
                'factors = "standard"\nclearance = { 2 = 3, 3 = 1 }\n',
                SMALL,
            ),
            "level 3 needs less clearance than level 2",
        ),
        (
            changed(
                'inside = "street"', 'inside = "street"\nconsent-presumed-in-fire = true', SMALL
            ),
            "mission premises have no presumed consent",
        ),
        (extra('[zone.x]\nkind = "public"\ninside = "lobby"\n'), "a public zone cannot lie inside"),
        (changed('{ 1 = "badge" }', '{ 1 = "face" }', SMALL), "a face is never the only factor"),
        (changed('{ 1 = "badge" }', '{ 2 = "badge" }', SMALL), "level 1 is missing"),
        (changed('{ 1 = "badge" }', '{ 1 = "badge", 6 = "pin" }', SMALL), "'6' is not a threat"),
        (changed('{ 1 = "badge" }', '{ 1 = "badge+" }', SMALL), "a factor is missing"),
        (changed("schema = 1", "schema = 2", SMALL), "expected 'int' <= 1"),
        (changed("version = 1\n", "", SMALL), "'version' is missing"),
        (changed('"villa"', '"Villa Exampleland"', SMALL), "'Villa Exampleland' is not an id"),
        (extra("[fire.panel]\nzones = ['cellar']\n"), "unknown zone 'cellar'"),
        (extra("[role.Boss]\n"), "an id is 1 to 64 of"),
        (extra("[role.x]\noverrides = ['trheat']\n"), "unknown value 'trheat'"),
        (
            extra("[role.x]\nkind = 'visitor'\noverrides = ['fire']\n"),
            "a visitor overrides nothing",
        ),
        (extra("[[grant]]\nid = 'g'\nroles = []\nzones = ['lobby']\n"), "concerns nobody"),
        (extra("[role.r]\n[[grant]]\nid = 'g'\nroles = ['r']\n"), "opens nothing"),
        (
            extra("[role.r]\n[[grant]]\nid='g'\nroles=['r']\nzones=['lobby']\nportals=['door']\n"),
            "names zones and portals",
        ),
        (
            extra("[role.r]\n[[grant]]\nid='g'\nroles=['r']\nzones=['lobby']\nin=[]\n"),
            "holds in no mode",
        ),
        (
            extra("[role.r]\n" + "[[deny]]\nid='g'\nroles=['r']\nzones=['lobby']\n" * 2),
            "'g' is declared twice",
        ),
        (extra("[[role]]\nid = 'x'\n"), "must be written as [role.<id>]"),
        (extra("[grant.x]\nroles = []\n"), "must be written as [[grant]]"),
        (extra("[schedule.x]\n"), "has no hours"),
        (extra("[schedule.x]\ndaily = ['08:00-08:00']\n"), "'08:00-08:00' starts when it ends"),
        (extra("[schedule.x]\ndaily = ['08:00-25:00']\n"), "'08:00-25:00' is not a time of day"),
        (extra("[[nowhere]]\nid = 'x'\n"), "unknown key 'nowhere'"),
    ],
)
def test_what_endangers_or_contradicts_is_refused(text: str, message: str) -> None:
    found = problems(text)
    assert any(problem.message.startswith(message) for problem in found), found


def test_a_portal_may_open_nothing_and_a_way_out_elsewhere_suffices() -> None:
    stairs = '[portal.stairs]\nfrom = "street"\nto = "yard"\n' + PORTAL
    assert problems(yard(door(kind='"lift"')) + stairs) == ()
    assert problems(yard(door(kind='"turnstile"', drop_arm="true"))) == ()


def test_a_lift_is_no_way_out_in_either_direction() -> None:
    """The cellar gets out by the stairs; the yard, above the lift's other end, does not."""
    text = extra(
        YARD
        + '[zone.cellar]\ninside = "lobby"\nkind = "premises"\nfactors = "standard"\n'
        + '[portal.stairs]\nfrom = "lobby"\nto = "cellar"\n'
        + PORTAL
        + '[portal.lift]\nfrom = "yard"\nto = "cellar"\n'
        + PORTAL.replace("door", "lift")
    )
    assert [(p.path, p.message) for p in problems(text)] == [("zone.yard", NO_WAY_OUT)]


def test_the_way_out_may_be_the_entry_direction() -> None:
    stairs = YARD.replace("lobby", "street") + (
        '[portal.a]\nfrom = "lobby"\nto = "yard"\negress-route = "entry"\n' + PORTAL
    )
    out = '[portal.b]\nfrom = "street"\nto = "yard"\n' + PORTAL
    assert problems(extra(stairs + out)) == ()


def test_a_mistake_inside_an_entry_is_not_reported_again_by_those_who_refer_to_it() -> None:
    found = problems(changed('kind = "public"', 'kind = "publik"', SMALL))
    assert [problem.path for problem in found] == ["zone.street.kind"]


def test_every_byte_string_is_answered_with_problems_or_a_policy() -> None:
    text = embassy_text().encode()
    for cut in range(0, len(text), 97):
        problems(text[:cut])
        problems(text[:cut] + b"\x00" + text[cut:])


ODD_VALUES = ("1", '"x"', "[]", "{ 1 = 2 }", "true", "[[1]]")


def test_any_line_missing_doubled_or_with_another_value_is_a_policy_or_problems() -> None:
    lines = embassy_text().split("\n")
    for number, line in enumerate(lines):
        rest = lines[:number], lines[number + 1 :]
        key, equals, _ = line.partition("=")
        odd = random.Random(f"{SEED}/{number}").sample(ODD_VALUES, 2)
        others = [f"{key}= {value}" for value in odd] if equals else ["[zone]", "[[x]]"]
        for other in ("", f"{line}\n{line}", *others):
            for problem in problems("\n".join([*rest[0], other, *rest[1]])):
                assert 1 <= problem.line <= len(lines) + 2
                assert str(problem).startswith("0.toml:")


def test_a_profile_that_could_not_be_read_is_one_problem() -> None:
    broken = changed('standard = { 1 = "badge" }', 'standard = "badge"', SMALL)
    assert [problem.path for problem in problems(broken)] == ["factors.standard"]


def test_times_are_tenths_of_a_second() -> None:
    portal = compiled(yard(door(open_s="1.1", held_s="2"))).portal("yard")
    assert portal is not None
    assert (portal.open_ms, portal.held_ms) == (1_100, 2_000)


def test_who_needs_more_time_has_as_much_as_everybody_where_no_more_is_named() -> None:
    usual = compiled(yard(door(open_s="4", held_s="10"))).portal("yard")
    longer = compiled(yard(door(open_extended_s="12", held_extended_s="45"))).portal("yard")
    assert usual is not None
    assert longer is not None
    assert (usual.release_ms(extended=True), usual.patience_ms(extended=True)) == (4_000, 10_000)
    assert (longer.release_ms(extended=True), longer.patience_ms(extended=True)) == (12_000, 45_000)
    assert (longer.release_ms(extended=False), longer.patience_ms(extended=False)) == (
        5_000,
        20_000,
    )


def test_one_of_a_persons_roles_is_enough_for_more_time() -> None:
    policy = compiled(extra("[role.slow]\nextended = true\n[role.quick]\n"))
    assert policy.standing(("quick", "slow")).extended
    assert not policy.standing(("quick",)).extended


def test_who_may_use_the_pages() -> None:
    policy = embassy()
    assert policy.page_rights(("guard",)) == {Right.GATE}
    assert policy.page_rights(("diplomat", "administrator")) == {Right.CONSOLE, Right.PEOPLE}
    assert policy.page_rights(("cleaner", "nobody-knows")) == frozenset()
    assert policy.pages[Right.GATE].protected is ProtectedShown.STATUS


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('[page.gat]\nroles = ["guard"]', "unknown page 'gat'; did you mean 'gate'?"),
        ('[page.gate]\nroles = ["gard"]', "unknown role 'gard'; did you mean 'guard'?"),
        ("[page.gate]\nroles = []", "concerns nobody: name a role"),
        ('[page.people]\nroles = ["guard"]\nprotected = "name"', "concerns the guard's terminal"),
    ],
)
def test_what_a_page_may_not_say(table: str, said: str) -> None:
    kept = embassy_text().split("# --- Who may use the pages")[0]
    with pytest.raises(PolicyError, match=re.escape(said)):
        compiled(f"{kept}\n{table}\n")
