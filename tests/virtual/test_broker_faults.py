"""What the virtual broker and its network are made to do wrong, each fault by itself."""

import asyncio
from collections.abc import Callable, Coroutine
from random import Random

import pytest

from drivers.mqtt_link import (
    Connected,
    Disconnected,
    Happening,
    LinkFailed,
    LinkReport,
    LinkSettings,
    Message,
    NotConnectedError,
    Problem,
    Publication,
    Session,
)
from simulators.mosquitto import QUEUED_MAX
from simulators.virtual.broker import VirtualBroker
from simulators.virtual.link import VirtualLink
from simulators.virtual.loop import run, virtual_loop

KEEPALIVE_S = 10
LATENCY_S = 0.01


def word(said: bytes) -> Callable[[int], Publication]:
    return lambda number: Publication(
        topic="words", payload=b"%s %d" % (said, number), qos=1, retain=True
    )


class Client:
    """A process with a link, which hears `#` and has last words."""

    def __init__(self, broker: VirtualBroker, name: str, *filters: str) -> None:
        self.alive = True
        self.happened: list[Happening] = []
        self.when_s: list[float] = []
        self.reports: list[LinkReport] = []
        settings = LinkSettings(host="v", port=1, client_id=name, keepalive_s=KEEPALIVE_S)
        self.link = VirtualLink(broker, settings, self.reports.append, Random(name))
        session = Session(filters=filters, will=word(b"will"), farewell=word(b"farewell"))
        self.run = virtual_loop().spawn(self, self.link.run(session), name=name)
        self._read = virtual_loop().spawn(self, self._reading(), name=f"{name} reads")

    async def _reading(self) -> None:
        while True:
            self.happened.append(await self.link.next())
            self.when_s.append(virtual_loop().time())

    def say(self, payload: bytes, *, topic: str = "t", qos: int = 1, retain: bool = False) -> None:
        self.link.publish(Publication(topic=topic, payload=payload, qos=qos, retain=retain))

    def lose_power(self) -> None:
        self.alive = False
        virtual_loop().kill(self)
        self.link.fence()

    async def end(self) -> None:
        if not self.alive:
            return
        self.run.cancel()
        self._read.cancel()
        await asyncio.gather(self.run, self._read, return_exceptions=True)

    @property
    def payloads(self) -> list[bytes]:
        return [h.payload for h in self.happened if isinstance(h, Message)]

    @property
    def problems(self) -> list[Problem]:
        return [report.problem for report in self.reports if isinstance(report, LinkFailed)]


Scene = Callable[[VirtualBroker, Client, Client], Coroutine[None, None, None]]


def play(scene: Scene, *, persistent: bool = False) -> None:
    """With an ear that hears everything and an edge, both connected for a second."""

    async def played() -> None:
        broker = VirtualBroker(Random(1), lambda: LATENCY_S, persistent=persistent)
        ear, edge = Client(broker, "ear", "#"), Client(broker, "edge", "order")
        await asyncio.sleep(1)
        assert ear.link.connected
        assert edge.link.connected
        try:
            await scene(broker, ear, edge)
        finally:
            await edge.end()
            await ear.end()

    run(played())


def test_a_client_without_power_is_dead_after_one_and_a_half_keepalives() -> None:
    async def scene(_broker: VirtualBroker, ear: Client, edge: Client) -> None:
        await asyncio.sleep(1000)  # hours of pings cost nothing and count
        edge.say(b"last")
        await asyncio.sleep(0.5 * KEEPALIVE_S)
        edge.lose_power()
        await asyncio.sleep(0.9 * KEEPALIVE_S)
        assert ear.payloads == [b"last"]
        await asyncio.sleep(0.2 * KEEPALIVE_S)
        assert ear.payloads == [b"last", b"will 1"]

    play(scene)


def test_what_comes_for_the_dead_is_harmless_and_a_successor_takes_over() -> None:
    async def scene(broker: VirtualBroker, ear: Client, edge: Client) -> None:
        happened, reports = list(edge.happened), list(edge.reports)
        edge.lose_power()
        ear.say(b"to the dead", topic="order")
        await asyncio.sleep(1)
        assert (edge.happened, edge.reports) == (happened, reports)
        assert (edge.link.connected, edge.link.waiting) == (False, 0)
        with pytest.raises(NotConnectedError):
            edge.say(b"from the dead")
        heir = Client(broker, "edge", "order")
        await asyncio.sleep(1)
        ear.say(b"to the heir", topic="order")
        await asyncio.sleep(1)
        assert heir.payloads == [b"to the heir"]
        assert b"will 1" in ear.payloads
        assert broker.counts.taken_over == 1
        await asyncio.sleep(3 * KEEPALIVE_S)
        assert heir.happened == [Connected(1), heir.happened[1]]
        await heir.end()

    play(scene)


def test_a_process_that_is_killed_on_a_living_machine_is_dead_at_once() -> None:
    async def scene(broker: VirtualBroker, ear: Client, edge: Client) -> None:
        edge.lose_power()
        broker.reset("edge")
        await asyncio.sleep(5 * LATENCY_S)
        assert ear.payloads == [b"will 1"]

    play(scene)


def test_both_sides_notice_a_partition_by_their_keepalive_alone() -> None:
    async def scene(broker: VirtualBroker, ear: Client, edge: Client) -> None:
        broker.partition("edge")
        edge.say(b"swallowed")
        began = virtual_loop().time()
        await asyncio.sleep(0.9 * KEEPALIVE_S)
        assert edge.link.connected
        assert ear.payloads == []
        await asyncio.sleep(1.6 * KEEPALIVE_S)
        assert edge.problems[0] is Problem.SILENT
        assert set(edge.problems[1:]) == {Problem.UNREACHABLE}
        assert ear.payloads == [b"will 1"]
        assert KEEPALIVE_S < ear.when_s[-1] - began < 1.6 * KEEPALIVE_S
        assert KEEPALIVE_S < edge.when_s[-1] - began < 2.1 * KEEPALIVE_S
        broker.heal("edge")
        await asyncio.sleep(20)
        assert isinstance(edge.happened[-1], Connected)
        assert ear.payloads == [b"will 1"], "what it swallowed is not said after its death"

    play(scene)


def test_a_short_partition_is_but_a_delay() -> None:
    async def scene(broker: VirtualBroker, ear: Client, edge: Client) -> None:
        broker.partition("edge")
        edge.say(b"1")
        ear.say(b"2", topic="order")
        await asyncio.sleep(0.9 * KEEPALIVE_S)
        broker.heal("edge")
        edge.say(b"3")
        await asyncio.sleep(1)
        assert ear.payloads == [b"2", b"1", b"3"]
        assert edge.payloads == [b"2"]
        await asyncio.sleep(10 * KEEPALIVE_S)
        assert edge.problems == ear.problems == []
        assert edge.link.outstanding == 0

    play(scene)


def test_a_partition_outlasts_a_broker_that_was_restarted_behind_it() -> None:
    async def scene(broker: VirtualBroker, _ear: Client, edge: Client) -> None:
        broker.partition("edge")
        broker.stop()
        broker.start()
        await asyncio.sleep(1)
        assert edge.link.connected, "how should it know"
        broker.heal("edge")
        await asyncio.sleep(1)
        assert edge.happened[:2] == [Connected(1), Disconnected(1)]
        assert edge.problems == [Problem.LOST]
        assert edge.link.connected

    play(scene)


@pytest.mark.parametrize("persistent", [False, True])
def test_a_broker_that_is_stopped_keeps_what_is_retained_if_anything(persistent: bool) -> None:
    async def scene(broker: VirtualBroker, ear: Client, edge: Client) -> None:
        edge.say(b"kept", topic="state", retain=True)
        await asyncio.sleep(1)
        broker.stop()
        broker.forge(Publication(topic="t", payload=b"nobody is there", retain=True))
        await asyncio.sleep(2)
        assert ear.problems[0] is Problem.LOST
        assert set(ear.problems[1:]) == {Problem.UNREACHABLE}
        broker.start()
        await asyncio.sleep(20)
        assert ear.link.connected
        assert ear.payloads == [b"kept"] * (2 if persistent else 1), "and no will"

    play(scene, persistent=persistent)


def test_a_broker_that_thaws_works_off_what_came_from_those_who_have_left() -> None:
    async def scene(broker: VirtualBroker, ear: Client, edge: Client) -> None:
        broker.freeze()
        edge.say(b"into the buffer")
        await asyncio.sleep(0.5 * KEEPALIVE_S)
        await edge.end()
        broker.thaw()
        await asyncio.sleep(1)
        assert ear.payloads == [b"into the buffer", b"farewell 1", b"will 1"]

    play(scene)


def test_who_was_about_to_connect_when_the_broker_stopped_was_never_there() -> None:
    async def scene(broker: VirtualBroker, ear: Client, _edge: Client) -> None:
        late = Client(broker, "late")
        await asyncio.sleep(2.5 * LATENCY_S)
        broker.stop()
        await asyncio.sleep(1)
        broker.start()
        await asyncio.sleep(20)
        assert late.problems[0] is Problem.LOST
        assert len(late.happened) == 1
        assert ear.payloads == []
        await late.end()

    play(scene)


def test_what_is_outstanding_is_what_the_broker_has_not_said_it_took() -> None:
    async def scene(_broker: VirtualBroker, _ear: Client, edge: Client) -> None:
        edge.say(b"1")
        edge.say(b"not counted", qos=0)
        await asyncio.sleep(1.5 * LATENCY_S)
        edge.say(b"2")
        assert edge.link.outstanding == 2
        await asyncio.sleep(LATENCY_S)
        assert edge.link.outstanding == 1
        await asyncio.sleep(LATENCY_S)
        assert edge.link.outstanding == 0

    play(scene)


def test_losing_is_after_taking() -> None:
    async def scene(broker: VirtualBroker, ear: Client, edge: Client) -> None:
        broker.lose_next(2)
        for number in range(4):
            edge.say(b"%d" % number)
        await asyncio.sleep(1)
        assert ear.payloads == [b"2", b"3"]
        assert edge.link.outstanding == 0
        broker.lose(0.5)
        for number in range(200):
            edge.say(b"%d" % number)
        await asyncio.sleep(1)
        assert 50 < len(ear.payloads) < 150
        assert broker.counts.lost == 2 + 200 - (len(ear.payloads) - 2)

    play(scene)


def test_a_double_comes_right_behind() -> None:
    async def scene(broker: VirtualBroker, ear: Client, edge: Client) -> None:
        broker.double(0.5)
        for number in range(100):
            edge.say(b"%03d" % number)
        await asyncio.sleep(1)
        assert ear.payloads == sorted(ear.payloads)
        assert len(set(ear.payloads)) == 100
        assert len(ear.payloads) == 100 + broker.counts.doubled
        assert 20 < broker.counts.doubled < 80

    play(scene)


def test_a_delay_lets_others_pass_and_nothing_of_its_own() -> None:
    async def scene(broker: VirtualBroker, ear: Client, edge: Client) -> None:
        other = Client(broker, "other")
        await asyncio.sleep(1)
        broker.delay(0.2, 1.0)
        for number in range(50):
            edge.say(b"e%02d" % number)
            other.say(b"o%02d" % number)
            await asyncio.sleep(0.1)
        await asyncio.sleep(30)
        assert sorted(ear.payloads) != ear.payloads
        for sender in b"e", b"o":
            said = [payload for payload in ear.payloads if payload[:1] == sender]
            assert said == sorted(said)
            assert len(said) == 50
        between = [payload for payload in ear.payloads if payload[:1] == b"e"]
        alternating = [
            p for pair in zip(between, sorted(ear.payloads)[50:], strict=True) for p in pair
        ]
        assert ear.payloads != alternating, "somebody was overtaken"
        broker.delay(0.0, 0.0)
        await other.end()

    play(scene)


def test_a_will_may_come_after_the_birth_of_the_next_connection() -> None:
    async def scene(broker: VirtualBroker, ear: Client, edge: Client) -> None:
        broker.delay_wills(5.0)
        broker.reset("edge")
        await asyncio.sleep(2)
        edge.say(b"birth", topic="words")
        await asyncio.sleep(10)
        assert ear.payloads == [b"birth", b"will 1"]
        broker.reset("edge")
        await asyncio.sleep(2)
        broker.stop()
        broker.start()
        await asyncio.sleep(10)
        assert ear.payloads == [b"birth", b"will 1"], "a broker that is killed forgets it"

    play(scene)


def test_a_stranger_is_heard_and_an_old_message_comes_again() -> None:
    async def scene(broker: VirtualBroker, ear: Client, edge: Client) -> None:
        edge.say(b"first")
        edge.say(b"second")
        await asyncio.sleep(1)
        broker.forge(Publication(topic="words", payload=b"forged", retain=True))
        broker.replay(2)
        broker.replay(1, retained=True)
        broker.replay(100)
        await asyncio.sleep(1)
        assert ear.payloads == [b"first", b"second", b"forged", b"first", b"second"]
        retained = [h.retained for h in ear.happened if isinstance(h, Message)]
        assert retained == [False, False, False, False, True]
        newcomer = Client(broker, "newcomer", "#")
        await asyncio.sleep(1)
        assert sorted(newcomer.payloads) == [b"forged", b"second"]
        await newcomer.end()

    play(scene)


def test_a_client_that_is_cut_off_has_a_queue_with_an_end() -> None:
    async def scene(broker: VirtualBroker, ear: Client, edge: Client) -> None:
        broker.partition("edge")
        for number in range(QUEUED_MAX + 50):
            while ear.link.outstanding > 200:
                await asyncio.sleep(LATENCY_S)
            ear.say(b"%d" % number, topic="order")
        await asyncio.sleep(1)
        assert broker.counts.overflowed == 50
        assert edge.link.connected

    play(scene)


def test_a_quiet_day_costs_nothing() -> None:
    async def scene(_broker: VirtualBroker, ear: Client, edge: Client) -> None:
        steps = 0
        loop = virtual_loop()
        run_once = loop._run_once

        def counted() -> None:
            nonlocal steps
            steps += 1
            run_once()

        loop._run_once = counted  # type: ignore[method-assign]
        await asyncio.sleep(24 * 3600)
        assert steps < 10
        assert ear.link.connected
        assert edge.link.connected

    play(scene)
