"""What is the same on every control socket: who may speak, how long it may take, how it ends.

Whatever a client does, the process goes on. Who may speak is the kernel's word; a message that is
not one, or comes too slowly, ends the conversation of whoever sent it.
"""

import asyncio
import logging
import socket
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

from edge.control.frames import LENGTH_BYTES, FrameError, frame, length_of
from edge.control.listening import ControlError, group_of, inode, listen, make_room
from edge.control.message import Message
from edge.control.messages import Hello, Refusal, Refused
from edge.control.parts import PartError, Parts
from edge.control.peer import Peer, may_speak, owns, peer_of
from edge.control.protocol import PROTOCOL
from edge.journal.errors import JournalError

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

SAME_VERSION = "use the `sentrypost` of the daemon's own installation"

log = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R", bound=Message)


class Ended(Exception):  # noqa: N818  # no error: the client's, or ours to it
    """The conversation is over; `last` is what the client is told, if anything."""

    def __init__(self, last: Refused | None = None) -> None:
        self.last = last


def refusal(code: Refusal, reason: str, remedy: str = "", resume_from: int | None = None) -> Ended:
    return Ended(Refused(code=code, reason=reason, remedy=remedy, resume_from=resume_from))


def opened(path: Path) -> socket.socket:
    """Bind and listen at `path`. A socket that nobody answers on is replaced.

    Raises ControlInUseError, ControlError.
    """
    try:
        make_room(path)
        return listen(path)
    except OSError as error:
        raise ControlError(
            f"the control socket {path} cannot be made: {error.strerror}",
            f"make the folder {path.parent}, and let the daemon's account write there",
        ) from error


class Listener(ABC):
    """One control socket: `open`, then `run` until cancelled."""

    clients_max = CLIENTS_MAX

    def __init__(self, path: Path, listening: socket.socket) -> None:
        self._path = path
        self._listening = listening
        self._inode = inode(path)
        self._clients: set[asyncio.Task[None]] = set()
        self._taking = asyncio.Lock()

    @abstractmethod
    def _conversation(
        self, parts: Parts, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> "Conversation[Any]":
        """With one client."""

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
        client = self._conversation(parts, reader, writer)
        task = asyncio.get_running_loop().create_task(
            client.serve(len(self._clients), group_of(self._path), self.clients_max),
            name="control client",
        )
        self._clients.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A bug in serving one client ends that client, not the doors."""
        self._clients.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a control client ended by a bug", exc_info=error)


class Conversation(ABC, Generic[R]):
    """With one client."""

    def __init__(
        self,
        parts: Parts,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._parts = parts
        self._reader = reader
        self._writer = writer
        self._peer: Peer
        # One frame under way: `drain` waits until the kernel has taken all of it.
        writer.transport.set_write_buffer_limits(high=0)

    @abstractmethod
    def _decoded(self, body: bytes) -> R:
        """The request. Raises FrameError, which names the field."""

    @abstractmethod
    async def _answer(self, request: R) -> None:
        """Carry it out and send every reply."""

    @abstractmethod
    def _heartbeat(self) -> Message:
        """What is sent while a reply takes its time."""

    async def serve(self, others: int, group: int, clients_max: int = CLIENTS_MAX) -> None:
        """Answer until the client goes, misbehaves, or the daemon stops. Closes the connection."""
        last: Refused | None = None
        grace_s = FRAME_WITHIN_S
        try:
            self._greet(others, group, clients_max)
            await self._send(Hello(protocol=PROTOCOL, you=self._peer.name))
            while True:
                await self._answer(await self._next())
        except Ended as ended:
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

    def _greet(self, others: int, group: int, clients_max: int) -> None:
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
        limit = clients_max if owns(self._peer) else clients_max - CLIENTS_RESERVED
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

    async def _next(self) -> R:
        try:
            async with asyncio.timeout(IDLE_S):
                first = await self._reader.read(1)
        except TimeoutError:
            raise refusal(Refusal.IDLE, f"nothing was asked for {IDLE_S:.0f} s") from None
        if not first:
            raise Ended
        try:
            async with asyncio.timeout(FRAME_WITHIN_S):
                prefix = first + await self._reader.readexactly(LENGTH_BYTES - 1)
                body = await self._reader.readexactly(length_of(prefix))
        except asyncio.IncompleteReadError:
            raise Ended from None
        except TimeoutError:
            late = f"the message was not complete after {FRAME_WITHIN_S:.0f} s"
            raise refusal(Refusal.MALFORMED, late) from None
        return self._decoded(body)

    async def _send(self, message: Message) -> None:
        """Raises TimeoutError where the client does not take it; an OSError, as a lost one."""
        await self._send_frame(frame(message))

    async def _send_frame(self, data: bytes) -> None:
        """As `_send`, of one that is made already."""
        self._writer.write(data)
        async with asyncio.timeout(FRAME_WITHIN_S):
            await self._writer.drain()

    async def _patiently(self, work: Coroutine[Any, Any, T]) -> T:
        """The result, with heartbeats meanwhile. A client that goes does not undo its request."""
        task = asyncio.create_task(work, name="control request")
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=HEARTBEAT_S)
                if not task.done():
                    with suppress(OSError):
                        await self._send(self._heartbeat())
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
            raise Ended
        finally:
            for one in (task, said):
                one.cancel()
            await asyncio.gather(task, said, return_exceptions=True)
