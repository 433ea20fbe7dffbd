"""Erasing somebody where no daemon runs: by journal and file of people themselves."""

import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from msgspec.structs import replace

from controller.erasures import on_erase_asked, why_not
from controller.ids import HolderId, InputId
from controller.inputs import PersonEraseAsked
from controller.inputs_pictures import PicturesEnding
from controller.ledger import PERSONAL_CHARS_MAX, SALT_BYTES, Personal
from controller.pictures import on_ending
from controller.state import SiteState
from controller.turn import Origin, Turn
from edge.assembly import settle_people
from edge.clock import SystemClock
from edge.config import Config
from edge.control.messages_erase import ErasePerson, ErasePersonReply
from edge.control.place import JOURNAL, PEOPLE_FILE
from edge.erase_desk import INSIDE, NAMED, NOBODY, UNNAME, answer, refused
from edge.erasing import carried_out, erased_by_set, known_of, names
from edge.face_enrolment import settle_closed
from edge.journal import JournalShrank, JournalWriter
from edge.journal.erasure import Search
from edge.people import Change, Made, People
from edge.people.records import HolderRecord, removal
from edge.pictures.closed import take_away
from edge.policy_start import served_next
from edge.recorder import record_of
from edge.renewal import set_aside
from edge.restore import restored_state

CAUSE = InputId("person-erase")


async def erase_closed(config: Config, asked: ErasePerson, made: Made) -> ErasePersonReply:
    """Erase somebody, or say what there is of him. `made`: who asks.

    Raises JournalError, PeopleError, FacesError, StillThereError.
    """
    async with opened_writer(config) as writer:
        with People.open(config.state / PEOPLE_FILE) as people:
            state = await restored_state(writer)
            settle_people(people, state)
            record = people.roll.named(asked.person)
            if record is None:
                return refused(f"nobody on file has the id '{asked.person}'", NOBODY)
            if names(asked.reason, record):
                return refused(NAMED, UNNAME)
            why = why_not(state, HolderId(record.id), even_inside=asked.even_inside)
            if why is not None:
                return refused(why, INSIDE)
            search = Search(known_of(people.roll, record), 1, writer.last_seq)
            await writer.search(search)
            found = answer(record, people.roll, search, state.faces, set_aside(config.state))
            if asked.dry_run:
                return found
            closed = _Closed(config, writer, people, state)
            await closed.record(record, search, asked.reason, made)
            await closed.carry_out(removal(people.roll, [record.id]), made)
            return replace(found, erased=True)


async def taken_closed(
    config: Config,
    people: People,
    change: Change,
    gone: Sequence[HolderRecord],
    made: Made,
) -> None:
    """Apply a change set by which people are `gone`, who are erased by that.

    Raises JournalError, PeopleError, StillThereError.
    """
    async with opened_writer(config) as writer:
        closed = _Closed(config, writer, people, await restored_state(writer))
        for record in gone:
            search = Search(known_of(people.roll, record), 1, writer.last_seq)
            await writer.search(search)
            await closed.record(record, search, erased_by_set(change), made)
        await closed.carry_out(change, made)


class _Closed:
    """Journal and people of an edge that does not run."""

    def __init__(
        self, config: Config, writer: JournalWriter, people: People, state: SiteState
    ) -> None:
        self._config, self._writer, self._people, self._state = config, writer, people, state

    async def record(self, record: HolderRecord, search: Search, reason: str, made: Made) -> None:
        """Durable when this returns."""
        turn = turn_of(self._config, self._writer, self._people, self._state, CAUSE)
        salt = os.urandom(SALT_BYTES).hex()
        asked = PersonEraseAsked(
            id=CAUSE,
            holder=HolderId(record.id),
            reason=reason,
            operator=Personal("operator", made.by[:PERSONAL_CHARS_MAX], salt),
            searched=search.last,
            values=search.values,
            even_inside=True,
        )
        on_erase_asked(turn, asked)
        await self._writer.append([record_of(event) for event in turn.events])
        self._state = turn.state

    async def carry_out(self, change: Change, made: Made) -> None:
        """Apply the change, by which they are gone, and take away the values of all that is
        recorded. The next start tells the core of the people, and finishes what is cut off here.
        """
        self._people.apply(change, made)
        self._people.compact()
        done, upto = await self._writer.erased_up_to(), self._state.erasure_seq
        recorded = await self._writer.erasures(done + 1, upto)
        left = removal(self._people.roll, [erased.holder for _, erased in recorded])
        if left:
            self._people.apply(left, made)
            self._people.compact()
        settle_closed(self._config, self._state)
        gone = dict.fromkeys(erased.holder for _, erased in recorded)
        await take_away(self._config.state, gone, self._end_pictures)
        await carried_out(self._writer, recorded, upto)

    async def _end_pictures(self, ending: PicturesEnding) -> None:
        turn = turn_of(self._config, self._writer, self._people, self._state, CAUSE)
        on_ending(turn, ending)
        await self._writer.append([record_of(event) for event in turn.events])
        self._state = turn.state


def turn_of(
    config: Config, writer: JournalWriter, people: People, state: SiteState, cause: InputId
) -> Turn:
    """In which something is recorded where no daemon runs."""
    return Turn(
        Origin(config.site, config.edge, writer.incarnation),
        state,
        served_next(config),
        people.directory(),
        SystemClock(config.trust_clock).moment(),
        cause,
        False,
    )


@asynccontextmanager
async def opened_writer(config: Config) -> AsyncIterator[JournalWriter]:
    """The journal of an edge that does not run, closed after the block. Raises JournalError."""
    writer = await JournalWriter.open(
        config.state / JOURNAL,
        site=config.site,
        edge=config.edge,
        entropy=os.urandom,
        utc_us=time.time_ns() // 1_000,
    )
    try:
        if writer.doubted is not None:
            raise JournalShrank(
                f"{config.state / JOURNAL}: entries are missing or an old copy was put back; "
                "start the edge, which sets it aside and begins a new one"
            )
        yield writer
    finally:
        await writer.close()
