"""What operators ask at the wall, beside what they follow: to say that an alarm was seen, to
search, to note, to send an order that others have signed. Each goes on record before it is done.
"""

import asyncio

from central.control_desk import CentralDesk, NotGivenError
from central.control_messages import AcknowledgeAlarm, AlarmAcknowledged
from central.control_messages_order import SendOrder
from central.operator_events import (
    Act,
    AlarmWordAnswered,
    AlarmWordSigned,
    IncidentNoteWritten,
    OrderSentOn,
    PersonSearched,
)
from central.operator_signins import OperatorSignIns, WallHeld
from central.order_desk import OrderDesk
from central.wall_archive import WallArchive
from central.wall_book import WallBook
from central.wall_messages import (
    AcknowledgeAt,
    IncidentNoted,
    NotDone,
    NoteIncident,
    Search,
    SearchReply,
    WallAbout,
)
from central.wall_streams import OrdersNow
from controller.ledger import Personal, commitment
from edge.alarm_words import BY_CHARS_MAX, AlarmWord, signed
from edge.order_gist import gist_of
from edge.signatures import SignatureError, SigningKey, public_text
from edge.wire import WireError
from edge.wire_alarms import AlarmNow

WAIT_S = 5.0
"""For an edge to answer that an alarm was seen."""

NO_KEY = "this central has no key by which an edge would believe it that somebody has seen an alarm"
GIVE_KEY = (
    "make one with `sentrypost key new`, start central with --alarm-key, and name it in the site "
    'files with may = ["alarm"]; until then acknowledge at the edge\'s own pages'
)


class WallDesk:
    """One central's. `alarm_key`: None, and nothing is acknowledged from here. What goes on record
    raises JournalError where it cannot.
    """

    def __init__(
        self,
        sign_ins: OperatorSignIns,
        desk: CentralDesk,
        orders: OrderDesk,
        book: WallBook,
        archive: WallArchive,
        alarm_key: SigningKey | None,
    ) -> None:
        self.sign_ins, self.orders, self.book, self.archive = sign_ins, orders, book, archive
        self.orders_now = OrdersNow(orders)
        self._desk, self._key = desk, alarm_key

    def about(self) -> WallAbout:
        key = self._key
        return WallAbout(
            on_wire=self.book.on_wire,
            key="" if key is None else public_text(key.public),
            remedy="" if key is not None else f"{NO_KEY}; {GIVE_KEY}",
            sites=tuple(self.orders.orders.sites()),
        )

    async def acknowledge(self, asked: AcknowledgeAt, who: WallHeld) -> AlarmAcknowledged | NotDone:
        """Central's key signs it, and the edge's answer is waited for."""
        if self._key is None:
            return NotDone(reason=NO_KEY, remedy=GIVE_KEY)
        shown = self._desk.alarm(asked.site, asked.edge, asked.alarm)
        if shown is None:
            why = f"no alarm {asked.site}/{asked.edge}#{asked.alarm} is open, as far as is known"
            return NotDone(reason=why, remedy="look at those that are open now")
        if shown.last != asked.last:
            return NotDone(reason="it was told again since", remedy="look at it as it is now")
        await self._sign(asked, shown, who)
        word = AlarmWord(
            site=asked.site,
            edge=asked.edge,
            incarnation=shown.incarnation,
            alarm=asked.alarm,
            last=asked.last,
            reason=asked.reason,
            by=f"{who.who.record.name[: BY_CHARS_MAX - 70]} ({who.person})",
        )
        envelope = await asyncio.to_thread(signed, word, self._key)
        try:
            done = await self._desk.acknowledge(AcknowledgeAlarm(envelope=envelope, wait_s=WAIT_S))
        except NotGivenError as error:
            return NotDone(reason=str(error), remedy=error.remedy)
        answered = AlarmWordAnswered(
            holder=who.who.holder,
            site=asked.site,
            edge=asked.edge,
            alarm=asked.alarm,
            outcome="" if done.outcome is None else done.outcome.value,
        )
        await self._recorded(answered)
        return done

    async def _sign(self, asked: AcknowledgeAt, shown: AlarmNow, who: WallHeld) -> None:
        said = self._personal("reason", asked.reason) if asked.reason.strip() else None
        act = AlarmWordSigned(
            holder=who.who.holder,
            site=asked.site,
            edge=asked.edge,
            incarnation=shown.incarnation,
            alarm=asked.alarm,
            last=asked.last,
            reason=None if said is None else commitment(said),
        )
        await self._recorded(act, *(() if said is None else (said,)))

    async def search(self, asked: Search, who: WallHeld) -> SearchReply:
        """Raises NotFoundOutError."""
        if asked.person:
            said = self._personal("person", asked.person)
            act = PersonSearched(
                holder=who.who.holder,
                person=commitment(said),
                site=asked.site,
                edge=asked.edge,
                since_us=asked.since_us,
            )
            await self._recorded(act, said)
        return await self.archive.search(asked)

    async def note(self, asked: NoteIncident, who: WallHeld) -> IncidentNoted:
        """Raises NotFoundOutError, IncidentError."""
        await self._recorded(IncidentNoteWritten(holder=who.who.holder, incident=asked.number))
        return await self.archive.note(asked, who.person)

    async def sends(self, asked: SendOrder, who: WallHeld) -> None:
        """An order is about to be sent; what is none is refused by whoever sends."""
        try:
            gist = gist_of(asked.envelope)
        except (SignatureError, WireError):
            return
        act = OrderSentOn(
            holder=who.who.holder,
            site=gist.site[:256],
            order=gist.id,
            kind=gist.kind[:256],
            edges=asked.edges,
        )
        await self._recorded(act)

    def _personal(self, field: str, value: str) -> Personal:
        return self.sign_ins.operators.record.personal(field, value)

    async def _recorded(self, act: Act, *personal: Personal) -> None:
        record = self.sign_ins.operators.record
        record.put(act, *personal)
        await record.recorded()
