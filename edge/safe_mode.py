"""How earlier runs of the daemon ended, and what follows from it for this one.

A run that was not asked to end ended uncleanly: killed, by the watchdog or by an error, or with
the machine's power. The next start finds its mark in the state folder. After three such ends
within ten minutes the edge starts in **safe mode**: everything that doors need, and nothing else.

Time without power is not counted, because no clock that can be relied on knows of it: ends before
the machine's last start count for as long as they may lie within ten minutes.

Nothing here keeps an edge from starting. A file that cannot be read is no memory, one that cannot
be written leaves the one before. It is not synced: a mark that the power takes away is one end
less, and a disk that hangs must not keep a door from its edge.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from edge.clock import BootTime

RUNS = "runs.json"
"""Beside the journal's folder in the state folder; it is not there after an end in good order."""

UNCLEAN_ENDS = 3
WITHIN_S = 600.0

SERVED_S = 600.0
"""A run that lasts so long has served: the ends before it are forgotten, and safe mode is over."""

FILE_MODE = 0o600

log = logging.getLogger(__name__)

Aside = Callable[[Callable[[], None]], Awaitable[None]]
"""Does something where a disk that hangs holds nobody up; returns at once or after some time."""


class Past(msgspec.Struct, frozen=True):
    """The file. `running`: a run began and has not ended; `ends`: unclean ones, when found."""

    running: bool = False
    ends: tuple[BootTime, ...] = ()


class Run:
    """One run of the daemon, after those before it. `unclean`: an end lately was; see `begin`."""

    def __init__(self, state: Path, clock: Callable[[], BootTime]) -> None:
        """Only looks, so that a second daemon on a folder in use changes nothing."""
        self._file = state / RUNS
        now = clock()
        past = _read(self._file)
        ends = [end for end in past.ends if _may_be_recent(end, now)]
        if past.running:
            ends.append(now)
        self._ends = tuple(ends[-UNCLEAN_ENDS:])
        self.unclean = bool(self._ends)
        self.safe_mode = len(self._ends) >= UNCLEAN_ENDS

    def begin(self) -> None:
        """The folder is ours. From here on an end of which nothing is said is unclean."""
        self._write(Past(running=True, ends=self._ends))

    def refused(self) -> None:
        """The edge did not start, and said why: that is no end, and mends none."""
        self._write(Past(running=False, ends=self._ends))

    def served(self) -> None:
        """Long enough."""
        self._ends = ()
        self.begin()

    def ended(self) -> None:
        """In good order. A file can be removed from a full disk, too."""
        try:
            self._file.unlink(missing_ok=True)
        except OSError as error:
            log.warning("this end will count as unclean: %s", error)

    def _write(self, past: Past) -> None:
        try:
            replace_file(self._file, msgspec.json.encode(past))
        except OSError as error:
            log.warning("how this run ends will not be known: %s", error)


async def note_service(run: Run, keep: Callable[[], None], aside: Aside) -> None:
    """When the run has lasted: forget earlier ends, and `keep` what it serves by.

    What ran in safe mode is not kept: part of it was not tried.
    """
    await asyncio.sleep(SERVED_S)
    await aside(run.served)
    if run.safe_mode:
        log.warning("safe mode is over: the edge has run for %.0f min", SERVED_S / 60)
    else:
        await aside(keep)


def replace_file(path: Path, data: bytes) -> None:
    """All of it or what was there before, for the daemon's account alone. Raises OSError."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(FILE_MODE, exist_ok=False)
    fresh.write_bytes(data)
    fresh.replace(path)


def _read(file: Path) -> Past:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Past)
    except FileNotFoundError:
        return Past()
    except (OSError, msgspec.DecodeError, RecursionError) as error:
        log.warning("how earlier runs ended is not known: %s", error)
        return Past()


def _may_be_recent(end: BootTime, now: BootTime) -> bool:
    """Whether it lies within the last ten minutes, as far as this start of the machine knows."""
    if end.boot == now.boot and end.at_s <= now.at_s:
        return now.at_s - end.at_s < WITHIN_S
    return now.at_s < WITHIN_S
