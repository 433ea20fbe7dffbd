"""What people ask of the running daemon about erasing somebody."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Container
from pathlib import Path

from msgspec.structs import replace

from controller.ids import HolderId
from edge.control.messages_erase import ErasePersonReply
from edge.daemon import Daemon
from edge.erasing import Erasing, names
from edge.journal import JournalClosed, JournalError
from edge.journal.erasure import Search
from edge.people import PeopleError, Roll
from edge.people.records import HolderRecord, badges_of
from edge.people_desk import UNWRITABLE, HinderedError, PeopleDesk
from edge.renewal import set_aside
from edge.still_there import StillThereError

AGAIN_S = 2.0
"""Between tries to carry out what is recorded, on a disk that has just failed."""

NAMED = "the reason stands in the log for good and has the person's name in it"
UNNAME = "say on what grounds, without the name"
NOBODY = "give the id that the file of people has; `sentrypost person history` names the newest"
INSIDE = "have the person leave first; --even-inside erases nevertheless"
CAME_IN = "the person has just come in, or the journal failed"
TRY_LATER = "try later"
LATER = "it is recorded and is carried out as soon as the disk can be written"

log = logging.getLogger(__name__)


class EraseDesk:
    """One daemon's."""

    def __init__(self, daemon: Daemon, people: PeopleDesk, erasing: Erasing, state: Path) -> None:
        self._daemon = daemon
        self._state = state
        self._people = people
        self._erasing = erasing

    async def erase(
        self, person: str, reason: str, operator: str, *, even_inside: bool, dry_run: bool
    ) -> ErasePersonReply:
        """As `edge.control.desk.Desk` has it."""
        roll = self._daemon.people.roll
        record = await asyncio.to_thread(roll.named, person)
        if record is None:
            return refused(f"nobody on file has the id '{person}'", NOBODY)
        if names(reason, record):
            return refused(NAMED, UNNAME)
        holder = HolderId(record.id)
        why = self._erasing.why_not(holder, even_inside=even_inside)
        if why is not None:
            return refused(why, INSIDE if self._daemon.site.state.recorded else TRY_LATER)
        search = await self._erasing.search(record)
        aside = await asyncio.to_thread(set_aside, self._state)
        found = answer(record, roll, search, self._daemon.site.state.faces, aside)
        if dry_run:
            return found
        if not await self._erasing.record(
            holder, search, reason, operator, even_inside=even_inside
        ):
            return refused(CAME_IN, INSIDE)
        return await self._carried_out(found, operator)

    async def _carried_out(self, found: ErasePersonReply, operator: str) -> ErasePersonReply:
        try:
            if self._daemon.recorder.down:
                raise HinderedError(UNWRITABLE)
            await self._erasing.carry_out(self._people.remove, operator)
        except JournalClosed:
            raise
        except (HinderedError, PeopleError, JournalError, StillThereError) as error:
            self._erasing.due.set()
            return replace(found, kept=True, reason=str(error), remedy=LATER)
        return replace(found, erased=True)

    async def run(self, wait_beyond: Callable[[int], Awaitable[None]]) -> None:
        """Carry out what was recorded by a change set, before a crash, or while a disk failed,
        until cancelled. `wait_beyond`: as in `edge.control.desk.Desk`. Raises JournalClosed: a bug.
        """
        due, said = self._erasing.due, ""
        due.set()  # what an earlier run has left
        while True:
            await due.wait()
            due.clear()
            await wait_beyond(self._daemon.site.state.erasure_seq - 1)
            try:
                await self._erasing.carry_out(self._people.remove)
                said = ""
            except JournalClosed:
                raise
            except (HinderedError, PeopleError, JournalError, StillThereError) as error:
                due.set()
                if str(error) != said:
                    said = str(error)
                    log.error("somebody is not erased yet, and that is tried again: %s", error)
                await asyncio.sleep(AGAIN_S)


def answer(
    record: HolderRecord,
    roll: Roll,
    search: Search,
    faces: Container[HolderId],
    aside: tuple[str, ...],
) -> ErasePersonReply:
    """What there is of somebody."""
    return ErasePersonReply(
        erased=False,
        entries=search.entries,
        values=search.count,
        badges=len(badges_of(roll, record.id)),
        pin=record.id in roll.pins,
        face=HolderId(record.id) in faces,
        aside=aside,
    )


def refused(why: str, remedy: str) -> ErasePersonReply:
    return ErasePersonReply(erased=False, reason=why, remedy=remedy)
