"""What the example policy answers: one line per question, the specification in examples."""

import pytest

from policies import Code, CredentialStatus, Decision, Mode, Request, decide
from tests.policies.support import IN, OUT, ask, embassy, holder, vienna

AT_20H = vienna("2026-11-20 20:00")
AT_23H = vienna("2026-11-20 23:00")
LOST = CredentialStatus.LOST
LOCK, SHELTER, EVACUATE = Mode.LOCKDOWN, Mode.SHELTER, Mode.EVACUATE

TABLE: list[tuple[str, Request, list[Code]]] = [
    # calm days
    ("staff enter the chancery", ask("staff-door", IN, "staff"), [Code.GRANTED]),
    ("staff enter the forecourt", ask("main-gate", IN, "staff"), [Code.GRANTED]),
    (
        "somebody on file enters the forecourt on a guard's word alone",
        ask("main-gate", IN, "staff", "guard"),
        [Code.GRANTED],
    ),
    (
        "from level 3 on a guard's word is not enough",
        ask("main-gate", IN, "staff", "guard", threat=3),
        [Code.FACTORS_MISSING],
    ),
    (
        "nor is it further in",
        ask("staff-door", IN, "staff", "guard"),
        [Code.FACTORS_MISSING],
    ),
    ("anybody passes the open front door", ask("front-door", IN, None), [Code.OPEN_PORTAL]),
    (
        "at night the front door knows nobody",
        ask("front-door", IN, None, utc_s=AT_20H),
        [Code.UNKNOWN_CREDENTIAL, Code.NO_GRANT],
    ),
    (
        "a diplomat needs his PIN for the archive",
        ask("archive-door", IN, "diplomat"),
        [Code.FACTORS_MISSING],
    ),
    (
        "with it he enters",
        ask("archive-door", IN, "diplomat", "badge+pin"),
        [Code.GRANTED],
    ),
    (
        "a wrong PIN does not do",
        ask("archive-door", IN, "diplomat", "badge+pin!"),
        [Code.FACTOR_FAILED],
    ),
    (
        "not after hours",
        ask("archive-door", IN, "diplomat", "badge+pin", utc_s=AT_20H),
        [Code.OUT_OF_SCHEDULE],
    ),
    (
        "the guard goes round the archive at night",
        ask("archive-door", IN, "guard", "badge+pin", utc_s=AT_23H),
        [Code.GRANTED],
    ),
    (
        "staff have no business in the archive",
        ask("archive-door", IN, "staff", "badge+pin"),
        [Code.THREAT_LEVEL, Code.NO_GRANT],
    ),
    (
        "a cleaner is forbidden the archive",
        ask("archive-door", IN, "cleaner", "badge+pin"),
        [Code.DENIED_BY_RULE, Code.THREAT_LEVEL, Code.NO_GRANT],
    ),
    (
        "a cleaner comes in the evening with an escort",
        ask("staff-door", IN, "cleaner", utc_s=AT_20H, escorted=True),
        [Code.GRANTED],
    ),
    (
        "not in the morning, and not alone",
        ask("staff-door", IN, "cleaner"),
        [Code.OUT_OF_SCHEDULE, Code.NOT_ESCORTED],
    ),
    (
        "a visitor never alone",
        ask("staff-door", IN, "visitor"),
        [Code.NOT_ESCORTED],
    ),
    ("a visitor with an escort", ask("staff-door", IN, "visitor", escorted=True), [Code.GRANTED]),
    (
        "the police not without consent",
        ask("main-gate", IN, "host-police"),
        [Code.NO_CONSENT],
    ),
    (
        "not even through an open door",
        ask("front-door", IN, "host-police"),
        [Code.NO_CONSENT],
    ),
    (
        "not even while it burns",
        ask("main-gate", IN, "host-police", fire=True),
        [Code.NO_CONSENT, Code.FIRE_ENTRY],
    ),
    (
        "the police with consent",
        ask("main-gate", IN, "host-police", consent=True),
        [Code.GRANTED],
    ),
    ("a portal nobody declared", ask("back-door", IN, "staff"), [Code.UNKNOWN_PORTAL]),
    (
        "a lost badge, whoever's",
        ask("main-gate", IN, "head-of-mission", credential=LOST),
        [Code.CREDENTIAL_LOST],
    ),
    (
        "nor through the door that stands open",
        ask("front-door", IN, "staff", credential=LOST),
        [Code.CREDENTIAL_LOST],
    ),
    # a higher threat
    (
        "at level 3 the front door is shut again",
        ask("front-door", IN, None, threat=3),
        [Code.UNKNOWN_CREDENTIAL, Code.NO_GRANT],
    ),
    ("and staff need a PIN", ask("front-door", IN, "staff", threat=3), [Code.FACTORS_MISSING]),
    (
        "at level 4 local staff stay out of the chancery",
        ask("staff-door", IN, "local-staff", "badge+pin", threat=4),
        [Code.THREAT_LEVEL, Code.THREAT_CEILING],
    ),
    # lockdown, shelter, evacuation, fire
    (
        "a lockdown keeps staff out",
        ask("main-gate", IN, "staff", mode=LOCK),
        [Code.LOCKDOWN, Code.MODE_NOT_LISTED],
    ),
    ("not the guard", ask("main-gate", IN, "guard", mode=LOCK), [Code.GRANTED_BY_OVERRIDE]),
    (
        "the open door as well",
        ask("front-door", IN, None, mode=LOCK),
        [Code.UNKNOWN_CREDENTIAL, Code.LOCKDOWN, Code.NO_GRANT],
    ),
    (
        "whoever is inside flees into the safe room",
        ask("safe-room-door", IN, "local-staff", mode=LOCK, threat=5, utc_s=AT_23H),
        [Code.GRANTED],
    ),
    (
        "and along the declared way to it",
        ask("staff-door", IN, "local-staff", mode=LOCK, threat=5, utc_s=AT_23H),
        [Code.GRANTED],
    ),
    (
        "shelter keeps those outside out",
        ask("main-gate", IN, "staff", mode=SHELTER),
        [Code.SHELTER, Code.MODE_NOT_LISTED],
    ),
    (
        "nobody enters during an evacuation",
        ask("staff-door", IN, "head-of-mission", mode=EVACUATE),
        [Code.EVACUATION_ENTRY, Code.MODE_NOT_LISTED],
    ),
    ("the guard does", ask("staff-door", IN, "guard", mode=EVACUATE), [Code.GRANTED_BY_OVERRIDE]),
    ("nobody enters while it burns", ask("staff-door", IN, "staff", fire=True), [Code.FIRE_ENTRY]),
    ("the guard may", ask("staff-door", IN, "guard", fire=True), [Code.GRANTED_BY_OVERRIDE]),
    # the way out
    ("out is free", ask("front-door", OUT, None, utc_s=AT_23H), [Code.FREE_EXIT]),
    ("out in a lockdown", ask("front-door", OUT, None, mode=LOCK), [Code.FREE_EXIT]),
    (
        "out of the archive asks who",
        ask("archive-door", OUT, None),
        [Code.UNKNOWN_CREDENTIAL, Code.FACTORS_MISSING],
    ),
    ("out of the archive", ask("archive-door", OUT, "guard"), [Code.GRANTED]),
    (
        "out although no longer valid",
        ask("archive-door", OUT, holder("staff", valid_until_s=5)),
        [Code.GRANTED],
    ),
    (
        "a diplomat is never kept in",
        ask("archive-door", OUT, "diplomat", "pin!", interlock_clear=False),
        [Code.PROTECTED_EXIT],
    ),
    (
        "a lost badge keeps the archive shut",
        ask("archive-door", OUT, "guard", credential=LOST),
        [Code.CREDENTIAL_LOST],
    ),
    ("fire opens every way out", ask("archive-door", OUT, None, fire=True), [Code.LIFE_SAFETY]),
    ("evacuation too", ask("archive-door", OUT, None, mode=EVACUATE), [Code.EVACUATION]),
    # broken things
    (
        "nobody enters unrecorded",
        ask("staff-door", IN, "staff", recorded=False),
        [Code.NOT_RECORDED],
    ),
    (
        "except into the safe room",
        ask("safe-room-door", IN, "staff", recorded=False),
        [Code.GRANTED],
    ),
    (
        "a lock that does not answer",
        ask("staff-door", IN, "staff", operable=False),
        [Code.INOPERABLE],
    ),
    (
        "without a clock no hours hold",
        ask("staff-door", IN, "local-staff", clock_trusted=False),
        [Code.CLOCK_UNTRUSTED],
    ),
    (
        "rules without hours do",
        ask("staff-door", IN, "staff", clock_trusted=False),
        [Code.GRANTED],
    ),
    (
        "whoever's record ends some day does not enter without a clock",
        ask("staff-door", IN, holder("staff", valid_until_s=2**35), clock_trusted=False),
        [Code.CLOCK_UNTRUSTED],
    ),
]


def codes_of(decision: Decision) -> list[Code]:
    if decision.granted:
        return [decision.code]
    return [objection.code for objection in decision.objections]


@pytest.mark.parametrize(
    ("request_", "codes"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE]
)
def test_the_example_policy_decides(request_: Request, codes: list[Code]) -> None:
    assert codes_of(decide(embassy(), request_)) == codes


def test_an_objection_names_the_rule_and_its_line() -> None:
    decision = decide(embassy(), ask("archive-door", IN, "cleaner", "badge+pin"))
    line = next(d.line for d in embassy().denies if d.id == "d10-no-archive")
    assert (decision.rule, decision.objections[0].line) == ("d10-no-archive", line)


def test_a_grant_names_its_rule() -> None:
    assert decide(embassy(), ask("staff-door", IN, "staff")).rule == "g20-chancery"


def test_the_fire_input_without_zones_covers_every_portal() -> None:
    policy = embassy()
    assert {policy.fire_inputs_of(portal.id) for portal in policy.portals} == {("main-panel",)}


def test_the_opening_follows_the_schedule_alone() -> None:
    policy = embassy()
    at = vienna("2026-11-20 07:30")
    assert [policy.opening("front-door", s) for s in (at - 1, at)] == [False, True]
    assert policy.opening("staff-door", at) is False
    assert policy.next_change("office", at - 1) == at
