"""What a shell may complete behind a command: names that the running edge knows, where it is quick.

What stands in a parameter's place is known by its name, which means the same in every command.
Nothing is ever printed beside it: a shell shows what it is given, in the middle of a line.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import click
from click.shell_completion import CompletionItem

VARIABLE = "_SENTRYPOST_COMPLETE"
"""By which a shell asks; Click's own name for it."""

WITHIN_S = 0.5
"""Longer nobody waits behind a key; a daemon that is busy is asked again at the next."""

PEOPLE_MAX = 50
"""So many fit into a glance; whoever wants another writes one letter more."""

Source = Callable[[Path, str], Iterator[tuple[str, str]]]
"""The names in a state folder's edge that begin so, each with what it is."""


def _status(state: Path) -> "tuple[list[str], list[str], list[str]]":
    """Portals, readers and fire inputs."""
    from edge.control.client import Client

    class Quick(Client):
        silent_s = WITHIN_S

    with Quick(state) as daemon:
        status = daemon.status()
    parts = (status.portals, status.readers, status.fires)
    portals, readers, fires = ([one.id for one in part] for part in parts)
    return portals, readers, fires


def _portals(state: Path, _: str) -> Iterator[tuple[str, str]]:
    yield from ((name, "portal") for name in _status(state)[0])


def _readers(state: Path, _: str) -> Iterator[tuple[str, str]]:
    yield from ((name, "device") for name in _status(state)[1])


def _fires(state: Path, _: str) -> Iterator[tuple[str, str]]:
    yield from ((name, "fire input") for name in _status(state)[2])


def _zones(state: Path, _: str) -> Iterator[tuple[str, str]]:
    from edge.control.client import Client

    class Quick(Client):
        silent_s = WITHIN_S

    with Quick(state) as daemon:
        yield from ((zone.zone, "zone") for zone in daemon.posture().zones)


def _people(state: Path, incomplete: str) -> Iterator[tuple[str, str]]:
    from edge.control.client_people import PeopleClient
    from edge.control.messages_people import SEARCH_CHARS_MAX, FindPeople

    class Quick(PeopleClient):
        silent_s = WITHIN_S

    asked = FindPeople(search=incomplete[:SEARCH_CHARS_MAX], limit=PEOPLE_MAX)
    with Quick(state) as daemon:
        for reply in daemon.find_people(asked):
            yield from ((one.person, one.name) for one in reply.people)


SOURCES: dict[str, Source] = {
    "person": _people,
    "portal": _portals,
    "portals": _portals,
    "zone": _zones,
    "zones": _zones,
    "reader": _readers,
    "device": _readers,
    "input": _fires,
}
"""By a parameter's name."""


class Completed(click.types.StringParamType):
    """A text for which a running edge knows what it may be."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """None where no edge answers at once."""
        from edge.control.client import ControlClientError
        from edge.present import clean

        try:
            found = list(self._source(_state(ctx), incomplete))
        except (click.ClickException, ControlClientError, OSError):
            return []
        return [
            CompletionItem(name, help=clean(what))
            for name, what in found
            if name.startswith(incomplete)
        ]


def completed(command: click.Command) -> None:
    """Let a command, and all below it, complete what it can."""
    for param in command.params:
        source = SOURCES.get(param.name or "")
        if source is not None and type(param.type) is click.types.StringParamType:
            param.type = Completed(source)
    if isinstance(command, click.Group):
        below: Iterable[click.Command] = command.commands.values()
        for one in below:
            completed(one)


def _state(ctx: click.Context) -> Path:
    """The folder of the edge that the line is about so far. Raises Misconfigured."""
    from edge.commands.common import SITE_FILE, SITE_FILE_KEY, state_named_in

    given = ctx.params.get("state")
    if isinstance(given, Path):
        return given
    for file in (ctx.params.get("config"), ctx.params.get("config_file")):
        if isinstance(file, Path):
            return state_named_in(file)
    return state_named_in(ctx.meta.get(SITE_FILE_KEY, SITE_FILE))
