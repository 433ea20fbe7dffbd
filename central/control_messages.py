"""What passes over central's control socket, in the frames of the edge's (`edge.control`)."""

from typing import Annotated

import msgspec

from central.control_messages_order import (
    ListOrders,
    NotSent,
    OrderProgress,
    OrdersInForce,
    SendOrder,
)
from central.distribution import Standing
from central.operator_messages import OperatorAnswer, OperatorRequest
from controller.moment import Micros
from edge.alarm_words import WORD_BYTES_MAX
from edge.control.frames import Decode
from edge.control.message import Count, Message, Part
from edge.control.messages import FilePart, Heartbeat, Hello, Refused
from edge.control.messages_pages import CodeMade, Invite, MakeLink, ReadSignIns, SignInsReply
from edge.wire import SetKind, SetOutcome
from edge.wire_alarms import AlarmNow

NAMED_MAX = 500
"""Edges of one reply; more are counted, or asked for next."""

ALARMS_SHOWN_MAX = 500
"""Of one reply: half a kilobyte each."""

LACKED_SHOWN_MAX = 8
"""Sets that one edge lacks, in a list of edges."""

WAIT_S_MAX = 600.0

SiteName = Annotated[str, msgspec.Meta(max_length=64)]


class Distribute(Message, frozen=True, kw_only=True):
    """Give the signed file whose parts went before to every edge of a site.

    `site`: empty where it stands in the file, or there is only one. Answered by NotDistributed, or
    by Distribution, again now and then, until the last one has `final`: all who are connected have
    answered, or `wait_s` is over. Central goes on after that.
    """

    site: SiteName = ""
    wait_s: Annotated[float, msgspec.Meta(ge=0, le=WAIT_S_MAX)] = 0.0


class AskEdges(Message, frozen=True, kw_only=True):
    """Which edges are there, and what do they have? Those whose name comes after `after`."""

    after: Annotated[str, msgspec.Meta(max_length=130)] = ""


class ForgetEdge(Message, frozen=True, kw_only=True):
    """An edge is no more: nothing waits for it. Answered by Forgotten."""

    site: SiteName
    edge: SiteName


class AskAlarms(Message, frozen=True, kw_only=True):
    """Which alarms are open, at a site or, where it is empty, anywhere? From the `begin`th on;
    answered by AlarmsAcross.
    """

    site: SiteName = ""
    begin: Count = 0


class AcknowledgeAlarm(Message, frozen=True, kw_only=True):
    """Send this signed word to the edge that it names, and wait for its answer for so long;
    answered by AlarmAcknowledged, or by NotDistributed.
    """

    envelope: Annotated[bytes, msgspec.Meta(max_length=WORD_BYTES_MAX)]
    wait_s: Annotated[float, msgspec.Meta(ge=0, le=WAIT_S_MAX)] = 5.0


OperatorsRequest = OperatorRequest | MakeLink | Invite | ReadSignIns
"""About those who use the wall; of central's own account, and root."""

Request = (
    AcknowledgeAlarm
    | AskAlarms
    | FilePart
    | Distribute
    | AskEdges
    | ForgetEdge
    | SendOrder
    | ListOrders
    | OperatorsRequest
)


class Lacking(Part, frozen=True, kw_only=True):
    """An edge that does not have it. `seen_utc_us`: when its connection last began or ended;
    `reason`, `remedy`: what it answered.
    """

    edge: str
    standing: Standing
    seen_utc_us: Micros
    reason: str = ""
    remedy: str = ""


class Distribution(Message, frozen=True, kw_only=True):
    """How far it is. `have` of `edges` have it, the last of them after `took_s`. `lacking` names
    in the final one those who have not, at most NAMED_MAX. `on_wire`: central has its broker.
    """

    site: str
    kind: SetKind
    digest: str
    edges: Count
    have: Count
    took_s: float
    on_wire: bool
    final: bool
    lacking: Annotated[tuple[Lacking, ...], msgspec.Meta(max_length=NAMED_MAX)] = ()


class NotDistributed(Message, frozen=True, kw_only=True):
    """The file was not taken, and no edge is asked."""

    reason: str
    remedy: str


class LackedSet(Part, frozen=True, kw_only=True):
    """A set that an edge does not have, and why."""

    kind: SetKind
    digest: str
    standing: Standing
    reason: str = ""
    remedy: str = ""


class EdgeRow(Part, frozen=True, kw_only=True):
    """One edge, by its last birth or death, which came at `seen_utc_us`.

    `stored`: entries that are in the archive without a gap, as far as central has stored any since
    its start. `witness`: what became of its last checkpoint; empty where none has come.
    """

    site: str
    edge: str
    connected: bool
    seen_utc_us: Micros
    version: str
    incarnation: str
    people: Count
    people_digest: str
    people_made_us: Micros | None
    policy: Count
    policy_digest: str
    stored: Count | None
    witness: str
    lacks: Annotated[tuple[LackedSet, ...], msgspec.Meta(max_length=LACKED_SHOWN_MAX)] = ()


class EdgesReply(Message, frozen=True, kw_only=True):
    """In the order of their names. `more`: ask again, after the last."""

    on_wire: bool
    edges: Annotated[tuple[EdgeRow, ...], msgspec.Meta(max_length=NAMED_MAX)]
    more: bool = False


class EdgeAlarm(Part, frozen=True, kw_only=True):
    """One open alarm, by its edge's last word; not `connected`: nobody knows how it is now."""

    site: str
    edge: str
    connected: bool
    alarm: AlarmNow


class AlarmsAcross(Message, frozen=True, kw_only=True):
    """The most urgent first, `total` in all. `changes`: another number, and something is otherwise.
    `on_wire`: central has its broker.
    """

    on_wire: bool
    total: Count
    changes: Count
    alarms: Annotated[tuple[EdgeAlarm, ...], msgspec.Meta(max_length=ALARMS_SHOWN_MAX)]


class AlarmAcknowledged(Message, frozen=True, kw_only=True):
    """What the edge says has become of it; None: it has not answered. Why, and what to do."""

    outcome: SetOutcome | None
    reason: str = ""
    remedy: str = ""


class Forgotten(Message, frozen=True, kw_only=True):
    known: bool


Reply = (
    Hello
    | Refused
    | Heartbeat
    | Distribution
    | NotDistributed
    | EdgesReply
    | AlarmsAcross
    | AlarmAcknowledged
    | Forgotten
    | OrderProgress
    | NotSent
    | OrdersInForce
    | OperatorAnswer
    | CodeMade
    | SignInsReply
)

decode_request = Decode[Request](Request, "request")
decode_reply = Decode[Reply](Reply, "reply")
