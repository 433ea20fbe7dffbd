"""The journal's way to the archive, and the live view beside it.

The journal is the truth and the broker a wire. Entries go out in batches, a few in flight, and
count as stored when the archive says so in words that only somebody who holds the same entries
can say: its acknowledgement carries the journal's chain. Everything else is sent again.

Live events are a lane of their own: best effort, never queued, never behind a backlog, and
without personal values.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, TypeVar

import msgspec

from controller import ledger
from controller.events import decode_entry
from drivers.mqtt_link import (
    INBOUND_MESSAGES_MAX,
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
from edge.alarms_told import AlarmsTold
from edge.journal.checkpoints import Kept
from edge.journal.errors import JournalClosed, JournalError
from edge.journal.record import Following
from edge.muster_told import MusterTold
from edge.order_lane import OrderLane
from edge.outbox import Committed, Outbox, Record, chain_after, composed
from edge.requests import Requests
from edge.topics import Topics
from edge.uplink_reports import (
    AckIgnored,
    ArchiveDiverged,
    ArchiveFellBack,
    EntriesGone,
    JournalSilent,
    RequestIgnored,
    StatusOverwritten,
    UplinkReport,
)
from edge.window import RESEND_S, Window
from edge.witnessed import Witnessed

LINGER_S = 0.02
"""A batch that is not full waits this long for company: one fsync at the archive, not many."""

LIVE_OUTSTANDING_MAX = 128
"""Live events are dropped rather than fill the wire; the other half stays free for batches."""

REBIRTH_S_MIN = 1.0
"""Two edges under one name, or a forger, must not make us publish births without end."""


T = TypeVar("T")


class UplinkStatus(msgspec.Struct, frozen=True, kw_only=True):
    """`behind`: entries that the archive has not acknowledged. `live_dropped`: since the start."""

    connected: bool
    acked: int
    behind: int
    in_flight: int
    live_dropped: int


class InForce(NamedTuple):
    """Which people the edge knows, when they were last changed, and by which policy it decides."""

    people: int = 0
    people_made_us: int | None = None
    people_digest: str = ""
    policy: int = 0
    policy_digest: str = ""


class Uplink:
    """Sends one journal to the archive.

    `version` is the daemon's and `in_force` what it goes by, for the birth message. `requests`
    takes what central asks for, and `orders` what is ordered; with None nothing is. `report` is
    called on the loop and must not block. One Uplink owns its link: nobody else reads from it.
    """

    def __init__(
        self,
        outbox: Outbox,
        link: Link,
        site: str,
        edge: str,
        version: str,
        witnessed: Witnessed,
        report: Callable[[UplinkReport], None] = lambda _report: None,
        in_force: Callable[[], InForce] = InForce,
        requests: Requests | None = None,
        orders: OrderLane | None = None,
    ) -> None:
        self._outbox = outbox
        self._link = link
        self._topics = Topics(site, edge)
        self._origin = ledger.origin(site, edge, outbox.incarnation)
        self._version = version
        self.witnessed = witnessed
        self._report = report
        self._in_force = in_force
        self._requests = requests
        self._orders = orders
        self._words: deque[Message] = deque(maxlen=INBOUND_MESSAGES_MAX)
        """Of archive and witness; they take the journal's time, and no order waits behind them."""
        self._spoken = asyncio.Event()
        self._born_with = InForce()
        self.muster: MusterTold | None = None
        """What else is told over the same wire, where there is somebody to tell it."""
        self.alarms: AlarmsTold | None = None
        self._boot = outbox.last_seq
        self._number = 0
        self._window = Window(outbox.acked)
        self._wake = asyncio.Event()
        self._live_dropped = 0
        self._born_s = 0.0
        self._birth_due = False
        self._unnoted = 0
        """What the journal has still to be told to be stored, if it is more than it knows."""
        self._gone: EntriesGone | None = None
        """What the archive was last told to be gone."""

    @property
    def status(self) -> UplinkStatus:
        return UplinkStatus(
            connected=self._link.connected,
            acked=self._outbox.acked,
            behind=self._outbox.last_seq - self._outbox.acked,
            in_flight=self._window.flying,
            live_dropped=self._live_dropped,
        )

    def committed(self, records: Sequence[Committed]) -> None:
        """`records` are on disk: show them live and send them. Called on the loop; never blocks."""
        for record in records:
            self._show(record)
        if self._link.connected and self._in_force() != self._born_with:
            self._birth_due = True  # what is retained must not tell of other people
        if self._orders is not None:
            self._orders.changed()
        if self.muster is not None:
            self.muster.changed()
        if self.alarms is not None:
            self.alarms.changed()
        self._wake.set()

    def said(self, kept: Kept) -> None:
        """There is a new checkpoint for the witness. Called on the loop; never blocks."""
        self.witnessed.taken(kept)
        self._wake.set()

    async def run(self) -> None:
        """Serve until cancelled. Raises JournalClosed when the journal was closed meanwhile."""
        topics = self._topics
        asked = () if self._requests is None else (topics.request,)
        ordered = () if self._orders is None else self._orders.filters
        words = (topics.journal_ack, topics.checkpoint_ack, topics.status)
        told = () if self.alarms is None else (self.alarms.filter,)
        session = Session(
            filters=(*words, *asked, *ordered, *told),
            will=lambda number: self._status(number, alive=False),
            farewell=lambda number: self._status(number, alive=False),
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._link.run(session), name="uplink link")
            tasks.create_task(self._receive(), name="uplink receive")
            tasks.create_task(self._listen(), name="uplink listen")
            tasks.create_task(self._send(), name="uplink send")
            if self._requests is not None:
                tasks.create_task(self._requests.run(self._answer), name="uplink requests")
            if self._orders is not None:
                tasks.create_task(self._orders.run(self._link), name="uplink orders")
            if self.muster is not None:
                tasks.create_task(self.muster.run(self._link), name="uplink muster")
            if self.alarms is not None:
                tasks.create_task(self.alarms.run(self._link), name="uplink alarms")

    # --- the live lane ---

    def _show(self, record: Committed) -> None:
        if not self._link.connected or self._link.outstanding >= LIVE_OUTSTANDING_MAX:
            self._live_dropped += 1
            return
        # The stored bytes hold commitments where a person's values would be, so they may go out.
        topic = self._topics.event(decode_entry(record.entry).kind)
        if not self._published(Publication(topic=topic, payload=record.entry)):
            self._live_dropped += 1

    # --- sending ---

    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            if self._birth_due and loop.time() - self._born_s >= REBIRTH_S_MIN:
                self._give_birth()
            if self._unnoted > self._outbox.acked:
                await self._note()
            if self._window.stalled(loop.time()):
                self._window.probe(loop.time())
            while self._link.connected and not self._window.full and await self._send_batch():
                pass
            if self._link.connected and self.witnessed.due(loop.time()):
                await self._send_checkpoint()
            try:
                async with asyncio.timeout_at(self._look_again_s(loop.time())):
                    await self._wake.wait()
            except TimeoutError:
                continue
            if self._outbox.last_seq - self._window.sent < wire.BATCH_ENTRIES_MAX:
                await asyncio.sleep(LINGER_S)

    def _look_again_s(self, now_s: float) -> float | None:
        """When there is something to do that nobody wakes us for; None: not before that."""
        times = []
        if self._birth_due:
            times.append(max(now_s, self._born_s) + REBIRTH_S_MIN)
        if self._unnoted > self._outbox.acked:
            times.append(now_s + RESEND_S)
        if self._link.connected and self.witnessed.look_again_s is not None:
            times.append(self.witnessed.look_again_s)
        if self._window.flying:
            times.append(self._window.stalls_s)
        behind = self._window.sent < self._outbox.last_seq
        if behind and self._link.connected and not self._window.full:
            # Journal or wire did not give or take it just now.
            times.append(now_s + RESEND_S / 4)
        return max(min(times), now_s + LINGER_S) if times else None

    async def _send_batch(self) -> bool:
        """Send what follows; false when there is nothing, or the wire does not take it now."""
        window = self._window
        if window.sent >= self._outbox.last_seq:
            return False
        turn, expected = window.round, window.sent + 1
        following = await self._read(expected, wire.BATCH_ENTRIES_MAX)
        if window.round != turn:
            return True  # what was read is no longer what follows
        if following is None or not following.records:
            return False
        records, payload = composed(self._outbox.incarnation, following, expected)
        if not self._published(Publication(topic=self._topics.journal, payload=payload, qos=1)):
            return False
        if (begins := records[0].seq) > expected:
            self._tell_of_gap(EntriesGone(first=expected, last=begins - 1))
        window.launched(records[-1].seq, records[-1].chain, asyncio.get_running_loop().time())
        return True

    async def look_back(self) -> None:
        """Once, at the start: is all still there that the witness has cosigned?"""
        await self._unless_silent(self.witnessed.look_back())

    async def _unless_silent(self, asking: Awaitable[T]) -> T | None:
        """What the journal says; None when it cannot be asked now."""
        try:
            return await asking
        except JournalClosed:
            raise
        except JournalError as error:
            self._report(JournalSilent(reason=str(error)))
            return None

    async def _send_checkpoint(self) -> None:
        payload = await self._unless_silent(
            self.witnessed.message(asyncio.get_running_loop().time())
        )
        if payload is not None:
            self._published(Publication(topic=self._topics.checkpoint, payload=payload, qos=1))

    async def _read(self, from_seq: int, limit: int) -> Following[Record] | None:
        """Of the journal; None when it cannot be read now."""
        reading = self._outbox.following(from_seq, limit, wire.BATCH_ENTRY_BYTES)
        return await self._unless_silent(reading)

    def _tell_of_gap(self, gone: EntriesGone) -> None:
        """Once, however often it has to be sent."""
        if gone != self._gone:
            self._gone = gone
            self._report(gone)

    def _published(self, publication: Publication) -> bool:
        try:
            self._link.publish(publication)
        except (NotConnectedError, CongestedError):
            return False
        return True

    # --- receiving ---

    async def _receive(self) -> None:
        topics, orders = self._topics, self._orders
        words = {topics.journal_ack, topics.checkpoint_ack}
        while True:
            happening = await self._link.next()
            match happening:
                case Connected(number=number):
                    self._number = number
                    self._give_birth()
                    if orders is not None:
                        orders.connected()
                    self._words.clear()
                    self.witnessed.connected()
                    if self.muster is not None:
                        self.muster.connected()
                    if self.alarms is not None:
                        self.alarms.connected()
                    self._window.restart(asyncio.get_running_loop().time())
                    self._wake.set()
                case Disconnected():
                    pass  # `connected` says so, and the next connection starts from `base`
                case Message(topic=topic) if topic in words:
                    self._words.append(happening)
                    self._spoken.set()
                case Message(topic=topic) if topic == topics.status:
                    # A retained one is from before the birth that we have just published.
                    if not happening.retained:
                        self._look_at_status(happening.payload)
                case Message(topic=topic) if topic == topics.request:
                    self._asked(happening)
                case Message() if orders is not None and orders.heard(happening):
                    pass
                case Message() if self.alarms is not None and self.alarms.heard(happening):
                    pass
                case Message():
                    self._report(AckIgnored(reason="a message on a topic that was not asked for"))

    async def _listen(self) -> None:
        while True:
            if not self._words:
                self._spoken.clear()
                await self._spoken.wait()
                continue
            word = self._words.popleft()
            if word.topic == self._topics.journal_ack:
                await self._acknowledged(word.payload)
            else:
                await self._unless_silent(self.witnessed.heard(word.payload))
                self._wake.set()

    def _asked(self, message: Message) -> None:
        if self._requests is None or message.retained:
            # Central keeps nothing at the broker: this is somebody else's.
            self._report(RequestIgnored(reason="a request that the broker had kept"))
            return
        try:
            self._requests.heard(message.payload)
        except wire.WireError as error:
            self._report(RequestIgnored(reason=str(error)))

    def _answer(self, ack: wire.RequestAck) -> None:
        """Not sent where the wire does not take it: central asks again."""
        payload = wire.encode_request_ack(ack)
        self._published(Publication(topic=self._topics.request_ack, payload=payload, qos=1))

    async def _acknowledged(self, payload: bytes) -> None:
        try:
            ack = wire.decode_ack(payload)
        except wire.WireError as error:
            self._report(AckIgnored(reason=str(error)))
            return
        if ack.incarnation != self._outbox.incarnation:
            self._report(AckIgnored(reason=f"of another journal, {ack.incarnation}"))
        elif ack.stored_up_to > self._outbox.last_seq:
            reason = f"entry {ack.stored_up_to} does not exist yet, {self._outbox.last_seq} does"
            self._report(AckIgnored(reason=reason))
        elif ack.stored_up_to < self._window.base and not ack.gap:
            pass  # late: we know better
        else:
            await self._compare(ack)

    async def _compare(self, ack: wire.Ack) -> None:
        """With our own journal: what it says there is all that tells an archive from a forger."""
        seq = ack.stored_up_to
        chain, pruned = self._origin if seq == 0 else self._window.chain_at(seq), False
        if chain is None and (following := await self._read(seq, 1)) is not None:
            chain, pruned = chain_after(following, seq), following.records[0].seq > seq
        if chain is None and pruned and ack.gap:
            # It cannot be compared any more, and going back is believing nothing.
            self._go_back(seq)
        elif chain is None:
            reason = f"entry {seq} cannot be compared: our journal does not give it"
            self._report(AckIgnored(reason=reason))
        elif chain != bytes.fromhex(ack.chain):
            self._report(ArchiveDiverged(seq=seq, archive=ack.archive))
        else:
            await self._believe(ack)

    async def _believe(self, ack: wire.Ack) -> None:
        # Nobody can have stored what was never sent, whatever chain he came by.
        mark = min(ack.stored_up_to, self._window.reached)
        self._window.stored(mark, asyncio.get_running_loop().time())
        if mark > self._outbox.acked:
            self._unnoted = mark
            await self._note()
        if ack.gap:
            self._go_back(mark)
        self._wake.set()

    def _go_back(self, seq: int) -> None:
        """The archive lacks what follows `seq`."""
        acked = self._outbox.acked
        if self._window.missing(seq, asyncio.get_running_loop().time()) and seq < acked:
            self._report(ArchiveFellBack(stored_up_to=seq, acked=acked))
        self._wake.set()

    async def _note(self) -> None:
        """Into the journal; if it cannot take it now, a little later."""
        await self._unless_silent(
            self._outbox.set_acked(self._unnoted, incarnation=self._outbox.incarnation)
        )

    # --- birth and death ---

    def _status(self, number: int, *, alive: bool) -> Publication:
        in_force = self._in_force()
        status = wire.Status(
            alive=alive,
            incarnation=self._outbox.incarnation,
            boot=self._boot,
            number=number,
            version=self._version,
            last_seq=self._outbox.last_seq,
            acked=self._outbox.acked,
            people=in_force.people,
            people_made_us=in_force.people_made_us,
            people_digest=in_force.people_digest,
            policy=in_force.policy,
            policy_digest=in_force.policy_digest,
        )
        return Publication(
            topic=self._topics.status, payload=wire.encode_status(status), qos=1, retain=True
        )

    def _give_birth(self) -> None:
        in_force = self._in_force()
        if self._published(self._status(self._number, alive=True)):
            self._born_with = in_force
            self._born_s = asyncio.get_running_loop().time()
            self._birth_due = False

    def _look_at_status(self, payload: bytes) -> None:
        """Our own topic must hold our birth: a late will of an old connection overwrites it."""
        try:
            status = wire.decode_status(payload)
        except wire.WireError as error:
            reason = str(error)
        else:
            own = (self._outbox.incarnation, self._boot, self._number)
            if status.alive and status.connection == own:
                return
            reason = f"connection {status.boot}/{status.number}, alive: {status.alive}"
        self._report(StatusOverwritten(reason=reason))
        self._birth_due = True
        self._wake.set()
