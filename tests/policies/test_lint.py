"""Warnings: each thing that nobody can have meant is said, where it stands."""

from datetime import date

import pytest

from policies import SourceFile
from policies.calendar import FIRST_DAY, LAST_DAY
from policies.lint import Finding, lint
from tests.policies.support import changed, compiled
from tests.policies.test_prove import EXAMPLES, Edit, example

ROLE = "\n[role.nobody]\nclearance = 1\n"
PUBLIC_ZONES = '\n[zone.attic]\ninside="rooms"\nkind="premises"\nfactors="badge"\n'
ATTIC = (
    '\n[portal.attic-door]\nfrom="rooms"\nto="attic"\nkind="door"\nlock="power-to-unlock"\n'
    'egress="mechanical"\nexit="free"\n'
)
END: Edit = ("\n[fire.panel]\n", "")


def added(text: str) -> Edit:
    return END[0], END[0] + text


SEEDED: dict[str, tuple[list[Edit], str, str]] = {
    "a grant that a denial shadows": (
        [added('\n[[grant]]\nid="g99"\nroles=["cleaner"]\nzones=["server-room"]\n')],
        "grant.g99",
        "opens nothing: cleaner: 'd10-server' denies it",
    ),
    "a grant below the clearance": (
        [added('\n[[grant]]\nid="g99"\nroles=["visitor"]\nzones=["server-room"]\n')],
        "grant.g99",
        "opens nothing: visitor: its clearance is too low for the zone",
    ),
    "a grant of which one role has nothing": (
        [('roles = ["head-of-office", "technician"]', 'roles = ["technician", "cleaner"]')],
        "grant.g20-server",
        "opens nothing to 'cleaner': 'd10-server' denies it",
    ),
    "a grant that another one makes needless": (
        [("\n[[deny]]\n", '\n[[grant]]\nid="g99"\nroles=["staff"]\nzones=["rooms"]\nwhen="office"\n'
          "\n[[deny]]\n")],
        "grant.g99",
        "opens nothing: staff: 'g10-staff' lets in whom it would let in",
    ),
    "a grant for a way that only leads out": (
        [added('\n[[grant]]\nid="g99"\nroles=["staff"]\nzones=["street"]\n')],
        "grant.g99",
        "no way in leads there",
    ),
    "a zone without entry": (
        [added(PUBLIC_ZONES + ATTIC)], "zone.attic", "nobody can ever get into it",
    ),
    "a role in no grant": ([added(ROLE)], "role.nobody", "no grant names it: it opens nothing"),
    "a schedule never used": (
        [added('\n[schedule.lunch]\ndaily = ["12:00-13:00"]\n')],
        "schedule.lunch",
        "nothing uses it",
    ),
    "a profile never used": (
        [("[factors]\n", '[factors]\nspare = { 1 = "badge" }\n')],
        "factors.spare",
        "nothing uses it",
    ),
    "a calendar never used": (
        [added("\n[calendar.spare]\ndates = [2027-05-01]\n")], "calendar.spare", "nothing uses it",
    ),
    "a station never asked": (
        [added("\n[screening.gate]\n")], "screening.gate", "no zone asks for it",
    ),
    "a door open above every rule's ceiling": (
        [("open-threat-max = 1", "open-threat-max = 5"),
         ('id    = "g10-staff"  ', 'threat-max = 4\nid = "g10-staff"'),
         ('id    = "g21-technician"', 'threat-max = 4\nid = "g21-technician"')],
        "portal.front-door",
        "stands open for anybody at threat level 5, where no rule lets anybody in",
    ),
    "an open door into a trap": (
        [('egress = "electric"\nexit   = "free"',
          'egress = "electric"\nexit   = "reader"\nhard-wired-release = true')],
        "portal.front-door",
        "who walks in here without a badge finds no free exit",
    ),
    "two people who are visitors": (
        [added(PUBLIC_ZONES.replace("factors", "two-person=true\nfactors") + ATTIC
               + '\n[[grant]]\nid="g99"\nroles=["visitor"]\nzones=["attic"]\n')],
        "zone.attic",
        "asks for two people, and its rules name visitors alone, who do not count",
    ),
    "nobody who may be first": (
        [('inside        = "rooms"\n', 'inside        = "rooms"\nfirst-person = true\n')],
        "zone.server-room",
        "waits for a first person, and no rule lets anybody be the first",
    ),
    "an exit that asks for more than the way in": (
        [('exit   = "free"\nrex    = "shunt"\nbolt   = true',
          'exit   = "reader"\nhard-wired-release = true\nexit-factors = "server"'),
         ('factors       = "server"', 'factors       = "badge"')],
        "portal.server-door",
        "asks for more on the way out than a way in at threat level 1",
    ),
    "an order of visitors": (
        [('lift]\nroles = ["head-of-office", "staff"]', 'lift]\nroles = ["visitor"]')],
        "order.lift",
        "visitors may give it: visitor",
    ),
}  # fmt: skip


def found_in(text: str, *more: SourceFile) -> list[Finding]:
    return lint(compiled(text), [SourceFile("x.toml", text.encode()), *more])


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_are_clean(name: str) -> None:
    assert found_in(example(name)) == []


@pytest.mark.parametrize("mistake", SEEDED)
def test_a_planted_mistake_is_said_where_it_stands(mistake: str) -> None:
    edits, about, message = SEEDED[mistake]
    text = example("office")
    for old, new in edits:
        text = changed(old, new, text)
    here = {finding.message: finding for finding in found_in(text) if finding.about == about}
    assert message in here
    found = here[message]
    line = text.splitlines()[found.line - 1]
    table, _, name = about.partition(".")
    assert line.startswith((f"[{table}.{name}]", f"{name} = ")) or f'"{name}"' in line
    assert str(found).startswith(f"x.toml:{found.line}:")
    assert f": warning: {about}: {message}" in str(found)


@pytest.mark.parametrize(
    ("overrides", "kept_out_by"),
    [
        ("", ["a fire", "a lockdown", "an evacuation"]),
        ('overrides = ["shelter", "threat"]', ["a fire", "a lockdown", "an evacuation"]),
        ('overrides = ["lockdown", "fire"]', ["an evacuation"]),
        ('overrides = ["lockdown", "evacuate", "fire"]', []),
    ],
)
def test_a_responder_whom_a_posture_keeps_out(overrides: str, kept_out_by: list[str]) -> None:
    """What opens to everybody who flees is not what a responder is called to."""
    text = changed(
        "[role.staff]\n", f"[role.staff]\nemergency = true\n{overrides}\n", example("office")
    )
    about = [found for found in found_in(text) if found.about == "role.staff"]
    assert sorted(found.message for found in about) == [
        f"a responder whom {posture} keeps out" for posture in kept_out_by
    ]


def test_an_override_without_a_grant_that_holds_then_helps_no_responder() -> None:
    """A grant that lists other modes than normal does not hold by an override."""
    text = example("embassy")
    assert not [found for found in found_in(text) if found.about == "role.guard"]
    for grant in ("g10-perimeter", "g23-night-watch"):
        text = changed(f'id    = "{grant}"\n', f'id    = "{grant}"\nin = ["shelter"]\n', text)
    text = changed('in    = ["normal", "shelter"]', 'in    = ["shelter"]', text)
    hints = {f.message: f.hint for f in found_in(text) if f.about == "role.guard"}
    assert hints == dict.fromkeys(
        (
            f"a responder whom {what} keeps out"
            for what in ("a fire", "a lockdown", "an evacuation")
        ),
        "a [[grant]] that holds then",
    )


def test_a_schedule_that_its_calendar_leaves_no_day() -> None:
    """Hours that would start on holidays alone: every Monday there is."""
    mondays = ", ".join(
        date.fromordinal(day).isoformat()
        for day in range(FIRST_DAY, LAST_DAY + 1)
        if date.fromordinal(day).weekday() == 0
    )
    calendar = f"\n[calendar.mondays]\ndates = [\n{mondays.replace(', ', ',' + chr(10))}\n]\n"
    never = '\n[schedule.never]\nmon = ["02:00-02:30"]\nexcept = "mondays"\n'
    text = changed(*added(calendar + never), example("office"))
    said = {finding.message for finding in found_in(text) if finding.about == "schedule.never"}
    assert said == {"nothing uses it", "is never open"}


def test_roles_that_nobody_has_and_that_nobody_knows_are_told() -> None:
    text = example("office")
    policy, sources = compiled(text), [SourceFile("x.toml", text.encode())]
    assert [f.message for f in lint(policy, sources, dict.fromkeys(policy.roles, 1))] == []
    held = dict.fromkeys(policy.roles, 2) | {"staff": 0, "technicain": 1, "zookeeper": 4}
    found = {(one.about, one.message, one.hint) for one in lint(policy, sources, held)}
    assert found == {
        ("role.staff", "nobody on file has it", None),
        (
            "role.technicain",
            "1 person on file has it and the policy does not: it opens nothing",
            "did you mean 'technician'?",
        ),
        (
            "role.zookeeper",
            "4 people on file have it and the policy does not: it opens nothing",
            None,
        ),
    }
