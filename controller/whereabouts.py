"""Who is where, as far as doors tell, and how many people each zone holds.

People are believed to be where a granted passage that was made took them. A grant alone moves
nobody. Whoever leaves without being asked, by a free exit or in a fire, might be any of those who
stood there: of all of them it is then unknown where they are, which is not wrong.
"""

from collections.abc import Container, Mapping
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from controller import sightings
from controller.ids import HolderId
from controller.moment import SECOND_US, Micros
from controller.sightings import Doubt, Evidence, How, Muster, Sighting, Sightings, Way
from policies.compiled import CompiledPolicy, ExitKind, ZoneKind
from policies.facts import Direction, Headcount, ScreeningResult, UtcSeconds
from policies.schedule import wall_at

GONE_MAX = 500
"""What one entry can hold; the next change of people takes the rest."""
LOCKOUT_US = 15 * 60 * SECOND_US
"""How long too many wrong PINs keep somebody out: long for who guesses, short for who mistyped."""
WRONG_PINS_MAX = 5
"""One after the other; with four digits that is a chance of one in two thousand."""


T = TypeVar("T")


class Presence(msgspec.Struct, frozen=True):
    """Where somebody was seen last; `since_s` None: by a clock that nobody vouched for.

    `entered_s`: when he came in from outside, or the first that a trusted clock knew of it.
    `overstayed`: that he has been inside for too long was told. `party`: how many people without
    badges he leads.
    """

    zone: str
    since_s: UtcSeconds | None
    entered_s: UtcSeconds | None = None
    overstayed: bool = False
    party: Headcount = 0

    @property
    def inside_since_s(self) -> UtcSeconds | None:
        """What was stored by an earlier version knows of the last door alone."""
        return self.since_s if self.entered_s is None else self.entered_s


class Passing(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the grant in force at a portal lets through. `is_first`: who may be a zone's first.
    `ajar`: the leaf was not seen closed when it came, so nobody can say by whom it is used.
    `extended`: one of them needs more time. `party`: how many people without badges the first of
    them leads.
    """

    holders: tuple[HolderId, ...]
    is_first: bool = False
    ajar: bool = False
    visitor: HolderId | None = None
    """One of the two, where the other one, `host`, escorts him."""
    host: HolderId | None = None
    extended: bool = False
    party: Headcount = 0

    @property
    def people(self) -> int:
        """How many they are."""
        return len(self.holders) + self.party


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """A passage that was made: `people` went from `source` to `zone`, and by that out of the zones
    `left` and into those `entered`. No `holders`: nobody knows who. `people` 0: nor how many.
    `unsure`: who may have gone or not; where they are is not known from here on.
    `firsts`: zones that have their first person by this. `is_outside`: `zone` is public;
    `from_outside`: `source` is. `party`: how many of the `people` the first of `holders` leads.
    """

    holders: tuple[HolderId, ...] = ()
    unsure: tuple[HolderId, ...] = ()
    people: Headcount
    source: str
    zone: str
    is_outside: bool
    from_outside: bool = False
    left: tuple[str, ...] = ()
    entered: tuple[str, ...] = ()
    firsts: tuple[str, ...] = ()
    visitor: HolderId | None = None
    host: HolderId | None = None
    party: Headcount = 0


class ScreenedAt(msgspec.Struct, frozen=True):
    """The latest word of a station about somebody."""

    result: ScreeningResult
    at_s: UtcSeconds | None


class People(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, for everybody. Mappings are replaced, never changed."""

    presences: dict[HolderId, Presence] = {}
    inside: dict[str, int] = {}
    firsts: dict[str, UtcSeconds | None] = {}
    """Zones that have had their first person, and when."""
    escorts: dict[HolderId, HolderId] = {}
    """Visitor to host."""
    unescorted: dict[HolderId, HolderId] = {}
    """Those of `escorts` of whom it was told that the host is in good standing no more."""
    screened: dict[HolderId, dict[str, ScreenedAt]] = {}
    wrong_pins: dict[HolderId, int] = {}
    """One after the other, since the last right one."""
    locked_out: dict[HolderId, Micros] = {}
    """Until when; monotonic."""
    sightings: Sightings = {}
    """The latest evidence of everybody who may be inside, `presences` included: for musters."""
    muster: Muster | None = None


def passage_made(
    policy: CompiledPolicy,
    portal: str,
    direction: Direction | None,
    passing: Passing | None,
    people: int,
    *,
    sure: bool = True,
) -> Moved | None:
    """What a passage in this direction makes of everybody's whereabouts; None where the policy has
    no such passage. Not `sure`: those who were let through may have gone or not, and count as gone.
    """
    passage = policy.passage(portal, direction) if direction is not None else None
    if passage is None:
        return None
    outwards = passage.source.lineage
    entered = [zone for zone in passage.target.lineage if zone not in outwards]
    left = [zone for zone in outwards if zone not in passage.target.lineage]
    let_in = () if passing is None else passing.holders
    known = passing if sure else None
    first = known is not None and known.is_first
    return Moved(
        holders=let_in if sure else (),
        unsure=() if sure else let_in,
        people=people,
        source=passage.source.id,
        zone=passage.target.id,
        is_outside=passage.target.kind is ZoneKind.PUBLIC,
        from_outside=passage.source.kind is ZoneKind.PUBLIC,
        left=tuple(left),
        entered=tuple(entered),
        firsts=tuple(z for z in entered if first and policy.zones_by_id[z].first_person),
        visitor=None if known is None else known.visitor,
        host=None if known is None else known.host,
        party=0 if known is None else known.party,
    )


def emptied_by(policy: CompiledPolicy, portal: str) -> tuple[str, ...]:
    """The zones that people leave through a portal whose way out is free."""
    rule = policy.portal(portal)
    passage = None if rule is None else policy.passage(portal, rule.way_out)
    if passage is None:
        return ()
    return tuple(zone for zone in passage.source.lineage if zone not in passage.target.lineage)


def unseen(policy: CompiledPolicy, people: People) -> tuple[str, ...]:
    """Zones with people in them that somebody can leave without this edge: what happens there while
    it is not running is not known.
    """
    known = {seen.zone for seen in people.presences.values()}
    known |= {zone for seen in people.sightings.values() for zone in (seen.zone, seen.perhaps)}
    free = (p for p in policy.passages.values() if p.way_out and p.portal.exit is ExitKind.FREE)
    return tuple(sorted(known & {passage.source.id for passage in free}))


def after_passage(people: People, moved: Moved, at_s: UtcSeconds | None) -> People:
    """Everybody's whereabouts after a passage."""
    inside = dict(people.inside)
    for zone in moved.entered:
        inside[zone] = inside.get(zone, 0) + moved.people
    for zone in moved.left:
        inside[zone] = max(0, inside.get(zone, 0) - moved.people)
    presences = people.presences
    if moved.unsure:
        presences = _without(presences, moved.unsure)
    elif moved.holders and moved.is_outside:
        presences = _without(presences, moved.holders)
    elif moved.holders:
        presences = presences | {
            holder: replace(_here(presences.get(holder), moved, at_s), party=moved.party * leads)
            for holder, leads in _leading(moved)
        }
    else:
        presences = _nobody_known_in(presences, (moved.source,))
    people = replace(
        people,
        inside={zone: count for zone, count in inside.items() if count},
        firsts=people.firsts | dict.fromkeys(moved.firsts, at_s),
    )
    return _seen(people, presences, _escorts(people.escorts, moved))


def after_release(people: People, emptied: tuple[str, ...]) -> People:
    """Whoever was in these zones may have left, and how many are there now nobody counts."""
    inside = {zone: count for zone, count in people.inside.items() if zone not in emptied}
    presences = _nobody_known_in(people.presences, emptied)
    return _seen(replace(people, inside=inside), presences, people.escorts)


def after_start(people: People, unseen_zones: tuple[str, ...], mono_us: Micros) -> People:
    """What a restart leaves: a lock-out begins anew, because its clock did."""
    locked_out = dict.fromkeys(people.locked_out, mono_us + LOCKOUT_US)
    presences = _nobody_known_in(people.presences, unseen_zones)
    return _seen(replace(people, locked_out=locked_out), presences, people.escorts)


def after_trust(people: People, at_s: UtcSeconds) -> People:
    """The clock is trusted: whoever came while it was not counts as having come now."""
    if all(seen.inside_since_s is not None for seen in people.presences.values()):
        return people
    presences = {
        holder: replace(seen, entered_s=at_s) if seen.inside_since_s is None else seen
        for holder, seen in people.presences.items()
    }
    return replace(people, presences=presences)


def after_overstay(people: People, visitor: HolderId) -> People:
    """That he has been inside for too long is told once."""
    seen = people.presences.get(visitor)
    if seen is None:
        return people
    told = people.presences | {visitor: replace(seen, overstayed=True)}
    return replace(people, presences=told)


def after_host_lost(people: People, visitor: HolderId, host: HolderId) -> People:
    """That this host is in good standing no more is told once for this visitor."""
    return replace(people, unescorted=people.unescorted | {visitor: host})


def after_pin(people: People, holder: HolderId, *, passed: bool) -> People:
    """Wrong PINs are counted until a right one."""
    counts = {other: count for other, count in people.wrong_pins.items() if other != holder}
    if not passed:
        counts[holder] = people.wrong_pins.get(holder, 0) + 1
    return replace(people, wrong_pins=counts)


def after_lockout(people: People, holder: HolderId, until_us: Micros | None) -> People:
    """Locked out until then; None: no longer."""
    locked = {other: until for other, until in people.locked_out.items() if other != holder}
    if until_us is not None:
        locked[holder] = until_us
    counts = {other: count for other, count in people.wrong_pins.items() if other != holder}
    return replace(people, locked_out=locked, wrong_pins=counts)


def after_screening(people: People, holder: HolderId, station: str, screened: ScreenedAt) -> People:
    """A station's latest word takes the place of its earlier one."""
    said = people.screened.get(holder, {}) | {station: screened}
    return replace(people, screened=people.screened | {holder: said})


def gone(people: People, known: Container[HolderId]) -> tuple[HolderId, ...]:
    """Those of whom something is remembered and whom nobody knows any more."""
    remembered = {*people.presences, *people.escorts, *people.screened}
    remembered |= {*people.wrong_pins, *people.locked_out, *people.sightings}
    if people.muster is not None:
        remembered |= set(people.muster.checks)
    return tuple(sorted(holder for holder in remembered if holder not in known))[:GONE_MAX]


def without(people: People, holders: tuple[HolderId, ...]) -> People:
    """Nothing is remembered of these."""
    if not holders:
        return people

    def others(told: Mapping[HolderId, T]) -> dict[HolderId, T]:
        return {holder: value for holder, value in told.items() if holder not in holders}

    people = replace(
        people,
        screened=others(people.screened),
        wrong_pins=others(people.wrong_pins),
        locked_out=others(people.locked_out),
        sightings=others(people.sightings),
        muster=None
        if people.muster is None
        else replace(people.muster, checks=others(people.muster.checks)),
    )
    return _seen(people, others(people.presences), others(people.escorts))


def after_moved(people: People, moved: Moved, evidence: Evidence) -> People:
    """What a passage, or what may have been one, tells of people for musters."""
    seen = people.sightings
    way = Way(moved.source, moved.zone, moved.is_outside, moved.from_outside)
    if moved.unsure:
        seen = sightings.after_grant(seen, moved.unsure, way, evidence)
    elif moved.holders:
        escorted = (moved.visitor, moved.host)
        seen = sightings.after_passage(seen, moved.holders, way, escorted, evidence, moved.party)
    else:
        seen = sightings.after_doubt(seen, (moved.source,), Doubt.EXIT, evidence)
    return replace(people, sightings=seen)


def after_emptied(people: People, zones: tuple[str, ...], why: Doubt, evidence: Evidence) -> People:
    """Whoever was in these zones may have left unseen: he is looked for in a muster."""
    seen = sightings.after_doubt(people.sightings, zones, why, evidence)
    return replace(people, sightings=seen)


def with_sightings(people: People) -> People:
    """An earlier version remembered where somebody was, and not how that was known."""
    lacking = {
        holder: Sighting(zone=seen.zone, how=How.PASSAGE, at_s=seen.since_s)
        for holder, seen in people.presences.items()
        if holder not in people.sightings
    }
    return replace(people, sightings=lacking | people.sightings) if lacking else people


def without_firsts(people: People) -> People:
    """Every zone waits for its first person again."""
    return replace(people, firsts={}) if people.firsts else people


def has_first(people: People, zone: str, policy: CompiledPolicy, utc_s: UtcSeconds) -> bool:
    """Whether a zone had its first person today, by the wall clock of the site."""
    at_s = people.firsts.get(zone)
    then = None if at_s is None else wall_at(policy.zone, at_s)
    now = wall_at(policy.zone, utc_s)
    return then is not None and now is not None and then.day == now.day


def left_alone(people: People, moved: Moved) -> list[tuple[HolderId, HolderId]]:
    """Visitors, each with his host, whom the host has just left behind."""
    return [
        (visitor, host)
        for visitor, host in sorted(people.escorts.items())
        if host in moved.holders
        and visitor not in moved.holders
        and (seen := people.presences.get(visitor)) is not None
        and seen.zone == moved.source
    ]


def _leading(moved: Moved) -> list[tuple[HolderId, bool]]:
    """Those who have gone, and which of them leads the party: the first."""
    return [(holder, place == 0) for place, holder in enumerate(moved.holders)]


def left_behind(people: People, moved: Moved) -> tuple[HolderId, int] | None:
    """Who has gone without all of his party, and how many of it have stayed."""
    if not moved.holders:
        return None
    leader = moved.holders[0]
    before = people.presences.get(leader)
    stayed = 0 if before is None or moved.from_outside else before.party - moved.party
    return (leader, stayed) if stayed > 0 else None


def after_left_behind(
    people: People, leader: HolderId, zone: str, stayed: int, evidence: Evidence
) -> People:
    """Some of a party have stayed where it was. Where its leader has left, a muster looks for them
    under his name.
    """
    if leader in people.sightings:
        return people
    found = Sighting(
        zone=zone,
        how=How.PASSAGE,
        entry=evidence.entry,
        portal=evidence.portal,
        at_s=evidence.at_s,
        party=stayed - 1,
        led=False,
    )
    return replace(people, sightings=people.sightings | {leader: found})


def _here(before: Presence | None, moved: Moved, at_s: UtcSeconds | None) -> Presence:
    """Somebody has come into `moved.zone`; a visit begins outside, or where he is first seen."""
    if before is None or moved.from_outside:
        return Presence(moved.zone, at_s, at_s)
    since_s = at_s if before.inside_since_s is None else before.inside_since_s
    return replace(before, zone=moved.zone, since_s=at_s, entered_s=since_s)


def _escorts(escorts: dict[HolderId, HolderId], moved: Moved) -> dict[HolderId, HolderId]:
    if moved.visitor is not None and moved.host is not None:
        return escorts | {moved.visitor: moved.host}
    return escorts


def _seen(
    people: People, presences: dict[HolderId, Presence], escorts: dict[HolderId, HolderId]
) -> People:
    """Who is not known to be inside is escorted by nobody."""
    escorts = {visitor: host for visitor, host in escorts.items() if visitor in presences}
    told = {v: host for v, host in people.unescorted.items() if escorts.get(v) == host}
    return replace(people, presences=presences, escorts=escorts, unescorted=told)


def _without(
    presences: Mapping[HolderId, Presence], holders: tuple[HolderId, ...]
) -> dict[HolderId, Presence]:
    return {holder: seen for holder, seen in presences.items() if holder not in holders}


def _nobody_known_in(
    presences: dict[HolderId, Presence], zones: tuple[str, ...]
) -> dict[HolderId, Presence]:
    if not any(seen.zone in zones for seen in presences.values()):
        return presences
    return {holder: seen for holder, seen in presences.items() if seen.zone not in zones}
