"""Of which entries something is kept, and where: a picture beside a decision, a clip of an alarm.

Alarms are those that open an incident at central (`controller.alarms`), where they have a place,
and what guards look into every day. Nothing here can tell duress: an entry says nothing of it but
to those who are told (`edge.duress`), so what is kept is the same with it and without.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from controller import events as ev
from controller import events_barriers as eb
from controller import events_cameras as ec
from controller import events_devices as ed
from controller import events_faces as ef
from controller import events_points as ep
from controller import events_signins as es
from controller import events_visits as evi
from controller.alarms import ALARMS
from controller.body import Body
from controller.events import Entry, EntryError, decode_body, kind_of
from controller.events_pictures import PictureKind
from controller.ids import HolderId, PortalId
from policies.codes import Code
from policies.compiled import CompiledPolicy, Pictures
from policies.facts import Direction

BEFORE_S, AFTER_S = 10, 20
"""What a clip shows around its alarm: who came up to the door, and what he did behind it."""

TOLD_BY_BADGE = frozenset({Code.CREDENTIAL_LOST, Code.CREDENTIAL_REVOKED})
"""Somebody has a badge that is not his any more: worth a look at who it is."""


class Place(NamedTuple):
    """Where something happened; `side` None: whichever way its cameras look."""

    portal: PortalId
    side: Direction | None = None


class Chosen(NamedTuple):
    """What is to be kept of an entry at one place. `holder`: who presented himself there."""

    what: PictureKind
    place: Place
    holder: HolderId | None = None


class Layout(NamedTuple):
    """What hangs where: the policy in force, and the portal of each reader."""

    policy: CompiledPolicy
    readers: Mapping[str, PortalId]


_Where = Callable[[Any, Layout], tuple[Place, ...]]


def _portal(body: Any, _: Layout) -> tuple[Place, ...]:
    return (Place(body.portal),)


def _portals(body: eb.InterlockOverridden, _: Layout) -> tuple[Place, ...]:
    return tuple(Place(portal) for portal in body.portals)


def _reader(body: Any, layout: Layout) -> tuple[Place, ...]:
    portal = layout.readers.get(body.reader)
    return () if portal is None else (Place(portal),)


def _device(body: Any, layout: Layout) -> tuple[Place, ...]:
    portal = layout.readers.get(body.device)
    return () if portal is None else (Place(portal),)


def _point(body: ep.PointChange, layout: Layout) -> tuple[Place, ...]:
    """The doors of the zone in which it is."""
    rule = layout.policy.points.get(body.point)
    if rule is None:
        return ()
    doors = (one for one in layout.policy.portals if rule.zone in (one.outer, one.inner))
    return tuple(Place(PortalId(one.id)) for one in doors)


def _badge(body: ev.DecisionMade, _: Layout) -> tuple[Place, ...]:
    known = body.decision.code in TOLD_BY_BADGE and not body.decision.granted
    return (Place(body.portal, body.direction),) if known else ()


CLIPS: Mapping[str, _Where] = {
    kind_of(ev.PortalForced): _portal,
    kind_of(ev.PortalHeld): _portal,
    kind_of(ev.PortalNeverClosed): _portal,
    kind_of(ev.ExitStuck): _portal,
    kind_of(ev.ProtocolOfficerCalled): _portal,
    kind_of(ev.DecisionMade): _badge,
    kind_of(ev.ReaderTampered): _reader,
    kind_of(ed.ReaderPowerFailed): _reader,
    kind_of(ev.DeviceSuspected): _device,
    kind_of(ed.DeviceChanged): _device,
    kind_of(ep.PointAlarmed): _point,
    kind_of(ep.PointFaulted): _point,
    kind_of(ep.PointMasked): _point,
    kind_of(ec.CameraFaulted): _portal,
    kind_of(eb.InterlockOverridden): _portals,
    kind_of(eb.BarrierJammed): _portal,
}
"""Kinds of which a clip is kept, and where each of them happened."""

NOWHERE = frozenset(
    kind_of(body)
    for body in (
        ev.AgentWithoutConsent,
        ev.EntryDropped,
        ef.FaceUnsound,
        ev.FireLatched,
        ev.JournalDoubted,
        ev.JournalLost,
        ev.JournalUnsound,
        ev.OrdersSuspected,
        ev.PostureChanged,
        ep.PanicRaised,
        ep.SourceActed,
        ep.SourceFaulted,
        es.SignInRefused,
        evi.VisitOverdue,
        evi.VisitorUnaccounted,
    )
)
"""Alarms that no door's camera could have seen. A panic button is among them: whoever presses it
is not filmed for it.
"""

_LOOKED_AT = frozenset(CLIPS)


def chosen(
    entry: Entry, layout: Layout, pictures: Callable[[PortalId], Pictures]
) -> tuple[Chosen, ...]:
    """What is kept of an entry; nothing of one that cannot be read. `pictures`: the policy's word
    for a portal.
    """
    if entry.kind not in _LOOKED_AT:
        return ()
    try:
        body = decode_body(entry)
    except EntryError:
        return ()
    if body is None:
        return ()
    holder = holder_of(body)
    found = [Chosen(PictureKind.CLIP, place, holder) for place in _alarmed(entry, body, layout)]
    kept = [one for one in found if pictures(one.place.portal) is not Pictures.NONE]
    if isinstance(body, ev.DecisionMade) and pictures(body.portal) is Pictures.DECISIONS:
        place = Place(body.portal, body.direction)
        kept.append(Chosen(PictureKind.PICTURE, place, holder))
    return tuple(kept)


def _alarmed(entry: Entry, body: Body, layout: Layout) -> tuple[Place, ...]:
    rule = ALARMS.get(entry.kind)
    if rule is not None and not rule.holds(body):
        return ()
    return CLIPS[entry.kind](body, layout)


def holder_of(body: Body) -> HolderId | None:
    """Who stood there, where it is known."""
    if isinstance(body, ev.DecisionMade) and body.request.holder is not None:
        return HolderId(body.request.holder.id)
    if isinstance(body, ev.ProtocolOfficerCalled):
        return body.holder
    return None
