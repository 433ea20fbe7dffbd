"""Looks through the archive each day for what is past its time, between what edges send."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec

from central.archive import ArchiveError
from central.archive_retention import Look, Rules, Taken
from central.findings import ArchiveFailing, EntriesEnded, Finding

LOOK_S = 86_400.0
"""Times are kept in days."""

FIRST_S = 60.0
"""After a start edges come first: they have waited."""

YIELD_S = 0.05
"""Between two steps of some milliseconds: what edges send has nearly all of the archive's time."""

Blocking = Callable[..., Awaitable[Any]]
"""Has a function called where the archive is used, behind what waits there."""


class Archive(Protocol):
    """What it needs of an archive, on that thread."""

    @property
    def id(self) -> str: ...
    def end(self, look: Look) -> Taken | None: ...
    def scrub(self) -> bool: ...


class Keeping:
    """Of one archive. `utc_us()` is central's clock, which has to be right to some hours."""

    def __init__(self, rules: Rules, utc_us: Callable[[], int], first_s: float = FIRST_S) -> None:
        self._rules = rules
        self._utc_us = utc_us
        self._first_s = first_s

    async def run(
        self,
        archive: Archive,
        blocking: Blocking,
        found: Callable[[Finding], None],
    ) -> None:
        """For good. An archive that fails is tried again."""
        await asyncio.sleep(self._first_s)
        while True:
            try:
                await self._look(archive, blocking, found)
            except ArchiveError as error:
                found(ArchiveFailing(reason=str(error)))
            await asyncio.sleep(LOOK_S)

    async def _look(
        self,
        archive: Archive,
        blocking: Blocking,
        found: Callable[[Finding], None],
    ) -> None:
        look = Look(self._rules, archive.id, self._utc_us())
        ended: dict[tuple[str, str], EntriesEnded] = {}
        while not look.over:
            await asyncio.sleep(YIELD_S)
            taken = await blocking(archive.end, look)
            if taken is not None:
                place = (taken.site, taken.edge)
                known = ended.get(place, EntriesEnded(site=taken.site, edge=taken.edge, count=0))
                ended[place] = msgspec.structs.replace(known, count=known.count + taken.count)
        for one in ended.values():
            found(one)
        more = True
        while more:
            await asyncio.sleep(YIELD_S)
            more = await blocking(archive.scrub)
