"""Erasing a person: whose a value is, whether it may be done now, and how it is recorded.

Commitments cannot be taken back from the log, values can: they lie beside it. Whom an entry is
about stands in its body, by random id; which of the values beside it are his is said here, for the
edge and the archive alike.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

import msgspec

from controller import visitors, visits
from controller.body import Entry, clipped
from controller.events import (
    ConsentGiven,
    DecisionMade,
    FactorAnswered,
    GuardVouched,
    PersonErased,
    PersonReported,
    kind_of,
)
from controller.events_faces import FaceEnrolled
from controller.events_people import ERASED_RANGES_MAX, ErasedValues, Range
from controller.events_visits import (
    DeliveryTaken,
    PresenceCorrected,
    VisitExpected,
    VisitorSignedIn,
)
from controller.ids import HolderId
from controller.inputs import PersonEraseAsked, PersonReportAsked
from controller.ledger import commitment
from controller.sightings import stands
from controller.state import SiteState
from controller.turn import Turn


class Place(StrEnum):
    """Where in a body an id stands."""

    HOLDER = "holder"
    REQUEST = "request.holder.id"
    ATTEMPT = "after.holder"
    RECIPIENT = "recipient"
    BEARER = "bearer"


WHOSE: Mapping[str, Mapping[str, Place]] = {
    kind_of(DecisionMade): {"badge": Place.REQUEST, "person": Place.REQUEST},
    kind_of(ConsentGiven): {"reason": Place.HOLDER},
    kind_of(DeliveryTaken): {
        "company": Place.BEARER,
        "vehicle": Place.BEARER,
        "contents": Place.RECIPIENT,
    },
    kind_of(FaceEnrolled): {"consent": Place.HOLDER},
    kind_of(FactorAnswered): {"reason": Place.ATTEMPT},
    kind_of(GuardVouched): {"reason": Place.HOLDER},
    kind_of(PresenceCorrected): {"reason": Place.HOLDER},
    kind_of(VisitExpected): {"organisation": Place.HOLDER, "purpose": Place.HOLDER},
    kind_of(VisitorSignedIn): {"document": Place.HOLDER},
}
"""By kind: the fields whose values are about somebody whom the body names, and where his id stands.
Other values beside such entries are about somebody else: an operator, whoever has signed."""


class _Id(msgspec.Struct):
    id: str


class _Request(msgspec.Struct):
    holder: _Id | None = None


class _Attempt(msgspec.Struct):
    holder: str | None = None


class _Named(msgspec.Struct):
    request: _Request | None = None
    holder: str | None = None
    after: _Attempt | None = None
    recipient: str | None = None
    bearer: str | None = None

    def at(self, place: Place) -> str | None:
        """The id that stands there."""
        match place:
            case Place.HOLDER:
                return self.holder
            case Place.REQUEST:
                holder = None if self.request is None else self.request.holder
                return None if holder is None else holder.id
            case Place.ATTEMPT:
                return None if self.after is None else self.after.holder
            case Place.RECIPIENT:
                return self.recipient
            case Place.BEARER:
                return self.bearer


_NAMED = msgspec.json.Decoder(_Named)


def subjects(entry: Entry) -> dict[str, HolderId]:
    """Whom the values beside this entry are about, by their fields: of those that are in `WHOSE`,
    where the entry names somebody there.
    """
    places = WHOSE.get(entry.kind)
    if places is None:
        return {}
    try:
        named = _NAMED.decode(entry.body)
    except msgspec.DecodeError:
        return {}
    found = {field: named.at(place) for field, place in places.items()}
    return {field: HolderId(holder) for field, holder in found.items() if holder is not None}


def why_not(state: SiteState, holder: HolderId, *, even_inside: bool) -> str | None:
    """Why somebody is not erased now; None where he may be.

    Whoever is inside needs his badge to come out by a reader; whoever is missing in a muster needs
    to be found.
    """
    if not state.recorded:
        return "the journal cannot be written; it would not be on record"
    seen = state.people.presences.get(holder)
    if seen is not None and not even_inside:
        return f"the person is inside, last seen in {seen.zone}"
    if not even_inside and _is_looked_for(state, holder):
        return "a muster goes on, and the person is not checked off"
    return None


def _is_looked_for(state: SiteState, holder: HolderId) -> bool:
    """Who is erased is on no roll: nobody would look for him any more."""
    muster, seen = state.people.muster, state.people.sightings.get(holder)
    if muster is None or seen is None:
        return False
    check = muster.checks.get(holder)
    return check is None or not stands(check, seen)


def on_erase_asked(turn: Turn, asked: PersonEraseAsked) -> None:
    """Record the erasure, whole, and remember nothing of the person; or change nothing."""
    holder = asked.holder
    if why_not(turn.state, holder, even_inside=asked.even_inside) is not None:
        return
    inside = holder in turn.state.people.presences
    visits.end_consent(turn, holder)
    visitors.end_visits(turn, holder)
    for values in in_parts(asked.values):
        turn.record(
            PersonErased(
                holder=holder,
                reason=clipped(asked.reason),
                operator=commitment(asked.operator),
                searched=asked.searched,
                values=values,
                inside=inside,
            ),
            asked.operator,
        )


def on_report_asked(turn: Turn, asked: PersonReportAsked) -> None:
    """Record that everything about somebody is given away."""
    turn.record(
        PersonReported(
            holder=asked.holder, operator=commitment(asked.operator), searched=asked.searched
        ),
        asked.operator,
    )


def in_parts(values: Iterable[ErasedValues]) -> Iterator[tuple[ErasedValues, ...]]:
    """As many as one entry holds at a time; one part at least, for whoever has no values."""
    part: list[ErasedValues] = []
    room = ERASED_RANGES_MAX
    for one in values:
        left = one.entries
        while left:
            if not room:
                yield tuple(part)
                part, room = [], ERASED_RANGES_MAX
            taken, left = left[:room], left[room:]
            part.append(ErasedValues(fields=one.fields, entries=taken))
            room -= len(taken)
    yield tuple(part)


def ranges(numbers: Iterable[int]) -> tuple[Range, ...]:
    """Ascending numbers as ranges."""
    found: list[Range] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return tuple(found)
