"""A device as people read it: in a list, and what is news of it in a line."""

from collections.abc import Iterator
from datetime import tzinfo

from drivers.api import Outcome
from edge.control.messages_devices import DeviceShown, InputShown, OutputShown, WorkedShown
from edge.present import Line, clean, local
from edge.tone import Said, Tone


def page(device: DeviceShown, zone: tzinfo) -> Iterator[Line]:
    """All that is known of it, on some lines."""
    tone, said = connection(device)
    if device.online is not None and device.since_utc_us is not None:
        word, colon, rest = said.partition(":")
        said = f"{word} since {local(device.since_utc_us, zone)}{colon}{rest}"
    yield _line(tone, f"{device.id}: {said}")
    parts = (device.place, f"line {device.line}", device.driver, device.way)
    yield _detail("where", ", ".join(part for part in parts if part))
    if device.serves:
        yield _detail("reads for", ", ".join(device.serves))
    if device.identity:
        yield _detail("says it is", device.identity)
    for tone, said in _conditions(device):
        yield _line(tone, f"  {said}")
    if device.doubt and device.doubt_utc_us is not None:
        when = local(device.doubt_utc_us, zone)
        yield _line(Tone.FAULT, f"  NOT BELIEVED {when}: {device.doubt}")
    for number, point in enumerate(device.inputs):
        yield _point(f"input {number}", point)
    for number, output in enumerate(device.outputs):
        yield _point(f"output {number}", output)
    for worked in device.worked:
        tone, said = _outcome(worked)
        when = local(worked.utc_us, zone)
        yield _line(tone, f"  {'command':<12}to {worked.part}: {said}, {when}")
    if device.heard_utc_us is not None:
        yield _detail("last news", f"{local(device.heard_utc_us, zone)}{_presented(device)}")


def connection(device: DeviceShown) -> Said:
    """Whether it is there, and how far it is believed."""
    if device.online is None:
        return Tone.FAULT, "NOT HEARD OF YET"
    if not device.online:
        return Tone.FAULT, f"OFFLINE: {device.reason}"
    if not device.secure:
        return Tone.NOTICE, "online, NOT SECURE: what it says could be anybody's"
    return Tone.PLAIN, "online, secure"


def news(before: DeviceShown | None, now: DeviceShown) -> Iterator[Said]:
    """What is another than it was; of a device that is seen for the first time, how it is."""
    if before is None or _link(before) != _link(now):
        tone, said = connection(now)
        if now.online and now.identity:
            said += f"; says it is {now.identity}"
        yield tone, said
    if before is None:
        yield from _conditions(now)
    elif _health(before) != _health(now):
        yield from _conditions(now) or [(Tone.PLAIN, "housing closed, power good")]
    if now.doubt and (before is None or before.doubt_utc_us != now.doubt_utc_us):
        yield Tone.FAULT, f"NOT BELIEVED: {now.doubt}"
    yield from _points("input", before.inputs if before else (), now.inputs)
    yield from _points("output", before.outputs if before else (), now.outputs)
    if before is not None:
        yield from _acts(before, now)
    was = {one.part: one.outcome for one in before.worked} if before else {}
    for worked in now.worked:
        if was.get(worked.part) != worked.outcome:
            tone, said = _outcome(worked)
            yield tone, f"command to {worked.part}: {said}"


def _acts(before: DeviceShown, now: DeviceShown) -> Iterator[Said]:
    if now.cards > before.cards:
        bits = f", {now.card_bits} bits" if now.card_bits else ""
        yield Tone.PLAIN, f"a badge was shown{bits}"
    if now.unread > before.unread:
        yield Tone.NOTICE, "a badge was shown and could not be read"
    if now.keys and not before.keys:
        yield Tone.PLAIN, "keys were pressed"


def _outcome(worked: WorkedShown) -> Said:
    """What became of a command; of one that failed with what to do."""
    if worked.outcome is Outcome.CONFIRMED:
        return Tone.PLAIN, "confirmed"
    return Tone.FAULT, f"{worked.outcome.upper()}{f': {worked.reason}' if worked.reason else ''}"


def _conditions(device: DeviceShown) -> list[Said]:
    found = []
    if device.tampered:
        found.append((Tone.ALARM, "TAMPERED WITH: its housing is open"))
    if device.power_failing:
        found.append((Tone.FAULT, "POWER FAILING"))
    return found


def _points(
    what: str,
    before: tuple[InputShown, ...] | tuple[OutputShown, ...],
    now: tuple[InputShown, ...] | tuple[OutputShown, ...],
) -> Iterator[Said]:
    known = {point.number: point for point in before}
    for point in now:
        if known.get(point.number) != point and (known or _state(point) is not None):
            yield Tone.PLAIN, f"{what} {point.number} {_state_word(point)}{_wired(point)}"


def _point(name: str, point: InputShown | OutputShown) -> Line:
    return _detail(name, f"{_state_word(point)}{_wired(point)}")


def _wired(point: InputShown | OutputShown) -> str:
    return f": {point.wired}, {point.word}" if point.wired else ""


def _state(point: InputShown | OutputShown) -> str | bool | None:
    return point.state if isinstance(point, InputShown) else point.on


def _state_word(point: InputShown | OutputShown) -> str:
    state = _state(point)
    if state is None:
        return "unknown"
    if isinstance(state, bool):
        return "on" if state else "off"
    return str(state)


def _presented(device: DeviceShown) -> str:
    parts = []
    if device.cards:
        bits = f", the last of {device.card_bits} bits" if device.card_bits else ""
        parts.append(f"badges shown: {device.cards}{bits}")
    if device.unread:
        parts.append(f"not read: {device.unread}")
    if device.keys:
        parts.append("keys were pressed")
    return "; " + "; ".join(parts) if parts else ""


def _link(device: DeviceShown) -> tuple[object, ...]:
    return device.online, device.since_utc_us, device.secure, device.identity, device.reason


def _health(device: DeviceShown) -> tuple[bool, bool]:
    return device.tampered, device.power_failing


def _detail(name: str, said: str) -> Line:
    return _line(Tone.PLAIN, f"  {name:<12}{said}")


def _line(tone: Tone, text: str) -> Line:
    return Line(tone, clean(text))
