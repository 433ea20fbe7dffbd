"""Serves the control socket. Whatever a client does, the daemon goes on."""

import asyncio
import socket
from contextlib import aclosing
from pathlib import Path
from typing import Self

from msgspec.structs import replace

from edge.control import (
    serving_alarms,
    serving_gate,
    serving_guard,
    serving_house,
    serving_people,
    serving_visitors,
)
from edge.control.conversation import Conversation, Listener, opened, refusal
from edge.control.desk import Desk
from edge.control.desk_pages import no_sign_ins
from edge.control.messages import (
    PART_BYTES_MAX,
    ExportPeople,
    FilePart,
    Heartbeat,
    ImportPeople,
    ReadEntries,
    ReadHistory,
    Refusal,
    ResetFire,
    Status,
    Subscribe,
    TakePeople,
)
from edge.control.messages_alarms import AnswerAlarm, FollowAlarms, ReadAlarms
from edge.control.messages_backup import CopyJournal
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
from edge.control.messages_gate import FollowGate, GateRequest
from edge.control.messages_guard import GuardRequest
from edge.control.messages_journal import (
    Leaves,
    ReadCheckpoints,
    ReadLeaves,
    VerifyJournal,
)
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
from edge.control.messages_page_orders import PageOrderRequest
from edge.control.messages_pages import EdgeAdminRequest, PageRequest
from edge.control.messages_people import PersonRequest
from edge.control.messages_pictures import (
    ExportPicture,
    PictureRequest,
    ReadPictures,
    VerifyPictures,
)
from edge.control.messages_policy import AskRoles, LoadPolicy, PolicyStatus, ReturnPolicy
from edge.control.messages_report import ReportPerson
from edge.control.messages_visitors import VisitorRequest
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
from edge.control.protocol import Request
from edge.control.seen import seen
from edge.control.serving_house import HouseRequest
from edge.control.streams import Streaming
from edge.gate_sight import EVERYTHING, Guard


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
        return DeskClient(self._desk, self._verifying, parts, reader, writer)


class DeskClient(Streaming):
    """Somebody who asks the daemon's desk. `operator` of what is asked is `_who`."""

    async def _answer(self, request: Request) -> None:
        desk, who = self._desk, self._who
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
            case FilePart(data=data):
                await self._parts.add(data)
                await self._send(Heartbeat(last_seq=desk.last_seq))
            case ImportPeople() | TakePeople() | ExportPeople() | ReadHistory():
                await self._answer_people(request)
            case ErasePerson():
                await self._send(await self._patiently(desk.erase_person(request, who)))
            case ReportPerson(person=person):
                await self._send(await self._patiently(desk.report_person(person, who)))
            case LoadPolicy() | ReturnPolicy() | PolicyStatus() | AskRoles():
                await self._answer_policy(request)
            case Screen() | GiveConsent() | EndConsent() | ListConsents() | LetPass() | MakeCode():
                await self._answer_visit(request)
            case VerifyJournal() | ReadLeaves() | ReadCheckpoints() | CopyJournal():
                await self._answer_journal(request)
            case _ if isinstance(request, HouseRequest):
                told = serving_house.answer(desk, request, who, self._guard.sight)
                await self._send(await self._patiently(told))
            case _ if isinstance(request, PictureRequest):
                await self._answer_picture(request)
            case _ if isinstance(request, DeviceRequest):
                await self._answer_device(request)
            case _ if isinstance(request, FaceRequest):
                await self._answer_face(request)
            case _ if isinstance(request, GuardRequest | VisitorRequest):
                await self._answer_at_gate(request)
            case _ if isinstance(request, GateRequest):
                await self._answer_gate(request)
            case ReadAlarms() | AnswerAlarm():
                told = serving_alarms.answer(desk.alarms, request, self._guard)
                await self._send(await self._patiently(told))
            case FollowAlarms():
                await self._until_gone(self._follow_to_end(desk.alarms.follow(self._guard)))
            case _ if isinstance(request, PersonRequest):
                await self._answer_person(request)
            case _ if isinstance(request, EdgeAdminRequest):
                await self._answer_sign_ins(request)
            case _ if isinstance(request, PageRequest | PageOrderRequest):
                raise refusal(Refusal.NOT_ALLOWED, "that is asked at the pages' socket")
            case _:
                await self._answer_order(request)

    async def _answer_people(
        self, request: ImportPeople | TakePeople | ExportPeople | ReadHistory
    ) -> None:
        desk, who = self._desk, self._who
        match request:
            case ImportPeople(csv=csv, dry_run=dry_run):
                imported = desk.import_people(csv, who, dry_run)
                await self._send(await self._patiently(imported))
            case TakePeople(dry_run=dry_run):
                taken = desk.take_people(self._parts.whole(), who, dry_run)
                await self._send(await self._patiently(taken))
                self._parts.close()
            case ExportPeople(since=since):
                to_sign, about = await self._patiently(desk.export_people(since))
                for at in range(0, len(to_sign), PART_BYTES_MAX):
                    await self._send(FilePart(data=to_sign[at : at + PART_BYTES_MAX]))
                await self._send(about)
            case ReadHistory(count=count):
                await self._send(await desk.people_history(count))

    async def _answer_policy(
        self, request: LoadPolicy | ReturnPolicy | PolicyStatus | AskRoles
    ) -> None:
        desk, who = self._desk, self._who
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
        desk, who = self._desk, self._who
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
                sight = self._guard.sight
                let = await self._patiently(desk.let_pass(request, who))
                await self._send(serving_gate.shown(let, sight))
            case MakeCode():
                await self._send(await self._patiently(desk.make_code(request, who)))

    async def _answer_journal(
        self, request: VerifyJournal | ReadLeaves | ReadCheckpoints | CopyJournal
    ) -> None:
        match request:
            case CopyJournal():
                await self._until_gone(self._follow_to_end(self._desk.backups.copy_journal()))
            case VerifyJournal():
                await self._until_gone(self._verify())
            case ReadLeaves(begin=begin, limit=limit):
                await self._send(Leaves(data=await self._desk.leaves(begin, limit)))
            case ReadCheckpoints(size=size):
                await self._send(await self._desk.checkpoints(size))

    async def _answer_order(self, request: OrderRequest) -> None:
        orders, who = self._desk.orders, self._who
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
                done = devices.change(step, self._who)
                await self._send(await self._patiently(done))
            case TryDevice(device=device):
                tried = devices.try_out(device, self._who)
                await self._send(await self._patiently(tried))
            case SendFileTo():
                await self._until_gone(self._send_file(request))
                self._parts.close()

    async def _answer_face(self, request: FaceRequest) -> None:
        faces, who = self._desk.faces, self._who
        match request:
            case EnrolFace():
                enrolled = faces.enrol(request, who, may_name=self._owns)
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

    async def _answer_at_gate(self, request: GuardRequest | VisitorRequest) -> None:
        desk, who = self._desk, self._who
        if isinstance(request, GuardRequest):
            told = serving_guard.answer(desk.guards, request, self._guard)
        else:
            told = serving_visitors.answer(desk, request, who)
        for reply in await self._patiently(told):
            await self._send(seen(reply, self._guard.sight))

    async def _answer_sign_ins(self, request: EdgeAdminRequest) -> None:
        if self._desk.sign_ins is None:
            raise no_sign_ins()
        asked = self._desk.sign_ins.of_others(
            request, self._who, own=self._session, may_link=self._owns and self._session is None
        )
        await self._send(await self._patiently(asked))

    async def _answer_gate(self, request: GateRequest) -> None:
        gates, guard = self._desk.gates, self._guard
        if isinstance(request, FollowGate):
            await self._until_gone(serving_gate.follow(gates, request, guard, self._send))
            return
        for reply in await self._patiently(serving_gate.answer(gates, request, guard)):
            await self._send(reply)

    @property
    def _guard(self) -> Guard:
        """Who asks what a guard's terminal asks: whoever may speak here may read the journal."""
        return Guard(self._who, None, EVERYTHING)

    async def _answer_person(self, request: PersonRequest) -> None:
        if isinstance(request, serving_people.Told):
            replies = serving_people.told(self._desk, request, self._who)
            await self._until_gone(self._follow_to_end(replies))
            return
        done = serving_people.done(self._desk, request, self._who)
        await self._send(await self._patiently(done))

    async def _answer_picture(self, request: PictureRequest) -> None:
        pictures = self._desk.pictures
        match request:
            case ReadPictures():
                await self._send(await pictures.listed(request))
            case ExportPicture():
                told = pictures.export(request, self._who)
                await self._until_gone(self._follow_to_end(told))
            case VerifyPictures():
                await self._until_gone(self._follow_to_end(pictures.verify()))

    async def _send_file(self, asked: SendFileTo) -> None:
        """A client that goes takes its file back."""
        content, who = self._parts.whole(), self._who
        async with aclosing(self._desk.devices.send_file(asked, content, who)) as told:
            await self._follow_all(told)

    async def _trace(self, name: str) -> None:
        """The line is watched for as long as the client reads, and not a moment longer."""
        async with aclosing(self._desk.devices.trace(name, self._who)) as spoken:
            await self._follow_all(spoken)
