"""What a camera's process is told of its source: secret, so that it goes over the wire alone."""

import msgspec


class _Settings(msgspec.Struct, frozen=True, kw_only=True):
    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


class RtspSettings(_Settings, frozen=True, kw_only=True):
    """`url`: without user and password."""

    url: str
    username: str | None = None
    password: str | None = None


class HttpSettings(_Settings, frozen=True, kw_only=True):
    """`url`: without user and password. `ca`: who vouches for it, in PEM; None: whoever the
    machine knows.
    """

    url: str
    username: str | None = None
    password: str | None = None
    ca: bytes | None = None


class UsbSettings(_Settings, frozen=True, kw_only=True):
    """`device`: the path of the device."""

    device: str


class FileSettings(_Settings, frozen=True, kw_only=True):
    """`file`: absolute. `loop`: from the beginning again when it has come to its end."""

    file: str
    loop: bool


class MqttSettings(_Settings, frozen=True, kw_only=True):
    """A broker and the topic of one camera. `files`: what `drivers.mqtt_tls.context` takes."""

    host: str
    port: int
    topic: str
    client_id: str
    username: str | None = None
    password: str | None = None
    files: dict[str, bytes] | None = None
