"""Whether enough people have signed an order who may give it by the policy."""

from collections.abc import Collection

from controller.company import in_good_standing
from controller.holders import Directory
from controller.ids import HolderId
from controller.moment import Moment
from policies.compiled import CompiledPolicy
from policies.rights import OrderRule


def why_not_enough(
    policy: CompiledPolicy,
    rule: OrderRule,
    signers: Collection[HolderId | None],
    directory: Directory,
    moment: Moment,
) -> str | None:
    """Why an order is not given yet; None where it is. `signers`: for each person who has signed,
    under which id he is on file, where he is.

    Whoever counts is on file with one of the rule's roles, and in good standing by `policy`. Nobody
    counts twice.
    """
    may = set()
    for who in signers:
        holder = None if who is None else directory.holders.get(who)
        if holder is not None and in_good_standing(policy, holder.facts, moment):
            may |= {who} if rule.roles.intersection(holder.facts.roles) else set()
    if len(may) >= rule.people:
        return None
    roles = ", ".join(sorted(rule.roles))
    return f"{len(may)} of {rule.people} people have signed it who may by the policy ({roles})"
