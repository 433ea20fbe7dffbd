"""The blocking client of the commands that ask the running central."""

from collections.abc import Callable, Iterator
from pathlib import Path

from central.control_messages import (
    AcknowledgeAlarm,
    AlarmAcknowledged,
    AlarmsAcross,
    AskAlarms,
    AskEdges,
    Distribute,
    Distribution,
    EdgeAlarm,
    EdgeRow,
    EdgesReply,
    ForgetEdge,
    Forgotten,
    NotDistributed,
    Reply,
    decode_reply,
)
from central.control_messages_order import (
    ListOrders,
    NotSent,
    OrderProgress,
    OrdersInForce,
    SendOrder,
)
from central.operator_messages import (
    OperatorChanged,
    OperatorLog,
    OperatorShown,
    OperatorsReply,
    PutOperator,
    ReadOperatorLog,
    ReadOperators,
    RemoveOperator,
)
from central.operator_words import OperatorRight
from edge.control.calling import Caller, ControlClientError, unexpected
from edge.control.messages import Heartbeat
from edge.control.messages_pages import CodeMade, Invite, MakeLink, ReadSignIns, SignInsReply
from edge.control.place import SOCKET


class NoCentralError(ControlClientError):
    """No central runs here."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"no central runs here (no socket at {path})",
            "start it with `sentrypost central run`, or name its folder with --state; without it "
            "carry the file to each edge: `sentrypost person take`, `sentrypost policy load`",
        )


class NotDistributedError(ControlClientError):
    """Central does not take it."""


class NotSentError(ControlClientError):
    """Central sends it to nobody."""


class CentralClient(Caller[Reply]):
    """A connection to the central whose state folder is given. Raises what Caller does,
    NoCentralError where none runs.
    """

    def __init__(self, state: Path) -> None:
        super().__init__(state / SOCKET)

    def distribute(
        self, envelope: bytes, site: str, wait_s: float, progress: Callable[[Distribution], None]
    ) -> Distribution:
        """The last word; `progress` is told of every one before. Raises NotDistributedError."""
        self._send_file(envelope)
        self._send(Distribute(site=site, wait_s=wait_s))
        while True:
            reply = self._receive()
            match reply:
                case Distribution(final=True):
                    return reply
                case Distribution():
                    progress(reply)
                case NotDistributed(reason=reason, remedy=remedy):
                    raise NotDistributedError(reason, remedy)
                case Heartbeat():
                    pass
                case _:
                    raise unexpected(reply)

    def edges(self) -> tuple[bool, list[EdgeRow]]:
        """Whether central has its broker, and every edge that it knows."""
        rows: list[EdgeRow] = []
        for reply in self._pages():
            rows += reply.edges
        return reply.on_wire, rows

    def alarms(self, site: str) -> tuple[bool, list[EdgeAlarm]]:
        """Whether central has its broker, and every alarm that is open, the most urgent first."""
        asked = AskAlarms(site=site)
        reply, found = self._ask_all(asked, AlarmsAcross, lambda one: (one.alarms, one.total))
        return reply.on_wire, found

    def acknowledge_alarm(self, envelope: bytes, wait_s: float) -> AlarmAcknowledged:
        """What the edge answers. Raises NotDistributedError."""
        self._send(AcknowledgeAlarm(envelope=envelope, wait_s=wait_s))
        while True:
            match self._receive():
                case AlarmAcknowledged() as reply:
                    return reply
                case NotDistributed(reason=reason, remedy=remedy):
                    raise NotDistributedError(reason, remedy)
                case Heartbeat():
                    pass
                case other:
                    raise unexpected(other)

    def _pages(self) -> Iterator[EdgesReply]:
        after, more = "", True
        while more:
            reply = self._ask(AskEdges(after=after), EdgesReply)
            yield reply
            more = reply.more
            if reply.edges:
                after = f"{reply.edges[-1].site}/{reply.edges[-1].edge}"

    def send_order(
        self,
        envelope: bytes,
        edges: tuple[str, ...],
        wait_s: float,
        progress: Callable[[OrderProgress], None],
        *,
        follow: bool = False,
    ) -> OrderProgress:
        """The last word; `progress` is told of every one before. Raises NotSentError."""
        self._send(SendOrder(envelope=envelope, edges=edges, wait_s=wait_s, follow=follow))
        while True:
            reply = self._receive()
            match reply:
                case OrderProgress(final=True):
                    return reply
                case OrderProgress():
                    progress(reply)
                case NotSent(reason=reason, remedy=remedy):
                    raise NotSentError(reason, remedy)
                case Heartbeat():
                    pass
                case _:
                    raise unexpected(reply)

    def orders_in_force(self) -> OrdersInForce:
        return self._ask(ListOrders(), OrdersInForce)

    def operators(self) -> tuple[OperatorShown, ...]:
        """By name."""
        return self._ask(ReadOperators(), OperatorsReply).operators

    def put_operator(
        self, operator: str, name: str, rights: tuple[OperatorRight, ...], *, new: bool
    ) -> OperatorChanged:
        asked = PutOperator(operator=operator, name=name, rights=rights, new=new)
        return self._ask(asked, OperatorChanged)

    def remove_operator(self, operator: str) -> OperatorChanged:
        return self._ask(RemoveOperator(operator=operator), OperatorChanged)

    def invite_operator(self, operator: str) -> CodeMade:
        return self._ask(Invite(person=operator), CodeMade)

    def link_operator(self, operator: str) -> CodeMade:
        return self._ask(MakeLink(person=operator), CodeMade)

    def sign_ins(self) -> SignInsReply:
        """By what operators sign in, and who is signed in."""
        return self._ask(ReadSignIns(), SignInsReply)

    def operator_log(self, from_seq: int) -> OperatorLog:
        """As many entries from there on as one answer holds."""
        return self._ask(ReadOperatorLog(from_seq=from_seq), OperatorLog)

    def forget(self, site: str, edge: str) -> bool:
        """Whether it was known."""
        return self._ask(ForgetEdge(site=site, edge=edge), Forgotten).known

    def _decoded(self, body: bytes) -> Reply:
        return decode_reply(body)

    def _absent(self) -> ControlClientError:
        return NoCentralError(self.path)
