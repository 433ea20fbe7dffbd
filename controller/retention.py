"""For how long what kind of entry is kept: each kind is of one class, and a site says how many days
a class is kept.
"""

from enum import StrEnum

from controller import events as ev
from controller import events_alarms as ea
from controller import events_badges as ebg
from controller import events_barriers as eb
from controller import events_cameras as ec
from controller import events_devices as ed
from controller import events_faces as ef
from controller import events_muster as em
from controller import events_pictures as epi
from controller import events_points as ep
from controller import events_signins as es
from controller import events_visits as evi
from controller.body import Body
from controller.events import KINDS, kind_of


class RecordClass(StrEnum):
    """What an entry is about, to whom keeps it."""

    PASSAGES = "passages"
    """Who came when to which door, and what was decided."""

    ALARMS = "alarms"
    """What somebody was, or had to be, sent for."""

    PEOPLE = "people"
    """Who is on file, visits, consents, erasures."""

    SYSTEM = "system"
    """Everything else: devices, doors' own doings, the journal, policies."""


_PASSAGES: tuple[type[Body], ...] = (
    ev.AnswerIgnored,
    ev.AttemptAbandoned,
    ev.AttemptBegan,
    ev.BadgeIgnored,
    ev.DecisionMade,
    ev.ExitLetGo,
    ev.ExitOver,
    ev.ExitRequested,
    ev.FactorAnswered,
    ev.FactorAsked,
    ev.FactorMissed,
    ev.GrantAborted,
    ev.GrantUnused,
    ev.GuardVouched,
    ev.PassageMade,
    ev.PortalGranted,
    ev.SecondAsked,
    epi.PictureKept,
    epi.PictureMissed,
)

_ALARMS: tuple[type[Body], ...] = (
    ea.AlarmAcknowledged,
    ea.AlarmAnswerRefused,
    ea.AlarmAssigned,
    ea.AlarmClosed,
    ea.AlarmNoted,
    ec.CameraFaulted,
    ec.CameraRestored,
    ed.DeviceChanged,
    ed.DeviceServiced,
    ed.ReaderPowerFailed,
    ev.AgentWithoutConsent,
    ev.CountersChallenged,
    ev.DeviceSuspected,
    ev.EgressEnded,
    ev.EgressReleased,
    ev.EvacuationConfirmed,
    ev.FireLatched,
    ev.FireLineRead,
    ev.FireReset,
    ev.FireResetRefused,
    ev.HolderLockedOut,
    ev.JournalDoubted,
    ev.JournalUnsound,
    ev.LockoutEnded,
    ev.OrderAccepted,
    ev.OrderEnded,
    ev.OrderRefused,
    ev.OrdersSuspected,
    ev.PortalForced,
    ev.PortalHeld,
    ev.PortalNeverClosed,
    ev.PostureChanged,
    ev.PartyLeftBehind,
    ev.ProtocolOfficerCalled,
    ev.ReaderTampered,
    ev.VisitorOverstayed,
    ev.VisitorUnescorted,
    eb.BarrierJammed,
    eb.BarrierReopened,
    eb.InterlockOverridden,
    eb.LoopFaulted,
    ef.FaceUnsound,
    ep.ArmingRefused,
    ep.PanicRaised,
    ep.PointAlarmed,
    ep.PointEntered,
    ep.PointFaulted,
    ep.PointMasked,
    ep.PointShuntEnded,
    ep.PointShunted,
    ep.PointStoodDown,
    ep.PointStuck,
    ep.ShuntRefused,
    ep.SourceActed,
    ep.SourceFaulted,
    ep.ZoneArmed,
    ep.ZoneDisarmed,
    es.SignInRefused,
    evi.VisitOverdue,
    evi.VisitorUnaccounted,
)

_PEOPLE: tuple[type[Body], ...] = (
    ebg.BadgeSought,
    ef.FaceEnrolled,
    ef.FaceErased,
    ef.TemplatesResealed,
    em.CheckUndone,
    em.MusterBegun,
    em.MusterEnded,
    em.MusterRefused,
    em.PersonCheckedOff,
    ev.ConsentEnded,
    ev.ConsentGiven,
    ev.ConsentRefused,
    ev.HoldersReplaced,
    ev.PersonErased,
    ev.PersonReported,
    ev.PersonScreened,
    ev.VisitorCodeMade,
    epi.PictureShown,
    epi.PicturesErased,
    es.SessionBegan,
    es.SessionEnded,
    es.SessionUnlocked,
    es.SignInChanged,
    es.TerminalChanged,
    evi.DeliveryHanded,
    evi.DeliveryRefused,
    evi.DeliveryTaken,
    evi.PresenceCorrected,
    evi.VisitBadgeReturned,
    evi.VisitEnded,
    evi.VisitExpected,
    evi.VisitExtended,
    evi.VisitorGiven,
    evi.VisitorSignedIn,
    evi.VisitorSignedOut,
)

CLASS_OF: dict[str, RecordClass] = {
    **dict.fromkeys(KINDS, RecordClass.SYSTEM),
    **{kind_of(body): RecordClass.PASSAGES for body in _PASSAGES},
    **{kind_of(body): RecordClass.ALARMS for body in _ALARMS},
    **{kind_of(body): RecordClass.PEOPLE for body in _PEOPLE},
}
"""Of every kind that there is. A kind of a later version is of none, and kept."""

NEVER_ALONE = frozenset({kind_of(ev.EntriesPruned)})
"""Kinds that go with a whole segment alone: they say why others are not there."""
