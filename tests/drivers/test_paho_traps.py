"""What paho-mqtt 2.x does to whoever takes it at its word, each with a test that keeps it off.

Callbacks
    An error in one leaves the network loop dead and `is_connected` true: errors are suppressed,
    and whether there is a socket is looked at. `on_publish` runs under paho's lock, so that a lock
    of ours hangs for good (#354): there is no thread, and callbacks only hand over.
Queues
    Without a connection `publish` says rc 4 and sends later all the same: nothing is published
    then. What was in flight is sent again after a reconnect, a clean session or not (#733): each
    connection has a client of its own. The queue takes 65,535 messages in memory and then says
    rc 15 without an exception (#377): our limit is smaller, and raises.
A broker that does not answer
    A frozen one is noticed after two keepalives, or never while connecting: keepalives are short,
    and answers have a limit. `connect` blocks, and raises when nobody is there: it has a thread for
    itself, and is tried again.
TCP and TLS
    An answer takes 44 ms: `TCP_NODELAY`. What TLS decrypted and nobody read wakes nobody: it is
    read until nothing is left. An error of TLS leaves the thread hung (#891): there is none.
Not used at all
    `wait_for_publish`, which hangs in a callback (#875, #613) or raises (#796); `manual_ack`, which
    is no exact window; the topic aliases of MQTT 5 (#893). Version 5 itself is for devices alone,
    for the sake of its expiry, with a client and a clean start (#855) for each connection.
The will
    It may come after the birth of the next connection: both have the connection's number.
"""

import ast
import asyncio
import contextlib
import os
import signal
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from drivers.mqtt_connection import Connection
from drivers.mqtt_link import (
    OUTBOUND_MESSAGES_MAX,
    CallbackFailed,
    CongestedError,
    Connected,
    Disconnected,
    LinkFailed,
    NotConnectedError,
    Problem,
    Publication,
    Session,
)
from edge import wire
from edge.topics import Topics
from simulators.broker_process import BrokerProcess
from tests.central.rig import EDGE, SITE, running_central, running_edge
from tests.drivers.certificate import certificate
from tests.drivers.mqtt import Rig, connected, running, until
from tests.mqtt import publish_packet
from tests.servers import make_broker, require
from tests.tidy.repository import sources


def socket_of(rig: Rig) -> Any:
    """The connection's own, to be cut."""
    return rig.link._connection._socket  # type: ignore[union-attr]


# --- callbacks --------------------------------------------------------------------------------

CALLBACKS = ("_on_connect", "_on_subscribe", "_on_message", "_on_publish", "_on_disconnect")


@pytest.mark.parametrize("name", CALLBACKS)
def test_an_error_in_a_callback_is_reported_and_the_link_lives_on(
    mosquitto: BrokerProcess, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("drivers.mqtt_connection.ANSWER_S_MAX", 0.3)
    honest, failures = getattr(Connection, name), list[str]()

    def failing(self: Connection, *arguments: object) -> None:
        if not failures:
            failures.append(name)
            raise RuntimeError("planted")
        honest(self, *arguments)

    monkeypatch.setattr(Connection, name, failing)
    planted = CallbackFailed(detail=f"Caught exception in {name[1:]}: planted")

    async def scene() -> None:
        reached: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, e: reached.append(e))
        async with running(Rig(mosquitto.port, keepalive_s=1)) as rig:
            await connected(rig)
            rig.say(b"before")
            await until(lambda: rig.link.outstanding <= len(failures), "taken")
            number = max(h.number for h in rig.happened if isinstance(h, Connected))
            socket_of(rig).shutdown(socket.SHUT_RDWR)
            await until(lambda: Connected(number + 1) in rig.happened, "back again")
            assert planted in rig.reports
            rig.say(b"after")
            await until(lambda: b"after" in rig.payloads, "goes on")
        assert reached == [], "nothing reached the event loop"

    asyncio.run(scene())


def test_a_message_whose_handling_failed_holds_up_none_behind_it(
    mosquitto: BrokerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Connection._on_message

    def failing(self: Connection, client: Any, userdata: object, message: Any) -> None:
        if message.payload == b"poison":
            raise RuntimeError("planted")
        honest(self, client, userdata, message)

    monkeypatch.setattr(Connection, "_on_message", failing)

    async def scene() -> None:
        async with running(Rig(mosquitto.port, keepalive_s=1)) as rig:
            await connected(rig)
            for payload in (b"poison", b"after", b"poison", b"last"):
                rig.say(payload)
            await until(lambda: len(rig.payloads) == 2, "goes on")
            assert rig.payloads == [b"after", b"last"]
            await asyncio.sleep(2.5)  # two keepalives: pings go on as well
            assert rig.link.connected
            assert rig.failures() == []

    asyncio.run(scene())


def test_on_publish_never_runs_inside_our_publish_nor_beside_it(
    broker: BrokerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever holds a lock while publishing, and takes it when the message went, does not hang."""
    held, ours = threading.Lock(), threading.current_thread()
    was_free: list[bool] = []
    publish, on_publish = Connection.publish, Connection._on_publish

    def publishing(self: Connection, publication: Publication) -> None:
        with held:
            publish(self, publication)

    def published(self: Connection, *arguments: Any) -> None:
        free = held.acquire(timeout=0.5)
        was_free.append(free and threading.current_thread() is ours)
        if free:
            held.release()
        on_publish(self, *arguments)

    monkeypatch.setattr(Connection, "publish", publishing)
    monkeypatch.setattr(Connection, "_on_publish", published)

    async def scene() -> None:
        async with running(Rig(broker.port)) as rig:
            await connected(rig)
            for _ in range(10):
                for number in range(20):
                    rig.say(b"", qos=number % 2)
                await until(lambda: rig.link.outstanding == 0, "all went")
            assert was_free == [True] * 200

    asyncio.run(scene())


# --- queues -----------------------------------------------------------------------------------


def test_nothing_is_published_or_kept_while_the_link_is_down(mosquitto: BrokerProcess) -> None:
    async def scene() -> None:
        rig = Rig(mosquitto.port)
        with pytest.raises(NotConnectedError):
            rig.say(b"before the first connection")
        async with running(rig):
            await connected(rig)
            mosquitto.kill()
            await until(lambda: not rig.link.connected, "down")
            with pytest.raises(NotConnectedError):
                rig.say(b"while it was down")
            await asyncio.to_thread(mosquitto.start)
            await connected(rig)
            rig.say(b"after")
            await until(lambda: bool(rig.payloads), "something came")
            assert rig.payloads == [b"after"]

    asyncio.run(scene())


def test_what_the_broker_had_not_taken_dies_with_the_connection() -> None:
    """paho sends what was in flight again after reconnecting; nobody asked it to."""

    async def scene() -> None:
        with make_broker("mosquitto", extra=("persistence false",)) as broker:
            async with running(Rig(broker.port)) as rig:
                await connected(rig)
                os.kill(broker.pid or 0, signal.SIGSTOP)
                for _ in range(20):
                    rig.say(b"in flight")
                await asyncio.sleep(0.1)
                assert rig.link.outstanding == 20
                await asyncio.to_thread(broker.restart, kill=True)
                await until(lambda: Disconnected(1) in rig.happened, "noticed")
                await connected(rig)
                assert rig.link.outstanding == 0
                rig.say(b"after")
                await until(lambda: bool(rig.payloads), "something came")
                assert rig.payloads == [b"after"]

    asyncio.run(scene())


def test_a_wire_that_takes_nothing_refuses_more(mosquitto: BrokerProcess) -> None:
    async def scene() -> None:
        async with running(Rig(mosquitto.port, keepalive_s=60)) as rig:
            await connected(rig)
            os.kill(mosquitto.pid or 0, signal.SIGSTOP)
            for _ in range(OUTBOUND_MESSAGES_MAX):
                rig.say(b"x" * 60_000, qos=1)
            with pytest.raises(CongestedError):
                rig.say(b"one too many", qos=0)
            os.kill(mosquitto.pid or 0, signal.SIGCONT)
            await until(lambda: rig.link.outstanding == 0, "drained")
            rig.say(b"goes on")
            await until(lambda: b"goes on" in rig.payloads, "goes on")

    asyncio.run(scene())


def test_what_was_said_while_we_were_away_does_not_come_later(broker: BrokerProcess) -> None:
    """A session that the broker kept would bring it, in the middle of what happens now."""

    async def scene() -> None:
        async with running(Rig(broker.port, client_id="other")) as other:
            await connected(other)
            rig = Rig(broker.port)
            async with running(rig):
                await connected(rig)
                socket_of(rig).shutdown(socket.SHUT_RDWR)
                await until(lambda: Disconnected(1) in rig.happened, "cut off")
                other.say(b"meanwhile")
                await until(lambda: b"meanwhile" in other.payloads, "the broker had it")
                await until(lambda: Connected(2) in rig.happened, "back again")
                other.say(b"after")
                await until(lambda: bool(rig.payloads), "something came")
                assert rig.payloads == [b"after"]

    asyncio.run(scene())


# --- a broker that does not answer ------------------------------------------------------------


def test_a_frozen_broker_is_found_out_after_two_keepalives(mosquitto: BrokerProcess) -> None:
    async def scene() -> None:
        async with running(Rig(mosquitto.port, keepalive_s=1)) as rig:
            await connected(rig)
            os.kill(mosquitto.pid or 0, signal.SIGSTOP)
            began = time.monotonic()
            rig.say(b"nobody takes this")
            await until(lambda: not rig.link.connected, "found out", 5)
            assert 0.9 < time.monotonic() - began < 3
            assert rig.failures() == [Problem.SILENT]
            os.kill(mosquitto.pid or 0, signal.SIGCONT)
            await connected(rig)

    asyncio.run(scene())


def test_a_broker_that_is_frozen_while_we_connect_is_found_out(
    mosquitto: BrokerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its machine still accepts TCP connections."""
    monkeypatch.setattr("drivers.mqtt_connection.ANSWER_S_MAX", 0.3)

    async def scene() -> None:
        os.kill(mosquitto.pid or 0, signal.SIGSTOP)
        async with running(Rig(mosquitto.port)) as rig:
            await until(lambda: len(rig.failures()) >= 2, "found out, twice")
            assert set(rig.failures()) == {Problem.SILENT}
            os.kill(mosquitto.pid or 0, signal.SIGCONT)
            await connected(rig)

    asyncio.run(scene())


def test_a_broker_that_is_away_is_tried_until_it_is_there(silent_port: int) -> None:
    async def scene() -> None:
        async with running(Rig(silent_port)) as rig:
            await until(lambda: len(rig.failures()) >= 2, "tried, twice")
            assert set(rig.failures()) == {Problem.UNREACHABLE}
            broker = await asyncio.to_thread(BrokerProcess("embedded", port=silent_port).start)
            try:
                await connected(rig)
            finally:
                broker.close()

    asyncio.run(scene())


@contextlib.contextmanager
def swallowing() -> Iterator[int]:
    """A port whose machine says nothing to a request to connect, as behind a firewall."""
    with contextlib.ExitStack() as sockets:
        server = sockets.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield server.getsockname()[1]


def test_connecting_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.mqtt_connection.CONNECT_S_MAX", 1.0)

    async def scene() -> None:
        with swallowing() as port:
            async with running(Rig(port)) as rig:
                longest_s, seen_s = 0.0, time.monotonic()
                while not rig.failures():
                    await asyncio.sleep(0.01)
                    now_s = time.monotonic()
                    longest_s, seen_s = max(longest_s, now_s - seen_s), now_s
                report = rig.reports[0]
                assert isinstance(report, LinkFailed)
                assert (report.problem, report.detail) == (Problem.UNREACHABLE, "timed out")
                assert longest_s < 0.5, "the event loop stood still meanwhile"

    asyncio.run(scene())


# --- TCP and TLS ------------------------------------------------------------------------------


def test_nagle_is_off_and_an_answer_is_quick(mosquitto: BrokerProcess) -> None:
    async def scene() -> None:
        async with running(Rig(mosquitto.port)) as rig:
            await connected(rig)
            assert socket_of(rig).getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            rounds_s = []
            for number in range(50):
                began = time.monotonic()
                rig.say(b"%d" % number)
                await asyncio.wait_for(_count(rig, number + 1), 5)
                rounds_s.append(time.monotonic() - began)
            # With Nagle's algorithm on either side each takes some 44 ms.
            assert sorted(rounds_s)[25] < 0.02

    async def _count(rig: Rig, count: int) -> None:
        while len(rig.payloads) < count:  # the loop's own latency is measured
            await asyncio.sleep(0)

    asyncio.run(scene())


def test_tls_carries_large_messages_and_refuses_a_stranger() -> None:
    async def scene(broker: BrokerProcess, folder: Path) -> None:
        trusting = ssl.create_default_context(cafile=str(folder / "server.pem"))
        async with running(Rig(broker.port, tls=lambda: trusting)) as rig:
            await connected(rig)
            # Each is many TLS records: what was decrypted and not read must not be left lying.
            for number in range(20):
                rig.say(bytes([number]) * 200_000)
            await until(lambda: len(rig.payloads) == 20, "all came back")
            assert rig.payloads == [bytes([number]) * 200_000 for number in range(20)]
        async with running(Rig(broker.port, tls=ssl.create_default_context)) as rig:
            await until(lambda: bool(rig.reports), "refused")
            report = rig.reports[0]
            assert isinstance(report, LinkFailed)
            assert report.problem is Problem.TLS
            assert "certificate verify failed" in report.detail
            assert "certificates" in report.remedy

    require("mosquitto")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        certificate(folder)
        for path in (folder, *folder.iterdir()):
            path.chmod(0o755)  # the broker runs as somebody else
        extra = (f"certfile {folder}/server.pem", f"keyfile {folder}/server.key")
        with make_broker("mosquitto", extra=extra) as broker:
            asyncio.run(scene(broker, folder))


def test_all_packets_of_one_tls_record_are_read_at_once(tmp_path: Path) -> None:
    """The socket becomes readable once; what was decrypted with the first packet lies there."""
    certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    packets = b"".join(publish_packet("t/a", b"%d" % number) for number in range(3))
    answers = (b"\x20\x02\x00\x00", b"\x90\x03\x00\x01\x01" + packets)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.read(4096)
            writer.write(answer)
        await reader.read()
        writer.close()

    async def scene() -> None:
        server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
        async with server:
            trusting = ssl.create_default_context(cafile=str(tmp_path / "server.pem"))
            async with running(
                Rig(server.sockets[0].getsockname()[1], tls=lambda: trusting)
            ) as rig:
                await until(lambda: rig.payloads == [b"0", b"1", b"2"], "all of them", 3)

    asyncio.run(scene())


# --- what is not used at all ------------------------------------------------------------------

NEVER_USED = {
    "wait_for_publish",
    "manual_ack",
    "loop_start",
    "loop_forever",
    "reconnect",
    "TopicAlias",
    "MQTTv5",
}


def test_what_hangs_or_never_ends_is_not_used() -> None:
    found = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            name = getattr(node, "attr", None) or getattr(node, "arg", None)
            if name in NEVER_USED and (path.name, name) != ("mqtt_versions.py", "MQTTv5"):
                found.append(f"{path.name}: {name}")
    assert found == []


# --- the will ---------------------------------------------------------------------------------


def test_a_will_that_comes_after_the_next_birth_deceives_nobody(
    tmp_path: Path, broker: BrokerProcess
) -> None:
    """The old connection is half open: the broker learns of its end after the new one's birth."""
    topic = Topics(SITE, EDGE).status

    async def scene() -> None:
        async with (
            running_central(tmp_path / "archive.db", broker.port) as found,
            running(Rig(broker.port, client_id="ear"), Session(filters=(topic,))) as ear,
            running_edge(tmp_path / "journal", broker.port) as edge,
        ):
            await connected(ear)

            def heard() -> list[tuple[bool, int]]:
                statuses = [wire.decode_status(payload) for payload in ear.payloads]
                return [(status.alive, status.number) for status in statuses]

            await until(lambda: (True, 1) in heard(), "born")
            connection: Any = edge.link._connection
            half_open = connection._socket.dup()
            # Under the same name the broker would end the old connection before it greets the new.
            nodes = edge.link._nodes
            nodes[0] = msgspec.structs.replace(nodes[0], client_id="another-name")
            connection._end(Problem.LOST, "planted")
            await until(lambda: (True, 2) in heard(), "born again")
            half_open.close()
            await until(lambda: heard()[-2:] == [(False, 1), (True, 2)], "its birth stands again")
            seen = [status.alive for f in found if (status := getattr(f, "status", None))]
            assert seen == [True, True], "central was not deceived"
            async with running(
                Rig(broker.port, client_id="newcomer"), Session(filters=(topic,))
            ) as newcomer:
                await until(lambda: bool(newcomer.payloads), "retained")
                assert wire.decode_status(newcomer.payloads[0]).alive

    asyncio.run(scene())
