"""A broker in pure Python for the demo and the tests, never for a site: amqtt, its holes closed.

amqtt 0.12.1 speaks MQTT 3.1.1 well and loses what it should keep. Each hole is closed here by
overriding the smallest method that has it, and each has a test with real clients in
tests/simulators/test_broker.py:

- A silent client is never dropped, so a cut-off edge stays up: `handle_read_timeout`.
- An unacknowledged QoS 1 message is thrown away after 5 s or at a disconnect:
  `_deliver_until_acked`.
- Anonymous clients have no session that outlives the connection: `_authenticate`.
- After a take-over the new connection gets nothing, and its will is said:
  `_handle_client_session`, `_handle_disconnect`, `_client_message_loop`.
- A clean take-over leaves the old connection open: `_delete_session`.
- Every client that connects gets what is retained under the filters of all clients:
  `_publish_retained_messages_for_subscription`.
- What was queued offline arrives with the retain flag: `_publish_session_retained_messages`.
- A message goes out with the subscriber's QoS, so that a command that should get lost is queued,
  and once for each filter that matches: `distribute`.
- PUBLISH and at once DISCONNECT: the message is thrown away and the will is said: `PoliteReader`,
  `handle_publish`, `wait_disconnect`.
- One client that does not read makes others wait when its connection is closed: `BoundedWriter`.
- Nothing limits what waits for a slow client: `send`, `keep`.

One is none: asyncio sets TCP_NODELAY on every connection by itself, and a test sees to it.

The names overridden are private, so the version is pinned and `simulators.broker` refuses another.
What stays: no MQTT 5, no TLS, no access control; QoS 2 is taken and handed on as QoS 1; a session
that lasts keeps the retain flag of its first will; a malformed packet spoils its connection.
"""

import asyncio
import itertools
import logging
import math
from collections.abc import Iterator
from typing import NamedTuple

from amqtt.adapters import ReaderAdapter, StreamReaderAdapter, StreamWriterAdapter, WriterAdapter
from amqtt.broker import Broker, RetainedApplicationMessage, Server
from amqtt.contexts import BrokerConfig, ListenerConfig
from amqtt.errors import AMQTTError, MQTTError, NoDataError
from amqtt.mqtt.constants import QOS_0, QOS_1, QOS_2
from amqtt.mqtt.disconnect import DisconnectPacket
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler, Subscription
from amqtt.mqtt.puback import PubackPacket
from amqtt.mqtt.publish import PublishPacket
from amqtt.session import OutgoingApplicationMessage, Session

# A client is gone after one and a half times its keepalive (MQTT 3.1.1, MQTT-3.1.2-24). At once
# the keepalive, as amqtt has it, would cut off clients that ping exactly on time.
KEEPALIVE_GRACE = 1.5
# Longer than any client on loopback needs for its first packet, short enough to free the socket.
CONNECT_TIMEOUT_S = 10.0
# How long closing may wait for a peer that does not read.
CLOSE_TIMEOUT_S = 1.0
# What may wait for one client, in flight and queued: the same as Mosquitto is given here.
PENDING_MAX = 5_000

LOG = logging.getLogger(__name__)


class Delivery(NamedTuple):
    """A message on its way to one client."""

    number: int
    """Counts up over all messages, so that what waits can be put back in order."""
    topic: str
    data: bytes
    qos: int
    retain: bool = False
    again: bool = False
    """It was sent before, and goes out as a duplicate."""


class PoliteReader(StreamReaderAdapter):  # type: ignore[misc]  # amqtt has no types
    """Lets the packet before be handled, before the next is read.

    amqtt handles each packet in a task and cancels the tasks that have not begun when it reads the
    end of the stream: a client that publishes and leaves at once would never have spoken.
    """

    async def read(self, n: int = -1) -> bytes:
        """As StreamReaderAdapter.read."""
        await asyncio.sleep(0)
        data: bytes = await super().read(n)
        return data


class BoundedWriter(StreamWriterAdapter):  # type: ignore[misc]  # amqtt has no types
    """Closes within CLOSE_TIMEOUT_S, also towards a peer that does not read."""

    is_closed: bool

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        super().__init__(writer)
        self._stream = writer
        self._closing: asyncio.Task[None] | None = None

    def abort(self) -> None:
        """Drop the connection now; the reader then sees its end."""
        self._stream.transport.abort()

    async def close(self) -> None:
        """Send what is buffered and close; give up on a peer that does not take it.

        Several parts of amqtt close the same connection and cancel each other at it, so the closing
        is a task of its own.
        """
        if self._closing is None:
            self.is_closed = True
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        self._stream.close()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._stream.wait_closed()
        except OSError:  # a TimeoutError is one
            self.abort()


class HardenedHandler(BrokerProtocolHandler):  # type: ignore[misc]  # amqtt has no types
    """One connection."""

    def __init__(self, broker: "HardenedBroker") -> None:
        super().__init__(broker.plugins_manager)
        self._broker = broker
        self._farewell: asyncio.Future[DisconnectPacket | None] = (
            asyncio.get_running_loop().create_future()
        )
        self._sending: set[asyncio.Task[None]] = set()
        self._dropped = False
        self.open = False
        self.taken_over = False

    def attach(self, session: Session, reader: ReaderAdapter, writer: WriterAdapter) -> None:
        """Take the connection, whose CONNECT has just set the session's keepalive."""
        session.keep_alive = math.ceil(session.keep_alive * KEEPALIVE_GRACE)
        super().attach(session, reader, writer)

    async def stop(self) -> None:
        """End the connection, and return when what nobody acknowledged is back in the session.

        Only then may the client's next connection empty the session's queue.
        """
        self.open = False
        await super().stop()
        await self.handle_connection_closed()
        if self._sending:
            await asyncio.wait(self._sending)

    def handle_read_timeout(self) -> None:
        """The client was silent for too long: its connection ends as if it had been cut."""
        LOG.debug("%s was silent for too long", self.session.client_id)
        self.writer.abort()

    async def handle_disconnect(self, disconnect: DisconnectPacket | None) -> None:
        """Remember the first farewell, also one said before anybody waited for it."""
        if not self._farewell.done():
            self._farewell.set_result(disconnect)

    async def wait_disconnect(self) -> DisconnectPacket | None:
        """The client's DISCONNECT, or None when the connection ended without one."""
        return await self._farewell

    @property
    def said_goodbye(self) -> bool:
        """The client's DISCONNECT has come."""
        return self._farewell.done() and self._farewell.result() is not None

    async def _retry_deliveries(self) -> None:
        """Nothing: what was in flight is in the session's queue, whoever starts empties that."""

    async def handle_publish(self, publish_packet: PublishPacket) -> None:
        """Hand the message on in the same step as it was read, then acknowledge it."""
        qos = publish_packet.qos
        if qos == QOS_2:
            await super().handle_publish(publish_packet)
            return
        topic = publish_packet.topic_name
        if not topic or topic.startswith("$"):
            LOG.warning("%s published to %r: closed", self.session.client_id, topic)
            self.writer.abort()  # MQTT-4.7.2-1, MQTT-4.7.3-1
            return
        data = bytes(publish_packet.data or b"")
        self._broker.accept(topic, data, qos, retain=publish_packet.retain_flag)
        if qos == QOS_1:
            await self._send_packet(PubackPacket.build(publish_packet.packet_id))

    def send(self, delivery: Delivery) -> None:
        """Send one message, in the order of the calls; beyond the limit it is dropped, and said."""
        if len(self._sending) >= self._broker.pending_max:
            if not self._dropped:
                LOG.warning("%s does not keep up: messages dropped", self.session.client_id)
            self._dropped = True
            return
        work = self._deliver_until_acked(delivery) if delivery.qos else self._deliver_once(delivery)
        task = asyncio.create_task(work)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _deliver_once(self, delivery: Delivery) -> None:
        """QoS 0: it arrives, or the connection is gone."""
        message = OutgoingApplicationMessage(
            None, delivery.topic, QOS_0, delivery.data, delivery.retain
        )
        await self._try(message.build_publish_packet())

    async def _deliver_until_acked(self, delivery: Delivery) -> None:
        """QoS 1: until the client acknowledged it, over as many connections as that takes."""
        session = self.session
        number = session.next_packet_id
        message = OutgoingApplicationMessage(
            number, delivery.topic, QOS_1, delivery.data, delivery.retain
        )
        session.inflight_out[number] = message
        acknowledged = asyncio.get_running_loop().create_future()
        self._puback_waiters[number] = acknowledged
        await self._try(message.build_publish_packet(dup=delivery.again))
        if self.open:
            await asyncio.wait([acknowledged])
        del self._puback_waiters[number]
        session.inflight_out.pop(number, None)
        if not acknowledged.done() or acknowledged.cancelled():
            self._broker.keep(session, delivery._replace(again=True))

    async def _try(self, packet: PublishPacket) -> None:
        """Write one packet; a connection that ended is seen by the reader."""
        try:
            await self._send_packet(packet)
        except (OSError, AMQTTError) as error:
            LOG.debug("not sent: %s", error)


class HardenedBroker(Broker):  # type: ignore[misc]  # amqtt has no types
    """amqtt's broker on loopback, with its holes closed; QoS 1 survives reconnects."""

    def __init__(self, port: int, pending_max: int = PENDING_MAX) -> None:
        """
        :param port: on 127.0.0.1; 0 takes a free one, which `port` then tells
        :param pending_max: messages that may wait for one client
        """
        listener = ListenerConfig(bind=f"127.0.0.1:{port}")
        super().__init__(BrokerConfig(listeners={"default": listener}, plugins={}))
        self.pending_max = pending_max
        self._numbers = itertools.count()
        self._connections: set[asyncio.Task[object]] = set()
        self._unnamed: set[BoundedWriter] = set()
        self._ending = False

    @property
    def port(self) -> int:
        """The port that is listened on."""
        sockets = self._servers["default"].instance.sockets
        port: int = sockets[0].getsockname()[1]
        return port

    def accept(self, topic: str, data: bytes, qos: int, *, retain: bool) -> None:
        """Take a message from a client: keep it if it is retained, and hand it on."""
        if retain and data:
            self._retained_messages[topic] = RetainedApplicationMessage(None, topic, data, qos)
        elif retain:
            self._retained_messages.pop(topic, None)  # MQTT-3.3.1-10
        self.distribute(topic, data, qos)

    def distribute(self, topic: str, data: bytes, qos: int) -> None:
        """One copy to every client that asked for it, with the lower QoS of the two."""
        number = next(self._numbers)
        for session, granted in self._receivers(topic):
            handler = self._sessions[session.client_id][1]
            delivery = Delivery(number, topic, data, min(qos, granted))
            if handler.open:
                handler.send(delivery)
            elif delivery.qos:
                self.keep(session, delivery)

    def keep(self, session: Session, delivery: Delivery) -> None:
        """Keep a message for a client that is away and comes back for it.

        Beyond the limit it is dropped, and said; so does Mosquitto.
        """
        if session.clean_session:
            return
        if session.retained_messages.qsize() >= self.pending_max:
            LOG.warning("the queue of %s is full: message dropped", session.client_id)
            return
        session.retained_messages.put_nowait(delivery)

    def _receivers(self, topic: str) -> Iterator[tuple[Session, int]]:
        """Each session with a matching filter once, with the highest QoS it was granted."""
        granted: dict[str, tuple[Session, int]] = {}
        for topic_filter, subscriptions in self._subscriptions.items():
            if not self._matches(topic, topic_filter):
                continue
            for session, qos in subscriptions:
                before = granted.get(session.client_id)
                if before is None or before[1] < qos:
                    granted[session.client_id] = (session, qos)
        yield from (entry for name, entry in granted.items() if name in self._sessions)

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        """Wrap the two ends of a new connection."""
        if self._ending:
            writer.close()
            return
        bounded = BoundedWriter(writer)
        self._unnamed.add(bounded)
        task = asyncio.create_task(
            self._client_connected(listener_name, PoliteReader(reader), bounded)
        )
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        await task

    async def shutdown(self) -> None:
        """End every connection, also those that have not said who they are, then the broker."""
        self._ending = True
        for server in self._servers.values():
            server.instance.close()
        for writer in self._unnamed:
            writer.abort()
        await super().shutdown()
        if self._connections:
            await asyncio.wait(self._connections)

    async def _initialize_client_session(
        self, reader: ReaderAdapter, writer: WriterAdapter, remote_address: str, remote_port: int
    ) -> tuple[HardenedHandler, Session]:
        """Read CONNECT within a time limit; close whatever does not say it properly."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, session = await super()._initialize_client_session(
                    reader, writer, remote_address, remote_port
                )
        except (AMQTTError, MQTTError, NoDataError):
            await writer.close()
            raise
        except TimeoutError as error:
            await writer.close()
            raise MQTTError("no CONNECT in time") from error
        finally:
            self._unnamed.discard(writer)
        # A session found again belongs to a CONNECT that asked for one that lasts.
        session.clean_session = session.clean_session and not session.parent
        return HardenedHandler(self), session

    async def _authenticate(self, session: Session, _: ListenerConfig) -> bool:
        """Everybody on loopback, and nobody as anonymous: their sessions last."""
        session.is_anonymous = False
        return True

    async def _publish_session_retained_messages(self, session: Session) -> None:
        """From here on the client is served: first what was kept for it, then what comes."""
        handler = self._sessions[session.client_id][1]
        handler.open = True
        kept: list[Delivery] = []
        while not session.retained_messages.empty():
            kept.append(session.retained_messages.get_nowait())
        for delivery in sorted(kept, key=lambda each: each.number):
            handler.send(delivery)

    async def _broadcast_message(
        self,
        session: Session | None,
        topic: str,
        data: bytes,
        force_qos: int | None = None,
    ) -> None:
        """What amqtt itself hands on: messages that arrived with QoS 2."""
        self.distribute(topic, bytes(data), QOS_1 if force_qos is None else force_qos)

    async def add_subscription(self, subscription: tuple[str, int], session: Session) -> int:
        """Grant QoS 1 at most: no exchange of QoS 2 has to survive a reconnect then."""
        topic_filter, qos = subscription
        code: int = await super().add_subscription((topic_filter, min(qos, QOS_1)), session)
        return code

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        """Nothing: amqtt calls this at every CONNECT with everybody's filters."""

    async def _handle_subscription(
        self,
        client_session: Session,
        handler: HardenedHandler,
        subscribe_waiter: "asyncio.Future[Subscription]",
    ) -> None:
        """Grant the filters, then send what is retained under them, to this client alone."""
        asked = subscribe_waiter.result()
        codes = [await self.add_subscription(one, client_session) for one in asked.topics]
        await handler.mqtt_acknowledge_subscription(asked.packet_id, codes)
        for (topic_filter, _), granted in zip(asked.topics, codes, strict=True):
            if granted > QOS_1:
                continue
            for topic, retained in self._retained_messages.items():
                if self._matches(topic, topic_filter):
                    qos = min(granted, retained.qos)
                    number = next(self._numbers)
                    handler.send(Delivery(number, topic, retained.data, qos, retain=True))

    async def _handle_client_session(
        self,
        reader: ReaderAdapter,
        writer: WriterAdapter,
        client_session: Session,
        handler: HardenedHandler,
        server: Server,
        listener_name: str,
    ) -> None:
        """Tell the connection before, if there is one, that its client lives on this one."""
        _, before = self._sessions.get(client_session.client_id, (None, None))
        if before is not None:
            before.taken_over = True
        await super()._handle_client_session(
            reader, writer, client_session, handler, server, listener_name
        )

    async def _client_message_loop(self, client_session: Session, handler: HardenedHandler) -> None:
        """A take-over ended the connection before, not the session."""
        if client_session.transitions.state != "connected":
            client_session.transitions.connect()
        await super()._client_message_loop(client_session, handler)

    async def _handle_disconnect(
        self,
        client_session: Session,
        handler: HardenedHandler,
        disconnect_waiter: "asyncio.Future[DisconnectPacket | None]",
    ) -> None:
        """Say the will of a connection that did not say goodbye, and end the session.

        Nothing of that when the connection was taken over: the session goes on, or it was ended by
        a clean CONNECT, which has said the will. Mosquitto does the same.
        """
        if self._is_current(handler) and disconnect_waiter.result() is None:
            self._say_will(client_session)
        await self._stop_handler(handler)
        if not self._is_current(handler):
            return
        client_session.transitions.disconnect()
        if client_session.clean_session:
            await super()._delete_session(client_session.client_id)

    def _is_current(self, handler: HardenedHandler) -> bool:
        """No other connection has come, or is coming, for its client."""
        return not handler.taken_over

    def _say_will(self, session: Session) -> None:
        """Once, if it has one."""
        if session.will_flag:
            session.will_flag = False
            data = bytes(session.will_message or b"")
            self.accept(session.will_topic, data, session.will_qos, retain=session.will_retain)

    async def _delete_session(self, client_id: str) -> None:
        """A clean CONNECT ends what had its name before: session and connection, with its will."""
        session, handler = self._sessions.get(client_id, (None, None))
        await super()._delete_session(client_id)
        if handler is not None:
            handler.taken_over = True
            if session.transitions.is_connected() and not handler.said_goodbye:
                self._say_will(session)
            await self._stop_handler(handler)

    async def _session_monitor(self) -> None:
        """Nothing: sessions that end are deleted when they end."""
