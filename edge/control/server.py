"""Serves the control socket. Whatever a client does, the daemon goes on.

A subscriber has no queue here: the journal is the queue, and each subscriber reads it at its own
place, with one frame under way. Who does not take that frame in time is let go, and resumes from
where it was.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Self

from msgspec.structs import replace

from edge.control import conversation
from edge.control.conversation import Conversation, Listener, opened, refusal
from edge.control.desk import Desk
from edge.control.message import Message
from edge.control.messages import (
    PART_BYTES_MAX,
    READ_ENTRIES_MAX,
    Entries,
    ExportPeople,
    FilePart,
    FrameError,
    Heartbeat,
    ImportPeople,
    ReadEntries,
    ReadHistory,
    Refusal,
    Request,
    ResetFire,
    SentEntry,
    Status,
    Subscribe,
    TakePeople,
    decode_request,
)
from edge.control.messages_devices import (
    DeviceRequest,
    FollowDevices,
    ReadDevices,
    SendFileTo,
    ServiceDevice,
    TraceLine,
    TryDevice,
)
from edge.control.messages_erase import ErasePerson
from edge.control.messages_faces import (
    EnrolFace,
    EraseFace,
    FaceRequest,
    ListFaces,
    TakeFacePicture,
)
from edge.control.messages_guard import (
    AnswerComparison,
    GuardRequest,
    ListComparisons,
    ShowComparison,
)
from edge.control.messages_journal import (
    Leaves,
    ReadCheckpoints,
    ReadLeaves,
    VerifyJournal,
    VerifyProgress,
)
from edge.control.messages_muster import ChangeMuster, ReadMuster
from edge.control.messages_orders import (
    AskChallenge,
    AskPosture,
    ConfirmEvacuation,
    FollowOrder,
    GiveOrder,
    ListOrders,
    OrderRequest,
    ReadOrderFiles,
)
from edge.control.messages_perimeter import ChangePerimeter, ReadPerimeter
from edge.control.messages_pictures import (
    ExportPicture,
    PictureRequest,
    ReadPictures,
    VerifyPictures,
)
from edge.control.messages_policy import AskRoles, LoadPolicy, PolicyStatus, ReturnPolicy
from edge.control.messages_report import ReportPerson
from edge.control.messages_views import AskViews, ReadNames
from edge.control.messages_visits import (
    EndConsent,
    GiveConsent,
    LetPass,
    ListConsents,
    MakeCode,
    Screen,
    VisitRequest,
)
from edge.control.parts import Parts
from edge.control.peer import owns
from edge.journal.record import Stored

PROGRESS_S = 0.5


class ControlServer(Listener):
    """The socket of one daemon."""

    def __init__(self, desk: Desk, path: Path, listening: socket.socket) -> None:
        """Not for callers: see `open`."""
        super().__init__(path, listening)
        self._desk = desk
        self._verifying = asyncio.Lock()

    @classmethod
    def open(cls, desk: Desk, path: Path) -> Self:
        """Bind and listen at `path`. A socket that nobody answers on is replaced.

        Call it where the journal's folder is already ours: two daemons that start at once are told
        apart by that lock. Raises ControlInUseError, ControlError.
        """
        return cls(desk, path, opened(path))

    def _conversation(
        self, parts: Parts, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Conversation[Request]:
        return _Client(self._desk, self._verifying, parts, reader, writer)


class _Client(Conversation[Request]):
    def __init__(
        self,
        desk: Desk,
        verifying: asyncio.Lock,
        parts: Parts,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        super().__init__(parts, reader, writer)
        self._desk = desk
        self._verifying = verifying

    def _decoded(self, body: bytes) -> Request:
        return decode_request(body)

    def _heartbeat(self) -> Heartbeat:
        return Heartbeat(last_seq=self._desk.last_seq)

    async def _answer(self, request: Request) -> None:
        desk, who = self._desk, self._peer.name
        match request:
            case Status():
                await self._send(desk.status())
            case ReadEntries(from_seq=from_seq, limit=limit):
                stored = await desk.read(from_seq, limit)
                await self._send_entries(stored)
            case Subscribe(from_seq=from_seq):
                await self._until_gone(self._follow(from_seq))
            case ResetFire(fire=fire):
                await self._send(await self._patiently(desk.reset_fire(fire, who)))
            case ImportPeople(csv=csv, dry_run=dry_run):
                imported = desk.import_people(csv, who, dry_run)
                await self._send(await self._patiently(imported))
            case FilePart(data=data):
                await self._parts.add(data)
                await self._send(Heartbeat(last_seq=desk.last_seq))
            case TakePeople(dry_run=dry_run):
                taken = desk.take_people(self._parts.whole(), who, dry_run)
                await self._send(await self._patiently(taken))
                self._parts.close()
            case ErasePerson():
                await self._send(await self._patiently(desk.erase_person(request, who)))
            case ReportPerson(person=person):
                await self._send(await self._patiently(desk.report_person(person, who)))
            case ExportPeople(since=since):
                to_sign, about = await self._patiently(desk.export_people(since))
                for at in range(0, len(to_sign), PART_BYTES_MAX):
                    await self._send(FilePart(data=to_sign[at : at + PART_BYTES_MAX]))
                await self._send(about)
            case ReadHistory(count=count):
                await self._send(await desk.people_history(count))
            case LoadPolicy() | ReturnPolicy() | PolicyStatus() | AskRoles():
                await self._answer_policy(request)
            case Screen() | GiveConsent() | EndConsent() | ListConsents() | LetPass() | MakeCode():
                await self._answer_visit(request)
            case ReadMuster() | ChangeMuster():
                await self._send(await self._of_muster(request))
            case ReadPerimeter():
                await self._send(desk.perimeter())
            case ChangePerimeter(step=step):
                await self._send(await self._patiently(desk.change_perimeter(step, who)))
            case VerifyJournal() | ReadLeaves() | ReadCheckpoints():
                await self._answer_journal(request)
            case AskViews(rebuild=rebuild):
                await self._send(desk.views(rebuild=rebuild))
            case ReadNames(holders=holders):
                await self._send(desk.names(holders))
            case _ if isinstance(request, PictureRequest):
                await self._answer_picture(request)
            case _ if isinstance(request, DeviceRequest):
                await self._answer_device(request)
            case _ if isinstance(request, FaceRequest):
                await self._answer_face(request)
            case _ if isinstance(request, GuardRequest):
                await self._answer_guard(request)
            case _:
                await self._answer_order(request)

    async def _answer_policy(
        self, request: LoadPolicy | ReturnPolicy | PolicyStatus | AskRoles
    ) -> None:
        desk, who = self._desk, self._peer.name
        match request:
            case LoadPolicy():
                done = desk.load_policy(self._parts.whole(), who)
                await self._send(await self._patiently(done))
                self._parts.close()
            case ReturnPolicy():
                await self._send(await self._patiently(desk.return_policy(who)))
            case PolicyStatus():
                await self._send(await desk.policy_status())
            case AskRoles():
                await self._send(await self._patiently(desk.roles_held()))

    async def _answer_visit(self, request: VisitRequest) -> None:
        desk, who = self._desk, self._peer.name
        match request:
            case Screen(person=person, station=station, result=result):
                screened = desk.screen(person, station, result, who)
                await self._send(await self._patiently(screened))
            case GiveConsent(envelope=envelope):
                await self._send(await self._patiently(desk.give_consent(envelope, who)))
            case EndConsent(person=person):
                await self._send(await self._patiently(desk.end_consent(person, who)))
            case ListConsents():
                await self._send(await desk.consents())
            case LetPass():
                await self._send(await self._patiently(desk.let_pass(request, who)))
            case MakeCode():
                await self._send(await self._patiently(desk.make_code(request, who)))

    async def _answer_journal(self, request: VerifyJournal | ReadLeaves | ReadCheckpoints) -> None:
        match request:
            case VerifyJournal():
                await self._until_gone(self._verify())
            case ReadLeaves(begin=begin, limit=limit):
                await self._send(Leaves(data=await self._desk.leaves(begin, limit)))
            case ReadCheckpoints(size=size):
                await self._send(await self._desk.checkpoints(size))

    async def _answer_order(self, request: OrderRequest) -> None:
        orders, who = self._desk.orders, self._peer.name
        match request:
            case GiveOrder(envelope=envelope, carrier=carrier, code=code):
                given = orders.give(envelope, carrier, code, who)
                await self._send(await self._patiently(given))
            case FollowOrder(order=order):
                await self._until_gone(self._follow_all(orders.follow(order)))
            case ListOrders():
                await self._send(await orders.listed())
            case AskPosture():
                await self._send(orders.posture())
            case ConfirmEvacuation(order=order):
                await self._send(await self._patiently(orders.confirm(order, who)))
            case AskChallenge():
                await self._send(await self._patiently(orders.challenge(who)))
            case ReadOrderFiles(after=after):
                await self._send(orders.files(after))

    async def _answer_device(self, request: DeviceRequest) -> None:
        devices = self._desk.devices
        match request:
            case ReadDevices(begin=begin):
                await self._send(devices.read(begin))
            case FollowDevices():
                await self._until_gone(self._follow_all(devices.follow()))
            case TraceLine(name=name):
                await self._until_gone(self._trace(name))
            case ServiceDevice(step=step):
                done = devices.change(step, self._peer.name)
                await self._send(await self._patiently(done))
            case TryDevice(device=device):
                tried = devices.try_out(device, self._peer.name)
                await self._send(await self._patiently(tried))
            case SendFileTo():
                await self._until_gone(self._send_file(request))
                self._parts.close()

    async def _answer_face(self, request: FaceRequest) -> None:
        faces, who = self._desk.faces, self._peer.name
        match request:
            case EnrolFace():
                enrolled = faces.enrol(request, who, may_name=owns(self._peer))
                await self._send(await self._patiently(enrolled))
            case EraseFace(person=person):
                await self._send(await self._patiently(faces.erase(person, who)))
            case ListFaces(begin=begin):
                await self._send(await self._patiently(faces.listed(begin)))
            case TakeFacePicture(camera=camera):
                seen = await self._patiently(faces.picture(camera))
                for at in range(0, len(seen.jpeg), PART_BYTES_MAX):
                    await self._send(FilePart(data=seen.jpeg[at : at + PART_BYTES_MAX]))
                await self._send(replace(seen, jpeg=b""))

    async def _answer_guard(self, request: GuardRequest) -> None:
        guards, who = self._desk.guards, self._peer.name
        match request:
            case ListComparisons(attends=attends):
                await self._send(await self._patiently(guards.listed(attends=attends)))
            case ShowComparison():
                for piece in await self._patiently(guards.picture(request)):
                    await self._send(piece)
            case AnswerComparison():
                await self._send(await self._patiently(guards.answer(request, who)))

    async def _answer_picture(self, request: PictureRequest) -> None:
        pictures = self._desk.pictures
        match request:
            case ReadPictures():
                await self._send(await pictures.listed(request))
            case ExportPicture():
                told = pictures.export(request, self._peer.name)
                await self._until_gone(self._follow_to_end(told))
            case VerifyPictures():
                await self._until_gone(self._follow_to_end(pictures.verify()))

    async def _follow_to_end(self, telling: AsyncGenerator[Message, None]) -> None:
        """What it has open is closed when the client goes."""
        async with aclosing(telling) as told:
            await self._follow_all(told)

    async def _send_file(self, asked: SendFileTo) -> None:
        """A client that goes takes its file back."""
        content, who = self._parts.whole(), self._peer.name
        async with aclosing(self._desk.devices.send_file(asked, content, who)) as told:
            await self._follow_all(told)

    async def _trace(self, name: str) -> None:
        """The line is watched for as long as the client reads, and not a moment longer."""
        async with aclosing(self._desk.devices.trace(name, self._peer.name)) as spoken:
            await self._follow_all(spoken)

    async def _follow_all(self, following: AsyncIterator[Message]) -> None:
        """A client that goes ends it; one that does not take a frame in time is let go."""
        coming = asyncio.ensure_future(anext(following, None))
        try:
            while True:
                await asyncio.wait({coming}, timeout=PROGRESS_S)
                if not coming.done():
                    await self._send(self._heartbeat())
                    continue
                reply = coming.result()
                if reply is None:
                    return
                await self._send(reply)
                coming = asyncio.ensure_future(anext(following, None))
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)

    async def _of_muster(self, request: ReadMuster | ChangeMuster) -> Message:
        if isinstance(request, ReadMuster):
            return await self._desk.muster(request.begin)
        return await self._patiently(self._desk.change_muster(request.step, self._peer.name))

    async def _send_entries(self, stored: list[Stored]) -> int:
        """As many of them as one frame holds; how many those are."""
        sent = [_sent(one) for one in stored]
        while True:
            message = Entries(entries=tuple(sent), last_seq=self._desk.last_seq)
            try:
                await self._send(message)
            except FrameError:
                # One entry always fits: 64 KiB, doubled at worst where quotes are escaped.
                assert len(sent) > 1, f"entry {sent[0].seq} does not fit into a frame"
                sent = sent[: len(sent) // 2]
                continue
            return len(sent)

    async def _follow(self, from_seq: int) -> None:
        desk, following = self._desk, from_seq
        if from_seq > desk.last_seq + 1:
            raise refusal(
                Refusal.AHEAD,
                f"entry {from_seq} does not exist yet, the newest is {desk.last_seq}",
                "start from there; if you have seen that entry, the journal was put back",
            )
        try:
            while True:
                if not await self._newer(following - 1):
                    await self._send(Heartbeat(last_seq=desk.last_seq))
                    continue
                stored = await desk.read(following, READ_ENTRIES_MAX)
                if not stored or stored[0].seq != following:
                    raise refusal(Refusal.JOURNAL, f"entry {following} is no longer kept here")
                following += await self._send_entries(stored)
        except TimeoutError:
            raise refusal(
                Refusal.SLOW,
                f"nothing was taken for {conversation.FRAME_WITHIN_S:.0f} s",
                f"subscribe again from {following}: nothing is lost",
                following,
            ) from None

    async def _newer(self, seq: int) -> bool:
        """Whether there is an entry after `seq`, waiting for it until a heartbeat is due."""
        if self._desk.last_seq > seq:
            return True
        try:
            async with asyncio.timeout(conversation.HEARTBEAT_S):
                await self._desk.wait_beyond(seq)
        except TimeoutError:
            return False
        return True

    async def _verify(self) -> None:
        if self._verifying.locked():
            raise refusal(Refusal.BUSY, "a verification is under way", "wait until it is through")
        async with self._verifying:
            seen = (0, self._desk.last_seq)

            def note(done: int, total: int) -> None:
                nonlocal seen
                seen = (done, total)

            task = asyncio.create_task(self._desk.verify(note), name="control verification")
            try:
                while not task.done():
                    await asyncio.wait({task}, timeout=PROGRESS_S)
                    if not task.done():
                        await self._send(VerifyProgress(done=seen[0], total=seen[1]))
                await self._send(task.result())
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


def _sent(stored: Stored) -> SentEntry:
    return SentEntry(
        seq=stored.seq,
        entry=stored.entry.decode(),
        chain=stored.chain.hex(),
        personal=stored.personal,
    )
