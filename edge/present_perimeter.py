"""What entries about alarm points, local sources and barriers say, in words."""

from collections.abc import Callable, Mapping
from typing import Any

from controller import events_barriers as eb
from controller import events_points as ep
from controller.barrier import Loop
from controller.body import Body
from controller.point import Line, State
from edge.tone import Tone

Names = Mapping[str, str]
"""Personal values of an entry, by the field that commits to them."""

_FAULTS = {
    Line.CUT: "line is CUT",
    Line.SHORTED: "line is SHORTED",
    Line.GONE: "does not answer: its device is away",
}


def _who(names: Names) -> str:
    return names.get("operator", "a named person")


def _fault(body: ep.PointFaulted, _: Names) -> tuple[Tone, str]:
    return Tone.ALARM, f"point {body.point} {_FAULTS.get(body.after.line, 'cannot be read')}"


def _restored(body: ep.PointRestored, _: Names) -> tuple[Tone, str]:
    entering = "; the entry delay runs on" if body.after.state is State.ENTERING else ""
    return Tone.PLAIN, f"point {body.point} is quiet{entering}"


def _shunted(body: ep.PointShunted, names: Names) -> tuple[Tone, str]:
    who = f"{body.holder}, brought by {_who(names)}"
    return Tone.NOTICE, f"point {body.point} is SHUNTED by {who}: {body.reason}"


def _shunt_ended(body: ep.PointShuntEnded, names: Names) -> tuple[Tone, str]:
    by = "its time is over" if body.operator is None else f"ended by {_who(names)}"
    return Tone.NOTICE, f"point {body.point} is shunted no more: {by}"


def _shunt_refused(body: ep.ShuntRefused, names: Names) -> tuple[Tone, str]:
    return Tone.NOTICE, f"shunt of point {body.point} for {_who(names)} not done: {body.reason}"


def _armed(body: ep.ZoneArmed | ep.ZoneDisarmed, names: Names) -> tuple[Tone, str]:
    by = "by its schedule" if body.holder is None else f"by {body.holder}, {_who(names)}"
    state = "armed" if body.after.armed else "DISARMED"
    unquiet = ""
    if isinstance(body, ep.ZoneArmed) and body.unquiet:
        unquiet = f"; not quiet: {', '.join(body.unquiet)}"
    return Tone.NOTICE, f"{body.arming} is {state} {by}{unquiet}"


def _arming_refused(body: ep.ArmingRefused, names: Names) -> tuple[Tone, str]:
    wanted = "armed" if body.armed else "disarmed"
    return Tone.NOTICE, f"{body.arming} is not {wanted} for {_who(names)}: {body.reason}"


def _loop(body: eb.LoopRead, _: Names) -> tuple[Tone, str]:
    what = "is free" if body.after.loop is Loop.FREE else "sees a vehicle"
    return Tone.PLAIN, f"{body.portal} safety loop {what}"


def _limit(body: eb.BarrierLimitRead, _: Names) -> tuple[Tone, str]:
    what = "reached" if body.after.up else "left"
    return Tone.PLAIN, f"{body.portal} {what} its upper limit"


def _overridden(body: eb.InterlockOverridden, _: Names) -> tuple[Tone, str]:
    leaves = ", ".join(body.portals)
    return Tone.ALARM, f"interlock {body.interlock} was opened for life safety: {leaves}"


def _always(tone: Tone, text: str) -> Callable[[Any, Names], tuple[Tone, str]]:
    return lambda body, _: (tone, text.format(body=body))


def _panic(body: ep.PanicRaised, names: Names) -> tuple[Tone, str]:
    where = f"terminal {body.terminal}" if body.terminal else "a page"
    said = names.get("reason", "")
    why = f": {said}" if said else ""
    return Tone.ALARM, f"PANIC at {where}, {_who(names)} calls for help{why}"


SAYINGS: dict[type[Body], Callable[[Any, Names], tuple[Tone, str]]] = {
    ep.PointSettled: _always(Tone.PLAIN, "point {body.point} was read: quiet"),
    ep.PointSeen: _always(Tone.PLAIN, "point {body.point} sees something; it is not armed"),
    ep.PointEntered: _always(Tone.NOTICE, "point {body.point}: somebody came in and may disarm"),
    ep.PointAlarmed: _always(Tone.ALARM, "point {body.point} ALARM"),
    ep.PointRestored: _restored,
    ep.PointFaulted: _fault,
    ep.PointMasked: _always(Tone.ALARM, "point {body.point} is MASKED: it is covered or blinded"),
    ep.PointStuck: _always(Tone.ALARM, "point {body.point} is STUCK: active for too long"),
    ep.PointStoodDown: _always(Tone.NOTICE, "point {body.point}: disarmed"),
    ep.PointShunted: _shunted,
    ep.PointShuntEnded: _shunt_ended,
    ep.ShuntRefused: _shunt_refused,
    ep.ZoneArmed: _armed,
    ep.ZoneDisarmed: _armed,
    ep.ArmingRefused: _arming_refused,
    ep.PanicRaised: _panic,
    ep.SourceActed: _always(Tone.ALARM, "{body.source} was worked: it gives its order"),
    ep.SourceFoundActive: _always(
        Tone.NOTICE, "{body.source} is found worked as before; that gives no new order"
    ),
    ep.SourceLetGo: _always(Tone.NOTICE, "{body.source} is at rest; that ends nothing"),
    ep.SourceFaulted: _always(
        Tone.ALARM, "{body.source} line {body.after.line}: nobody can give its order"
    ),
    eb.BarrierRaised: _always(Tone.PLAIN, "{body.portal} is raised"),
    eb.BarrierLeft: _always(Tone.PLAIN, "{body.portal} left its lower limit"),
    eb.BarrierWaiting: _always(
        Tone.NOTICE, "{body.portal} stays up: its safety loop is {body.after.loop}"
    ),
    eb.BarrierLowering: _always(Tone.PLAIN, "{body.portal} is told to go down"),
    eb.BarrierReopened: _always(
        Tone.ALARM, "{body.portal} goes up again: its safety loop is {body.after.loop}"
    ),
    eb.BarrierJammed: _always(Tone.ALARM, "{body.portal} does not come down"),
    eb.BarrierDown: _always(Tone.PLAIN, "{body.portal} is down"),
    eb.BarrierLimitRead: _limit,
    eb.LoopRead: _loop,
    eb.LoopFaulted: _always(
        Tone.ALARM, "{body.portal} safety loop cannot be read: what is up stays up"
    ),
    eb.InterlockOverridden: _overridden,
}
