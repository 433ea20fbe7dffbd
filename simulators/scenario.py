"""What happens at a simulated site: people with badges and the ways they take, as TOML."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from drivers.badges import BadgeTextError, parse_presented
from policies.facts import Direction

Seconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """Unknown keys are mistakes."""


class Face(Entry, frozen=True, kw_only=True):
    """What a camera sees of somebody: `who` of the drawn people, `shown` as `sentrypost sim faces`
    has it, and who stands `beside`.
    """

    who: Annotated[int, msgspec.Meta(ge=0, le=2**31)]
    shown: Literal["live", "photo", "replay", "frozen"] = "live"
    beside: Annotated[int, msgspec.Meta(ge=0, le=2**31)] | None = None


class Person(Entry, frozen=True, kw_only=True):
    """`badge` as in the people's file; `pin` is what the person types, right or wrong. `face`: with
    what he stands before simulated cameras; none of them sees who has none.
    """

    name: str
    badge: str
    pin: str | None = None
    face: Face | None = None

    def __repr__(self) -> str:
        return f"Person(name={self.name!r}, …)"


class Way(Entry, frozen=True, kw_only=True):
    """Portals in the order in which somebody takes them; `out` ones are left through. With a `cue`
    it begins so long behind that word, each time that it is said; with `after` so long behind the
    end of that person's first way, however slow the machine is. Whom a portal did not let through
    gives up after so many `tries`.
    """

    person: str
    portals: tuple[str, ...]
    cue: str | None = None
    after: str | None = None
    start_s: Seconds = 0
    every_s: Seconds | None = None
    tries: Annotated[int, msgspec.Meta(ge=1, le=10)] = 1


class Presented(Entry, frozen=True, kw_only=True):
    """A badge that is held to a reader by somebody who goes through no door: at a terminal, or for
    an enrolment. `cue` and `start_s` as of a way.
    """

    person: str
    reader: str
    cue: str | None = None
    start_s: Seconds = 0


class Mishap(Entry, frozen=True, kw_only=True):
    """Something that goes wrong at `at_s`: at a door, a line, a fire input, or a sensor: one of
    `point.NAME`, `source.NAME`, `loop.PORTAL`. `after`: as of a way.
    """

    at_s: Seconds
    after: str | None = None
    what: str
    where: str


class Scenario(Entry, frozen=True, kw_only=True):
    person: dict[str, Person]
    way: tuple[Way, ...] = ()
    presented: tuple[Presented, ...] = ()
    mishap: tuple[Mishap, ...] = ()
    peers: dict[str, str] = {}
    """Devices that another program plays: by name, which. `libosdp` is the one there is."""

    @property
    def cued(self) -> bool:
        """Whether something waits for a word."""
        return any(way.cue is not None for way in self.way) or any(
            shown.cue is not None for shown in self.presented
        )


class ScenarioError(ValueError):
    """The file cannot be played; the message says where and why."""


MISHAPS = {
    "force": "portal",
    "wedge": "portal",
    "unwedge": "portal",
    "unplug": "line",
    "replug": "line",
    "noise": "line",
    "calm": "line",
    "silence": "device",
    "speak": "device",
    "fire": "fire input",
    "quiet": "fire input",
    "trip": "sensor",
    "rest": "sensor",
    "cut": "sensor",
    "short": "sensor",
    "stick": "sensor",
    "mask": "sensor",
    "mend": "sensor",
}
"""What can go wrong, and where."""


def load_scenario(path: Path) -> Scenario:
    """Read a scenario. Raises ScenarioError."""
    try:
        scenario = msgspec.convert(tomllib.loads(path.read_text()), Scenario)
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise ScenarioError(f"{path}: {error}") from error
    for number, way in enumerate(scenario.way, 1):
        if way.person not in scenario.person:
            raise ScenarioError(f"{path}: way {number}: nobody is called '{way.person}'")
    for number, shown in enumerate(scenario.presented, 1):
        if shown.person not in scenario.person:
            where = f"{path}: presented {number}"
            raise ScenarioError(f"{where}: nobody is called '{shown.person}'")
    for mishap in scenario.mishap:
        if mishap.what not in MISHAPS:
            raise ScenarioError(f"{path}: no mishap '{mishap.what}'; one of {', '.join(MISHAPS)}")
    walking = {way.person for way in scenario.way if way.cue is None and way.after is None}
    behind: tuple[Way | Mishap, ...] = (*scenario.way, *scenario.mishap)
    for one in behind:
        if one.after is not None and one.after not in walking:
            raise ScenarioError(
                f"{path}: after '{one.after}': nobody of that name takes a way by himself"
            )
    for name, person in scenario.person.items():
        try:
            parse_presented(person.badge)
        except BadgeTextError as error:
            raise ScenarioError(f"{path}: the badge of '{name}': {error}") from error
    return scenario


def step_of(word: str) -> tuple[str, Direction]:
    """`archive-door` is entered, `-archive-door` is left through."""
    if word.startswith("-"):
        return word[1:], Direction.EXIT
    return word, Direction.ENTRY
