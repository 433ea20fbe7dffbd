"""One connection to an MQTT broker: a paho client on the event loop, without a thread.

Every connection has a paho client of its own: what paho still had in its queues dies with the
connection and is never sent again behind the owner's back. paho's callbacks only hand over.

`drivers.mqtt_link` keeps a connection up; this file knows how one begins, lives and ends.
"""

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, NoReturn

import msgspec
from paho.mqtt import MQTTException
from paho.mqtt.client import (
    Client,
    ConnectFlags,
    DisconnectFlags,
    MQTTMessage,
)
from paho.mqtt.enums import LogLevel, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from drivers.mqtt_address import BrokerAddress
from drivers.mqtt_versions import clean_start, expiry, new_client

if TYPE_CHECKING:
    from paho.mqtt.client import SocketLike

OUTBOUND_MESSAGES_MAX = 256
"""Messages that the wire has not taken yet, in paho's hands; beyond it `publish` refuses."""

CONNECT_S_MAX = 3
"""TCP and TLS; a broker that is there answers in milliseconds, a dead address never does."""

ANSWER_S_MAX = 10
"""CONNACK and SUBACK; a frozen broker accepts TCP connections and then says nothing."""

FAREWELL_S_MAX = 1
"""Publishing the farewell may not hold up a stop for longer."""


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """A message to publish. `qos` is 0 or 1. `expires_s`: a broker that speaks MQTT 5 drops it when
    it could not hand it on by then; to others nothing is said of it.
    """

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    expires_s: int | None = None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message that came in; `retained` when the broker had kept it from earlier."""

    topic: str
    payload: bytes
    retained: bool


class Connected(msgspec.Struct, frozen=True):
    """The subscriptions stand. `number` counts the attempts to connect, from 1."""

    number: int


class Disconnected(msgspec.Struct, frozen=True):
    """The connection is gone; what was published on it may or may not have arrived."""

    number: int


Happening = Connected | Disconnected | Message


class Problem(StrEnum):
    UNREACHABLE = "unreachable"
    TLS = "tls"
    REFUSED = "refused"
    SUBSCRIPTION_REFUSED = "subscription-refused"
    SILENT = "silent"
    LOST = "lost"
    PROTOCOL = "protocol"


class LinkUp(msgspec.Struct, frozen=True, kw_only=True):
    broker: str
    number: int


class LinkFailed(msgspec.Struct, frozen=True, kw_only=True):
    """The link is down and is tried again after `retry_s`."""

    broker: str
    problem: Problem
    detail: str
    remedy: str
    retry_s: float


class InboundDropped(msgspec.Struct, frozen=True, kw_only=True):
    """Messages came in faster than they were read, or larger than any of ours: `dropped` so far."""

    dropped: int


class CallbackFailed(msgspec.Struct, frozen=True, kw_only=True):
    """paho reports an error, or caught one in a callback of ours; the link goes on."""

    detail: str


class BrokerCertified(msgspec.Struct, frozen=True, kw_only=True):
    """By TLS the broker is who it says, until its certificate ends."""

    until_s: int


LinkReport = LinkUp | LinkFailed | InboundDropped | CallbackFailed | BrokerCertified


class NotConnectedError(Exception):
    """Published while the link is down: keep the message where it is safe and try when it is up."""


class CongestedError(Exception):
    """The wire does not take what was published already: wait, or drop what may be dropped."""


class LinkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the broker is and who we are. `client_id` is unique at the broker.

    `others` are further nodes of the same broker, which is then a cluster: what is published at one
    arrives at all. They are tried in turn, each for one connection, when the one before failed.
    A frozen broker is found out after about two `keepalive_s`. Reconnecting waits between half of
    and the whole of a time that doubles from `backoff_s_min` to `backoff_s_max`.

    `tls` gives what a connection is secured with and is asked for each one, on a thread: what was
    renewed meanwhile is taken. It raises OSError or ValueError where there is nothing to be had.

    `is_mqtt5`: MQTT 5 is spoken, in place of 3.1.1; of what it has more, expiry alone is used.
    """

    host: str
    port: int
    client_id: str
    others: tuple[BrokerAddress, ...] = ()
    username: str | None = None
    password: str | None = None
    tls: Callable[[], ssl.SSLContext] | None = None
    keepalive_s: int = 10
    backoff_s_min: float = 0.25
    backoff_s_max: float = 15.0
    is_mqtt5: bool = False

    @property
    def nodes(self) -> "tuple[LinkSettings, ...]":
        """The same for each node alone, in the order in which they are tried."""
        return tuple(
            msgspec.structs.replace(self, host=node.host, port=node.port, others=())
            for node in (BrokerAddress(self.host, self.port), *self.others)
        )

    def __repr__(self) -> str:
        return f"LinkSettings({self.client_id!r} at {self.host}:{self.port})"


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What each connection begins and ends with.

    `filters` are subscribed with QoS 0: the session ends with its connection, so that a higher one
    would keep nothing. In a cluster it would cost a replica each, whose election takes seconds
    while a node is away. `will(number)` is given to the broker when connecting, and
    `farewell(number)` is published when the link is stopped in good order.
    """

    filters: tuple[str, ...]
    will: Callable[[int], Publication | None] = lambda _number: None
    farewell: Callable[[int], Publication | None] = lambda _number: None


class EndedError(Exception):
    """This connection is over."""

    def __init__(self, problem: Problem, detail: str) -> None:
        super().__init__(detail)
        self.problem = problem
        self.detail = detail


class Connection:
    """One paho client from connecting to its end; never used twice."""

    def __init__(
        self,
        settings: LinkSettings,
        session: Session,
        number: int,
        *,
        opened: Callable[[], None],
        hand_over: Callable[[Message], None],
        report: Callable[[LinkReport], None],
    ) -> None:
        self._settings = settings
        self._filters = session.filters
        self._standing: tuple[str, ...] = ()
        self._asked: dict[int | None, tuple[str, ...]] = {}
        """Filters that the broker has still to answer, by the packet that asked."""
        self._opened = opened
        self._hand_over = hand_over
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._socket: SocketLike | None = None
        self._accepted: asyncio.Future[None] = self._loop.create_future()
        self._subscribed: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[EndedError] = self._loop.create_future()
        self._drained = asyncio.Event()
        self.outstanding = 0
        self._client = self._build(session.will(number))

    def _build(self, will: Publication | None) -> Client:
        settings = self._settings
        client = new_client(settings.client_id, is_mqtt5=settings.is_mqtt5)
        client.suppress_exceptions = True  # an error in a callback is reported through on_log
        client.connect_timeout = CONNECT_S_MAX
        client.max_inflight_messages_set(OUTBOUND_MESSAGES_MAX)
        if settings.username is not None:
            client.username_pw_set(settings.username, settings.password)
        if will is not None:
            client.will_set(will.topic, will.payload, will.qos, will.retain)
        client.on_log = self._on_log
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = self._on_register_write
        client.on_socket_unregister_write = self._on_unregister_write
        return client

    async def open(self) -> None:
        """Connect and subscribe. Raises EndedError."""
        # It is waited for even when we are cancelled: nobody else would close the socket that it
        # opens.
        connecting = self._loop.create_task(asyncio.to_thread(self._connect), name="mqtt connect")
        try:
            await asyncio.shield(connecting)
        except asyncio.CancelledError:
            await asyncio.wait([connecting])
            raise
        except ssl.SSLError as error:
            raise EndedError(Problem.TLS, str(error)) from error
        except (OSError, ValueError) as error:
            raise EndedError(Problem.UNREACHABLE, str(error) or type(error).__name__) from error
        self._attach()
        await self._answer(self._accepted, "no answer to the request to connect")
        if self._filters:
            self._ask_for(self._filters)
            await self._answer(self._subscribed, "no answer to the subscriptions")

    def _connect(self) -> None:
        """Blocks on files, name, TCP and TLS."""
        settings = self._settings
        if settings.tls is not None:
            try:
                self._client.tls_set_context(settings.tls())
            except (OSError, ValueError) as error:
                raise EndedError(Problem.TLS, str(error)) from error
        clean = clean_start(is_mqtt5=settings.is_mqtt5)
        self._client.connect(settings.host, settings.port, settings.keepalive_s, clean_start=clean)

    def _attach(self) -> None:
        sock = self._client.socket()
        if sock is None:
            raise EndedError(Problem.LOST, "closed while connecting")
        # An acknowledgement behind a message waits 40 ms for the peer's delayed ACK otherwise.
        if isinstance(sock, socket.socket):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if isinstance(sock, ssl.SSLSocket) and (peer := sock.getpeercert()):
            until_s = ssl.cert_time_to_seconds(str(peer["notAfter"]))
            self._report(BrokerCertified(until_s=until_s))
        self._socket = sock
        self._loop.add_reader(sock, self._read)
        self._loop.add_writer(sock, self._write)

    async def _answer(self, answer: asyncio.Future[None], late: str) -> None:
        waiting: set[asyncio.Future[None] | asyncio.Future[EndedError]] = {
            answer,
            self._ended,
        }
        await asyncio.wait(waiting, timeout=ANSWER_S_MAX, return_when=asyncio.FIRST_COMPLETED)
        if self._ended.done():
            raise self._why_unanswered(answer)
        if not answer.done():
            raise EndedError(Problem.SILENT, late)

    def _why_unanswered(self, answer: asyncio.Future[None]) -> EndedError:
        """A broker that closes before any word, as its own word about our certificate was lost on
        the way: what we still sent to the closed end sweeps it away.
        """
        ended = self._ended.result()
        unheard = answer is self._accepted and ended.problem is Problem.LOST
        if self._settings.tls is None or not unheard:
            return ended
        detail = f"closed before any answer ({ended.detail}): it may not take our certificate"
        return EndedError(Problem.TLS, detail)

    async def serve(self) -> NoReturn:
        """Keep alive until the connection ends; then raises EndedError."""
        pause_s = min(1.0, self._settings.keepalive_s / 4)
        while not self._ended.done():
            if self._client.loop_misc() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                # paho has said so already, unless the callback that it said it to failed.
                self._end(Problem.LOST, "the connection is gone")
            await asyncio.wait([self._ended], timeout=pause_s)
        raise self._ended.result()

    def publish(self, publication: Publication) -> None:
        if self._ended.done():
            raise NotConnectedError
        if self.outstanding >= OUTBOUND_MESSAGES_MAX:
            raise CongestedError
        info = self._client.publish(
            publication.topic,
            publication.payload,
            publication.qos,
            publication.retain,
            expiry(publication.expires_s, is_mqtt5=self._settings.is_mqtt5),
        )
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise NotConnectedError
        self.outstanding += 1
        self._drained.clear()

    def subscribe(self, filters: tuple[str, ...]) -> None:
        if self._ended.done():
            raise NotConnectedError
        new = tuple(name for name in filters if name not in self._filters)
        self._filters = filters
        if new:
            self._ask_for(new)
        else:
            self._leave_out()

    def _ask_for(self, filters: tuple[str, ...]) -> None:
        _, packet = self._client.subscribe([(name, 0) for name in filters])
        self._asked[packet] = filters

    async def take_leave(self, farewell: Publication | None) -> None:
        """Publish `farewell`, let the wire take what is on its way, then DISCONNECT."""
        if self._socket is None or self._ended.done():
            return
        try:
            if farewell is not None:
                self.publish(farewell)
            async with asyncio.timeout(FAREWELL_S_MAX):
                while self.outstanding and not self._ended.done():
                    await self._drained.wait()
                self._client.disconnect()
                await asyncio.wait([self._ended])
        except (TimeoutError, CongestedError, NotConnectedError):
            return  # the broker sends the will instead, which says the same

    def close(self) -> None:
        """Let go of the socket, whatever state paho believes it is in."""
        self._client.on_socket_close = None
        self._client.on_socket_register_write = None
        self._client.on_socket_unregister_write = None
        sock = self._client.socket() or self._socket
        if sock is None or sock.fileno() < 0:
            return
        self._loop.remove_reader(sock)
        self._loop.remove_writer(sock)
        sock.close()

    def _end(self, problem: Problem, detail: str) -> None:
        if not self._ended.done():
            self._ended.set_result(EndedError(problem, detail))
        self._drained.set()

    # --- the event loop calls these ---

    def _read(self) -> None:
        try:
            self._client.loop_read()
            # TLS may have decrypted more than was read: the socket will not become readable for it.
            while isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
                self._client.loop_read()
        except (MQTTException, ValueError, IndexError, struct.error) as error:
            # Not every version of paho guards its decoders; its reading state means nothing now.
            self._end(Problem.PROTOCOL, f"unreadable packet: {error}")

    def _write(self) -> None:
        self._client.loop_write()

    # --- paho calls these, on the loop: they hand over and do nothing else ---

    def _on_log(self, _client: Client, _userdata: object, level: int, text: str) -> None:
        if level == LogLevel.MQTT_LOG_ERR and "[SSL" in text:
            # What a broker thinks of our certificate comes behind the handshake (RFC 8446, 4.4.4),
            # as an error of the first reading, which paho tells nobody else.
            self._end(Problem.TLS, text)
        elif level == LogLevel.MQTT_LOG_ERR:
            self._report(CallbackFailed(detail=text))

    def _on_connect(
        self,
        _client: Client,
        _userdata: object,
        _flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._end(Problem.REFUSED, str(reason))
        elif not self._accepted.done():
            self._accepted.set_result(None)
            if not self._filters:
                self._opened()

    def _on_subscribe(
        self,
        _client: Client,
        _userdata: object,
        packet: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        asked = self._asked.pop(packet, ())
        refused = [name for name, reason in zip(asked, reasons, strict=False) if reason.is_failure]
        if refused:
            self._end(Problem.SUBSCRIPTION_REFUSED, ", ".join(refused))
        elif not self._subscribed.done():
            self._subscribed.set_result(None)
            self._standing = asked
            # Here and not where this is waited for: retained messages come right behind the answer.
            self._opened()
        else:
            self._leave_out()

    def _leave_out(self) -> None:
        """Once all that was asked for stands, what is not asked for any more can go."""
        gone = [name for name in self._standing if name not in self._filters]
        if not self._asked:
            self._standing = self._filters
            if gone:
                self._client.unsubscribe(gone)

    def _on_disconnect(
        self,
        _client: Client,
        _userdata: object,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        silent = reason.getName() == "Keep alive timeout"
        self._end(Problem.SILENT if silent else Problem.LOST, str(reason))

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        self._hand_over(
            Message(topic=message.topic, payload=bytes(message.payload), retained=message.retain)
        )

    def _on_publish(
        self,
        _client: Client,
        _userdata: object,
        _mid: int,
        _reason: ReasonCode,
        _properties: Properties,
    ) -> None:
        self.outstanding -= 1
        if self.outstanding == 0:
            self._drained.set()

    def _on_socket_close(self, _client: Client, _userdata: object, sock: "SocketLike") -> None:
        self._loop.remove_reader(sock)
        self._loop.remove_writer(sock)

    def _on_register_write(self, _client: Client, _userdata: object, sock: "SocketLike") -> None:
        # Not before _attach: until then paho calls this from the connecting thread.
        if self._socket is not None:
            self._loop.add_writer(sock, self._write)

    def _on_unregister_write(self, _client: Client, _userdata: object, sock: "SocketLike") -> None:
        self._loop.remove_writer(sock)
