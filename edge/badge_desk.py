"""A badge that is put on file at a reader, for as long as somebody waits for it."""

import asyncio
from collections.abc import AsyncGenerator
from functools import partial

from controller.badges import why_not_free
from controller.events_badges import SeekStep
from controller.ids import CredentialRef, HolderId, ReaderId
from controller.inputs_badges import BadgeSoughtHeard
from edge.badge_post import Seat
from edge.config import Config
from edge.control.messages_people import BadgeEnd, BadgeReply, EnrolBadge
from edge.daemon import Daemon
from edge.people.badges import enrolled
from edge.people.records import HolderRecord
from edge.person_desk import LOOK, PersonDesk, nobody, refused
from policies.problems import did_you_mean

ELSEWHERE = "take another reader, best one at no door; `sentrypost device list` names them all"
UNWRITABLE = "the journal cannot be written; it would not be on record"
LATER = "try later"


class BadgeDesk:
    """One daemon's."""

    def __init__(self, daemon: Daemon, config: Config, persons: PersonDesk) -> None:
        self._daemon = daemon
        self._config = config
        self._persons = persons
        self._finishing: set[asyncio.Task[BadgeReply]] = set()

    async def enrol(self, asked: EnrolBadge, operator: str) -> AsyncGenerator[BadgeReply, None]:
        """As `edge.control.desk_people.Persons` has it."""
        yield await self._enrolled(asked, operator)

    async def _enrolled(self, asked: EnrolBadge, operator: str) -> BadgeReply:
        record = await self._persons.on_file(asked.person)
        if record is None:
            return refused(nobody(asked.person), LOOK)
        why = self._why_not(asked.reader)
        if why is not None:
            return why
        with self._daemon.badges.seat(asked.reader) as seat:
            # Journal first: before it is on record the reader is one like any other.
            note = partial(self._note, ReaderId(asked.reader), HolderId(record.id), operator)
            note(SeekStep.BEGAN)
            await self._daemon.recorder.drained()
            if self._daemon.recorder.down:
                return refused(UNWRITABLE, LATER)
            ref = await self._waited(seat, asked.within_s, note)
            if ref is None:
                reason = f"no new badge was shown at {asked.reader} within {asked.within_s} s"
                remedy = "hold it there again; one that is on file opens the door as ever"
                return BadgeReply(end=BadgeEnd.LATE, reason=reason, remedy=remedy)
        return await self._brought(record, ref, asked, operator, note)

    async def _waited(
        self, seat: Seat, within_s: float, note: "partial[None]"
    ) -> CredentialRef | None:
        """The badge; None where none came. Whatever ends the waiting is recorded."""
        step: SeekStep | None = SeekStep.GIVEN_UP
        seat.armed = True
        try:
            async with asyncio.timeout(within_s):
                ref = await seat.coming
            step = None
        except TimeoutError:
            step = SeekStep.LATE
            return None
        finally:
            seat.armed = False
            if step is not None:
                note(step)
        return ref

    async def _brought(
        self,
        record: HolderRecord,
        ref: CredentialRef,
        asked: EnrolBadge,
        operator: str,
        note: "partial[None]",
    ) -> BadgeReply:
        """To its end, whether or not the client still waits: nothing is left half on file."""

        async def bring() -> BadgeReply:
            planned = partial(enrolled, record=record, ref=ref, replaces=asked.replaces)
            reply = await self._persons.bring(planned, operator)
            done = reply.end is BadgeEnd.DONE
            note(SeekStep.ENROLLED if done else SeekStep.REFUSED)
            await self._daemon.recorder.drained()
            return reply

        task = asyncio.create_task(bring(), name="badge enrolment")
        self._finishing.add(task)
        task.add_done_callback(self._finishing.discard)
        return await asyncio.shield(task)

    def _why_not(self, reader: str) -> BadgeReply | None:
        daemon = self._daemon
        if reader not in self._config.devices:
            known = did_you_mean(reader, self._config.devices) or ELSEWHERE
            return refused(f"the site file has no reader '{reader}'", known)
        if daemon.badges.is_taken(reader):
            return refused(f"somebody waits for a badge at {reader} already", ELSEWHERE)
        way = daemon.badges.way(reader)
        why = why_not_free(daemon.site.state, ReaderId(reader), way)
        return None if why is None else refused(f"{reader} is not taken for that: {why}", ELSEWHERE)

    def _note(self, reader: ReaderId, holder: HolderId, operator: str, step: SeekStep) -> None:
        daemon = self._daemon
        if daemon.site.state.stopping:
            return  # the stop says that nobody waits any more
        daemon.judge(
            BadgeSoughtHeard(
                id=daemon.new_id(),
                reader=reader,
                holder=holder,
                step=step,
                operator=daemon.personal("operator", operator),
            )
        )
