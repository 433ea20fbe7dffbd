"""A visitor has no other role: with one he would get further than any proof about visitors says.

An import sees to it row by row. People also come in change sets, from an edge that may have another
policy, and another policy may turn a role into a visitor's.
"""

from collections.abc import Iterable, Mapping

from edge.people.records import Change
from edge.people.sets import SetError
from policies.compiled import CompiledPolicy
from policies.rights import RoleRule

NAMED_MAX = 20
"""People in one sentence; of more their number is said."""


class SetMixedError(SetError):
    """The set brings visitors who have another role as well."""


def is_mixed(roles: Iterable[str], known: Mapping[str, RoleRule]) -> bool:
    """Whether somebody with these roles is a visitor and something else."""
    return len({role in known and known[role].visitor for role in roles}) > 1


def refuse_mixed(change: Change, policy: CompiledPolicy) -> None:
    """Raises SetMixedError where a set brings such a person, naming them by the integrator's ids.

    People on file whom the set does not touch are not looked at: it may bring a revocation.
    """
    mixed = [one for one in change.holders if is_mixed(one.roles, policy.roles)]
    if mixed:
        raise SetMixedError(
            f"the set brings visitors who have another role as well: "
            f"{in_words([one.external_id for one in mixed])}",
            "give each of them one kind of role at the other edge, or bring the policies of both "
            "together",
        )


def in_words(ids: Iterable[str]) -> str:
    """`3 people (17, 23, 40)`."""
    ordered = sorted(ids)
    more = ", …" if len(ordered) > NAMED_MAX else ""
    count = "1 person" if len(ordered) == 1 else f"{len(ordered)} people"
    return f"{count} ({', '.join(ordered[:NAMED_MAX])}{more})"
