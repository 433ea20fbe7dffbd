"""What passes over the control socket for a guard's terminal: what happens at its portals, live.

Whatever a page has to say in words comes as a number or a name that it translates: reasons by the
number of their code, all else by its word here. Names of people, portals and zones are data. Nobody
is named in a repr.
"""

from enum import StrEnum
from typing import Annotated

import msgspec

from controller.arrival import Arrival
from controller.consents import PARTY_MAX
from controller.moment import Micros
from controller.portal import Contact, State
from edge.control.message import Count, Message, Part
from edge.control.messages_visits import PassReply
from edge.gate_codes import Next
from edge.orders import REASON_CHARS_MAX
from policies.facts import REASONS_MAX, Direction, Factor, Level, Mode, UtcSeconds

PORTALS_MAX = 256
"""Of one terminal."""

RECENT_MAX = 50
"""Passages with which a terminal begins: what a list on a screen shows."""

TOLD_MAX = 2 * RECENT_MAX
"""With those who wait, however many came after them."""

INSIDE_MAX = 200
"""People of one reply."""

PLAN_BYTES_MAX = 384 * 1024
"""Of a drawing of the site: what fits into a frame as base64, and draws in a moment."""

GATE_HEARTBEAT_S = 2.0
"""A screen that has heard nothing for more than twice as long says that it is not live."""

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
PortalNames = Annotated[tuple[Name, ...], msgspec.Meta(max_length=PORTALS_MAX)]
Said = Annotated[str, msgspec.Meta(pattern=r"\S", max_length=REASON_CHARS_MAX)]
Codes = Annotated[tuple[Count, ...], msgspec.Meta(max_length=2 * REASONS_MAX)]


class Stage(StrEnum):
    """How far an attempt has come."""

    ASKED = "asked"  # something more is waited for: `asked` says what
    DECIDED = "decided"
    PASSED = "passed"  # the leaf opened on it
    UNUSED = "unused"  # granted, and nobody was seen to go
    ABORTED = "aborted"  # the grant was taken back before it was used
    ABANDONED = "abandoned"  # nothing more came; nothing was decided


class Awaited(StrEnum):
    """What is waited for."""

    NOTHING = ""
    PIN = "pin"
    FACE = "face"
    FINGER = "finger"
    GUARD = "guard"
    SECOND = "second"  # another person with a badge


class GateSide(StrEnum):
    """Which picture. `decision`: the one that was kept beside the verdict."""

    LIVE = "live"
    ENROLLED = "enrolled"
    DECISION = "decision"


# --- requests ---------------------------------------------------------------------------------


class FollowGate(Message, frozen=True, kw_only=True):
    """What happens at these portals, and at all of the session's terminal where none is named.

    Answered by GateHello, then without end by GatePassage, GatePortal, GatePosture, GateInside,
    GateReleaseWaits, and GateHeartbeat every two seconds. `after`: the newest `seq` that the page
    has; GateHello then brings what came behind it. `attends`: a guard looks at this page, so that
    people at a door may be asked to wait for him.
    """

    portals: PortalNames = ()
    after: Count | None = None
    attends: bool = False


class ShowGatePicture(Message, frozen=True, kw_only=True):
    """One picture: of an attempt by its id, or, live, of a camera by its name. Answered by
    ComparisonPicture until it `ends`. Nothing of it is kept; that a kept one was looked at is on
    record.
    """

    attempt: Annotated[str, msgspec.Meta(max_length=64)] = ""
    camera: Annotated[str, msgspec.Meta(max_length=64)] = ""
    side: GateSide = GateSide.LIVE


class ReleaseAtGate(Message, frozen=True, kw_only=True):
    """The guard lets somebody through on his own word: `decide()` judges the guard's own passage,
    with `party` people more, with the guard as factor. For somebody on file there is LetPass.
    Answered by GateReleaseReply.
    """

    portal: Name
    direction: Direction
    party: Annotated[int, msgspec.Meta(ge=0, le=PARTY_MAX)] = 0
    reason: Said

    def __repr__(self) -> str:
        return f"ReleaseAtGate(portal={self.portal!r}, direction={self.direction!r})"


class ConfirmRelease(Message, frozen=True, kw_only=True):
    """A second person agrees to a release that waits for one; answered by GateReleaseReply."""

    release: Name


class RefuseAtGate(Message, frozen=True, kw_only=True):
    """The guard refuses who waits to come in, whatever is waited for; answered by VisitReply.
    Nobody is kept in by it.
    """

    attempt: Name
    reason: Said

    def __repr__(self) -> str:
        return f"RefuseAtGate(attempt={self.attempt!r}, …)"


class AskInside(Message, frozen=True, kw_only=True):
    """Who is known to be inside, from the `begin`th on, of one zone and those in it where `zone`
    names one; answered by InsideReply. Checking off is `ChangeMuster`.
    """

    zone: Annotated[str, msgspec.Meta(max_length=64)] = ""
    begin: Count = 0


class AskPlan(Message, frozen=True, kw_only=True):
    """Where zones and portals lie on a drawing of the site; answered by PlanReply."""


GateOnceRequest = (
    ShowGatePicture | ReleaseAtGate | ConfirmRelease | RefuseAtGate | AskInside | AskPlan
)
"""What is answered once."""

GateRequest = FollowGate | GateOnceRequest


# --- what is told -----------------------------------------------------------------------------


class GatePassage(Message, frozen=True, kw_only=True):
    """One attempt, whole, as far as it has come by entry `seq`; a later one with the same `attempt`
    takes its place.

    `granted`: None while it is asked. `person`, `name`, `roles`: as on file and as far as this
    session may see them, otherwise empty; `protected` likewise. `visitor`: somebody who is a guest
    here. `beside`: the name of who escorts or accompanies, `party` how many come along without
    badges. `code`: the number of the primary reason, 0 where that is not for a guard; `reasons`:
    of all of them; `notes`: of what is noted. `next`: what to do. `factors`: those that were shown
    and hold. `asked`: what is waited for, until `until_utc_us`. `question`: where that is a guard's
    comparison, its name for `AnswerComparison`. `pictures`: those that can be asked for. `vouched`:
    a guard asked for it.
    """

    seq: Count
    utc_us: Micros
    attempt: str
    portal: str
    direction: Direction
    stage: Stage
    granted: bool | None
    person: str = ""
    name: str = ""
    roles: tuple[str, ...] = ()
    protected: bool = False
    visitor: bool = False
    beside: str = ""
    party: Count = 0
    code: Count = 0
    reasons: Codes = ()
    notes: Codes = ()
    next: Next = Next.NOTHING
    factors: tuple[Factor, ...] = ()
    asked: Awaited = Awaited.NOTHING
    until_utc_us: Micros | None = None
    question: str = ""
    pictures: tuple[GateSide, ...] = ()
    vouched: bool = False
    drill: bool = False

    def __repr__(self) -> str:
        return f"GatePassage(seq={self.seq}, attempt={self.attempt!r}, stage={self.stage!s}, …)"


class GateCameraShown(Part, frozen=True, kw_only=True):
    """A camera that looks at a portal, at who comes from this side. `faults`: what is wrong with
    what it shows, in the words of docs/cameras.md; none: it can be relied on.
    """

    camera: str
    direction: Direction
    faults: tuple[str, ...] = ()


class GatePortal(Message, frozen=True, kw_only=True):
    """How a portal stands, as in StatusReply. `from_zone`, `to_zone`: entry leads from one to the
    other. `arrival`: how far the orders in force have come here,
    None where none is about it.
    """

    id: str
    name: str
    portal_kind: str
    from_zone: str
    to_zone: str
    state: State
    contact: Contact
    bolted: bool | None
    linked: bool
    released: bool
    secured: bool
    leased: bool
    observable: bool
    arrival: Arrival | None = None
    cameras: tuple[GateCameraShown, ...] = ()


class GateZone(Part, frozen=True, kw_only=True):
    """What is in force in a zone. `around`: the zone in which it lies, empty where in none.
    `most`: so many people may be in it.
    """

    zone: str
    name: str
    zone_kind: str
    around: str
    mode: Mode
    threat: Level
    most: Count | None = None


class GatePosture(Message, frozen=True, kw_only=True):
    """Mode and threat level of the whole site, and of each zone. `fires`: latched fire inputs.
    `orders`: how many are in force; `drill`: each of them is an exercise. `muster`: people are
    being checked off.
    """

    mode: Mode
    threat: Level
    fires: tuple[str, ...]
    orders: Count
    drill: bool
    muster: bool
    zones: tuple[GateZone, ...]


class ZoneInside(Part, frozen=True, kw_only=True):
    """How many people a zone holds, those in zones inside it included, known by name or not."""

    zone: str
    people: Count


class GateInside(Message, frozen=True, kw_only=True):
    """All zones that hold somebody."""

    zones: tuple[ZoneInside, ...]


class GateHeartbeat(Message, frozen=True, kw_only=True):
    """The edge lives. `seq`: the newest entry that was looked at, from which a page resumes.
    `recorded`: the journal can be written; otherwise verdicts show as soon as it can be again.
    """

    utc_us: Micros
    seq: Count
    recorded: bool
    clock_trusted: bool


class GateReleaseWaits(Message, frozen=True, kw_only=True):
    """A release at a portal that waits for a second person, who confirms it by `release` until
    `until_utc_us`; `over`: it waits no longer. `operator`: who asks for it.
    """

    release: str
    portal: str
    direction: Direction
    operator: str
    reason: str
    until_utc_us: Micros
    over: bool = False

    def __repr__(self) -> str:
        return f"GateReleaseWaits(release={self.release!r}, portal={self.portal!r}, …)"


class GateHello(Message, frozen=True, kw_only=True):
    """With this a page begins, or begins anew. `recent`: passages, newest last: those behind
    `after`, or the newest ones; one that is still asked is among them whatever it is. `missed`:
    there were more behind `after` than are told.
    """

    site: str
    edge: str
    timezone: str
    utc_us: Micros
    seq: Count
    recorded: bool
    clock_trusted: bool
    posture: GatePosture
    inside: GateInside
    portals: tuple[GatePortal, ...]
    recent: Annotated[tuple[GatePassage, ...], msgspec.Meta(max_length=TOLD_MAX)]
    missed: bool = False
    releases: tuple[GateReleaseWaits, ...] = ()


class GateReleaseReply(Message, frozen=True, kw_only=True):
    """`verdict`: what `decide()` said, None where nothing was decided. `release`: it waits for a
    second person until `until_utc_us`, who confirms it by this name. `reason` and `remedy`: where
    there was nothing to decide.
    """

    verdict: PassReply | None = None
    release: str = ""
    until_utc_us: Micros | None = None
    reason: str = ""
    remedy: str = ""


class InsidePerson(Part, frozen=True, kw_only=True):
    """Somebody who is known to be in `zone`, as far as the session may see who. `entered_s`: when
    he came in from outside; `since_s`: when he was seen last, at `portal`; None: by no clock that
    was trusted. `doubted`: he may be gone without having been seen going. `host_name`: who escorts
    him. `party`: how many people without badges are with him.
    """

    person: str = ""
    name: str = ""
    roles: tuple[str, ...] = ()
    protected: bool = False
    visitor: bool = False
    zone: str
    portal: str = ""
    entered_s: UtcSeconds | None = None
    since_s: UtcSeconds | None = None
    host_name: str = ""
    party: Count = 0
    overstayed: bool = False
    doubted: bool = False

    def __repr__(self) -> str:
        return f"InsidePerson(zone={self.zone!r}, …)"


class InsideReply(Message, frozen=True, kw_only=True):
    """People in the order in which they came, `total` in all. `zones`: as in GateInside."""

    timezone: str
    utc_us: Micros
    clock_trusted: bool
    seq: Count
    total: Count
    people: Annotated[tuple[InsidePerson, ...], msgspec.Meta(max_length=INSIDE_MAX)]
    zones: tuple[ZoneInside, ...] = ()


class PlanBox(Part, frozen=True, kw_only=True):
    """A zone as a rectangle, in units of which the plan is `width` by `height`."""

    zone: str
    name: str
    zone_kind: str
    x: float
    y: float
    width: float
    height: float


class PlanPoint(Part, frozen=True, kw_only=True):
    """A portal, on a border of one of its zones; on a drawing, `element` is its id there."""

    portal: str
    name: str
    x: float
    y: float
    element: str = ""


class PlanReply(Message, frozen=True, kw_only=True):
    """`drawing`: an SVG of the site as its file has it, to be cleaned before it is shown; empty
    where there is none, and the boxes are to be drawn.
    """

    width: float
    height: float
    boxes: tuple[PlanBox, ...]
    points: tuple[PlanPoint, ...]
    drawing: Annotated[bytes, msgspec.Meta(max_length=PLAN_BYTES_MAX)] = b""


GateTold = GatePassage | GatePortal | GatePosture | GateInside | GateReleaseWaits | GateHeartbeat
"""What follows GateHello."""

GateAnswer = GateHello | GateTold | GateReleaseReply | InsideReply | PlanReply
"""Beside ComparisonPicture and VisitReply, which other families have."""
