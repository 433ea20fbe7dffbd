"""Alarm points, arming and driven portals: what the loader refuses and what lint warns of."""

import pytest

from policies import PolicyError, SourceFile
from policies.lint import lint
from policies.points import PointKind
from tests.controller.compound_gate import POLICY
from tests.controller.support import compiled

SITE = "site.toml"

WRONG = {
    "no such zone": ('zone = "court"\nroles', 'zone = "cuort"\nroles', "unknown zone 'cuort'"),
    "no such role": (
        'schedule = "night"\nroles = ["guard"]',
        'schedule = "night"\nroles = ["gaurd"]',
        "unknown role 'gaurd'",
    ),
    "no such schedule": ('schedule = "night"', 'schedule = "nihgt"', "unknown schedule 'nihgt'"),
    "a set of no zones": ('zones = ["court"]\nschedule', "zones = []\nschedule", "arms nothing"),
    "a set that nothing arms": (
        'zones = ["hall"]\nroles = ["guard"]',
        'zones = ["hall"]',
        "nothing ever arms it",
    ),
    "a zone in two sets": (
        'zones = ["hall"]\nroles',
        'zones = ["hall", "court"]\nroles',
        "'grounds' arms 'court' already",
    ),
    "a delay where nobody disarms": (
        "always = true",
        "always = true\nentry-delay-s = 10",
        "nobody disarms a point that alarms at any hour",
    ),
    "a delay that outlasts the patience": (
        "stuck-s = 600",
        "stuck-s = 30",
        "'stuck-s' must be longer than 'entry-delay-s'",
    ),
    "a kind that there is not": ('kind = "fence"', 'kind = "dog"', "fence"),
    "a barrier that closes blindly": (
        'kind = "vehicle-barrier"',
        'kind = "vehicle-barrier"\nloop = false',
        "a vehicle barrier without a safety loop closes on whoever is under it",
    ),
    "a driven gate that nobody sees": (
        "loop = true\ninterlock",
        "loop = true\ncontact = false\ninterlock",
        "nobody sees whether it is down",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_refused_where_it_stands(name: str) -> None:
    was, wrong, said = WRONG[name]
    assert was in POLICY
    with pytest.raises(PolicyError) as refused:
        compiled(POLICY.replace(was, wrong, 1))
    assert said in str(refused.value)


ODD = {
    "point.fence": (
        'zones = ["court"]\nschedule',
        'zones = ["sally"]\nschedule',
        "nothing arms it: its activity never alarms",
    ),
    "arming.grounds": (
        'zones = ["court"]\nschedule',
        'zones = ["sally"]\nschedule',
        "no point listens to it",
    ),
    "point.pir": (
        'zones = ["hall"]\nroles = ["guard"]',
        'zones = ["hall"]\nschedule = "night"',
        "nobody can disarm it in its entry delay",
    ),
    "arming.house": (
        "[role.staff]\n",
        '[role.staff]\nkind = "visitor"\n',
        "visitors may arm and disarm it: staff",
    ),
}


@pytest.mark.parametrize("about", ODD)
def test_what_nobody_can_have_meant_is_said(about: str) -> None:
    was, odd, said = ODD[about]
    text = POLICY
    if about == "arming.house":
        house = 'zones = ["hall"]\nroles = '
        text = text.replace(f'{house}["guard"]', f'{house}["staff"]')
    assert was in text
    text = text.replace(was, odd, 1)
    findings = lint(compiled(text), [SourceFile(SITE, text.encode())])
    assert any(f.about == about and said in f.message for f in findings), findings


def test_a_sound_policy_is_not_warned_of() -> None:
    findings = lint(compiled(POLICY), [SourceFile(SITE, POLICY.encode())])
    odd = [f for f in findings if f.about.split(".")[0] in {"point", "arming", "schedule"}]
    assert odd == []


def test_what_is_compiled() -> None:
    policy = compiled(POLICY)
    points = policy.points
    assert {name: point.arming for name, point in points.items()} == {
        "fence": "grounds",
        "pir": "house",
        "glass": "house",
        "safe": "house",
        "mains": "house",
    }
    assert points["mains"].always
    assert points["mains"].stuck_ms is None
    assert points["fence"].stuck_ms == 300_000
    assert points["pir"].kind is PointKind.PIR
    assert {rule.id for rule in policy.portals if rule.loop} == {"drive", "outer", "inner"}
