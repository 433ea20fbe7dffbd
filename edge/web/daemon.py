"""The way from the pages to the daemon, of an edge or of central: one conversation over its socket
for one request or one stream, on behalf of whoever is signed in.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from edge.control.calling import DAEMON_SILENT_S
from edge.control.frames import FRAME_BYTES_MAX, LENGTH_BYTES, FrameError, frame, length_of
from edge.control.message import Message
from edge.control.messages import Heartbeat, Hello, Refused
from edge.control.messages_pages import SessionShown, SignedIn, UseSession
from edge.control.paging import pages
from edge.control.place import address_of
from edge.control.protocol import PROTOCOL

R = TypeVar("R", bound=Message)
T = TypeVar("T")


class DaemonAwayError(Exception):
    """Nobody answers, or not in time. What was asked may have been carried out."""


class DaemonRefusedError(Exception):
    """The daemon says no to this conversation."""

    def __init__(self, refused: Refused) -> None:
        self.refused = refused
        super().__init__(refused.reason)


class NotSignedInError(Exception):
    """The session is over, or never was."""


class Conversation:
    """One request at a time. Every method raises DaemonAwayError and DaemonRefusedError."""

    def __init__(
        self,
        decode: Callable[[bytes], Message],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Not for callers: see `conversing`."""
        self._decode = decode
        self._reader = reader
        self._writer = writer

    async def ask(self, request: Message, kind: type[R]) -> R:
        """The one reply."""
        await self._send(request)
        while isinstance(reply := await self.receive(), Heartbeat):
            pass
        return _of_kind(reply, kind)

    async def ask_all(
        self, request: Message, kind: type[R], page: Callable[[R], tuple[Sequence[T], int]]
    ) -> tuple[R, list[T]]:
        """The last reply and the rows of all, as `edge.control.paging.pages` has it."""
        asking = pages(request, page)
        asked = next(asking)
        while True:
            try:
                asked = asking.send(await self.ask(asked, kind))
            except StopIteration as end:
                whole: tuple[R, list[T]] = end.value
                return whole

    async def follow(self, request: Message) -> AsyncIterator[Message]:
        """Every reply until the daemon has said the last, or whoever follows goes."""
        await self._send(request)
        while True:
            yield await self.receive()

    async def sign(self, token: str, *, background: bool = False) -> SessionShown:
        """From here on the conversation is this session's. `background`: nobody does anything by
        it, and a screen that was left is locked all the same. Raises NotSignedInError.
        """
        signed = await self.ask(UseSession(token=token, background=background), SignedIn)
        if signed.session is None:
            raise NotSignedInError
        return signed.session

    async def receive(self) -> Message:
        """The next message of the daemon."""
        try:
            async with asyncio.timeout(DAEMON_SILENT_S):
                size = length_of(await self._reader.readexactly(LENGTH_BYTES))
                reply = self._decode(await self._reader.readexactly(size))
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise DaemonAwayError from error
        except FrameError as error:
            raise DaemonAwayError("the daemon is of another version") from error
        if isinstance(reply, Refused):
            raise DaemonRefusedError(reply)
        return reply

    async def _send(self, request: Message) -> None:
        self._writer.write(frame(request))
        try:
            async with asyncio.timeout(DAEMON_SILENT_S):
                await self._writer.drain()
        except (OSError, TimeoutError) as error:
            raise DaemonAwayError from error


@asynccontextmanager
async def conversing(path: Path, decode: Callable[[bytes], Message]) -> AsyncIterator[Conversation]:
    """A conversation with the daemon at `path`, whose messages `decode` reads or raises FrameError.
    Raises DaemonAwayError, DaemonRefusedError.
    """
    try:
        async with asyncio.timeout(DAEMON_SILENT_S):
            with address_of(path) as address:
                opening = asyncio.open_unix_connection(address, limit=FRAME_BYTES_MAX)
                reader, writer = await opening
    except (OSError, TimeoutError) as error:
        raise DaemonAwayError from error
    try:
        conversation = Conversation(decode, reader, writer)
        hello = await conversation.receive()
        if not isinstance(hello, Hello) or hello.protocol != PROTOCOL:
            raise DaemonAwayError("the daemon is of another version")
        yield conversation
    finally:
        writer.close()


def _of_kind(reply: Message, kind: type[R]) -> R:
    if not isinstance(reply, kind):
        raise DaemonAwayError(f"the daemon answers {type(reply).__name__}")
    return reply
