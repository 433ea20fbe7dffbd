"""Who answers on the lines, and whether each door's lock, contact and readers do what they must.

Where a daemon runs it is asked, for it has the lines. Where none does, the site file's own drivers
look for some seconds; nothing is worked.
"""

import time
from collections.abc import Iterator, Mapping

import msgspec

from drivers.api import InputState, Outcome
from drivers.family import SerialLine
from drivers.upkeep import Maintained
from edge.config import Config
from edge.control.calling import ControlClientError
from edge.control.client import Client, NoDaemonError
from edge.control.messages_devices import DeviceShown, DevicesReply, WorkedShown
from edge.device_shown import Showing
from edge.device_trial import tried
from edge.device_upkeep import recall
from edge.doctor import Finding, Patient, fail, ok, warn
from edge.line_speeds import LineSpeed, speed_of
from edge.lines import LineError, build_lines
from edge.present import clean
from edge.site_file import Input, PortalEntry

SCAN = "`sentrypost device scan PORT` finds who answers there, at which address and speed"

SCANNED = "osdp"

LOOK = "look at its power, its line, and what docs/devices.md says of its driver"

WIRING = "look at the wiring between, and whether the device has that many"

Known = Mapping[str, DeviceShown]


def devices(patient: Patient) -> Iterator[Finding]:
    """Who answers, at which address and speed, and what hangs on them."""
    config = patient.config
    if config is None or not config.devices:
        return
    try:
        with Client(patient.state) as daemon:
            shown = daemon.devices()
    except NoDaemonError:
        yield ok("no edge runs here: its lines are looked at for some seconds")
        try:
            kept = dict(_kept_speeds(config))
            yield from _cut_off(kept)
            shown = _looked_at(_at_speeds(config, kept))
        except LineError as error:
            yield fail(clean(str(error)), "`sentrypost check` names the line")
            return
    except ControlClientError as error:
        yield warn(clean(f"the running edge cannot be asked: {error}"), error.remedy)
        return
    known = {device.id: device for device in shown.devices}
    for device in shown.devices:
        yield from _device(device)
    for name, portal in config.portals.items():
        yield from _door(name, portal, known)


def _kept_speeds(config: Config) -> Iterator[tuple[str, LineSpeed]]:
    """At which speed the edge has left its lines, whatever the site file says."""
    for name, driver in build_lines(config.lines).items():
        options = config.lines[name][1].options
        if isinstance(driver, Maintained) and isinstance(options, SerialLine):
            yield name, speed_of(config.state, name, options.baud)


def _cut_off(speeds: Mapping[str, LineSpeed]) -> Iterator[Finding]:
    for name, kept in speeds.items():
        if kept.other is not None:
            said = f"a change from {kept.baud} to {kept.other} baud was cut off"
            hint = "start the edge: it looks for the devices of the line at both speeds"
            yield warn(f"line {name}: {said}, and who has gone is not seen", hint)


def _at_speeds(config: Config, speeds: Mapping[str, LineSpeed]) -> Config:
    lines = dict(config.lines)
    for name, kept in speeds.items():
        driver, line = lines[name]
        options = msgspec.structs.replace(line.options, baud=kept.baud)
        lines[name] = driver, msgspec.structs.replace(line, options=options)
    return msgspec.structs.replace(config, lines=lines)


def _looked_at(config: Config) -> DevicesReply:
    drivers, showing = build_lines(config.lines), Showing(config)
    recall(config, drivers)
    known = tried(drivers)
    return DevicesReply(
        timezone=config.policy.timezone,
        utc_us=time.time_ns() // 1_000,
        devices=tuple(showing.shown(name, known[name], config.policy) for name in showing.names),
        more=False,
    )


def _device(device: DeviceShown) -> Iterator[Finding]:
    name = f"{device.id} (line {device.line}{f', {device.place}' if device.place else ''})"
    if device.online is None:
        yield fail(clean(f"{name} was not heard of"), _remedy(device, "", ""))
    elif not device.online:
        reason, _, remedy = device.reason.partition("; ")
        yield fail(clean(f"{name} is away: {reason}"), _remedy(device, reason, clean(remedy)))
    elif not device.secure:
        said = clean(f"{name} is there over {device.way}, and anybody could speak in its place")
        hint = "let the policy ask for more than its word, or mount one that speaks securely"
        yield warn(said, hint)
    else:
        about = f": {device.identity}" if device.identity else ""
        yield ok(clean(f"{name} answers, paired and secure, over {device.way}{about}"))
    if device.tampered:
        yield fail(f"{device.id}: its housing is open", "go and look at it, then close it")
    if device.power_failing:
        yield fail(f"{device.id}: its power fails", "look at its supply and battery")
    if device.doubt:
        hint = "look who else is on its line, and at `sentrypost device trace`"
        yield warn(clean(f"{device.id} was not believed: {device.doubt}"), hint)


def _remedy(device: DeviceShown, reason: str, said: str) -> str:
    """What the driver says to do, with the command for it."""
    if said.startswith("pair it"):
        return f"put it into install mode and pair it: sentrypost device pair {device.id}"
    if "accepts it" in reason:
        return f"look at it, then: sentrypost device accept {device.id}"
    return said or (SCAN if device.driver == SCANNED else LOOK)


def _door(name: str, portal: PortalEntry, known: Known) -> Iterator[Finding]:
    wrong = [
        *_lock(name, portal, known),
        *_contact(name, portal, known),
        *_lights(name, portal, known),
    ]
    yield from wrong
    if wrong:
        return
    lock, number = known[portal.lock.device], portal.lock.output
    said = f"portal {name}: lock {lock.outputs[number].word}, output {number} of {lock.id}"
    worked = _worked(lock, f"output {number}")
    if worked is not None:
        said += " obeys"
    if portal.contact is not None:
        contact = known[portal.contact.device].inputs[portal.contact.input]
        said += f", contact {contact.word}"
    for reader in (portal.entry_reader, portal.exit_reader):
        if reader is not None and _worked(known[reader], "light") is not None:
            said += f", light of {reader} obeys"
    yield ok(said)


def _lock(name: str, portal: PortalEntry, known: Known) -> Iterator[Finding]:
    lock, number = known[portal.lock.device], portal.lock.output
    at = f"portal {name}: the lock on output {number} of {lock.id}"
    if not lock.online:
        yield fail(f"{at} cannot be worked", f"see {lock.id} above")
        return
    if number < len(lock.outputs) and lock.outputs[number].on is None:
        hint = "see that the device has it, and that `outputs` in the site file is how many it has"
        yield warn(f"{at} does not tell its state", hint)
    worked = _worked(lock, f"output {number}")
    if worked is not None and worked.outcome is not Outcome.CONFIRMED:
        yield fail(clean(f"{at}: the last command was {worked.outcome}"), worked.reason or WIRING)


def _contact(name: str, portal: PortalEntry, known: Known) -> Iterator[Finding]:
    for what, point in (("contact", portal.contact), ("exit button", portal.rex)):
        if point is None or not known[point.device].online:
            continue
        state = _state(point, known)
        at = f"portal {name}: the {what} on input {point.input} of {point.device}"
        if state is None:
            yield warn(f"{at} was not heard of", "work it once, and look again")
        elif state in {InputState.CUT, InputState.SHORTED}:
            yield fail(f"{at} is {state}", "look at its cable and its resistors")


def _lights(name: str, portal: PortalEntry, known: Known) -> Iterator[Finding]:
    for reader in (portal.entry_reader, portal.exit_reader):
        worked = None if reader is None else _worked(known[reader], "light")
        if worked is not None and worked.outcome is Outcome.REFUSED:
            yield warn(
                clean(f"portal {name}: {reader} shows no verdict: its light refused"),
                clean(worked.reason) or "mount a reader that has one",
            )


def _worked(device: DeviceShown, part: str) -> WorkedShown | None:
    return next((one for one in device.worked if one.part == part), None)


def _state(point: Input, known: Known) -> InputState | None:
    return known[point.device].inputs[point.input].state
