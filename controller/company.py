"""Two people at one door: a visitor and his escort, or two where one alone is too few."""

from msgspec.structs import replace

from controller.holders import Directory
from controller.ids import HolderId
from controller.moment import Moment
from controller.state import SiteState
from controller.whereabouts import Passing, People
from policies.codes import Code
from policies.compiled import CompiledPolicy
from policies.facts import (
    CredentialStatus,
    Decision,
    Direction,
    HolderFacts,
    Objection,
    Request,
)
from policies.gates import validity
from policies.limits import watched
from policies.rights import Standing

HOST_LOST = "the host is not in good standing any more"
ASKS_FOR_COMPANY = frozenset({Code.TWO_PERSON, Code.NOT_ESCORTED, Code.BELOW_MINIMUM})


def accompanied(policy: CompiledPolicy, request: Request) -> Request:
    """The question with somebody at the person's side who would do."""
    return replace(request, second_person=_are_two(policy, request.holder), escorted=True)


def accompanied_by(
    policy: CompiledPolicy, request: Request, by: HolderFacts, state: SiteState
) -> Request:
    """The question of the first one, with the second at his side."""
    return replace(
        request,
        second_person=_are_two(policy, request.holder, by),
        escorted=_standing(policy, by).escort and _has_room(policy, request.holder, by, state),
    )


def side_by_side(policy: CompiledPolicy, request: Request, first: HolderFacts | None) -> Request:
    """The question of the second one: whoever he comes along with is at his side too."""
    together = first is not None and _are_two(policy, first, request.holder)
    return replace(request, second_person=together)


def _are_two(policy: CompiledPolicy, *people: HolderFacts | None) -> bool:
    """A visitor is no second person, and has none: two people answer for themselves."""
    return not any(_standing(policy, person).visitor for person in people)


def passing_of(
    policy: CompiledPolicy, request: Request, holder: HolderId | None, verdict: Decision
) -> Passing | None:
    """Whom a verdict for one person lets through."""
    if holder is None or not verdict.granted:
        return None
    return Passing(
        holders=(holder,),
        is_first=_is_first(policy, verdict),
        extended=_standing(policy, request.holder).extended,
    )


def two_passing(
    policy: CompiledPolicy,
    request: Request,
    verdict: Decision,
    first: HolderId,
    by: HolderFacts,
) -> Passing | None:
    """Whom a verdict for two people lets through."""
    if not verdict.granted:
        return None
    standing, second = _standing(policy, request.holder), HolderId(by.id)
    escorts = request.escorted and standing.visitor
    return Passing(
        holders=(first, second),
        is_first=_is_first(policy, verdict),
        visitor=first if escorts else None,
        host=second if escorts else None,
        extended=standing.extended or _standing(policy, by).extended,
    )


def hosts_lost(
    policy: CompiledPolicy, people: People, directory: Directory, moment: Moment
) -> list[tuple[HolderId, HolderId]]:
    """Visitors, each with his host, of whom the host is known no more, or not in good standing; of
    whom that was told is left out.
    """
    lost = []
    for visitor, host in sorted(people.escorts.items()):
        holder = directory.holders.get(host)
        facts = None if holder is None else holder.facts
        may = facts is not None and in_good_standing(policy, facts, moment)
        may = may and _standing(policy, facts).escort
        if not may and people.unescorted.get(visitor) != host:
            lost.append((visitor, host))
    return lost


def in_good_standing(policy: CompiledPolicy, holder: HolderFacts, moment: Moment) -> bool:
    """Whether no gate would object to the person's record, wherever he went; where the clock is not
    trusted its dates say nothing against him. A lock-out for wrong PINs is none of the record: who
    types them may be anybody.
    """
    himself = Request(
        portal="",
        direction=Direction.ENTRY,
        utc_s=moment.utc_s,
        clock_trusted=moment.trusted,
        credential=CredentialStatus.ACTIVE,
        holder=holder,
    )
    against: list[Objection] = []
    validity(himself, against)
    watched(policy, holder, against, notes=[])
    return all(objection.code is Code.CLOCK_UNTRUSTED for objection in against)


def _is_first(policy: CompiledPolicy, verdict: Decision) -> bool:
    return any(grant.first_person for grant in policy.grants if grant.id == verdict.rule)


def _has_room(
    policy: CompiledPolicy, visitor: HolderFacts | None, host: HolderFacts, state: SiteState
) -> bool:
    """Whether the host may take one more visitor of this role along, those included whom a grant
    in force lets in with him.
    """
    roles = () if visitor is None else visitor.roles
    limits = [policy.roles[role].per_host for role in roles if role in policy.roles]
    limit = min((limit for limit in limits if limit is not None), default=None)
    if limit is None:
        return True
    others = {v for v, h in state.people.escorts.items() if h == host.id}
    passing = (portal.passing for portal in state.portals.values())
    others |= {p.visitor for p in passing if p is not None and p.visitor and p.host == host.id}
    return len([v for v in others if visitor is None or v != visitor.id]) < limit


def _standing(policy: CompiledPolicy, holder: HolderFacts | None) -> Standing:
    return policy.standing(() if holder is None else holder.roles)
