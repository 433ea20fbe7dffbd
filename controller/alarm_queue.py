"""The alarm queue: a fold over entries, the same at the edge, after a restart and at central.

An alarm is raised, told again and over by entries that are there anyway; people acknowledge,
assign, note and close it by events of their own. What is open is never dropped: beyond OPEN_MAX
further ones are counted in one alarm that says so. Of closed ones the newest CLOSED_KEPT are
remembered.
"""

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from controller.alarm import NOTES_KEPT, TABLE, Alarm, Said, Signal, State
from controller.alarm_kinds import MAY_END, QUEUE_FULL, RULES, rule_of
from controller.body import Header
from controller.events import Body, HoldersReplaced, PersonErased
from controller.events_alarms import (
    AlarmAcknowledged,
    AlarmAnswer,
    AlarmAssigned,
    AlarmClosed,
    AlarmNoted,
    AlarmRefusal,
)
from controller.ids import HolderId

OPEN_MAX = 256
"""More than one edge has things that can be wrong at once; their state fits into every snapshot."""

CLOSED_KEPT = 64
"""What a guard looks back at; the journal has all of them."""


class Alarms(msgspec.Struct, frozen=True, kw_only=True):
    """Open ones by their numbers, and the newest closed ones, in the order in which they closed."""

    open: tuple[Alarm, ...] = ()
    closed: tuple[Alarm, ...] = ()


def after_entry(alarms: Alarms, header: Header, body: Body) -> Alarms:
    """The queue behind this entry. The very same where the entry says nothing of it."""
    if isinstance(body, AlarmAnswer):
        return _answered(alarms, header, body)
    if alarms.open:
        if isinstance(body, MAY_END):
            alarms = _ended(alarms, header, body)
        elif isinstance(body, PersonErased):
            alarms = _without(alarms, (body.holder,), header.seq)
        elif isinstance(body, HoldersReplaced) and body.gone:
            alarms = _without(alarms, body.gone, header.seq)
    rule = RULES.get(header.kind)
    if rule is None or not rule.holds(body):
        return alarms
    return _raised(alarms, header, header.kind, rule.source(body))


def found(alarms: Alarms, number: int) -> Alarm | None:
    """The alarm that entry `number` raised, where it is open or still kept."""
    kept = (*alarms.open, *alarms.closed)
    return next((one for one in kept if one.seq == number), None)


def refusal(alarms: Alarms, number: int, signal: Signal | None) -> AlarmRefusal | None:
    """Why a person may not do this about an alarm now; None where he may. `signal`: None for what
    changes nothing of its state.
    """
    alarm = found(alarms, number)
    if alarm is None:
        return AlarmRefusal.UNKNOWN
    if not alarm.open:
        return AlarmRefusal.CLOSED
    return None if signal is None else TABLE[alarm.state][signal].refused


def ranked(alarms: Alarms) -> list[Alarm]:
    """Open ones, the most urgent first: real before drill, what nobody has acknowledged first
    within its priority, then the newest.
    """
    return sorted(
        alarms.open,
        key=lambda one: (
            one.drill,
            rule_of(one.kind).priority,
            one.acknowledged is not None,
            -one.last,
        ),
    )


def unseen(alarms: Alarms) -> int:
    """How many are open and acknowledged by nobody."""
    return sum(one.acknowledged is None for one in alarms.open)


# --- what raises and ends them ------------------------------------------------------------------


def _raised(alarms: Alarms, header: Header, kind: str, source: str) -> Alarms:
    key = (kind, source, header.drill)
    same = next((one for one in alarms.open if (one.kind, one.source, one.drill) == key), None)
    if same is not None:
        return _put(alarms, _repeated(same, header))
    if len(alarms.open) >= OPEN_MAX and kind != QUEUE_FULL:
        # Only a real one and a drill's stand beyond the limit.
        return _raised(alarms, header, QUEUE_FULL, "")
    rule = rule_of(kind)
    new = Alarm(
        seq=header.seq,
        kind=kind,
        source=source,
        drill=header.drill,
        state=State.HAPPENED if rule.over is None else State.RAISED,
        utc_us=header.utc_us,
        trusted=header.clock_trusted,
        last=header.seq,
        last_utc_us=header.utc_us,
        revision=header.seq,
    )
    return replace(alarms, open=(*alarms.open, new))


def _repeated(alarm: Alarm, header: Header) -> Alarm:
    target = TABLE[alarm.state][Signal.REPEATED].target
    assert target is not None, "every open alarm can be told again"
    return replace(
        alarm,
        state=target,
        count=alarm.count + 1,
        last=header.seq,
        last_utc_us=header.utc_us,
        over_utc_us=None,
        acknowledged=None,
        revision=header.seq,
    )


def _ended(alarms: Alarms, header: Header, body: Body) -> Alarms:
    for one in alarms.open:
        over = rule_of(one.kind).over
        target = TABLE[one.state][Signal.ENDED].target
        if over is None or target is None or not over(body, one.source):
            continue
        after = replace(one, state=target, over_utc_us=header.utc_us, revision=header.seq)
        alarms = _put(alarms, after)
    return alarms


def _without(alarms: Alarms, holders: Iterable[HolderId], seq: int) -> Alarms:
    """Who is on file no more sees to nothing."""
    gone = frozenset(holders)
    for one in alarms.open:
        if one.assigned in gone:
            alarms = _put(alarms, replace(one, assigned=None, assignment=None, revision=seq))
    return alarms


# --- what people do -----------------------------------------------------------------------------


def _answered(alarms: Alarms, header: Header, body: AlarmAnswer) -> Alarms:
    alarm = found(alarms, body.alarm)
    if alarm is None or not alarm.open:
        return alarms  # of a state that begins behind its beginning
    said = Said(entry=header.seq, utc_us=header.utc_us)
    after = replace(alarm, revision=header.seq)
    match body:
        case AlarmAcknowledged():
            target = TABLE[alarm.state][Signal.ACKNOWLEDGED].target
            if target is None:
                return alarms
            after = replace(after, state=target, acknowledged=said)
        case AlarmClosed(cause=cause):
            target = TABLE[alarm.state][Signal.CLOSED].target
            if target is None:
                return alarms
            after = replace(after, state=target, closing=said, cause=cause)
        case AlarmAssigned(holder=holder):
            after = replace(after, assigned=holder, assignment=said)
        case AlarmNoted():
            notes = (*alarm.notes, said)[-NOTES_KEPT:]
            after = replace(after, notes=notes, noted=alarm.noted + 1)
    return _put(alarms, after)


def _put(alarms: Alarms, alarm: Alarm) -> Alarms:
    """In the place of the one with its number; among the closed ones where it is closed now."""
    if alarm.open:
        kept = tuple(alarm if one.seq == alarm.seq else one for one in alarms.open)
        return replace(alarms, open=kept)
    left = tuple(one for one in alarms.open if one.seq != alarm.seq)
    return Alarms(open=left, closed=(*alarms.closed, alarm)[-CLOSED_KEPT:])
