"""Which entries are alarms: what opens an incident at central, and what a clip is kept of."""

from collections.abc import Callable, Mapping

import msgspec

from controller import events as ev
from controller import events_barriers as eb
from controller import events_cameras as ec
from controller import events_devices as ed
from controller import events_faces as ef
from controller import events_points as ep
from controller import events_signins as es
from controller import events_visits as evi
from controller.events import Body, Entry, EntryError, decode_body, kind_of
from policies.facts import Mode


def _always(_: Body) -> bool:
    return True


def _tampered(body: Body) -> bool:
    return isinstance(body, ev.ReaderTampered) and body.tampered


def _failing(body: Body) -> bool:
    return isinstance(body, ed.ReaderPowerFailed) and body.failing


def _tried_often(body: Body) -> bool:
    return isinstance(body, es.SignInRefused) and body.tries >= es.SUSPECTED_TRIES


def _not_normal(body: Body) -> bool:
    return isinstance(body, ev.PostureChanged) and body.mode is not Mode.NORMAL


class Rule(msgspec.Struct, frozen=True):
    title: str
    holds: Callable[[Body], bool] = _always

    @property
    def is_plain(self) -> bool:
        """Whether every entry of the kind is one, whatever it says."""
        return self.holds is _always


ALARMS: Mapping[str, Rule] = {
    kind_of(ev.FireLatched): Rule("Fire"),
    kind_of(ev.PortalForced): Rule("A door was forced"),
    kind_of(ev.OrdersSuspected): Rule("Orders were refused one after another"),
    kind_of(ev.PostureChanged): Rule("The posture is not normal", _not_normal),
    kind_of(ev.ReaderTampered): Rule("A reader is tampered with", _tampered),
    kind_of(ed.ReaderPowerFailed): Rule("The power of a reader is failing", _failing),
    kind_of(ev.DeviceSuspected): Rule("A device is not believed"),
    kind_of(ed.DeviceChanged): Rule("A device is not the one that it was"),
    kind_of(ec.CameraFaulted): Rule("A camera cannot be relied on"),
    kind_of(ef.FaceUnsound): Rule("The template of a face cannot be used"),
    kind_of(ev.ProtocolOfficerCalled): Rule("A protected person was refused"),
    kind_of(ev.AgentWithoutConsent): Rule("An agent is inside without consent"),
    kind_of(ev.JournalLost): Rule("A journal could not be written"),
    kind_of(ev.JournalDoubted): Rule("A journal is not what was seen of it"),
    kind_of(ev.JournalUnsound): Rule("A journal does not hold"),
    kind_of(ev.EntryDropped): Rule("Entries are lost"),
    kind_of(ep.PointAlarmed): Rule("An alarm point has alarmed"),
    kind_of(ep.PointFaulted): Rule("An alarm point sees nothing"),
    kind_of(ep.PointMasked): Rule("An alarm point is masked"),
    kind_of(ep.SourceActed): Rule("A key switch or panic button was worked"),
    kind_of(ep.PanicRaised): Rule("Somebody at a terminal has called for help"),
    kind_of(ep.SourceFaulted): Rule("A key switch or panic button is out of order"),
    kind_of(es.SignInRefused): Rule("Somebody tries to sign in", _tried_often),
    kind_of(evi.VisitOverdue): Rule("A visitor is past the expected time"),
    kind_of(evi.VisitorUnaccounted): Rule("A visitor was not seen leaving"),
    kind_of(eb.InterlockOverridden): Rule("An interlock was opened for life safety"),
}
"""By kind of event. What guards see every day, a door held open or a badge refused, is none."""


def alarm(entry: Entry) -> Rule | None:
    """The rule by which the entry opens an incident or joins one. What a known kind says in a way
    that cannot be read counts as an alarm.
    """
    rule = ALARMS.get(entry.kind)
    if rule is None:
        return None
    try:
        body = decode_body(entry)
    except EntryError:
        return rule
    return rule if body is None or rule.holds(body) else None
