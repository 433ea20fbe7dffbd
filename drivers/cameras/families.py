"""The kinds of cameras that come with Sentrypost: what a site file says of each, and what its
process opens.
"""

import secrets
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from drivers import mqtt_tls
from drivers.cameras.api import CameraFamily, CameraOptions, CameraSpec, SourceSpec
from drivers.cameras.settings import (
    FileSettings,
    HttpSettings,
    MqttSettings,
    RtspSettings,
    UsbSettings,
)
from drivers.family import About, PlainFile, SecretFile
from drivers.mqtt_topics import topic_problem

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]


class RtspCamera(CameraOptions, frozen=True, kw_only=True):
    """A camera that is asked for its stream over RTSP."""

    url: Text
    username: Text | None = None
    password_file: SecretFile | None = None


class MjpegCamera(CameraOptions, frozen=True, kw_only=True):
    """A camera that sends JPEG pictures over HTTP, one after the other."""

    url: Text
    username: Text | None = None
    password_file: SecretFile | None = None
    ca: PlainFile | None = None


class UsbCamera(CameraOptions, frozen=True, kw_only=True):
    """A camera at this machine."""

    device: Text


class FileCamera(CameraOptions, frozen=True, kw_only=True):
    """A video file that is played as if it were a camera."""

    file: Text
    loop: bool = True


class MqttCamera(CameraOptions, frozen=True, kw_only=True):
    """A camera that publishes JPEG pictures at a broker."""

    host: Text
    tcp_port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 1883
    topic: Text
    username: Text | None = None
    password_file: SecretFile | None = None
    ca: PlainFile | None = None
    certificate: PlainFile | None = None
    key: SecretFile | None = None


def rtsp_source(camera: CameraSpec) -> SourceSpec:
    """As `CameraFamily.source`."""
    options = camera.options
    assert isinstance(options, RtspCamera), "the family's own camera"
    _refuse(_address_problems(options.url, ("rtsp",)), _password_problems(options))
    return _source(
        "video:open_rtsp",
        RtspSettings(url=options.url, username=options.username, password=password(camera)),
    )


def mjpeg_source(camera: CameraSpec) -> SourceSpec:
    """As `CameraFamily.source`."""
    options = camera.options
    assert isinstance(options, MjpegCamera), "the family's own camera"
    _refuse(
        _address_problems(options.url, ("http", "https")),
        _password_problems(options),
        _authority_problems(options, camera.files),
    )
    settings = HttpSettings(
        url=options.url,
        username=options.username,
        password=password(camera),
        ca=camera.files.get("ca"),
    )
    return _source("mjpeg:open_mjpeg", settings)


def usb_source(camera: CameraSpec) -> SourceSpec:
    """As `CameraFamily.source`."""
    options = camera.options
    assert isinstance(options, UsbCamera), "the family's own camera"
    if not options.device.startswith("/dev/"):
        raise ValueError("`device` is a path, as /dev/v4l/by-id/…: numbers change with each start")
    return _source("video:open_usb", UsbSettings(device=options.device))


def file_source(camera: CameraSpec) -> SourceSpec:
    """As `CameraFamily.source`."""
    options = camera.options
    assert isinstance(options, FileCamera), "the family's own camera"
    file = Path(camera.folder, options.file)
    return _source("video:open_file", FileSettings(file=str(file), loop=options.loop))


def mqtt_source(camera: CameraSpec) -> SourceSpec:
    """As `CameraFamily.source`."""
    options = camera.options
    assert isinstance(options, MqttCamera), "the family's own camera"
    wrong = topic_problem(options.topic)
    _refuse(iter(() if wrong is None else (f"`topic` {wrong}",)), mqtt_tls.problems(options))
    if options.ca is not None:
        mqtt_tls.context(camera.files)  # says what is wrong with them, here and not at night
    names = ("ca", "certificate", "key")
    settings = MqttSettings(
        host=options.host,
        port=options.tcp_port,
        topic=options.topic,
        client_id=f"sentrypost-{camera.name[:8]}-{secrets.token_hex(4)}",
        username=options.username,
        password=password(camera),
        files=None
        if options.ca is None
        else {name: camera.files[name] for name in names if name in camera.files},
    )
    return _source("mqtt:open_mqtt", settings)


def password(camera: CameraSpec) -> str | None:
    """What its `password-file` holds. Raises ValueError."""
    data = camera.files.get("password-file")
    try:
        return None if data is None else data.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("`password-file` is not UTF-8 text") from None


def _source(opener: str, settings: msgspec.Struct) -> SourceSpec:
    data = msgspec.msgpack.encode(settings)
    return SourceSpec(opener=f"drivers.cameras.{opener}", settings=data)


def _refuse(*problems: Iterator[str]) -> None:
    """Raises ValueError where there are any."""
    found = [problem for some in problems for problem in some]
    if found:
        raise ValueError(*found)


def _address_problems(url: str, schemes: tuple[str, ...]) -> Iterator[str]:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in schemes or not host:
        yield f"`url` must be {' or '.join(f'{one}://HOST/…' for one in schemes)}"
    if parts.username is not None or parts.password is not None:
        yield "`url` holds a user or a password: they go into `username` and `password-file`"


def _password_problems(options: RtspCamera | MjpegCamera) -> Iterator[str]:
    if options.password_file is not None and options.username is None:
        yield "`password-file` without `username`"


def _authority_problems(options: MjpegCamera, files: Mapping[str, bytes]) -> Iterator[str]:
    if options.ca is None or "ca" not in files:
        return
    if not options.url.startswith("https:"):
        yield "`ca` is for https:// alone"
    try:
        ssl.create_default_context(cadata=files["ca"].decode("ascii"))
    except (ssl.SSLError, ValueError):
        yield "`ca` holds no certificate in PEM"


rtsp = CameraFamily(
    options=RtspCamera,
    source=rtsp_source,
    about=About(
        what="IP cameras over RTSP (H.264, H.265, MJPEG)",
        tested_against=("GStreamer's RTSP server",),
    ),
)

mjpeg = CameraFamily(
    options=MjpegCamera,
    source=mjpeg_source,
    about=About(
        what="IP cameras and ESP32 boards that send JPEG pictures over HTTP or HTTPS",
        tested_against=("servers of the tests, with a length for each part and without",),
    ),
)

usb = CameraFamily(
    options=UsbCamera,
    source=usb_source,
    about=About(
        what="USB cameras and whatever else Video4Linux knows",
        tested_against=("a device that is not there",),
    ),
)

file = CameraFamily(
    options=FileCamera,
    source=file_source,
    about=About(
        what="video files, played at their own pace as if they were a camera",
        tested_against=("files that OpenCV has written",),
        on_hardware="needs none",
    ),
)

mqtt = CameraFamily(
    options=MqttCamera,
    source=mqtt_source,
    about=About(
        what="ESP32 boards and others that publish JPEG pictures at an MQTT broker",
        tested_against=("Mosquitto",),
    ),
)
