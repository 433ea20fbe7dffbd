"""What every store of the archive does, in SQL that SQLite and PostgreSQL both understand."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from central import (
    archive_retention,
    audit,
    erasures,
    gaps,
    incident_store,
    search,
    series,
)
from central.archive import (
    FORKS_KEPT_MAX,
    Archived,
    ArchiveError,
    DivergedError,
    ForkError,
    Gone,
    IncidentOpened,
    Mark,
    Pruned,
    Receipt,
    Sent,
    checked,
    proven,
)
from central.database import ENTRY, MENTION, PERSONAL, Database
from central.incidents import Incident, MeasureTaken, Opened, Summary, What
from central.mentions import mention_rows, personal_rows
from central.witness import Remembered
from controller import ledger
from controller.checkpoint import log_name
from controller.events import decode_entry
from edge.wire import Batch

PAGE_ENTRIES = 500
"""Entries read at a time: a few hundred kilobytes."""


class _Journal(msgspec.Struct, frozen=True):
    id: int
    mark: int
    chain: bytes


class SqlArchive:
    """The archive in a database that is ready for it. Used by one thread at a time; all methods
    block, and raise ArchiveError where the database cannot be read or written.
    """

    def __init__(self, database: Database) -> None:
        self._db = database
        with self._failing("cannot read the archive"):
            row = self._db.execute("SELECT value FROM meta WHERE name = 'id'").fetchone()
        self.id = str(row[0])

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """What is read in the block and takes longer raises ArchiveError."""
        with self._failing("cannot read the archive"), self._db.within(seconds):
            yield

    def store(self, site: str, edge: str, batch: Batch) -> Receipt:
        """Store what is new of `batch`, in one transaction, durable on return.

        Raises BatchRefusedError (DivergedError, ForkError) with nothing stored; after ArchiveError
        the batch may be stored or not, and may be stored again.
        """
        sent = checked(site, edge, batch)
        waiting = "edges keep their entries and send them again: "
        with self._failing("cannot write the archive", waiting):
            self._db.make_room(archived.entry.utc_us for archived in sent.entries)
            try:
                with self._db.transaction():
                    self._db.lock_site(site, alone=erasures.among(sent.entries))
                    return self._insert(self._journal(site, edge, batch.incarnation), sent)
            except ForkError as fork:
                self._keep_evidence(site, edge, batch.incarnation, sent.entries, fork.seq)
                raise

    def mark(self, site: str, edge: str, incarnation: str) -> Mark:
        """How far the journal is stored, but for what is gone for good; 0 with the chain's origin
        if unknown.
        """
        with self._failing("cannot read the archive"):
            row = self._db.execute(
                "SELECT id, mark, chain FROM journal"
                " WHERE site = ? AND edge = ? AND incarnation = ?",
                (site, edge, incarnation),
            ).fetchone()
            if row is None:
                return Mark(seq=0, chain=ledger.origin(site, edge, incarnation))
            journal = _Journal(*row)
            beyond = gaps.after(self._db, journal.id, journal.mark, 1)
        return Mark(seq=journal.mark, chain=journal.chain, gap=bool(beyond))

    def missing(self, site: str = "", edge: str = "") -> list[gaps.Missing]:
        """As `central.gaps.known`."""
        with self._failing("cannot read the archive"):
            return gaps.known(self._db, site, edge)

    def journals_kept(self, site: str = "", edge: str = "") -> list[audit.Journal]:
        """As `central.audit.journals`."""
        with self._failing("cannot read the archive"):
            return audit.journals(self._db, site, edge)

    def audit(
        self,
        journal: audit.Journal,
        told: audit.Told = lambda _: None,
        witnesses: Sequence[bytes] = (),
    ) -> audit.Audited:
        """As `central.audit.audited`."""
        with self._failing("cannot read the archive"):
            return audit.audited(self._db, journal, told, witnesses)

    def entries(self, site: str, edge: str, incarnation: str) -> Iterator[Archived]:
        """Every stored entry of one journal in the order of its numbers."""
        with self._failing("cannot read the archive"):
            row = self._db.execute(
                "SELECT id FROM journal WHERE site = ? AND edge = ? AND incarnation = ?",
                (site, edge, incarnation),
            ).fetchone()
            if row is None:
                return
            journal, after = int(row[0]), 0
            while page := self._after(journal, after, PAGE_ENTRIES):
                yield from self._archived(journal, page)
                after = page[-1][0]

    def remembered(self, log: str) -> Remembered | None:
        """As `central.witness.Memory`."""
        with self._failing("cannot read the archive"):
            row = self._db.execute(
                "SELECT key, note FROM witnessed WHERE log = ?", (log,)
            ).fetchone()
        return None if row is None else Remembered(*row)

    def journals(self, site: str, edge: str) -> int:
        """As `central.witness.Memory`."""
        with self._failing("cannot read the archive"):
            row = self._db.execute(
                "SELECT count(*) FROM witnessed WHERE log > ? AND log < ?", _logs_of(site, edge)
            ).fetchone()
        return int(row[0])

    def forget(self, site: str, edge: str) -> int:
        """Forget what was cosigned of an edge's journals; of how many."""
        with self._failing("cannot write the archive"), self._db.transaction():
            gone = self._db.execute(
                "DELETE FROM witnessed WHERE log > ? AND log < ? RETURNING log",
                _logs_of(site, edge),
            ).fetchall()
        return len(gone)

    def remember(self, log: str, what: Remembered, before: Remembered | None) -> None:
        """As `central.witness.Memory`."""
        remedy = "nothing is cosigned: "
        with self._failing("cannot write the archive", remedy), self._db.transaction():
            if before is None:
                written = self._db.execute(
                    "INSERT INTO witnessed (log, key, note) VALUES (?, ?, ?)"
                    " ON CONFLICT DO NOTHING RETURNING log",
                    (log, *what),
                ).fetchall()
            else:
                written = self._db.execute(
                    "UPDATE witnessed SET key = ?, note = ? WHERE log = ? AND note = ?"
                    " RETURNING log",
                    (*what, log, before.note),
                ).fetchall()
            if not written:
                raise ArchiveError(f"another witness cosigned {log} meanwhile; it asks again")

    def erase(self) -> bool:
        """Look for values of erased people among some more entries; False: nothing to do now. It
        may be called again after an error.
        """
        with self._failing("cannot erase in the archive"):
            return erasures.step(self._db)

    def end(self, look: archive_retention.Look) -> archive_retention.Taken | None:
        """As `central.archive_retention.Look.step`."""
        with self._failing("cannot end what is past its time"):
            return look.step(self._db)

    def scrub(self) -> bool:
        """As `central.archive_retention.scrub`."""
        with self._failing("cannot write the archive anew"):
            return archive_retention.scrub(self._db)

    def find(
        self,
        query: search.Query,
        *,
        behind: search.Place | None = None,
        count: int = search.PAGE_MAX,
        newest_first: bool = True,
    ) -> list[search.Found]:
        """As `central.search.page`."""
        with self._failing("cannot read the archive"):
            return search.page(
                self._db, query, behind=behind, count=count, newest_first=newest_first
            )

    def counts(self, query: search.Query, by: search.By) -> list[search.Count]:
        """As `central.search.counts`."""
        with self._failing("cannot read the archive"):
            return search.counts(self._db, query, by)

    def series(self, query: search.Query, step_s: int) -> list[series.Step]:
        """As `central.series.series`."""
        with self._failing("cannot read the archive"):
            return series.series(self._db, query, step_s)

    def with_number(self, site: str, edge: str, seq: int) -> list[Archived]:
        """The entries of that number in all journals that an edge has had; none where there is
        none."""
        with self._failing("cannot read the archive"):
            journals = self._db.execute(
                "SELECT id FROM journal WHERE site = ? AND edge = ? ORDER BY id", (site, edge)
            ).fetchall()
            return [
                archived
                for (journal,) in journals
                for archived in self._archived(journal, self._after(journal, seq - 1, 1))
                if archived.entry.seq == seq
            ]

    def open_incident(
        self, site: str, opened: Opened, *, who: str, utc_us: int, drill: bool = False
    ) -> int:
        """As `central.incident_store.open_by_hand`."""
        with self._failing("cannot write the archive"):
            return incident_store.open_by_hand(
                self._db, site, opened, who=who, utc_us=utc_us, drill=drill
            )

    def incidents(self, *, site: str = "", closed: bool = False) -> list[Summary]:
        """As `central.incident_store.listed`."""
        with self._failing("cannot read the archive"):
            return incident_store.listed(self._db, site=site, closed=closed)

    def incident(self, number: int) -> Incident:
        """As `central.incident_store.one`."""
        with self._failing("cannot read the archive"):
            return incident_store.one(self._db, number)

    def measures(self, site: str) -> list[tuple[int, MeasureTaken]]:
        """As `central.incident_store.measures`."""
        with self._failing("cannot read the archive"):
            return incident_store.measures(self._db, site)

    def add_to_incident(self, number: int, *steps: What, who: str, utc_us: int) -> None:
        """As `central.incident_store.append`."""
        with self._failing("cannot write the archive"):
            incident_store.append(self._db, number, steps, who=who, utc_us=utc_us)

    def _journal(self, site: str, edge: str, incarnation: str) -> _Journal:
        select = (
            "SELECT id, mark, chain FROM journal WHERE site = ? AND edge = ? AND incarnation = ?"
        )
        which = (site, edge, incarnation)
        row = self._db.execute(select + self._db.for_update, which).fetchone()
        if row is None:
            self._db.execute(
                "INSERT INTO journal (site, edge, incarnation, mark, chain)"
                " VALUES (?, ?, ?, 0, ?) ON CONFLICT DO NOTHING",
                (*which, ledger.origin(*which)),
            )
            row = self._db.execute(select, which).fetchone()
        return _Journal(*row)

    def _insert(self, journal: _Journal, sent: Sent) -> Receipt:
        new, pruned = self._unknown(journal, sent)
        gaps.refuse_within(
            self._db, journal.id, [*(a.entry.seq for a in new), *(one.seq for one in pruned)]
        )
        mark, chain, jumped = gaps.jumped(self._db, journal.id, journal.mark, journal.chain, sent)
        backed = tuple(proven(archived) for archived in new)
        unproven = sum(len(a.personal) for a in new) - sum(len(a.personal) for a in backed)
        opened: list[IncidentOpened] = []
        if new:
            backed = self._added(journal, backed)
            opened = incident_store.take_alarms(self._db, new[0].entry.site, backed)
        gone: tuple[Gone, ...] = (*jumped, *gaps.note(self._db, journal.id, pruned))
        return Receipt(
            mark=self._advanced(journal, mark, chain, sent.leaves()),
            new=backed,
            unproven=unproven,
            opened=tuple(opened),
            gone=gone,
        )

    def _unknown(self, journal: _Journal, sent: Sent) -> tuple[list[Archived], list[Pruned]]:
        """What is not stored yet: entries, and places of entries. Raises DivergedError."""
        stored: dict[int, bytes] = dict(
            self._db.execute(
                f"SELECT seq, data FROM {self._db.by_number}"
                " WHERE journal = ? AND seq BETWEEN ? AND ?",
                (journal.id, sent.first, sent.last),
            ).fetchall()
        )
        leaves = gaps.leaves(self._db, journal.id, sent.first, sent.last)
        for archived in sent.entries:
            seq, data = archived.entry.seq, archived.data
            same_leaf = seq not in leaves or leaves[seq].leaf == ledger.leaf(data)
            if stored.get(seq, data) != data or not same_leaf:
                raise ForkError(seq)
        for seq, leaf in sent.pruned:
            bare = leaves[seq].leaf if seq in leaves else leaf
            ours = ledger.leaf(stored[seq]) if seq in stored else bare
            if ours != leaf:
                raise DivergedError(f"entry {seq} is stored already with another leaf hash")
        # What the archive's own retention took away does not come back.
        ended = {seq for seq, bare in leaves.items() if bare.run}
        known_whole = stored.keys() | ended
        new = [archived for archived in sent.entries if archived.entry.seq not in known_whole]
        gaps.fill(self._db, journal.id, [a.entry.seq for a in new if a.entry.seq in leaves])
        known = stored.keys() | leaves.keys()
        return new, [one for one in sent.pruned if one.seq not in known]

    def _added(self, journal: _Journal, new: tuple[Archived, ...]) -> tuple[Archived, ...]:
        self._db.add(
            ENTRY,
            [(journal.id, a.entry.seq, a.entry.kind, a.entry.utc_us, a.data) for a in new],
        )
        self._db.add(MENTION, [row for a in new for row in mention_rows(journal.id, a.entry)])
        new = self._kept(journal, new)
        # Only with a new entry: a batch sent again never brings back what was erased here.
        self._db.add(PERSONAL, [row for a in new for row in personal_rows(journal.id, a)])
        return new

    def _kept(self, journal: _Journal, new: tuple[Archived, ...]) -> tuple[Archived, ...]:
        """Without what is erased, by an entry among them or by an earlier one."""
        erasures.note(self._db, journal.id, [archived.entry for archived in new])
        left = erasures.kept(self._db, journal.id, new)
        return tuple(
            archived
            if archived.personal is personal
            else msgspec.structs.replace(archived, personal=personal)
            for archived, personal in zip(new, left, strict=True)
        )

    def _advanced(
        self, journal: _Journal, mark: int, chain: bytes, stored: Sequence[Pruned]
    ) -> Mark:
        """Move the mark from there over every place that follows it without a gap; those of
        `stored` are there."""
        for seq, leaf in stored:
            if seq == mark + 1:
                mark, chain = seq, ledger.link(chain, leaf)
        beyond = gaps.after(self._db, journal.id, mark, 1)
        while beyond and beyond[0].seq == mark + 1:
            for place in beyond:
                if place.seq == mark + 1:
                    mark, chain = place.seq, ledger.link(chain, place.leaf)
            beyond = gaps.after(self._db, journal.id, mark, PAGE_ENTRIES)
        if mark != journal.mark:
            self._db.execute(
                "UPDATE journal SET mark = ?, chain = ? WHERE id = ?", (mark, chain, journal.id)
            )
        return Mark(seq=mark, chain=chain, gap=bool(beyond))

    def _after(self, journal: int, seq: int, count: int) -> list[tuple[int, bytes]]:
        """The next stored entries behind `seq`, with gaps between them where there are any."""
        return self._db.execute(
            f"SELECT seq, data FROM {self._db.by_number}"
            " WHERE journal = ? AND seq > ? ORDER BY seq LIMIT ?",
            (journal, seq, count),
        ).fetchall()

    def _archived(self, journal: int, page: list[tuple[int, bytes]]) -> Iterator[Archived]:
        if not page:
            return
        rows = self._db.execute(
            "SELECT seq, field, value, salt FROM personal"
            " WHERE journal = ? AND seq BETWEEN ? AND ? ORDER BY seq, field",
            (journal, page[0][0], page[-1][0]),
        ).fetchall()
        beside: dict[int, list[ledger.Personal]] = {}
        for seq, *value in rows:
            beside.setdefault(seq, []).append(ledger.Personal(*value))
        for seq, data in page:
            personal = tuple(beside.get(seq, ()))
            yield Archived(entry=decode_entry(data), data=data, personal=personal)

    def _keep_evidence(
        self, site: str, edge: str, incarnation: str, entries: tuple[Archived, ...], seq: int
    ) -> None:
        data = next(archived.data for archived in entries if archived.entry.seq == seq)
        with self._db.transaction():
            journal = self._journal(site, edge, incarnation)
            kept = self._db.execute(
                "SELECT count(*) FROM fork WHERE journal = ?", (journal.id,)
            ).fetchone()[0]
            if kept < FORKS_KEPT_MAX:
                self._db.execute(
                    "INSERT INTO fork (journal, seq, leaf, data) VALUES (?, ?, ?, ?)"
                    " ON CONFLICT DO NOTHING",
                    (journal.id, seq, ledger.leaf(data), data),
                )

    @contextmanager
    def _failing(self, what: str, then: str = "") -> Iterator[None]:
        """The database's errors as ArchiveError."""
        try:
            yield
        except self._db.failures as error:
            said = str(error).partition("\n")[0]  # what follows may quote values
            raise ArchiveError(f"{what}: {said}; {then}{self._db.remedy}") from error


def _logs_of(site: str, edge: str) -> tuple[str, str]:
    """The names of an edge's journals lie between these."""
    first = log_name(site, edge, "")
    return first, first[:-1] + "0"
