"""Stories: an emergency as a file: who is there, what happens, and what must come of it.

A story plays at the embassy of the demonstration: its policy, its doors. Steps happen one after the
other, each not before its time. What a step says must come of it, has to.
"""

import tomllib
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from controller.orders import Cover
from policies.facts import Level, Mode
from policies.rights import OrderKind
from simulators.scenario import Entry, Seconds

FOLDER = Path(__file__).parent / "stories"


class Actor(Entry, frozen=True, kw_only=True):
    """Somebody with a badge. `duress`: the PIN for when he is forced. `signs`: he has a key that
    signs orders.
    """

    roles: tuple[str, ...]
    pin: str = "2580"
    duress: str = ""
    signs: bool = False


class Step(Entry, frozen=True, kw_only=True, tag_field="do"):
    """`at_s`: since the beginning. `tells`: what the summary says of it."""

    at_s: Seconds
    tells: str = ""


class Walk(Step, frozen=True, kw_only=True, tag="walk"):
    """Somebody goes to a zone, as far as doors let. `arrives`: whether they have to. `forced`: by
    somebody behind them, so that they type their PIN for duress.
    """

    who: str
    to: str
    arrives: bool = True
    forced: bool = False


class Flee(Step, frozen=True, kw_only=True, tag="flee"):
    """Everybody inside leaves; every one of them has to reach the street."""

    within_s: Seconds = 120


class Give(Step, frozen=True, kw_only=True, tag="order"):
    """A signed order is given at the edge. `called`: how later steps name it. `taken`: whether the
    edge has to take it; `because`: words of the refusal.
    """

    kind: OrderKind
    called: str
    by: tuple[str, ...]
    zones: tuple[str, ...] = ()
    portals: tuple[str, ...] = ()
    cover: Cover | None = None
    level: Level | None = None
    ends: tuple[str, ...] = ()
    role: str = ""
    person: str = ""
    unreachable: tuple[str, ...] = ()
    until_s: Seconds = 0
    drill: bool = False
    taken: bool = True
    because: str = ""


class Turn(Step, frozen=True, kw_only=True, tag="switch"):
    """A key switch or a panic button is worked, and let go."""

    source: str


class Burn(Step, frozen=True, kw_only=True, tag="fire"):
    """A fire loop opens, or closes again."""

    fire: str
    burns: bool = True


class Reset(Step, frozen=True, kw_only=True, tag="reset"):
    """A named person resets the latch of a fire."""

    fire: str
    done: bool = True


class Cut(Step, frozen=True, kw_only=True, tag="cut"):
    """The cable of a device is cut, or mended."""

    device: str
    mended: bool = False


class Kill(Step, frozen=True, kw_only=True, tag="kill"):
    """The edge's program is killed; the machine starts it again."""


class Expect(Step, frozen=True, kw_only=True, tag="expect"):
    """What must be so, within some seconds at the latest. What is not said is not looked at.

    `in_force`: names of orders, those of sources by the source. `shut`: portals whose way in the
    posture denies, and no others; `free`: those whose lock is released for a way out, and no
    others; `missing`: those that have not obeyed the orders in force, and no others. `inside`: who
    the muster knows to be where. `alarms`: kinds of entries that are alarms to whoever watches.
    `duress`: of whom the recipients of sealed notes have been told.
    """

    within_s: Seconds = 8
    mode: Mode | None = None
    threat: Level | None = None
    in_force: tuple[str, ...] | None = None
    shut: tuple[str, ...] | None = None
    free: tuple[str, ...] | None = None
    missing: tuple[str, ...] | None = None
    inside: dict[str, tuple[str, ...]] | None = None
    alarms: tuple[str, ...] | None = None
    duress: tuple[str, ...] | None = None


AnyStep = Walk | Flee | Give | Turn | Burn | Reset | Cut | Kill | Expect


class Story(Entry, frozen=True, kw_only=True):
    """`begins`: on the wall of the site."""

    title: str
    about: str
    begins: datetime
    person: dict[str, Actor]
    step: tuple[AnyStep, ...]


class Line(NamedTuple):
    """What came of one step. `wrong`: why it is not as it has to be."""

    at_s: float
    said: str
    wrong: str = ""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A story that was played. `kinds`: entries of each kind that the journal has of it."""

    title: str
    lines: tuple[Line, ...]
    kinds: dict[str, int]

    @property
    def wrong(self) -> list[str]:
        return [
            f"at {line.at_s:.1f} s: {line.said}: {line.wrong}" for line in self.lines if line.wrong
        ]


class StoryError(ValueError):
    """The file cannot be played; the message says where and why."""


def names() -> list[str]:
    """The stories that there are."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_story(named: str) -> Story:
    """One of `names()`, or a file. Raises StoryError."""
    path = FOLDER / f"{named}.toml"
    path = path if path.exists() else Path(named)
    try:
        story = msgspec.convert(tomllib.loads(path.read_text()), Story)
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise StoryError(f"{path}: {error}") from error
    problems = _problems(story)
    if problems:
        raise StoryError(f"{path}: {'; '.join(problems)}")
    return story


def _problems(story: Story) -> list[str]:
    """Names that nobody has, and times that go back."""
    found, called, at_s = [], set[str](), 0.0
    for number, step in enumerate(story.step, 1):
        where = f"step {number}"
        if step.at_s < at_s:
            found.append(f"{where}: begins before the one above it")
        at_s = step.at_s
        acting: tuple[str, ...] = ()
        match step:
            case Walk(who=who):
                acting = (who,)
            case Give(by=by):
                acting = by
                found += [
                    f"{where}: no order '{name}' before" for name in step.ends if name not in called
                ]
                called.add(step.called)
            case Turn(source=source):
                called.add(source)
            case _:
                pass
        found += [f"{where}: nobody is '{name}'" for name in acting if name not in story.person]
    return found
