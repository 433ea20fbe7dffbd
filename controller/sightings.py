"""How it is known where somebody is: the latest evidence of each person who may be inside.

`controller.whereabouts` tells where somebody is known to be, for decisions, and forgets whoever may
have gone. Here nobody is forgotten who came in and was not seen leaving: these are whom a muster
looks for. No decision reads it: nobody is kept in or let in by any of it.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from controller.body import Name, Seq, Text
from controller.ids import HolderId
from policies.facts import Headcount, UtcSeconds


class How(StrEnum):
    """What kind of evidence it is."""

    PASSAGE = "passage"  # a leaf opened on his own grant
    GRANT = "grant"  # he was let through where nobody can see whether he went
    PERSON = "person"  # somebody saw him, and said so by name


class Doubt(StrEnum):
    """Why somebody may be gone without having been seen going."""

    EXIT = "exit"  # somebody left by a free exit or a request to exit, and it may have been he
    RELEASE = "release"  # fire or evacuation freed the ways out
    RESTART = "restart"  # the edge did not run, and one may leave without it


class Evidence(NamedTuple):
    """Of one entry: its number, its portal, and when it was, None by an untrusted clock."""

    entry: int
    portal: str
    at_s: UtcSeconds | None


class Doubted(msgspec.Struct, frozen=True, kw_only=True):
    """From which entry on, and since when, it is not known where somebody is."""

    why: Doubt
    entry: int
    since_s: UtcSeconds | None


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody was in `zone`, by entry `entry` at `portal`; 0 and empty: an earlier version noted
    it. `perhaps`: of a grant, where he is otherwise. `host`: who escorts him; `with_host`: the
    evidence is the two of them together. `doubted`: nothing is known of him since. `party`: how
    many people without badges are with him; not `led`: he has left, and one of them stands for him.
    """

    zone: str
    how: How
    entry: int = 0
    portal: str = ""
    at_s: UtcSeconds | None = None
    perhaps: str = ""
    host: HolderId | None = None
    with_host: bool = False
    doubted: Doubted | None = None
    party: Headcount = 0
    led: bool = True

    @property
    def people(self) -> int:
        """How many are to be found."""
        return 1 + self.party


Sightings = dict[HolderId, Sighting]
"""Replaced, never changed."""


class CheckedOff(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody was seen at `where`, and said to be safe. `inside`: that is a zone of the site, and
    no assembly point outside it.
    """

    where: Name
    inside: bool
    entry: int
    at_s: UtcSeconds | None


class Muster(msgspec.Struct, frozen=True, kw_only=True):
    """The muster that goes on: by which entry it began, and for which order; empty: by hand."""

    entry: Seq
    at_s: UtcSeconds | None
    order: Text = ""
    drill: bool = False
    checks: dict[HolderId, CheckedOff] = {}


class Way(NamedTuple):
    """From where to where somebody went, or was let go. `is_outside`: `zone` is public, and
    `from_outside`: `source` is.
    """

    source: str
    zone: str
    is_outside: bool
    from_outside: bool = False


def after_passage(
    sightings: Sightings,
    holders: tuple[HolderId, ...],
    way: Way,
    escorted: tuple[HolderId | None, HolderId | None],
    evidence: Evidence,
    party: Headcount = 0,
) -> Sightings:
    """These went through. `escorted`: the visitor among them, with his host. `party`: how many
    people the first of them leads; whoever of it stayed behind is looked for with him.
    """
    if way.is_outside:
        return without(sightings, holders)
    visitor, host = escorted
    fresh: Sightings = {}
    for holder in holders:
        before = sightings.get(holder)
        with_host = holder == visitor and host is not None
        kept = None if before is None else before.host
        fresh[holder] = Sighting(
            zone=way.zone,
            how=How.PASSAGE,
            entry=evidence.entry,
            portal=evidence.portal,
            at_s=evidence.at_s,
            host=host if with_host else kept,
            with_host=with_host,
            party=_party(before, way, party) if holder == holders[0] else 0,
        )
    return sightings | fresh


def _party(before: Sighting | None, way: Way, party: Headcount) -> Headcount:
    return party if before is None or way.from_outside else max(party, before.party)


def after_grant(
    sightings: Sightings, holders: tuple[HolderId, ...], way: Way, evidence: Evidence
) -> Sightings:
    """These were let through, and whether they went nobody knows. Who is let out and was never seen
    coming in is not looked for.
    """
    fresh: Sightings = {}
    for holder in holders:
        before = sightings.get(holder)
        if way.is_outside and before is None:
            continue
        zone, perhaps = way.zone, way.source
        if way.is_outside:
            zone, perhaps = perhaps, zone
        fresh[holder] = Sighting(
            zone=zone,
            how=How.GRANT,
            entry=evidence.entry,
            portal=evidence.portal,
            at_s=evidence.at_s,
            perhaps=perhaps,
            host=None if before is None else before.host,
        )
    return sightings | fresh


def after_doubt(
    sightings: Sightings, zones: Iterable[str], why: Doubt, evidence: Evidence
) -> Sightings:
    """Whoever was in one of these may be gone. Who was doubted before is so since then."""
    emptied = set(zones)
    doubted = Doubted(why=why, entry=evidence.entry, since_s=evidence.at_s)
    fresh = {
        holder: replace(seen, doubted=doubted)
        for holder, seen in sightings.items()
        if seen.doubted is None and not emptied.isdisjoint((seen.zone, seen.perhaps))
    }
    return sightings | fresh if fresh else sightings


def after_muster(sightings: Sightings, muster: Muster) -> Sightings:
    """A muster's end is the latest evidence of whoever stands checked off in it: in a zone he is
    listed there, at an assembly point outside he is looked for no more.
    """
    standing = {who: one for who, one in muster.checks.items() if stands(one, sightings.get(who))}
    fresh = {
        holder: Sighting(
            zone=check.where,
            how=How.PERSON,
            entry=check.entry,
            at_s=check.at_s,
            host=sightings[holder].host if holder in sightings else None,
        )
        for holder, check in standing.items()
        if check.inside
    }
    outside = tuple(holder for holder, check in standing.items() if not check.inside)
    return without(sightings, outside) | fresh


def after_word(
    sightings: Sightings, holder: HolderId, zone: str | None, evidence: Evidence
) -> Sightings:
    """Somebody says where this one is; `zone` None: he has left, and is looked for no more. That is
    about one: people without badges who came with him stay listed under his name.
    """
    before = sightings.get(holder)
    if zone is None and before is not None and (before.party or not before.led):
        party = before.party - 1 if before.led else before.party
        return sightings | {holder: replace(before, party=party, led=False)}
    if zone is None:
        return without(sightings, (holder,))
    seen = Sighting(
        zone=zone,
        how=How.PERSON,
        entry=evidence.entry,
        at_s=evidence.at_s,
        host=None if before is None else before.host,
        party=0 if before is None else before.party,
    )
    return sightings | {holder: seen}


def stands(check: CheckedOff, seen: Sighting | None) -> bool:
    """Whether nothing was seen of him since he was checked off: who goes in again is missing."""
    return seen is None or seen.entry < check.entry


def without(sightings: Sightings, holders: Iterable[HolderId]) -> Sightings:
    """Nothing is remembered of these."""
    left = set(holders)
    if left.isdisjoint(sightings):
        return sightings
    return {holder: seen for holder, seen in sightings.items() if holder not in left}
