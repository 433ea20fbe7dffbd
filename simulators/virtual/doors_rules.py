"""The rules of a virtual site that watch its doors."""

from simulators.virtual.plan import Plan
from simulators.virtual.rule import Rule
from simulators.virtual.rules_exits import ExitsStayFree
from simulators.virtual.rules_locks import LocksAgain
from simulators.virtual.rules_persons import NeverForTheWrongPerson
from simulators.virtual.rules_posture import PostureForbidsEntry
from simulators.virtual.rules_release import ReleaseNeedsAGrant


def door_rules(plan: Plan) -> list[Rule]:
    """One of each. They are told everything that is seen, and every entry on the edge's disk."""
    return [
        ReleaseNeedsAGrant(plan),
        PostureForbidsEntry(plan),
        ExitsStayFree(plan),
        NeverForTheWrongPerson(plan),
        LocksAgain(plan),
    ]
