"""What stands in the alarm queue: of every kind of entry that is an alarm there, how urgent it is
and why, what it is about, and when it is over.

More stands here than in `controller.alarms`, which opens incidents at central: a guard has to see
to a door that is held open as well. What says nothing of its end was a moment: somebody has to say
what it was. Duress is in no kind of entry, and never stands here.
"""

from collections.abc import Callable, Mapping
from enum import IntEnum, StrEnum

import msgspec

from controller import alarms
from controller import events as ev
from controller import events_barriers as eb
from controller import events_cameras as ec
from controller import events_devices as ed
from controller import events_faces as ef
from controller import events_points as ep
from controller import events_signins as es
from controller import events_visits as evi
from controller.barrier import Loop
from controller.barrier import State as BarrierState
from controller.events import Body, kind_of
from controller.point import Line
from controller.point import State as PointState
from controller.portal import Contact, Portal
from policies.facts import Mode


class Priority(IntEnum):
    """How urgent, the most urgent first."""

    LIFE = 1  # people may be in danger
    INTRUSION = 2  # somebody may be coming in, or at work on what keeps him out
    BLIND = 3  # something that keeps people out, or sees them, does not work
    ATTENTION = 4  # somebody should look, and nothing is lost meanwhile


class SourceKind(StrEnum):
    """What an alarm is about."""

    SITE = "site"
    PORTAL = "portal"
    READER = "reader"
    DEVICE = "device"
    CAMERA = "camera"
    POINT = "point"
    SOURCE = "source"  # a key switch, a panic input, or a terminal
    FIRE = "fire"
    PERSON = "person"
    INTERLOCK = "interlock"


def _starts(body: Body, _: str) -> bool:
    """What is still so after a start is told again."""
    return isinstance(body, ev.EdgeStarted)


def _portal(is_over: Callable[[Portal], bool]) -> Callable[[Body, str], bool]:
    """Over when the portal says so, or when there is no such portal any more."""

    def over(body: Body, source: str) -> bool:
        match body:
            case ev.PortalChange(portal=portal, after=after):
                return portal == source and is_over(after)
            case ev.EdgeStarted(portals=portals) | ev.PolicyActivated(portals=portals):
                return source not in portals
            case _:
                return False

    return over


def _point(*states: PointState) -> Callable[[Body, str], bool]:
    def over(body: Body, source: str) -> bool:
        if isinstance(body, ep.PointChange):
            return body.point == source and body.after.state in states
        return _starts(body, source)

    return over


def _line(*lines: Line) -> Callable[[Body, str], bool]:
    def over(body: Body, source: str) -> bool:
        if isinstance(body, ep.PointChange):
            return body.point == source and body.after.line in lines
        return _starts(body, source)

    return over


def _barrier_moves(body: Body, source: str) -> bool:
    if isinstance(body, eb.BarrierChange):
        moves = body.after.state in {BarrierState.DOWN, BarrierState.RAISED}
        return body.portal == source and moves
    return _starts(body, source)


def _loop_read(body: Body, source: str) -> bool:
    if isinstance(body, eb.BarrierChange):
        return body.portal == source and body.after.loop in {Loop.FREE, Loop.TAKEN}
    return _starts(body, source)


def _fire_reset(body: Body, source: str) -> bool:
    return isinstance(body, ev.FireChange) and body.fire == source and not body.after.latched


def _posture_normal(body: Body, _: str) -> bool:
    return isinstance(body, ev.PostureChanged) and body.mode is Mode.NORMAL


def _tamper_over(body: Body, source: str) -> bool:
    if isinstance(body, ev.ReaderTampered):
        return body.reader == source and not body.tampered
    return _starts(body, source)


def _power_good(body: Body, source: str) -> bool:
    if isinstance(body, ed.ReaderPowerFailed):
        return body.reader == source and not body.failing
    return _starts(body, source)


def _reader_found(body: Body, source: str) -> bool:
    found = isinstance(body, ev.ReaderFound) and body.reader == source
    return _starts(body, source) or found


def _camera_restored(body: Body, source: str) -> bool:
    restored = isinstance(body, ec.CameraRestored) and body.camera == source
    return _starts(body, source) or restored


def _journal_restored(body: Body, source: str) -> bool:
    return _starts(body, source) or isinstance(body, ev.JournalRestored)


def _source_read(body: Body, source: str) -> bool:
    if isinstance(body, ep.SourceChange):
        good = body.after.line in {ep.SourceLine.QUIET, ep.SourceLine.ACTIVE}
        return body.source == source and good
    return _starts(body, source)


def _lockout_ended(body: Body, source: str) -> bool:
    return _starts(body, source) or (
        isinstance(body, ev.LockoutEnded) and str(body.holder) == source
    )


def _visitor_gone(body: Body, source: str) -> bool:
    return isinstance(body, evi.VisitEnded) and str(body.holder) == source


def _visitor_in_time(body: Body, source: str) -> bool:
    if isinstance(body, evi.VisitExtended | evi.VisitorSignedOut | evi.VisitEnded):
        return str(body.holder) == source
    return False


def _always(_: Body) -> bool:
    return True


def _nothing(_: Body) -> str:
    return ""


def _who_was_named(body: Body) -> str:
    """Empty where that is nobody on file: any number of names can be tried."""
    return str(body.holder) if isinstance(body, es.SignInRefused) and body.holder else ""


def _of(field: str) -> Callable[[Body], str]:
    return lambda body: str(getattr(body, field))


class QueueRule(msgspec.Struct, frozen=True):
    """One kind. `why` it is of this priority. `over`: whether a body says that it is so no more, of
    this source; None where it was a moment.
    """

    priority: Priority
    why: str
    about: SourceKind
    source: Callable[[Body], str]
    over: Callable[[Body, str], bool] | None = None
    title: str = ""
    holds: Callable[[Body], bool] = _always


_closed = _portal(lambda portal: portal.contact is Contact.CLOSED)
_LIFE, _INTRUSION, _BLIND, _ATTENTION = Priority
_S = SourceKind

_LIFE_SAFETY: dict[type[Body], QueueRule] = {
    ev.FireLatched: QueueRule(
        _LIFE, "people have to come out", _S.FIRE, _of("fire"), over=_fire_reset
    ),
    ep.SourceActed: QueueRule(
        _LIFE, "somebody inside has called for help", _S.SOURCE, _of("source")
    ),
    ep.PanicRaised: QueueRule(
        _LIFE, "somebody at a page has called for help", _S.SOURCE, _of("terminal")
    ),
    ev.PostureChanged: QueueRule(
        _LIFE, "the house is shut or emptied for a reason", _S.SITE, _nothing, over=_posture_normal
    ),
    eb.InterlockOverridden: QueueRule(
        _LIFE, "both leaves may be open while people leave", _S.INTERLOCK, _of("interlock")
    ),
}

_COMING_IN: dict[type[Body], QueueRule] = {
    ev.PortalForced: QueueRule(
        _INTRUSION, "nobody was let in there", _S.PORTAL, _of("portal"), over=_closed
    ),
    ep.PointAlarmed: QueueRule(
        _INTRUSION,
        "something moves where nobody should be",
        _S.POINT,
        _of("point"),
        over=_point(PointState.QUIET, PointState.SEEN),
    ),
    ep.PointMasked: QueueRule(
        _INTRUSION,
        "somebody was close enough to cover it",
        _S.POINT,
        _of("point"),
        over=_line(Line.QUIET, Line.ACTIVE),
    ),
    ev.ReaderTampered: QueueRule(
        _INTRUSION, "somebody is at the reader", _S.READER, _of("reader"), over=_tamper_over
    ),
    ev.DeviceSuspected: QueueRule(
        _INTRUSION, "somebody may be in its place", _S.DEVICE, _of("device")
    ),
    ed.DeviceChanged: QueueRule(
        _INTRUSION, "somebody may have put another there", _S.DEVICE, _of("device")
    ),
    ev.OrdersSuspected: QueueRule(_INTRUSION, "somebody tries to give orders", _S.SITE, _nothing),
    es.SignInRefused: QueueRule(_INTRUSION, "somebody may be guessing", _S.PERSON, _who_was_named),
    ef.FaceUnsound: QueueRule(
        _INTRUSION, "somebody may have put another face there", _S.PERSON, _of("holder")
    ),
    ev.JournalDoubted: QueueRule(
        _INTRUSION, "the record may have been put back", _S.SITE, _nothing
    ),
    ev.JournalUnsound: QueueRule(_INTRUSION, "the record may have been edited", _S.SITE, _nothing),
}

_NOT_WORKING: dict[type[Body], QueueRule] = {
    ep.PointFaulted: QueueRule(
        _BLIND,
        "the point sees nothing",
        _S.POINT,
        _of("point"),
        over=_line(Line.QUIET, Line.ACTIVE, Line.MASKED),
    ),
    ep.PointStuck: QueueRule(
        _BLIND,
        "the point sees nothing new",
        _S.POINT,
        _of("point"),
        over=_point(PointState.QUIET),
        title="An alarm point does not let go",
    ),
    ep.SourceFaulted: QueueRule(
        _BLIND, "nobody can call for help there", _S.SOURCE, _of("source"), over=_source_read
    ),
    ec.CameraFaulted: QueueRule(
        _BLIND, "nobody is seen there", _S.CAMERA, _of("camera"), over=_camera_restored
    ),
    ev.PortalLost: QueueRule(
        _BLIND,
        "the lock hears nothing",
        _S.PORTAL,
        _of("portal"),
        over=_portal(lambda portal: portal.linked),
        title="The lock of a door does not answer",
    ),
    ev.PortalNeverClosed: QueueRule(
        _BLIND,
        "the door keeps nobody out",
        _S.PORTAL,
        _of("portal"),
        over=_closed,
        title="A door does not close",
    ),
    ev.ContactFaulted: QueueRule(
        _BLIND,
        "nobody knows whether the door is open",
        _S.PORTAL,
        _of("portal"),
        over=_portal(lambda portal: portal.contact in {Contact.CLOSED, Contact.OPEN}),
        title="The contact of a door cannot be read",
    ),
    ev.ReaderLost: QueueRule(
        _BLIND,
        "nobody can show a badge there",
        _S.READER,
        _of("reader"),
        over=_reader_found,
        title="A reader does not answer",
    ),
    ed.ReaderPowerFailed: QueueRule(
        _BLIND, "its locks may be next", _S.READER, _of("reader"), over=_power_good
    ),
    eb.BarrierJammed: QueueRule(
        _BLIND,
        "the way stands open for vehicles",
        _S.PORTAL,
        _of("portal"),
        over=_barrier_moves,
        title="A barrier does not come down",
    ),
    eb.LoopFaulted: QueueRule(
        _BLIND,
        "what is up stays up",
        _S.PORTAL,
        _of("portal"),
        over=_loop_read,
        title="The safety loop of a barrier cannot be read",
    ),
    ev.JournalLost: QueueRule(
        _BLIND, "nothing is on record", _S.SITE, _nothing, over=_journal_restored
    ),
    ev.EntryDropped: QueueRule(_BLIND, "what happened is lost", _S.SITE, _nothing),
}

_TO_BE_LOOKED_AT: dict[type[Body], QueueRule] = {
    ev.PortalHeld: QueueRule(
        _ATTENTION,
        "somebody stands in the door",
        _S.PORTAL,
        _of("portal"),
        over=_closed,
        title="A door is held open",
    ),
    ev.ExitStuck: QueueRule(
        _ATTENTION,
        "a forced door would be explained by it",
        _S.PORTAL,
        _of("portal"),
        over=_portal(lambda portal: not portal.rex_stuck),
        title="A request to exit does not let go",
    ),
    ev.ProtocolOfficerCalled: QueueRule(
        _ATTENTION, "somebody has to come and speak with him", _S.PORTAL, _of("portal")
    ),
    ev.AgentWithoutConsent: QueueRule(
        _ATTENTION, "the head of mission has to know", _S.PERSON, _of("holder")
    ),
    ev.VisitorOverstayed: QueueRule(
        _ATTENTION,
        "he may have left unseen, or be where he should not",
        _S.PERSON,
        _of("visitor"),
        title="A visitor is inside for too long",
    ),
    evi.VisitOverdue: QueueRule(
        _ATTENTION,
        "his host has to know where he is",
        _S.PERSON,
        _of("holder"),
        over=_visitor_in_time,
    ),
    evi.VisitorUnaccounted: QueueRule(
        _ATTENTION,
        "he may be inside, with nobody there",
        _S.PERSON,
        _of("holder"),
        over=_visitor_gone,
    ),
    ev.VisitorUnescorted: QueueRule(
        _ATTENTION,
        "somebody has to be with him",
        _S.PERSON,
        _of("visitor"),
        title="A visitor is without his host",
    ),
    ev.PartyLeftBehind: QueueRule(
        _ATTENTION,
        "nobody knows their names",
        _S.PERSON,
        _of("holder"),
        title="A party has divided",
    ),
    ev.HolderLockedOut: QueueRule(
        _ATTENTION,
        "somebody may be guessing a PIN",
        _S.PERSON,
        _of("holder"),
        over=_lockout_ended,
        title="Too many wrong PINs",
    ),
}


def _rule(body_type: type[Body], rule: QueueRule) -> QueueRule:
    """Title and condition of what opens incidents as well stand in one place."""
    opens = alarms.ALARMS.get(kind_of(body_type))
    if opens is None:
        return rule
    return msgspec.structs.replace(rule, title=opens.title, holds=opens.holds)


QUEUE_FULL = "alarm-queue-full"
"""No entry is of this kind: it stands for those that found no room."""

RULES: Mapping[str, QueueRule] = {
    kind_of(body_type): _rule(body_type, rule)
    for body_type, rule in (_LIFE_SAFETY | _COMING_IN | _NOT_WORKING | _TO_BE_LOOKED_AT).items()
} | {
    QUEUE_FULL: QueueRule(
        _LIFE,
        "nobody knows what is among them",
        _S.SITE,
        _nothing,
        title="More alarms than the queue holds: the journal has them all",
    )
}
"""By kind of event."""


def rule_of(kind: str) -> QueueRule:
    """Of a kind that this version does not know, as a snapshot of another one may have: a moment,
    to be looked at first.
    """
    known = RULES.get(kind)
    unknown = "this version does not know what it is"
    return known or QueueRule(Priority.LIFE, unknown, SourceKind.SITE, _nothing, title=kind)


assert all(rule.title for rule in RULES.values()), "every alarm can be called by something"

MAY_END: tuple[type[Body], ...] = (
    ev.EdgeStarted,
    ev.PolicyActivated,
    ev.PortalChange,
    ev.FireChange,
    ev.PostureChanged,
    ev.ReaderTampered,
    ev.ReaderFound,
    ev.LockoutEnded,
    ev.JournalRestored,
    ed.ReaderPowerFailed,
    ec.CameraRestored,
    ep.PointChange,
    ep.SourceChange,
    eb.BarrierChange,
    evi.VisitExtended,
    evi.VisitorSignedOut,
    evi.VisitEnded,
)
"""Bodies by which something may be over; no rule looks at others."""
