"""Devices that speak MQTT as their makers' firmware does, at the far end of a real broker.

Topics and payloads are those of the firmware's documentation or source; what each one's relay does
by itself, its timer included, runs here and not in whoever drives it.
"""

import asyncio
import json
import re
import ssl
import time
from collections.abc import Callable, Mapping
from typing import NoReturn

import msgspec

from drivers.mqtt_link import (
    Connected,
    LinkSettings,
    Message,
    MqttLink,
    Publication,
    Session,
)

Fields = Mapping[str, object]
"""Of a JSON payload, on its way out."""


CLOCK = "2026-11-22T06:00:00"
"""Tasmota's time has no zone, and nobody relies on it."""

_COMMAND = re.compile(r"([A-Za-z]+)(\d*)")


class Relay:
    """An output with a timer of its own. `strokes` counts how often it was energised."""

    def __init__(self, changed: Callable[[bool], None]) -> None:
        self._changed = changed
        self._timer: asyncio.TimerHandle | None = None
        self.on = False
        self.strokes = 0

    def turn(self, on: bool, back_after_ms: int | None = None) -> None:
        """For good, or for a time; a timer that ran before is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if back_after_ms is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(back_after_ms / 1000, self.turn, not on)
        changed, self.on = self.on is not on, on
        self.strokes += changed and on
        if changed:
            self._changed(on)


class SimulatedDevice:
    """One device. `run` keeps it at the broker; it speaks only while it is connected."""

    filters: tuple[str, ...] = ()

    def __init__(self, port: int, name: str, relays: int = 1, inputs: int = 1) -> None:
        self.name = name
        self.relays = [
            Relay(lambda on, number=number: self.relay_changed(number, on))  # type: ignore[misc]
            for number in range(relays)
        ]
        self.inputs = [False] * inputs
        self.heard: list[Message] = []
        self.is_deaf = False
        settings = LinkSettings(
            host="127.0.0.1",
            port=port,
            client_id=f"simulated-{name}",
            backoff_s_min=0.05,
            backoff_s_max=0.2,
        )
        self._settings = settings
        self.link = MqttLink(settings, lambda _report: None)

    def introduce(self, password: str, tls: Callable[[], ssl.SSLContext]) -> None:
        """Be a user of the broker, under the device's name and over TLS, from the next run on."""
        settings = msgspec.structs.replace(
            self._settings, username=self.name, password=password, tls=tls
        )
        self.link = MqttLink(settings, lambda _report: None)

    async def run(self) -> NoReturn:
        """Until cancelled."""
        session = Session(
            filters=self.filters,
            will=lambda _number: self.will(),
            farewell=lambda _number: self.will(),
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.link.run(session), name=f"{self.name}: link")
            while True:
                happening = await self.link.next()
                if isinstance(happening, Connected):
                    self.greet()
                elif isinstance(happening, Message) and not self.is_deaf:
                    self.heard.append(happening)
                    self.told(happening.topic, happening.payload.decode())

    def say(self, topic: str, payload: str | Fields, *, retain: bool = False, qos: int = 0) -> None:
        """Publish a text, or a JSON object."""
        text = payload if isinstance(payload, str) else json.dumps(payload)
        self.link.publish(Publication(topic=topic, payload=text.encode(), retain=retain, qos=qos))

    def will(self) -> Publication | None:
        """What the broker says when the device is gone, and the device when it goes."""
        return None

    def greet(self) -> None:
        """The device is at the broker."""

    def told(self, topic: str, payload: str) -> None:
        """A command came."""

    def relay_changed(self, number: int, on: bool) -> None:
        """A relay has moved, by command or by its own timer."""


def _last_will(topic: str, text: str) -> Publication:
    return Publication(topic=topic, payload=text.encode(), qos=1, retain=True)


class SimulatedTasmota(SimulatedDevice):
    """Tasmota 14 and newer: `TimedPower` has come with it."""

    def __init__(self, port: int, name: str, relays: int = 1, inputs: int = 1) -> None:
        super().__init__(port, name, relays, inputs)
        self.filters = (f"cmnd/{name}/#",)
        self._timers: list[list[asyncio.TimerHandle]] = [[] for _ in range(relays)]

    def will(self) -> Publication:
        return _last_will(f"tele/{self.name}/LWT", "Offline")

    def greet(self) -> None:
        self.say(f"tele/{self.name}/LWT", "Online", retain=True)

    def badge(self, uid: str, second: int = 0) -> None:
        """A tag at an RC522."""
        self.sensor({"RC522": {"UID": uid, "Data": "", "Type": "MIFARE 1KB"}}, second)

    def wiegand(self, number: int, size: int, second: int = 0) -> None:
        self.sensor({"Wiegand": {"UID": number, "Size": size}}, second)

    def sensor(self, what: Fields, second: int = 0) -> None:
        at = f"2026-11-22T06:{second // 60:02d}:{second % 60:02d}"
        self.say(f"tele/{self.name}/SENSOR", {"Time": at, **what})

    def switch(self, number: int, on: bool) -> None:
        """With SetOption114 1."""
        self.inputs[number] = on
        self._result({f"Switch{number + 1}": {"Action": _on_off(on)}})

    def told(self, topic: str, payload: str) -> None:
        command = topic.rsplit("/", 1)[1]
        if command != "Backlog0":
            self._execute(command, payload)
            return
        for one in payload.split(";"):
            self._execute(*one.partition(" ")[::2])

    def _execute(self, command: str, value: str) -> None:
        kind, number = _COMMAND.fullmatch(command).groups()  # type: ignore[union-attr]
        place = int(number or 1) - 1
        match kind.upper():
            case "STATE":
                self._result({"Time": CLOCK, "Uptime": "0T00:10:11", **self._power()})
            case "STATUS" if value == "10":
                switches = {f"Switch{n + 1}": _on_off(on) for n, on in enumerate(self.inputs)}
                told = {"StatusSNS": {"Time": CLOCK, **switches}}
                self.say(f"stat/{self.name}/STATUS10", told)
            case "POWER" if place < len(self.relays):
                self._turn(place, value)
            case "TIMEDPOWER" if place < len(self.relays):
                self._timed(place, value)
            case _:
                self._result({"Command": "Unknown"})

    def _turn(self, place: int, value: str) -> None:
        """It leaves timers alone: whatever they are to do happens later all the same."""
        self.relays[place].turn(value == "1")
        if self.link.connected:
            self._power_result(place)

    def _timed(self, place: int, value: str) -> None:
        """Without a value all timers of the relay end; with one, one more is set."""
        if not value:
            for timer in self._timers[place]:
                timer.cancel()
            self._timers[place].clear()
            self._result({f"TimedPower{place + 1}": "Done"})
            return
        ms, _, start = value.partition(",")
        loop, end = asyncio.get_running_loop(), "1" if start == "0" else "0"
        timer = loop.call_later(max(int(ms), 50) / 1000, self._turn, place, end)
        self._timers[place].append(timer)
        self._turn(place, "0" if start == "0" else "1")

    def _power(self) -> Fields:
        single = len(self.relays) == 1
        return {
            "POWER" if single else f"POWER{n + 1}": _on_off(relay.on)
            for n, relay in enumerate(self.relays)
        }

    def _power_result(self, place: int) -> None:
        key = "POWER" if len(self.relays) == 1 else f"POWER{place + 1}"
        self._result({key: _on_off(self.relays[place].on)})
        self.say(f"stat/{self.name}/{key}", _on_off(self.relays[place].on))

    def _result(self, what: Fields) -> None:
        self.say(f"stat/{self.name}/RESULT", what)


class SimulatedEspHome(SimulatedDevice):
    """ESPHome with drivers/mqtt_devices/samples/esphome.yaml. `clock_s`: what its SNTP says."""

    def __init__(self, port: int, name: str, relays: int = 1, inputs: int = 1) -> None:
        super().__init__(port, name, relays, inputs)
        outputs = tuple(f"{name}/output_{n}" for n in range(relays))
        self.filters = (f"{name}/ask", *outputs)
        self.clock_s: Callable[[], float] = time.time
        self._count = 0

    def will(self) -> Publication:
        return _last_will(f"{self.name}/status", "offline")

    def greet(self) -> None:
        self.say(f"{self.name}/status", "online", retain=True)
        for number, on in enumerate(self.inputs):
            self.say(self._input(number), _on_off(on), retain=True)

    def badge(self, uid: str) -> None:
        """`uid` as ESPHome writes it: 74-10-37-94."""
        self._count += 1
        self.say(f"{self.name}/tag", {"uid": uid, "reader": self.name, "count": self._count})

    def key(self, key: int) -> None:
        self._count += 1
        self.say(f"{self.name}/key", {"key": key, "count": self._count})

    def switch(self, number: int, on: bool) -> None:
        self.inputs[number] = on
        self.say(self._input(number), _on_off(on), retain=True)

    def tamper(self, on: bool) -> None:
        self.say(f"{self.name}/binary_sensor/tamper/state", _on_off(on), retain=True)

    def told(self, topic: str, payload: str) -> None:
        asked = json.loads(payload)
        if topic.endswith("/ask"):
            outputs = [relay.on for relay in self.relays]
            self.say(
                f"{self.name}/answer",
                {"uptime": 12, "inputs": self.inputs, "outputs": outputs},
            )
            return
        relay = self.relays[int(topic.rsplit("_", 1)[1])]
        if "until" in asked and self.clock_s() > asked["until"]:
            self.say(f"{self.name}/done", {"id": asked["id"], "refused": "late"})
            return
        relay.turn(asked["on"], asked.get("ms"))
        self.say(f"{self.name}/done", {"id": asked["id"], "done": True})

    def _input(self, number: int) -> str:
        return f"{self.name}/binary_sensor/input_{number}/state"


class SimulatedEspRfid(SimulatedDevice):
    """esp-rfid, its list of users empty; all boards of a site share `topic`."""

    def __init__(self, port: int, name: str, topic: str = "rfid") -> None:
        super().__init__(port, name, relays=0)
        self._topic = topic

    def greet(self) -> None:
        self._say({"type": "boot", "uptime": 0, "ip": "192.168.1.20"})

    def heartbeat(self) -> None:
        self._say({"type": "heartbeat", "uptime": 999, "ip": "192.168.1.20"})

    def badge(self, uid: str) -> None:
        self._say(
            {
                "type": "access",
                "isKnown": "false",
                "access": "Denied",
                "username": "Unknown",
                "uid": uid,
            }
        )

    def event(self, src: str, desc: str) -> None:
        self._say({"type": "INFO", "src": src, "desc": desc, "data": "", "cmd": "event"})

    def _say(self, what: Fields) -> None:
        now = int(time.time())
        self.say(f"{self._topic}/send", {**what, "time": now, "hostname": self.name})


class SimulatedShelly(SimulatedDevice):
    """A Shelly Gen2 with RPC status notifications over MQTT."""

    def __init__(self, port: int, name: str, relays: int = 1, inputs: int = 1) -> None:
        super().__init__(port, name, relays, inputs)
        self.filters = (f"{name}/rpc",)

    def will(self) -> Publication:
        return _last_will(f"{self.name}/online", "false")

    def greet(self) -> None:
        self.say(f"{self.name}/online", "true", retain=True)

    def switch(self, number: int, on: bool) -> None:
        self.inputs[number] = on
        self._notify({f"input:{number}": {"id": number, "state": on}})

    def told(self, topic: str, payload: str) -> None:
        asked = json.loads(payload)
        params, frame = asked.get("params", {}), {"id": asked["id"], "src": self.name}
        reply = f"{asked['src']}/rpc"
        if asked["method"] == "Shelly.GetStatus":
            self.say(reply, {**frame, "dst": asked["src"], "result": self._status()})
        elif asked["method"] == "Switch.Set" and params["id"] < len(self.relays):
            relay, after_s = self.relays[params["id"]], params.get("toggle_after")
            before = relay.on
            relay.turn(params["on"], None if after_s is None else round(after_s * 1000))
            self.say(reply, {**frame, "dst": asked["src"], "result": {"was_on": before}})
        else:
            error = {"code": -105, "message": "Argument 'id', value 1 not found!"}
            self.say(reply, {**frame, "dst": asked["src"], "error": error})

    def relay_changed(self, number: int, on: bool) -> None:
        if self.link.connected:
            self._notify({f"switch:{number}": {"id": number, "output": on, "source": "MQTT"}})

    def _status(self) -> Fields:
        inputs = {f"input:{n}": {"id": n, "state": on} for n, on in enumerate(self.inputs)}
        outputs = {f"switch:{n}": {"id": n, "output": one.on} for n, one in enumerate(self.relays)}
        return {"sys": {"uptime": 12}, **inputs, **outputs}

    def _notify(self, what: Fields) -> None:
        frame = {"src": self.name, "dst": f"{self.name}/events", "method": "NotifyStatus"}
        params = {"ts": round(time.time(), 2), **what}
        self.say(f"{self.name}/events/rpc", {**frame, "params": params})


class SimulatedZigbee2Mqtt(SimulatedDevice):
    """Zigbee2MQTT with one device of each kind. `is_old`: before 2.0, with bare words.

    `name` is the base topic. The relay and the lock answer what they are asked; the lock turns back
    by itself after `relock_ms`.
    """

    def __init__(self, port: int, name: str, *, is_old: bool = False, relock_ms: int = 500) -> None:
        super().__init__(port, name, relays=2)
        self._is_old, self._relock_ms = is_old, relock_ms
        self.filters = tuple(f"{name}/{one}/+" for one in ("strike", "lock"))

    def will(self) -> Publication:
        return _last_will(f"{self.name}/bridge/state", self._word("offline"))

    def greet(self) -> None:
        self.say(f"{self.name}/bridge/state", self._word("online"), retain=True)
        for one in ("contact", "motion", "button", "strike", "lock"):
            self.available(one, "online")

    def available(self, device: str, word: str) -> None:
        self.say(f"{self.name}/{device}/availability", self._word(word), retain=True)

    def state(self, device: str, what: Fields) -> None:
        self.say(f"{self.name}/{device}", {**what, "linkquality": 120})

    def told(self, topic: str, payload: str) -> None:
        _, device, verb = topic.rsplit("/", 2)
        if verb == "availability":
            return
        asked, number = json.loads(payload), ("strike", "lock").index(device)
        if verb == "set":
            on = asked["state"] in {"ON", "UNLOCK"}
            after_ms = round(asked["on_time"] * 1000) if "on_time" in asked else None
            if device == "lock" and on:
                after_ms = self._relock_ms
            self.relays[number].turn(on, after_ms)
        self._tell(number)

    def relay_changed(self, number: int, on: bool) -> None:
        if self.link.connected:
            self._tell(number)

    def _tell(self, number: int) -> None:
        device = ("strike", "lock")[number]
        words = (("OFF", "ON"), ("LOCK", "UNLOCK"))[number]
        self.state(device, {"state": words[self.relays[number].on]})

    def _word(self, word: str) -> str:
        return word if self._is_old else json.dumps({"state": word})


def _on_off(on: bool) -> str:
    return "ON" if on else "OFF"
