"""The link against real brokers, and against servers that are no brokers."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from drivers.mqtt_address import AddressError, BrokerAddress, broker_address
from drivers.mqtt_link import (
    INBOUND_MESSAGES_MAX,
    OUTBOUND_MESSAGES_MAX,
    Connected,
    Disconnected,
    InboundDropped,
    LinkFailed,
    LinkUp,
    Message,
    Problem,
    Publication,
    Session,
)
from simulators.broker_process import BrokerProcess
from tests.descriptors import descriptors
from tests.drivers.mqtt import Rig, connected, running, until
from tests.servers import make_broker


def test_messages_come_back_in_order(broker: BrokerProcess) -> None:
    async def scene() -> None:
        async with running(Rig(broker.port)) as rig:
            await connected(rig)
            for number in range(100):
                rig.say(b"%d" % number)
            await until(lambda: len(rig.payloads) == 100, "all came back")
            assert rig.happened[0] == Connected(1)
            assert rig.payloads == [b"%d" % number for number in range(100)]
            assert isinstance(rig.reports[0], LinkUp)
            assert len(rig.reports) == 1
            await until(lambda: rig.link.outstanding == 0, "the broker took them all")

    asyncio.run(scene())


def test_what_is_retained_comes_behind_the_news_of_the_connection(broker: BrokerProcess) -> None:
    async def scene() -> None:
        async with running(Rig(broker.port, client_id="first")) as first:
            await connected(first)
            for number in range(20):
                publication = Publication(topic=f"t/{number}", payload=b"kept", qos=1, retain=True)
                first.link.publish(publication)
            await until(lambda: first.link.outstanding == 0, "kept")
        async with running(Rig(broker.port)) as rig:
            await until(lambda: len(rig.happened) == 21, "all came")
            assert rig.happened[0] == Connected(1)
            assert all(isinstance(h, Message) and h.retained for h in rig.happened[1:])

    asyncio.run(scene())


def test_what_nobody_reads_is_bounded_and_counted(mosquitto: BrokerProcess) -> None:
    async def scene() -> None:
        async with running(Rig(mosquitto.port), reading=False) as rig:
            await connected(rig)
            for number in range(INBOUND_MESSAGES_MAX + 500):
                while rig.link.outstanding >= OUTBOUND_MESSAGES_MAX:
                    await asyncio.sleep(0)
                rig.say(b"%d" % number)
            await until(lambda: InboundDropped(dropped=256) in rig.reports, "dropped")
            assert rig.link.waiting == INBOUND_MESSAGES_MAX
            assert sum(isinstance(report, InboundDropped) for report in rig.reports) <= 9

    asyncio.run(scene())


def test_a_message_larger_than_any_of_ours_is_dropped(mosquitto: BrokerProcess) -> None:
    async def scene() -> None:
        async with running(Rig(mosquitto.port)) as rig:
            await connected(rig)
            rig.say(b"x" * (1024 * 1024 + 1))
            rig.say(b"small")
            await until(lambda: bool(rig.payloads), "the small one")
            assert rig.payloads == [b"small"]
            assert InboundDropped(dropped=1) in rig.reports

    asyncio.run(scene())


def test_wrong_credentials_are_reported_with_a_remedy_and_tried_again(tmp_path: Path) -> None:
    async def scene() -> None:
        with make_broker("mosquitto", extra=("allow_anonymous false",)) as broker:
            rig = Rig(broker.port, username="gate-1", password="wrong")
            async with running(rig):
                await until(lambda: len(rig.reports) >= 2, "refused, and again")
                report = rig.reports[0]
                assert isinstance(report, LinkFailed)
                assert report.problem is Problem.REFUSED
                assert "authori" in report.detail.lower()
                assert "password" in report.remedy
                assert not rig.link.connected
            assert "wrong" not in repr(rig.link._settings)

    asyncio.run(scene())


def test_waiting_grows_and_is_never_the_same_for_two_edges(silent_port: int) -> None:
    async def scene() -> None:
        rig = Rig(silent_port, backoff_s_min=0.02, backoff_s_max=0.16)
        async with running(rig):
            await until(lambda: len(rig.failures()) >= 7, "tried again and again")
        waits_s = [report.retry_s for report in rig.reports if isinstance(report, LinkFailed)]
        for wait_s, ceiling_s in zip(waits_s, (0.02, 0.04, 0.08, 0.16, 0.16, 0.16), strict=False):
            assert ceiling_s / 2 <= wait_s <= ceiling_s
        assert len(set(waits_s)) == len(waits_s)
        assert set(rig.failures()) == {Problem.UNREACHABLE}

    asyncio.run(scene())


@contextlib.asynccontextmanager
async def serving(*answers: bytes) -> AsyncIterator[int]:
    """A server that gives one answer to each thing it reads."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            for answer in answers:
                await reader.read(4096)
                writer.write(answer)
            await reader.read()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


CONNACK = b"\x20\x02\x00\x00"


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ((b"HTTP/1.1 400 Bad Request\r\n\r\n",), None),
        ((b"\xff" * 64,), None),
        ((b"\x20\x00",), None),
        ((CONNACK, b"\x90\x00"), None),
        ((CONNACK, b"\x30\x02\xff\xff"), None),
        ((CONNACK, b"\x30\x05\x00\x03\xff\xfe\xfd"), None),
        ((CONNACK, b"\x90\x03\x00\x01\x80"), Problem.SUBSCRIPTION_REFUSED),
    ],
)
def test_a_peer_that_breaks_the_protocol_is_left_and_tried_again(
    answers: tuple[bytes, ...], problem: Problem | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drivers.mqtt_connection.ANSWER_S_MAX", 0.3)

    async def scene() -> None:
        errors: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, e: errors.append(e))
        async with serving(*answers) as port:
            rig = Rig(port)
            async with running(rig):
                await until(lambda: len(rig.failures()) >= 2, "left, twice")
                assert not rig.link.connected
                if problem is not None:
                    assert set(rig.failures()) == {problem}
        assert errors == [], "nothing reached the event loop"

    asyncio.run(scene())


def test_a_server_that_never_answers_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.mqtt_connection.ANSWER_S_MAX", 0.2)

    async def scene() -> None:
        async with serving() as port:
            rig = Rig(port)
            async with running(rig):
                await until(lambda: bool(rig.failures()), "left")
                assert rig.failures()[0] is Problem.SILENT

    asyncio.run(scene())


def test_the_will_is_sent_after_a_crash_and_the_farewell_after_a_stop(
    mosquitto: BrokerProcess,
) -> None:
    def last_word(word: bytes) -> Callable[[int], Publication]:
        return lambda number: Publication(topic="t/status", payload=b"%s %d" % (word, number))

    async def scene() -> None:
        session = Session(
            filters=("t/other",), will=last_word(b"will"), farewell=last_word(b"farewell")
        )
        async with running(Rig(mosquitto.port, client_id="ear")) as ear:
            await connected(ear)
            async with running(Rig(mosquitto.port), session) as rig:
                await connected(rig)
                raw = rig.link._connection._socket  # type: ignore[union-attr]
                raw.shutdown(socket.SHUT_RDWR)
                await until(lambda: ear.payloads == [b"will 1"], "the will")
                await until(lambda: rig.happened[-1] == Connected(2), "back again")
            await until(lambda: len(ear.payloads) == 2, "the farewell")
            await asyncio.sleep(0.1)
            assert ear.payloads == [b"will 1", b"farewell 2"]
            assert rig.happened == [Connected(1), Disconnected(1), Connected(2)]

    asyncio.run(scene())


def test_stopping_is_quick_and_leaves_no_socket_behind(mosquitto: BrokerProcess) -> None:
    async def scene() -> None:
        before = descriptors()
        for moment_s in (0.0, 0.002, 0.005, 0.01, 0.05, 0.2):
            async with running(Rig(mosquitto.port)):
                await asyncio.sleep(moment_s)
                began = time.monotonic()
            assert time.monotonic() - began < 1.0
        left = descriptors() - before
        assert not [what for _, what in left if what.startswith("socket:")]

    asyncio.run(scene())


def test_the_next_node_is_tried_where_one_fails_and_the_first_again_after_the_last(
    silent_port: int,
) -> None:
    async def scene(first: BrokerProcess, second: BrokerProcess) -> None:
        others = tuple(BrokerAddress("127.0.0.1", b.port) for b in (first, second))
        async with running(Rig(silent_port, others=others)) as rig:
            await connected(rig)
            assert rig.link.broker == f"127.0.0.1:{first.port}"
            await asyncio.to_thread(first.kill)
            await until(lambda: rig.link.broker.endswith(f":{second.port}"), "at the second")
            await connected(rig)
            rig.say(b"here")
            await until(lambda: rig.payloads == [b"here"], "and served there")
            await asyncio.to_thread(first.start)
            await asyncio.to_thread(second.kill)
            await until(lambda: rig.link.connected and rig.link.broker == said(first), "back")
        tried = [report.broker for report in rig.reports]
        nobody, one, two = f"127.0.0.1:{silent_port}", said(first), said(second)
        assert tried == [nobody, one, one, two, two, nobody, one]

    def said(broker: BrokerProcess) -> str:
        return f"127.0.0.1:{broker.port}"

    with make_broker("mosquitto") as first, make_broker("mosquitto") as second:
        asyncio.run(scene(first, second))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("broker.example.org", BrokerAddress("broker.example.org", 8883)),
        ("10.0.0.1:1884", BrokerAddress("10.0.0.1", 1884)),
        ("[::1]", BrokerAddress("::1", 8883)),
        ("[fe80::1]:1885", BrokerAddress("fe80::1", 1885)),
    ],
)
def test_an_address_is_read_as_it_is_written(text: str, address: BrokerAddress) -> None:
    assert broker_address(text, 8883) == address


@pytest.mark.parametrize(
    "text",
    ["", ":1883", "host:", "host:0", "host:65536", "::1", "a b", "mqtt://host", "[x]", "h:1:2"],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(AddressError, match="is not HOST or HOST:PORT"):
        broker_address(text)


def test_other_filters_take_the_place_of_the_first_on_the_connection(
    broker: BrokerProcess,
) -> None:
    async def scene() -> None:
        session = Session(filters=("t/first", "t/both"))
        async with running(Rig(broker.port), session) as rig:
            await connected(rig)
            rig.link.subscribe(("t/both", "t/second"))

            def all_said() -> bool:
                for topic in ("first", "both", "second"):
                    rig.say(topic.encode(), topic=f"t/{topic}")
                return rig.payloads[-4:] == [b"both", b"second"] * 2

            await until(all_said, "the first is left out and the second heard")
            heard = len(rig.payloads)
            rig.say(b"last", topic="t/both")
            await until(lambda: rig.payloads[-1] == b"last", "still heard")
            assert b"first" not in rig.payloads[heard:]
            assert [type(h) for h in rig.happened if not isinstance(h, Message)] == [Connected]
            rig.link.subscribe(("t/first",))
            await until(
                lambda: bool(rig.say(b"x", topic="t/first")) or b"x" in rig.payloads, "back"
            )

    asyncio.run(scene())


def test_two_links_in_one_process_do_not_meet(mosquitto: BrokerProcess) -> None:
    async def scene() -> None:
        async with (
            running(Rig(mosquitto.port, client_id="one"), Session(filters=("t/one",))) as one,
            running(Rig(mosquitto.port, client_id="two"), Session(filters=("t/two",))) as two,
        ):
            await connected(one)
            await connected(two)
            one.say(b"to two", topic="t/two")
            two.say(b"to one", topic="t/one")
            await until(lambda: bool(one.payloads and two.payloads), "both")
            assert (one.payloads, two.payloads) == ([b"to one"], [b"to two"])

    asyncio.run(scene())
