"""A muster: who has to be looked for, by the doors' last word, and who was seen safe.

The roll lists everybody who came in by a passage and was not seen leaving by one, each once, and
says of each how good that knowledge is. Checking off changes the roll alone: no decision reads any
of it.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from enum import StrEnum

import msgspec

from controller.events_muster import (
    CheckUndone,
    MusterBegun,
    MusterEnded,
    MusterRefusal,
    MusterRefused,
    PersonCheckedOff,
)
from controller.ids import HolderId
from controller.inputs import Input
from controller.inputs_muster import (
    CheckOffAsked,
    CheckUndoAsked,
    MusterBeginAsked,
    MusterEndAsked,
)
from controller.ledger import Personal, commitment
from controller.sightings import CheckedOff, Doubt, How, Sighting, stands
from controller.state import SiteState
from controller.turn import Turn
from policies.compiled import CompiledPolicy, ZoneKind
from policies.document import valid_id
from policies.facts import UtcSeconds


class Confidence(StrEnum):
    """How good the knowledge is, best first."""

    PASSAGE = "passage"  # the leaf opened on his grant, and nobody left unseen since
    WITH_HOST = "with-host"  # the same, of a visitor together with his host
    PERSON = "person"  # a muster before this one found him there
    GRANT = "grant"  # let through where nobody can see whether he went
    UNKNOWN = "unknown"  # he may have left since


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody on the roll, seen last in `zone`, or `perhaps` in another, by entry `entry` at
    `portal`. `at_s` and `age_s` are None by a clock that nobody vouched for.

    `doubt`: why he may be gone, since entry `doubt_entry`. `check`: he is safe. `again`: he was
    checked off, and a door has seen him since.
    """

    holder: HolderId
    zone: str
    perhaps: str = ""
    portal: str = ""
    entry: int = 0
    at_s: UtcSeconds | None = None
    age_s: int | None = None
    confidence: Confidence
    doubt: Doubt | None = None
    doubt_entry: int = 0
    doubt_since_s: UtcSeconds | None = None
    host: HolderId | None = None
    party: int = 0
    led: bool = True
    check: CheckedOff | None = None
    again: bool = False

    @property
    def missing(self) -> bool:
        return self.check is None

    @property
    def people(self) -> int:
        """He, or one of those whom he left behind, and whoever is with him."""
        return 1 + self.party


class ZoneCount(msgspec.Struct, frozen=True, kw_only=True):
    """Of the zone itself: how many are `listed` there, of these how many may be gone (`unknown`),
    and how many were `checked` off. `counted`: how many its doors count, known by name or not, with
    the zones within; 0 as well where nobody counts since the ways out were free.
    """

    zone: str
    listed: int
    unknown: int
    checked: int
    counted: int


class Going(msgspec.Struct, frozen=True, kw_only=True):
    """The muster that goes on, as `controller.sightings.Muster`."""

    entry: int
    at_s: UtcSeconds | None
    order: str
    drill: bool


class Extra(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who was checked off and whom no door had seen coming in."""

    holder: HolderId
    check: CheckedOff


class Roll(msgspec.Struct, frozen=True, kw_only=True):
    """After entry `seq`. People who are missing first, then by zone; `missing` of them are to be
    looked for, and of those `unknown` may be gone. Without a muster nobody is checked off.
    """

    seq: int
    muster: Going | None
    people: tuple[Listed, ...]
    extra: tuple[Extra, ...]
    zones: tuple[ZoneCount, ...]
    missing: int
    unknown: int
    checked: int


def roll(state: SiteState, utc_s: UtcSeconds | None) -> Roll:
    """The roll as it is. `utc_s`: the time by a clock that is trusted."""
    people, muster = state.people, state.people.muster
    checks = {} if muster is None else muster.checks
    listed = sorted(
        (_listed(who, seen, checks.get(who), utc_s) for who, seen in people.sightings.items()),
        key=lambda one: (not one.missing, one.zone, -one.entry, one.holder),
    )
    missing = [one for one in listed if one.missing]
    return Roll(
        seq=state.seq,
        muster=None
        if muster is None
        else Going(entry=muster.entry, at_s=muster.at_s, order=muster.order, drill=muster.drill),
        people=tuple(listed),
        extra=tuple(
            Extra(holder=who, check=check)
            for who, check in sorted(checks.items())
            if who not in people.sightings
        ),
        zones=tuple(_zones(listed, people.inside)),
        missing=sum(one.people for one in missing),
        unknown=sum(one.people for one in missing if one.confidence is Confidence.UNKNOWN),
        checked=sum(one.people for one in listed if not one.missing),
    )


def _listed(
    holder: HolderId, seen: Sighting, check: CheckedOff | None, utc_s: UtcSeconds | None
) -> Listed:
    doubted = seen.doubted
    standing = check is not None and stands(check, seen)
    return Listed(
        holder=holder,
        zone=seen.zone,
        perhaps=seen.perhaps,
        portal=seen.portal,
        entry=seen.entry,
        at_s=seen.at_s,
        age_s=None if utc_s is None or seen.at_s is None else max(0, utc_s - seen.at_s),
        confidence=_confidence(seen),
        doubt=None if doubted is None else doubted.why,
        doubt_entry=0 if doubted is None else doubted.entry,
        doubt_since_s=None if doubted is None else doubted.since_s,
        host=seen.host,
        party=seen.party,
        led=seen.led,
        check=check if standing else None,
        again=check is not None and not standing,
    )


def _confidence(seen: Sighting) -> Confidence:
    if seen.doubted is not None:
        return Confidence.UNKNOWN
    match seen.how:
        case How.GRANT:
            return Confidence.GRANT
        case How.PERSON:
            return Confidence.PERSON
        case How.PASSAGE:
            return Confidence.WITH_HOST if seen.with_host else Confidence.PASSAGE


def _zones(listed: Iterable[Listed], counted: dict[str, int]) -> Iterable[ZoneCount]:
    here = Counter[str]()
    unknown, checked = Counter[str](), Counter[str]()
    for one in listed:
        here[one.zone] += one.people
        unknown[one.zone] += one.people * (one.missing and one.confidence is Confidence.UNKNOWN)
        checked[one.zone] += one.people * (not one.missing)
    for zone in sorted({*here, *counted}):
        yield ZoneCount(
            zone=zone,
            listed=here[zone],
            unknown=unknown[zone],
            checked=checked[zone],
            counted=counted.get(zone, 0),
        )


# --- what is asked of it ------------------------------------------------------------------------


def begin_for(turn: Turn, order: str) -> None:
    """An evacuation is ordered. A real one ends the muster of a drill, and begins with nobody
    checked off; otherwise the muster that goes on goes on.
    """
    going = turn.state.people.muster
    if going is None or (going.drill and not turn.drill):
        turn.record(MusterBegun(order=order))


def _on_begin(turn: Turn, asked: MusterBeginAsked) -> None:
    if turn.state.people.muster is not None:
        _refuse(turn, MusterRefusal.RUNS, asked.operator)
        return
    turn.record(MusterBegun(operator=commitment(asked.operator)), asked.operator)


def _on_check(turn: Turn, asked: CheckOffAsked) -> None:
    """Somebody who is on no roll may be checked off: he came in behind somebody else."""
    why = None
    if turn.state.people.muster is None:
        why = MusterRefusal.NONE
    elif asked.holder not in turn.directory.holders:
        why = MusterRefusal.UNKNOWN
    elif not valid_id(asked.where):
        why = MusterRefusal.PLACE
    if why is not None:
        _refuse(turn, why, asked.operator)
        return
    turn.record(
        PersonCheckedOff(
            holder=asked.holder,
            where=asked.where,
            inside=is_inside(turn.policy, asked.where),
            operator=commitment(asked.operator),
        ),
        asked.operator,
    )


def _on_undo(turn: Turn, asked: CheckUndoAsked) -> None:
    muster = turn.state.people.muster
    if muster is None:
        _refuse(turn, MusterRefusal.NONE, asked.operator)
        return
    if asked.holder not in muster.checks:
        _refuse(turn, MusterRefusal.NOT_CHECKED, asked.operator)
        return
    undone = CheckUndone(holder=asked.holder, operator=commitment(asked.operator))
    turn.record(undone, asked.operator)


def _on_end(turn: Turn, asked: MusterEndAsked) -> None:
    if turn.state.people.muster is None:
        _refuse(turn, MusterRefusal.NONE, asked.operator)
        return
    now = roll(turn.state, None)
    turn.record(
        MusterEnded(
            checked=now.checked + len(now.extra),
            missing=now.missing,
            operator=commitment(asked.operator),
        ),
        asked.operator,
    )


def is_inside(policy: CompiledPolicy, where: str) -> bool:
    """Whether this is a zone of the site; everything else is an assembly point outside."""
    zone = policy.zones_by_id.get(where)
    return zone is not None and zone.kind is not ZoneKind.PUBLIC


def _refuse(turn: Turn, why: MusterRefusal, operator: Personal) -> None:
    turn.record(MusterRefused(why=why, operator=commitment(operator)), operator)


HANDLERS: dict[type[Input], Callable] = {  # type: ignore[type-arg]  # each takes its own key
    MusterBeginAsked: _on_begin,
    CheckOffAsked: _on_check,
    CheckUndoAsked: _on_undo,
    MusterEndAsked: _on_end,
}
