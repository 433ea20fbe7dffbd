"""Two engines of rules that others wrote, given the rules of a calm day (see tests.policies.big).

Both get the roles with the question, so neither has to hold anybody. Schedules they do not have:
the ones that are active come with the question too.
"""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from functools import cache

from casbin import Enforcer
from casbin.model import Model
from cedarpy import Entities, PolicySet, is_authorized

from policies import CompiledPolicy, Request
from tests.policies.big import Rule, Site

Ask = Callable[[], bool]
"""One question, made up beforehand; whether the answer is yes."""


def _open(policy: CompiledPolicy, request: Request) -> list[str]:
    return [name for name in policy.schedules if policy.is_open(name, request.utc_s)]


class Cedar:
    """Parsed once; each question brings its two entities, the person and the portal."""

    name = "cedarpy"

    def __init__(self, site: Site) -> None:
        self._portals = site.portals
        self._policies = PolicySet.from_str("\n".join(map(_cedar, site.rules)))

    def questions(self, policy: CompiledPolicy, requests: Sequence[Request]) -> Iterator[Ask]:
        for request in requests:
            yield self._question(request, _open(policy, request))

    def _question(self, request: Request, active: list[str]) -> Ask:
        assert request.holder is not None
        person = {"type": "Person", "id": request.holder.id}
        portal = {"type": "Portal", "id": request.portal}
        roles = [{"type": "Role", "id": role} for role in request.holder.roles]
        zone = {"type": "Zone", "id": self._portals[request.portal]}
        entities = [
            {"uid": person, "attrs": {}, "parents": roles},
            {"uid": portal, "attrs": {}, "parents": [zone]},
        ]
        asked = {
            "principal": person,
            "action": {"type": "Action", "id": "enter"},
            "resource": portal,
            "context": {
                "active": active,
                "level": request.threat,
                "factors": [shown.factor.value for shown in request.presented],
            },
        }
        known = Entities.from_json_str(json.dumps(entities))

        def ask() -> bool:
            answer = is_authorized(asked, self._policies, known)
            assert not answer.diagnostics.errors, answer.diagnostics.errors
            return answer.allowed

        return ask


def _cedar(rule: Rule) -> str:
    roles = ", ".join(f'Role::"{role}"' for role in rule.roles)
    zones = ", ".join(f'Zone::"{zone}"' for zone in rule.zones)
    asked = [f"principal in [{roles}]", f"resource in [{zones}]"]
    if rule.when is not None:
        asked.append(f'context.active.contains("{rule.when}")')
    if rule.threat_max < 5:
        asked.append(f"context.level <= {rule.threat_max}")
    if rule.factors:
        sets = (json.dumps(sorted(factors)) for factors in rule.factors)
        asked.append(
            "(" + " || ".join(f"context.factors.containsAll({each})" for each in sets) + ")"
        )
    effect = "permit" if rule.permits else "forbid"
    return f"{effect}(principal, action, resource) when {{ {' && '.join(asked)} }};"


_CASBIN = """
[request_definition]
r = roles, zone, active, level, factors
[policy_definition]
p = roles, zones, when, level, factors, eft
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = in_zones(r.zone, p.zones) && any_role(r.roles, p.roles) && active(r.active, p.when) && \
r.level <= number(p.level) && enough(r.factors, p.factors)
"""


class Casbin:
    """Loaded once; a matcher in its own language, with our sets behind its functions."""

    name = "casbin"

    def __init__(self, site: Site) -> None:
        logging.getLogger("casbin").setLevel(logging.CRITICAL)  # it logs every answer
        model = Model()
        model.load_model_from_text(_CASBIN)
        self._portals = site.portals
        self._enforcer = Enforcer(model)
        self._enforcer.add_function("in_zones", lambda zone, text: zone in _words(text))
        self._enforcer.add_function(
            "any_role", lambda roles, text: not roles.isdisjoint(_words(text))
        )
        self._enforcer.add_function("active", lambda active, when: when in active)
        self._enforcer.add_function("number", int)
        self._enforcer.add_function("enough", _enough)
        self._enforcer.add_policies([_casbin(rule) for rule in site.rules])

    def questions(self, policy: CompiledPolicy, requests: Sequence[Request]) -> Iterator[Ask]:
        for request in requests:
            assert request.holder is not None
            asked = (
                frozenset(request.holder.roles),
                self._portals[request.portal],
                frozenset(["always", *_open(policy, request)]),
                request.threat,
                frozenset(shown.factor.value for shown in request.presented),
            )
            yield lambda asked=asked: self._enforcer.enforce(*asked)


@cache
def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _enough(factors: frozenset[str], text: str) -> bool:
    return any(_words(each) <= factors for each in text.split("|"))


def _casbin(rule: Rule) -> list[str]:
    return [
        " ".join(rule.roles),
        " ".join(rule.zones),
        rule.when or "always",
        str(rule.threat_max),
        "|".join(" ".join(sorted(each)) for each in rule.factors),
        "allow" if rule.permits else "deny",
    ]
