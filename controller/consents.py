"""Consents of the head of mission that are in force, and the signed files that have had their day.

An agent of the receiving State enters the premises with one alone (VCDR art. 22(1)).
"""

from enum import StrEnum

import msgspec
from msgspec.structs import replace

from controller.ids import HolderId, OrderId
from controller.moment import Moment
from policies.compiled import CompiledPolicy
from policies.facts import Headcount, UtcSeconds

CONSENT_S_MAX = 24 * 3600
"""The longest that a consent holds. It is given for a visit, by somebody who knows what for; who
has business here tomorrow as well needs one of tomorrow."""

CONSENTS_MAX = 500
"""Files that are remembered at a time, so that the state stays small; each is forgotten when it
could not be given any more, which is a day at most."""


ZONES_MAX = 32
"""Of one consent; whoever has more to see is consented to for all."""


PARTY_MAX = 50
"""People without badges whom one consent lets in with its agent: a delegation, not a crowd."""


class ConsentEnd(StrEnum):
    REVOKED = "revoked"
    EXPIRED = "expired"
    HOLDER_GONE = "holder-gone"


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """`until_s`: the first second at which it does not hold. `seq`: the entry that tells of it.
    `zones`: which may be entered, with those around them; none: all. `party`: how many people
    without badges may come with him.
    """

    order: OrderId
    until_s: UtcSeconds
    seq: int
    zones: tuple[str, ...] = ()
    party: Headcount = 0


class Consents(msgspec.Struct, frozen=True, kw_only=True):
    """Mappings are replaced, never changed."""

    in_force: dict[HolderId, Consent] = {}
    seen: dict[OrderId, UtcSeconds] = {}
    """Whatever was given, and until when its file could be; none of them acts again."""
    closed_s: UtcSeconds = 0
    """Files that had to be given by then are forgotten, and refused whatever a clock says later."""


def holds(
    consents: Consents,
    holder: HolderId,
    moment: Moment,
    policy: CompiledPolicy,
    zone: str,
    party: Headcount = 0,
) -> bool:
    """Whether a consent stands for this person now, into this zone, with a party of so many people
    and no more. Every one has an end, so that none holds by a clock that nobody vouches for.
    Whoever may enter a zone may enter those around it on the way there, and none that lie inside
    it.
    """
    consent = consents.in_force.get(holder)
    if consent is None or not moment.trusted or moment.utc_s >= consent.until_s:
        return False
    if party > consent.party:
        return False
    named = (policy.zones_by_id.get(name) for name in consent.zones)
    return not consent.zones or any(one is not None and zone in one.lineage for one in named)


def after_given(
    consents: Consents,
    holder: HolderId,
    consent: Consent,
    accept_until_s: UtcSeconds,
    at_s: UtcSeconds | None,
) -> Consents:
    """Given; it takes the place of an earlier one for the same person."""
    over = {
        order: by_s for order, by_s in consents.seen.items() if at_s is not None and by_s <= at_s
    }
    kept = {order: by_s for order, by_s in consents.seen.items() if order not in over}
    return Consents(
        in_force=consents.in_force | {holder: consent},
        seen=kept | {consent.order: accept_until_s},
        closed_s=max((consents.closed_s, *over.values())),
    )


def after_ended(consents: Consents, holder: HolderId) -> Consents:
    """None stands for this person any more; that it was given is not forgotten."""
    left = {other: one for other, one in consents.in_force.items() if other != holder}
    return replace(consents, in_force=left)
