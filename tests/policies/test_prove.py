"""Proofs of whole policies: the examples hold, and each planted mistake is told as a story."""

from collections.abc import Callable
from importlib import resources

import msgspec
import pytest

from policies import (
    Code,
    CompiledPolicy,
    CredentialStatus,
    Decision,
    Mode,
    Objection,
    Request,
    SourceFile,
    decide,
)
from policies.proof.movement import World
from policies.proof.results import Means, Proof
from policies.proof.stories import summary, told
from policies.prove import BUILT_IN, prove, refusals
from tests.policies.support import changed, compiled

EXAMPLES = ("embassy", "conference", "office")


def example(name: str) -> str:
    return resources.files("policies.examples").joinpath(f"{name}.toml").read_text("utf-8")


def failed(text: str) -> dict[str, Proof]:
    return {proof.id: proof for proof in prove(compiled(text)).proofs if not proof.holds}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_hold(name: str) -> None:
    policy = compiled(example(name))
    proofs = prove(policy)
    assert proofs.hold, [line for proof in proofs.proofs for line in told(proof)]
    assert len(proofs.proofs) == len(BUILT_IN) + len(policy.nevers) + len(policy.always)
    assert refusals(policy, [SourceFile("x.toml", example(name).encode())]) == []


Edit = tuple[str, str]

NO_CLEARANCE: Edit = ("clearance     = { 1 = 2 }\nanti-passback", "anti-passback")
VISITORS: Edit = ('portals = ["glass-door"]', 'portals = ["glass-door", "server-door"]')
SERVER_LOCK = (
    'lock   = "power-to-unlock"      # stays shut from outside, in a fire and without power\n'
    'egress = "mechanical"\n'
)
GATE = """lock   = "power-to-unlock"
egress = "mechanical"           # lever on the inside
"""
HATCH = """
[zone.store]
inside  = "rooms"
kind    = "premises"
factors = "badge"

[portal.store-door]
from   = "rooms"
to     = "store"
kind   = "door"
lock   = "power-to-unlock"
egress = "mechanical"
exit   = "free"

[portal.hatch]                  # whoever leaves the store this way stands in the server room
from   = "server-room"
to     = "store"
kind   = "door"
lock   = "power-to-unlock"
egress = "mechanical"
exit   = "free"

[[grant]]
id    = "g99-store"
roles = ["cleaner"]
zones = ["store"]

[fire.panel]
"""
SERVER_BUTTON: Edit = (
    'rex    = "shunt"\nbolt   = true\n\n[portal.back-door]',
    'rex    = "unlock"\nbolt   = true\n\n[portal.back-door]',
)
GATE_BUTTON: Edit = ('rex    = "shunt"\nopen-s = 8', 'rex    = "unlock"\nopen-s = 8')
"""An electric way out is opened by a button, where nobody is asked for anything."""

WRONG: dict[str, tuple[str, list[Edit], str, list[str]]] = {
    "a visitor's grant, and the clearance gone": (
        "office",
        [VISITORS, NO_CLEARANCE],
        "n10-server",
        [
            "who: visitor",
            "1. street -> reception by front-door, as anybody may: normal, level 1",
            "2. reception -> rooms by glass-door with badge: normal, level 1, Mon 2027-01-11"
            " 09:00:00 (2027-01-11T08:00:00Z), escorted: granted by g40-visitors (100 granted",
            "3. rooms -> server-room by server-door with badge+pin: normal",
            "so: somebody who is visitor gets into 'server-room'",
        ],
    ),
    "a lock that lets go in a fire": (
        "office",
        [(SERVER_LOCK, 'lock = "power-to-lock"\negress = "electric"\n'), SERVER_BUTTON],
        "n10-server",
        ["2. rooms -> server-room by server-door: its lock lets go in a fire, from both sides"],
    ),
    "a lock that lets go without power": (
        "office",
        [(SERVER_LOCK, 'lock = "power-to-lock"\negress = "mechanical"\n')],
        "n10-server",
        ["2. rooms -> server-room by server-door: its lock lets go without power"],
    ),
    "a denial gone": (
        "office",
        [('roles  = ["cleaner"]\nzones  = ["server-room"]', 'roles=["visitor"]\nzones=["rooms"]')],
        "n10-server",
        ["who: cleaner and ", "rooms -> server-room by server-door with badge+pin: ", "g20-server"],
    ),
    "a way out that leads further in": (
        "office",
        [("\n[fire.panel]\n", HATCH)],
        "n10-server",
        ["who: cleaner", "store -> server-room by hatch, as anybody may", "103 this way out is"],
    ),
    "an inner door that stands open": (
        "office",
        [('to     = "rooms"\nkind   = "door"\nlock   = "power-to-unlock"\negress = "mechanical"\n'
          'exit   = "free"\nrex    = "shunt"\n\n[portal.server-door]',
          'to     = "rooms"\nkind   = "door"\nlock   = "power-to-unlock"\negress = "mechanical"\n'
          'exit   = "free"\nopen = "office"\n\n[portal.server-door]')],
        "n20-visitors",
        ["reception -> rooms by glass-door, as anybody may", "granted by office (105",
         "so: somebody who is visitor gets into 'rooms' without an escort"],
    ),
    "an inner door that stands open on holidays alone": (
        "office",
        [('[schedule.reception]', '[schedule.feast]\nexcept = "holidays"\n'
          'holiday = ["10:00-11:00"]\n\n[schedule.reception]'),
         ('to     = "server-room"\n', 'to     = "server-room"\nopen = "feast"\n')],
        "n10-server",
        ["server-door, as anybody may: normal, level 1, Sun 2027-08-01 10:00:00"],
    ),
    "the main gate on a schedule": (
        "embassy",
        [("open-s = 8\n", 'open-s = 8\nopen = "office"\n')],
        "no-entry-without-consent",
        [
            "who: host-police",
            "1. street -> forecourt by main-gate, as anybody may: normal, level 1, Mon 2027-01-11"
            " 07:30:00 (2027-01-11T06:30:00Z): granted by office",
            "so: somebody who is host-police gets into 'forecourt' without recorded consent",
        ],
    ),
    "the main gate on a magnet": (
        "embassy",
        [(GATE, 'lock = "power-to-lock"\negress = "electric"\n'), GATE_BUTTON],
        "no-entry-without-consent",
        ["1. street -> forecourt by main-gate: its lock lets go in a fire, from both sides"],
    ),
    "the only way out needs power": (
        "embassy",
        [(GATE, 'lock = "power-to-unlock"\negress = "electric"\n'), GATE_BUTTON],
        "way-out-without-power",
        [
            "1. forecourt -> street by main-gate: electric egress, and the lock needs power",
            "so: no way leads out of 'forecourt' into a public zone",
        ],
    ),
    "one person among the records": (
        "conference",
        [("two-person = true\n", "")],
        "n20-records-alone",
        ["who: chief", "security -> records by records-door with badge+pin", "g51-records",
         "gets into 'records' without a second person"],
    ),
    "two roles, and no denial": (
        "conference",
        [(', "city-police"]\nzones  = ["security"]', ']\nzones = ["security"]')],
        "n10-records",
        ["who: city-police and officer", "by trap-inner with badge+pin: normal, level 1"],
    ),
    "a refuge that is none": (
        "embassy",
        [('kind    = "refuge"  ', 'kind    = "premises"')],
        "a10-safe-room",
        ["1. chancery -> safe-room by safe-room-door", "lockdown, level 1", "refused (501 "],
    ),
    "a guard who overrides nothing": (
        "embassy",
        [('overrides = ["lockdown", "shelter", "evacuate", "fire", "threat"]\n', "")],
        "a20-guard",
        ["who: guard", "1. street -> forecourt by main-gate", "refused (501 lockdown; line"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", WRONG)
def test_a_planted_mistake_is_told(mistake: str) -> None:
    base, edits, invariant, expected = WRONG[mistake]
    text = example(base)
    for old, new in edits:
        text = changed(old, new, text)
    proof = failed(text)[invariant]
    story = "\n".join(told(proof))
    for words in expected:
        assert words in story, story


def test_what_stands_in_depth_still_holds() -> None:
    """The visitors' grant alone opens nothing: the clearance stands in its way."""
    assert failed(changed(*VISITORS, example("office"))) == {}


def test_the_shortest_story_is_told() -> None:
    """A second way in with fewer steps is the one that is told."""
    back = changed('to     = "rooms"\nkind   = "door"\nlock   = "power-to-unlock"\n'
                   'egress = "mechanical"\nexit   = "free"\nrex    = "shunt"\n\n[fire.panel]',
                   'to     = "rooms"\nkind   = "door"\nlock   = "power-to-unlock"\n'
                   'egress = "mechanical"\nexit   = "free"\nopen = "office"\n\n[fire.panel]',
                   example("office"))  # fmt: skip
    story = failed(back)["n20-visitors"].story
    assert story is not None
    assert [step.portal for step in story.steps] == ["back-door"]
    assert story.steps[0].means is Means.ANYBODY


def test_consent_presumed_in_a_fire_is_no_breach() -> None:
    """VCCR art. 31(2): of consular premises a fire may open the doors, and nothing else."""
    gate = 'lock = "power-to-unlock"\negress = "electric"\n'
    doors = changed(*GATE_BUTTON, changed(GATE, gate, example("embassy")))
    doors = changed('open   = "office"', "", doors)
    doors = changed('"power-to-lock"  ', '"power-to-unlock"', doors)
    for zone in ("forecourt", "lobby", "chancery", "archive", "safe-room"):
        consular = 'regime = "consular"\nconsent-presumed-in-fire = true\n'
        doors = doors.replace(f"[zone.{zone}]\n", f"[zone.{zone}]\n{consular}")
    assert set(failed(doors)) == {"way-out-without-power", "n10-visitors-alone"}
    powered = doors.replace('lock = "power-to-unlock"\negress = "electric"',
                            'lock = "power-to-lock"\negress = "electric"')  # fmt: skip
    breached = {"no-entry-without-consent", "n20-host-state"}
    assert set(failed(powered)) == {*failed(doors), *breached}


def test_presumed_consent_ends_where_it_is_not_presumed() -> None:
    """A fire lets him into the consular forecourt; the mission's open door is beyond that."""
    consular = '[zone.forecourt]\nregime = "consular"\nconsent-presumed-in-fire = true\n'
    text = changed("[zone.forecourt]\n", consular, example("embassy"))
    text = changed("host-state = true  ", 'overrides = ["fire"]\nhost-state = true', text)
    story = failed(text)["no-entry-without-consent"].story
    assert story is not None
    assert story.roles == ("host-police",)
    assert [(step.portal, step.means, step.fire) for step in story.steps] == [
        ("main-gate", Means.BADGE, True),
        ("front-door", Means.ANYBODY, False),
    ]


def test_people_with_a_denial_do_not_stand_for_those_without() -> None:
    """The same rules name them all; one role more makes the difference."""
    never = """
[[never]]
id = "n98"
roles = ["cleaner"]
reach = ["server-room"]

[[never]]
id = "n99"
roles = ["technician"]
reach = ["server-room"]

[[always]]
"""
    assert set(failed(changed("\n[[always]]\n", never, example("office")))) == {"n99"}


def test_people_of_low_clearance_do_not_stand_for_those_of_high() -> None:
    """A role that is denied elsewhere, and named by no rule here, brings the clearance."""
    more = """
[role.auditor]
clearance = 9

[[deny]]
id = "d99"
roles = ["auditor"]
zones = ["store"]

[[never]]
id = "n99"
roles = ["technician"]
reach = ["server-room"]

[fire.panel]
"""
    text = changed("\n[fire.panel]\n", HATCH, example("office"))
    text = changed('from   = "server-room"\nto     = "store"', 'from="rooms"\nto="store"', text)
    text = changed("\n[fire.panel]\n", more, text)
    text = changed("clearance     = { 1 = 2 }", "clearance = { 1 = 6 }", text)
    proof = failed(text)["n99"]
    assert proof.story is not None
    assert proof.story.roles == ("auditor", "technician")


def test_who_is_inside_an_inner_zone_is_inside_the_outer_one() -> None:
    side = """
[portal.side]
from = "street"
to = "safe-room"
kind = "door"
lock = "power-to-unlock"
egress = "mechanical"
exit = "free"

[role.inspector]
kind = "visitor"

[[grant]]
id = "g99"
roles = ["inspector"]
portals = ["side"]
escorted = true

[[never]]
id = "n99"
roles = ["inspector"]
reach = ["chancery"]
"""
    story = failed(example("embassy") + side)["n99"].story
    assert story is not None
    assert [step.portal for step in story.steps] == ["side"]


def test_always_means_every_threat_level_that_it_names() -> None:
    """The ceiling of a grant, at the first level above it."""
    text = changed('id    = "g10-staff"  ', 'threat-max = 3\nid = "g10-staff"', example("office"))
    assert any("level 4, at any hour" in line for line in told(failed(text)["a10-staff-get-in"]))


def test_somebody_else_may_be_inside_already() -> None:
    """A zone of at least two takes one more where one is; nobody has to come with a second."""
    never = """
[[never]]
id = "n99"
roles = ["technician"]
reach = ["server-room"]
unless = ["second-person", "escorted"]

[[always]]
"""
    text = changed("\n[[always]]\n", never, example("office"))
    text = changed("[zone.server-room]\n", "[zone.server-room]\noccupancy-min = 2\n", text)
    assert "n99" in failed(text)


def test_what_opens_inward_by_itself_is_listed() -> None:
    proofs = prove(compiled(example("embassy")))
    for opened in (proofs.opened_by_fire, proofs.opened_without_power):
        assert [(o.portal, o.source, o.target) for o in opened] == [
            ("archive-door", "chancery", "archive")
        ]
    lines = list(summary(proofs))
    assert lines[0].startswith("fire opens inward too: archive-door (chancery -> archive, line ")
    assert lines[-1] == "all 25 invariants hold"


def test_a_broken_invariant_refuses_the_policy_where_it_stands() -> None:
    text = changed("open-s = 8\n", 'open-s = 8\nopen = "office"\n', example("embassy"))
    found = refusals(compiled(text), [SourceFile("embassy.toml", text.encode())])
    lines = text.splitlines()
    by = {problem.message.split()[0]: lines[problem.line - 1] for problem in found}
    assert by["no-entry-without-consent"] == "[portal.main-gate]"
    assert by["n20-host-state"].startswith('id     = "n20-host-state"')
    assert all(problem.file == "embassy.toml" for problem in found)
    assert "street -> forecourt by main-gate" in str(found[0])


# --- invariants about decide() itself ------------------------------------------------------------

Broken = Callable[[CompiledPolicy, Request, Decision], Decision]


def _opens(_: CompiledPolicy, request: Request, decision: Decision) -> Decision:
    return msgspec.structs.replace(
        decision, granted=True, code=Code.GRANTED, objections=(), rule="g51-records"
    )


def _shuts(_: CompiledPolicy, request: Request, decision: Decision) -> Decision:
    objection = Objection(Code.NO_GRANT)
    return msgspec.structs.replace(
        decision, granted=False, code=objection.code, objections=(objection,)
    )


def _without(code: Code, rule: str = "g51-records") -> Broken:
    """A gate that is missing: this objection alone refuses nothing."""

    def broken(policy: CompiledPolicy, request: Request, decision: Decision) -> Decision:
        if decision.granted or {objection.code for objection in decision.objections} != {code}:
            return decision
        return msgspec.structs.replace(_opens(policy, request, decision), rule=rule)

    return broken


def _where(out: bool, then: Broken, **facts: object) -> Broken:
    """Broken for requests with these facts, on the way out or in."""

    def broken(policy: CompiledPolicy, request: Request, decision: Decision) -> Decision:
        passage = policy.passage(request.portal, request.direction)
        assert passage is not None
        alike = all(getattr(request, name) == value for name, value in facts.items())
        return then(policy, request, decision) if alike and passage.way_out is out else decision

    return broken


BREAKS: dict[str, Broken] = {
    "fire-frees": _where(True, _shuts, fire=True, portal="hall-door", mode=Mode.LOCKDOWN),
    "evacuation-frees": _where(True, _shuts, mode=Mode.EVACUATE, credential=CredentialStatus.LOST),
    "free-exit-always": _where(True, _shuts, mode=Mode.SHELTER, recorded=False, fire=False),
    "protected-leaves": _where(True, _shuts, portal="records-door", credential="active"),
    "nobody-kept-in": _where(True, _shuts, credential=CredentialStatus.SUSPENDED, fire=False),
    "way-out-in-fire": _where(True, _shuts, fire=True, credential=CredentialStatus.NONE),
    "badge-reaches-safety": _where(True, _shuts, mode=Mode.LOCKDOWN, threat=5, fire=False),
    "no-entry-without-consent": _without(Code.NO_CONSENT),
    "no-visitor-alone": _without(Code.NOT_ESCORTED),
    "visitor-escorted": _without(Code.NOT_ESCORTED),
    "good-standing": _without(Code.EXPIRED),
    "two-people": _without(Code.TWO_PERSON),
    "no-fire-entry": _without(Code.FIRE_ENTRY),
    "open-in-calm": _where(False, _opens, mode=Mode.LOCKDOWN, credential=CredentialStatus.NONE),
    "threat-never-opens": _where(False, _opens, threat=4, portal="press-door"),
    "mode-opens-by-name": _where(False, _opens, mode=Mode.EVACUATE, portal="press-door"),
    "hours-need-a-clock": _without(Code.CLOCK_UNTRUSTED, "g20-foyer"),
    "interlock-holds": _without(Code.INTERLOCK),
    "all-recorded": _without(Code.NOT_RECORDED),
    "duress-is-silent": _where(False, _shuts, duress=True),
}
"""For each invariant a `decide()` that breaks it."""


def test_every_invariant_but_one_of_pure_hardware_is_broken_below() -> None:
    assert {name for name, _, _ in BUILT_IN} - set(BREAKS) == {"way-out-without-power"}


@pytest.mark.parametrize("invariant", BREAKS)
def test_a_decide_that_breaks_it_is_found(invariant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = compiled(example("conference"))

    def broken(asked: CompiledPolicy, request: Request) -> Decision:
        return BREAKS[invariant](asked, request, decide(asked, request))

    monkeypatch.setattr("policies.proof.movement.decide", broken)
    check = next(check for name, _, check in BUILT_IN if name == invariant)
    story = check(World(policy))
    assert story is not None
    assert story.steps
