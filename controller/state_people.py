"""What entries make of the people in the state: where they are, who is looked for, who may not."""

from msgspec.structs import replace

from controller.body import Seq
from controller.events import (
    EgressReleased,
    GrantUnused,
    HolderLockedOut,
    LockoutEnded,
    PartyLeftBehind,
    PassageMade,
    PersonScreened,
    PortalChange,
    PortalOpened,
    VisitorOverstayed,
    VisitorUnescorted,
)
from controller.events_muster import CheckUndone, MusterBegun, MusterEnded, PersonCheckedOff
from controller.events_visits import PresenceCorrected
from controller.sightings import CheckedOff, Doubt, Evidence, Muster, after_muster, after_word
from controller.whereabouts import (
    People,
    ScreenedAt,
    after_emptied,
    after_host_lost,
    after_left_behind,
    after_lockout,
    after_moved,
    after_overstay,
    after_passage,
    after_release,
    after_screening,
)
from policies.facts import UtcSeconds

Sought = MusterBegun | PersonCheckedOff | CheckUndone | MusterEnded | PartyLeftBehind
"""Entries of a muster, and of whom it will look for."""

Noted = HolderLockedOut | LockoutEnded | PersonScreened | VisitorOverstayed | VisitorUnescorted
"""Entries of which one person remembers something."""


def with_portal_change(people: People, change: PortalChange, evidence: Evidence) -> People:
    """Who is where behind what happened at a portal."""
    match change:
        case PassageMade(moved=moved) | PortalOpened(moved=moved) | GrantUnused(moved=moved) if (
            moved is not None
        ):
            people = after_moved(people, moved, evidence)
            return after_passage(people, moved, evidence.at_s)
        case EgressReleased(emptied=emptied) if emptied:
            people = after_emptied(people, emptied, Doubt.RELEASE, evidence)
            return after_release(people, emptied)
        case _:
            return people


def with_muster(
    people: People, seq: Seq, body: Sought, at_s: UtcSeconds | None, *, drill: bool
) -> People:
    """What entry `seq` of a muster, or of a party, makes of them."""
    muster = people.muster
    if isinstance(body, PartyLeftBehind):
        found = Evidence(seq, body.portal, at_s)
        return after_left_behind(people, body.holder, body.zone, body.people, found)
    if isinstance(body, MusterBegun):
        muster = Muster(entry=seq, at_s=at_s, order=body.order, drill=drill)
        return replace(people, muster=muster)
    if muster is None:
        return people  # of a state that begins behind its beginning
    match body:
        case PersonCheckedOff(holder=holder, where=where, inside=inside):
            check = CheckedOff(where=where, inside=inside, entry=seq, at_s=at_s)
            return replace(people, muster=replace(muster, checks=muster.checks | {holder: check}))
        case CheckUndone(holder=holder):
            checks = {who: check for who, check in muster.checks.items() if who != holder}
            return replace(people, muster=replace(muster, checks=checks))
        case MusterEnded():
            return replace(people, sightings=after_muster(people.sightings, muster), muster=None)


def with_person(people: People, body: Noted, at_s: UtcSeconds | None) -> People:
    """What an entry about one person makes of them."""
    match body:
        case HolderLockedOut(holder=holder, until_us=until_us):
            return after_lockout(people, holder, until_us)
        case LockoutEnded(holder=holder):
            return after_lockout(people, holder, None)
        case PersonScreened(holder=holder, station=station, result=result):
            return after_screening(people, holder, station, ScreenedAt(result, at_s))
        case VisitorOverstayed(visitor=visitor):
            return after_overstay(people, visitor)
        case VisitorUnescorted(visitor=visitor, host=host, lost=lost):
            return after_host_lost(people, visitor, host) if lost else people


def with_correction(
    people: People, seq: Seq, body: PresenceCorrected, at_s: UtcSeconds | None
) -> People:
    """A guard's word, in entry `seq`, on who is inside. What decisions read stays as it was: nobody
    comes in by it, and no limit gives way.
    """
    evidence = Evidence(seq, "", at_s)
    where = body.where if body.inside else None
    sightings = after_word(people.sightings, body.holder, where, evidence)
    return replace(people, sightings=sightings)
