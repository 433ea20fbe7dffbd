"""Templates of faces where no daemon runs: by journal, file of people and file of templates."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import NamedTuple

from controller.events_faces import FaceEnrolled, FaceErased
from controller.faces import on_enrol_asked, on_erase_asked
from controller.ids import HolderId, InputId
from controller.inputs_faces import FaceEnrolAsked, FaceEraseAsked
from controller.ledger import PERSONAL_CHARS_MAX, SALT_BYTES, Personal
from controller.state import SiteState
from controller.turn import Turn
from edge import face_enrolment as words
from edge.assembly import settle_people
from edge.clock import SystemClock
from edge.config import Config
from edge.control.messages_faces import EnrolFace, FaceReply, FacesReply
from edge.control.place import PEOPLE_FILE
from edge.erase_closed import opened_writer, turn_of
from edge.faces import FacesError, Shelf, TemplateKeyError
from edge.journal import JournalWriter
from edge.people import Made, People
from edge.people.records import HolderRecord
from edge.policy_start import served_next
from edge.recorder import record_of
from edge.restore import restored_state

CAUSE = InputId("face-enrolment")

FAULTS = (FacesError, TemplateKeyError)


class _Open(NamedTuple):
    config: Config
    writer: JournalWriter
    people: People
    shelf: Shelf
    state: SiteState

    def record(self, person: str) -> HolderRecord | None:
        return self.people.roll.named(person)

    def turn(self) -> Turn:
        return turn_of(self.config, self.writer, self.people, self.state, CAUSE)

    async def settled(self, turn: Turn) -> None:
        """Durable, and then on file."""
        await self.writer.append([record_of(event) for event in turn.events])
        self.shelf.settle(turn.state.faces, turn.state.faces_version)


async def enrol_closed(config: Config, asked: EnrolFace, made: Made) -> FaceReply:
    """Put a template on file; `made`: who asks. Raises JournalError, PeopleError."""
    async with _opened(config) as here:
        whom = words.admitted(here.record(asked.person), asked)
        if isinstance(whom, FaceReply):
            return whom
        now = SystemClock(config.trust_clock).moment()
        try:
            here.shelf.settle(here.state.faces, here.state.faces_version)
            done = words.staged(here.shelf, whom, asked, here.state, served_next(config), now.utc_s)
            if not done.version:
                return words.looks_like(done.alike, here.people.roll, may_name=True)
            turn = here.turn()
            on_enrol_asked(
                turn,
                FaceEnrolAsked(
                    id=CAUSE,
                    holder=whom.holder,
                    version=done.version,
                    model=asked.model,
                    views=asked.views,
                    compared=done.alike.compared,
                    alike=len(done.alike.holders),
                    note=words.LEGAL_NOTE,
                    consent=_personal("consent", words.consent_words(asked, now.utc_us)),
                    operator=_personal("operator", made.by),
                ),
            )
            if not any(isinstance(event.body, FaceEnrolled) for event in turn.events):
                return words.refused(words.GIVES_NONE, words.START)
            await here.settled(turn)
        except FAULTS as error:
            return words.failed(error)
        return words.enrolled(done, here.people.roll, may_name=True)


async def erase_face_closed(config: Config, person: str, made: Made) -> FaceReply:
    """Erase a template; `made`: who asks. Raises JournalError, PeopleError."""
    async with _opened(config) as here:
        record = here.record(person)
        if record is None:
            return words.refused(f"nobody on file has the id '{person}'", words.NOBODY)
        version = here.state.faces.get(HolderId(record.id))
        if version is None:
            return words.refused(words.NO_TEMPLATE, words.LOOK)
        turn = here.turn()
        asked = FaceEraseAsked(
            id=CAUSE, holder=HolderId(record.id), operator=_personal("operator", made.by)
        )
        on_erase_asked(turn, asked)
        assert any(isinstance(event.body, FaceErased) for event in turn.events)
        try:
            await here.settled(turn)
        except FAULTS as error:
            return FaceReply(done=False, kept=True, reason=str(error), remedy=words.NEXT_START)
        return FaceReply(done=True, version=version)


async def faces_closed(config: Config) -> FacesReply:
    """All that are on file. Raises JournalError, PeopleError."""
    async with _opened(config) as here:
        moment = SystemClock(config.trust_clock).moment()
        return words.listed(
            here.shelf,
            here.state,
            here.people.roll,
            limit=2**31,
            timezone=config.policy.timezone,
            utc_s=moment.utc_s,
        )


@asynccontextmanager
async def _opened(config: Config) -> AsyncIterator[_Open]:
    async with opened_writer(config) as writer:
        with (
            People.open(config.state / PEOPLE_FILE) as people,
            closing(Shelf(words.place_of(config))) as shelf,
        ):
            state = await restored_state(writer)
            settle_people(people, state)
            yield _Open(config, writer, people, shelf, state)


def _personal(field: str, value: str) -> Personal:
    return Personal(field, value[:PERSONAL_CHARS_MAX], os.urandom(SALT_BYTES).hex())
