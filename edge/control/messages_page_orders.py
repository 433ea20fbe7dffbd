"""What passes over the control socket about orders that people give, draft and sign at a page, and
what the console shows. Whoever asks is the person of the session.

What raises protection takes one person: the edge makes and signs it for her. What takes protection
away is drafted here, and signed by each person's own key: the edge signs none of it.
"""

from enum import StrEnum
from typing import Annotated

import msgspec

from controller.consents import PARTY_MAX, ZONES_MAX
from controller.ids import OrderId
from controller.moment import Micros
from controller.orders import ENDS_MAX, ENVELOPE_CHARS_MAX, Challenge, Cover
from edge.control.message import Count, Message, Part
from edge.control.messages import PortalStatus
from edge.control.messages_orders import OrderReply, OrderShown, PortalArrival, PostureReply
from edge.control.messages_visits import ConsentShown
from edge.orders import (
    DESPITE_MAX,
    NAMES_MAX,
    PERSON_ID_CHARS_MAX,
    REASON_CHARS_MAX,
    PersonId,
    Reason,
    Seconds,
)
from policies.facts import Level
from policies.rights import OrderKind

HELD_S_MIN, HELD_S_MAX = 0.8, 5.0
"""From the arming of a hold to its order. Shorter is a click, longer is a page that was left."""

RESPONSE_CHARS_MAX = 16 * 1024
"""Of an AuthenticationResponseJSON; it repeats itself, and the public key with it."""

DRAFTS_MAX = 16
"""Of all people together: nobody reads more of them before they are over."""

DRILLS_SHOWN_MAX = 100

SomeNames = Annotated[
    tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=64)], ...],
    msgspec.Meta(max_length=NAMES_MAX),
]
Ends = Annotated[tuple[OrderId, ...], msgspec.Meta(max_length=ENDS_MAX)]
DraftId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]
Token = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{22,64}\Z")]
RequestId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{8,64}\Z")]
MaybeReason = Annotated[str, msgspec.Meta(max_length=REASON_CHARS_MAX)]


class RaisedKind(StrEnum):
    """What one person orders at a page, without a key of her own. None of it opens a way in."""

    LOCKDOWN = "lockdown"
    SHELTER = "shelter"
    EVACUATE = "evacuate"
    RAISE = "raise"
    END_HOLD = "end-hold"
    END_DRILL = "end-drill"
    END_UNLOCK = "end-unlock"


# --- raising ------------------------------------------------------------------------------------


class ArmHold(Message, frozen=True, kw_only=True):
    """Somebody begins to hold, or takes the first of two steps; answered by HoldArmed. Confirming
    in two steps, for whoever cannot hold, is the same: arm, then raise within the time.
    """


class HoldArmed(Message, frozen=True, kw_only=True):
    """`token`: counts once, from `after_ms` to `within_ms` from now on. No repr shows it."""

    token: Token
    after_ms: Count
    within_ms: Count

    def __repr__(self) -> str:
        return "HoldArmed(…)"


class RaiseFromPage(Message, frozen=True, kw_only=True):
    """The edge makes this order, signs it and gives it, all before it answers anything else;
    answered by OrderReply. `held`: the token of a hold. `request`: drawn by the page for one press;
    asked again within a minute it is the same order. Fields that a kind does not have are refused,
    as is one that it needs and lacks. `until_s`: of a drill alone. Without `zones`: the whole site.
    """

    kind: RaisedKind
    held: Token
    request: RequestId
    reason: Reason
    zones: SomeNames = ()
    cover: Cover | None = None
    level: Level | None = None
    ends: Ends = ()
    drill: bool = False
    moves: bool = True
    until_s: Seconds | None = None

    def __repr__(self) -> str:
        return f"RaiseFromPage(kind={self.kind!s}, request={self.request!r}, …)"


class Panic(Message, frozen=True, kw_only=True):
    """Help is needed at this terminal: always an alarm, and what the site file has the terminal
    give; answered by PanicReply. Nothing is asked first.
    """

    reason: MaybeReason = ""


class PanicReply(Message, frozen=True, kw_only=True):
    """`alarmed`: people are told. `given`: what became of the order, where the terminal gives one.
    `recorded`: the alarm is on disk.
    """

    alarmed: bool
    given: OrderReply | None = None
    recorded: bool = True


# --- drafts -------------------------------------------------------------------------------------


class DraftOrder(Message, frozen=True, kw_only=True):
    """An order that people then sign; answered by DraftReply. Any kind can be drafted. Fields as in
    the order itself: those that a kind does not have are refused, as is one that it needs and
    lacks. `issuer`: the name of the key whose number it uses, which has to sign it; empty: the
    asking person's own, of several her first security key.
    """

    kind: OrderKind
    reason: Reason
    issuer: Annotated[str, msgspec.Meta(max_length=64)] = ""
    ends: Ends = ()
    zones: SomeNames = ()
    portals: SomeNames = ()
    cover: Cover | None = None
    level: Level | None = None
    drill: bool = False
    moves: bool = True
    until_s: Seconds | None = None
    despite: Annotated[tuple[OrderId, ...], msgspec.Meta(max_length=DESPITE_MAX)] = ()
    fire: Annotated[str, msgspec.Meta(max_length=64)] = ""
    challenge: Challenge = ""
    role: Annotated[str, msgspec.Meta(max_length=64)] = ""
    person: Annotated[str, msgspec.Meta(max_length=PERSON_ID_CHARS_MAX)] = ""
    kinds: Annotated[tuple[OrderKind, ...], msgspec.Meta(max_length=len(OrderKind))] = ()
    unreachable: SomeNames = ()


class DraftConsent(Message, frozen=True, kw_only=True):
    """A consent to the entry of an agent of the host state, which people then sign as they sign any
    draft; answered by DraftReply. `zones`, `party`: as `edge.consent_orders.ConsentOrder` has them.
    """

    person: PersonId
    until_s: Seconds
    reason: Reason
    zones: Annotated[
        tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=64)], ...],
        msgspec.Meta(max_length=ZONES_MAX),
    ] = ()
    party: Annotated[int, msgspec.Meta(ge=0, le=PARTY_MAX)] = 0

    def __repr__(self) -> str:
        return f"DraftConsent(until_s={self.until_s}, …)"


class ListDrafts(Message, frozen=True, kw_only=True):
    """Which drafts wait for signatures? Answered by DraftsReply."""


class SignDraft(Message, frozen=True, kw_only=True):
    """A person's security key has signed it: `response` is AuthenticationResponseJSON (WebAuthn
    level 3, 5.1). The key says whose signature it is, and not the session: the second person may
    stand beside the first. Answered by DraftReply; the last one needed gives the order.
    """

    draft: DraftId
    response: Annotated[str, msgspec.Meta(max_length=RESPONSE_CHARS_MAX)]

    def __repr__(self) -> str:
        return f"SignDraft(draft={self.draft!r}, …)"


class AddSignedFile(Message, frozen=True, kw_only=True):
    """The draft's file with the signatures that were made elsewhere by `sentrypost order sign`;
    answered by DraftReply.
    """

    draft: DraftId
    envelope: Annotated[bytes, msgspec.Meta(max_length=ENVELOPE_CHARS_MAX)]

    def __repr__(self) -> str:
        return f"AddSignedFile(draft={self.draft!r}, envelope=<{len(self.envelope)} bytes>)"


class ReadDraftFile(Message, frozen=True, kw_only=True):
    """The draft as a file for `sentrypost order sign`, with what was signed so far; answered by
    DraftFile.
    """

    draft: DraftId


class WithdrawDraft(Message, frozen=True, kw_only=True):
    """It is not meant any more; answered by DraftReply. Who has made it withdraws it."""

    draft: DraftId


class EndMeant(Part, frozen=True, kw_only=True):
    """An order that a draft would end. `order_kind` is empty where none such is in force here."""

    order: OrderId
    order_kind: str = ""
    zones: tuple[str, ...] = ()
    reason: str = ""


class DraftSigner(Part, frozen=True, kw_only=True):
    """Somebody who may sign. `person`: by the integrator's id; `name`: as the site file has it.
    `has_key`: a security key that signs at a page; without it she signs a file. `must`: her number
    stands in it, nothing goes without her.
    """

    person: str
    name: str
    has_key: bool
    must: bool = False


class DraftShown(Part, frozen=True, kw_only=True):
    """One draft. `order`: its id, the SHA-256 of what is signed. `words`: what it says, as
    `sentrypost order show` prints it. `challenge`: what a security key is shown, base64url.
    `options`: PublicKeyCredentialRequestOptionsJSON, for
    `PublicKeyCredential.parseRequestOptionsFromJSON`, with the keys of those who may sign and have
    not. `may`: those people. `signed_by`: who has, by the names of the site file. `made_by`: the
    integrator's id. `yours`: made by whoever asks.
    """

    draft: DraftId
    order: OrderId
    order_kind: OrderKind
    zones: tuple[str, ...] = ()
    portals: tuple[str, ...] = ()
    cover: str = ""
    level: Level | None = None
    drill: bool = False
    ends: tuple[EndMeant, ...] = ()
    until_s: Seconds | None = None
    role: str = ""
    person: str = ""
    fire: str = ""
    reason: str
    words: tuple[str, ...]
    challenge: str
    options: str
    may: tuple[DraftSigner, ...]
    signed_by: tuple[str, ...]
    needed: Count
    made_by: str
    yours: bool = False
    made_utc_us: Micros
    expires_utc_us: Micros


class DraftReply(Message, frozen=True, kw_only=True):
    """`accepted`: it was done; otherwise why not, with a `remedy`, and nothing has changed.
    `draft`: as it is now; None where it is over. `given`: what became of the order, where the last
    signature was there.
    """

    accepted: bool
    reason: str = ""
    remedy: str = ""
    draft: DraftShown | None = None
    given: OrderReply | None = None


class DraftsReply(Message, frozen=True, kw_only=True):
    """`issuers`: names of the keys of whoever asks, as DraftOrder takes them; none: she has to name
    somebody else's.
    """

    drafts: Annotated[tuple[DraftShown, ...], msgspec.Meta(max_length=DRAFTS_MAX)]
    issuers: tuple[str, ...] = ()


class DraftFile(Message, frozen=True, kw_only=True):
    """Empty where there is no such draft, with why and what to do. `name`: under which it is
    saved.
    """

    envelope: Annotated[bytes, msgspec.Meta(max_length=ENVELOPE_CHARS_MAX)] = b""
    name: str = ""
    reason: str = ""
    remedy: str = ""

    def __repr__(self) -> str:
        return f"DraftFile(envelope=<{len(self.envelope)} bytes>, reason={self.reason!r})"


# --- the console --------------------------------------------------------------------------------


class ReadConsole(Message, frozen=True, kw_only=True):
    """All that the console shows, once; answered by ConsoleState."""


class FollowConsole(Message, frozen=True, kw_only=True):
    """The same, now and whole at each change, with ConsoleHeartbeat every two seconds. Nothing else
    is asked on this connection.
    """


class OrderCame(Part, frozen=True, kw_only=True):
    """How far one order has come. `took_ms`: to the last portal that obeyed. `missing`: portals
    that do not obey and could be seen to; `unseen`: those locked whose leaf nobody sees.
    """

    order: OrderId
    took_ms: Count | None = None
    portals: tuple[PortalArrival, ...] = ()
    missing: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()


class SuccessionShown(Part, frozen=True, kw_only=True):
    """Which roles may take this one's place, in their order."""

    role: str
    deputies: tuple[str, ...]


class ZoneInside(Part, frozen=True, kw_only=True):
    """`people`: so many are taken to be in this zone, those in zones inside it counted."""

    zone: str
    name: str
    public: bool
    people: Count


class SomebodyNamed(Part, frozen=True, kw_only=True):
    """Whose id stands somewhere in it, with the name."""

    person: str
    name: str

    def __repr__(self) -> str:
        return "SomebodyNamed(…)"


class ConsoleState(Message, frozen=True, kw_only=True):
    """`seq`: the entry after which all of it is said. `came`: of every order in force, oldest
    first, in the order of `orders`. `doors`: every portal. `drafts`: as whoever asks sees them.
    `central`: central is reached; None where the site has no broker. `people`: those whom whoever
    asks may see by name, of all who gave an order, act for somebody, or have a consent.
    """

    seq: Count
    ready: bool
    recorded: bool
    clock_trusted: bool
    central: bool | None
    posture: PostureReply
    orders: tuple[OrderShown, ...]
    came: tuple[OrderCame, ...]
    doors: tuple[PortalStatus, ...]
    succession: tuple[SuccessionShown, ...]
    consents: tuple[ConsentShown, ...]
    drafts: tuple[DraftShown, ...]
    inside: tuple[ZoneInside, ...]
    people: tuple[SomebodyNamed, ...] = ()


class ConsoleHeartbeat(Message, frozen=True, kw_only=True):
    """Nothing has changed; the edge is there."""

    utc_us: Micros
    seq: Count


# --- drills -------------------------------------------------------------------------------------


class ReadDrills(Message, frozen=True, kw_only=True):
    """Which drills has the journal? Answered by DrillsReply, the newest first."""


class ReadDrillReport(Message, frozen=True, kw_only=True):
    """The report of the drill of this order, as one page of HTML without scripts; answered by
    DrillReportPart until it `ends`, with Heartbeats in between.
    """

    order: OrderId


class DrillShown(Part, frozen=True, kw_only=True):
    """`ended_utc_us`: None where it goes on, or nothing tells of its end."""

    order: OrderId
    order_kind: str
    scope: str
    reason: str
    given_utc_us: Micros
    ended_utc_us: Micros | None = None


class DrillsReply(Message, frozen=True, kw_only=True):
    """`trouble`: why fewer are told than there may be; empty where none is."""

    timezone: str
    drills: Annotated[tuple[DrillShown, ...], msgspec.Meta(max_length=DRILLS_SHOWN_MAX)]
    trouble: str = ""


class DrillReportPart(Message, frozen=True, kw_only=True):
    """The next piece. Where there is no report the only one is empty, with why and what to do."""

    html: str = ""
    ends: bool = True
    reason: str = ""
    remedy: str = ""

    def __repr__(self) -> str:
        return f"DrillReportPart({len(self.html)} characters, ends={self.ends})"


PageOrderOnce = (
    ArmHold
    | RaiseFromPage
    | Panic
    | DraftOrder
    | DraftConsent
    | ListDrafts
    | SignDraft
    | AddSignedFile
    | ReadDraftFile
    | WithdrawDraft
    | ReadConsole
    | ReadDrills
)
"""What has one answer."""

PageOrderRequest = PageOrderOnce | FollowConsole | ReadDrillReport

PageOrderAnswer = (
    HoldArmed
    | PanicReply
    | DraftReply
    | DraftsReply
    | DraftFile
    | ConsoleState
    | ConsoleHeartbeat
    | DrillsReply
    | DrillReportPart
)
