"""Visits as they are shown: the core's record, with names on file and what the journal tells."""

import logging
from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo

from controller.delivery import Deliveries, Delivery
from controller.events import EntryError, decode_entry
from controller.events_visits import VisitId
from controller.ids import HolderId
from controller.visit import State, Visit, Visits
from edge.control.messages_visitors import DeliveryShown, VisitShown
from edge.daemon import Daemon
from edge.journal import JournalError
from edge.present import committed
from policies.facts import UtcSeconds

READ_BYTES_MAX = 256 * 1024

log = logging.getLogger(__name__)


async def beside(daemon: Daemon, seq: int) -> Mapping[str, str]:
    """The values beside one entry, by field; none where the journal has them no more."""
    if not seq:
        return {}
    try:
        stored = await daemon.writer.read(seq, 1, READ_BYTES_MAX)
        if not stored or stored[0].seq != seq:
            return {}
        return committed(decode_entry(stored[0].entry), stored[0].personal)
    except (JournalError, EntryError) as error:
        log.warning("what an entry says of a visit cannot be read: %s", error)
        return {}


def who(daemon: Daemon, holder: HolderId | None) -> tuple[str, str]:
    """The integrator's id, and the name; both empty where nobody is on file."""
    record = None if holder is None else daemon.people.roll.holders.get(holder)
    return ("", "") if record is None else (record.external_id, record.name)


def _protected(daemon: Daemon, holder: HolderId) -> bool:
    record = daemon.people.roll.holders.get(holder)
    return record is not None and daemon.site.policy.standing(record.roles).protected


async def visit_shown(daemon: Daemon, name: VisitId, visit: Visit) -> VisitShown:
    """One visit."""
    expected = await beside(daemon, visit.expected)
    arrived = await beside(daemon, visit.signed_in)
    person, full_name = who(daemon, visit.holder)
    host, host_name = who(daemon, visit.host)
    seen = daemon.site.state.people.sightings.get(visit.holder)
    there = visit.state not in {State.EXPECTED, State.ENDED} and visit.seen_inside is not False
    return VisitShown(
        visit=name,
        state=visit.state,
        person=person,
        name=full_name,
        organisation=expected.get("organisation", ""),
        host=host,
        host_name=host_name,
        host_protected=_protected(daemon, visit.host),
        purpose=expected.get("purpose", ""),
        from_s=visit.from_s,
        until_s=visit.until_s,
        closes_s=visit.closes_s,
        document=arrived.get("document", ""),
        given=visit.given,
        zone=seen.zone if seen is not None and there else "",
        signed_in_s=visit.signed_in_s,
        signed_in_by=arrived.get("operator", ""),
        signed_out_s=visit.signed_out_s,
        end=visit.end,
        ended_s=visit.ended_s,
    )


async def delivery_shown(daemon: Daemon, name: VisitId, one: Delivery) -> DeliveryShown:
    """One delivery."""
    taken = await beside(daemon, one.taken)
    ended = await beside(daemon, one.ended)
    recipient, recipient_name = who(daemon, one.recipient)
    receiver, receiver_name = who(daemon, one.receiver)
    values = {**ended, **taken}
    return DeliveryShown(
        delivery=name,
        goods=one.goods,
        portal=one.portal,
        place=one.place,
        company=values.get("company", ""),
        vehicle=values.get("vehicle", ""),
        contents=values.get("contents", ""),
        recipient=recipient,
        recipient_name=recipient_name,
        bearer=who(daemon, one.bearer)[0],
        state=one.state,
        taken_s=one.taken_s,
        ended_s=one.ended_s,
        receiver=receiver,
        receiver_name=receiver_name,
        reason=ended.get("reason", ""),
    )


def visits_of_day(visits: Visits, day: str, zone: tzinfo) -> list[tuple[VisitId, Visit]]:
    """Those of which a part lies on that day at the site; with an empty `day` all that are not
    over. By their beginnings. Raises ValueError for a day that there is none of.
    """
    if not day:
        found = [(name, one) for name, one in visits.items() if one.state is not State.ENDED]
    else:
        wanted = datetime.fromisoformat(day).date()
        found = [
            (name, one)
            for name, one in visits.items()
            if _day(one.from_s, zone) <= wanted <= _day(one.until_s, zone)
        ]
    return sorted(found, key=lambda named: (named[1].from_s, named[0]))


def deliveries_of_day(
    deliveries: Deliveries, day: str, zone: tzinfo
) -> list[tuple[VisitId, Delivery]]:
    """Those that came, or went, on that day at the site; with an empty `day` those that wait. The
    oldest first. Raises ValueError for a day that there is none of.
    """
    if not day:
        found = [(name, one) for name, one in deliveries.items() if not one.ended]
    else:
        wanted = datetime.fromisoformat(day).date()
        found = [
            (name, one)
            for name, one in deliveries.items()
            if wanted in {_day(at_s, zone) for at_s in (one.taken_s, one.ended_s) if at_s}
        ]
    return sorted(found, key=lambda named: (named[1].taken or named[1].ended, named[0]))


def _day(at_s: UtcSeconds, zone: tzinfo) -> date:
    return datetime.fromtimestamp(at_s, UTC).astimezone(zone).date()
