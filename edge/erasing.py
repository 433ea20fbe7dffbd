"""Erasing somebody at this edge: found, recorded, and then carried out.

It is recorded first and in one commit, with every value that is to go. From then on it is only
carried out, again and again until it is done: people off their file, values out of the journal.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence

from controller.erasures import why_not
from controller.events import PersonErased
from controller.events_people import Range
from controller.ids import HolderId
from controller.inputs import PersonEraseAsked
from edge.daemon import Daemon
from edge.journal import JournalWriter
from edge.journal.erasure import Known, Recorded, Search
from edge.people.records import Change, HolderRecord, Roll, badges_of

NAME_WORD_CHARS = 4
"""Shorter words of a name may stand in any sentence."""

Remove = Callable[[Sequence[HolderId], str], Awaitable[None]]
"""Take people off their file, those that are there, and leave no byte; `operator` does it."""


TakeAway = Callable[[HolderId], Awaitable[None]]
"""Take away something that is kept of a person elsewhere, once more without harm. It is called when
the person is off the file, and raises StillThereError, JournalError.
"""


def names(reason: str, record: HolderRecord) -> bool:
    """Whether a reason, which stands in the log for good, has the person's name in it."""
    said = set(re.findall(r"\w+", reason.casefold()))
    words = re.findall(r"\w+", record.name.casefold())
    return any(len(word) >= NAME_WORD_CHARS and word in said for word in words)


def erased_by_set(change: Change) -> str:
    """The reason where somebody is gone from a change set."""
    return f"erased at another edge: change set {(change.change_set or '')[:16]}"


def known_of(roll: Roll, record: HolderRecord) -> Known:
    """By what the values about somebody on file are told."""
    own = badges_of(roll, record.id)
    return Known(
        holder=HolderId(record.id),
        name=record.name,
        badges=own,
        others_badges={one.ref for one in roll.credentials.values()} - own,
    )


async def carried_out(writer: JournalWriter, recorded: Sequence[Recorded], upto: int) -> None:
    """Take away every value that was recorded to go, and those that came after the search; then say
    that it is done up to `upto`. What is done already is done again without harm.

    Raises JournalError.
    """
    searched: dict[HolderId, int] = {}
    gone: list[Range] = []
    for _, erased in recorded:
        await writer.remove(erased.values)
        gone += [one for values in erased.values for one in values.entries]
        last = max(erased.searched, searched.get(erased.holder, 0))
        searched[erased.holder] = last
    for holder, last in searched.items():
        later = Search(Known(holder=holder), last + 1, writer.last_seq)
        await writer.search(later)
        await writer.remove(later.values)
        gone += [one for values in later.values for one in values.entries]
    await writer.rewrite(gone)
    await writer.settle_erasures(upto)


class Erasing:
    """One daemon's."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._carrying = asyncio.Lock()
        self.elsewhere: list[TakeAway] = []
        """What else is kept of people, and how it goes."""
        self.due = asyncio.Event()
        """Something that was recorded could not be carried out, and has to be."""

    async def search(self, record: HolderRecord) -> Search:
        """The values about somebody on file. Raises JournalError."""
        daemon = self._daemon
        known = await asyncio.to_thread(known_of, daemon.people.roll, record)
        search = Search(known, 1, daemon.writer.last_seq)
        await daemon.writer.search(search)
        return search

    def why_not(self, holder: HolderId, *, even_inside: bool) -> str | None:
        """As `controller.erasures.why_not`."""
        return why_not(self._daemon.site.state, holder, even_inside=even_inside)

    async def record(
        self, holder: HolderId, search: Search, reason: str, operator: str, *, even_inside: bool
    ) -> bool:
        """Whether it is recorded: False where the core would not have it.

        From here on it has to be carried out.
        """
        daemon = self._daemon
        outcome = daemon.judge(
            PersonEraseAsked(
                id=daemon.new_id(),
                holder=holder,
                reason=reason,
                operator=daemon.personal("operator", operator),
                searched=search.last,
                values=search.values,
                even_inside=even_inside,
            )
        )
        await daemon.recorder.drained()
        return any(isinstance(event.body, PersonErased) for event in outcome.events)

    async def carry_out(self, remove: Remove, operator: str = "") -> None:
        """Whatever is recorded and not done yet. Raises JournalError, StillThereError, and what
        `remove` does.
        """
        async with self._carrying:
            writer, upto = self._daemon.writer, self._daemon.site.state.erasure_seq
            done = await writer.erased_up_to()
            if upto <= done:
                return
            recorded = await writer.erasures(done + 1, upto)
            gone = list(dict.fromkeys(erased.holder for _, erased in recorded))
            await remove(gone, operator)
            for take_away in self.elsewhere:
                for holder in gone:
                    await take_away(holder)
            await carried_out(writer, recorded, upto)
