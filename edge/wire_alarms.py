"""The message that says how one alarm is: pseudonyms and counts, and no name or note.

Readers tolerate unknown fields. What does not fit raises WireError.
"""

from typing import Annotated

import msgspec

from controller.alarm import Alarm, State
from controller.alarm_kinds import Priority, SourceKind, rule_of
from controller.body import Name
from controller.ids import HolderId
from controller.moment import Micros
from edge.wire import Incarnation, Mark, WireError


class AlarmNow(msgspec.Struct, frozen=True, kw_only=True):
    """The open alarm that entry `alarm` of the journal `incarnation` raised, as entry `revision`
    left it. `source`: what it is about, by id; empty for the site as a whole. Told `count` times,
    last by entry `last`, first and last at these times. `over_us`: since when it is so no more,
    `acknowledged_us`: when somebody saw it as it is. `assigned`: who sees to it, by random id.
    `noted`: notes about it.
    """

    v: int = 1
    incarnation: Incarnation
    revision: Mark
    alarm: Mark
    kind: Name
    priority: Priority
    source_kind: SourceKind
    source: Annotated[str, msgspec.Meta(max_length=400)]
    drill: bool = False
    state: State
    count: Mark
    last: Mark
    first_us: Micros
    last_us: Micros
    over_us: Micros | None = None
    acknowledged_us: Micros | None = None
    assigned: HolderId | None = None
    noted: Mark = 0


_ENCODER = msgspec.json.Encoder(order="deterministic")


def encode_alarm(now: AlarmNow) -> bytes:
    """The payload."""
    return _ENCODER.encode(now)


_DECODER = msgspec.json.Decoder(AlarmNow)


def decode_alarm(payload: bytes) -> AlarmNow:
    """Raises WireError on anything else."""
    try:
        return _DECODER.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"not an alarm: {error}") from error


def alarm_now(alarm: Alarm, incarnation: str) -> AlarmNow:
    """An alarm as it goes over the wire."""
    rule = rule_of(alarm.kind)
    return AlarmNow(
        incarnation=incarnation,
        revision=alarm.revision,
        alarm=alarm.seq,
        kind=alarm.kind,
        priority=rule.priority,
        source_kind=rule.about,
        source=alarm.source,
        drill=alarm.drill,
        state=alarm.state,
        count=alarm.count,
        last=alarm.last,
        first_us=alarm.utc_us,
        last_us=alarm.last_utc_us,
        over_us=alarm.over_utc_us,
        acknowledged_us=None if alarm.acknowledged is None else alarm.acknowledged.utc_us,
        assigned=alarm.assigned,
        noted=alarm.noted,
    )
