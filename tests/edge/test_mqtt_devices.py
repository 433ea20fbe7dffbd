"""A door whose reader, lock and contacts hang on a broker: the whole edge, with a Tasmota at it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller import events as ev
from controller.ids import CredentialId, HolderId
from drivers.mqtt_devices import device
from drivers.mqtt_link import Publication, Session
from edge.assembly import Edge
from edge.config import ConfigError, load_config
from edge.people import Change, CredentialRecord, People, credential_ref, load_site_key
from policies.facts import Assurance
from simulators.broker_process import BrokerProcess
from simulators.mqtt_devices import SimulatedEspHome, SimulatedTasmota
from tests.docs.pages import ROOT, marked
from tests.drivers.mqtt import Rig, connected
from tests.drivers.mqtt import running as linked
from tests.drivers.mqtt import until as met
from tests.edge.house import POLICY, SITE, House, bodies, running, until
from tests.servers import make_broker

UID = "BA-83-9D-07"
SHOWN = marked((ROOT / "docs" / "mqtt-devices.md").read_text(), "gate.toml")
FRONT_IN = '[device.front-in]\nline = "north"\naddress = 1\nkey = "front-in.key"\n'
WIRED = """[portal.front]
lock = {{ device = "board", output = 0 }}
contact = {{ device = "board", input = 0 }}
rex = {{ device = "board", input = 1 }}
entry-reader = "front-in"
"""
AT_GATE = """[portal.front]
lock = { device = "gate1", output = 0 }
contact = { device = "gate1", input = 0 }
rex = { device = "gate1", input = 1 }
entry-reader = "gate1-in"
accept-exposed-lock = true
"""
OWN = """mapping.what = "my own"
mapping.silent-after-s = 60
mapping.input = [{ topic = "gate/contact", colour = 3, active = ["1"] }]"""
LOCK = "TimedPower1;Power1 0"
CONTACT, REX = 0, 1
SETTLED_S = 0.1


@pytest.fixture(autouse=True)
def settles_soon(monkeypatch):
    """A device that came back is believed a second later; here, sooner."""
    monkeypatch.setattr(device, "SETTLED_NS", int(SETTLED_S * 1e9))


@pytest.fixture(scope="module")
def own_broker() -> Iterator[BrokerProcess]:
    with make_broker("embedded") as running_broker:
        yield running_broker


@pytest.fixture
def house(tmp_path: Path, own_broker: BrokerProcess) -> House:
    house = House(tmp_path)
    wire(house, SHOWN.replace("tcp-port = 1883", f"tcp-port = {own_broker.port}"))
    (tmp_path / "policy.toml").write_text(POLICY.replace('rex = "shunt"', 'rex = "unlock"'))
    ref = credential_ref(
        load_site_key(house.folder / "site.key"), 32, bytes.fromhex(UID.replace("-", ""))
    )
    badge = CredentialRecord(id=CredentialId("e" * 16), holder=HolderId("a" * 16), ref=ref)
    with People.open(house.folder / "state" / "site.db") as people:
        people.apply(Change(base=people.version, credentials=(badge,)))
    return house


def wire(house: House, tables: str) -> None:
    """The front door at the broker, all of it."""
    assert FRONT_IN in SITE
    assert WIRED in SITE
    text = SITE.replace(FRONT_IN, "").replace(WIRED, "").format(broker="")
    (house.folder / "site.toml").write_text(text + tables + AT_GATE)


def refused(house: House, **changes: str) -> str:
    """What is said of the site file with this changed."""
    file = house.folder / "site.toml"
    text = file.read_text()
    for before, after in changes.values():  # type: ignore[misc]
        assert before in text
        text = text.replace(before, after)
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    return str(caught.value)


def test_no_fire_input_hangs_on_a_broker(house: House) -> None:
    """What is cut off there is noticed after a quarter of a minute."""
    panel = '[fire.panel]\ninput = { device = "board", input = 3 }'
    at_gate = '[fire.panel]\ninput = { device = "gate1", input = 1 }'
    said = refused(
        house,
        fire=(panel, at_gate),
        rex=('rex = { device = "gate1", input = 1 }', 'rex = { device = "board", input = 1 }'),
    )
    assert "fire.panel.input: nobody would notice within three seconds that 'gate1' is gone" in said


def test_whoever_is_at_the_network_asks_for_no_exit_that_unlocks(house: House) -> None:
    said = refused(house, exposed=("accept-exposed-lock = true\n", ""))
    assert "portal.front.rex: whoever is at the network of 'gate1' can ask for the exit" in said
    assert "accept-exposed-lock = true" in said


Z2M = """[device.gate1]
line = "field"
mapping = "zigbee2mqtt-%s"
topic = "zigbee2mqtt"
name = "lock"
outputs = 1
"""
TURNS_BACK, RELAY = Z2M % "lock" + "relock-ms = 2000\n", Z2M % "relay"


def with_lock(house: House, lock: str, *policy: tuple[str, str]) -> None:
    """The front door's lock hangs on this device, and all else of it on the board."""
    file, rules = house.folder / "site.toml", house.folder / "policy.toml"
    before, _, behind = file.read_text().partition("[device.gate1]\n")
    text = before + lock + behind[behind.index("[portal.front]") :]
    file.write_text(text.replace('"gate1", input', '"board", input'))
    text = rules.read_text()
    for was, now in policy:
        assert was in text
        text = text.replace(was, now, 1)
    rules.write_text(text)


MECHANICAL = 'egress = "mechanical"'
RELEASED = (MECHANICAL, MECHANICAL + '\non-fire = "release"')
MAGNET = ('lock = "power-to-unlock"', 'lock = "power-to-lock"')


@pytest.mark.parametrize("lock", [TURNS_BACK, RELAY])
def test_a_lock_of_a_kind_that_its_device_can_work_is_wired(house: House, lock: str) -> None:
    with_lock(house, lock)
    load_config(house.folder / "site.toml")


@pytest.mark.parametrize(
    ("lock", "policy", "words"),
    [
        (TURNS_BACK, RELEASED, "a release for a fire would not last"),
        (TURNS_BACK, MAGNET, "knows of no current that keeps it shut"),
        (RELAY, MAGNET, "cannot cut the current for a time"),
    ],
)
def test_a_lock_that_its_device_cannot_work_as_it_must_be_is_refused(
    house: House, lock: str, policy: tuple[str, str], words: str
) -> None:
    with_lock(house, lock, policy)
    said = refused(house)
    assert "portal.front.lock: " in said
    assert words in said


async def locked(edge: Edge, gate: SimulatedTasmota, times: int) -> None:
    """So many lock commands have come to the gate."""
    await met(lambda: lock_commands(gate) >= times, f"{times} lock commands")


def lock_commands(gate: SimulatedTasmota) -> int:
    return sum(one.payload.decode() == LOCK for one in gate.heard)


async def opened(edge: Edge) -> list[ev.Body]:
    return await bodies(edge, ev.PortalGranted)


def test_a_badge_opens_and_a_link_that_comes_back_locks_and_never_opens(
    house: House, own_broker: BrokerProcess
) -> None:
    gate = SimulatedTasmota(own_broker.port, "gate1", inputs=2)
    reader = SimulatedEspHome(own_broker.port, "gate1-in")

    async def run() -> None:
        async with house.line(), asyncio.TaskGroup() as tasks, running(house) as edge:
            speaks = tasks.create_task(reader.run())
            strike = tasks.create_task(gate.run())
            await until(edge, ev.EdgeReady)
            await until(edge, ev.ReaderFound, 5)
            await locked(edge, gate, 1)
            await asyncio.sleep(SETTLED_S)
            reader.badge(UID)
            await until(edge, ev.PortalGranted)
            await met(lambda: gate.relays[0].strokes == 1, "the strike")
            (granted,) = await bodies(edge, ev.DecisionMade)
            assert isinstance(granted, ev.DecisionMade)
            (badge,) = granted.request.presented
            assert badge.assurance is Assurance.WEAK
            before = lock_commands(gate)
            strike.cancel()
            await until(edge, ev.ReaderLost)
            back = tasks.create_task(gate.run())
            await until(edge, ev.ReaderFound, 6)
            await locked(edge, gate, before + 1)
            assert gate.relays[0].strokes == 1
            assert len(await opened(edge)) == 1
            back.cancel()
            speaks.cancel()

    asyncio.run(run())


def test_what_a_broker_remembers_of_a_button_lets_nobody_out(
    house: House, own_broker: BrokerProcess
) -> None:
    gate = SimulatedTasmota(own_broker.port, "gate1", inputs=2)

    async def run() -> None:
        async with linked(Rig(own_broker.port), Session(filters=())) as rig:
            await connected(rig)
            kept = b'{"Switch1":"OFF","Switch2":"ON"}'
            rig.link.publish(
                Publication(topic="tele/gate1/SENSOR", payload=kept, qos=1, retain=True)
            )
            await met(lambda: rig.link.outstanding == 0, "kept")
        gate.inputs = [False, True]
        async with house.line(), asyncio.TaskGroup() as tasks, running(house) as edge:
            strike = tasks.create_task(gate.run())
            await until(edge, ev.EdgeReady)
            await locked(edge, gate, 1)
            await asyncio.sleep(SETTLED_S)
            assert not await opened(edge)
            gate.switch(REX, False)
            gate.switch(REX, True)
            await met(lambda: gate.relays[0].strokes == 1, "the strike")
            strike.cancel()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("good", "bad", "at", "words"),
    [
        (
            'topic = "gate1-in"',
            'topic = "gate1-in"\nkeypad = true',
            "[device.gate1-in]",
            "a PIN goes over",
        ),
        ('topic = "gate1"', 'topic = "gate1"\nchannel = 3', "channel", "unknown key 'channel'"),
        ('mapping = "tasmota"', 'mapping = "tasmoto"', "[device.gate1]", "did you mean 'tasmota'?"),
        ('host = "', 'hosts = "', "hosts", "'hosts'"),
        ('mapping = "tasmota"', OWN, "colour = 3", "unknown key 'colour'"),
        ('mapping = "tasmota"', OWN.replace("colour = 3, ", ""), "mapping", "'number' is missing"),
    ],
)
def test_what_cannot_be_is_refused_at_its_place(house, good, bad, at, words):
    path = house.folder / "site.toml"
    assert good in path.read_text()
    path.write_text(path.read_text().replace(good, bad))
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    problem = next(one for one in caught.value.problems if words in str(one))
    line = path.read_text().splitlines()[problem.line - 1]
    assert at in line
