"""The link against real brokers, and against servers that are no brokers."""

import asyncio
import contextlib
import ipaddress
import os
import random
import signal
import socket
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from paho.mqtt.client import MQTTMessage

from drivers.mqtt_link import (
    INBOUND_MESSAGES_MAX,
    OUTBOUND_MESSAGES_MAX,
    CallbackFailed,
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
from simulators.broker_process import BrokerProcess, free_port
from tests.servers import make_broker, require


async def until(condition: Callable[[], bool], what: str, timeout_s: float = 15.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        await asyncio.sleep(0.01)


class Rig:
    """A link, what it reported, and what happened on it once somebody reads."""

    def __init__(self, port: int, **options: object) -> None:
        defaults: dict[str, object] = {
            "client_id": "link-under-test",
            "backoff_s_min": 0.05,
            "backoff_s_max": 0.2,
        }
        self.reports: list[LinkReport] = []
        self.happened: list[Happening] = []
        settings = LinkSettings(host="127.0.0.1", port=port, **(defaults | options))  # type: ignore[arg-type]
        self.link = MqttLink(settings, self.reports.append, random.Random(7))

    async def read(self) -> None:
        while True:
            self.happened.append(await self.link.next())

    @property
    def payloads(self) -> list[bytes]:
        return [h.payload for h in self.happened if isinstance(h, Message)]

    def say(self, payload: bytes, qos: int = 1, topic: str = "t/a") -> None:
        self.link.publish(Publication(topic=topic, payload=payload, qos=qos))

    def failures(self) -> list[Problem]:
        return [report.problem for report in self.reports if isinstance(report, LinkFailed)]


@contextlib.asynccontextmanager
async def running(
    rig: Rig, session: Session | None = None, *, reading: bool = True
) -> AsyncIterator[Rig]:
    tasks = [asyncio.create_task(rig.link.run(session or Session(filters=("t/#",))), name="link")]
    if reading:
        tasks.append(asyncio.create_task(rig.read(), name="reader"))
    try:
        yield rig
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def connected(rig: Rig) -> None:
    await until(lambda: rig.link.connected, "connected")


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


def test_nagle_is_off_and_an_answer_is_quick(mosquitto: BrokerProcess) -> None:
    async def scene() -> None:
        async with running(Rig(mosquitto.port)) as rig:
            await connected(rig)
            raw = rig.link._connection._socket  # type: ignore[union-attr]
            assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)  # type: ignore[union-attr]
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
            await asyncio.sleep(0.2)
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


def test_an_error_in_a_callback_is_reported_and_the_link_goes_on(
    mosquitto: BrokerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed_over = MqttLink._hand_over

    def failing(self: MqttLink, message: MQTTMessage) -> None:
        if message.payload == b"poison":
            raise RuntimeError("planted")
        handed_over(self, message)

    monkeypatch.setattr(MqttLink, "_hand_over", failing)

    async def scene() -> None:
        async with running(Rig(mosquitto.port, keepalive_s=1)) as rig:
            await connected(rig)
            rig.say(b"poison")
            rig.say(b"after")
            await until(lambda: bool(rig.payloads), "goes on")
            assert rig.payloads == [b"after"]
            assert CallbackFailed(detail="Caught exception in on_message: planted") in rig.reports
            await asyncio.sleep(2.5)  # pings go on as well
            assert rig.link.connected
            assert rig.failures() == []

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


def test_waiting_grows_and_is_never_the_same_for_two_edges() -> None:
    async def scene() -> None:
        rig = Rig(free_port(), backoff_s_min=0.02, backoff_s_max=0.16)
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
                raw.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
                await until(lambda: ear.payloads == [b"will 1"], "the will")
                await until(lambda: rig.happened[-1] == Connected(2), "back again")
            await until(lambda: len(ear.payloads) == 2, "the farewell")
            await asyncio.sleep(0.1)
            assert ear.payloads == [b"will 1", b"farewell 2"]
            assert rig.happened == [Connected(1), Disconnected(1), Connected(2)]

    asyncio.run(scene())


def test_stopping_is_quick_and_leaves_no_socket_behind(mosquitto: BrokerProcess) -> None:
    def sockets() -> int:
        count = 0
        for descriptor in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                count += "socket:" in str(descriptor.readlink())
        return count

    async def scene() -> None:
        before = sockets()
        for moment_s in (0.0, 0.002, 0.005, 0.01, 0.05, 0.2):
            async with running(Rig(mosquitto.port)):
                await asyncio.sleep(moment_s)
                began = time.monotonic()
            assert time.monotonic() - began < 1.0
        assert sockets() == before

    asyncio.run(scene())


def certificate(folder: Path) -> None:
    """A certificate for 127.0.0.1 that is its own authority: `server.pem` and `server.key`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(signed.public_bytes(pem))
    (folder / "server.key").write_bytes(key.private_bytes(pem, *plain))


def test_tls_carries_large_messages_and_refuses_a_stranger() -> None:
    async def scene(broker: BrokerProcess, folder: Path) -> None:
        trusting = ssl.create_default_context(cafile=str(folder / "server.pem"))
        async with running(Rig(broker.port, tls=trusting)) as rig:
            await connected(rig)
            # Each is many TLS records: what was decrypted and not read must not be left lying.
            for number in range(20):
                rig.say(bytes([number]) * 200_000)
            await until(lambda: len(rig.payloads) == 20, "all came back")
            assert rig.payloads == [bytes([number]) * 200_000 for number in range(20)]
        async with running(Rig(broker.port, tls=ssl.create_default_context())) as rig:
            await until(lambda: bool(rig.reports), "refused")
            report = rig.reports[0]
            assert isinstance(report, LinkFailed)
            assert report.problem is Problem.UNREACHABLE
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
