"""Facts that reach the core. Each brings its id and every random value that judging it needs."""

from enum import StrEnum

import msgspec

from controller.arrival import Action
from controller.body import Note
from controller.events import FireLine
from controller.events_people import ErasedValues
from controller.holders import Directory, KeyId
from controller.ids import (
    AttemptId,
    CredentialRef,
    EffectId,
    HolderId,
    InputId,
    OrderId,
    PortalId,
    QuestionId,
    ReaderId,
)
from controller.ledger import Personal
from controller.orders import Order
from controller.portal import Contact
from policies.compiled import CompiledPolicy
from policies.facts import (
    Assurance,
    Direction,
    Factor,
    Headcount,
    ScreeningResult,
    UtcSeconds,
)


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """`drill` is inherited from what caused the input, never read from the site."""

    id: InputId
    drill: bool = False


class Started(Input, frozen=True, kw_only=True):
    """The daemon begins; the first input after every start. The flags as in `EdgeStarted`."""

    version: str
    safe_mode: bool = False
    kept_copy: bool = False


class Stopping(Input, frozen=True, kw_only=True):
    reason: str


class TimePassed(Input, frozen=True, kw_only=True):
    """The moment named by `Site.deadline()` has come, or nothing happened for a while."""


class BadgeRead(Input, frozen=True, kw_only=True):
    """A badge at the reader of one passage.

    `attempt` and `question` are fresh ids; `badge` and `person` are the credential's reference and
    the holder's name with fresh salts, for the record. `offers`: what can be asked for here.
    `valid_from_s`, `valid_until_s`: what the badge itself says of its time, as visitors' codes do;
    it is judged as the holder's own, which it can only narrow.
    """

    reader: ReaderId
    portal: PortalId
    direction: Direction
    ref: CredentialRef
    assurance: Assurance
    attempt: AttemptId
    question: QuestionId
    offers: tuple[Factor, ...] = ()
    valid_from_s: UtcSeconds | None = None
    valid_until_s: UtcSeconds | None = None
    badge: Personal | None = None
    person: Personal | None = None


class BadgeUnreadable(Input, frozen=True, kw_only=True):
    reader: ReaderId
    reason: str


class Answer(Input, frozen=True, kw_only=True):
    """The answer to a question. `further`: a fresh id, for a question that may follow; `offers`:
    what can be asked for here now. `person` as in BadgeRead.
    """

    question: QuestionId
    further: QuestionId | None = None
    offers: tuple[Factor, ...] = ()
    person: Personal | None = None


class PinOutcome(StrEnum):
    MATCHED = "matched"
    WRONG = "wrong"
    UNAVAILABLE = "unavailable"  # not checked: nothing is counted against the person


class PinChecked(Answer, frozen=True, kw_only=True):
    """The answer to an AskPin: the result of the check, never the PIN.

    `note`: sealed by the edge beside every check; it goes into the event as it is.
    """

    outcome: PinOutcome
    assurance: Assurance
    note: Note = ""


class FaceOutcome(StrEnum):
    """What came of a comparison.

    MATCHED alone passes. WRONG: a clear face, live where that was asked, that is not hers. All
    others mean that nothing was compared, and the policy's alternative is asked for.
    """

    MATCHED = "matched"
    WRONG = "wrong"
    NOT_LIVE = "not-live"
    NOBODY = "nobody"
    SEVERAL = "several"
    POOR = "poor"
    UNAVAILABLE = "unavailable"


class FaceChecked(Answer, frozen=True, kw_only=True):
    """The answer to an AskFace: the result, never a template, picture or distance. `reason`: for
    people, where nothing was compared.
    """

    outcome: FaceOutcome
    reason: str
    assurance: Assurance


class GuardAnswered(Answer, frozen=True, kw_only=True):
    """A guard has compared the person with her picture. Fields of the personal values: `reason`,
    `operator`.
    """

    accepted: bool
    reason: Personal
    operator: Personal


class RefusalAsked(Input, frozen=True, kw_only=True):
    """A guard refuses who waits to come in, whatever is waited for; as an answer by which he is not
    the one. `person` as in BadgeRead; fields of the others: `reason`, `operator`.
    """

    attempt: AttemptId
    person: Personal | None
    reason: Personal
    operator: Personal


class ContactRead(Input, frozen=True, kw_only=True):
    """The debounced contact of a portal's leaf."""

    portal: PortalId
    contact: Contact


class BoltRead(Input, frozen=True, kw_only=True):
    portal: PortalId
    bolted: bool


class ExitAsked(Input, frozen=True, kw_only=True):
    """The request-to-exit input of a portal. `attempt` is a fresh id for the decision."""

    portal: PortalId
    active: bool
    attempt: AttemptId


class FireLineHeard(Input, frozen=True, kw_only=True):
    fire: str
    line: FireLine


class FireResetAsked(Input, frozen=True, kw_only=True):
    """A named person resets a latched fire. `operator.field` is `operator`."""

    fire: str
    operator: Personal


class ReaderHeard(Input, frozen=True, kw_only=True):
    reader: ReaderId
    online: bool
    secure: bool
    about: str
    """The device's identity when it is online, the reason when it is not."""


class ReaderTamperHeard(Input, frozen=True, kw_only=True):
    reader: ReaderId
    tampered: bool


class ReaderPowerHeard(Input, frozen=True, kw_only=True):
    """What a reader says of its own supply."""

    reader: ReaderId
    failing: bool


class DeviceMisbehaved(Input, frozen=True, kw_only=True):
    device: str
    reason: str


class PortalLinkHeard(Input, frozen=True, kw_only=True):
    """The device on which the portal's lock hangs answers, or does not."""

    portal: PortalId
    up: bool


class EffectEndHeard(Input, frozen=True, kw_only=True):
    """As `EffectEnded`."""

    effect: EffectId
    outcome: str
    portal: str = ""
    action: Action | None = None


class ScreeningHeard(Input, frozen=True, kw_only=True):
    """What a screening station says of somebody, or `operator` for it; its field is `operator`."""

    station: str
    holder: HolderId
    result: ScreeningResult
    operator: Personal | None = None


class ConsentOffered(Input, frozen=True, kw_only=True):
    """A signed consent of the head of mission; the rest as in `ConsentGiven`.

    `signers`: for each person who has signed, under which id he is on file, where he is. Fields of
    the personal values: `signed_by`, `reason`, `operator`.
    """

    order: OrderId
    holder: HolderId
    until_s: UtcSeconds
    accept_until_s: UtcSeconds
    zones: tuple[str, ...] = ()
    party: Headcount = 0
    keys: tuple[KeyId, ...]
    signers: tuple[HolderId | None, ...]
    signed_by: Personal
    reason: Personal
    operator: Personal


class PassAsked(Input, frozen=True, kw_only=True):
    """A guard asks for the passage of somebody whom he knows; the rest as in `GuardVouched`.

    Fields of the personal values: `reason`, `operator`, `person`.
    """

    attempt: AttemptId
    beside: AttemptId
    """Under which the host's own passage is judged."""
    portal: PortalId
    direction: Direction
    holder: HolderId
    host: HolderId | None = None
    party: Headcount = 0
    sealed_bag: bool = False
    by_two: bool = False
    """Two people ask for it, and `operator` names both."""
    reason: Personal
    operator: Personal
    person: Personal | None


class ConsentEndAsked(Input, frozen=True, kw_only=True):
    """One person takes a consent away; `operator.field` is `operator`."""

    holder: HolderId
    operator: Personal


class OrderOffered(Input, frozen=True, kw_only=True):
    """A signed order whose signatures fit; the rest as in `OrderAccepted`.

    `people`: how many have signed it. `signers`: for each of them, under which id he is on file,
    where he is. `sourced`: the key of an edge signed it, for a key switch or a panic input, or for
    the one of `signers` who has signed in at a page.
    Fields of the personal values: `signed_by`, `operator`.
    """

    order: Order
    people: int
    signers: tuple[HolderId | None, ...]
    keys: tuple[KeyId, ...]
    sourced: bool
    break_glass: str
    path: str
    signed_by: Personal
    operator: Personal


class OrderRejected(Input, frozen=True, kw_only=True):
    """Something that was offered as an order and is none that this site believes."""

    order: str
    order_kind: str
    reason: str
    path: str
    operator: Personal


class EvacuationConfirmAsked(Input, frozen=True, kw_only=True):
    """A named person on the spot says that a late evacuation is meant; `operator.field` is
    `operator`.
    """

    order: OrderId
    operator: Personal


class CountersAsked(Input, frozen=True, kw_only=True):
    """Somebody wants what two people can sign so that orders count again. `challenge` is fresh."""

    challenge: str
    operator: Personal


class DirectoryReplaced(Input, frozen=True, kw_only=True):
    """`operator`: who brought it, where somebody did; its field is `operator`."""

    directory: Directory
    operator: Personal | None = None


class PersonEraseAsked(Input, frozen=True, kw_only=True):
    """Erase somebody; as in `PersonErased`. `operator.field` is `operator`.

    `even_inside`: also where he is known to be inside, whence no badge lets him out then.
    """

    holder: HolderId
    reason: str
    operator: Personal
    searched: int
    values: tuple[ErasedValues, ...]
    even_inside: bool


class PersonReportAsked(Input, frozen=True, kw_only=True):
    """Record that a report of somebody is made; as in `PersonReported`. `operator.field` is
    `operator`.
    """

    holder: HolderId
    operator: Personal
    searched: int


class VisitorCodeAsked(Input, frozen=True, kw_only=True):
    """Record that a code is made for a visitor; as in `VisitorCodeMade`. `operator.field` is
    `operator`.
    """

    holder: HolderId
    valid_from_s: UtcSeconds
    valid_until_s: UtcSeconds
    operator: Personal


class PolicyReplaced(Input, frozen=True, kw_only=True):
    """Another policy, and who brought it; the rest as in `PolicyActivated`."""

    policy: CompiledPolicy
    operator: Personal | None = None
    bundle: str = ""
    keys: tuple[KeyId, ...] = ()
    returned: bool = False


class JournalFailed(Input, frozen=True, kw_only=True):
    reason: str


class JournalRecovered(Input, frozen=True, kw_only=True):
    dropped: int


class ReserveTaken(Input, frozen=True, kw_only=True):
    """As `ReserveUsed`."""


class JournalLookedThrough(Input, frozen=True, kw_only=True):
    """As `JournalUnsound`."""

    findings: int
    entry: int
    what: str


class CertificateRead(Input, frozen=True, kw_only=True):
    """Until when a certificate holds; `which` as in `CertificateExpiring`."""

    which: str
    until_s: UtcSeconds


class PruningDecided(Input, frozen=True, kw_only=True):
    """As `EntriesPruned`, which is recorded before anything goes."""

    first: int
    last: int
    classes: tuple[str, ...]
    whole: bool
    early: bool


class JournalKeyFollowed(Input, frozen=True, kw_only=True):
    """As `JournalKeyRotated`: everybody who has to know the new key knows it."""

    key: KeyId
    former: KeyId


class WitnessKeyHeard(Input, frozen=True, kw_only=True):
    """As `WitnessKeyFollowed`: both keys have signed it."""

    key: KeyId
    former: KeyId


class JournalDoubtHeard(Input, frozen=True, kw_only=True):
    """As `JournalDoubted`."""

    witnessed: int
    held: int
    before: str = ""


class ClockChecked(Input, frozen=True, kw_only=True):
    trusted: bool
    stepped_ms: int
