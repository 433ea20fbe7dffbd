"""Payloads of every ready mapping, spoilt, put to the decoder and to the devices behind it."""

import random
from collections.abc import Callable, Sequence

import msgspec

from drivers.api import (
    BadgeUnread,
    CardRead,
    CommandEnded,
    DeviceOnline,
    KeysPressed,
    Outcome,
    ProtocolViolated,
)
from drivers.mqtt_devices.mapping import (
    AliveEntry,
    AskedEntry,
    AvailabilityEntry,
    ready_mappings,
)
from drivers.mqtt_devices.payload import PAYLOAD_BYTES_MAX
from drivers.mqtt_devices.plan import Plan
from tests.drivers.growth import Put
from tests.drivers.mqtt_devices.field_rig import Rig, plan

OPTIONS: dict[str, dict[str, object]] = {
    "tasmota": {"inputs": 2, "outputs": 2, "keypad": True},
    "esphome": {"inputs": 2, "outputs": 2, "keypad": True},
    "esp-rfid": {"inputs": 2, "name": "gate1"},
    "shelly-gen2": {"inputs": 2, "outputs": 2},
    "zigbee2mqtt-contact": {"inputs": 1, "name": "door"},
    "zigbee2mqtt-motion": {"inputs": 1, "name": "pir"},
    "zigbee2mqtt-button": {"inputs": 1, "name": "exit"},
    "zigbee2mqtt-relay": {"outputs": 1, "name": "strike"},
    "zigbee2mqtt-lock": {"outputs": 1, "name": "lock", "relock_ms": 5_000},
}
GOOD: tuple[tuple[str, bytes], ...] = (
    ("tele/gate1/LWT", b"Online"),
    ("stat/gate1/RESULT", b'{"Uptime":"0T","POWER":"ON","POWER1":"ON"}'),
    ("stat/gate1/RESULT", b'{"POWER":"OFF"}'),
    ("stat/gate1/RESULT", b'{"Switch1":{"Action":"ON"}}'),
    ("stat/gate1/RESULT", b'{"Command":"Unknown"}'),
    ("tele/gate1/SENSOR", b'{"Time":"2026-11-20T10:00:00","RC522":{"UID":"BA839D07"}}'),
    ("tele/gate1/SENSOR", b'{"Wiegand":{"UID":7748328,"Size":26}}'),
    ("tele/gate1/SENSOR", b'{"Wiegand":{"UID":7,"Size":4}}'),
    ("gate1/status", b"online"),
    ("gate1/answer", b'{"uptime":1,"inputs":[true,false],"outputs":[true,false]}'),
    ("gate1/done", b'{"id":7,"done":true}'),
    ("gate1/tag", b'{"uid":"74-10-37-94","count":1}'),
    ("gate1/key", b'{"key":4,"count":1}'),
    ("gate1/binary_sensor/input_0/state", b"ON"),
    ("gate1/online", b"true"),
    ("gate1/rpc", b"true"),
    ("gate1/events/rpc", b'{"params":{"ts":1,"input:0":{"state":true}}}'),
    ("gate1/events/rpc", b'{"params":{"ts":1,"switch:0":{"output":true}}}'),
    (
        "to-sentrypost/edge/shelly-gen2/rpc",
        b'{"id":7,"src":"gate1","result":{"sys":{},"switch:0":{"output":true}}}',
    ),
    (
        "gate1/send",
        b'{"type":"access","uid":"a1b2c3d4","access":"Denied","hostname":"gate1","time":1}',
    ),
    ("gate1/send", b'{"type":"heartbeat","hostname":"gate1"}'),
    ("gate1/bridge/state", b'{"state":"online"}'),
    ("gate1/door/availability", b"online"),
    ("gate1/door", b'{"contact":false,"tamper":true}'),
    ("gate1/exit/availability", b"online"),
    ("gate1/exit", b'{"action":"single"}'),
    ("gate1/lock/availability", b'{"state":"online"}'),
    ("gate1/lock", b'{"state":"UNLOCK"}'),
)
SPOIL = (b"[" * 50, b"9" * 400, b"\xff", b"\\u0000", b"e9", b"NaN", b"-", b"{", b"null", b"\0")
STREAM = 500
"""Messages to one rig; the next begins anew, as after a restart."""


def message(rng: random.Random) -> tuple[str, bytes]:
    """A message of some device: as it should be, spoilt, or at the topic of another."""
    topic, payload = rng.choice(GOOD)
    if rng.random() < 0.1:
        topic = rng.choice(GOOD)[0]
    return topic, payload if rng.random() < 0.4 else spoilt(payload, rng)


def spoilt(payload: bytes, rng: random.Random) -> bytes:
    data = bytearray(payload)
    for _ in range(rng.randrange(1, 4)):
        place = rng.randrange(len(data) + 1)
        match rng.randrange(5):
            case 0:
                data[place:place] = rng.randbytes(rng.randrange(1, 4))
            case 1:
                del data[place : place + rng.randrange(1, 8)]
            case 2:
                data[place:place] = rng.choice(GOOD)[1]
            case 3:
                data[place:place] = rng.choice(SPOIL)
            case _:
                data *= 1 + 200 * (rng.random() < 0.02)
    return bytes(data)


def brought_up(plans: Sequence[Plan]) -> Rig:
    """All devices are there, for some time."""
    rig = Rig(*plans)
    bring_up(rig, plans)
    return rig


def bring_up(rig: Rig, plans: Sequence[Plan]) -> None:
    """The broker is there, and behind it all devices."""
    rig.connect()
    for made in plans:
        for rule in made.rules:
            if isinstance(rule, AvailabilityEntry):
                rig.hear(rule.topic, _at(rule.path, rule.online[0]), retained=True)
            elif isinstance(rule, AskedEntry):
                rig.hear(rule.topic, _at(rule.path, 1))
            elif isinstance(rule, AliveEntry):
                rig.hear(rule.topic, {"type": "heartbeat", "hostname": "gate1"})
    rig.wait(2_000)
    rig.said.clear()
    rig.sent.clear()


def _at(path: str | None, value: object) -> object:
    for part in reversed((path or "").split(".")):
        value = {part: value} if part else value
    return value


def _everything() -> list[Plan]:
    return [plan(name, device=name, **more) for name, more in OPTIONS.items()]  # type: ignore[arg-type]


def payloads(seed: int, frames: int) -> str:
    """So many messages, a third of them retained, to devices of every kind at once.

    Nothing is ordered: so nothing but questions goes out, and what is confirmed was forged. What
    the broker had kept shows no badge and presses no key.
    """
    assert OPTIONS.keys() == ready_mappings().keys()
    rng = random.Random(seed)
    made = _everything()
    asked = {one.ask.topic for one in made if one.ask is not None}
    told = dict.fromkeys((CardRead, KeysPressed, BadgeUnread, ProtocolViolated), 0)
    rig = brought_up(made)
    for number in range(frames):
        if number % STREAM == 0:
            rig = brought_up(made)
        retained, before = rng.random() < 0.3, len(rig.said)
        topic, payload = message(rng)
        rig.hear(topic, payload, retained=retained)
        for fact in rig.said[before:]:
            assert not isinstance(fact, CommandEnded), "nothing was ordered"
            assert not (retained and isinstance(fact, CardRead | KeysPressed)), "it was kept"
            if type(fact) in told:
                told[type(fact)] += 1
        assert len(payload) <= PAYLOAD_BYTES_MAX or not any(
            isinstance(fact, CardRead | KeysPressed | DeviceOnline) for fact in rig.said[before:]
        ), "too large to be believed"
        assert {one.topic for one in rig.sent} <= asked, "nothing was ordered"
        rig.sent.clear()
        rig.wait(rng.choice((0, 0, 10, 1_000)))
    return ", ".join(f"{count} {kind.__name__}" for kind, count in told.items())


def answers(seed: int, frames: int) -> str:
    """The same while orders are under way: whatever is forged, each ends once, and none is sent
    again.
    """
    rng = random.Random(seed)
    made = plan("tasmota", outputs=1)
    ended = dict.fromkeys(Outcome, 0)
    rig = brought_up([made])
    for number in range(frames):
        if number % STREAM == 0:
            rig = brought_up([made])
        if number % 10 == 0:
            rig.open() if rng.random() < 0.5 else rig.lock()
        topic, payload = message(rng)
        rig.hear(topic, payload, retained=rng.random() < 0.3)
        rig.wait(rng.choice((0, 10, 1_000)))
        if number % STREAM == STREAM - 1:
            rig.field.stop(rig.now_ns, "the line was closed")
            rig.turn()
            ends = [fact for fact in rig.said if isinstance(fact, CommandEnded)]
            assert len({one.command for one in ends}) == len(ends) == STREAM // 10
            opened = [one for one in rig.sent if b" 5000,1" in one.payload]
            assert len(opened) <= STREAM // 10, "sent again"
            for one in ends:
                ended[one.outcome] += 1
    return ", ".join(f"{count} {outcome}" for outcome, count in ended.items())


TARGETS = {"mqtt": payloads, "mqtt-answers": answers}


def _lasting(plans: Callable[[], list[Plan]], *, ordered: bool) -> Callable[[int], Put]:
    """One line for good; now and then the broker is gone and there again."""

    def lasting(seed: int) -> Put:
        rng, made = random.Random(f"for good {seed}"), plans()
        rig = brought_up(made)
        # msgspec remembers some hundred keys that it met: a full memory grows no more.
        msgspec.json.decode(msgspec.json.encode({f"{rng.random():.6f}": 0 for _ in range(5_000)}))

        def put(frames: int) -> None:
            for number in range(frames):
                if number % STREAM == STREAM - 1:
                    rig.field.stop(rig.now_ns, "the broker is gone")
                    rig.turn()
                    bring_up(rig, made)
                if ordered and number % 10 == 0:
                    rig.open() if rng.random() < 0.5 else rig.lock()
                topic, payload = message(rng)
                rig.hear(topic, payload, retained=rng.random() < 0.3)
                rig.wait(rng.choice((0, 10, 1_000)))
                for kept in (rig.said, rig.sent, rig.asked):
                    kept.clear()

        return put

    return lasting


LASTING = {
    "mqtt": _lasting(_everything, ordered=False),
    "mqtt-answers": _lasting(lambda: [plan("tasmota", outputs=1)], ordered=True),
}
