"""Whether enough people have signed an order who may give it by the policy."""

from collections.abc import Collection, Mapping

from controller.company import in_good_standing
from controller.holders import Directory
from controller.ids import HolderId
from controller.moment import Moment
from policies.compiled import CompiledPolicy
from policies.rights import OrderRule

Lent = Mapping[HolderId, frozenset[str]]
"""Roles that people have for this order because they act for somebody else."""


def why_not_enough(
    policy: CompiledPolicy,
    rule: OrderRule,
    signers: Collection[HolderId | None],
    directory: Directory,
    moment: Moment,
    *,
    lent: Lent | None = None,
    codes: int = 0,
) -> str | None:
    """Why an order is not given yet; None where it is. `signers`: for each person who has signed,
    under which id he is on file, where he is. `codes`: one-time codes that stand for people.

    Whoever counts is on file with one of the rule's roles, and in good standing by `policy`. Nobody
    counts twice, and no code without anybody.
    """
    may = set()
    for who in signers:
        holder = None if who is None else directory.holders.get(who)
        if who is None or holder is None:
            continue
        acting = {*holder.facts.roles, *(lent or {}).get(who, ())}
        if rule.roles & acting and in_good_standing(policy, holder.facts, moment):
            may.add(who)
    if may and len(may) + codes >= rule.people:
        return None
    roles_named = ", ".join(sorted(rule.roles))
    return (
        f"{len(may)} of {rule.people} people have signed it who may by the policy ({roles_named})"
    )
