"""`sentrypost watch`"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from edge.commands.common import connected, json_option, state_option, zone_named
from edge.commands.entries import show
from edge.commands.following import Following
from edge.commands.watch_screen import Screen
from edge.control.client import Client
from edge.control.messages import Entries, Refusal


@click.command()
@state_option
@json_option
@click.option(
    "--from",
    "from_seq",
    type=click.IntRange(min=1),
    help="Begin with this entry instead of with what comes next.",
)
def watch(state: Path, as_json: bool, from_seq: int | None) -> None:
    """Show what happens, as it is recorded, until Ctrl-C.

    On a terminal one screen with posture, links, alarms, portals and the last events, twice a
    second. With --json or --from, and into a pipe, line by line, and nothing is left out. A ? after
    the time: the clock was not trusted. A daemon that restarts is waited for.
    """
    with connected(state) as client:
        status = client.status()
    if not as_json and from_seq is None and sys.stdout.isatty() and draws(os.environ):
        Screen(state).run()
    Watcher(state, status.incarnation, from_seq or status.seq + 1, as_json=as_json).forever()


def draws(environment: Mapping[str, str]) -> bool:
    """Whether the terminal can be drawn on."""
    return environment.get("TERM", "dumb") != "dumb"


class Watcher(Following):
    """Knows which entry comes next, whatever happens to the connection."""

    goes_on_after = Following.goes_on_after | {Refusal.JOURNAL}

    def __init__(self, state: Path, incarnation: str, following: int, *, as_json: bool) -> None:
        super().__init__()
        self._state = state
        self._incarnation = incarnation
        self._following = following
        self._as_json = as_json

    def follow(self) -> None:
        """Show entries until the connection ends, which is a ControlClientError."""
        with Client(self._state) as client:
            status = client.status()
            self._agree(status.incarnation, status.seq)
            zone = zone_named(status.timezone)
            for message in client.subscribe(self._following):
                self.heard()
                if isinstance(message, Entries):
                    for entry in message.entries:
                        show(entry, zone, as_json=self._as_json)
                        self._following = entry.seq + 1

    def _agree(self, incarnation: str, newest: int) -> None:
        """A journal that was replaced or put back is said, and followed as it is now."""
        if incarnation != self._incarnation:
            click.echo("-- this is another journal: from its first entry on", err=True)
            self._incarnation, self._following = incarnation, 1
        elif self._following > newest + 1:
            click.echo(
                f"-- the journal now ends at {newest}, entries up to {self._following - 1} were "
                "shown: an old copy was put back",
                err=True,
            )
            self._following = newest + 1
