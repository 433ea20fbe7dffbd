"""What is answered by more than one message: entries as they come, and whatever goes on for long.

A subscriber has no queue here: the journal is the queue, and each subscriber reads it at its own
place, with one frame under way. Who does not take that frame in time is let go, and resumes from
where it was.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from edge.control import conversation
from edge.control.conversation import Conversation, refusal
from edge.control.desk import Desk
from edge.control.desk_pages import PageSession
from edge.control.frames import FrameError
from edge.control.message import Message
from edge.control.messages import READ_ENTRIES_MAX, Entries, Heartbeat, Refusal, SentEntry
from edge.control.messages_journal import VerifyProgress
from edge.control.parts import Parts
from edge.control.peer import owns
from edge.control.protocol import Request, decode_request
from edge.journal.record import Stored

PROGRESS_S = 0.5


class Streaming(Conversation[Request]):
    """With one client of the daemon's desk."""

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

        self._session: PageSession | None = None
        """Of whoever asks, where that is somebody at a page."""

    @property
    def _who(self) -> str:
        """Under which name what is asked is recorded."""
        return self._peer.name

    @property
    def _owns(self) -> bool:
        """Whether it is the daemon's own account, or root."""
        return owns(self._peer)

    def _decoded(self, body: bytes) -> Request:
        return decode_request(body)

    def _heartbeat(self) -> Heartbeat:
        return Heartbeat(last_seq=self._desk.last_seq)

    async def _follow_to_end(self, telling: AsyncGenerator[Message, None]) -> None:
        """What it has open is closed when the client goes."""
        async with aclosing(telling) as told:
            await self._follow_all(told)

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
