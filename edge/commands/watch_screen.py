"""The live view of `sentrypost watch` on a terminal: one screen that is drawn anew."""

import shutil
import signal
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice, takewhile
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import click

from edge.commands.alarm import URGENCY, WORDS
from edge.commands.common import Row, painted, table, zone_named
from edge.commands.entries import decoded
from edge.commands.following import Following
from edge.commands.status import ALARMING, fire_row, lines, portal_row, reader_row
from edge.control.client_alarms import AlarmClient
from edge.control.messages import Refusal, StatusReply
from edge.control.messages_alarms import AlarmsReply
from edge.present import Line, clean, line
from edge.tone import Tone

LOOK_S = 0.5
"""What an eye takes for at once; each look costs the daemon some milliseconds."""

EVENTS_KEPT = 200
"""More lines than any terminal shows."""

EVENTS_MIN = 4
ALARMS_SHOWN = 3
ENTRIES_AT_ONCE = 200

ENTER, LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
"""The terminal's other screen, without a cursor; and back, as it was before."""

HOME, END_LINE, END_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"


class Seen(NamedTuple):
    """What is known at one look."""

    status: StatusReply
    alarms: AlarmsReply
    events: Sequence[Line]
    trouble: str = ""


class Screen(Following):
    """Looks at the daemon and draws, whatever happens to the connection."""

    goes_on_after = Following.goes_on_after | {Refusal.JOURNAL}

    def __init__(self, state: Path) -> None:
        super().__init__()
        self._state = state
        self._events: deque[Line] = deque(maxlen=EVENTS_KEPT)
        self._following: tuple[str, int] | None = None
        self._seen: Seen | None = None

    def run(self) -> None:
        """Until Ctrl-C. Raises Failed where it cannot go on."""
        with _other_screen():
            self.forever()

    def follow(self) -> None:
        """Draw what is looked at until the connection ends, which is a ControlClientError."""
        with AlarmClient(self._state) as daemon:
            while True:
                status = daemon.status()
                self._read(daemon, status)
                self._seen = Seen(status, daemon.alarms(open_only=True), tuple(self._events))
                self.heard()
                self._draw()
                time.sleep(LOOK_S)

    def note(self, text: str) -> None:
        """What stands on the screen is not live any more, and says so."""
        if self._seen is None:
            said = clean(f"-- {text}; trying again")
            click.echo(HOME + said + END_LINE + END_SCREEN, color=True)
            return
        self._seen = self._seen._replace(trouble=text)
        self._draw()

    def _read(self, daemon: AlarmClient, status: StatusReply) -> None:
        """The entries since the last look, the newest of them at least."""
        incarnation, following = self._following or ("", 0)
        oldest = max(1, status.seq + 1 - EVENTS_KEPT)
        if incarnation != status.incarnation or following > status.seq + 1:
            self._events.clear()
            following = oldest
        following = max(following, oldest)
        zone = zone_named(status.timezone)
        while following <= status.seq:
            found = daemon.read(following, ENTRIES_AT_ONCE).entries
            if not found:
                break
            for sent in found:
                self._events.append(line(decoded(sent), sent.personal, zone))
            following = found[-1].seq + 1
        self._following = status.incarnation, following

    def _draw(self) -> None:
        assert self._seen is not None, "there is something to draw"
        size = shutil.get_terminal_size()
        rows = page(self._seen, size.lines, size.columns)
        text = "".join(f"{painted(row)}{END_LINE}\r\n" for row in rows[:-1])
        text += "".join(f"{painted(row)}{END_LINE}" for row in rows[-1:])
        # Not by `coloured`: what moves about on the screen is no colour, and would go with them.
        click.echo(HOME + text + END_SCREEN, nl=False, color=True)


def page(seen: Seen, height: int, width: int) -> list[Line]:
    """What fits: what is wrong goes before what is quiet, and of events the newest are shown."""
    status = seen.status
    head = list(takewhile(lambda one: one.text, lines(status)))
    if seen.trouble:
        said = f"NOT LIVE: {seen.trouble}; trying again. What follows is as it was last"
        head.insert(0, Line(Tone.FAULT, clean(said)))
    body = [*head, *_alarms(seen.alarms), *_troubles(status)]
    room = max(1, height - len(body) - EVENTS_MIN - 3)
    body += _portals(status, room)
    left = max(EVENTS_MIN, height - len(body) - 2)
    body += [Line(Tone.PLAIN, ""), Line(Tone.PLAIN, "last events; Ctrl-C ends it")]
    body += list(seen.events)[-left:]
    return [Line(tone, text[:width]) for tone, text in body[:height]]


def _alarms(alarms: AlarmsReply) -> Iterator[Line]:
    if not alarms.opened:
        yield Line(Tone.PLAIN, "alarms    none open")
        return
    tone = Tone.ALARM if alarms.unseen else Tone.NOTICE
    yield Line(tone, f"alarms    {alarms.opened} OPEN, {alarms.unseen} of them not acknowledged")
    for one in alarms.alarms[:ALARMS_SHOWN]:
        about = f" {one.source}" if one.source else ""
        said = f"          {one.alarm}  {URGENCY[one.priority]}  {one.title}{about}"
        yield Line(tone, clean(f"{said}: {WORDS[one.state]}"))


def _troubles(status: StatusReply) -> Iterator[Line]:
    """Readers and fire inputs with which something is wrong."""
    rows: list[Row] = [reader_row(reader) for reader in status.readers]
    rows += [fire_row(fire) for fire in status.fires]
    wrong = [row for row in rows if row[0] is not Tone.PLAIN]
    if wrong:
        yield from table("readers and fire inputs with trouble", wrong)


def _portals(status: StatusReply, room: int) -> list[Line]:
    """In the policy's order; where they do not fit those that are shut and quiet are counted."""
    portals = list(status.portals)
    if len(portals) + 2 <= room:
        return list(table("portals", [portal_row(one) for one in portals]))
    loud = [one for one in portals if one.state in ALARMING or not one.linked or one.released]
    quiet = [one for one in portals if one not in loud]
    shown = [*loud, *islice(quiet, max(0, room - 3 - len(loud)))]
    left = len(portals) - len(shown)
    drawn = list(table("portals", [portal_row(one) for one in shown]))
    return [*drawn, Line(Tone.PLAIN, f"  and {left} more, nothing wrong with them")]


@contextmanager
def _other_screen() -> Iterator[None]:
    """However it ends, the terminal is as it was."""

    def end(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    click.echo(ENTER, nl=False, color=True)
    try:
        yield
    finally:
        click.echo(LEAVE, nl=False, color=True)
        signal.signal(signal.SIGTERM, before)
