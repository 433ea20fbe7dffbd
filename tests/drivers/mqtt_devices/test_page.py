"""What `docs/mqtt-devices.md` shows works: each sample is loaded, and run where it can be."""

import asyncio
import hashlib
import os
import ssl
import tempfile
import tomllib
from base64 import b64encode
from pathlib import Path

import msgspec
import pytest

from drivers.api import CardRead, InputsReported, InputState, KeysPressed, OutputsReported, Pulse
from drivers.badges import FORMATS, parse_badge
from drivers.badges.handing import Handing, Takes
from drivers.family import DeviceSpec, LineSpec
from drivers.mqtt_devices.family import MqttDevice, MqttLine, device_plan
from drivers.mqtt_devices.mapping import ready_mappings
from simulators.broker_process import BrokerProcess
from simulators.mqtt_devices import SimulatedEspHome
from tests.docs.pages import ROOT, marked
from tests.drivers.certificate import certificate
from tests.drivers.mqtt import until
from tests.drivers.mqtt_devices.field_rig import Rig, plan, tasmota
from tests.drivers.mqtt_devices.site_rig import Site, running
from tests.servers import make_broker, require

PAGE = (ROOT / "docs" / "mqtt-devices.md").read_text()
SAMPLE = (ROOT / "drivers" / "mqtt_devices" / "samples" / "esphome.yaml").read_text()
PASSWORDS = {"edge": "who-is-there", "gate1": "a-board", "gate2": "another-board"}


def spec(text: str, files: dict[str, bytes] | None = None) -> LineSpec:
    """The one line of a site file, with its devices."""
    tables = tomllib.loads(text)
    ((name, line),) = tables["line"].items()
    devices = tuple(
        DeviceSpec(name=one, options=msgspec.convert(raw, MqttDevice))
        for one, raw in tables["device"].items()
    )
    options = msgspec.convert(line, MqttLine)
    return LineSpec(name=name, options=options, devices=devices, files=files or {})


def test_a_mapping_of_ones_own_does_what_the_page_says():
    line = spec(f"[line.field]\ndriver = 'mqtt'\nhost = 'x'\n{marked(PAGE, 'own.toml')}")
    assert isinstance(line.options, MqttLine)
    rig = Rig(device_plan(line.devices[0], line.options))
    rig.connect()
    rig.hear("side/state", "up", retained=True)
    assert rig.payloads("side/ping") == ["7"]
    rig.hear("side/pong", {"uptime": 4})
    rig.hear("side/contact", "closed")
    rig.hear("side/strike", "off")
    rig.wait(2_000)
    rig.hear("side/card", '{"card":"0004A2B31F","n":17}')
    rig.hear("side/event", {"kind": "bell"})
    (card,) = rig.facts(CardRead)
    assert (card.bits, card.data) == (40, bytes.fromhex("0004A2B31F"))
    assert rig.facts(InputsReported)[-1].states == (InputState.INACTIVE, InputState.ACTIVE)
    assert rig.facts(OutputsReported)[-1].states == (False,)
    opened = rig.tell(Pulse(0, 5_000), device="side-in")
    rig.hear("side/pong", {"uptime": 9})
    assert rig.payloads("side/strike/set") == ["on 50"]
    rig.hear("side/strike", "on")
    assert rig.ends() == {opened: "confirmed"}


def test_a_badge_at_tasmota_is_the_badge_that_other_readers_hand_over_whole():
    (shown,) = tomllib.loads(marked(PAGE, "format.toml"))["badge-format"].values()
    handing = Handing(FORMATS[shown["card"]], shown["bits"], Takes(shown["takes"]))
    rig = tasmota()
    rig.hear("tele/gate1/SENSOR", '{"Time":"x","Wiegand":{"UID":7748328,"Size":26}}')
    (card,) = rig.facts(CardRead)
    whole = parse_badge(f"h10301:{7748328 >> 16}/{7748328 & 0xFFFF}")
    assert handing.badge(card.bits, card.data) == whole


def test_the_page_names_every_ready_mapping():
    listed = {line.split("`")[1] for line in PAGE.splitlines() if line.startswith("| `")}
    assert ready_mappings().keys() <= listed


def test_the_sample_for_esphome_has_every_topic_of_its_mapping():
    sample = SAMPLE.replace("${prefix}", "gate1")
    made = plan("esphome", topic="gate1", inputs=2, outputs=1)
    topics = [*made.filters, *(one.topic for one in made.commands.values())]
    assert made.ask is not None
    for topic in {*topics, made.ask.topic}:
        assert topic in sample, topic


def password_file(folder: Path) -> Path:
    """As mosquitto_passwd writes it: SHA-512, PBKDF2."""
    path = folder / "passwords"
    lines = []
    for name, password in PASSWORDS.items():
        salt = os.urandom(12)
        key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101)
        lines.append(f"{name}:$7$101${b64encode(salt).decode()}${b64encode(key).decode()}\n")
    path.write_text("".join(lines))
    return path


@pytest.fixture
def folder():
    """Where the broker's own account can read as well."""
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def guarded(folder: Path) -> BrokerProcess:
    """A Mosquitto with TLS, users and the page's access list."""
    certificate(folder)
    (folder / "acl").write_text(marked(PAGE, "mosquitto.acl"))
    password_file(folder)
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755)
    extra = (
        f"certfile {folder}/server.pem",
        f"keyfile {folder}/server.key",
        "allow_anonymous false",
        f"password_file {folder}/passwords",
        f"acl_file {folder}/acl",
    )
    return make_broker("mosquitto", extra=extra)


def test_a_pin_comes_over_tls_from_a_device_with_rights_of_its_own_and_from_no_other(folder):
    async def scene(broker: BrokerProcess) -> None:
        text = marked(PAGE, "tls.toml").replace("broker.example.org", "127.0.0.1")
        authority = (folder / "server.pem").read_bytes()
        files = {"ca": authority, "password-file": f"{PASSWORDS['edge']}\n".encode()}
        site = Site(spec(text.replace("8883", str(broker.port)), files))
        trusting = ssl.create_default_context(cafile=str(folder / "server.pem"))
        gate, other = SimulatedEspHome(broker.port, "gate1"), SimulatedEspHome(broker.port, "gate2")
        for one in (gate, other):
            one.introduce(PASSWORDS[one.name], lambda: trusting)
        async with running(site, gate, other):
            await site.online("gate1")
            await until(lambda: other.link.connected, "the other is there")
            site.leap(2)
            other.say("gate1/key", {"key": 9, "count": 1})
            other.say("gate1/status", "offline", retain=True)
            other.key(9)
            await until(lambda: other.link.outstanding == 0, "the other has spoken")
            for key in (4, 7, 1, 1):
                gate.key(key)
            await until(lambda: len(site.facts(KeysPressed)) == 4, "four keys")
            assert "".join(fact.keys for fact in site.facts(KeysPressed)) == "4711"
            assert site.is_online("gate1")

    require("mosquitto")
    with guarded(folder) as broker:
        asyncio.run(scene(broker))


def test_a_wrong_password_or_authority_is_told_with_its_remedy(folder):
    async def scene(broker: BrokerProcess) -> None:
        text = marked(PAGE, "tls.toml").replace("broker.example.org", "127.0.0.1")
        text = text.replace("8883", str(broker.port))
        authority = (folder / "server.pem").read_bytes()
        with tempfile.TemporaryDirectory() as made:
            certificate(Path(made))
            stranger = (Path(made) / "server.pem").read_bytes()
        wrong = ((authority, b"guess", "user name, password"), (stranger, b"guess", "TLS"))
        for ca, password, says in wrong:
            site = Site(spec(text, {"ca": ca, "password-file": password}))
            async with running(site):
                await until(lambda site=site: bool(site.errors), "refused")
            assert says in str(site.errors[0])
            assert "guess" not in str(site.errors[0])
            assert not site.is_online("gate1")

    require("mosquitto")
    with guarded(folder) as broker:
        asyncio.run(scene(broker))
