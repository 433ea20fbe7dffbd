"""Serves central's control socket: signed files are given to the edges, and edges asked after."""

import asyncio
import socket
from pathlib import Path
from typing import Self

from central.control_desk import CentralDesk, NotGivenError
from central.control_messages import (
    AskEdges,
    Distribute,
    ForgetEdge,
    Forgotten,
    NotDistributed,
    Request,
    decode_request,
)
from central.sets import KeptSet, SetsError
from edge.control.conversation import Conversation, Listener, opened, refusal
from edge.control.messages import FilePart, Heartbeat, Refusal
from edge.control.parts import Parts

PROGRESS_S = 0.5
"""How often somebody who waits is told how far it is; no heartbeat is needed beside that."""


class CentralServer(Listener):
    """The socket of one central."""

    def __init__(self, desk: CentralDesk, path: Path, listening: socket.socket) -> None:
        """Not for callers: see `open`."""
        super().__init__(path, listening)
        self._desk = desk

    @classmethod
    def open(cls, desk: CentralDesk, path: Path) -> Self:
        """Bind and listen at `path`. A socket that nobody answers on is replaced.

        Raises ControlInUseError, ControlError.
        """
        return cls(desk, path, opened(path))

    def _conversation(
        self, parts: Parts, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Conversation[Request]:
        return _Client(self._desk, parts, reader, writer)


class _Client(Conversation[Request]):
    def __init__(
        self,
        desk: CentralDesk,
        parts: Parts,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        super().__init__(parts, reader, writer)
        self._desk = desk

    def _decoded(self, body: bytes) -> Request:
        return decode_request(body)

    def _heartbeat(self) -> Heartbeat:
        return Heartbeat(last_seq=0)

    async def _answer(self, request: Request) -> None:
        match request:
            case FilePart(data=data):
                await self._parts.add(data)
                await self._send(self._heartbeat())
            case Distribute(site=site, wait_s=wait_s):
                await self._distribute(site, wait_s)
            case AskEdges(after=after):
                await self._send(self._desk.edges(after))
            case ForgetEdge(site=site, edge=edge):
                try:
                    known = await self._desk.distributor.forget(site, edge)
                except SetsError as error:
                    raise refusal(Refusal.JOURNAL, str(error), error.remedy) from None
                await self._send(Forgotten(known=known))

    async def _distribute(self, site: str, wait_s: float) -> None:
        began_s = asyncio.get_running_loop().time()
        envelope = self._parts.whole()
        self._parts.close()
        try:
            kept = await self._patiently(self._desk.give(envelope, site, self._peer.name))
        except (NotGivenError, SetsError) as error:
            await self._send(NotDistributed(reason=str(error), remedy=error.remedy))
            return
        await self._follow(kept, began_s, began_s + wait_s)

    async def _follow(self, kept: KeptSet, began_s: float, until_s: float) -> None:
        """Say how far it is now and then, and the last word."""
        desk, loop = self._desk, asyncio.get_running_loop()
        had, took_s, said_s = 0, 0.0, began_s
        while True:
            now_s, change = loop.time(), desk.distributor.change
            have = desk.have(kept)
            if have != had:
                had, took_s = have, now_s - began_s
            if desk.settled(kept) or now_s >= until_s:
                await self._send(desk.standing(kept, took_s, final=True))
                return
            if now_s - said_s >= PROGRESS_S:
                said_s = now_s
                await self._send(desk.standing(kept, took_s, final=False))
            try:
                async with asyncio.timeout(min(until_s - now_s, PROGRESS_S)):
                    await change.wait()
            except TimeoutError:
                continue
