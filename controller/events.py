"""The one schema of what is recorded and sent.

An event is a fixed header and a body. The stored bytes are the header with the body as raw JSON:
the chain and the archive never decode a body, and an unknown kind is kept and shown. Readers
tolerate unknown fields and default new ones; names and meanings never change once released.

Personal values never stand here. A field of type `Commitment` holds a salted commitment to one.
"""

import re
from typing import Annotated

import msgspec

import controller.events_alarms
import controller.events_badges
import controller.events_barriers
import controller.events_cameras
import controller.events_faces
import controller.events_muster
import controller.events_pictures
import controller.events_points
import controller.events_signins
import controller.events_visits
from controller.arrival import Action
from controller.body import (
    ENTRY_BYTES_MAX,
    TEXT_CHARS_MAX,
    Body,
    Count,
    Entry,
    Header,
    Name,
    Seq,
    Text,
    clipped,
)
from controller.events_attempts import (
    AnswerIgnored,
    AttemptAbandoned,
    AttemptBegan,
    FactorAnswered,
    FactorAsked,
    FactorMissed,
)
from controller.events_devices import DeviceChanged, DeviceServiced, ReaderPowerFailed
from controller.events_edge import (
    ClockJudged,
    EdgeReady,
    EdgeStarted,
    EdgeStopping,
    PolicyActivated,
    PostureChanged,
)
from controller.events_fires import (
    Fire,
    FireChange,
    FireLatched,
    FireLine,
    FireLineRead,
    FireReset,
    FireResetRefused,
)
from controller.events_journal import (
    EntriesPruned,
    EntryDropped,
    JournalDoubted,
    JournalKeyRotated,
    JournalLost,
    JournalRestored,
    JournalUnsound,
    ReserveUsed,
    WitnessKeyFollowed,
)
from controller.events_orders import (
    CountersChallenged,
    EvacuationConfirmed,
    OrderAccepted,
    OrderEnded,
    OrderRefused,
    OrdersSuspected,
)
from controller.events_people import (
    AgentWithoutConsent,
    ConsentEnded,
    ConsentGiven,
    ConsentRefused,
    GuardVouched,
    HolderLockedOut,
    HoldersReplaced,
    LockoutEnded,
    PartyLeftBehind,
    PersonErased,
    PersonReported,
    PersonScreened,
    ProtocolOfficerCalled,
    SecondAsked,
    VisitorCodeMade,
    VisitorOverstayed,
    VisitorUnescorted,
)
from controller.events_wire import CertificateExpiring
from controller.ids import (
    AttemptId,
    EffectId,
    PortalId,
    ReaderId,
)
from controller.ledger import Commitment, Personal
from controller.portal import Portal
from controller.whereabouts import Moved
from policies.facts import Decision, Direction, Request

__all__ = [
    "ENTRY_BYTES_MAX",
    "TEXT_CHARS_MAX",
    # what is defined elsewhere and belongs to the schema
    "AgentWithoutConsent",
    "AnswerIgnored",
    "AttemptAbandoned",
    "AttemptBegan",
    "Body",
    "CertificateExpiring",
    "ClockJudged",
    "ConsentEnded",
    "ConsentGiven",
    "ConsentRefused",
    "Count",
    "CountersChallenged",
    "EdgeReady",
    "EdgeStarted",
    "EdgeStopping",
    "EntriesPruned",
    "Entry",
    "EntryDropped",
    "EvacuationConfirmed",
    "FactorAnswered",
    "FactorAsked",
    "FactorMissed",
    "Fire",
    "FireChange",
    "FireLatched",
    "FireLine",
    "FireLineRead",
    "FireReset",
    "FireResetRefused",
    "GuardVouched",
    "Header",
    "HolderLockedOut",
    "HoldersReplaced",
    "JournalDoubted",
    "JournalKeyRotated",
    "JournalLost",
    "JournalRestored",
    "JournalUnsound",
    "LockoutEnded",
    "Name",
    "OrderAccepted",
    "OrderEnded",
    "OrderRefused",
    "OrdersSuspected",
    "PartyLeftBehind",
    "PersonErased",
    "PersonReported",
    "PersonScreened",
    "PolicyActivated",
    "PostureChanged",
    "ProtocolOfficerCalled",
    "ReserveUsed",
    "SecondAsked",
    "Seq",
    "Text",
    "VisitorCodeMade",
    "VisitorOverstayed",
    "VisitorUnescorted",
    "WitnessKeyFollowed",
    "clipped",
]


# --- readers ----------------------------------------------------------------------------------


class ReaderFound(Body, frozen=True, kw_only=True):
    """The reader answers; of one that only ever speaks, its port is open.

    `secure`: its session is authenticated and encrypted.
    """

    reader: ReaderId
    secure: bool
    identity: Text


class ReaderLost(Body, frozen=True, kw_only=True):
    reader: ReaderId
    reason: Text


class ReaderTampered(Body, frozen=True, kw_only=True):
    reader: ReaderId
    tampered: bool


class DeviceSuspected(Body, frozen=True, kw_only=True):
    """A device or somebody in its place said what it must not; nothing of it was believed."""

    device: Name
    reason: Text


class BadgeIgnored(Body, frozen=True, kw_only=True):
    """A badge was read and not looked at. `reason` says why; the person was told to try again."""

    reader: ReaderId
    reason: Text
    badge: Commitment | None = None


# --- attempts ---------------------------------------------------------------------------------


class DecisionMade(Body, frozen=True, kw_only=True):
    """A verdict with the whole question, so that the same policy gives it again at any time.

    `policy` is the whole digest of the policy that judged: the one the attempt began under.
    `reader` is None where nobody was asked: a request to exit. `person` and `badge` commit to the
    holder's name and the credential's reference.
    """

    attempt: AttemptId
    reader: ReaderId | None
    portal: PortalId
    direction: Direction
    policy: Text
    request: Request
    decision: Decision
    person: Commitment | None = None
    badge: Commitment | None = None


# --- portals ----------------------------------------------------------------------------------


class PortalChange(Body, frozen=True, kw_only=True):
    """What a portal is after this event, whole."""

    portal: PortalId
    after: Portal


class PortalGranted(PortalChange, frozen=True, kw_only=True):
    """One timed release was granted; the strike follows once this is on disk."""


class PassageMade(PortalChange, frozen=True, kw_only=True):
    """The leaf opened on a grant."""

    attempt: AttemptId | None
    direction: Direction | None
    moved: Moved | None = None


class GrantUnused(PortalChange, frozen=True, kw_only=True):
    """A grant ended and the leaf was not seen to open. `moved`: it may have been used."""

    attempt: AttemptId | None
    direction: Direction | None
    moved: Moved | None = None


class GrantAborted(PortalChange, frozen=True, kw_only=True):
    """A grant was taken back before it was used: posture, fire, or a journal that failed."""

    attempt: AttemptId | None
    direction: Direction | None


class PortalOpened(PortalChange, frozen=True, kw_only=True):
    """The leaf opened without a grant and with an explanation: from inside, or standing open."""

    moved: Moved | None = None


class PortalForced(PortalChange, frozen=True, kw_only=True):
    """The leaf opened without a grant, and nothing explains it."""


class CloseAsked(PortalChange, frozen=True, kw_only=True):
    """The leaf is about to stand open too long; its readers ask for it to be closed."""


class PortalHeld(PortalChange, frozen=True, kw_only=True):
    """The leaf stands open longer than the portal allows."""


class PortalNeverClosed(PortalChange, frozen=True, kw_only=True):
    """The leaf was held or forced and does not close: propped, or its contact is stuck."""


class PortalClosed(PortalChange, frozen=True, kw_only=True):
    """The leaf closed."""


class ContactFaulted(PortalChange, frozen=True, kw_only=True):
    """The contact's line is cut or shorted: whether the leaf is open cannot be known."""


class ExitRequested(PortalChange, frozen=True, kw_only=True):
    """Somebody inside wants out."""


class ExitLetGo(PortalChange, frozen=True, kw_only=True):
    """The request-to-exit input let go."""


class ExitStuck(PortalChange, frozen=True, kw_only=True):
    """The request-to-exit input has not let go for too long."""


class ExitOver(PortalChange, frozen=True, kw_only=True):
    """A granted way out has had its time; the strike that still ran at the portal is ended."""


class PortalLeased(PortalChange, frozen=True, kw_only=True):
    """The portal stands open by schedule for the length of one lease."""


class LeaseEnded(PortalChange, frozen=True, kw_only=True):
    """The portal no longer stands open by schedule."""


class EgressReleased(PortalChange, frozen=True, kw_only=True):
    """The way out is free and stays so. `emptied`: zones that people leave through it unseen."""

    emptied: tuple[Name, ...] = ()


class EgressEnded(PortalChange, frozen=True, kw_only=True):
    """The reason for the free way out was reset."""


class PortalSecured(PortalChange, frozen=True, kw_only=True):
    """The posture in force keeps the portal shut for entry."""


class SecureEnded(PortalChange, frozen=True, kw_only=True):
    """No posture keeps the portal shut any more."""


class PortalLost(PortalChange, frozen=True, kw_only=True):
    """The device on which the portal's lock hangs does not answer."""


class PortalFound(PortalChange, frozen=True, kw_only=True):
    """The device on which the portal's lock hangs answers again; nothing was released by that."""


class PortalSettled(PortalChange, frozen=True, kw_only=True):
    """The first reading after not knowing."""


class BoltMoved(PortalChange, frozen=True, kw_only=True):
    """The bolt sensor changed."""


# --- effects ----------------------------------------------------------------------------------


class EffectEnded(Body, frozen=True, kw_only=True):
    """What became of an effect: confirmed, refused, expired, withdrawn or lost. `portal` and
    `action`: what it was to do, where a version before there were orders did not leave them out.
    """

    effect: EffectId
    outcome: Text
    portal: Annotated[str, msgspec.Meta(max_length=64)] = ""
    action: Action | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event of the core: its header, its body, and personal values that travel beside it."""

    header: Header
    body: Body
    personal: tuple[Personal, ...] = ()


def kind_of(body_type: type[Body]) -> str:
    """`PortalForced` -> `portal-forced`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", body_type.__name__).lower()


def _leaves(body_type: type[Body]) -> list[type[Body]]:
    children = body_type.__subclasses__()
    return [leaf for child in children for leaf in _leaves(child)] if children else [body_type]


def _module(leaf: type[Body]) -> str:
    return leaf.__module__


KINDS: dict[str, type[Body]] = {kind_of(leaf): leaf for leaf in sorted(_leaves(Body), key=_module)}
"""Every kind of event there is, by its name on the wire; the order does not depend on what was
imported first."""

URGENT = frozenset(
    kind_of(body_type)
    for body_type in (
        ContactFaulted,
        DeviceChanged,
        DeviceServiced,
        ReaderPowerFailed,
        DeviceSuspected,
        EdgeStopping,
        EntriesPruned,
        JournalDoubted,
        JournalKeyRotated,
        JournalRestored,
        JournalUnsound,
        WitnessKeyFollowed,
        OrderAccepted,
        OrderEnded,
        OrdersSuspected,
        PersonErased,
        PersonReported,
        ProtocolOfficerCalled,
        PolicyActivated,
        PortalForced,
        PostureChanged,
        ReaderTampered,
        controller.events_barriers.LoopFaulted,
        controller.events_cameras.CameraFaulted,
        controller.events_faces.FaceUnsound,
        controller.events_points.PointAlarmed,
        controller.events_points.PointFaulted,
        controller.events_points.PointMasked,
        controller.events_points.SourceFaulted,
        controller.events_signins.SignInChanged,
        controller.events_signins.SignInRefused,
        controller.events_signins.TerminalChanged,
    )
)
"""Kinds after which the journal's size is said at once: whoever has reason to make them unseen must
not have a minute for it."""

_ENCODER = msgspec.json.Encoder(order="deterministic")
_ENTRY = msgspec.json.Decoder(Entry)
_BODIES = {kind: msgspec.json.Decoder(body_type) for kind, body_type in KINDS.items()}


class EntryError(ValueError):
    """The bytes are not an entry of this schema."""


def encode(event: Event) -> bytes:
    """The bytes that are stored, hashed and sent: header and body in one JSON object."""
    fields = {name: getattr(event.header, name) for name in Header.__struct_fields__}
    entry = Entry(**fields, body=msgspec.Raw(_ENCODER.encode(event.body)))
    encoded = _ENCODER.encode(entry)
    assert len(encoded) <= ENTRY_BYTES_MAX, f"{event.header.kind} is too large"
    return encoded


def decode_entry(data: bytes) -> Entry:
    """The header of stored bytes, with the body left raw.

    Raises EntryError, which names the offset or field, on anything else.
    """
    try:
        return _ENTRY.decode(data)
    except msgspec.DecodeError as error:
        raise EntryError(f"not a journal entry: {error}") from error


def decode_body(entry: Entry) -> Body | None:
    """The entry's body; None where the kind is not known to this version.

    Raises EntryError when a known kind's body does not fit its schema.
    """
    decoder = _BODIES.get(entry.kind)
    if decoder is None:
        return None
    try:
        return decoder.decode(entry.body)
    except msgspec.DecodeError as error:
        raise EntryError(f"{entry.kind} {entry.seq}: {error}") from error
