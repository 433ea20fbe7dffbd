"""The latest entries that were stored, for whoever watches: a ring of one size, however many read
it, and however fast more comes.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from datetime import UTC
from functools import cached_property
from itertools import islice
from secrets import token_hex

import msgspec

from central.archive import Archived
from central.mentions import PORTAL, mentions
from central.wall_messages import TOLD_MAX, EntriesTold, FollowEntries, StoredEntry
from controller.alarms import alarm
from controller.events import Entry, kind_of
from controller.events_pictures import PictureKept
from edge.control.frames import FRAME_BYTES_MAX
from edge.present import committed, line

KEPT_MAX = 2_000
"""Entries; a thousand edges of which each has one in two seconds fill it in four."""

KEPT_BYTES_MAX = 16 * 1024 * 1024
"""Of stored bytes: an entry may have 64 KiB."""

MESSAGE_BYTES = FRAME_BYTES_MAX // 4
"""Of stored bytes in one message: they are escaped there, and stand there again as text."""

FIRST_MAX = 50
"""Entries with which a stream begins."""

PICTURE = kind_of(PictureKept)

Addresses = Mapping[tuple[str, str], str]
"""Of the pages of edges, by site and edge."""


class _Pictured(msgspec.Struct):
    picture: str = ""


def stored_entry(
    archived: Archived, addresses: Addresses, place: str = "", *, names: bool
) -> StoredEntry:
    """An entry as somebody may see it who has the right to names, or has not."""
    entry = archived.entry
    personal = archived.personal if names else ()
    said = line(entry, personal, UTC)
    rule = alarm(entry)
    by_field = committed(entry, personal)
    return StoredEntry(
        entry=archived.data.decode(),
        personal=tuple(one for one in personal if one.field in by_field),
        tone=said.tone,
        text=said.text,
        alarm="" if rule is None else rule.title,
        picture=_picture(entry),
        pages=addresses.get((entry.site, entry.edge), ""),
        place=place,
    )


def _picture(entry: Entry) -> str:
    if entry.kind != PICTURE:
        return ""
    try:
        return msgspec.json.decode(entry.body, type=_Pictured).picture
    except msgspec.DecodeError:
        return ""


class _Told:
    """One entry of the ring, looked into when somebody asks, and once."""

    def __init__(self, number: int, archived: Archived, addresses: Addresses) -> None:
        self.number, self.archived = number, archived
        self._addresses = addresses

    @cached_property
    def portals(self) -> frozenset[str]:
        found = mentions(self.archived.entry)
        return frozenset(one.value for one in found if one.what == PORTAL)

    @cached_property
    def alarms(self) -> bool:
        return alarm(self.archived.entry) is not None

    @cached_property
    def with_names(self) -> StoredEntry:
        return stored_entry(self.archived, self._addresses, names=True)

    @cached_property
    def without_names(self) -> StoredEntry:
        return stored_entry(self.archived, self._addresses, names=False)

    def wanted(self, asked: FollowEntries, kinds: frozenset[str]) -> bool:
        entry = self.archived.entry
        return (
            asked.site in ("", entry.site)
            and asked.edge in ("", entry.edge)
            and (not kinds or entry.kind in kinds)
            and (not asked.alarms_only or self.alarms)
            and (not asked.portal or asked.portal in self.portals)
        )


class TellingEntries:
    """One central's."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._run = token_hex(4)
        self._ring: deque[_Told] = deque()
        self._bytes = 0
        self.last = 0
        """The number of the latest; they count from 1."""
        self._next = asyncio.Event()

    @property
    def next(self) -> asyncio.Event:
        """Set with the next entry after this was asked for."""
        return self._next

    def stored(self, new: Iterable[Archived]) -> None:
        for archived in new:
            self.last += 1
            self._ring.append(_Told(self.last, archived, self._addresses))
            self._bytes += len(archived.data)
            while len(self._ring) > KEPT_MAX or self._bytes > KEPT_BYTES_MAX:
                self._bytes -= len(self._ring.popleft().archived.data)
        self._next.set()
        self._next = asyncio.Event()

    def begin(self, asked: FollowEntries) -> int:
        """Behind which number a stream begins: behind what was seen, or with the latest that are
        wanted.
        """
        run, _, number = asked.after.partition(".")
        if run == self._run and number.isdecimal():
            return min(int(number), self.last)
        kinds, wanted = frozenset(asked.kinds), 0
        for told in reversed(self._ring):
            wanted += told.wanted(asked, kinds)
            if wanted == FIRST_MAX:
                return told.number - 1
        return self._before

    @property
    def _before(self) -> int:
        """The number in front of the oldest that is kept."""
        return self.last - len(self._ring)

    def behind(self, number: int, asked: FollowEntries, *, names: bool) -> tuple[EntriesTold, int]:
        """What is wanted behind that number, as much of it as one message holds, and up to which
        number it goes.
        """
        kinds, size = frozenset(asked.kinds), 0
        found: list[StoredEntry] = []
        left_out = max(0, self._before - number)
        upto = max(number, self._before)
        for told in islice(self._ring, upto - self._before, None):
            if told.wanted(asked, kinds):
                size += len(told.archived.data)
                if len(found) == TOLD_MAX or (found and size > MESSAGE_BYTES):
                    break
                found.append(told.with_names if names else told.without_names)
            upto = told.number
        place = f"{self._run}.{upto}"
        return EntriesTold(entries=tuple(found), left_out=left_out, place=place), upto
