"""What differs between MQTT 3.1.1 and 5 as it is spoken here: a clean session, and expiry."""

from typing import Literal

from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY, Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


def new_client(client_id: str, *, is_mqtt5: bool) -> Client:
    """A client whose session ends with its connection, and that never reconnects by itself."""
    return Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        clean_session=None if is_mqtt5 else True,  # version 5 says so when it connects
        protocol=MQTTProtocolVersion.MQTTv5 if is_mqtt5 else MQTTProtocolVersion.MQTTv311,
        reconnect_on_failure=False,  # else paho reconnects, blocking, from inside a callback
    )


def clean_start(*, is_mqtt5: bool) -> bool | Literal[3]:
    """What paho's `connect` takes: only version 5 may be told."""
    return True if is_mqtt5 else MQTT_CLEAN_START_FIRST_ONLY


def expiry(expires_s: int | None, *, is_mqtt5: bool) -> Properties | None:
    """For a message that a broker has to drop after `expires_s`; only version 5 has it."""
    if expires_s is None or not is_mqtt5:
        return None
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.MessageExpiryInterval = expires_s
    return properties
