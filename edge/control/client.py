"""The blocking client of commands: one connection, one request at a time.

Every error says what to do about it. A daemon that says nothing for DAEMON_SILENT_S is not waited
for any longer: where the work takes longer it sends heartbeats.
"""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from controller.merkle import HASH_BYTES
from edge.control.message import Message
from edge.control.messages import (
    CSV_BYTES_MAX,
    LENGTH_BYTES,
    PART_BYTES_MAX,
    PROTOCOL,
    READ_ENTRIES_MAX,
    Entries,
    ExportPeople,
    ExportPeopleReply,
    FilePart,
    FrameError,
    Heartbeat,
    Hello,
    HistoryReply,
    ImportPeople,
    ImportPeopleReply,
    ReadEntries,
    ReadHistory,
    Refusal,
    Refused,
    Reply,
    ResetFire,
    ResetFireReply,
    SentEntry,
    Status,
    StatusReply,
    Subscribe,
    TakePeople,
    TakePeopleReply,
    decode_reply,
    frame,
    length_of,
)
from edge.control.messages_erase import ErasePerson, ErasePersonReply
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
from edge.control.messages_policy import (
    AskRoles,
    LoadPolicy,
    PolicyReply,
    PolicyStatus,
    PolicyStatusReply,
    ReturnPolicy,
    RolesReply,
)
from edge.control.messages_visits import (
    ConsentsReply,
    EndConsent,
    GiveConsent,
    ListConsents,
    Screen,
    VisitReply,
)
from edge.control.place import SOCKET, address_of
from policies.facts import ScreeningResult

DAEMON_SILENT_S = 15.0
"""Three heartbeats."""

R = TypeVar("R", bound=Message)


class ControlClientError(Exception):
    """Nothing came of it. `remedy` says what to do."""

    def __init__(self, message: str, remedy: str = "") -> None:
        self.remedy = remedy
        super().__init__(message)


class NoDaemonError(ControlClientError):
    """No daemon runs here. The only error after which a command may open the files itself."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"no daemon runs here (no socket at {path})",
            "start it with `sentrypost run --config …`",
        )


class NotAllowedError(ControlClientError):
    """The system does not let this account at the socket."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} may not be used by this account: {reason}",
            "use the daemon's account, or one in the socket's group",
        )


class RefusedError(ControlClientError):
    """The daemon says no. `code` tells why; a subscriber may go on from `resume_from`."""

    def __init__(self, refused: Refused) -> None:
        self.code = refused.code
        self.resume_from = refused.resume_from
        super().__init__(refused.reason, refused.remedy)


class DaemonSilentError(ControlClientError):
    """Connected, and no answer."""

    def __init__(self) -> None:
        super().__init__(
            f"the daemon has said nothing for {DAEMON_SILENT_S:.0f} s",
            "see its log; its process hangs",
        )


class ConnectionLostError(ControlClientError):
    """The daemon ended, or the connection to it. Whether the request was carried out is unknown."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"the connection to the daemon was lost: {what}",
            "see with `sentrypost status` whether it still runs",
        )


class Client:
    """A connection to the daemon whose state folder is given.

    Raises NoDaemonError, NotAllowedError, RefusedError, DaemonSilentError, ConnectionLostError; so
    does every method but the first. After an error, and after `subscribe`, nothing more is asked.
    """

    def __init__(self, state: Path) -> None:
        self.path = state / SOCKET
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(DAEMON_SILENT_S)
        try:
            self._connect()
            hello = self._receive()
        except BaseException:
            self._socket.close()
            raise
        if not isinstance(hello, Hello) or hello.protocol != PROTOCOL:
            self._socket.close()
            raise ControlClientError(
                "the daemon speaks another version of the control protocol",
                "use the `sentrypost` of the daemon's own installation",
            )
        self.me = hello.you
        """The name under which the daemon records what is asked here."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

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
                raise _unexpected(reply)
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
                    raise _unexpected(reply)

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

    def consents(self) -> ConsentsReply:
        return self._ask(ListConsents(), ConsentsReply)

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
                    raise _unexpected(reply)

    # --- the connection ---

    def _connect(self) -> None:
        try:
            with address_of(self.path) as address:
                self._socket.connect(address)
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            raise NoDaemonError(self.path) from None
        except PermissionError as error:
            raise NotAllowedError(self.path, error.strerror or "") from error
        except (BlockingIOError, TimeoutError):
            raise DaemonSilentError from None
        except OSError as error:
            raise ConnectionLostError(str(error)) from error

    def _send_file(self, envelope: bytes) -> None:
        for at in range(0, len(envelope), PART_BYTES_MAX):
            self._send(FilePart(data=envelope[at : at + PART_BYTES_MAX]))
            reply = self._receive()
            if not isinstance(reply, Heartbeat):
                raise _unexpected(reply)

    def _ask(self, request: Message, kind: type[R]) -> R:
        self._send(request)
        reply: Message = Heartbeat(last_seq=0)
        while isinstance(reply, Heartbeat):
            reply = self._receive()
        if not isinstance(reply, kind):
            raise _unexpected(reply)
        return reply

    def _send(self, request: Message) -> None:
        try:
            self._socket.sendall(frame(request))
        except FrameError as error:
            refused = Refused(code=error.code, reason=str(error), remedy="ask for less at once")
            raise RefusedError(refused) from error
        except TimeoutError:
            raise DaemonSilentError from None
        except OSError as error:
            # It went while we spoke; its last words may still be there.
            self._receive()
            raise ConnectionLostError(str(error)) from error

    def _receive(self) -> Reply:
        """The next message; a Refused is raised."""
        try:
            reply = decode_reply(self._exactly(length_of(self._exactly(LENGTH_BYTES))))
        except FrameError as error:
            raise ControlClientError(
                f"the daemon's answer is not understood: {error}",
                "use the `sentrypost` of the daemon's own installation",
            ) from error
        except TimeoutError:
            raise DaemonSilentError from None
        except OSError as error:
            raise ConnectionLostError(str(error)) from error
        if isinstance(reply, Refused):
            raise RefusedError(reply)
        return reply

    def _exactly(self, size: int) -> bytes:
        parts = []
        while size:
            part = self._socket.recv(min(size, 64 * 1024))
            if not part:
                raise ConnectionLostError("it ended")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def _unexpected(reply: Message) -> ControlClientError:
    return ControlClientError(
        f"the daemon answers {type(reply).__name__}, which was not asked for",
        "use the `sentrypost` of the daemon's own installation",
    )


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
