"""Two people at one door: a visitor and his escort, or two where one alone is too few."""

from msgspec.structs import replace

from controller.ids import HolderId
from controller.whereabouts import Passing, People
from policies.codes import Code
from policies.compiled import CompiledPolicy, Standing
from policies.facts import Decision, HolderFacts, Request

ASKS_FOR_COMPANY = frozenset({Code.TWO_PERSON, Code.NOT_ESCORTED})


def accompanied(
    policy: CompiledPolicy,
    request: Request,
    *,
    by: HolderFacts | None = None,
    people: People | None = None,
) -> Request:
    """The question with somebody at the person's side; `by` None: with whoever would do.

    A visitor is no second person, and has none: two people means two who answer for themselves.
    """
    visitor = _standing(policy, request.holder).visitor
    if by is None:
        return replace(request, second_person=not visitor, escorted=True)
    other = _standing(policy, by)
    return replace(
        request,
        second_person=not (visitor or other.visitor),
        escorted=other.escort and _has_room(policy, request.holder, by, people or People()),
    )


def passing_of(
    policy: CompiledPolicy, holder: HolderId | None, verdict: Decision
) -> Passing | None:
    """Whom a verdict for one person lets through."""
    if holder is None or not verdict.granted:
        return None
    return Passing(holders=(holder,), is_first=_is_first(policy, verdict))


def two_passing(
    policy: CompiledPolicy,
    request: Request,
    verdict: Decision,
    first: HolderId,
    second: HolderId,
) -> Passing | None:
    """Whom a verdict for two people lets through."""
    if not verdict.granted:
        return None
    escorts = request.escorted and _standing(policy, request.holder).visitor
    return Passing(
        holders=(first, second),
        is_first=_is_first(policy, verdict),
        visitor=first if escorts else None,
        host=second if escorts else None,
    )


def _is_first(policy: CompiledPolicy, verdict: Decision) -> bool:
    return any(grant.first_person for grant in policy.grants if grant.id == verdict.rule)


def _has_room(
    policy: CompiledPolicy, visitor: HolderFacts | None, host: HolderFacts, people: People
) -> bool:
    """Whether the host may take one more visitor of this role along."""
    roles = () if visitor is None else visitor.roles
    limits = [policy.roles[role].per_host for role in roles if role in policy.roles]
    limit = min((limit for limit in limits if limit is not None), default=None)
    if limit is None:
        return True
    others = [v for v, h in people.escorts.items() if h == host.id]
    return len([v for v in others if visitor is None or v != visitor.id]) < limit


def _standing(policy: CompiledPolicy, holder: HolderFacts | None) -> Standing:
    return policy.standing(() if holder is None else holder.roles)
