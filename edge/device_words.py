"""What hangs on a device's inputs and outputs, and what their states mean there."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from drivers.api import InputState
from edge.config import Config
from edge.site_file import Input, PortalEntry
from edge.wiring import contact_of, fire_line_of, is_active
from edge.wiring_perimeter import line_of
from policies.compiled import CompiledPolicy, Lock

States = tuple[InputState, ...]


class Wired(NamedTuple):
    """`what`: for instance “contact of portal front”; `word`: what the states say of it."""

    what: str
    word: Callable[[States], str]


class Driven(NamedTuple):
    """`what` is driven by an output; `on` and `off`: what it then does."""

    what: str
    on: str
    off: str


def inputs_of(config: Config, device: str) -> dict[int, Wired]:
    """By number, what hangs on the inputs of a device."""
    return {
        point.input: Wired(what, word)
        for point, what, word in _inputs(config)
        if point.device == device
    }


def outputs_of(config: Config, policy: CompiledPolicy, device: str) -> dict[int, Driven]:
    """By number, what hangs on the outputs of a device."""
    found = {}
    for name, portal in config.portals.items():
        if portal.lock.device == device:
            found[portal.lock.output] = _lock(name, portal, policy)
        if portal.lower is not None and portal.lower.device == device:
            found[portal.lower.output] = Driven(f"lowering of portal {name}", "lowers", "at rest")
    return found


def readers_of(config: Config, device: str) -> tuple[str, ...]:
    """Whose reader the device is."""
    sides = (
        (side, name)
        for name, portal in config.portals.items()
        for side, reader in (("entry", portal.entry_reader), ("exit", portal.exit_reader))
        if reader == device
    )
    return tuple(f"{side} of portal {name}" for side, name in sides)


def _lock(name: str, portal: PortalEntry, policy: CompiledPolicy) -> Driven:
    if portal.lower is not None:
        return Driven(f"raising of portal {name}", "raises", "at rest")
    rule = policy.portal(name)
    words = ("released", "locked")
    if rule is not None and rule.lock is Lock.POWER_TO_LOCK:
        words = ("locked", "released")
    return Driven(f"lock of portal {name}", *words)


def _inputs(config: Config) -> Iterator[tuple[Input, str, Callable[[States], str]]]:
    for name, portal in config.portals.items():
        yield from _portal_inputs(name, portal)
    for name, fire in config.fires.items():
        yield fire.input, f"fire input {name}", _word(fire.input, fire_line_of)
    for name, point in config.points.items():
        yield point.input, f"alarm point {name}", _word(point.input, line_of)
        if point.mask is not None:
            yield point.mask, f"mask of alarm point {name}", _word(point.mask, line_of)
    for name, source in config.local_sources.items():
        yield source.input, f"source {name}", _word(source.input, line_of)


def _portal_inputs(
    name: str, portal: PortalEntry
) -> Iterator[tuple[Input, str, Callable[[States], str]]]:
    if portal.contact is not None:
        yield portal.contact, f"contact of portal {name}", _word(portal.contact, contact_of)
    for point, what, words in (
        (portal.rex, "exit button", ("pressed", "at rest")),
        (portal.bolt, "bolt", ("thrown", "drawn")),
        (portal.loop, "loop", ("taken", "free")),
        (portal.up, "upper limit", ("reached", "not reached")),
    ):
        if point is not None:
            yield point, f"{what} of portal {name}", _either(point, words)


def _word(point: Input, read: Callable[[Input, States], object]) -> Callable[[States], str]:
    return lambda states: str(read(point, states))


def _either(point: Input, words: tuple[str, str]) -> Callable[[States], str]:
    """One of two words, or the line's fault."""

    def word(states: States) -> str:
        state = states[point.input] if point.input < len(states) else InputState.CUT
        if state in {InputState.CUT, InputState.SHORTED}:
            return str(state)
        return words[0] if is_active(point, states) else words[1]

    return word
