"""What the site needs of a broker, asked of Mosquitto and of the embedded one alike.

What simulators/embedded_broker.py closes, fails here against amqtt as it comes.
"""

import contextlib
import json
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib import metadata

import pytest
from click.testing import CliRunner

from simulators import broker as broker_command
from simulators import broker_process
from simulators.broker_process import BrokerProcess, BrokerStartError, default_kind
from tests.mqtt import (
    DISCONNECT_PACKET,
    Client,
    clients,
    connect_packet,
    publish_packet,
    wait_for,
)
from tests.servers import make_broker


@pytest.fixture
def make(broker: BrokerProcess) -> Iterator[Callable[..., Client]]:
    with clients(broker.port) as maker:
        yield maker


def test_a_silent_client_is_declared_dead_by_its_last_will(make):
    watcher = make("watcher")
    watcher.subscribe("status")
    edge = make("edge", keepalive_s=1, will=("status", b"dead", 1, True))
    edge.fall_silent()
    watcher.wait_for(1)
    assert watcher.payloads() == [b"dead"]


def test_a_client_that_pings_on_time_stays(make):
    """paho pings when its keepalive is over: a broker without the grace cuts it off."""
    watcher = make("watcher")
    watcher.subscribe("status")
    edge = make("edge", keepalive_s=1, will=("status", b"dead", 1, False))
    time.sleep(4)
    assert watcher.messages == []
    assert edge.paho.is_connected()


def test_the_last_will_of_a_crash_and_none_of_a_goodbye(make):
    watcher = make("watcher")
    watcher.subscribe("status/+")
    make("leaves", will=("status/leaves", b"dead", 1, False)).leave()
    make("crashes", will=("status/crashes", b"dead", 1, False)).crash()
    watcher.wait_for(1)
    time.sleep(0.2)
    assert [message.topic for message in watcher.messages] == ["status/crashes"]


def test_what_is_not_acknowledged_comes_again(make):
    holder = make("archive", clean=False, manual_ack=True)
    holder.subscribe("journal")
    sender = make("edge")
    sent = [str(number).encode() for number in range(10)]
    for payload in sent:
        sender.publish("journal", payload)
    holder.wait_for(10)
    holder.crash()
    again = make("archive", clean=False)
    assert again.session_present
    again.wait_for(10)
    assert again.payloads() == sent
    assert all(message.dup for message in again.messages)


def test_a_slow_acknowledgement_is_not_a_lost_message(make):
    """amqtt gave up after 5 s; the message then was in no queue."""
    holder = make("archive", clean=False, manual_ack=True)
    holder.subscribe("journal")
    make("edge").publish("journal", b"batch")
    holder.wait_for(1)
    time.sleep(6)
    holder.crash()
    again = make("archive", clean=False)
    again.wait_for(1)
    assert again.payloads() == [b"batch"]


def test_what_is_sent_while_a_client_is_away_waits_in_order(make):
    archive = make("archive", clean=False)
    archive.subscribe("journal")
    archive.leave()
    sender = make("edge")
    sent = [str(number).encode() for number in range(500)]
    for payload in sent:
        sender.paho.publish("journal", payload, 1)
    sender.publish("journal", b"last")
    again = make("archive", clean=False)
    again.wait_for(501)
    assert again.payloads() == [*sent, b"last"]
    assert not any(message.retain for message in again.messages)


def test_qos_0_does_not_wait_for_a_client_that_is_away(make):
    lock = make("lock", clean=False)
    lock.subscribe("unlock", 1)
    lock.leave()
    sender = make("edge")
    sender.publish("unlock", b"now", 0)
    sender.publish("unlock", b"kept", 1)
    again = make("lock", clean=False)
    again.wait_for(1)
    assert again.payloads() == [b"kept"]


def test_a_take_over_hears_and_the_old_connection_ends(make):
    edge = make("edge", clean=False)
    edge.subscribe("order")
    edge.fall_silent()
    again = make("edge", clean=False)
    assert again.session_present
    for number in range(5):
        make(f"central-{number}").publish("order", str(number).encode())
    again.wait_for(5)
    assert again.payloads() == [b"0", b"1", b"2", b"3", b"4"]
    old = edge.paho.socket()
    old.settimeout(5)
    with contextlib.suppress(ConnectionResetError):
        while old.recv(1024):
            pass


def test_a_take_over_is_no_death_but_the_end_after_it_is(make):
    watcher = make("watcher")
    watcher.subscribe("status")
    make("edge", clean=False, will=("status", b"first", 1, False)).fall_silent()
    again = make("edge", clean=False, will=("status", b"second", 1, False))
    time.sleep(0.3)
    again.crash()
    watcher.wait_for(1)
    time.sleep(0.2)
    assert watcher.payloads() == [b"second"]


def test_a_clean_take_over_ends_the_old_connection_and_says_its_will(make):
    watcher = make("watcher")
    watcher.subscribe("status")
    first = make("edge", will=("status", b"first", 1, False))
    first.fall_silent()
    again = make("edge", will=("status", b"second", 1, False))
    old = first.paho.socket()
    old.settimeout(5)
    with contextlib.suppress(ConnectionResetError):
        while old.recv(1024):
            pass
    again.leave()
    make("after").publish("status", b"after")
    watcher.wait_for(2)
    assert watcher.payloads() == [b"first", b"after"]


def test_a_session_that_lasts_follows_one_that_did_not(make):
    make("archive").subscribe("journal")
    make("archive", clean=False).subscribe("journal")
    make("archive", clean=False).leave()
    make("edge").publish("journal", b"kept")
    again = make("archive", clean=False)
    again.wait_for(1)
    assert again.payloads() == [b"kept"]


def test_retained_messages_reach_only_who_asked(make):
    keeper = make("keeper")
    keeper.subscribe("secret/#")
    keeper.publish("secret/1", b"s", retain=True)
    curious = make("curious")
    other = make("other", clean=False)
    other.subscribe("public")
    keeper.publish("public", b"p")
    other.wait_for(1)
    time.sleep(0.2)
    assert curious.messages == []
    assert other.payloads() == [b"p"]


def test_retained_messages_are_kept_overwritten_and_cleared(make):
    sender = make("edge")
    sender.publish("portal/1", b"old", retain=True)
    sender.publish("portal/1", b"new", retain=True)
    sender.publish("portal/2", b"gone", retain=True)
    sender.publish("portal/2", b"", retain=True)
    late = make("wall")
    late.subscribe("portal/+")
    late.wait_for(1)
    time.sleep(0.2)
    assert [(m.topic, m.payload, m.retain) for m in late.messages] == [("portal/1", b"new", True)]


def test_one_copy_with_the_lower_qos(make):
    wall = make("wall")
    wall.subscribe("event/#", 1)
    sender = make("edge")
    sender.publish("event/door", b"0", 0)
    sender.publish("event/door", b"1", 1)
    wall.wait_for(2)
    time.sleep(0.2)
    assert [(m.payload, m.qos) for m in wall.messages] == [(b"0", 0), (b"1", 1)]


def test_one_copy_also_for_two_filters(embedded_broker):
    """Both are allowed (section 3.3.5); one copy with the highest QoS is the simpler to use."""
    with clients(embedded_broker.port) as make:
        wall = make("wall")
        for topic_filter, qos in (("event/+", 0), ("event/#", 1), ("+/door", 0)):
            wall.subscribe(topic_filter, qos)
        make("edge").publish("event/door", b"1", 1)
        wall.wait_for(1)
        time.sleep(0.2)
        assert [(m.payload, m.qos) for m in wall.messages] == [(b"1", 1)]


def test_an_answer_takes_no_40_ms(make):
    """Nagle's algorithm on either side would cost 24 to 68 ms each round. A busy machine slows many
    rounds, and not all.
    """

    def answer(client, message):
        client.paho.publish("ack", message.payload, 1)

    edge = make("edge", on_message=answer)
    edge.subscribe("order")
    arrived = threading.Event()
    central = make("central", on_message=lambda *_: arrived.set())
    central.subscribe("ack")
    rounds = []
    for number in range(30):
        began = time.perf_counter()
        central.paho.publish("order", str(number).encode(), 1)
        assert arrived.wait(5)
        arrived.clear()
        rounds.append(time.perf_counter() - began)
    assert statistics.quantiles(rounds, n=10)[0] < 0.020, rounds


def test_a_large_message_arrives_whole(make):
    wall = make("wall")
    wall.subscribe("journal")
    payload = bytes(range(256)) * 1024
    make("edge").publish("journal", payload)
    wall.wait_for(1)
    assert wall.payloads() == [payload]


def test_published_and_gone_at_once_is_heard_and_no_will_is_said(broker, make):
    watcher = make("watcher")
    watcher.subscribe("#")
    numbers = [str(number).encode() for number in range(200)]
    packets = b"".join(publish_packet("event", number) for number in numbers)
    with socket.create_connection(("127.0.0.1", broker.port)) as connection:
        connection.sendall(connect_packet("hasty", will=("status", b"dead")))
        # Read first: a close on an unread answer is a reset, and TCP drops what a reset overtakes.
        assert connection.recv(4)[:1] == b"\x20"
        connection.sendall(packets + DISCONNECT_PACKET)
    watcher.wait_for(len(numbers))
    time.sleep(0.2)
    assert watcher.payloads() == numbers


def test_a_client_that_does_not_read_stops_nobody(broker, make):
    """Its queue is bounded, its connection can be taken over, and the others go on."""
    with socket.create_connection(("127.0.0.1", broker.port)) as frozen:
        frozen.sendall(connect_packet("edge"))
        frozen.sendall(b"\x82\x0b\x00\x01\x00\x06frozen\x01")
        time.sleep(0.3)
        sender = make("sender")
        began = time.monotonic()
        for _ in range(300):  # 30 MB: more than the buffers of the two sockets take
            sender.paho.publish("frozen", bytes(100_000), 1)
        sender.publish("frozen", b"end")
        assert time.monotonic() - began < 10
        began = time.monotonic()
        make("edge").subscribe("frozen")
        assert time.monotonic() - began < 5


def test_no_more_than_the_limit_waits_for_a_client():
    with make_broker("embedded", pending_max=50) as broker, clients(broker.port) as make:
        away = make("away", clean=False)
        away.subscribe("journal")
        away.leave()
        slow = make("slow", clean=False, manual_ack=True)
        slow.subscribe("journal")
        sender = make("edge")
        for number in range(200):
            sender.publish("journal", str(number).encode())
        slow.wait_for(50)
        again = make("away", clean=False)
        again.wait_for(50)
        time.sleep(0.3)
        first = [str(number).encode() for number in range(50)]
        assert again.payloads() == first
        assert slow.payloads() == first
        assert "slow does not keep up" in broker.log
        assert "the queue of away is full" in broker.log


def test_a_restart_keeps_port_and_lets_clients_come_back(broker, make):
    edge = make("edge")
    broker.restart(kill=True)
    wait_for(edge.paho.is_connected, "reconnected")
    edge.subscribe("order")
    make("central").publish("order", b"after")
    edge.wait_for(1)


def test_garbage_and_silence_are_no_clients(embedded_broker):
    with clients(embedded_broker.port) as make:
        for garbage in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\x10\xff\xff\xff\xff", bytes(100)):
            with socket.create_connection(("127.0.0.1", embedded_broker.port)) as stranger:
                stranger.sendall(garbage)
                stranger.shutdown(socket.SHUT_WR)
                stranger.settimeout(5)
                with contextlib.suppress(ConnectionResetError):
                    while stranger.recv(1024):
                        pass
        sender = make("edge")
        sender.subscribe("order")
        sender.publish("order")
        sender.wait_for(1)


def test_a_topic_of_the_brokers_own_ends_the_connection(embedded_broker):
    """MQTT-4.7.2-1, and what was said before is heard."""
    with clients(embedded_broker.port) as make:
        watcher = make("watcher")
        watcher.subscribe("#")
        with socket.create_connection(("127.0.0.1", embedded_broker.port)) as client:
            client.settimeout(5)
            client.sendall(connect_packet("edge"))
            client.sendall(publish_packet("a", b"heard") + publish_packet("$SYS/a", b"x"))
            assert client.recv(4) == b"\x20\x02\x00\x00"
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(1) == b""
        watcher.wait_for(1)
        assert watcher.payloads() == [b"heard"]


def test_the_command_says_its_port_and_ends_at_sigterm():
    process = subprocess.Popen(
        [sys.executable, "-m", "simulators.broker", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    port = json.loads(process.stdout.readline())["port"]
    with clients(port) as make:
        make("edge").subscribe("order")
        with socket.create_connection(("127.0.0.1", port)):
            process.send_signal(signal.SIGTERM)
            output, errors = process.communicate(timeout=10)
    assert (process.returncode, output, errors) == (0, "", "")


@pytest.mark.parametrize("found", ["0.12.2", None])
def test_another_amqtt_is_refused_with_the_remedy(monkeypatch, found):
    def version(name):
        assert name == "amqtt"
        if found is None:
            raise metadata.PackageNotFoundError(name)
        return found

    monkeypatch.setattr(broker_command.metadata, "version", version)
    result = CliRunner().invoke(broker_command.main, ["--port", "0"])
    assert result.exit_code == 1
    assert f"needs amqtt 0.12.1 and found {found or 'none'}: run `make demo`" in result.output


def test_a_broker_that_cannot_start_says_why():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        # The port takes connections, but not for the broker: its process ends.
        process = BrokerProcess("embedded", port=taken.getsockname()[1])
        with contextlib.suppress(BrokerStartError):
            process.start()
        wait_for(lambda: "address already in use" in process.log, "the reason is in the log")
        process.close()
    free = BrokerProcess("embedded", pending_max=0)
    with pytest.raises(BrokerStartError, match="pending-max"):
        free.start()
    free.close()


def test_the_port_of_a_broker_is_its_own_while_it_is_down():
    broker = BrokerProcess("embedded")
    try:
        for _ in range(2):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((broker.host, broker.port))
            with socket.socket() as stranger, pytest.raises(OSError, match="already in use"):
                stranger.bind((broker.host, broker.port))
            broker.start()
            broker.kill()
    finally:
        broker.close()
    with socket.socket() as stranger:
        stranger.bind((broker.host, broker.port))


def test_the_environment_may_name_the_broker(monkeypatch):
    monkeypatch.setenv("SENTRYPOST_BROKER", "embedded")
    assert default_kind() == "embedded"
    monkeypatch.setenv("SENTRYPOST_BROKER", "rabbit")
    with pytest.raises(BrokerStartError, match="say mosquitto or embedded"):
        default_kind()
    monkeypatch.delenv("SENTRYPOST_BROKER")
    monkeypatch.setattr(broker_process, "find_mosquitto", lambda: None)
    assert default_kind() == "embedded"


def test_mosquitto_is_an_unprivileged_process_with_a_folder_of_its_own(mosquitto):
    with clients(mosquitto.port) as make:
        archive = make("archive", clean=False)
        archive.subscribe("journal")
        archive.leave()
        make("edge").publish("journal", b"kept")
    mosquitto.restart()
    assert (mosquitto.folder / "mosquitto.db").exists()
    with clients(mosquitto.port) as make:
        again = make("archive", clean=False)
        again.wait_for(1)
    owner = (mosquitto.folder / "mosquitto.db").stat().st_uid
    assert owner != 0
    folder = mosquitto.folder
    mosquitto.close()
    assert not folder.exists()
