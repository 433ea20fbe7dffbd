"""Gives the edges what they are to have: keeps it, sends it, and says who has it.

It has a thread of its own for its file, so that no revocation waits behind an archive that stores.
What is on its way is sent in turns, a part of each, so that a small set is not behind a large one.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import msgspec

from central.distribution import Books, EdgeBook
from central.sets import Answer, KeptSet, KnownEdge, SetsError, SetStore
from drivers.mqtt_link import CongestedError, Link, NotConnectedError, Publication
from edge import wire
from edge.topics import Topics

EDGES_MAX = 10_000
"""As many as the collector follows."""

OUTSTANDING_MAX = 16
"""Parts that the wire has not taken: some 6 MB of memory, and room for acknowledgements."""

FULL_AGAIN_S = 0.02
"""Until a full wire is looked at again."""

LOOK_S_MAX = 60.0

TOGETHER_S = 0.02
"""Answers of so long are looked through together: a thousand edges answer at once."""

T = TypeVar("T")


class SetGiven(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody gave central a signed file for the edges of a site."""

    site: str
    kind: wire.SetKind
    digest: str
    by: str


class SetAnswered(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it at an edge, by the edge's word."""

    site: str
    edge: str
    ack: wire.RequestAck


class DistributionFailing(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be distributed cannot be read or written; the archive goes on."""

    reason: str


Told = SetGiven | SetAnswered | DistributionFailing


class _Outgoing:
    """One file on its way to one edge."""

    def __init__(self, book: EdgeBook, kept: KeptSet, payloads: list[bytes]) -> None:
        self.book, self.kept, self.count = book, kept, len(payloads)
        known = book.known
        self.topic = Topics(known.site, known.edge).request
        self.left = deque(payloads)

    @property
    def wanted(self) -> bool:
        """The edge is still there, and has not said yet that it has it."""
        return self.book.connected and self.kept.id > self.book.newest(self.kept.kind)


class Distributor:
    """Central's. `utc_us` tells the time of day; `told` is called on the loop, never blocks."""

    def __init__(self, open_store: Callable[[], SetStore], utc_us: Callable[[], int]) -> None:
        self._open_store = open_store
        self._utc_us = utc_us
        self.told: Callable[[Told], None] = lambda _: None
        self.touched: Callable[[str, str], None] = lambda _site, _edge: None
        """Called on the loop with an edge of which something may be otherwise; must not block."""
        self.books = Books()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="distribution")
        self._store: SetStore
        self._writes: deque[Callable[[], None]] = deque()
        self._gone: set[tuple[str, str]] = set()
        self._untidy: set[tuple[str, wire.SetKind]] = set()
        self._outgoing: list[_Outgoing] = []
        self._wake = asyncio.Event()
        self._changed = asyncio.Event()
        self.on_wire = False
        """Whether central has its broker."""

    async def open(self) -> None:
        """Read what was kept. Raises SetsError."""
        self._store = await self._blocking(self._open_store)
        for kept in await self._blocking(self._store.sets):
            self.books.sets[kept.id] = kept
        for known in await self._blocking(self._store.edges):
            if known.gone:
                self._gone.add((known.site, known.edge))
            else:
                self.books.edges[(known.site, known.edge)] = EdgeBook(known)
        for answer in await self._blocking(self._store.answers):
            site = self.books.sets[answer.set_id].site
            book = self.books.edges.get((site, answer.edge))
            if book is not None:
                book.remember(answer)

    async def close(self) -> None:
        """What was heard is written before. Raises SetsError."""
        try:
            await self._blocking(self._store.close)
        finally:
            self._thread.shutdown(wait=False)

    async def run(self, link: Link) -> None:
        """Send what is due, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            self._tidy()
            if link.connected:
                await self._begin(loop.time())
            self._outgoing = [one for one in self._outgoing if one.wanted]
            full = not self._send_round(link, loop.time())
            if self._outgoing and not full:
                await asyncio.sleep(0)  # everybody else on the loop has a turn between two rounds
                continue
            try:
                async with asyncio.timeout(self._pause_s(loop.time(), full=full)):
                    await self._wake.wait()
            except TimeoutError:
                continue

    # --- what is asked ---

    async def give(self, site: str, kind: wire.SetKind, envelope: bytes, by: str) -> KeptSet:
        """Keep a signed file for the edges of a site; on disk when this returns.

        Given again, it is asked for again at once. Raises SetsError.
        """
        given = KeptSet(
            id=0,
            site=site,
            kind=kind,
            digest=hashlib.sha256(envelope).hexdigest(),
            given_utc_us=self._utc_us(),
            given_by=by,
        )
        known = self.books.found(site, kind, given.digest)
        kept = known
        if kept is None:
            kept = await self._blocking(self._store.keep, given, envelope)
        self.books.sets[kept.id] = kept
        if known is None:
            self.told(SetGiven(site=site, kind=kind, digest=kept.digest, by=by))
        for book in self.books.at(site):
            book.ask_at_once()
            self.touched(site, book.known.edge)
        self._untidy.add((site, kind))
        self._news()
        return kept

    async def forget(self, site: str, edge: str) -> bool:
        """An edge that is no more; whether it was known. Raises SetsError."""
        book = self.books.edges.get((site, edge))
        if book is None:
            return False
        await self._blocking(self._store.forget, book.known)
        del self.books.edges[site, edge]
        self._gone.add((site, edge))
        self.touched(site, edge)
        self._news()
        return True

    @property
    def change(self) -> asyncio.Event:
        """Set with the next change after this was asked for."""
        return self._changed

    # --- what is heard ---

    def linked(self, *, up: bool) -> None:
        """Central's own connection began or ended: who else is there is not known now."""
        self.on_wire = up
        for key, book in self.books.edges.items():
            book.connected = False
            book.ask_at_once()
            self.touched(*key)
        self._news()

    def seen(self, site: str, edge: str, status: wire.Status) -> None:
        """A status that is not older than what was known. Called on the loop; never blocks."""
        key = (site, edge)
        known = KnownEdge(site=site, edge=edge, seen_utc_us=self._utc_us(), status=status)
        book = self.books.edges.get(key)
        if book is None:
            if len(self.books.edges) >= EDGES_MAX or (key in self._gone and not status.alive):
                return
            book = self.books.edges[key] = EdgeBook(known)
            self._later(self._store.saw, known)
        elif book.known.status != status:
            self._later(self._store.saw, known)
        elif not status.alive:
            known = book.known  # it has been gone since then
        lost = book.look(status)
        book.known = known
        for number in lost:
            self._later(self._store.unsay, number, edge)
        self.touched(site, edge)
        self._news()

    def answered(self, site: str, edge: str, ack: wire.RequestAck) -> None:
        """What an edge says has become of a set; of one that is not kept nothing is noted. Called
        on the loop; never blocks.
        """
        kept = self.books.found(site, ack.kind, ack.set)
        book = self.books.edges.get((site, edge))
        if kept is None or book is None:
            return
        answer = Answer(set_id=kept.id, edge=edge, utc_us=self._utc_us(), ack=ack)
        before = book.answers.get(kept.id)
        book.heard(answer, asyncio.get_running_loop().time())
        if before is None or before.ack != ack:
            self.told(SetAnswered(site=site, edge=edge, ack=ack))
        self._later(self._store.note, answer)
        self._untidy.add((site, ack.kind))
        self.touched(site, edge)
        self._news(after_s=TOGETHER_S)

    # --- sending ---

    async def _begin(self, now_s: float) -> None:
        """Put what is due on its way."""
        under_way = {(id(one.book), one.kept.kind) for one in self._outgoing}
        payloads: dict[int, list[bytes]] = {}
        for book, kept in list(self.books.due(now_s)):
            if (id(book), kept.kind) in under_way:
                continue
            if kept.id not in payloads:
                payloads[kept.id] = await self._read(kept)
            if payloads[kept.id]:
                self._outgoing.append(_Outgoing(book, kept, payloads[kept.id]))

    async def _read(self, kept: KeptSet) -> list[bytes]:
        """What is to be sent; nothing where it cannot be read now."""
        try:
            return await self._blocking(self._encoded, kept)
        except SetsError as error:
            self._failing(error)
            return []

    def _encoded(self, kept: KeptSet) -> list[bytes]:
        parts = wire.request_parts(kept.kind, self._store.envelope(kept.id))
        return [wire.encode_request(part) for part in parts]

    def _send_round(self, link: Link, now_s: float) -> bool:
        """A part of everything; false where the wire does not take it all. A small file goes past
        large ones.
        """
        full = False
        for one in list(self._outgoing):
            if link.outstanding >= OUTSTANDING_MAX and one.count > 1:
                full = True
                continue
            try:
                link.publish(Publication(topic=one.topic, payload=one.left[0], qos=1))
            except NotConnectedError:
                self._outgoing.clear()  # asked for again when it is back
                return True
            except CongestedError:
                return False
            one.left.popleft()
            if not one.left:
                one.book.sent(one.kept, one.count, now_s)
                self._outgoing.remove(one)
        return not full

    def _pause_s(self, now_s: float, *, full: bool) -> float:
        if full:
            return FULL_AGAIN_S
        at_s = self.books.look_again_s() if self.on_wire else None
        return LOOK_S_MAX if at_s is None else min(max(at_s - now_s, FULL_AGAIN_S), LOOK_S_MAX)

    # --- its file ---

    def _tidy(self) -> None:
        """Drop what nobody needs any more."""
        while self._untidy:
            site, kind = self._untidy.pop()
            for kept in self.books.outdated(site, kind):
                del self.books.sets[kept.id]
                for book in self.books.at(site):
                    book.forget(kept.id)
                    self.touched(site, book.known.edge)
                self._later(self._store.drop, kept.id)

    def _later(self, write: Callable[..., None], *arguments: object) -> None:
        """Written behind, what has come meanwhile together: what is lost with a crash the edges say
        again when they are asked.
        """
        self._writes.append(partial(write, *arguments))
        if len(self._writes) == 1:
            loop = asyncio.get_running_loop()
            loop.run_in_executor(self._thread, self._write).add_done_callback(self._written)

    def _write(self) -> None:
        taken = []
        while self._writes:
            taken.append(self._writes.popleft())
        with self._store.together():
            for write in taken:
                write()

    def _written(self, future: asyncio.Future[None]) -> None:
        try:
            future.result()
        except SetsError as error:
            self._failing(error)

    def _failing(self, error: SetsError) -> None:
        self.told(DistributionFailing(reason=f"{error}; {error.remedy}"))

    async def _blocking(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    def _news(self, after_s: float = 0.0) -> None:
        """Whoever waits looks again: who sends, after so long."""
        if after_s:
            asyncio.get_running_loop().call_later(after_s, self._wake.set)
        else:
            self._wake.set()
        self._changed.set()
        self._changed = asyncio.Event()
