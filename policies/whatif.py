"""Recorded decisions, made again under another policy or the same.

A recorded decision carries its whole question, so that the policy that made it gives it again, and
another policy says what it would have answered to the same person, badge, posture and state.
"""

from enum import StrEnum

import msgspec

from policies.codes import Code
from policies.compiled import CompiledPolicy
from policies.decide import decide
from policies.facts import REASONS_MAX, Decision, Request, as_recorded


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
    """`now` is None where there is nothing to compare, and `why` says why not. `cut`: one of the
    answers has as many reasons as are recorded, and what came after those was not compared.
    """

    recorded: Recorded
    outcome: Outcome
    now: Decision | None
    why: str = ""
    cut: bool = False


def again(policy: CompiledPolicy, recorded: Recorded) -> Comparison:
    """The decision as this policy makes it, as far as it would be recorded. By the policy that made
    it, every part of the answer must be the same; by another, lines and names of rules may differ.
    """
    was = recorded.decision
    now = as_recorded(decide(policy, recorded.request))
    cut = _is_full(was) or _is_full(now)
    if recorded.policy == policy.digest:
        outcome = Outcome.SAME if now == was else Outcome.NOT_REPRODUCED
        return Comparison(recorded, outcome, now, cut=cut)
    if now.code is Code.UNKNOWN_PORTAL and was.code is not Code.UNKNOWN_PORTAL:
        why = f"the policy has no portal {recorded.request.portal}"
        return Comparison(recorded, Outcome.INCOMPARABLE, None, why)
    if now.granted != was.granted:
        outcome = Outcome.OPENS if now.granted else Outcome.SHUTS
    else:
        outcome = Outcome.SAME if _reasons(now) == _reasons(was) else Outcome.OTHERWISE
    return Comparison(recorded, outcome, now, cut=cut)


def _is_full(decision: Decision) -> bool:
    return max(len(decision.objections), len(decision.notes)) >= REASONS_MAX


def _reasons(decision: Decision) -> tuple[object, ...]:
    return decision.code, {objection.code for objection in decision.objections}, decision.missing
