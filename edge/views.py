"""What is asked of the journal again and again, folded from its entries: who is inside, how the
doors stand, and how much happened on each day.

All of it is a pure function of the entries. Whereabouts and portals are those of the core: its own
`apply` folds them, and there is no second book. Nobody is named here but by the core's random ids.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from typing import NamedTuple, TypeVar

import msgspec

from controller.events import Body, Entry, Event, decode_body
from controller.ids import HolderId, PortalId
from controller.moment import SECOND_US
from controller.portal import Contact, Portal, State
from controller.state import SiteState, apply
from controller.whereabouts import People, Presence
from edge.views_orders import OrderEndRow, OrderRow

NO_CODE = 0
"""Of an entry that is no decision; no reason has this number."""

NO_PORTAL = ""

QUARTER_S = 15 * 60
"""Every zone's day begins at a full quarter of an hour of UTC."""

K = TypeVar("K")


class UnknownKind(Body, frozen=True, kw_only=True):
    """An entry of a newer version: it is counted, and changes nothing that we know of."""


class Since(NamedTuple):
    """The entry by which a door came to look as it does."""

    seq: int
    utc_us: int
    clock_trusted: bool


class View(msgspec.Struct, frozen=True, kw_only=True):
    """The site after entry `state.seq`.

    Kept of the state are whereabouts and portals alone: how each goes on follows from itself and
    the entries, whatever the rest of the state is.
    """

    state: SiteState = SiteState()
    since: dict[PortalId, Since] = {}


class Key(NamedTuple):
    """What is counted together. `day`: ISO 8601, by the wall of the site."""

    day: str
    kind: str
    portal: str
    code: int


class Tally(NamedTuple):
    """How many entries; how many of them belong to drills."""

    entries: int
    drills: int


Counts = dict[Key, Tally]


class Days:
    """The day of a moment by the wall of the site."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._of: tuple[int, str] = (-1, "")

    def of(self, utc_us: int) -> str:
        quarter = utc_us // (QUARTER_S * SECOND_US)
        known, day = self._of
        if quarter != known:
            day = datetime.fromtimestamp(quarter * QUARTER_S, self._zone).date().isoformat()
            self._of = (quarter, day)
        return day


def folded(view: View, entries: Iterable[Entry], zone: tzinfo) -> tuple[View, Counts]:
    """The view after `entries`, which follow it without a gap, and what they add to the counts.

    Raises EntryError where a known kind's body does not fit its schema.
    """
    state, since, counts, days = view.state, dict(view.since), Counts(), Days(zone)
    for entry in entries:
        body = decode_body(entry) or UnknownKind()
        after = apply(state, Event(header=entry, body=body))
        if after.portals is not state.portals:
            _note_doors(since, state.portals, after.portals, entry)
        _count(counts, days, entry, body)
        state = after
    return View(state=_kept(state), since=since), counts


def counted(entries: Iterable[Entry], zone: tzinfo) -> Counts:
    """What `entries` add to the counts, where the state after them is known otherwise.

    Raises EntryError as `folded` does.
    """
    counts, days = Counts(), Days(zone)
    for entry in entries:
        _count(counts, days, entry, decode_body(entry) or UnknownKind())
    return counts


def begun(state: SiteState, utc_us: int, *, clock_trusted: bool) -> View:
    """The view that goes on from a state of the core; how long its doors stand so is not known
    but for the entry behind which it was kept.
    """
    at = Since(state.seq, utc_us, clock_trusted)
    return View(state=_kept(state), since=dict.fromkeys(state.portals, at))


def _kept(state: SiteState) -> SiteState:
    people = state.people
    return SiteState(
        seq=state.seq,
        portals=state.portals,
        people=People(presences=people.presences, inside=people.inside, escorts=people.escorts),
    )


def _note_doors(
    since: dict[PortalId, Since],
    before: Mapping[PortalId, Portal],
    after: Mapping[PortalId, Portal],
    entry: Entry,
) -> None:
    at = Since(entry.seq, entry.utc_us, entry.clock_trusted)
    for name, portal in after.items():
        was = before.get(name)
        if was is not portal and (was is None or _looks(was) != _looks(portal)):
            since[name] = at
    for name in _missing(since, after):
        del since[name]


Looks = tuple[State, Contact, bool | None, bool, bool, bool, bool]


def _looks(portal: Portal) -> Looks:
    """What is shown of a door: its deadlines and whose grant it has are not."""
    return (
        portal.state,
        portal.contact,
        portal.bolted,
        portal.linked,
        portal.released,
        portal.secured,
        portal.leased,
    )


def _count(counts: Counts, days: Days, entry: Entry, body: Body) -> None:
    key = Key(days.of(entry.utc_us), entry.kind, _portal_of(body), _code_of(body))
    entries, drills = counts.get(key, (0, 0))
    counts[key] = Tally(entries + 1, drills + entry.drill)


def _portal_of(body: Body) -> str:
    """The portal that the body names itself, or its attempt does."""
    named = getattr(body, "portal", None) or getattr(getattr(body, "after", None), "portal", None)
    return named if isinstance(named, str) else NO_PORTAL


def _code_of(body: Body) -> int:
    code = getattr(getattr(body, "decision", None), "code", None)
    return int(code) if isinstance(code, int) else NO_CODE


# --- rows -------------------------------------------------------------------------------------


class PresenceRow(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody inside, as `controller.whereabouts.Presence`. `host`: who escorts him. `party`: how
    many people without badges he leads.
    """

    holder: str
    zone: str
    since_s: int | None
    entered_s: int | None
    overstayed: bool
    host: str | None
    party: int = 0


class ZoneRow(msgspec.Struct, frozen=True, kw_only=True):
    """How many people a zone holds, those in zones inside it included, known by name or not."""

    zone: str
    people: int


class DoorRow(msgspec.Struct, frozen=True, kw_only=True):
    """A portal, as `controller.portal.Portal`, and since which entry it looks so.

    `record`: the whole Portal as JSON, from which the fold goes on.
    """

    portal: str
    state: State
    contact: Contact
    bolted: bool | None
    linked: bool
    released: bool
    secured: bool
    leased: bool
    since_seq: int
    since_utc_us: int
    since_trusted: bool
    record: bytes


class CountRow(msgspec.Struct, frozen=True, kw_only=True):
    """So many entries of a kind at a portal and with a decision's code, on one day."""

    day: str
    kind: str
    portal: str
    code: int
    entries: int
    drills: int


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What makes the rows of one view those of a later one. Rows take the place of earlier ones
    with the same key; those of `counts` are added to them, `order_ends` complete rows of orders.
    `left`, `emptied` and `gone` name the presences, zones and doors whose rows go.
    """

    presences: tuple[PresenceRow, ...] = ()
    left: tuple[HolderId, ...] = ()
    zones: tuple[ZoneRow, ...] = ()
    emptied: tuple[str, ...] = ()
    doors: tuple[DoorRow, ...] = ()
    gone: tuple[PortalId, ...] = ()
    counts: tuple[CountRow, ...] = ()
    orders: tuple[OrderRow, ...] = ()
    order_ends: tuple[OrderEndRow, ...] = ()


def changes(before: View, after: View, counts: Counts) -> Changes:
    """From the rows of `before` to those of `after`."""
    was, now = before.state.people, after.state.people
    return Changes(
        presences=tuple(
            _presence(now, holder)
            for holder, seen in now.presences.items()
            if was.presences.get(holder) != seen
            or was.escorts.get(holder) != now.escorts.get(holder)
        ),
        left=_missing(was.presences, now.presences),
        zones=tuple(
            ZoneRow(zone=zone, people=people)
            for zone, people in now.inside.items()
            if was.inside.get(zone) != people
        ),
        emptied=_missing(was.inside, now.inside),
        doors=tuple(
            _door(after, name)
            for name, portal in after.state.portals.items()
            if before.state.portals.get(name) != portal
            or before.since.get(name) != after.since[name]
        ),
        gone=_missing(before.state.portals, after.state.portals),
        counts=tuple(
            CountRow(
                day=key.day,
                kind=key.kind,
                portal=key.portal,
                code=key.code,
                entries=tally.entries,
                drills=tally.drills,
            )
            for key, tally in counts.items()
        ),
    )


def restored(
    seq: int,
    presences: Iterable[PresenceRow],
    zones: Iterable[ZoneRow],
    doors: Iterable[DoorRow],
) -> View:
    """The view whose rows these are. Raises msgspec.DecodeError on a door's record that is none."""
    people, escorts = {}, {}
    for row in presences:
        holder = HolderId(row.holder)
        people[holder] = Presence(row.zone, row.since_s, row.entered_s, row.overstayed, row.party)
        if row.host is not None:
            escorts[holder] = HolderId(row.host)
    portals, since = {}, {}
    for door in doors:
        portal = PortalId(door.portal)
        portals[portal] = msgspec.json.decode(door.record, type=Portal)
        since[portal] = Since(door.since_seq, door.since_utc_us, door.since_trusted)
    inside = {row.zone: row.people for row in zones}
    whereabouts = People(presences=people, inside=inside, escorts=escorts)
    return View(state=SiteState(seq=seq, portals=portals, people=whereabouts), since=since)


def _presence(people: People, holder: HolderId) -> PresenceRow:
    seen = people.presences[holder]
    return PresenceRow(
        holder=holder,
        zone=seen.zone,
        since_s=seen.since_s,
        entered_s=seen.entered_s,
        overstayed=seen.overstayed,
        host=people.escorts.get(holder),
        party=seen.party,
    )


def _door(view: View, name: PortalId) -> DoorRow:
    portal, since = view.state.portals[name], view.since[name]
    return DoorRow(
        portal=name,
        state=portal.state,
        contact=portal.contact,
        bolted=portal.bolted,
        linked=portal.linked,
        released=portal.released,
        secured=portal.secured,
        leased=portal.leased,
        since_seq=since.seq,
        since_utc_us=since.utc_us,
        since_trusted=since.clock_trusted,
        record=msgspec.json.encode(portal, order="deterministic"),
    )


def _missing(old: Mapping[K, object], new: Mapping[K, object]) -> tuple[K, ...]:
    return tuple(key for key in old if key not in new)
