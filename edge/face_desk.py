"""What people and doors ask of the running daemon about templates of faces."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from controller.events_faces import FaceEnrolled, FaceErased
from controller.ids import HolderId
from controller.inputs_faces import (
    FaceEnrolAsked,
    FaceEraseAsked,
    FaceUnsoundFound,
    TemplatesResealedHeard,
)
from drivers.faces.api import Template
from edge import face_enrolment as words
from edge.control.messages_faces import (
    EnrolFace,
    FacePictureReply,
    FaceReply,
    FacesReply,
)
from edge.control.messages_report import FaceKept
from edge.daemon import Daemon
from edge.faces import FacesError, Settled, Shelf, Staged, TemplateKeyError, TemplateUnsoundError
from edge.journal import Record
from edge.people_desk import UNWRITABLE
from edge.still_there import StillThereError

AGAIN_S = 10.0
"""Between tries to bring the file to what is recorded, on a disk or with a file that fails."""

KEPT = "it is recorded, and is carried out as soon as the file of templates can be written"
LATER = "try later; `sentrypost face list` says what is wrong"
MEANWHILE = "the people, or the journal, changed meanwhile"
NO_CAMERAS = "this edge takes no pictures for enrolments"
GIVE_PICTURES = "give pictures with --picture"

FAULTS = (FacesError, TemplateKeyError)

Model = Callable[[], str | None]
"""What faces are compared with now; None while it is not known."""

TakePicture = Callable[[str], Awaitable[FacePictureReply]]

log = logging.getLogger(__name__)


class FaceDesk:
    """One daemon's. `model` and `camera` are given by whoever runs engine and cameras."""

    def __init__(self, daemon: Daemon, shelf: Shelf) -> None:
        self._daemon = daemon
        self._shelf = shelf
        self._changing = asyncio.Lock()
        self._due = asyncio.Event()
        self._settled: object = None
        self._told: set[tuple[HolderId, int]] = set()
        self.model: Model = lambda: None
        self.camera: TakePicture | None = None

    # --- what doors ask ---

    async def template(self, holder: HolderId) -> Template | None:
        """The template of somebody, for a question about this one person; None where there is none
        that can be used. One that is on record and cannot be used is told of, once.
        """
        version = self._daemon.site.state.faces.get(holder)
        if version is None:
            return None
        try:
            return await asyncio.to_thread(self._shelf.template, holder, version)
        except (TemplateUnsoundError, *FAULTS) as error:
            self._tell(holder, version, str(error))
        return None

    async def portrait(self, holder: HolderId) -> bytes | None:
        """The picture that was kept at the enrolment, as JPEG, for a guard to compare; None where
        there is none.
        """
        version = self._daemon.site.state.faces.get(holder)
        if version is None:
            return None
        try:
            return await asyncio.to_thread(self._shelf.portrait, holder, version)
        except (TemplateUnsoundError, *FAULTS) as error:
            self._tell(holder, version, str(error))
        return None

    # --- what people ask ---

    async def enrol(self, asked: EnrolFace, operator: str, *, may_name: bool) -> FaceReply:
        """As `edge.control.desk_faces.Faces` has it."""
        daemon = self._daemon
        record = await asyncio.to_thread(daemon.people.roll.named, asked.person)
        whom = words.admitted(record, asked)
        if isinstance(whom, FaceReply):
            return whom
        if daemon.recorder.down:
            return words.refused(UNWRITABLE)
        async with self._changing:
            try:
                await self._settle()
                done = await asyncio.to_thread(
                    words.staged,
                    self._shelf,
                    whom,
                    asked,
                    daemon.site.state,
                    daemon.site.policy,
                    daemon.now().utc_s,
                )
            except FAULTS as error:
                return words.failed(error)
            roll = daemon.people.roll
            if not done.version:
                return words.looks_like(done.alike, roll, may_name=may_name)
            return await self._recorded(asked, whom.holder, done, operator, may_name=may_name)

    async def _recorded(
        self, asked: EnrolFace, holder: HolderId, done: Staged, operator: str, *, may_name: bool
    ) -> FaceReply:
        """Journal first; a cut anywhere in here is settled at the next start."""
        daemon = self._daemon
        outcome = daemon.judge(
            FaceEnrolAsked(
                id=daemon.new_id(),
                holder=holder,
                version=done.version,
                model=asked.model,
                views=asked.views,
                compared=done.alike.compared,
                alike=len(done.alike.holders),
                note=words.LEGAL_NOTE,
                consent=daemon.personal("consent", words.consent_words(asked, daemon.now().utc_us)),
                operator=daemon.personal("operator", operator),
            )
        )
        await daemon.recorder.drained()
        if not any(isinstance(event.body, FaceEnrolled) for event in outcome.events):
            self._due.set()
            return words.refused(MEANWHILE, LATER)
        reply = words.enrolled(done, daemon.people.roll, may_name=may_name)
        return await self._carried_out(reply)

    async def erase(self, person: str, operator: str) -> FaceReply:
        """As `edge.control.desk_faces.Faces` has it."""
        daemon = self._daemon
        record = await asyncio.to_thread(daemon.people.roll.named, person)
        if record is None:
            return words.refused(f"nobody on file has the id '{person}'", words.NOBODY)
        holder = HolderId(record.id)
        async with self._changing:
            version = daemon.site.state.faces.get(holder)
            if version is None:
                return words.refused(words.NO_TEMPLATE, words.LOOK)
            if daemon.recorder.down:
                return words.refused(UNWRITABLE)
            outcome = daemon.judge(
                FaceEraseAsked(
                    id=daemon.new_id(),
                    holder=holder,
                    operator=daemon.personal("operator", operator),
                )
            )
            await daemon.recorder.drained()
            if not any(isinstance(event.body, FaceErased) for event in outcome.events):
                return words.refused(MEANWHILE, LATER)
            return await self._carried_out(FaceReply(done=True, version=version))

    async def _carried_out(self, reply: FaceReply) -> FaceReply:
        """What was just recorded is brought to the file, if it is on disk."""
        if self._daemon.recorder.down:
            self._due.set()
            return FaceReply(done=False, kept=True, reason=UNWRITABLE, remedy=KEPT)
        try:
            await self._settle()
        except FAULTS as error:
            self._due.set()
            return FaceReply(done=False, kept=True, reason=str(error), remedy=KEPT)
        return reply

    async def listed(self, begin: int) -> FacesReply:
        """As `edge.control.desk_faces.Faces` has it."""
        daemon = self._daemon
        return await asyncio.to_thread(
            words.listed,
            self._shelf,
            daemon.site.state,
            daemon.people.roll,
            begin=begin,
            timezone=daemon.site.policy.timezone,
            utc_s=daemon.now().utc_s,
            model=self.model() or "",
        )

    async def kept(self, holder: HolderId) -> FaceKept | None:
        """What of somebody's face is on file. Raises FacesError."""
        faces = self._daemon.site.state.faces
        if holder not in faces:
            return None
        return await asyncio.to_thread(words.face_kept, self._shelf, faces, holder)

    async def picture(self, camera: str) -> FacePictureReply:
        """As `edge.control.desk_faces.Faces` has it."""
        if self.camera is None:
            return FacePictureReply(reason=NO_CAMERAS, remedy=GIVE_PICTURES)
        return await self.camera(camera)

    # --- beside the daemon ---

    def committed(self, _: Sequence[Record]) -> None:
        """Entries reached the disk: some of them may be about templates."""
        if self._daemon.site.state.faces is not self._settled:
            self._due.set()

    async def take_away(self, _: HolderId) -> None:
        """Somebody is erased, which is recorded: so is the template. Raises StillThereError."""
        if self._shelf.there:
            try:
                async with self._changing:
                    await self._settle()
            except FacesError as error:
                raise StillThereError(str(error)) from error

    async def run(self, wait_beyond: Callable[[int], Awaitable[None]]) -> None:
        """Bring the file to what is recorded after a start, and whenever a person is gone; bring in
        another key; until cancelled. `wait_beyond`: as in `edge.control.desk.Desk`.
        """
        self._due.set()
        try:
            await self._follow(wait_beyond)
        finally:
            self._shelf.close()

    async def _follow(self, wait_beyond: Callable[[int], Awaitable[None]]) -> None:
        said = ""
        while True:
            await self._due.wait()
            self._due.clear()
            if not self._shelf.there and not self._daemon.site.state.faces:
                continue  # an edge where nobody is enrolled has no file, and no thread for it
            try:
                async with self._changing:
                    await wait_beyond(self._daemon.site.state.seq - 1)
                    told = await self._settle()
                    await self._reseal()
                for holder in told.missing:
                    self._tell(holder, self._daemon.site.state.faces.get(holder, 0), words.GONE)
                said = ""
            except FAULTS as error:
                self._due.set()
                if str(error) != said:
                    said = str(error)
                    log.error("faces are not compared, and other factors are asked for: %s", said)
                await asyncio.sleep(AGAIN_S)

    async def _settle(self) -> Settled:
        state = self._daemon.site.state
        done = await asyncio.to_thread(self._shelf.settle, state.faces, state.faces_version)
        self._settled = state.faces
        if done.unknown:
            log.error("%s templates of faces on file: %s", done.unknown, words.STRAY)
        return done

    async def _reseal(self) -> None:
        """Recorded first. A cut in between leaves each template under one of the two keys."""
        daemon = self._daemon
        former, count = await asyncio.to_thread(self._shelf.former)
        if not count or daemon.recorder.down:
            return
        key = await asyncio.to_thread(lambda: self._shelf.key)
        daemon.judge(
            TemplatesResealedHeard(id=daemon.new_id(), key=key, former=former, templates=count)
        )
        await daemon.recorder.drained()
        done = await asyncio.to_thread(self._shelf.reseal)
        log.info("%s of %s templates are sealed under key %s now", done, count, key)

    def _tell(self, holder: HolderId, version: int, why: str) -> None:
        """Once in a run; whoever asks for a list is told each time."""
        if (holder, version) in self._told:
            return
        self._told.add((holder, version))
        daemon = self._daemon
        daemon.judge(
            FaceUnsoundFound(id=daemon.new_id(), holder=holder, version=version, reason=why)
        )
