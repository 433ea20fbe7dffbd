"""The blocking client of commands at the daemon: one request at a time."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from controller.ids import OrderId
from controller.merkle import HASH_BYTES, Frontier
from edge.control.calling import (
    Caller,
    ConnectionLostError,
    ControlClientError,
    DaemonSilentError,
    NotAllowedError,
    RefusedError,
    unexpected,
)
from edge.control.messages import (
    CSV_BYTES_MAX,
    READ_ENTRIES_MAX,
    Entries,
    ExportPeople,
    ExportPeopleReply,
    FilePart,
    Heartbeat,
    HistoryReply,
    ImportPeople,
    ImportPeopleReply,
    ReadEntries,
    ReadHistory,
    Refusal,
    Refused,
    ResetFire,
    ResetFireReply,
    SentEntry,
    Status,
    StatusReply,
    Subscribe,
    TakePeople,
    TakePeopleReply,
)
from edge.control.messages_devices import (
    ChangeLineSpeed,
    DeviceShown,
    DevicesReply,
    DeviceStep,
    FileShown,
    FollowDevices,
    ReadDevices,
    SendFileTo,
    ServiceDevice,
    ServiceReply,
    TraceLine,
    TraceReply,
    TryDevice,
)
from edge.control.messages_erase import ErasePerson, ErasePersonReply
from edge.control.messages_faces import (
    JPEG_BYTES_MAX,
    EnrolFace,
    EraseFace,
    FacePictureReply,
    FaceReply,
    FacesReply,
    ListFaces,
    TakeFacePicture,
)
from edge.control.messages_journal import (
    LEAVES_MAX,
    CheckpointSaid,
    CheckpointsReply,
    Leaves,
    ReadCheckpoints,
    ReadLeaves,
    VerifyJournal,
    VerifyProgress,
    VerifyReply,
)
from edge.control.messages_muster import ChangeMuster, MusterReply, ReadMuster, Step
from edge.control.messages_orders import (
    ArrivalReply,
    AskChallenge,
    AskPosture,
    Carrier,
    ChallengeReply,
    ConfirmEvacuation,
    FollowOrder,
    GiveOrder,
    ListOrders,
    OrderFile,
    OrderFiles,
    OrderReply,
    OrdersReply,
    PostureReply,
    ReadOrderFiles,
)
from edge.control.messages_perimeter import (
    ChangePerimeter,
    PerimeterReply,
    PerimeterStep,
    ReadPerimeter,
)
from edge.control.messages_pictures import (
    ExportPicture,
    ExportPictureReply,
    FramePart,
    PicturesReply,
    ReadPictures,
    VerifyPictures,
    VerifyPicturesReply,
)
from edge.control.messages_policy import (
    AskRoles,
    LoadPolicy,
    PolicyReply,
    PolicyStatus,
    PolicyStatusReply,
    ReturnPolicy,
    RolesReply,
)
from edge.control.messages_report import ReportPerson, ReportPersonReply
from edge.control.messages_views import (
    NAMES_MAX,
    AskViews,
    NamesReply,
    PersonNamed,
    ReadNames,
    ViewsReply,
)
from edge.control.messages_visits import (
    CodeReply,
    ConsentsReply,
    EndConsent,
    GiveConsent,
    LetPass,
    ListConsents,
    MakeCode,
    PassReply,
    Screen,
    VisitReply,
)
from edge.control.place import SOCKET
from edge.control.protocol import Reply, decode_reply
from policies.facts import ScreeningResult


class NoDaemonError(ControlClientError):
    """No daemon runs here. The only error after which a command may open the files itself."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"no daemon runs here (no socket at {path})",
            "start it with `sentrypost run --config …`",
        )


class Client(Caller[Reply]):
    """A connection to the daemon whose state folder is given.

    Raises NoDaemonError, NotAllowedError, RefusedError, DaemonSilentError, ConnectionLostError; so
    does every method but the first. After an error, and after `subscribe`, nothing more is asked.
    """

    def __init__(self, state: Path) -> None:
        super().__init__(state / SOCKET)

    def status(self) -> StatusReply:
        return self._ask(Status(), StatusReply)

    def read(self, from_seq: int, limit: int = READ_ENTRIES_MAX) -> Entries:
        """Some entries from `from_seq` on, at most `limit`, at least one if there is one."""
        return self._ask(ReadEntries(from_seq=from_seq, limit=limit), Entries)

    def entries(self, from_seq: int, to_seq: int | None = None) -> Iterator[SentEntry]:
        """All entries from `from_seq` to `to_seq`, without it to the newest at the beginning."""
        while to_seq is None or from_seq <= to_seq:
            found = self.read(from_seq)
            to_seq = found.last_seq if to_seq is None else to_seq
            for entry in found.entries:
                if entry.seq <= to_seq:
                    yield entry
            if not found.entries:
                return
            from_seq = found.entries[-1].seq + 1

    def subscribe(self, from_seq: int) -> Iterator[Entries | Heartbeat]:
        """Every entry from `from_seq` on, for as long as it is iterated."""
        self._send(Subscribe(from_seq=from_seq))
        while True:
            reply = self._receive()
            if not isinstance(reply, Entries | Heartbeat):
                raise unexpected(reply)
            yield reply

    def reset_fire(self, fire: str) -> ResetFireReply:
        return self._ask(ResetFire(fire=fire), ResetFireReply)

    def import_people(self, csv: bytes, *, dry_run: bool) -> ImportPeopleReply:
        """More than CSV_BYTES_MAX is refused."""
        if len(csv) > CSV_BYTES_MAX:
            raise RefusedError(
                Refused(
                    code=Refusal.TOO_LARGE,
                    reason=f"{len(csv)} bytes, a running daemon takes {CSV_BYTES_MAX} at once",
                    remedy="split the file, or stop the daemon for the import",
                )
            )
        return self._ask(ImportPeople(csv=csv, dry_run=dry_run), ImportPeopleReply)

    def take_people(self, envelope: bytes, *, dry_run: bool) -> TakePeopleReply:
        self._send_file(envelope)
        return self._ask(TakePeople(dry_run=dry_run), TakePeopleReply)

    def erase_person(self, asked: ErasePerson) -> ErasePersonReply:
        return self._ask(asked, ErasePersonReply)

    def report_person(self, person: str) -> ReportPersonReply:
        return self._ask(ReportPerson(person=person), ReportPersonReply)

    def export_people(self, since: int | None) -> tuple[bytes, ExportPeopleReply]:
        """What is to be signed, empty where there is nothing, and what it is."""
        self._send(ExportPeople(since=since))
        to_sign = b""
        while True:
            reply = self._receive()
            match reply:
                case FilePart(data=data):
                    to_sign += data
                case ExportPeopleReply():
                    return to_sign, reply
                case Heartbeat():
                    pass
                case _:
                    raise unexpected(reply)

    def people_history(self, count: int) -> HistoryReply:
        return self._ask(ReadHistory(count=count), HistoryReply)

    def load_policy(self, envelope: bytes) -> PolicyReply:
        self._send_file(envelope)
        return self._ask(LoadPolicy(), PolicyReply)

    def return_policy(self) -> PolicyReply:
        return self._ask(ReturnPolicy(), PolicyReply)

    def policy_status(self) -> PolicyStatusReply:
        return self._ask(PolicyStatus(), PolicyStatusReply)

    def roles_held(self) -> RolesReply:
        return self._ask(AskRoles(), RolesReply)

    def screen(self, person: str, station: str, result: ScreeningResult) -> VisitReply:
        return self._ask(Screen(person=person, station=station, result=result), VisitReply)

    def give_consent(self, envelope: bytes) -> VisitReply:
        return self._ask(GiveConsent(envelope=envelope), VisitReply)

    def end_consent(self, person: str) -> VisitReply:
        return self._ask(EndConsent(person=person), VisitReply)

    def let_pass(self, asked: LetPass) -> PassReply:
        return self._ask(asked, PassReply)

    def consents(self) -> ConsentsReply:
        return self._ask(ListConsents(), ConsentsReply)

    def make_code(self, asked: MakeCode) -> CodeReply:
        return self._ask(asked, CodeReply)

    def muster(self, begin: int = 0) -> MusterReply:
        """The roll from its `begin`th person on."""
        return self._ask(ReadMuster(begin=begin), MusterReply)

    def change_muster(self, step: Step) -> VisitReply:
        return self._ask(ChangeMuster(step=step), VisitReply)

    def give_order(self, envelope: bytes, carrier: Carrier, code: str = "") -> OrderReply:
        return self._ask(GiveOrder(envelope=envelope, carrier=carrier, code=code), OrderReply)

    def follow_order(self, order: OrderId) -> Iterator[ArrivalReply | Heartbeat]:
        """How far it has come, until it is in force no more or nobody iterates any longer."""
        self._send(FollowOrder(order=order))
        while True:
            reply = self._receive()
            if not isinstance(reply, ArrivalReply | Heartbeat):
                raise unexpected(reply)
            yield reply
            if isinstance(reply, ArrivalReply) and not reply.in_force:
                return

    def orders(self) -> OrdersReply:
        return self._ask(ListOrders(), OrdersReply)

    def posture(self) -> PostureReply:
        return self._ask(AskPosture(), PostureReply)

    def confirm_evacuation(self, order: OrderId) -> OrderReply:
        return self._ask(ConfirmEvacuation(order=order), OrderReply)

    def challenge(self) -> ChallengeReply:
        return self._ask(AskChallenge(), ChallengeReply)

    def order_files(self) -> Iterator[OrderFile]:
        """All that another edge has to be given."""
        after, more = "", True
        while more:
            found = self._ask(ReadOrderFiles(after=after), OrderFiles)
            yield from found.files
            more = found.more and bool(found.files)
            after = found.files[-1].order if found.files else after

    def perimeter(self) -> PerimeterReply:
        return self._ask(ReadPerimeter(), PerimeterReply)

    def change_perimeter(self, step: PerimeterStep) -> VisitReply:
        return self._ask(ChangePerimeter(step=step), VisitReply)

    def pictures(self, asked: ReadPictures) -> PicturesReply:
        """What is kept of cameras, one reply of it."""
        return self._ask(asked, PicturesReply)

    def export_picture(self, seq: int, reason: str) -> Iterator[FramePart | ExportPictureReply]:
        """Every frame in parts; the last is what was given, or why it was not."""
        self._send(ExportPicture(seq=seq, reason=reason))
        while True:
            reply = self._receive()
            if isinstance(reply, FramePart | ExportPictureReply):
                yield reply
            elif not isinstance(reply, Heartbeat):
                raise unexpected(reply)
            if isinstance(reply, ExportPictureReply):
                return

    def verify_pictures(self, progress: Callable[[int, int], None]) -> VerifyPicturesReply:
        """`progress` is called with entries done and entries in all."""
        self._send(VerifyPictures())
        while True:
            match self._receive():
                case VerifyPicturesReply() as reply:
                    return reply
                case VerifyProgress(done=done, total=total):
                    progress(done, total)
                case Heartbeat():
                    pass
                case other:
                    raise unexpected(other)

    def devices(self) -> DevicesReply:
        """Every device, as in DevicesReply, whole."""
        shown: tuple[DeviceShown, ...] = ()
        while True:
            reply = self._ask(ReadDevices(begin=len(shown)), DevicesReply)
            shown += reply.devices
            if not (reply.more and reply.devices):
                return DevicesReply(
                    timezone=reply.timezone, utc_us=reply.utc_us, devices=shown, more=False
                )

    def follow_devices(self) -> Iterator[DevicesReply | Heartbeat]:
        """All of them, then each of which there is news, for as long as it is iterated."""
        self._send(FollowDevices())
        while True:
            reply = self._receive()
            if not isinstance(reply, DevicesReply | Heartbeat):
                raise unexpected(reply)
            yield reply

    def serve_device(self, step: DeviceStep | ChangeLineSpeed) -> ServiceReply:
        """Pair, rekey or accept a device, or bring a line to another speed, until that is over."""
        return self._ask(ServiceDevice(step=step), ServiceReply)

    def try_device(self, device: str) -> ServiceReply:
        """Let a reader show and sound that it is meant."""
        return self._ask(TryDevice(device=device), ServiceReply)

    def send_file(
        self, device: str, kind: int, content: bytes
    ) -> Iterator[FileShown | ServiceReply | Heartbeat]:
        """Send a device a file, telling how far it is; the last is what became of it."""
        self._send_file(content)
        self._send(SendFileTo(device=device, kind=kind))
        while True:
            reply = self._receive()
            if not isinstance(reply, FileShown | ServiceReply | Heartbeat):
                raise unexpected(reply)
            yield reply
            if isinstance(reply, ServiceReply):
                return

    def trace(self, name: str) -> Iterator[TraceReply | Heartbeat]:
        """What passes on a line, or to and from a device, for as long as it is iterated."""
        self._send(TraceLine(name=name))
        while True:
            reply = self._receive()
            if not isinstance(reply, TraceReply | Heartbeat):
                raise unexpected(reply)
            yield reply
            if isinstance(reply, TraceReply) and reply.reason:
                return

    def enrol_face(self, asked: EnrolFace) -> FaceReply:
        return self._ask(asked, FaceReply)

    def erase_face(self, person: str) -> FaceReply:
        return self._ask(EraseFace(person=person), FaceReply)

    def faces(self) -> FacesReply:
        """Every template, as in FacesReply, whole."""
        reply = self._ask(ListFaces(), FacesReply)
        while reply.more:
            further = self._ask(ListFaces(begin=len(reply.faces)), FacesReply)
            reply = replace(reply, faces=reply.faces + further.faces, more=further.more)
        return reply

    def face_picture(self, camera: str) -> FacePictureReply:
        """What a camera sees now."""
        self._send(TakeFacePicture(camera=camera))
        jpeg = b""
        while True:
            reply = self._receive()
            match reply:
                case FilePart(data=data) if len(jpeg) + len(data) <= JPEG_BYTES_MAX:
                    jpeg += data
                case FacePictureReply():
                    return replace(reply, jpeg=jpeg)
                case Heartbeat():
                    pass
                case _:
                    raise unexpected(reply)

    def leaves(self, begin: int, end: int) -> Iterator[bytes]:
        """The leaf hashes of entries `begin` + 1 to `end`, as far as they go."""
        while begin < end:
            limit = min(end - begin, LEAVES_MAX)
            data = self._ask(ReadLeaves(begin=begin, limit=limit), Leaves).data
            if not data:
                return
            for at in range(0, len(data), HASH_BYTES):
                yield data[at : at + HASH_BYTES]
            begin += len(data) // HASH_BYTES

    def said(self, size: int | None = None) -> CheckpointsReply:
        """What was said of the journal's size, and under which keys."""
        return self._ask(ReadCheckpoints(size=size), CheckpointsReply)

    def checkpoints(self, size: int | None) -> tuple[CheckpointSaid, ...]:
        return self.said(size).checkpoints

    def views(self, *, rebuild: bool = False) -> ViewsReply:
        """How far reports are behind the journal; with `rebuild` they begin from nothing."""
        return self._ask(AskViews(rebuild=rebuild), ViewsReply)

    def names(self, holders: Sequence[str]) -> Iterator[PersonNamed]:
        """Who these are; somebody who is not on file is left out."""
        for at in range(0, len(holders), NAMES_MAX):
            asked = ReadNames(holders=tuple(holders[at : at + NAMES_MAX]))
            yield from self._ask(asked, NamesReply).people

    def begun(self) -> Frontier:
        """The tree over the entries that are not there any more."""
        said = self.said()
        return Frontier(said.begun, tuple(bytes.fromhex(peak) for peak in said.peaks))

    def verify(self, progress: Callable[[int, int], None] | None = None) -> VerifyReply:
        """`progress` is called with entries done and entries in all."""
        self._send(VerifyJournal())
        while True:
            reply = self._receive()
            match reply:
                case VerifyReply():
                    return reply
                case VerifyProgress(done=done, total=total):
                    if progress is not None:
                        progress(done, total)
                case _:
                    raise unexpected(reply)

    # --- the connection ---

    def _decoded(self, body: bytes) -> Reply:
        return decode_reply(body)

    def _absent(self) -> ControlClientError:
        return NoDaemonError(self.path)


__all__ = [
    "Client",
    "ConnectionLostError",
    "ControlClientError",
    "DaemonSilentError",
    "NoDaemonError",
    "NotAllowedError",
    "Refusal",
    "RefusedError",
]
