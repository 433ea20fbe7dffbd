"""The virtual broker and its link do what the real ones do: each scene is played on all of them."""

import asyncio
import contextlib
import itertools
import os
import random
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Protocol

import pytest

from drivers.mqtt_link import (
    INBOUND_MESSAGES_MAX,
    OUTBOUND_MESSAGES_MAX,
    CongestedError,
    Connected,
    Disconnected,
    Happening,
    InboundDropped,
    LinkFailed,
    LinkReport,
    LinkSettings,
    LinkUp,
    Message,
    MqttLink,
    NotConnectedError,
    Problem,
    Publication,
    Session,
)
from simulators.broker_process import BrokerProcess
from simulators.virtual.broker import VirtualBroker
from simulators.virtual.link import VirtualLink
from simulators.virtual.loop import run
from tests.servers import make_broker

NUMBERS = itertools.count(1)


class Client:
    """A link, what it reported, and what happened on it."""

    def __init__(self, make: Callable[[Callable[[LinkReport], None]], MqttLink]) -> None:
        self.reports: list[LinkReport] = []
        self.happened: list[Happening] = []
        self.link = make(self.reports.append)

    async def read(self) -> None:
        while True:
            self.happened.append(await self.link.next())

    def say(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        self.link.publish(Publication(topic=topic, payload=payload, qos=qos, retain=retain))

    async def said(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self.say(topic, payload, retain=retain)
        await until(lambda: self.link.outstanding == 0, "the broker has it")

    @property
    def messages(self) -> list[Message]:
        return [happening for happening in self.happened if isinstance(happening, Message)]

    @property
    def payloads(self) -> list[bytes]:
        return [message.payload for message in self.messages]

    @property
    def problems(self) -> list[Problem]:
        return [report.problem for report in self.reports if isinstance(report, LinkFailed)]


async def until(condition: Callable[[], bool], what: str, timeout_s: float = 15.0) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while not condition():
        assert loop.time() < deadline, f"not within {timeout_s} s: {what}"
        await asyncio.sleep(0.01)


class Stage(Protocol):
    """A broker, and what can be done to it and to its clients."""

    def link(self, settings: LinkSettings, report: Callable[[LinkReport], None]) -> MqttLink: ...
    def cut(self, client: Client) -> None: ...
    def freeze(self) -> None: ...
    def thaw(self) -> None: ...
    def kill(self) -> None: ...
    def start(self) -> None: ...


class RealStage:
    def __init__(self, broker: BrokerProcess) -> None:
        self._broker = broker

    def link(self, settings: LinkSettings, report: Callable[[LinkReport], None]) -> MqttLink:
        return MqttLink(settings, report, random.Random(7))

    def cut(self, client: Client) -> None:
        client.link._connection._socket.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]

    def freeze(self) -> None:
        os.kill(self._broker.pid or 0, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self._broker.pid or 0, signal.SIGCONT)

    def kill(self) -> None:
        self._broker.kill()

    def start(self) -> None:
        # On this thread: the broker dies with the one that started it.
        self._broker.start()


class VirtualStage:
    def __init__(self) -> None:
        self._broker = VirtualBroker(random.Random(7), lambda: 0.0004)

    def link(self, settings: LinkSettings, report: Callable[[LinkReport], None]) -> MqttLink:
        return VirtualLink(self._broker, settings, report, random.Random(7))

    def cut(self, client: Client) -> None:
        self._broker.reset(client.link._settings.client_id)

    def freeze(self) -> None:
        self._broker.freeze()

    def thaw(self) -> None:
        self._broker.thaw()

    def kill(self) -> None:
        self._broker.stop()

    def start(self) -> None:
        self._broker.start()


class Scene:
    """A stage with names and topics of its own: the scenes of a module share each real broker."""

    def __init__(self, stage: Stage, port: int) -> None:
        self.stage = stage
        self._port = port
        self._own = f"scene-{next(NUMBERS)}"

    def topic(self, name: str) -> str:
        return f"{self._own}/{name}"

    @contextlib.asynccontextmanager
    async def client(
        self,
        name: str,
        *filters: str,
        last_word: str | None = None,
        reading: bool = True,
        **options: object,
    ) -> AsyncIterator[Client]:
        """A client that is connected. `last_word`: the topic of its will and farewell."""

        def word(said: bytes) -> Callable[[int], Publication | None]:
            return lambda number: (
                last_word
                and Publication(
                    topic=last_word, payload=b"%s of %s %d" % (said, name.encode(), number), qos=1
                )
            )

        defaults: dict[str, object] = {"backoff_s_min": 0.05, "backoff_s_max": 0.1}
        who = options.pop("client_id", name)
        settings = LinkSettings(
            host="127.0.0.1",
            port=self._port,
            client_id=f"{self._own}-{who}",
            **(defaults | options),  # type: ignore[arg-type]
        )
        client = Client(lambda report: self.stage.link(settings, report))
        session = Session(filters=filters, will=word(b"will"), farewell=word(b"farewell"))
        tasks = [asyncio.create_task(client.link.run(session), name=name)]
        if reading:
            tasks.append(asyncio.create_task(client.read(), name=f"{name} reads"))
        try:
            await until(lambda: client.link.connected, f"{name} is connected")
            yield client
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


Play = Callable[[Callable[[Scene], Coroutine[None, None, None]]], None]


@pytest.fixture(scope="module", params=["mosquitto", "embedded", "virtual"])
def play(request: pytest.FixtureRequest) -> Iterator[Play]:
    """Plays a scene on each kind of broker in turn."""
    if request.param == "virtual":

        async def virtually(scene: Callable[[Scene], Coroutine[None, None, None]]) -> None:
            await scene(Scene(VirtualStage(), 1883))

        yield lambda scene: run(virtually(scene))
        return
    with make_broker(request.param) as broker:
        yield lambda scene: asyncio.run(scene(Scene(RealStage(broker), broker.port)))


def test_a_subscriber_hears_what_it_asked_for_once_and_in_order(play: Play) -> None:
    async def scene(at: Scene) -> None:
        filters = (at.topic("+/a"), at.topic("x/#"))
        async with at.client("ear", *filters) as ear, at.client("mouth") as mouth:
            assert ear.happened == [Connected(1)]
            assert [type(report) for report in ear.reports] == [LinkUp]
            for number in range(200):
                mouth.say(at.topic("x/a"), b"%d" % number)  # both filters match
                if number % 20 == 0:
                    mouth.say(at.topic("y/b"), b"not asked for")
                    mouth.say(at.topic("y/z/a"), b"not asked for")
                    mouth.say(at.topic("x"), b"x/# is x as well")
            await until(lambda: len(ear.messages) == 210, "all came")
            heard = [m.payload for m in ear.messages if m.topic == at.topic("x/a")]
            assert heard == [b"%d" % number for number in range(200)]
            assert not any(message.retained for message in ear.messages)
            await until(lambda: mouth.link.outstanding == 0, "the broker took them all")

    play(scene)


def test_a_sender_hears_itself(play: Play) -> None:
    async def scene(at: Scene) -> None:
        async with at.client("both", at.topic("#")) as both:
            both.say(at.topic("a"), b"0", qos=0)
            both.say(at.topic("a"), b"1")
            await until(lambda: both.payloads == [b"0", b"1"], "heard")
            await until(lambda: both.link.outstanding == 0, "taken")

    play(scene)


def test_the_latest_retained_message_is_what_a_newcomer_gets(play: Play) -> None:
    async def scene(at: Scene) -> None:
        async with at.client("early", at.topic("#")) as early:
            for topic, payload in ("a", b"1"), ("a", b"2"), ("b", b"3"), ("c", b"4"), ("c", b""):
                await early.said(at.topic(topic), payload, retain=True)
            await early.said(at.topic("d"), b"5")
            await until(lambda: early.payloads == [b"1", b"2", b"3", b"4", b"", b"5"], "live")
            assert not any(message.retained for message in early.messages)
            async with at.client("late", at.topic("#")) as late:
                await until(lambda: len(late.messages) == 2, "what is kept")
                await early.said(at.topic("a"), b"6", retain=True)
                await until(lambda: len(late.messages) == 3, "live")
                kept, live = late.messages[:2], late.messages[2]
                assert sorted((m.topic, m.payload) for m in kept) == [
                    (at.topic("a"), b"2"),
                    (at.topic("b"), b"3"),
                ]
                assert all(message.retained for message in kept)
                assert (live.payload, live.retained) == (b"6", False)
                assert late.happened[0] == Connected(1)

    play(scene)


def test_a_will_after_a_cut_and_a_farewell_after_a_stop(play: Play) -> None:
    async def scene(at: Scene) -> None:
        words = at.topic("words")
        async with at.client("ear", words) as ear:
            async with at.client("edge", last_word=words) as edge:
                at.stage.cut(edge)
                await until(lambda: edge.happened[-1] == Connected(2), "back again")
                await until(lambda: ear.payloads == [b"will of edge 1"], "the will")
                assert edge.happened == [Connected(1), Disconnected(1), Connected(2)]
                assert edge.problems == [Problem.LOST]
            await ear.said(words, b"after")
            await until(lambda: b"after" in ear.payloads, "after")
            assert ear.payloads == [b"will of edge 1", b"farewell of edge 2", b"after"]

    play(scene)


def test_a_take_over_ends_the_old_connection_with_its_will(play: Play) -> None:
    async def scene(at: Scene) -> None:
        words = at.topic("words")
        patient = {"backoff_s_min": 60.0, "backoff_s_max": 60.0}
        async with (
            at.client("ear", words) as ear,
            at.client("old", at.topic("x"), last_word=words, **patient) as old,
        ):
            async with at.client("new", at.topic("x"), last_word=words, client_id="old") as new:
                await until(lambda: old.happened == [Connected(1), Disconnected(1)], "ended")
                assert old.problems == [Problem.LOST]
                await ear.said(at.topic("x"), b"to one of them")
                await until(lambda: new.payloads == [b"to one of them"], "heard by the new one")
                assert ear.payloads == [b"will of old 1"]
            await until(lambda: len(ear.payloads) == 2, "the farewell")
            assert ear.payloads == [b"will of old 1", b"farewell of new 1"]

    play(scene)


def test_a_broker_that_is_killed_forgets_and_its_clients_come_back(play: Play) -> None:
    async def scene(at: Scene) -> None:
        words = at.topic("words")
        async with (
            at.client("ear", at.topic("#")) as ear,
            at.client("edge", last_word=words) as edge,
        ):
            await edge.said(at.topic("kept"), b"kept", retain=True)
            await until(lambda: ear.payloads == [b"kept"], "heard")
            at.stage.kill()
            await until(lambda: not (edge.link.connected or ear.link.connected), "down")
            with pytest.raises(NotConnectedError):
                edge.say(at.topic("a"), b"while it was down")
            await until(lambda: edge.problems.count(Problem.UNREACHABLE) >= 2, "tried again")
            at.stage.start()
            await until(lambda: edge.link.connected and ear.link.connected, "up again")
            for client in (edge, ear):
                await until(lambda of=client: len(of.happened) >= 3, "told")  # type: ignore[misc]
                attempts = len(client.problems) + 1
                connections = [h for h in client.happened if not isinstance(h, Message)]
                assert connections == [Connected(1), Disconnected(1), Connected(attempts)]
                assert client.problems[0] is Problem.LOST
            await edge.said(at.topic("a"), b"after")
            await until(lambda: b"after" in ear.payloads, "after")
            assert ear.payloads == [b"kept", b"after"], "no will, nothing kept, nothing sent again"

    play(scene)


def test_a_wire_that_takes_nothing_refuses_more(play: Play) -> None:
    async def scene(at: Scene) -> None:
        async with at.client("edge", at.topic("#"), keepalive_s=60) as edge:
            at.stage.freeze()
            for number in range(OUTBOUND_MESSAGES_MAX):
                edge.say(at.topic("a"), b"%d" % number)
            for qos in (0, 1):
                with pytest.raises(CongestedError):
                    edge.say(at.topic("a"), b"one too many", qos=qos)
            assert edge.link.outstanding == OUTBOUND_MESSAGES_MAX
            at.stage.thaw()
            await until(lambda: edge.link.outstanding == 0, "drained")
            await edge.said(at.topic("a"), b"goes on")
            await until(lambda: b"goes on" in edge.payloads, "goes on")
            assert edge.payloads[:-1] == [b"%d" % number for number in range(OUTBOUND_MESSAGES_MAX)]

    play(scene)


def test_a_frozen_broker_is_found_out_and_what_it_had_not_taken_is_not_sent_again(
    play: Play,
) -> None:
    async def scene(at: Scene) -> None:
        async with at.client("edge", at.topic("#"), keepalive_s=1) as edge:
            clock = asyncio.get_running_loop().time
            began = clock()
            await until(lambda: clock() > began + 2.2, "some pings")
            assert edge.problems == []
            at.stage.freeze()
            frozen = clock()
            edge.say(at.topic("a"), b"in flight")
            await until(lambda: not edge.link.connected, "found out", 5)
            assert 0.9 < clock() - frozen < 3
            assert edge.problems == [Problem.SILENT]
            at.stage.kill()
            at.stage.start()
            await until(lambda: edge.link.connected, "up again")
            await edge.said(at.topic("a"), b"after")
            await until(lambda: bool(edge.payloads), "heard")
            assert edge.payloads == [b"after"]

    play(scene)


def test_what_nobody_reads_is_bounded_and_counted(play: Play) -> None:
    async def scene(at: Scene) -> None:
        async with at.client("deaf", at.topic("#"), reading=False) as deaf:
            for number in range(INBOUND_MESSAGES_MAX + 300):
                await until(lambda: deaf.link.outstanding < OUTBOUND_MESSAGES_MAX, "room")
                deaf.say(at.topic("a"), b"%d" % number)
            await until(lambda: InboundDropped(dropped=256) in deaf.reports, "dropped")
            assert deaf.link.waiting == INBOUND_MESSAGES_MAX
            happened = [await deaf.link.next() for _ in range(3)]
            assert happened[0] == Connected(1)
            assert [h.payload for h in happened[1:] if isinstance(h, Message)] == [b"0", b"1"]

    play(scene)


def test_before_the_first_connection_nothing_is_taken(play: Play) -> None:
    async def scene(at: Scene) -> None:
        settings = LinkSettings(host="127.0.0.1", port=1, client_id="nobody")
        link = at.stage.link(settings, lambda _report: None)
        assert (link.connected, link.outstanding, link.waiting) == (False, 0, 0)
        with pytest.raises(NotConnectedError):
            link.publish(Publication(topic=at.topic("a"), payload=b"early", qos=1))

    play(scene)
