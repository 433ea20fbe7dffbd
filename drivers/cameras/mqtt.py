"""JPEG pictures that a camera publishes at a broker, as ESP32 boards do."""

import select
import time
from collections import deque
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec
from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from drivers.cameras.api import PICTURE_BYTES_MAX
from drivers.cameras.jpeg import decoded
from drivers.cameras.settings import MqttSettings
from drivers.cameras.source import READ_S_MAX, SourceError
from drivers.mqtt_tls import context
from drivers.mqtt_versions import new_client

if TYPE_CHECKING:
    from drivers.frames import Image

KNOWN_MAX = 256
"""Pictures by whose hash a repetition is known: a sensor's noise never makes the same bytes twice.
At 15 a second those of 17 s, and whatever a broker sends once more comes sooner."""

KEEPALIVE_S = 10
_TURN_S = 0.5


class MqttPictures:
    """A connection with a clean session. Only what is published while it stands counts."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._newest: bytes | None = None
        self._refused: str | None = None
        self._known: deque[bytes] = deque(maxlen=KNOWN_MAX)
        client.on_message = self._on_message

    def read(self) -> "Image":
        """As `Source.read`. Of pictures that waited together the newest is taken."""
        until = time.monotonic() + READ_S_MAX
        self._refused = None
        while self._newest is None:
            if time.monotonic() >= until:
                raise SourceError(self._why("it publishes no pictures"))
            if self._client.loop(_TURN_S) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                raise SourceError("the broker has ended the connection")
            while self._waits() and time.monotonic() < until:
                self._client.loop(0)
        jpeg, self._newest = self._newest, None
        return decoded(jpeg)

    def close(self) -> None:
        """Leave the broker."""
        self._client.disconnect()

    def _why(self, otherwise: str) -> str:
        return self._refused or otherwise

    def _waits(self) -> bool:
        """Whether more has come already: what we have is not the newest then."""
        wire = self._client.socket()
        return wire is not None and bool(select.select([wire], [], [], 0)[0])

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        reason = self._objection(message)
        if reason is None:
            self._newest = bytes(message.payload)
        else:
            self._refused = reason

    def _objection(self, message: MQTTMessage) -> str | None:
        if message.retain:
            return "it publishes retained pictures, of which nobody knows how old they are"
        if len(message.payload) > PICTURE_BYTES_MAX:
            return "it publishes pictures of too many bytes"
        digest = sha256(message.payload).digest()
        if digest in self._known:
            return "it publishes the same picture again and again"
        self._known.append(digest)
        return None


def open_mqtt(settings: bytes) -> MqttPictures:
    """As `SourceSpec.opener`. Raises SourceError."""
    told = msgspec.msgpack.decode(settings, type=MqttSettings)
    client = new_client(told.client_id, is_mqtt5=False)
    client.suppress_exceptions = True
    client.connect_timeout = READ_S_MAX
    if told.username is not None:
        client.username_pw_set(told.username, told.password)
    if told.files is not None:
        client.tls_set_context(context(told.files))
    answers = _Answers(client)
    try:
        client.connect(told.host, told.port, KEEPALIVE_S)
    except (OSError, ValueError):
        raise SourceError("the broker cannot be reached") from None
    answers.wait("the broker does not answer")
    client.subscribe(told.topic, 0)
    pictures = MqttPictures(client)
    answers.wait("the broker does not answer")
    return pictures


class _Answers:
    """What the broker says to being connected and asked."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._heard: str | None = None
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe

    def wait(self, silent: str) -> None:
        """Until the next answer. Raises SourceError where it is no yes, or none comes."""
        until = time.monotonic() + READ_S_MAX
        while self._heard is None:
            if time.monotonic() >= until:
                raise SourceError(silent)
            if self._client.loop(_TURN_S) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                raise SourceError(self._why("the broker has ended the connection"))
        heard, self._heard = self._heard, None
        if heard:
            raise SourceError(heard)

    def _why(self, otherwise: str) -> str:
        return self._heard or otherwise

    def _on_connect(
        self,
        _client: Client,
        _userdata: object,
        _flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._heard = "the broker refuses user and password" if reason.is_failure else ""

    def _on_subscribe(
        self,
        _client: Client,
        _userdata: object,
        _packet: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        refused = any(reason.is_failure for reason in reasons)
        self._heard = "the broker does not let us read its topic" if refused else ""
