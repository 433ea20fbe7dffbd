"""What guards ask of the running daemon: who waits for them, both pictures, and their answer."""

from msgspec.structs import replace

from controller.attempt import GUARD_US
from controller.effects import AskGuard, FreeExit, ReleasePortal
from controller.events import DecisionMade, FactorAnswered, FactorAsked
from controller.site import Outcome
from edge.control.messages_faces import FacePictureReply
from edge.control.messages_guard import (
    COMPARISONS_MAX,
    AnswerComparison,
    ComparedReply,
    ComparisonPicture,
    ComparisonShown,
    ComparisonsReply,
    ShowComparison,
    Side,
    Verdict,
)
from edge.control.messages_pictures import FRAME_PART_BYTES_MAX
from edge.daemon import Daemon
from edge.face_desk import FaceDesk
from edge.gate_codes import notes_told, reasons_told
from edge.gate_sight import EVERYTHING, Sight
from edge.people.records import HolderRecord
from edge.seeing import picture_of
from policies.codes import TEXTS, Code

LOOK = "`sentrypost guard list` shows what waits"
OVER = "it is over: somebody was quicker, or the person waits no longer; nothing has changed by it"
UNWRITABLE = "the journal cannot be written; it would not be on record"
MEANWHILE = "try again while the person waits, or use the alternative"
BLIND = "no camera that can be relied on looks there"
GO = "go to the door, or let somebody look"
NO_PORTRAIT = "no picture of this person is kept here"
PAPERS = "compare with a document that has one, or refuse"


class GuardDesk:
    """One daemon's."""

    def __init__(self, daemon: Daemon, faces: FaceDesk) -> None:
        self._daemon = daemon
        self._faces = faces

    async def listed(self, *, attends: bool) -> ComparisonsReply:
        """As `edge.control.desk_guards.Guards` has it."""
        daemon = self._daemon
        post = daemon.answering.guards
        if attends:
            post.attend()
        waiting = [asked for asked in post.waiting() if self._stands(asked)]
        shown = [await self._shown(asked) for asked in waiting[:COMPARISONS_MAX]]
        return ComparisonsReply(
            timezone=daemon.site.policy.timezone,
            utc_us=daemon.now().utc_us,
            comparisons=tuple(shown),
        )

    async def picture(self, asked: ShowComparison) -> tuple[ComparisonPicture, ...]:
        """As `edge.control.desk_guards.Guards` has it. Nobody's picture is given but hers who
        waits, and for no longer than she does.
        """
        found = self._named(asked.question)
        if found is None:
            none = self._not_taken(asked.question)
            return (ComparisonPicture(reason=none.reason, remedy=none.remedy),)
        live = asked.side is Side.LIVE
        given = await (self._live(found) if live else self._enrolled(found))
        if not given.jpeg:
            return (ComparisonPicture(reason=given.reason, remedy=given.remedy),)
        size, step = len(given.jpeg), FRAME_PART_BYTES_MAX
        return tuple(
            ComparisonPicture(data=given.jpeg[at : at + step], ends=at + step >= size)
            for at in range(0, size, step)
        )

    async def answer(
        self, asked: AnswerComparison, operator: str, sight: Sight = EVERYTHING
    ) -> ComparedReply:
        """As `edge.control.desk_guards.Guards` has it. A late answer is judged as well: it changes
        nothing, and is on record.
        """
        daemon = self._daemon
        post = daemon.answering.guards
        found = post.named(asked.question) or post.over(asked.question)
        if found is None or not sight.sees(found.portal):
            return self._not_taken(asked.question)
        if daemon.recorder.down:
            return ComparedReply(verdict=Verdict.NONE, reason=UNWRITABLE, remedy=MEANWHILE)
        outcome = daemon.answering.guard_looked(
            found,
            accepted=asked.accepted,
            reason=daemon.personal("reason", asked.reason),
            operator=daemon.personal("operator", operator),
        )
        if outcome is None:
            return ComparedReply(verdict=Verdict.NONE, reason="the edge stops", remedy=MEANWHILE)
        await daemon.recorder.drained()
        if not any(isinstance(event.body, FactorAnswered) for event in outcome.events):
            return self._not_taken(asked.question)
        told = _compared(outcome, recorded=not daemon.recorder.down)
        if sight.confidential:
            return told
        return replace(told, reasons=reasons_told(told.reasons), notes=notes_told(told.notes))

    # --- one comparison ---

    def _named(self, question: str) -> AskGuard | None:
        found = self._daemon.answering.guards.named(question)
        return found if found is not None and self._stands(found) else None

    def _stands(self, asked: AskGuard) -> bool:
        """Whether the core still waits for it: after an answer something else may be asked for."""
        attempt = self._daemon.site.state.attempts.get(asked.reader)
        return attempt is not None and attempt.question == asked.question

    def _not_taken(self, question: str) -> ComparedReply:
        post = self._daemon.answering.guards
        known = post.named(question) or post.over(question)
        reason = "no comparison has this name" if known is None else OVER
        return ComparedReply(verdict=Verdict.NONE, reason=reason, remedy=LOOK)

    async def _shown(self, asked: AskGuard) -> ComparisonShown:
        assert asked.not_after_us is not None, "nobody waits for a guard for ever"
        now = self._daemon.now()
        until_us = now.utc_us + asked.not_after_us - now.mono_us
        watch = self._daemon.answering.watch
        pictures = []
        if watch.camera_at(asked.portal, asked.direction) is not None:
            pictures.append(Side.LIVE)
        if await self._faces.portrait(asked.holder) is not None:
            pictures.append(Side.ENROLLED)
        person, name, roles = _who(self._daemon.people.roll.holders.get(asked.holder))
        return ComparisonShown(
            question=asked.question,
            portal=asked.portal,
            direction=asked.direction,
            person=person,
            name=name,
            roles=roles,
            since_utc_us=max(0, until_us - GUARD_US),
            until_utc_us=max(0, until_us),
            pictures=tuple(pictures),
        )

    async def _live(self, asked: AskGuard) -> FacePictureReply:
        """As it is now: what the guard looks at is what he answers for."""
        watch = self._daemon.answering.watch
        camera = watch.camera_at(asked.portal, asked.direction)
        if camera is None:
            return FacePictureReply(reason=BLIND, remedy=GO)
        return await picture_of(self._daemon, watch.cameras, camera.name)

    async def _enrolled(self, asked: AskGuard) -> FacePictureReply:
        jpeg = await self._faces.portrait(asked.holder)
        if jpeg is None:
            return FacePictureReply(reason=NO_PORTRAIT, remedy=PAPERS)
        return FacePictureReply(jpeg=jpeg)


def _who(record: HolderRecord | None) -> tuple[str, str, tuple[str, ...]]:
    """Id, name and roles, as a guard may know them: the place for what he may not."""
    return ("", "", ()) if record is None else (record.external_id, record.name, record.roles)


def _compared(outcome: Outcome, *, recorded: bool) -> ComparedReply:
    bodies = [event.body for event in outcome.events]
    further = next((body.factor for body in bodies if isinstance(body, FactorAsked)), "")
    made = [body.decision for body in bodies if isinstance(body, DecisionMade)]
    if not made:
        return ComparedReply(verdict=Verdict.WAITS, waits_for=further, recorded=recorded)
    # Where somebody escorts her and may not come along, that is what was decided.
    said = made[-1]
    return ComparedReply(
        verdict=Verdict.GRANTED if said.granted else Verdict.REFUSED,
        reasons=tuple(_told(one.code) for one in said.objections) or (_told(said.code),),
        notes=tuple(_told(one.code) for one in said.notes),
        released=any(isinstance(one, ReleasePortal | FreeExit) for one in outcome.effects),
        recorded=recorded,
    )


def _told(code: Code) -> tuple[int, str]:
    return int(code), TEXTS[code]
