"""JPEG pictures at a real Mosquitto."""

import itertools
import subprocess
import tempfile
from pathlib import Path

import msgspec
import pytest

from drivers.cameras import mqtt as subject
from drivers.cameras.api import PICTURE_BYTES_MAX
from drivers.cameras.mqtt import open_mqtt
from drivers.cameras.settings import MqttSettings
from drivers.cameras.source import PictureError, SourceError
from tests.drivers.cameras.pictures import claiming, jpeg
from tests.drivers.certificate import certificate
from tests.mqtt import Client
from tests.servers import find_program, make_broker, require

TOPIC = "esp32/gate/picture"
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def port():
    with make_broker("mosquitto") as broker:
        yield broker.port


@pytest.fixture
def camera(port):
    client = Client(port, f"camera-{next(NUMBERS)}")
    yield client
    client.paho.publish(TOPIC, b"", retain=True).wait_for_publish(5)
    client.leave()


def opened(port, **settings):
    told = MqttSettings(
        host="127.0.0.1", port=port, topic=TOPIC, client_id=f"edge-{next(NUMBERS)}", **settings
    )
    return open_mqtt(msgspec.msgpack.encode(told))


def publish(camera: Client, payload: bytes, retain: bool = False) -> None:
    camera.paho.publish(TOPIC, payload, 1, retain).wait_for_publish(5)


def test_a_picture_that_is_published_is_taken(port, camera):
    source = opened(port)
    publish(camera, jpeg(1))
    assert source.read().shape == (240, 320, 3)
    source.close()


def test_of_pictures_that_waited_together_the_newest_is_taken(port, camera):
    source = opened(port)
    for width in (100, 200, 300):
        publish(camera, jpeg(1, width))
    assert source.read().shape == (240, 300, 3)
    source.close()


def test_a_retained_picture_is_refused(port, camera, monkeypatch):
    monkeypatch.setattr(subject, "READ_S_MAX", 1.0)
    publish(camera, jpeg(1), retain=True)
    source = opened(port)
    with pytest.raises(SourceError, match="it publishes retained pictures"):
        source.read()
    publish(camera, jpeg(2))
    assert source.read().shape == (240, 320, 3)
    source.close()


def test_the_same_bytes_again_are_refused(port, camera, monkeypatch):
    monkeypatch.setattr(subject, "READ_S_MAX", 1.0)
    source = opened(port)
    publish(camera, jpeg(1))
    source.read()
    publish(camera, jpeg(2))
    source.read()
    publish(camera, jpeg(1))
    with pytest.raises(SourceError, match="it publishes the same picture again and again"):
        source.read()
    source.close()


def test_what_was_published_before_we_came_is_never_seen(port, camera, monkeypatch):
    monkeypatch.setattr(subject, "READ_S_MAX", 1.0)
    for _ in range(2):  # the second time under the same name: no session was kept for it
        source = opened(port)
        source.close()
        publish(camera, jpeg(9))
    source = opened(port)
    with pytest.raises(SourceError, match="it publishes no pictures"):
        source.read()
    source.close()


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"this is a text", "it is no JPEG"),
        (jpeg(3)[:-50], "a JPEG that is cut off"),
        (claiming(jpeg(4), 65535, 65535), "is too large"),
    ],
)
def test_what_is_no_picture_is_refused(port, camera, payload, why):
    source = opened(port)
    publish(camera, payload)
    with pytest.raises(PictureError, match=why):
        source.read()
    source.close()


def test_a_message_of_too_many_bytes_is_refused(port, camera, monkeypatch):
    monkeypatch.setattr(subject, "READ_S_MAX", 1.0)
    source = opened(port)
    publish(camera, jpeg(1)[:-2] + bytes(PICTURE_BYTES_MAX) + b"\xff\xd9")
    with pytest.raises(SourceError, match="it publishes pictures of too many bytes"):
        source.read()
    source.close()


def test_a_broker_that_goes_away_is_told():
    with make_broker("mosquitto") as broker:
        source = opened(broker.port)
    with pytest.raises(SourceError, match="the broker has ended the connection"):
        source.read()
    with pytest.raises(SourceError, match="the broker cannot be reached"):
        opened(broker.port)


def test_tls_and_password():
    require("mosquitto")
    with tempfile.TemporaryDirectory() as made:  # where the broker's own account can read as well
        folder = Path(made)
        certificate(folder)
        program = find_program("mosquitto_passwd")
        assert program is not None, "it comes with the broker"
        command = [program, "-b", "-c", folder / "passwords", "gate", "secret"]
        subprocess.run(command, check=True)
        for path in (folder, *folder.iterdir()):
            path.chmod(0o755)
        extra = (
            f"certfile {folder}/server.pem",
            f"keyfile {folder}/server.key",
            "allow_anonymous false",
            f"password_file {folder}/passwords",
        )
        files = {"ca": (folder / "server.pem").read_bytes()}
        with make_broker("mosquitto", extra=extra) as broker:
            opened(broker.port, username="gate", password="secret", files=files).close()
            with pytest.raises(SourceError, match="the broker refuses user and password"):
                opened(broker.port, username="gate", password="wrong", files=files)
            with pytest.raises(SourceError):
                opened(broker.port, username="gate", password="secret", files=None)
