"""The Link of a process in virtual time: that of `drivers.mqtt_link`, on a simulated wire."""

import asyncio
from asyncio import TimerHandle
from collections.abc import Callable
from functools import partial
from random import Random
from typing import NoReturn

from drivers.mqtt_connection import ANSWER_S_MAX, CONNECT_S_MAX, FAREWELL_S_MAX, EndedError
from drivers.mqtt_link import (
    OUTBOUND_MESSAGES_MAX,
    CongestedError,
    LinkReport,
    LinkSettings,
    Message,
    MqttLink,
    NotConnectedError,
    Problem,
    Publication,
    Session,
)
from simulators.virtual.broker import VirtualBroker
from simulators.virtual.loop import virtual_loop
from simulators.virtual.stream import Down, Hello, Sign, Stream, Subscribe, last_ping_s

SYN_AGAIN_S = 1
"""TCP asks again after this long whether somebody is there."""


class VirtualConnection:
    """What `drivers.mqtt_connection.Connection` is, to a VirtualBroker."""

    def __init__(
        self,
        broker: VirtualBroker,
        made: "Callable[[VirtualConnection], None]",
        settings: LinkSettings,
        session: Session,
        number: int,
        *,
        opened: Callable[[], None],
        hand_over: Callable[[Message], None],
        report: Callable[[LinkReport], None],
    ) -> None:
        self._broker = broker
        self._settings = settings
        self._filters = session.filters
        self._will = session.will(number)
        self._opened = opened
        self._hand_over = hand_over
        self._loop = virtual_loop()
        self._stream: Stream | None = None
        self._accepted: asyncio.Future[None] = self._loop.create_future()
        self._subscribed: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[EndedError] = self._loop.create_future()
        self._drained = asyncio.Event()
        self._heard_s = 0.0
        self._silence: TimerHandle | None = None
        self.outstanding = 0
        made(self)

    async def open(self) -> None:
        """Connect and subscribe. Raises EndedError."""
        client_id = self._settings.client_id
        await self._dial(client_id)
        self._stream = self._broker.connect(client_id, self)
        self._stream.up.send(Hello(client_id, self._settings.keepalive_s, self._will))
        await self._answer(self._accepted, "no answer to the request to connect")
        if self._filters:
            self._stream.up.send(Subscribe(self._filters))
            await self._answer(self._subscribed, "no answer to the subscriptions")

    async def _dial(self, client_id: str) -> None:
        await asyncio.sleep(self._broker.latency_s() + self._broker.latency_s())
        for _ in range(CONNECT_S_MAX // SYN_AGAIN_S):
            if self._broker.reaches(client_id):
                break
            await asyncio.sleep(SYN_AGAIN_S)
        else:
            raise EndedError(Problem.UNREACHABLE, "timed out")
        if not self._broker.running:
            raise EndedError(Problem.UNREACHABLE, "connection refused")

    async def _answer(self, answer: asyncio.Future[None], late: str) -> None:
        waiting: set[asyncio.Future[None] | asyncio.Future[EndedError]] = {answer, self._ended}
        await asyncio.wait(waiting, timeout=ANSWER_S_MAX, return_when=asyncio.FIRST_COMPLETED)
        if self._ended.done():
            raise self._ended.result()
        if not answer.done():
            raise EndedError(Problem.SILENT, late)

    async def serve(self) -> NoReturn:
        """Until the connection ends; then raises EndedError."""
        await asyncio.wait([self._ended])
        raise self._ended.result()

    def publish(self, publication: Publication) -> None:
        stream = self._stream
        if stream is None or stream.client is not self or self._ended.done():
            raise NotConnectedError
        if self.outstanding >= OUTBOUND_MESSAGES_MAX:
            raise CongestedError
        stream.up.send(publication)
        if publication.qos:
            self.outstanding += 1
            self._drained.clear()

    def subscribe(self, filters: tuple[str, ...]) -> None:
        stream = self._stream
        if stream is None or stream.client is not self or self._ended.done():
            raise NotConnectedError
        self._filters = filters
        stream.up.send(Subscribe(filters))

    async def take_leave(self, farewell: Publication | None) -> None:
        """Publish `farewell`, let the broker take what is on its way, then say goodbye."""
        if self._stream is None or self._ended.done():
            return
        try:
            if farewell is not None:
                self.publish(farewell)
            async with asyncio.timeout(FAREWELL_S_MAX):
                while self.outstanding and not self._ended.done():
                    await self._drained.wait()
                self._stream.up.send(Sign.GOODBYE)
                await asyncio.wait([self._ended])
        except (TimeoutError, CongestedError, NotConnectedError):
            return  # the broker says the will instead, which says the same

    def close(self) -> None:
        self._leave(closed=True)

    def fence(self) -> None:
        """Nothing of its owner is called from here on, and nobody closes the connection."""
        self._leave(closed=False)

    def _leave(self, *, closed: bool) -> None:
        self._listen_for_silence(False)
        if self._stream is not None and self._stream.client is self:
            self._broker.left(self._stream, closed=closed)

    def _end(self, problem: Problem, detail: str) -> None:
        if not self._ended.done():
            self._ended.set_result(EndedError(problem, detail))
        self._drained.set()

    # --- the stream calls these ---

    def arrived(self, packet: Down) -> None:
        self._heard_s = self._loop.time()
        match packet:
            case Message():
                self._hand_over(packet)
            case Sign.TAKEN:
                self.outstanding -= 1
                if self.outstanding == 0:
                    self._drained.set()
            case Sign.GREETED:
                self._answered(self._accepted, last=not self._filters)
            case Sign.SUBSCRIBED:
                self._answered(self._subscribed, last=True)
            case _:
                self._end(Problem.LOST, "the connection was closed")

    def _answered(self, question: asyncio.Future[None], *, last: bool) -> None:
        if question.done():
            return
        question.set_result(None)
        if last:
            self._opened()
            self.path_changed()

    def path_changed(self) -> None:
        """Two keepalives after the last ping that was answered, silence is the end."""
        self._listen_for_silence(self._stream is not None and self._stream.stalled)

    def _listen_for_silence(self, listening: bool) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None
        if listening:
            now_s, keepalive_s = self._loop.time(), self._settings.keepalive_s
            over_s = last_ping_s(self._heard_s, now_s, keepalive_s) + 2 * keepalive_s
            self._silence = self._loop.outside(
                over_s - now_s, self._end, Problem.SILENT, "Keep alive timeout"
            )


class VirtualLink(MqttLink):
    """A Link to a VirtualBroker; `settings.host` and `port` are what its reports call it.

    Kill a process with `loop.kill(process)` and `link.fence()`: its connection then dangles, as
    that of a machine without power, until the broker's keepalive ends it; `broker.reset` of its
    client id makes it the death of a process alone.
    """

    def __init__(
        self,
        broker: VirtualBroker,
        settings: LinkSettings,
        report: Callable[[LinkReport], None],
        random: Random,
    ) -> None:
        super().__init__(settings, report, random, partial(VirtualConnection, broker, self._made))
        self._latest: VirtualConnection | None = None

    def fence(self) -> None:
        """The owner is dead: nothing of it is called, also when its coroutines are let go of."""
        self._connection = None
        if self._latest is not None:
            self._latest.fence()

    def _made(self, connection: VirtualConnection) -> None:
        self._latest = connection
