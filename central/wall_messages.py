"""What passes between the wall's process and central, over `wall.sock`, in the frames of the edge's
sockets (`edge.control`).

A connection begins with one of the sign-ins of `edge.control.messages_pages`, or with UseSession.
A request that is not carried out is answered by NotDone; one for which somebody has no right, or
no session, by Refused, which ends the conversation. While an answer takes its time Heartbeats come.
Which right a request needs stands in `central.operator_rights`.
"""

from typing import Annotated

import msgspec

from central.control_messages import (
    AlarmAcknowledged,
    EdgeAlarm,
    EdgeRow,
    SiteName,
)
from central.control_messages_order import (
    EdgeName,
    FollowOrders,
    ListOrders,
    NotSent,
    OrderProgress,
    OrdersInForce,
    SendOrder,
)
from central.incidents import TEXT_CHARS_MAX, Step, Summary
from central.operator_messages import (
    OperatorAnswer,
    OperatorRequest,
)
from central.search import END_US, By
from central.search import Count as Counted
from controller.ledger import PERSONAL_CHARS_MAX, Personal
from controller.moment import Micros
from edge.control.frames import Decode
from edge.control.message import Count, Message, Part
from edge.control.messages import Heartbeat, Hello, Refused
from edge.control.messages_pages import (
    AddPasskey,
    AskNewPasskey,
    AskPasskey,
    CodeMade,
    ConfirmInvitation,
    EndSession,
    InvitationTaken,
    Invite,
    LockSession,
    PasskeyAsked,
    ReadSignIns,
    RemoveSignIn,
    SignedIn,
    SignInByLink,
    SignInByPasskey,
    SignInByPassword,
    SignInChanged,
    SignInsReply,
    SignOut,
    TakeInvitation,
    UnlockSession,
    UseSession,
)
from edge.tone import Tone

WALL_SOCKET = "wall.sock"
"""In central's state folder."""

ROWS_MAX = 200
"""Edges or alarms of one message of a stream."""

TOLD_MAX = 100
"""Entries of one message of the stream of entries."""

FOUND_MAX = 100
"""Entries of one page of a search or a timeline."""

STEPS_MAX = 100
"""Steps of an incident in one reply; a text of them has up to 2,000 characters."""

INCIDENTS_MAX = 500
COUNTS_MAX = 1_000
POINTS_MAX = 750
"""Of one series: more than a screen has room for."""

KINDS_MAX = 32
STEP_S_MIN, STEP_S_MAX = 10, 31 * 86_400
GAPS_MAX = 20
PLACE_CHARS_MAX = 64
ADDRESS_CHARS_MAX = 256

PlaceText = Annotated[str, msgspec.Meta(max_length=PLACE_CHARS_MAX)]
"""Where one page ends and the next goes on, as an answer said it; empty: from the beginning."""

KindName = Annotated[str, msgspec.Meta(max_length=64)]
PortalName = Annotated[str, msgspec.Meta(max_length=64)]
Moment = Annotated[int, msgspec.Meta(ge=0, le=END_US)]
Reason = Annotated[str, msgspec.Meta(max_length=PERSONAL_CHARS_MAX)]


# --- what is now ------------------------------------------------------------------------------


class AskWall(Message, frozen=True, kw_only=True):
    """What can this central do? Answered by WallAbout."""


class FollowWall(Message, frozen=True, kw_only=True):
    """Edges and alarms of a site, or of all: WallEdges and WallAlarms with everything first, the
    last of each with `final`; then what changes, at most four messages a second; and Heartbeat.
    The client says nothing more on this connection.
    """

    site: SiteName = ""


class FollowEntries(Message, frozen=True, kw_only=True):
    """What is stored, as it is stored: EntriesTold and Heartbeat without end. All that is named
    has to hold; `kinds`: one of them. `alarms_only`: what opens an incident. `after`: the `place`
    of the last message that was seen; otherwise it begins with some of the latest entries. The
    client says nothing more on this connection.
    """

    site: SiteName = ""
    edge: EdgeName = ""
    kinds: Annotated[tuple[KindName, ...], msgspec.Meta(max_length=KINDS_MAX)] = ()
    portal: PortalName = ""
    alarms_only: bool = False
    after: PlaceText = ""


class AcknowledgeAt(Message, frozen=True, kw_only=True):
    """Somebody has seen this alarm, as entry `last` told it. Central's key signs it, in his name.
    `reason`: what he says to it. Answered by AlarmAcknowledged, or by NotDone.
    """

    site: SiteName
    edge: EdgeName
    alarm: Count
    last: Count
    reason: Reason = ""


# --- the archive ------------------------------------------------------------------------------


class Search(Message, frozen=True, kw_only=True):
    """Entries for which all of it holds, the newest first; as `central.search.Query` has it.
    `before`: as the last answer said it. Answered by SearchReply, or by NotDone.
    """

    site: SiteName = ""
    edge: EdgeName = ""
    person: Annotated[str, msgspec.Meta(max_length=PERSONAL_CHARS_MAX)] = ""
    portal: PortalName = ""
    code: Annotated[int, msgspec.Meta(ge=0, le=2**31)] | None = None
    kind: KindName = ""
    since_us: Moment = 0
    until_us: Moment = END_US
    before: PlaceText = ""
    count: Annotated[int, msgspec.Meta(ge=1, le=FOUND_MAX)] = FOUND_MAX


class AskCounts(Message, frozen=True, kw_only=True):
    """How many entries, by what; answered by CountsReply, or by NotDone."""

    by: By
    site: SiteName = ""
    edge: EdgeName = ""
    since_us: Moment = 0
    until_us: Moment = END_US


class AskSeries(Message, frozen=True, kw_only=True):
    """How many grants, refusals and alarms in each step; answered by SeriesReply, or by NotDone.
    At most POINTS_MAX steps.
    """

    site: SiteName = ""
    since_us: Moment
    until_us: Moment
    step_s: Annotated[int, msgspec.Meta(ge=STEP_S_MIN, le=STEP_S_MAX)]


class ListIncidents(Message, frozen=True, kw_only=True):
    """The latest first; `closed`: those too. Answered by IncidentsReply, or by NotDone."""

    site: SiteName = ""
    closed: bool = False


class AskIncident(Message, frozen=True, kw_only=True):
    """One incident: its steps behind number `steps_after`, and what every edge of its site recorded
    meanwhile, the oldest first, behind the place `after`. Answered by IncidentReply, or by NotDone.
    """

    number: Annotated[int, msgspec.Meta(ge=1, le=2**53)]
    after: PlaceText = ""
    steps_after: Count = 0
    count: Annotated[int, msgspec.Meta(ge=1, le=FOUND_MAX)] = FOUND_MAX


class NoteIncident(Message, frozen=True, kw_only=True):
    """Add a note under one's own name; it cannot be taken back. Answered by IncidentNoted, or by
    NotDone.
    """

    number: Annotated[int, msgspec.Meta(ge=1, le=2**53)]
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_CHARS_MAX)]


# --- answers ----------------------------------------------------------------------------------


class NotDone(Message, frozen=True, kw_only=True):
    """It is not carried out, and nothing has changed."""

    reason: str
    remedy: str


class WallAbout(Message, frozen=True, kw_only=True):
    """`on_wire`: central has its broker. `key`: what edges have to name with may = ["alarm"] so
    that alarms can be acknowledged from here; empty: central has no such key, and `remedy` says
    what to do. `sites`: of which an edge is known.
    """

    on_wire: bool
    key: str
    remedy: str = ""
    sites: tuple[str, ...] = ()


class WallEdge(EdgeRow, frozen=True, kw_only=True):
    """`alarms`: how many are open there, `urgent`: of those of the highest priority that nobody has
    seen. `stored_utc_us`: when something of it was last stored. `pages`: where its own pages are.
    """

    alarms: Count = 0
    urgent: Count = 0
    stored_utc_us: Micros | None = None
    pages: Annotated[str, msgspec.Meta(max_length=ADDRESS_CHARS_MAX)] = ""


class EdgePlace(Part, frozen=True, kw_only=True):
    site: str
    edge: str


class AlarmPlace(Part, frozen=True, kw_only=True):
    site: str
    edge: str
    alarm: Count


class WallEdges(Message, frozen=True, kw_only=True):
    """These edges are so now, and of `gone` nothing is known any more. `edges_known`,
    `edges_connected`: of all that are followed. `final`: whoever has this has everything.
    """

    on_wire: bool
    edges_known: Count
    edges_connected: Count
    edges: Annotated[tuple[WallEdge, ...], msgspec.Meta(max_length=ROWS_MAX)] = ()
    gone: Annotated[tuple[EdgePlace, ...], msgspec.Meta(max_length=ROWS_MAX)] = ()
    final: bool


class WallAlarms(Message, frozen=True, kw_only=True):
    """These alarms are so now, and those of `gone` are not open any more. `total`: open ones of all
    that are followed. `final`: whoever has this has everything.
    """

    on_wire: bool
    total: Count
    alarms: Annotated[tuple[EdgeAlarm, ...], msgspec.Meta(max_length=ROWS_MAX)] = ()
    gone: Annotated[tuple[AlarmPlace, ...], msgspec.Meta(max_length=ROWS_MAX)] = ()
    final: bool


class StoredEntry(Part, frozen=True, kw_only=True):
    """An entry as it is stored. `entry`: its bytes. `personal`: the values beside it that it
    commits to; none where whoever asks has no right to names. `text`: it on one line, as
    `edge.present.line` has it, times as UTC. `alarm`: the title of an alarm that it is. `picture`:
    it names one, which the edge's own pages show. `place`: as a search has it; empty in a stream.
    """

    entry: str
    personal: tuple[Personal, ...] = ()
    tone: Tone
    text: str
    alarm: str = ""
    picture: str = ""
    pages: Annotated[str, msgspec.Meta(max_length=ADDRESS_CHARS_MAX)] = ""
    place: PlaceText = ""


class EntriesTold(Message, frozen=True, kw_only=True):
    """In the order in which they were stored. `left_out`: so many that would have been told before
    these were not, because more came than is told: the search has them. `place`: for `after`.
    """

    entries: Annotated[tuple[StoredEntry, ...], msgspec.Meta(max_length=TOLD_MAX)]
    left_out: Count = 0
    place: PlaceText


class SearchReply(Message, frozen=True, kw_only=True):
    """`before`: where the next page begins; empty: there is none. `gaps`: what the archive lacks
    of the journals that were searched, in words; `more_gaps`: so many are not named.
    """

    entries: Annotated[tuple[StoredEntry, ...], msgspec.Meta(max_length=FOUND_MAX)]
    before: PlaceText = ""
    gaps: Annotated[tuple[str, ...], msgspec.Meta(max_length=GAPS_MAX)] = ()
    more_gaps: Count = 0


class CountsReply(Message, frozen=True, kw_only=True):
    """In the order of days, otherwise the most frequent first; `more`: so many are not shown."""

    counts: Annotated[tuple[Counted, ...], msgspec.Meta(max_length=COUNTS_MAX)]
    more: Count = 0
    gaps: Annotated[tuple[str, ...], msgspec.Meta(max_length=GAPS_MAX)] = ()
    more_gaps: Count = 0


class SeriesPoint(Part, frozen=True, kw_only=True):
    """Of the step that begins at `utc_us`. Exercises are not counted."""

    utc_us: Micros
    grants: Count = 0
    refusals: Count = 0
    alarms: Count = 0


class SeriesReply(Message, frozen=True, kw_only=True):
    """Every step from `since_us` on, those with nothing as well."""

    step_s: Count
    points: Annotated[tuple[SeriesPoint, ...], msgspec.Meta(max_length=POINTS_MAX)]


class IncidentsReply(Message, frozen=True, kw_only=True):
    """`more`: so many are not shown."""

    incidents: Annotated[tuple[Summary, ...], msgspec.Meta(max_length=INCIDENTS_MAX)]
    more: Count = 0


class IncidentReply(Message, frozen=True, kw_only=True):
    """`span`: from when to when its timeline goes. `steps_after`, `after`: where more steps, and
    more entries, begin; 0 and empty: there are none. `cause`, `gaps`, measures and notes stand in
    the steps.
    """

    summary: Summary
    span_from_us: Moment
    span_to_us: Moment
    steps: Annotated[tuple[Step, ...], msgspec.Meta(max_length=STEPS_MAX)]
    steps_after: Count = 0
    entries: Annotated[tuple[StoredEntry, ...], msgspec.Meta(max_length=FOUND_MAX)]
    after: PlaceText = ""


class IncidentNoted(Message, frozen=True, kw_only=True):
    """The note is kept."""


SignInRequest = (
    UseSession
    | SignInByPassword
    | AskPasskey
    | SignInByPasskey
    | SignInByLink
    | TakeInvitation
    | ConfirmInvitation
)
"""What may be asked without a session."""

SessionRequest = AskNewPasskey | AddPasskey | LockSession | UnlockSession | SignOut
"""What everybody with a session may ask about it."""

AdminRequest = ReadSignIns | EndSession | Invite | RemoveSignIn

WallRequest = (
    SignInRequest
    | SessionRequest
    | AdminRequest
    | OperatorRequest
    | AskWall
    | FollowWall
    | FollowEntries
    | AcknowledgeAt
    | Search
    | AskCounts
    | AskSeries
    | ListIncidents
    | AskIncident
    | NoteIncident
    | ListOrders
    | FollowOrders
    | SendOrder
)

WallReply = (
    Hello
    | Refused
    | Heartbeat
    | NotDone
    | SignedIn
    | PasskeyAsked
    | InvitationTaken
    | SignInChanged
    | CodeMade
    | SignInsReply
    | OperatorAnswer
    | WallAbout
    | WallEdges
    | WallAlarms
    | EntriesTold
    | AlarmAcknowledged
    | SearchReply
    | CountsReply
    | SeriesReply
    | IncidentsReply
    | IncidentReply
    | IncidentNoted
    | OrderProgress
    | NotSent
    | OrdersInForce
)

decode_request = Decode[WallRequest](WallRequest, "request")
decode_reply = Decode[WallReply](WallReply, "reply")
