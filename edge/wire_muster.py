"""The message that says who is looked for: pseudonyms and counts, and no name.

Readers tolerate unknown fields. What does not fit raises WireError.
"""

from typing import Annotated

import msgspec

from controller.body import Name
from controller.ids import HolderId
from controller.muster import Confidence, Going, Listed, Roll, ZoneCount
from controller.sightings import Doubt
from edge.wire import Incarnation, Mark
from policies.facts import Headcount, UtcSeconds

PEOPLE_MAX = 1_000
"""Of one message, those who are missing first; the counts are of all."""

ZONES_MAX = 1_000

OrderOrNone = Annotated[str, msgspec.Meta(max_length=64)]
PlaceOrNone = Annotated[str, msgspec.Meta(max_length=64)]


class MusterGoing(msgspec.Struct, frozen=True, kw_only=True):
    """The muster that goes on: by which entry it began, and for which order; empty: by hand."""

    entry: Mark
    at_s: UtcSeconds | None
    order: OrderOrNone = ""
    drill: bool = False


class MusterZone(msgspec.Struct, frozen=True, kw_only=True):
    """How many are listed in a zone, how many of those who are missing may be gone, and how many
    are checked off. `counted`: how many its doors count, with the zones within; 0 also where nobody
    counts since the ways out were free.
    """

    zone: Name
    listed: Mark
    unknown: Mark
    checked: Mark
    counted: Mark


class MusterPerson(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who came in and was not seen leaving, seen last in `zone` by entry `entry`, at
    `portal`; after a grant that nobody saw used, or in `perhaps`. `doubt`: why he may be gone,
    since `doubt_since_s`. `checked_at`: where somebody saw him safe; empty: he is missing. `party`:
    how many people without badges are with him; not `led`: he has left, and one of them stands for
    him.
    """

    holder: HolderId
    zone: PlaceOrNone
    perhaps: PlaceOrNone = ""
    portal: PlaceOrNone = ""
    entry: Mark = 0
    at_s: UtcSeconds | None = None
    confidence: Confidence
    doubt: Doubt | None = None
    doubt_since_s: UtcSeconds | None = None
    host: HolderId | None = None
    party: Headcount = 0
    led: bool = True
    checked_at: PlaceOrNone = ""
    again: bool = False


class MusterNow(msgspec.Struct, frozen=True, kw_only=True):
    """The roll after entry `revision` of the journal `incarnation`: `listed` people, of whom
    `missing` are to be looked for, and of these `unknown` may be gone. Without a `muster` nobody is
    checked off. `extra`: so many are checked off whom no door had seen coming in.
    """

    v: int = 1
    incarnation: Incarnation
    revision: Mark
    muster: MusterGoing | None = None
    listed: Mark
    missing: Mark
    unknown: Mark
    checked: Mark
    extra: Mark = 0
    zones: Annotated[tuple[MusterZone, ...], msgspec.Meta(max_length=ZONES_MAX)] = ()
    people: Annotated[tuple[MusterPerson, ...], msgspec.Meta(max_length=PEOPLE_MAX)] = ()


def muster_now(rolled: Roll, incarnation: str) -> MusterNow:
    """A roll as it goes over the wire."""
    return MusterNow(
        incarnation=incarnation,
        revision=rolled.seq,
        muster=None if rolled.muster is None else _going(rolled.muster),
        listed=len(rolled.people),
        missing=rolled.missing,
        unknown=rolled.unknown,
        checked=rolled.checked,
        extra=len(rolled.extra),
        zones=tuple(_zone(one) for one in rolled.zones[:ZONES_MAX]),
        people=tuple(_person(one) for one in rolled.people[:PEOPLE_MAX]),
    )


def _going(going: Going) -> MusterGoing:
    return MusterGoing(entry=going.entry, at_s=going.at_s, order=going.order, drill=going.drill)


def _zone(count: ZoneCount) -> MusterZone:
    return MusterZone(
        zone=count.zone,
        listed=count.listed,
        unknown=count.unknown,
        checked=count.checked,
        counted=count.counted,
    )


def _person(one: Listed) -> MusterPerson:
    return MusterPerson(
        holder=one.holder,
        zone=one.zone,
        perhaps=one.perhaps,
        portal=one.portal,
        entry=one.entry,
        at_s=one.at_s,
        confidence=one.confidence,
        doubt=one.doubt,
        doubt_since_s=one.doubt_since_s,
        host=one.host,
        party=one.party,
        led=one.led,
        checked_at="" if one.check is None else one.check.where,
        again=one.again,
    )
