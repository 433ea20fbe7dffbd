"""From the wire into the archive, and only then a word back.

An acknowledgement lets an edge forget; so it is sent after the archive's commit and says exactly
what is committed. Whatever goes wrong before that is repaired by silence: the edge sends again.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

import msgspec

from central import archive_keeping
from central.alarm_words import AlarmWords
from central.alarms import LEAF, AlarmBook
from central.archive import (
    ArchiveError,
    BatchRefusedError,
    DivergedError,
    Mark,
    Receipt,
)
from central.backlog import Backlog, Doubt, Heard, Waiting
from central.distributor import Distributor
from central.findings import (
    ArchiveFailing,
    BatchRefused,
    EdgeSeen,
    EntriesStored,
    Finding,
    MessageIgnored,
)
from central.orders import Orders
from central.sharing import GAP_PATIENCE_S, Sharing, WorkShared
from central.witness import Memory, Witness
from controller.checkpoint import Checkpoint, checkpoint_of
from drivers.mqtt_link import (
    CongestedError,
    Connected,
    Disconnected,
    Link,
    Message,
    NotConnectedError,
    Publication,
    Session,
)
from edge import wire
from edge.notes import text_of
from edge.topics import (
    ALL_ALARMS,
    ALL_CHECKPOINTS,
    ALL_JOURNALS,
    ALL_ORDER_ACKS,
    ALL_ORDERS,
    ALL_REQUEST_ACKS,
    ALL_STATUSES,
    Address,
    TopicError,
    Topics,
    parse,
)

EDGES_MAX = 10_000
"""Statuses remembered; more than all our sites have, and a bound on what a forger can fill."""

DRAIN_S_MAX = 5.0
"""A stop stores and acknowledges what has come in already, for no longer than this."""

STORED_AT_ONCE = 400
"""Entries with which a commit begins that takes no further batch: half of what an edge has on its
way, so that the other half comes in meanwhile."""

STANDS_S = 10.0
"""A journal that is larger than what we have of it, and of which nothing comes for so long, is
asked for: its edge believes that we have it."""

FILTERS = (
    ALL_JOURNALS,
    ALL_CHECKPOINTS,
    ALL_STATUSES,
    ALL_REQUEST_ACKS,
    ALL_ORDER_ACKS,
    ALL_ORDERS,
    ALL_ALARMS,
)

T = TypeVar("T")


class Archive(Memory, archive_keeping.Archive, Protocol):
    """What the collector needs of an archive; used on one thread of its own, so it may block."""

    @property
    def id(self) -> str: ...
    def store(self, site: str, edge: str, batch: wire.Batch) -> Receipt: ...
    def mark(self, site: str, edge: str, incarnation: str) -> Mark: ...
    def erase(self) -> bool: ...
    def close(self) -> None: ...


class Collector:
    """Stores what edges send through `link`. `found` is called on the loop and must not block."""

    def __init__(
        self,
        link: Link,
        open_archive: Callable[[], Archive],
        found: Callable[[Finding], None],
        witness: Witness | None = None,
        distributor: Distributor | None = None,
        share_as: str = "",
        orders: Orders | None = None,
        keeping: archive_keeping.Keeping | None = None,
    ) -> None:
        """`share_as`: a name of our own among the archivers that share the work; none: it is not
        shared. `keeping`: ends what is past its time; None: everything is kept for good.
        """
        self._link = link
        self._open_archive = open_archive
        self._found = found
        self._witness = witness
        self._distributor = distributor
        if distributor is not None:
            distributor.told = found
        self._orders = orders
        if orders is not None:
            orders.on(link)
        self._sharing = Sharing(link, FILTERS, share_as) if share_as else None
        self._keeping = keeping
        self._doubted: set[tuple[str, str, str]] = set()
        self._backlog = Backlog()
        self._left_out = False
        self._storing = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="archive")
        self._archive: Archive
        self._statuses: dict[tuple[str, str], wire.Status] = {}
        self._marks: dict[tuple[str, str], int] = {}
        self._witnessed: dict[tuple[str, str], str] = {}
        self.witness_said: Callable[[str, str], None] = lambda _site, _edge: None
        """Called on the loop where `witnessed` says something else of an edge."""
        self._standing: dict[tuple[str, str], tuple[str, int, float]] = {}
        """Of journals that are larger than what we have: at which mark, and since when."""
        self.alarms = AlarmBook()
        self.alarm_words = AlarmWords(link)
        self._idle = asyncio.Event()
        self._idle.set()

    def also_tell(self, found: Callable[[Finding], None]) -> None:
        """Somebody else is told what is found; on the loop, and must not block."""
        before = self._found

        def both(finding: Finding) -> None:
            before(finding)
            found(finding)

        self._found = both
        if self._distributor is not None:
            self._distributor.told = both

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`, then store and acknowledge what has come in, and take leave.

        Raises ArchiveError when the archive cannot be opened.
        """
        try:
            self._archive = await self._blocking(self._open_archive)
            try:
                await self._serve(stop)
            finally:
                await self._blocking(self._archive.close)
        finally:
            self._thread.shutdown(wait=False)

    def stored(self, site: str, edge: str) -> int | None:
        """Up to which entry its journal is in the archive; None where none has come so far."""
        return self._marks.get((site, edge))

    def witnessed(self, site: str, edge: str) -> str:
        """What became of its last checkpoint; empty where none has come so far."""
        return self._witnessed.get((site, edge), "")

    async def _serve(self, stop: asyncio.Event) -> None:
        session = Session(filters=self._sharing.filters if self._sharing else FILTERS)
        async with asyncio.TaskGroup() as tasks:
            beside = [
                tasks.create_task(self._link.run(session), name="central link"),
                tasks.create_task(self._receive(), name="central receive"),
                tasks.create_task(self._consume(), name="central consume"),
            ]
            if self._distributor is not None:
                running = self._distributor.run(self._link)
                beside.append(tasks.create_task(running, name="central distribution"))
            if self._keeping is not None:
                ending = self._keeping.run(self._archive, self._blocking, self._found)
                beside.append(tasks.create_task(ending, name="central retention"))
            await stop.wait()
            self._settle()
            try:
                async with asyncio.timeout(DRAIN_S_MAX):
                    await self._idle.wait()
            except TimeoutError:
                pass  # what is left was not acknowledged, so it comes again
            for task in reversed(beside):
                task.cancel()

    def _settle(self) -> None:
        """Note whether anything is left to do."""
        if self._link.waiting or self._backlog or self._storing:
            self._idle.clear()
        else:
            self._idle.set()

    async def _receive(self) -> None:
        """Sort what comes in. What an edge says of itself and of a request is heard at once: a
        revocation's answer does not wait behind a backlog.
        """
        while True:
            happening = await self._link.next()
            match happening:
                case Connected() | Disconnected():
                    if isinstance(happening, Connected):
                        self.alarms.clear()
                    if self._sharing is not None:
                        self._sharing.connected()
                    if self._distributor is not None:
                        self._distributor.linked(up=isinstance(happening, Connected))
                    if self._orders is not None:
                        self._orders.linked()
                case Message():
                    self._sort(happening)
            self._settle()

    def _sort(self, message: Message) -> None:
        try:
            address = parse(message.topic)
            if address.leaf == "request":
                self._proven(message)
            elif address.leaf == "orders" or address.leaf.startswith("order/ack/"):
                if self._orders is not None:
                    self._orders.heard(address, message.payload)
            elif address.leaf.startswith(LEAF):
                self.alarms.heard(address, message.payload)
            elif address.leaf == "request/ack":
                self._answered(address, wire.decode_request_ack(message.payload))
            elif address.leaf == "status":
                status = wire.decode_status(message.payload)
                self._look(address, status)
                if self._sharing is not None:
                    self._sharing.seen(address.site)
                self._wait(Heard(address, status, message.retained))
            else:
                self._wait(Waiting(address, message))
        except (TopicError, wire.WireError) as error:
            self._found(MessageIgnored(topic=message.topic, reason=str(error)))

    def _wait(self, record: Waiting | Heard) -> None:
        """It takes its turn at the archive, where there is room for it."""
        if self._backlog.put(record):
            self._left_out = self._left_out and not self._backlog.light
        elif not self._left_out:
            self._left_out = True
            reason = "more comes in than it stores: batches are left out, and edges send them again"
            self._found(ArchiveFailing(reason=reason))

    async def _consume(self) -> None:
        while True:
            if not self._backlog:
                await self._erase()
            await self._backlog.some()
            record, self._storing = self._backlog.first(), True
            match record:
                case Doubt():
                    await self._ask_again(record)
                case Heard(address, status, kept):
                    await self._fill_back(address, status, ours_began=kept)
                case Waiting(address, message):
                    await self._handle(address, message)
            self._storing = False
            self._settle()

    async def _erase(self) -> None:
        """Go on with erasing where there is something to erase, while nothing else is to do."""
        try:
            while not self._backlog and await self._blocking(self._archive.erase):
                pass
        except ArchiveError as error:
            self._found(ArchiveFailing(reason=str(error)))

    async def _handle(self, address: Address, message: Message) -> None:
        try:
            if address.leaf == "journal":
                batch = await self._blocking(wire.decode_batch, message.payload)
                await self._collect(address, await self._with_followers(address, batch))
            elif address.leaf == "checkpoint":
                await self._cosign(address, wire.decode_checkpoint(message.payload))
        except wire.WireError as error:
            self._found(MessageIgnored(topic=message.topic, reason=str(error)))

    async def _fill_back(self, address: Address, status: wire.Status, *, ours_began: bool) -> None:
        """Our word with the true mark makes an edge send from there, where it has, or believes that
        we have, more than there is: an archive that was lost, or is an old copy, is filled though
        nothing new happens anywhere. What came after a birth is on its way without our word.
        """
        if not status.alive:
            return
        try:
            mark = await self._blocking(
                self._archive.mark, address.site, address.edge, status.incarnation
            )
        except ArchiveError as error:
            self._found(ArchiveFailing(reason=str(error)))
            return
        if mark.seq < (status.last_seq if ours_began else status.acked):
            behind = msgspec.structs.replace(mark, gap=True)
            self._acknowledge(address.site, address.edge, status.incarnation, behind)

    def _answered(self, address: Address, ack: wire.RequestAck) -> None:
        if ack.kind is wire.SetKind.ALARM:
            self.alarm_words.answered(address.site, address.edge, ack)
        elif self._distributor is not None:
            self._distributor.answered(address.site, address.edge, ack)

    async def _with_followers(self, address: Address, first: wire.Batch) -> list[wire.Batch]:
        """And those that wait and go on where it ends, whatever of other journals stands between:
        one commit does for all.
        """
        batches, count = [first], len(first.entries)
        while count < STORED_AT_ONCE and (waiting := self._backlog.next_of(address)) is not None:
            try:
                batch = await self._blocking(wire.decode_batch, waiting.message.payload)
            except wire.WireError:
                break  # told when its turn comes
            if (batch.incarnation, batch.first) != (first.incarnation, first.first + count):
                break
            self._backlog.remove(waiting)
            batches.append(batch)
            count += len(batch.entries)
        return batches

    async def _collect(self, address: Address, batches: list[wire.Batch]) -> None:
        """Store them as one, or one by one where they are refused together."""
        site, edge = address.site, address.edge
        entries = tuple(entry for batch in batches for entry in batch.entries)
        batch = msgspec.structs.replace(batches[0], entries=entries)
        try:
            receipt = await self._store_then_acknowledge(site, edge, batch)
        except BatchRefusedError as error:
            if len(batches) == 1:
                await self._refuse(site, edge, batch.incarnation, error)
                return
            for each in batches:
                await self._collect(address, [each])
        except ArchiveError as error:
            self._found(ArchiveFailing(reason=str(error)))
        else:
            if receipt.new or receipt.unproven or receipt.gone:
                self._found(
                    EntriesStored(
                        site=site,
                        edge=edge,
                        new=receipt.new,
                        unproven=receipt.unproven,
                        opened=receipt.opened,
                        gone=receipt.gone,
                    )
                )

    async def _refuse(
        self, site: str, edge: str, incarnation: str, error: BatchRefusedError
    ) -> None:
        fork = isinstance(error, DivergedError)
        self._found(BatchRefused(site=site, edge=edge, reason=str(error), fork=fork))
        if not fork:
            return
        try:
            mark = await self._blocking(self._archive.mark, site, edge, incarnation)
        except ArchiveError as failure:
            self._found(ArchiveFailing(reason=str(failure)))
        else:
            # The edge that holds the other version learns it from the chain in our word.
            self._acknowledge(site, edge, incarnation, mark)

    async def _store_then_acknowledge(self, site: str, edge: str, batch: wire.Batch) -> Receipt:
        """The order that nothing may turn round: committed first, acknowledged after."""
        receipt = await self._blocking(self._archive.store, site, edge, batch)
        if (site, edge) in self._statuses:
            self._marks[site, edge] = receipt.mark.seq
        self._acknowledge(site, edge, batch.incarnation, receipt.mark)
        return receipt

    def _proven(self, message: Message) -> None:
        if self._sharing is not None and self._sharing.heard(message):
            self._found(WorkShared())

    async def _ask_again(self, doubt: Doubt) -> None:
        """A gap is told if there was no progress meanwhile."""
        journal = (doubt.site, doubt.edge, doubt.incarnation)
        self._doubted.discard(journal)
        try:
            mark = await self._blocking(self._archive.mark, *journal)
        except ArchiveError as error:
            self._found(ArchiveFailing(reason=str(error)))
        else:
            self._acknowledge(*journal, mark, sure=mark.seq == doubt.seq)

    def _acknowledge(
        self, site: str, edge: str, incarnation: str, mark: Mark, *, sure: bool = False
    ) -> None:
        """Say how far it is stored, and that something is missing behind that: at once, unless
        another archiver may just be storing it. `sure`: none is.
        """
        shared = self._sharing is not None and self._sharing.active
        gap = mark.gap and (sure or not shared)
        if mark.gap and not gap:
            self._doubt(Doubt(site, edge, incarnation, mark.seq))
        ack = wire.Ack(
            incarnation=incarnation,
            stored_up_to=mark.seq,
            chain=mark.chain.hex(),
            gap=gap,
            archive=self._archive.id,
        )
        topic = Topics(site, edge).journal_ack
        self._published(Publication(topic=topic, payload=wire.encode_ack(ack), qos=1))

    def _doubt(self, doubt: Doubt) -> None:
        """Look again in a while, once for each journal; beyond EDGES_MAX the edges send again."""
        journal = (doubt.site, doubt.edge, doubt.incarnation)
        if journal not in self._doubted and len(self._doubted) < EDGES_MAX:
            self._doubted.add(journal)
            asyncio.get_running_loop().call_later(GAP_PATIENCE_S, self._backlog.put, doubt)

    def _published(self, publication: Publication) -> None:
        try:
            self._link.publish(publication)
        except (NotConnectedError, CongestedError):
            return  # the edge sends it again, and hears it then

    async def _cosign(self, address: Address, sent: wire.CheckpointSent) -> None:
        if self._witness is None:
            return
        try:
            judged = await self._blocking(
                self._witness.judge, self._archive, address.site, address.edge, sent
            )
        except ArchiveError as error:
            self._found(ArchiveFailing(reason=str(error)))
            return
        if judged.told is not None:
            self._found(judged.told)
        if (address.site, address.edge) in self._statuses:
            told = "its size is cosigned" if judged.told is None else judged.told.reason
            if self._witnessed.get((address.site, address.edge)) != told:
                self._witnessed[address.site, address.edge] = told
                self.witness_said(address.site, address.edge)
        if judged.answer is not None:
            topic = Topics(address.site, address.edge).checkpoint_ack
            payload = wire.encode_checkpoint(judged.answer)
            self._published(Publication(topic=topic, payload=payload, qos=1))
            if not judged.answer.problem:
                await self._ask_for_rest(address, checkpoint_of(text_of(sent.note)))

    async def _ask_for_rest(self, address: Address, said: Checkpoint) -> None:
        """An edge at which nothing happens says how large its journal is, and nothing else: where
        that is more than we have and stays so, our true mark makes it send from there.
        """
        site, edge, incarnation = address.site, address.edge, said.origin.rpartition("/")[2]
        try:
            mark = await self._blocking(self._archive.mark, site, edge, incarnation)
        except ArchiveError as error:
            self._found(ArchiveFailing(reason=str(error)))
            return
        since = self._standing.pop((site, edge), None)
        if mark.seq >= said.size or (site, edge) not in self._statuses:
            return
        now_s = asyncio.get_running_loop().time()
        if since is None or since[:2] != (incarnation, mark.seq):
            since = (incarnation, mark.seq, now_s)
        elif now_s - since[2] >= STANDS_S:
            behind = msgspec.structs.replace(mark, gap=True)
            self._acknowledge(site, edge, incarnation, behind, sure=True)
        self._standing[site, edge] = since

    def _look(self, address: Address, status: wire.Status) -> None:
        key = (address.site, address.edge)
        known = self._statuses.get(key)
        if not status.replaces(known):
            return
        if self._distributor is not None:
            self._distributor.seen(*key, status)
        if status == known:
            return
        if known is None and len(self._statuses) >= EDGES_MAX:
            raise wire.WireError(f"more than {EDGES_MAX} edges")
        self._statuses[key] = status
        self._found(EdgeSeen(site=address.site, edge=address.edge, status=status))

    async def _blocking(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)
