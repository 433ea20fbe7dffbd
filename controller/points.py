"""Alarm points at work: readings to alarms, arming by schedule or by a named person, shunts.

A point watches. It works no lock, and no posture follows from it: whatever it says, nobody is kept
in or let in by it.
"""

from msgspec.structs import replace

from controller import point as line
from controller.body import clipped
from controller.events_points import (
    Armed,
    ArmingRefused,
    PointAlarmed,
    PointChange,
    PointEntered,
    PointFaulted,
    PointMasked,
    PointRestored,
    PointSeen,
    PointSettled,
    PointShunted,
    PointShuntEnded,
    PointStoodDown,
    PointStuck,
    ShuntRefused,
    ZoneArmed,
    ZoneDisarmed,
)
from controller.ids import HolderId
from controller.inputs_points import ArmAsked, PointHeard, ShuntAsked, ShuntEndAsked
from controller.ledger import commitment
from controller.moment import SECOND_US, Micros
from controller.point import FAULTS, Line, Note, Point, Signal, State
from controller.state import SiteState
from controller.turn import Turn
from policies.compiled import CompiledPolicy
from policies.points import ArmingRule, PointRule

FIRST_READING_US = 10 * SECOND_US
"""A point that has not been heard this long after the start does not answer."""

SHUNT_US_MAX = 24 * 3600 * SECOND_US
"""Somebody looks at a shunt again every day, or it is a hole."""

SHUNT_US_MIN = SECOND_US

_PLAIN: dict[Note, type[PointChange]] = {
    Note.SETTLED: PointSettled,
    Note.SEEN: PointSeen,
    Note.ENTERED: PointEntered,
    Note.ALARMED: PointAlarmed,
    Note.RESTORED: PointRestored,
    Note.FAULTED: PointFaulted,
    Note.MASKED: PointMasked,
    Note.STUCK: PointStuck,
    Note.STOOD_DOWN: PointStoodDown,
    Note.SHUNT_ENDED: PointShuntEnded,
}
assert _PLAIN.keys() | {Note.SHUNTED} == set(Note), "every note has its event"


def is_armed(state: SiteState, rule: ArmingRule) -> bool:
    """A set of which nothing was ever said is armed where it has a schedule: until a trusted clock
    says otherwise nobody knows that it is time to be off guard.
    """
    known = state.armed.get(rule.id)
    return rule.schedule is not None if known is None else known.armed


def is_watched(state: SiteState, policy: CompiledPolicy, rule: PointRule) -> bool:
    """Whether activity at the point alarms now."""
    if state.points.get(rule.id, Point()).shunted_until_us is not None:
        return False
    arming = None if rule.arming is None else policy.armings.get(rule.arming)
    return rule.always or (arming is not None and is_armed(state, arming))


# --- readings ---------------------------------------------------------------------------------


def on_point(turn: Turn, heard: PointHeard) -> None:
    """The line of a point says something new."""
    rule = turn.policy.points.get(heard.point)
    if rule is None:
        return
    point = turn.state.points.get(rule.id, Point())
    # What a device does not know of its line is as good as gone.
    said = Line.GONE if heard.line is Line.UNKNOWN else heard.line
    if point.line is said:
        return
    _signal(turn, rule, _meaning(turn, rule, said), replace(point, line=said))


def _meaning(turn: Turn, rule: PointRule, said: Line) -> Signal:
    if said is Line.QUIET:
        return Signal.QUIETED
    if said is Line.MASKED:
        return Signal.MASKED
    if said in FAULTS:
        return Signal.FAULTED
    if not is_watched(turn.state, turn.policy, rule):
        return Signal.SEEN
    return Signal.ENTERED if rule.entry_delay_ms else Signal.TRIPPED


def _signal(turn: Turn, rule: PointRule, signal: Signal, point: Point) -> None:
    after, note = line.move(point, signal, rule, turn.now_us)
    if note is not None:
        turn.record(_PLAIN[note](point=rule.id, after=after))


def _judge_again(turn: Turn, rule: PointRule) -> None:
    """What is active already counts from the moment at which the point is watched."""
    point = turn.state.points.get(rule.id, Point())
    if point.state in {State.SEEN, State.STUCK} and is_watched(turn.state, turn.policy, rule):
        _signal(turn, rule, _meaning(turn, rule, Line.ACTIVE), point)


# --- arming -----------------------------------------------------------------------------------


def on_arm_asked(turn: Turn, asked: ArmAsked) -> None:
    """A named person arms or disarms a set; recorded why not where it is refused."""
    rule = turn.policy.armings.get(asked.arming)
    reason = _why_not_arm(turn, rule, asked)
    if rule is None or reason is not None:
        refused = ArmingRefused(
            arming=clipped(asked.arming),
            armed=asked.armed,
            reason=reason or "",
            operator=commitment(asked.operator),
        )
        turn.record(refused, asked.operator)
        return
    known = turn.state.armed.get(rule.id)
    scheduled = None if known is None else known.scheduled
    after = Armed(armed=asked.armed, scheduled=scheduled)
    operator = commitment(asked.operator)
    if asked.armed:
        armed = ZoneArmed(
            arming=rule.id,
            after=after,
            holder=asked.holder,
            operator=operator,
            unquiet=_unquiet(turn, rule),
        )
        turn.record(armed, asked.operator)
    else:
        disarmed = ZoneDisarmed(arming=rule.id, after=after, holder=asked.holder, operator=operator)
        turn.record(disarmed, asked.operator)
    _settle_points(turn, rule)


def _why_not_arm(turn: Turn, rule: ArmingRule | None, asked: ArmAsked) -> str | None:
    if rule is None:
        return "the policy has no such set"
    if not asked.armed and not turn.state.recorded:
        return "the journal cannot be written; it would not be on record"
    return _why_not_he(turn, asked.holder, rule.roles)


def _why_not_he(turn: Turn, holder: HolderId, roles: frozenset[str]) -> str | None:
    known = turn.directory.holders.get(holder)
    if known is None:
        return "nobody of that id is in force"
    facts, utc_s = known.facts, turn.moment.utc_s
    if facts.suspended:
        return "the person is suspended"
    limited = facts.valid_from_s is not None or facts.valid_until_s is not None
    if limited and not turn.moment.trusted:
        return "the clock is not trusted and the person's time is limited"
    if facts.valid_from_s is not None and utc_s < facts.valid_from_s:
        return "the person's time has not begun"
    if facts.valid_until_s is not None and utc_s >= facts.valid_until_s:
        return "the person's time is over"
    if roles.isdisjoint(facts.roles):
        return f"none of the person's roles may: {', '.join(sorted(roles)) or 'nobody may'}"
    return None


def settle_schedules(turn: Turn) -> None:
    """Arm and disarm by the schedules; by a clock that is not trusted nothing changes."""
    if not turn.moment.trusted:
        return
    for rule in turn.policy.armings.values():
        if rule.schedule is None:
            continue
        says = turn.policy.is_open(rule.schedule, turn.moment.utc_s)
        known = turn.state.armed.get(rule.id)
        # What a person did holds until the schedule next says something else.
        if says is None or (known is not None and known.scheduled is says):
            continue
        after = Armed(armed=says, scheduled=says)
        if says:
            unquiet = _unquiet(turn, rule)
            turn.record(ZoneArmed(arming=rule.id, after=after, unquiet=unquiet))
        else:
            turn.record(ZoneDisarmed(arming=rule.id, after=after))
        _settle_points(turn, rule)


def _settle_points(turn: Turn, arming: ArmingRule) -> None:
    for rule in turn.policy.points.values():
        if rule.arming != arming.id or rule.always:
            continue
        if is_armed(turn.state, arming):
            _judge_again(turn, rule)
        else:
            point = turn.state.points.get(rule.id, Point())
            _signal(turn, rule, Signal.STOOD_DOWN, point)


def _unquiet(turn: Turn, arming: ArmingRule) -> tuple[str, ...]:
    return tuple(
        rule.id
        for rule in turn.policy.points.values()
        if rule.arming == arming.id
        and turn.state.points.get(rule.id, Point()).state is not State.QUIET
    )


# --- shunts -----------------------------------------------------------------------------------


def on_shunt_asked(turn: Turn, asked: ShuntAsked) -> None:
    """A named person silences a point's activity for a time; recorded why not where refused."""
    rule = turn.policy.points.get(asked.point)
    reason = _why_not_shunt(turn, rule, asked)
    operator = commitment(asked.operator)
    if rule is None or reason is not None:
        refused = ShuntRefused(point=clipped(asked.point), reason=reason or "", operator=operator)
        turn.record(refused, asked.operator)
        return
    until_us = turn.now_us + asked.for_us
    point = turn.state.points.get(rule.id, Point())
    after, note = line.move(point, Signal.SHUNTED, rule, turn.now_us, shunted_until_us=until_us)
    assert note is Note.SHUNTED, "a shunt is heard in every state"
    shunted = PointShunted(
        point=rule.id,
        after=after,
        reason=clipped(asked.reason),
        holder=asked.holder,
        operator=operator,
    )
    turn.record(shunted, asked.operator)


def _why_not_shunt(turn: Turn, rule: PointRule | None, asked: ShuntAsked) -> str | None:
    if rule is None:
        return "the policy has no such point"
    if not turn.state.recorded:
        return "the journal cannot be written; it would not be on record"
    if not asked.reason.strip():
        return "a shunt needs a reason"
    if not SHUNT_US_MIN <= asked.for_us <= SHUNT_US_MAX:
        return f"a shunt lasts 1 second to {SHUNT_US_MAX // SECOND_US // 3600} hours"
    return _why_not_he(turn, asked.holder, rule.roles)


def on_shunt_end_asked(turn: Turn, asked: ShuntEndAsked) -> None:
    """Anybody who may speak to the edge may make a point watch again."""
    rule = turn.policy.points.get(asked.point)
    point = turn.state.points.get(asked.point, Point())
    operator = commitment(asked.operator)
    if rule is None or point.shunted_until_us is None:
        reason = "the policy has no such point" if rule is None else "it is not shunted"
        refused = ShuntRefused(point=clipped(asked.point), reason=reason, operator=operator)
        turn.record(refused, asked.operator)
        return
    after, _ = line.move(point, Signal.SHUNT_ENDED, rule, turn.now_us)
    turn.record(PointShuntEnded(point=rule.id, after=after, operator=operator), asked.operator)
    _judge_again(turn, rule)


# --- time -------------------------------------------------------------------------------------


def due_us(state: SiteState, policy: CompiledPolicy) -> list[Micros | None]:
    """When something falls due at points."""
    due: list[Micros | None] = []
    for name in policy.points:
        point = state.points.get(name)
        if point is None or point.state is State.UNKNOWN:
            due.append(state.points_since_us + FIRST_READING_US)
        if point is not None:
            due += (point.deadline_us, point.shunted_until_us)
    return due


def deal_with_due(turn: Turn) -> None:
    """What has fallen due at points, in the order of their names."""
    for name, rule in sorted(turn.policy.points.items()):
        point = turn.state.points.get(name, Point())
        first_us = turn.state.points_since_us + FIRST_READING_US
        if point.state is State.UNKNOWN and first_us <= turn.now_us:
            _signal(turn, rule, Signal.FAULTED, replace(point, line=Line.GONE))
            point = turn.state.points[name]
        if point.shunted_until_us is not None and point.shunted_until_us <= turn.now_us:
            _signal(turn, rule, Signal.SHUNT_ENDED, point)
            _judge_again(turn, rule)
            point = turn.state.points[name]
        if point.deadline_us is not None and point.deadline_us <= turn.now_us:
            _signal(turn, rule, Signal.PATIENCE_ENDED, point)
