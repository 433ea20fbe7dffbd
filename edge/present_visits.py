"""What entries about visits and deliveries say, in words."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from controller import events_visits as ev
from controller.body import Body
from controller.events_visits import Given, VisitEnd
from edge.tone import Names, Said, Tone, operator

ID_SIGNS = 8
"""Of the id of a visit or a delivery, where people tell them apart."""

_GIVEN = {
    Given.CODE: "a code was made",
    Given.BADGE: "a badge was given",
    Given.NOTHING: "nothing was given",
}

_ENDS = {
    VisitEnd.SIGNED_OUT: "signed out",
    VisitEnd.LEFT: "seen leaving",
    VisitEnd.MISSED: "nobody came",
    VisitEnd.CANCELLED: "cancelled",
    VisitEnd.VISITOR_GONE: "nobody knows the visitor any more",
}


def _at(at_s: int) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%MZ}"


def _visit(body: ev.VisitBody) -> str:
    return f"visit {body.visit[:ID_SIGNS]} of {body.holder}"


def _expected(body: ev.VisitExpected, names: Names) -> Said:
    organisation = f" of {names['organisation']}" if "organisation" in names else ""
    purpose = f" ({names['purpose']})" if "purpose" in names else ""
    when = f"from {_at(body.from_s)} until {_at(body.until_s)}"
    what = f"{_visit(body)}{organisation} to {body.host}{purpose} is expected {when}"
    return Tone.NOTICE, f"{what}; said by {operator(names)}"


def _signed_in(body: ev.VisitorSignedIn, names: Names) -> Said:
    seen = names.get("document", "a document")
    what = f"{_visit(body)}: signed in by {operator(names)}, who has seen {seen}"
    return Tone.NOTICE, f"{what}; {_GIVEN[body.given]}"


def _given(body: ev.VisitorGiven, names: Names) -> Said:
    return Tone.NOTICE, f"{_visit(body)}: {_GIVEN[body.given]}, by {operator(names)}"


def _extended(body: ev.VisitExtended, names: Names) -> Said:
    what = f"{_visit(body)} goes on until {_at(body.until_s)}"
    return Tone.NOTICE, f"{what}, by the word of the {body.word}: {operator(names)}"


def _overdue(body: ev.VisitOverdue, _: Names) -> Said:
    what = f"{_visit(body)} was to end at {_at(body.until_s)}, and nobody has seen the visitor go"
    return Tone.ALARM, f"{what}: ask the host, {body.host}"


def _unaccounted(body: ev.VisitorUnaccounted, _: Names) -> Said:
    signed_out = ", though signed out" if body.signed_out else ""
    seen = f", seen last in {body.zone}" if body.zone else ""
    what = f"{_visit(body)}: the day is over and no exit is on record{signed_out}{seen}"
    return Tone.ALARM, f"{what}: look for the visitor; the host is {body.host}"


def _signed_out(body: ev.VisitorSignedOut, names: Names) -> Said:
    waits = "; by the doors he is inside still" if body.waits else ""
    return Tone.NOTICE, f"{_visit(body)}: signed out by {operator(names)}{waits}"


def _ended(body: ev.VisitEnded, names: Names) -> Said:
    by = "" if body.operator is None else f" by {operator(names)}"
    return Tone.NOTICE, f"{_visit(body)} is over: {_ENDS[body.cause]}{by}"


def _returned(body: ev.VisitBadgeReturned, _: Names) -> Said:
    return Tone.PLAIN, f"{_visit(body)}: what was given for it is off the file"


def _corrected(body: ev.PresenceCorrected, names: Names) -> Said:
    reason = f": {names['reason']}" if "reason" in names else ""
    what = f"{body.holder} is in {body.where}" if body.inside else f"{body.holder} left by"
    where = "" if body.inside else f" {body.where}"
    return Tone.NOTICE, f"{what}{where}, by the word of {operator(names)}{reason}"


def _taken(body: ev.DeliveryTaken, names: Names) -> Said:
    company = f" from {names['company']}" if "company" in names else ""
    vehicle = f" ({names['vehicle']})" if "vehicle" in names else ""
    recipient = f" for {body.recipient}" if body.recipient else ""
    place = f", stays at {body.place}" if body.place else ""
    bearer = f", brought in by {body.bearer}" if body.bearer else ""
    what = f"{body.portal}: delivery {body.delivery[:ID_SIGNS]}, {body.goods}{company}{vehicle}"
    return Tone.NOTICE, f"{what}{recipient}{place}{bearer}; taken by {operator(names)}"


def _handed(body: ev.DeliveryHanded, names: Names) -> Said:
    what = f"delivery {body.delivery[:ID_SIGNS]} was handed over to {body.receiver}"
    return Tone.NOTICE, f"{what} by {operator(names)}"


def _refused(body: ev.DeliveryRefused, names: Names) -> Said:
    company = f" from {names['company']}" if "company" in names else ""
    reason = f": {names['reason']}" if "reason" in names else ""
    what = f"{body.portal}: delivery {body.delivery[:ID_SIGNS]}, {body.goods}{company}, is refused"
    return Tone.NOTICE, f"{what} by {operator(names)}{reason}"


SAYINGS: Mapping[type[Body], Callable[[Any, Names], Said]] = {
    ev.VisitExpected: _expected,
    ev.VisitorSignedIn: _signed_in,
    ev.VisitorGiven: _given,
    ev.VisitExtended: _extended,
    ev.VisitOverdue: _overdue,
    ev.VisitorUnaccounted: _unaccounted,
    ev.VisitorSignedOut: _signed_out,
    ev.VisitEnded: _ended,
    ev.VisitBadgeReturned: _returned,
    ev.PresenceCorrected: _corrected,
    ev.DeliveryTaken: _taken,
    ev.DeliveryHanded: _handed,
    ev.DeliveryRefused: _refused,
}
