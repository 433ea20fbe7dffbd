"""The MQTT family: what a site file says of a broker and the devices at it."""

import secrets
from collections.abc import Iterator
from typing import Annotated

import msgspec

from drivers import mqtt_tls
from drivers.family import (
    About,
    DeviceOptions,
    DeviceSpec,
    Family,
    LineOptions,
    LineSpec,
    PlainFile,
    SecretFile,
    Timer,
)
from drivers.mqtt_connection import LinkSettings
from drivers.mqtt_devices.driver import MqttDevices
from drivers.mqtt_devices.mapping import MappingEntry, MaxAge, Span, ready_mappings
from drivers.mqtt_devices.plan import Plan, Wanted, plan_of
from policies.problems import did_you_mean

POINTS_MAX = 64
"""Inputs or outputs of one device, as on an OSDP line."""

REPLIES = "to-sentrypost"
"""Under it devices answer us, each at a topic of its own."""


class MqttLine(LineOptions, frozen=True, kw_only=True):
    """A broker. `ca` makes it TLS. `own_rights` declares that the broker lets every device write
    and read its own topics alone.
    """

    host: Annotated[str, msgspec.Meta(min_length=1)]
    tcp_port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 1883
    username: str | None = None
    password_file: SecretFile | None = None
    ca: PlainFile | None = None
    certificate: PlainFile | None = None
    key: SecretFile | None = None
    own_rights: bool = False


class MqttDevice(DeviceOptions, frozen=True, kw_only=True):
    """A device. `mapping`: one that comes with Sentrypost, by name, or one of its own."""

    mapping: str | MappingEntry
    topic: str | None = None
    name: str | None = None
    relock_ms: Span | None = None
    silent_after_s: Annotated[int, msgspec.Meta(ge=2, le=86_400)] | None = None
    max_age_s: MaxAge | None = None


def build(line: LineSpec) -> MqttDevices:
    """The driver of one broker. Raises ValueError as `parts` does."""
    return MqttDevices(*parts(line))


def parts(line: LineSpec) -> tuple[tuple[Plan, ...], LinkSettings]:
    """What the driver of one broker is made from. Raises ValueError as `Family.build` has it."""
    plans, problems = [], []
    options = _line_options(line)
    for device in line.devices:
        try:
            plans.append(device_plan(device, options))
        except ValueError as error:
            problems += [f"device {device.name}: {problem}" for problem in error.args]
    problems += _twice(line.devices)
    try:
        settings = _settings(line, options)
    except ValueError as error:
        problems += error.args
    if problems:
        raise ValueError(*problems)
    return tuple(plans), settings


def _twice(devices: tuple[DeviceSpec, ...]) -> Iterator[str]:
    """A board may be two devices, one that reads and one that locks. Two that do the same are a
    mistake in copying: one badge would be read at two doors, or one order given by two.
    """
    known: dict[tuple[object, ...], str] = {}
    for device in devices:
        options = device.options
        assert isinstance(options, MqttDevice), "the family's own device"
        reads = not (options.inputs or options.outputs)
        for does, is_so in (("reads", reads), ("locks", options.outputs > 0)):
            key = (does, options.mapping, options.topic, options.name)
            other = known.setdefault(key, device.name) if is_so else device.name
            if other != device.name:
                yield f"device {device.name}: it {does} the same as '{other}' does: another topic?"


def device_plan(device: DeviceSpec, line: MqttLine) -> Plan:
    """What the messages of one device mean. Raises ValueError with each problem."""
    options = device.options
    assert isinstance(options, MqttDevice), "the family's own device"
    problems = []
    if not (0 <= options.inputs <= POINTS_MAX and 0 <= options.outputs <= POINTS_MAX):
        problems.append(f"0..{POINTS_MAX} inputs and outputs")
    if options.keypad and not (line.ca is not None and line.own_rights):
        problems.append(
            "a PIN goes over MQTT only where nobody can read it or make it up: give its line `ca` "
            "and `own-rights = true`, or leave `keypad` out"
        )
    mapping = _mapping(options)
    if problems or mapping is None:
        raise ValueError(*problems, *([] if mapping else [_unknown(options)]))
    fill = {key: value for key in ("topic", "name") if (value := getattr(options, key)) is not None}
    return plan_of(
        mapping,
        Wanted(
            device=device.name,
            inputs=options.inputs,
            outputs=options.outputs,
            keypad=options.keypad,
            fill=fill,
            reply=f"{REPLIES}/{line.username or 'edge'}/{device.name}",
            exact=isinstance(options.mapping, MappingEntry),
            relock_ms=options.relock_ms,
            silent_after_s=options.silent_after_s,
            max_age_s=options.max_age_s,
        ),
    )


def _mapping(options: MqttDevice) -> MappingEntry | None:
    if isinstance(options.mapping, MappingEntry):
        return options.mapping
    return ready_mappings().get(options.mapping)


def _unknown(options: MqttDevice) -> str:
    known = ready_mappings()
    hint = did_you_mean(str(options.mapping), known) or f"there are: {', '.join(known)}"
    return f"no mapping '{options.mapping}'; {hint}"


def _timer(options: DeviceOptions) -> Timer | None:
    plan = _plan_alone(options)
    return None if plan is None else plan.timer()


def _holds(options: DeviceOptions) -> bool:
    plan = _plan_alone(options)
    return plan is None or all(one.relock_ms is None for one in plan.commands.values())


def _cuts(options: DeviceOptions) -> bool:
    plan = _plan_alone(options)
    return plan is None or all(one.pulse_off is not None for one in plan.commands.values())


def _plan_alone(options: DeviceOptions) -> Plan | None:
    """None where it cannot be made, which `build` tells at its place."""
    assert isinstance(options, MqttDevice), "the family's own device"
    device = DeviceSpec(name="device", options=msgspec.structs.replace(options, keypad=False))
    try:
        return device_plan(device, MqttLine(driver="mqtt", host="broker"))
    except ValueError:
        return None


def _line_options(line: LineSpec) -> MqttLine:
    assert isinstance(line.options, MqttLine), "the family's own line"
    return line.options


def _settings(line: LineSpec, options: MqttLine) -> LinkSettings:
    """Raises ValueError."""
    problems = tuple(mqtt_tls.problems(options))
    if problems:
        raise ValueError(*problems)
    context = None if options.ca is None else mqtt_tls.context(line.files)
    password = line.files.get("password-file")
    return LinkSettings(
        host=options.host,
        port=options.tcp_port,
        client_id=f"sentrypost-{line.name[:8]}-{secrets.token_hex(4)}",
        username=options.username,
        password=None if password is None else password.decode().rstrip("\r\n"),
        tls=None if context is None else lambda: context,
    )


family = Family(
    line=MqttLine,
    device=MqttDevice,
    build=build,
    timer=_timer,
    watched=False,
    holds=_holds,
    cuts=_cuts,
    about=About(
        what="Tasmota, ESPHome, esp-rfid, Shelly, Zigbee2MQTT and others at an MQTT broker",
        tested_against=(
            "Mosquitto",
            "simulated devices with the payloads of their makers",
            "ESPHome 2026.6.5 (reads the sample; not compiled)",
        ),
    ),
)
