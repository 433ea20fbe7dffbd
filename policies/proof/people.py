"""Sets of roles that stand for all others.

One more role never takes anything away, with two exceptions: a role that some denial names, and an
agent of the host state. So of the rest the largest set can do most, and only those two kinds have
to be tried with and without. A visitor has no other role: whoever enters people into the site's
records sees to that.
"""

from itertools import combinations

from policies.compiled import CompiledPolicy
from policies.rights import Override, RoleRule, Standing

Names = tuple[str, ...]

SUBSETS_MAX = 6
"""Up to so many roles that may take something away are tried in every combination; above, up to two
of them at a time."""


def taking(policy: CompiledPolicy) -> frozenset[str]:
    """Roles that may take something away from whoever has others beside them."""
    denied = {role for deny in policy.denies for role in deny.roles}
    host = {role.id for role in policy.roles.values() if role.host_state}
    return frozenset(denied | host)


def strongest(policy: CompiledPolicy, role: str) -> tuple[Names, ...]:
    """Sets of roles with `role` among them, one of which can do whatever any such set can."""
    if policy.roles[role].visitor:
        return ((role,),)
    base = {r.id for r in policy.roles.values() if not r.visitor} - taking(policy) | {role}
    odd = sorted(r for r in taking(policy) - base if _brings(policy, policy.roles[r], base))
    most = len(odd) if len(odd) <= SUBSETS_MAX else 2
    return tuple(
        tuple(sorted({*base, *added}))
        for count in range(most + 1)
        for added in combinations(odd, count)
    )


def tried_in_pairs(policy: CompiledPolicy) -> bool:
    """Whether some combinations of more than two such roles are not tried."""
    return len(taking(policy)) > SUBSETS_MAX


def _brings(policy: CompiledPolicy, role: RoleRule, base: set[str]) -> bool:
    """Whether it gives those who have all of `base` anything that they have not."""
    if role.visitor:
        return False
    theirs = [policy.roles[name] for name in base]
    overrides: set[Override] = {override for other in theirs for override in other.overrides}
    return (
        role.clearance > max((other.clearance for other in theirs), default=0)
        or not role.overrides <= overrides
        or any(role.id in g.roles and g.roles.isdisjoint(base) for g in policy.grants)
    )


def unlike(policy: CompiledPolicy) -> tuple[Names, ...]:
    """Nobody's roles, then one role for each kind of standing, then all roles but visitors'."""
    kinds: dict[tuple[bool, bool, bool], Names] = {}
    for role in policy.roles.values():
        kinds.setdefault((role.protected, role.host_state, role.visitor), (role.id,))
    everything = tuple(sorted(r.id for r in policy.roles.values() if not r.visitor))
    return ((), *kinds.values(), everything)


Facts = tuple[int, bool, bool, bool, bool, frozenset[Override]]


def facts_of(standing: Standing) -> Facts:
    """What the gates ask of a person beside which rules name his roles."""
    return (
        standing.clearance,
        standing.protected,
        standing.host_state,
        standing.visitor,
        standing.exempt,
        standing.overrides,
    )
