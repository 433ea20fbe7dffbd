"""`sentrypost guard watch`"""

import shutil
import time
from datetime import tzinfo
from pathlib import Path

import click

from edge.commands.common import coloured, painted, zone_named
from edge.commands.following import Following
from edge.commands.guard_page import who, written
from edge.control.client_guard import GuardClient
from edge.control.messages_guard import ComparisonShown, ComparisonsReply, Side
from edge.failed import Failed
from edge.present import Line, clean, local
from edge.tone import Tone

LOOK_S = 2.0
"""A fifth of what the edge takes for nobody there: four answers may be late."""

BELL = "\a"


class Watcher(Following):
    """Remembers what was shown, whatever happens to the connection. `folder`: ours alone."""

    def __init__(self, state: Path, folder: Path) -> None:
        super().__init__()
        self._state = state
        self._folder = folder
        self._seen: dict[str, ComparisonShown] = {}
        self._begun = False

    def follow(self) -> None:
        """Show what changes until the connection ends, which is a ControlClientError."""
        with GuardClient(self._state) as daemon:
            while True:
                reply = daemon.comparisons(attends=True)
                self.heard()
                self._show(daemon, reply)
                time.sleep(LOOK_S)

    def _show(self, daemon: GuardClient, reply: ComparisonsReply) -> None:
        zone = zone_named(reply.timezone)
        if not self._begun:
            self._say(Tone.PLAIN, f"{local(reply.utc_us, zone)}  a guard attends; Ctrl-C ends it")
            self._begun = True
        here = {one.question: one for one in reply.comparisons}
        for question in [name for name in self._seen if name not in here]:
            self._say(Tone.PLAIN, f"{local(reply.utc_us, zone)}  {question}  over")
            shutil.rmtree(self._folder / question, ignore_errors=True)
            del self._seen[question]
        for question, one in here.items():
            if question not in self._seen:
                self._seen[question] = one
                self._tell(daemon, one, zone, reply.utc_us)

    def _tell(self, daemon: GuardClient, one: ComparisonShown, zone: tzinfo, utc_us: int) -> None:
        """Whoever has just come."""
        head = f"{local(utc_us, zone)}  {one.question}  {one.portal}, {one.direction}"
        click.echo(BELL, nl=False)
        self._say(Tone.NOTICE, f"{head}: is it {who(one)}? {', '.join(one.roles)}".rstrip())
        pictures = {side: daemon.comparison_picture(one.question, side) for side in Side}
        for side, picture in pictures.items():
            if not picture.data:
                self._say(Tone.FAULT, f"  no {side} picture: {picture.reason}; {picture.remedy}")
        try:
            file = written(self._folder / one.question, one, pictures, zone, utc_us)
        except Failed as error:
            self._say(Tone.FAULT, f"  {error.message}; {error.remedy}")
        else:
            self._say(Tone.PLAIN, f"  {file}")

    def _say(self, tone: Tone, text: str) -> None:
        click.echo(painted(Line(tone, clean(text))), color=coloured())
