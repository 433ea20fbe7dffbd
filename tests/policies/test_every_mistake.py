"""One run tells every mistake, and nothing that only follows from another."""

from datetime import time
from zoneinfo import ZoneInfo

import msgspec
import pytest

from policies import PolicyError, SourceFile, load
from policies.document import TABLES, Place
from policies.entries import read_entry
from policies.model import Entry, Header
from policies.positions import scan
from tests.policies.support import changed, problems
from tests.policies.test_loader import PORTAL as FREE_DOOR
from tests.policies.test_loader import SMALL

EASTER = b"""BEGIN:VCALENDAR
BEGIN:VEVENT
DTSTART;VALUE=DATE:20270329
END:VEVENT
END:VCALENDAR
""".replace(b"\n", b"\r\n")

HALF = """\
schema = 1
site = "Villa Exampleland"
version = 0
timezone = "Europe/Viena"
[factors]
standard = { 1 = "badge", 3 = 3, 4 = "badge+fase", 5 = true }
[zone.street]
kind = "publik"
[zone.lobby]
inside = "stret"
kind = "premises"
factors = "standard"
clearance = { 2 = 3, 3 = 1, 4 = 10, 5 = 11 }
screening = [1, "gate"]
[portal.door]
from = "street"
to = "loby"
kind = "door"
lock = "power-to-unlok"
egress = "electric"
exit = "reader"
on-fire = "leave"
open-s = "5"
held-s = 4
[portal.lift]
from = "street"
to = "street"
kind = "lift"
egress = "mechanical"
exit = "free"
drop_arm = true
open-s = 0.25
[role.staff]
kind = "visitor"
overrides = ["lockdwn", "fire", "shelte"]
clearance = 10
[[grant]]
id = "g"
roles = ["stuff", 2]
zones = ["hall"]
when = "office"
threat-max = 6
[[grant]]
id = 1
roles = ["staff"]
"""


def test_an_entry_with_a_mistake_tells_all_its_other_mistakes_in_the_same_run() -> None:
    assert [f"{p.line}: {p.path}: {p.message}" for p in problems(HALF)] == [
        "2: site: 'Villa Exampleland' is not an id of a-z, 0-9, '-' and '_'",
        "3: version: expected 'int' >= 1",
        "4: timezone: unknown time zone 'Europe/Viena'",
        "6: factors.standard.3: expected 'str', got 'int'",
        "6: factors.standard.4: unknown factor 'fase'",
        "6: factors.standard.5: expected 'str', got 'bool'",
        "8: zone.street.kind: unknown value 'publik'",
        "9: zone.lobby: no way leads out of this zone into a public one",
        "10: zone.lobby.inside: unknown zone 'stret'",
        "13: zone.lobby.clearance.3: level 3 needs less clearance than level 2",
        "13: zone.lobby.clearance.4: expected 'int' <= 9",
        "13: zone.lobby.clearance.5: expected 'int' <= 9",
        "14: zone.lobby.screening.0: expected 'str', got 'int'",
        "14: zone.lobby.screening.1: unknown screening 'gate'",
        "17: portal.door.to: unknown zone 'loby'",
        "19: portal.door.lock: unknown value 'power-to-unlok'",
        "21: portal.door.exit: a reader exit needs a hard-wired release",
        "22: portal.door.on-fire: an electric way out must be released in a fire",
        "23: portal.door.open-s: expected 'float', got 'str'",
        "25: portal.lift: 'lock' is missing",
        "27: portal.lift.to: leads into the zone it comes from",
        "31: portal.lift.drop_arm: unknown key 'drop_arm'",
        "32: portal.lift.open-s: is not a whole number of tenths of a second",
        "35: role.staff.overrides: a visitor overrides nothing",
        "35: role.staff.overrides.0: unknown value 'lockdwn'",
        "35: role.staff.overrides.2: unknown value 'shelte'",
        "36: role.staff.clearance: expected 'int' <= 9",
        "39: grant.0.roles.0: unknown role 'stuff'",
        "39: grant.0.roles.1: expected 'str', got 'int'",
        "40: grant.0.zones.0: unknown zone 'hall'",
        "41: grant.0.when: unknown schedule 'office'",
        "42: grant.0.threat-max: expected 'int' <= 5",
        "43: grant.1: opens nothing",
        "44: grant.1.id: expected 'str', got 'int'",
    ]


FOLLOWING = [
    ('kind = "public"', 'kind = "publik"', "zone.street.kind"),
    ('kind = "public"', "kind = 1", "zone.street.kind"),
    ('kind = "public"', "", "zone.street"),
    ('kind = "public"', 'knd = "public"', "zone.street.knd"),
    ('inside = "street"', "inside = 1", "zone.lobby.inside"),
    ('factors = "standard"', "factors = []", "zone.lobby.factors"),
    ('factors = "standard"', 'fctors = "standard"', "zone.lobby.fctors"),
    ('from = "street"', "from = 1", "portal.door.from"),
    ('egress = "mechanical"', 'egress = "mechanic"', "portal.door.egress"),
    ('exit = "free"', 'exit = "fre"', "portal.door.exit"),
    ('exit = "free"', 'exit = "free"\nhard-wired-release = 1', "portal.door.hard-wired-release"),
    ('exit = "free"', 'exit = "reader"\nhard-wired-release = 1', "portal.door.hard-wired-release"),
    ('kind = "door"', 'kind = "turnstyle"\ndrop-arm = true', "portal.door.kind"),
    ('exit = "free"', 'exit = "free"\nopen-s = 0', "portal.door.open-s"),
    ('exit = "free"', 'exit = "free"\nheld_s = 30\nopen-s = 25', "portal.door.held_s"),
    ('{ 1 = "badge" }', "{ 1 = 1 }", "factors.standard.1"),
    ('{ 1 = "badge" }', "1", "factors.standard"),
    ('site = "villa"', "site = 1", "site"),
    ('timezone = "Europe/Vienna"', "timezone = 1", "timezone"),
]


@pytest.mark.parametrize(("right", "wrong", "path"), FOLLOWING)
def test_what_follows_from_a_mistake_is_no_second_one(right: str, wrong: str, path: str) -> None:
    found = problems(changed(right, wrong, SMALL))
    assert {problem.path for problem in found} == {path}


def test_nothing_is_said_of_what_entries_are_together_where_one_of_them_is_not_read() -> None:
    """An interlock of one portal, a calendar file that nobody names: perhaps not."""
    pair = f'[portal.b]\nfrom = "street"\nto = "lobby"\n{FREE_DOOR}interlock = '
    found = problems(SMALL + 'interlock = "trap"\n' + pair + "1\n")
    assert [problem.path for problem in found] == ["portal.b.interlock"]
    sources = [
        SourceFile("0.toml", f"{SMALL}[calendar.x]\nfile = 1\n".encode()),
        SourceFile("x.ics", EASTER),
    ]
    with pytest.raises(PolicyError) as raised:
        load(sources, timezone=ZoneInfo, tzdata_version="x")
    assert [problem.path for problem in raised.value.problems] == ["calendar.x.file"]


def test_a_list_of_files_with_a_mistake_in_it_is_still_read() -> None:
    found = problems('include = [1, "more.toml"]\n' + SMALL)
    assert [problem.path for problem in found] == ["include.0", "include.1"]


@pytest.mark.parametrize("kind", [Header, *TABLES.values()], ids=lambda kind: kind.__name__)
def test_every_key_of_the_language_may_be_unreadable(kind: type[Entry]) -> None:
    """Whatever is added to it has something that may stand in its place."""
    top = Place("0.toml", scan(""), ())
    fields = msgspec.structs.fields(kind)
    for field in fields:
        for wrong in ({"x": [1.5, {}]}, [[{}]], 1.5e300, time(12)):
            reading = read_entry(kind, {field.encode_name: wrong}, top, {})
            assert (field.encode_name,) in {place.path[:1] for place in reading.unread}
            assert all(isinstance(value, kind) for value in reading.values)
