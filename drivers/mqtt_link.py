"""A link to a broker that is kept up: MQTT 3.1.1, on the event loop.

The broker is a wire and never a store: nothing is published while the link is down, nothing beyond
what the wire takes, and nothing is sent again; whoever needs a message to arrive waits for the
receiver's own word. What comes in waits in a bounded queue, which `next` empties.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from typing import NoReturn, Protocol

from drivers.mqtt_connection import (
    OUTBOUND_MESSAGES_MAX,
    BrokerCertified,
    CallbackFailed,
    CongestedError,
    Connected,
    Connection,
    Disconnected,
    EndedError,
    Happening,
    InboundDropped,
    LinkFailed,
    LinkReport,
    LinkSettings,
    LinkUp,
    Message,
    NotConnectedError,
    Problem,
    Publication,
    Session,
)

__all__ = [
    "INBOUND_MESSAGES_MAX",
    "OUTBOUND_MESSAGES_MAX",
    "BrokerCertified",
    "CallbackFailed",
    "CongestedError",
    "Connected",
    "Disconnected",
    "Happening",
    "InboundDropped",
    "Link",
    "LinkFailed",
    "LinkReport",
    "LinkSettings",
    "LinkUp",
    "Message",
    "MqttLink",
    "NotConnectedError",
    "Problem",
    "Publication",
    "Session",
]

INBOUND_MESSAGES_MAX = 1024
"""What waits to be read; beyond it messages are dropped and counted, as a broker may drop them."""

MESSAGE_BYTES_MAX = 1024 * 1024
"""Nothing of ours comes near it: with the limit above it bounds the memory that a peer can take."""

STEADY_S = 30
"""A connection that stood this long starts the next backoff from the beginning."""


REMEDIES = {
    Problem.UNREACHABLE: "start the broker there, or correct its host or port",
    Problem.TLS: "see that the port speaks TLS, and by which authority, of which name and until "
    "when the certificates of both ends are: `sentrypost check`, `sentrypost pki list`",
    Problem.REFUSED: "check user name, password or certificate, and the broker's list of users",
    Problem.SUBSCRIPTION_REFUSED: "allow this user the named topics in the broker's access list",
    Problem.SILENT: "the broker or the network between is frozen: look at the broker's machine",
    Problem.LOST: "nothing, if it comes back; otherwise see the broker's log for the reason",
    Problem.PROTOCOL: "make sure that the port belongs to an MQTT 3.1.1 broker",
}


class Link(Protocol):
    """A way to the broker that comes back by itself, of which messages may be lost.

    It belongs to one owner on one event loop.
    """

    @property
    def connected(self) -> bool:
        """The broker accepted us and the subscriptions stand."""
        ...

    @property
    def outstanding(self) -> int:
        """Messages published on this connection that the wire (QoS 1: the broker) has not taken."""
        ...

    @property
    def waiting(self) -> int:
        """Messages that came in and were not read yet."""
        ...

    def publish(self, publication: Publication) -> None:
        """Hand one message to the wire; returns at once.

        Raises NotConnectedError while the link is down, CongestedError when the wire is full; in
        neither case is anything kept. That a message was handed over does not say it will arrive.
        """
        ...

    def subscribe(self, filters: tuple[str, ...]) -> None:
        """On this connection these filters take the place of the session's; returns at once.

        What is in both goes on without a break, what is left out ends after what is new began. One
        that is refused ends the connection. Raises NotConnectedError while the link is down.
        """
        ...

    async def next(self) -> Happening:
        """The next thing that happened, in order: what a connection brings stands between its
        Connected and its Disconnected. One reader at a time.
        """
        ...

    async def run(self, session: Session) -> NoReturn:
        """Connect, and again whenever the connection fails, until cancelled.

        Cancelled while connected, it publishes the farewell and takes leave of the broker, so that
        the will is not sent.
        """
        ...


class Wire(Protocol):
    """One connection to a broker, from connecting to its end (`mqtt_connection.Connection`)."""

    @property
    def outstanding(self) -> int: ...
    async def open(self) -> None: ...
    async def serve(self) -> NoReturn: ...
    def publish(self, publication: Publication) -> None: ...
    def subscribe(self, filters: tuple[str, ...]) -> None: ...
    async def take_leave(self, farewell: Publication | None) -> None: ...
    def close(self) -> None: ...


class Connect(Protocol):
    """Makes the connection of attempt `number`.

    It calls `opened` once, when the subscriptions stand, and `hand_over` for each message from
    there on.
    """

    def __call__(
        self,
        settings: LinkSettings,
        session: Session,
        number: int,
        *,
        opened: Callable[[], None],
        hand_over: Callable[[Message], None],
        report: Callable[[LinkReport], None],
    ) -> Wire: ...


class MqttLink:
    """The Link to a real broker, or to whichever node of it answers.

    `run` keeps it up; `publish` and `next` belong to the same event loop. `report` is called on
    it as well and must not block. `connect` is another kind of wire under the same rules.
    """

    def __init__(
        self,
        settings: LinkSettings,
        report: Callable[[LinkReport], None],
        rng: random.Random | None = None,
        connect: Connect = Connection,
    ) -> None:
        self._nodes = deque(settings.nodes)
        """The first of them is the one that is connected, or tried next."""
        self._settings = settings
        self._report = report
        self._rng = rng or random.Random()
        self._connect = connect
        self._inbound: deque[Happening] = deque()
        self._messages = 0
        self._dropped = 0
        self._arrived = asyncio.Event()
        self._connection: Wire | None = None
        self._number = 0

    @property
    def broker(self) -> str:
        return f"{self._nodes[0].host}:{self._nodes[0].port}"

    @property
    def connected(self) -> bool:
        return self._connection is not None

    @property
    def outstanding(self) -> int:
        return self._connection.outstanding if self._connection else 0

    @property
    def waiting(self) -> int:
        return self._messages

    def publish(self, publication: Publication) -> None:
        if self._connection is None:
            raise NotConnectedError
        self._connection.publish(publication)

    def subscribe(self, filters: tuple[str, ...]) -> None:
        if self._connection is None:
            raise NotConnectedError
        self._connection.subscribe(filters)

    async def next(self) -> Happening:
        while not self._inbound:
            self._arrived.clear()
            await self._arrived.wait()
        happening = self._inbound.popleft()
        if isinstance(happening, Message):
            self._messages -= 1
        return happening

    async def run(self, session: Session) -> NoReturn:
        backoff_s = self._settings.backoff_s_min
        loop = asyncio.get_running_loop()
        while True:
            self._number += 1
            began = loop.time()
            try:
                await self._connect_once(session, self._number)
            except EndedError as failure:
                if loop.time() - began > STEADY_S:
                    backoff_s = self._settings.backoff_s_min
                # All edges lose a broker at the same moment: they must not return at the same one.
                retry_s = backoff_s * self._rng.uniform(0.5, 1.0)
                self._report(
                    LinkFailed(
                        broker=self.broker,
                        problem=failure.problem,
                        detail=failure.detail,
                        remedy=REMEDIES[failure.problem],
                        retry_s=retry_s,
                    )
                )
                self._nodes.rotate(-1)
            backoff_s = min(backoff_s * 2, self._settings.backoff_s_max)
            await asyncio.sleep(retry_s)

    async def _connect_once(self, session: Session, number: int) -> NoReturn:
        def opened() -> None:
            self._connection = connection
            self._put(Connected(number))
            self._report(LinkUp(broker=self.broker, number=number))

        connection = self._connect(
            self._nodes[0],
            session,
            number,
            opened=opened,
            hand_over=self._hand_over,
            report=self._report,
        )
        try:
            await connection.open()
            await connection.serve()
        except asyncio.CancelledError:
            farewell = session.farewell(number) if self._connection else None
            await connection.take_leave(farewell)
            raise
        finally:
            if self._connection is not None:
                self._connection = None
                self._put(Disconnected(number))
            connection.close()

    def _hand_over(self, message: Message) -> None:
        if self._messages >= INBOUND_MESSAGES_MAX or len(message.payload) > MESSAGE_BYTES_MAX:
            self._dropped += 1
            # Once per power of two: a flood of messages must not become a flood of reports.
            if self._dropped & (self._dropped - 1) == 0:
                self._report(InboundDropped(dropped=self._dropped))
            return
        self._messages += 1
        self._put(message)

    def _put(self, happening: Happening) -> None:
        self._inbound.append(happening)
        self._arrived.set()
