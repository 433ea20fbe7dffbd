"""Recorded decisions, made again under another policy or the same.

A recorded decision carries its whole question, so that the policy that made it gives it again, and
another policy says what it would have answered to the same person, badge, posture and state.
"""

from enum import StrEnum

import msgspec

from policies.codes import Code
from policies.compiled import CompiledPolicy
from policies.decide import decide
from policies.facts import Decision, Request


class Recorded(msgspec.Struct, frozen=True):
    """One decision of a journal; `policy` is the digest of the policy that made it."""

    seq: int
    policy: str
    request: Request
    decision: Decision


class Outcome(StrEnum):
    SAME = "same"
    OPENS = "opens"  # was refused, would be granted
    SHUTS = "shuts"  # was granted, would be refused
    OTHERWISE = "otherwise"  # the same verdict for other reasons, or other factors missing
    INCOMPARABLE = "cannot be compared"
    NOT_REPRODUCED = "not reproduced"  # the same policy, and another answer


class Comparison(msgspec.Struct, frozen=True):
    """`now` is None where there is nothing to compare, and `why` says why not."""

    recorded: Recorded
    outcome: Outcome
    now: Decision | None
    why: str = ""


def again(policy: CompiledPolicy, recorded: Recorded) -> Comparison:
    """The decision as this policy makes it. By the policy that made it, every part of the answer
    must be the same; by another, lines and names of rules may differ."""
    was = recorded.decision
    now = decide(policy, recorded.request)
    if recorded.policy == policy.digest:
        outcome = Outcome.SAME if now == was else Outcome.NOT_REPRODUCED
        return Comparison(recorded, outcome, now)
    if now.code is Code.UNKNOWN_PORTAL and was.code is not Code.UNKNOWN_PORTAL:
        why = f"the policy has no portal {recorded.request.portal}"
        return Comparison(recorded, Outcome.INCOMPARABLE, None, why)
    if now.granted != was.granted:
        outcome = Outcome.OPENS if now.granted else Outcome.SHUTS
    else:
        outcome = Outcome.SAME if _reasons(now) == _reasons(was) else Outcome.OTHERWISE
    return Comparison(recorded, outcome, now)


def _reasons(decision: Decision) -> tuple[object, ...]:
    return decision.code, {objection.code for objection in decision.objections}, decision.missing
