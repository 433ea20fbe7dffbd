"""What people ask of the running central: give this to the edges, and which edges are there."""

import asyncio
from itertools import islice
from typing import Protocol

from central.alarm_words import AlarmWords
from central.alarms import AlarmBook
from central.control_messages import (
    ALARMS_SHOWN_MAX,
    LACKED_SHOWN_MAX,
    NAMED_MAX,
    AcknowledgeAlarm,
    AlarmAcknowledged,
    AlarmsAcross,
    AskAlarms,
    Distribution,
    EdgeAlarm,
    EdgeRow,
    EdgesReply,
    LackedSet,
    Lacking,
)
from central.distribution import EdgeBook, Standing
from central.distributor import Distributor
from central.sets import KeptSet
from edge.alarm_words import AlarmWordError, read_word
from edge.people.sets import PAYLOAD_TYPE as PEOPLE_TYPE
from edge.policy_bundle import PAYLOAD_TYPE as POLICY_TYPE
from edge.policy_bundle import BundleError, unpacked
from edge.signatures import PayloadTypeError, SignatureError, unverified
from edge.topics import TopicError, Topics
from edge.wire import SetKind
from edge.wire_alarms import AlarmNow


class NotGivenError(Exception):
    """The file is not distributed. `remedy` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(message)


class Collected(Protocol):
    """What central knows of an edge beside its status (`central.collector.Collector`)."""

    def stored(self, site: str, edge: str) -> int | None: ...
    def witnessed(self, site: str, edge: str) -> str: ...
    @property
    def alarms(self) -> AlarmBook: ...
    @property
    def alarm_words(self) -> AlarmWords: ...


class CentralDesk:
    """One central's."""

    def __init__(self, distributor: Distributor, collected: Collected) -> None:
        self.distributor = distributor
        self._collected = collected

    async def give(self, envelope: bytes, site: str, by: str) -> KeptSet:
        """Keep a signed file and begin to send it. Raises NotGivenError, SetsError."""
        try:
            kind, of_site = await asyncio.to_thread(kind_and_site, envelope)
        except (SignatureError, BundleError) as error:
            raise NotGivenError(str(error), error.remedy) from None
        return await self.distributor.give(self._site(site, of_site), kind, envelope, by)

    def _site(self, named: str, of_file: str) -> str:
        """Raises NotGivenError."""
        if named and of_file and named != of_file:
            raise NotGivenError(f"the file is for site '{of_file[:64]}'", "leave --site out")
        known = sorted({site for site, _ in self.distributor.books.edges})
        if not named and not of_file and len(known) != 1:
            why = f"edges of {len(known)} sites are known" if known else "no edge was seen yet"
            raise NotGivenError(f"for which site? {why}", "name it with --site")
        chosen = named or of_file or known[0]
        try:
            Topics(chosen, "edge")
        except TopicError as error:
            raise NotGivenError(str(error), "name the site as its site files do") from None
        return chosen

    def standing(self, kept: KeptSet, took_s: float, *, final: bool) -> Distribution:
        """How far it is, `took_s` after it was given. Who lacks it is named at the end."""
        edges = self.distributor.books.at(kept.site)
        lacking = [book for book in edges if book.standing(kept) is not Standing.HAS]
        named = islice(lacking, NAMED_MAX if final else 0)
        return Distribution(
            site=kept.site,
            kind=kept.kind,
            digest=kept.digest,
            edges=len(edges),
            have=len(edges) - len(lacking),
            took_s=took_s,
            on_wire=self.distributor.on_wire,
            final=final,
            lacking=tuple(_lacking(book, kept) for book in named),
        )

    def have(self, kept: KeptSet) -> int:
        """How many edges have it."""
        books = self.distributor.books.at(kept.site)
        return sum(book.standing(kept) is Standing.HAS for book in books)

    def settled(self, kept: KeptSet) -> bool:
        """Whether every edge that is there has said whether it takes it."""
        open_ones = {Standing.WAITING, Standing.UNRECORDED}
        books = self.distributor.books.at(kept.site)
        there = self.distributor.on_wire
        return there and all(book.standing(kept) not in open_ones for book in books)

    def edges(self, after: str) -> EdgesReply:
        """Those whose `site/edge` comes after it."""
        found = (
            book
            for key, book in sorted(self.distributor.books.edges.items())
            if "/".join(key) > after
        )
        rows = [self.row(book) for book in islice(found, NAMED_MAX)]
        more = next(found, None) is not None
        return EdgesReply(on_wire=self.distributor.on_wire, edges=tuple(rows), more=more)

    def alarms(self, asked: AskAlarms) -> AlarmsAcross:
        """Open alarms of a site, or of all, from the `begin`th on."""
        books, found = self.distributor.books.edges, self._collected.alarms.open(asked.site)
        page = found[asked.begin : asked.begin + ALARMS_SHOWN_MAX]
        return AlarmsAcross(
            on_wire=self.distributor.on_wire,
            total=len(found),
            changes=self._collected.alarms.changes,
            alarms=tuple(
                EdgeAlarm(
                    site=one.site,
                    edge=one.edge,
                    connected=(book := books.get((one.site, one.edge))) is not None
                    and book.connected,
                    alarm=one.alarm,
                )
                for one in page
            ),
        )

    def alarm(self, site: str, edge: str, number: int) -> AlarmNow | None:
        """An alarm that is open, as far as is known."""
        return self._collected.alarms.of(site, edge).get(number)

    async def acknowledge(self, asked: AcknowledgeAlarm) -> AlarmAcknowledged:
        """Send somebody's signed word to the edge that it names. Raises NotGivenError."""
        try:
            word = read_word(asked.envelope)
            Topics(word.site, word.edge)
        except (SignatureError, AlarmWordError) as error:
            raise NotGivenError(str(error), error.remedy) from None
        except TopicError as error:
            raise NotGivenError(str(error), "name the edge as its site file does") from None
        words = self._collected.alarm_words
        ack = await words.send(word.site, word.edge, asked.envelope, asked.wait_s)
        if ack is None:
            return AlarmAcknowledged(
                outcome=None,
                reason=f"{word.site}/{word.edge} has not answered",
                remedy="see with `sentrypost central edges` whether it is connected; nobody asks "
                "it later",
            )
        return AlarmAcknowledged(outcome=ack.outcome, reason=ack.reason, remedy=ack.remedy)

    def row(self, book: EdgeBook) -> EdgeRow:
        """One edge as central shows it."""
        known = book.known
        status = known.status
        lacked = self.distributor.books.lacking(book)
        return EdgeRow(
            site=known.site,
            edge=known.edge,
            connected=book.connected,
            seen_utc_us=known.seen_utc_us,
            version=status.version,
            incarnation=status.incarnation,
            people=status.people,
            people_digest=status.people_digest,
            people_made_us=status.people_made_us,
            policy=status.policy,
            policy_digest=status.policy_digest,
            stored=self._collected.stored(known.site, known.edge),
            witness=self._collected.witnessed(known.site, known.edge),
            lacks=tuple(_lacked(book, one) for one in lacked[:LACKED_SHOWN_MAX]),
        )


def kind_and_site(envelope: bytes) -> tuple[SetKind, str]:
    """What a signed file is, and its site where central can read it; a set of people is sealed.

    Whether its signatures hold, each edge judges by the keys of its own site file. Raises
    SignatureError, BundleError.
    """
    try:
        unverified(envelope, PEOPLE_TYPE)
    except PayloadTypeError:
        payload, _ = unverified(envelope, POLICY_TYPE)
        return SetKind.POLICY, unpacked(payload).site
    return SetKind.PEOPLE, ""


def _said(book: EdgeBook, kept: KeptSet) -> tuple[str, str]:
    answer = book.answers.get(kept.id)
    return ("", "") if answer is None else (answer.ack.reason, answer.ack.remedy)


def _lacking(book: EdgeBook, kept: KeptSet) -> Lacking:
    reason, remedy = _said(book, kept)
    return Lacking(
        edge=book.known.edge,
        standing=book.standing(kept),
        seen_utc_us=book.known.seen_utc_us,
        reason=reason,
        remedy=remedy,
    )


def _lacked(book: EdgeBook, kept: KeptSet) -> LackedSet:
    reason, remedy = _said(book, kept)
    return LackedSet(
        kind=kept.kind,
        digest=kept.digest,
        standing=book.standing(kept),
        reason=reason,
        remedy=remedy,
    )
