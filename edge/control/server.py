"""Serves the control socket. Whatever a client does, the daemon goes on.

A subscriber has no queue here: the journal is the queue, and each subscriber reads it at its own
place, with one frame under way. Who does not take that frame in time is let go, and resumes from
where it was.
"""

import asyncio
import logging
import socket
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, TypeVar

from edge.control.desk import Desk
from edge.control.listening import ControlError, group_of, inode, listen, make_room
from edge.control.message import Message
from edge.control.messages import (
    LENGTH_BYTES,
    PART_BYTES_MAX,
    PROTOCOL,
    READ_ENTRIES_MAX,
    Entries,
    ExportPeople,
    FilePart,
    FrameError,
    Heartbeat,
    Hello,
    ImportPeople,
    ReadEntries,
    ReadHistory,
    Refusal,
    Refused,
    Request,
    ResetFire,
    SentEntry,
    Status,
    Subscribe,
    TakePeople,
    decode_request,
    frame,
    length_of,
)
from edge.control.messages_erase import ErasePerson
from edge.control.messages_journal import (
    Leaves,
    ReadCheckpoints,
    ReadLeaves,
    VerifyJournal,
    VerifyProgress,
)
from edge.control.messages_policy import AskRoles, LoadPolicy, PolicyStatus, ReturnPolicy
from edge.control.messages_visits import EndConsent, GiveConsent, ListConsents, Screen
from edge.control.parts import PartError, Parts
from edge.control.peer import Peer, may_speak, owns, peer_of
from edge.journal.errors import JournalError
from edge.journal.record import Stored

CLIENTS_MAX = 32
"""Terminals, pages and commands at one edge; each may cost one frame of memory."""

CLIENTS_RESERVED = 4
"""Kept for the daemon's own account and root: a runaway page must not lock the operator out."""

IDLE_S = 30.0
"""A client that asks nothing for this long has forgotten us."""

FRAME_WITHIN_S = 10.0
"""From a message's first byte to its last, and for a client to take one frame from us."""

STOP_GRACE_S = 1.0
"""How long the daemon's end waits for a client to take the news of it."""

HEARTBEAT_S = 5.0
PROGRESS_S = 0.5

SAME_VERSION = "use the `sentrypost` of the daemon's own installation"

log = logging.getLogger(__name__)

T = TypeVar("T")


class _Ended(Exception):  # noqa: N818  # no error: the client's, or ours to it
    """The conversation is over; `last` is what the client is told, if anything."""

    def __init__(self, last: Refused | None = None) -> None:
        self.last = last


def refusal(code: Refusal, reason: str, remedy: str = "", resume_from: int | None = None) -> _Ended:
    return _Ended(Refused(code=code, reason=reason, remedy=remedy, resume_from=resume_from))


class ControlServer:
    """The socket of one daemon: `open`, then `run` until cancelled."""

    def __init__(self, desk: Desk, path: Path, listening: socket.socket) -> None:
        """Not for callers: see `open`."""
        self._desk = desk
        self._path = path
        self._listening = listening
        self._inode = inode(path)
        self._clients: set[asyncio.Task[None]] = set()
        self._verifying = asyncio.Lock()
        self._taking = asyncio.Lock()

    @classmethod
    def open(cls, desk: Desk, path: Path) -> Self:
        """Bind and listen at `path`. A socket that nobody answers on is replaced.

        Call it where the journal's folder is already ours: two daemons that start at once are told
        apart by that lock. Raises ControlInUseError, ControlError.
        """
        try:
            make_room(path)
            listening = listen(path)
        except OSError as error:
            raise ControlError(
                f"the control socket {path} cannot be made: {error.strerror}",
                "make the state folder writable for the daemon's account",
            ) from error
        return cls(desk, path, listening)

    async def run(self) -> None:
        """Serve until cancelled, then let every client go and remove the socket."""
        server = await asyncio.start_unix_server(self._accept, sock=self._listening)
        try:
            # Not `serve_forever`: from Python 3.12 on its end waits for the clients'.
            await asyncio.get_running_loop().create_future()
        finally:
            server.close()
            clients = list(self._clients)
            for task in clients:
                task.cancel()
            await asyncio.gather(*clients, return_exceptions=True)
            self._remove()

    def close(self) -> None:
        """Undo `open`; needed where `run` was never called, harmless after it."""
        self._listening.close()
        self._remove()

    def _remove(self) -> None:
        """Ours alone: by now the name may be another daemon's."""
        ours, self._inode = self._inode, None
        if ours is not None and inode(self._path) == ours:
            self._path.unlink(missing_ok=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parts = Parts(self._taking)
        client = _Client(self._desk, self._verifying, parts, reader, writer)
        task = asyncio.get_running_loop().create_task(
            client.serve(len(self._clients), group_of(self._path)), name="control client"
        )
        self._clients.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A bug in serving one client ends that client, not the doors."""
        self._clients.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a control client ended by a bug", exc_info=error)


class _Client:
    """One conversation."""

    def __init__(
        self,
        desk: Desk,
        verifying: asyncio.Lock,
        parts: Parts,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._desk = desk
        self._verifying = verifying
        self._parts = parts
        self._reader = reader
        self._writer = writer
        self._peer: Peer
        # One frame under way: `drain` waits until the kernel has taken all of it.
        writer.transport.set_write_buffer_limits(high=0)

    async def serve(self, others: int, group: int) -> None:
        """Answer until the client goes, misbehaves, or the daemon stops. Closes the connection."""
        last: Refused | None = None
        grace_s = FRAME_WITHIN_S
        try:
            self._greet(others, group)
            await self._send(Hello(protocol=PROTOCOL, you=self._peer.name))
            while True:
                await self._answer(await self._next())
        except _Ended as ended:
            last = ended.last
        except FrameError as error:
            last = Refused(code=error.code, reason=str(error), remedy=SAME_VERSION)
        except PartError as error:
            last = Refused(code=error.code, reason=str(error), remedy=error.remedy)
        except JournalError as error:
            last = Refused(code=Refusal.JOURNAL, reason=str(error))
        except asyncio.CancelledError:
            last = Refused(code=Refusal.STOPPING, reason="the daemon is stopping")
            grace_s = STOP_GRACE_S
            raise
        except OSError as error:
            log.debug("a control client is gone: %s", error)
        finally:
            self._parts.close()
            await self._close(last, grace_s)

    def _greet(self, others: int, group: int) -> None:
        connection: socket.socket = self._writer.get_extra_info("socket")
        self._peer = peer_of(connection)
        if not may_speak(self._peer, group):
            who = f"{self._peer.name} (pid {self._peer.pid})"
            log.warning("%s may not use the control socket", who)
            raise refusal(
                Refusal.NOT_ALLOWED,
                f"{self._peer.name} may not speak to this daemon",
                "use the daemon's account, root, or an account in the socket's group",
            )
        limit = CLIENTS_MAX if owns(self._peer) else CLIENTS_MAX - CLIENTS_RESERVED
        if others >= limit:
            raise refusal(
                Refusal.BUSY, f"{others} clients are connected already", "close one of them"
            )

    async def _close(self, last: Refused | None, grace_s: float) -> None:
        """Say why, if the client still takes it in time, and let go."""
        if last is not None and not self._writer.transport.is_closing():
            self._writer.write(frame(last))
        self._writer.close()
        try:
            async with asyncio.timeout(grace_s):
                await self._writer.wait_closed()
        except TimeoutError:
            self._writer.transport.abort()
        except OSError as error:
            log.debug("a control client is gone: %s", error)

    # --- receiving and sending ---

    async def _next(self) -> Request:
        try:
            async with asyncio.timeout(IDLE_S):
                first = await self._reader.read(1)
        except TimeoutError:
            raise refusal(Refusal.IDLE, f"nothing was asked for {IDLE_S:.0f} s") from None
        if not first:
            raise _Ended
        try:
            async with asyncio.timeout(FRAME_WITHIN_S):
                prefix = first + await self._reader.readexactly(LENGTH_BYTES - 1)
                body = await self._reader.readexactly(length_of(prefix))
        except asyncio.IncompleteReadError:
            raise _Ended from None
        except TimeoutError:
            late = f"the message was not complete after {FRAME_WITHIN_S:.0f} s"
            raise refusal(Refusal.MALFORMED, late) from None
        return decode_request(body)

    async def _send(self, message: Message) -> None:
        """Raises TimeoutError where the client does not take it; an OSError, as a lost one."""
        self._writer.write(frame(message))
        async with asyncio.timeout(FRAME_WITHIN_S):
            await self._writer.drain()

    # --- answering ---

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
            case ExportPeople(since=since):
                to_sign, about = await self._patiently(desk.export_people(since))
                for at in range(0, len(to_sign), PART_BYTES_MAX):
                    await self._send(FilePart(data=to_sign[at : at + PART_BYTES_MAX]))
                await self._send(about)
            case ReadHistory(count=count):
                await self._send(await desk.people_history(count))
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
            case Screen(person=person, station=station, result=result):
                screened = desk.screen(person, station, result, who)
                await self._send(await self._patiently(screened))
            case GiveConsent(envelope=envelope):
                await self._send(await self._patiently(desk.give_consent(envelope, who)))
            case EndConsent(person=person):
                await self._send(await self._patiently(desk.end_consent(person, who)))
            case ListConsents():
                await self._send(await desk.consents())
            case VerifyJournal():
                await self._until_gone(self._verify())
            case ReadLeaves(begin=begin, limit=limit):
                await self._send(Leaves(data=await desk.leaves(begin, limit)))
            case ReadCheckpoints(size=size):
                await self._send(await desk.checkpoints(size))

    async def _patiently(self, work: Coroutine[Any, Any, T]) -> T:
        """The result, with heartbeats meanwhile. A client that goes does not undo its request."""
        task = asyncio.create_task(work, name="control request")
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=HEARTBEAT_S)
                if not task.done():
                    with suppress(OSError):
                        await self._send(Heartbeat(last_seq=self._desk.last_seq))
            return task.result()
        finally:
            task.cancel()  # only where the daemon stops: it is done otherwise

    async def _until_gone(self, work: Coroutine[Any, Any, None]) -> None:
        """Carry `work` out; end it when the client goes or says anything."""
        task = asyncio.create_task(work, name="control stream")
        said = asyncio.create_task(self._reader.read(1), name="control stream's client")
        try:
            await asyncio.wait({task, said}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            if said.result():
                raise refusal(Refusal.MALFORMED, "nothing may be said while this is answered")
            raise _Ended
        finally:
            for one in (task, said):
                one.cancel()
            await asyncio.gather(task, said, return_exceptions=True)

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
                f"nothing was taken for {FRAME_WITHIN_S:.0f} s",
                f"subscribe again from {following}: nothing is lost",
                following,
            ) from None

    async def _newer(self, seq: int) -> bool:
        """Whether there is an entry after `seq`, waiting for it until a heartbeat is due."""
        if self._desk.last_seq > seq:
            return True
        try:
            async with asyncio.timeout(HEARTBEAT_S):
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
