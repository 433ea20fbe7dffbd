"""Real paho clients for the tests, and one that speaks bytes where paho is too polite."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.client import MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

TIMEOUT_S = 15.0


def wait_for(condition: Callable[[], bool], what: str, timeout_s: float = TIMEOUT_S) -> float:
    """Wait until it holds; the seconds that took.

    :raises AssertionError: naming `what`, when it does not come true in time
    """
    began = time.monotonic()
    while not condition():
        elapsed = time.monotonic() - began
        assert elapsed < timeout_s, f"not within {timeout_s} s: {what}"
        time.sleep(0.01)
    return time.monotonic() - began


class QuickPaho(paho.Client):
    """Looks every 50 ms, not every second, whether it shall stop."""

    def loop_forever(self, timeout: float = 0.05, retry_first_connection: bool = False) -> Any:
        return super().loop_forever(min(timeout, 0.05), retry_first_connection)


class Client:
    """A paho client on a thread that keeps every message it gets."""

    def __init__(
        self,
        port: int,
        name: str,
        *,
        clean: bool = True,
        keepalive_s: int = 60,
        manual_ack: bool = False,
        will: tuple[str, bytes, int, bool] | None = None,
        on_message: Callable[["Client", MQTTMessage], None] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """
        :param will: topic, payload, QoS, retained
        :param on_message: called on the network thread, after the message was kept
        """
        self.messages: list[MQTTMessage] = []
        self.session_present = False
        self._subscribed = threading.Semaphore(0)
        self._on_message = on_message
        self.paho = QuickPaho(
            CallbackAPIVersion.VERSION2, name, clean_session=clean, manual_ack=manual_ack
        )
        if will is not None:
            self.paho.will_set(*will)
        if tls is not None:
            self.paho.tls_set_context(tls)
        connected = threading.Event()

        def kept(_client: paho.Client, _data: object, message: MQTTMessage) -> None:
            self.messages.append(message)
            if self._on_message is not None:
                self._on_message(self, message)

        def greeted(_client, _data, flags, reason, _properties) -> None:
            assert not reason.is_failure, str(reason)
            self.session_present = flags.session_present
            connected.set()

        self.paho.on_message = kept
        self.paho.on_connect = greeted
        self.paho.on_subscribe = lambda *_: self._subscribed.release()
        self.paho.on_socket_open = lambda _client, _data, opened: opened.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )
        self.paho.connect("127.0.0.1", port, keepalive_s)
        self.paho.loop_start()
        assert connected.wait(TIMEOUT_S), f"{name} was not greeted"

    def subscribe(self, topic_filter: str, qos: int = 1) -> None:
        """Subscribe, and wait until it is granted."""
        self.paho.subscribe(topic_filter, qos)
        assert self._subscribed.acquire(timeout=TIMEOUT_S), f"{topic_filter} was not granted"

    def publish(
        self, topic: str, payload: bytes = b"x", qos: int = 1, *, retain: bool = False
    ) -> None:
        """Publish, and wait until the broker has it."""
        self.paho.publish(topic, payload, qos, retain).wait_for_publish(TIMEOUT_S)

    def payloads(self) -> list[bytes]:
        """What it got, in order."""
        return [message.payload for message in self.messages]

    def wait_for(self, count: int) -> None:
        """Wait until it got so many messages."""
        wait_for(lambda: len(self.messages) >= count, f"{count} messages, got {self.payloads()}")

    def leave(self) -> None:
        """Say goodbye."""
        self.paho.disconnect()
        self.paho.loop_stop()

    def crash(self) -> None:
        """Cut the connection without a goodbye, and do not come back."""
        self.paho.loop_stop()
        held = self.paho.socket()
        if held is not None:
            held.close()

    def fall_silent(self) -> None:
        """Keep the connection open and say nothing any more, as a machine without power does."""
        self.paho.loop_stop()


@contextlib.contextmanager
def clients(port: int) -> Iterator[Callable[..., Client]]:
    """A maker of clients of one broker, all of which end with the block."""
    made: list[Client] = []

    def make(name: str, **options: object) -> Client:
        client = Client(port, name, **options)  # type: ignore[arg-type]
        made.append(client)
        return client

    try:
        yield make
    finally:
        for client in made:
            client.crash()


def field(data: bytes) -> bytes:
    """A string or payload with its length before it (section 1.5.3)."""
    return len(data).to_bytes(2, "big") + data


def connect_packet(
    name: str, *, clean: bool = True, will: tuple[str, bytes] | None = None
) -> bytes:
    """MQTT 3.1.1 CONNECT (section 3.1), without keepalive; the will has QoS 0."""
    flags = (0x02 if clean else 0) | (0x04 if will else 0)
    body = field(b"MQTT") + bytes([4, flags, 0, 0]) + field(name.encode())
    if will:
        body += field(will[0].encode()) + field(will[1])
    return b"\x10" + bytes([len(body)]) + body


def publish_packet(topic: str, payload: bytes) -> bytes:
    """MQTT 3.1.1 PUBLISH with QoS 0 (section 3.3)."""
    body = field(topic.encode()) + payload
    return b"\x30" + bytes([len(body)]) + body


DISCONNECT_PACKET = b"\xe0\x00"
