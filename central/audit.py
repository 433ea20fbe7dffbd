"""Whether an archive holds what its edges wrote: every chain computed anew over the stored bytes,
and what is missing told with its reason.

Reads a page at a time, beside a central that stores.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import NamedTuple

import msgspec

from central import gaps
from central.archive import Pruned
from central.archive_retention import Taken, numbered, statements
from central.database import Database
from controller import ledger
from controller.events import EntriesPruned, Entry, EntryError, decode_body, decode_entry, kind_of
from edge.signatures import fits

PAGE_ENTRIES = 2_000

KIND = kind_of(EntriesPruned)

Told = Callable[[int], None]
"""Told how many entries have been looked at, now and then."""


class Journal(NamedTuple):
    """As the archive keeps it."""

    id: int
    site: str
    edge: str
    incarnation: str
    mark: int
    chain: bytes


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """So many entries from `first` to `last`, gone for good. `by`: the entry of the same journal in
    which the edge says that it pruned them; None where no entry says so.
    """

    first: int
    last: int
    count: int
    by: int | None


class Expired(msgspec.Struct, frozen=True, kw_only=True):
    """So many entries from `first` to `last` went here, by the archive's own retention, between two
    moments of central's clock. `signed`: by the witness that was asked for, all of it.
    """

    first: int
    last: int
    count: int
    since_us: int
    until_us: int
    signed: bool


class Audited(msgspec.Struct, frozen=True, kw_only=True):
    """What one journal comes to. `upto`: the number up to which nothing else is missing. `vouched`:
    a range that ends there is gone, and the chain behind it is the edge's word, from which the rest
    is proven; 0 where it is proven from the first entry on. `waits`: stored behind a number that
    has not come. `unproven`: stored within a range that is gone. `expired`: what the archive
    itself keeps no more. `findings`: what does not hold.
    """

    site: str
    edge: str
    incarnation: str
    entries: int
    upto: int
    vouched: int
    missing: tuple[Missing, ...]
    waits: int
    unproven: int
    forks: int
    expired: tuple[Expired, ...]
    findings: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Nothing is wrong, and whatever is missing is accounted for."""
        return not self.findings and not self.forks and all(m.by for m in self.missing)


class _Said(NamedTuple):
    """That entries were pruned, in entry `by`."""

    by: int
    first: int
    last: int
    whole: bool


def journals(db: Database, site: str, edge: str) -> list[Journal]:
    """Those of a site and an edge, or of all where that is empty."""
    rows = db.execute(
        "SELECT id, site, edge, incarnation, mark, chain FROM journal ORDER BY site, edge, id"
    ).fetchall()
    found = (Journal(*row) for row in rows)
    return [one for one in found if site in ("", one.site) and edge in ("", one.edge)]


def audited(
    db: Database, journal: Journal, told: Told = lambda _: None, witnesses: Sequence[bytes] = ()
) -> Audited:
    """Every entry of one journal, looked at. `witnesses`: the witness's public keys, under one of
    which whatever the archive's own retention says must be signed; none: that is not asked.
    """
    walk = _Walk(journal, _ranges(db, journal.id))
    for count, place in enumerate(_places(db, journal.id), 1):
        walk.take(place)
        if count % PAGE_ENTRIES == 0:
            told(count)
    walk.end()
    expired = _expired(db, journal, walk, witnesses)
    (forks,) = db.execute("SELECT count(*) FROM fork WHERE journal = ?", (journal.id,)).fetchone()
    return Audited(
        site=journal.site,
        edge=journal.edge,
        incarnation=journal.incarnation,
        entries=walk.entries,
        upto=walk.seq,
        vouched=walk.vouched,
        missing=walk.missing(),
        waits=walk.waits,
        unproven=walk.unproven,
        forks=int(forks),
        expired=expired,
        findings=tuple(walk.findings),
    )


def _expired(
    db: Database, journal: Journal, walk: "_Walk", witnesses: Sequence[bytes]
) -> tuple[Expired, ...]:
    """What went by the archive's own retention, as far as its statements hold; what does not is a
    finding.
    """
    said = statements(db, journal.id)
    (archive,) = db.execute("SELECT value FROM meta WHERE name = 'id'").fetchone()
    place = (archive, journal.site, journal.edge, journal.incarnation)
    whole: list[Taken] = []
    for run in sorted(walk.ended.keys() | said.keys()):
        statement, ended = said.get(run), walk.ended.get(run, _Ended())
        taken = None if statement is None else statement.taken
        if statement is None or taken is None:
            walk.findings.append(
                f"entries {ended.first} to {ended.last} are gone from here, and nothing says why"
            )
        elif (taken.archive, taken.site, taken.edge, taken.incarnation) != place:
            walk.findings.append(f"what retention {run} took is said of another journal")
        elif (taken.count, taken.digest) != (ended.count, ended.digest):
            walk.findings.append(
                f"what retention {run} says that it took, {taken.count} of entries {taken.first} to"
                f" {taken.last}, is not what is gone"
            )
        elif witnesses and not any(
            fits(witness, signature, statement.message)
            for witness, signature in product(witnesses, statement.signatures)
        ):
            walk.findings.append(
                f"that retention took {taken.count} of entries {taken.first} to {taken.last} is not"
                " signed by this witness"
            )
        else:
            whole.append(taken)
    if not whole:
        return ()
    return (
        Expired(
            first=min(one.first for one in whole),
            last=max(one.last for one in whole),
            count=sum(one.count for one in whole),
            since_us=min(one.utc_us for one in whole),
            until_us=max(one.utc_us for one in whole),
            signed=bool(witnesses),
        ),
    )


def _ranges(db: Database, journal: int) -> list[tuple[int, int, bytes]]:
    rows: list[tuple[int, int, bytes]] = db.execute(
        "SELECT first_seq, last_seq, chain FROM gap WHERE journal = ? ORDER BY first_seq",
        (journal,),
    ).fetchall()
    return rows


def _places(db: Database, journal: int) -> Iterator[gaps.Place]:
    seq = 0
    while page := gaps.after(db, journal, seq, PAGE_ENTRIES):
        yield from page
        seq = page[-1].seq


class _Ended:
    """What went by one run of the archive's own retention."""

    def __init__(self) -> None:
        self.first = self.last = self.count = 0
        self._hashed = hashlib.sha256()

    def take(self, place: gaps.Place) -> None:
        self.first = self.first or place.seq
        self.last = place.seq
        self.count += 1
        self._hashed.update(numbered(Pruned(place.seq, place.leaf)))

    @property
    def digest(self) -> str:
        return self._hashed.hexdigest()


class _Walk:
    """Along one journal, from its beginning."""

    def __init__(self, journal: Journal, ranges: Sequence[tuple[int, int, bytes]]) -> None:
        self._journal = journal
        self._ranges = list(ranges)
        self.seq = 0
        self.chain = ledger.origin(journal.site, journal.edge, journal.incarnation)
        self._at_mark = self.chain if journal.mark == 0 else b""
        self.entries = self.waits = self.unproven = self.vouched = 0
        self.findings: list[str] = []
        self._whole: list[tuple[int, int]] = []
        self._bare: list[int] = []
        self.ended: defaultdict[int, _Ended] = defaultdict(_Ended)
        self._said: list[_Said] = []

    def take(self, place: gaps.Place) -> None:
        """The next place, in order."""
        self._jump()
        if place.run:
            self.ended[place.run].take(place)
        elif place.data is None:
            self._bare.append(place.seq)
        else:
            self.entries += 1
            self._read(place.seq, place.data)
        if place.seq <= self.seq:
            self.unproven += 1
        elif place.seq == self.seq + 1:
            self.seq, self.chain = place.seq, ledger.link(self.chain, place.leaf)
            if self.seq == self._journal.mark:  # what follows has come meanwhile
                self._at_mark = self.chain
        else:
            self.waits += 1

    def end(self) -> None:
        """There is nothing more."""
        self._jump()
        if self._at_mark != self._journal.chain:
            self.findings.append(
                f"up to entry {self._journal.mark} the chain is not the one that was acknowledged:"
                " rows were changed, added or removed past the archive"
            )

    def missing(self) -> tuple[Missing, ...]:
        """What is gone for good, with the entry that says why."""
        found = [
            Missing(
                first=first,
                last=last,
                count=last - first + 1,
                # They go from the oldest on: who dropped the end of it has dropped the rest.
                by=next((s.by for s in self._said if s.whole and s.last >= last), None),
            )
            for first, last in self._whole
        ]
        single: dict[int | None, list[int]] = {}
        thinned = [said for said in self._said if not said.whole]
        for seq in self._bare:
            by = next((said.by for said in thinned if said.first <= seq <= said.last), None)
            single.setdefault(by, []).append(seq)
        for by, seqs in single.items():
            found.append(Missing(first=seqs[0], last=seqs[-1], count=len(seqs), by=by))
        return tuple(sorted(found, key=lambda one: one.first))

    def _jump(self) -> None:
        while self._ranges and self._ranges[0][0] == self.seq + 1:
            first, self.seq, self.chain = self._ranges.pop(0)
            self._whole.append((first, self.seq))
            self.vouched = self.seq

    def _read(self, seq: int, data: bytes) -> None:
        journal = self._journal
        try:
            entry = decode_entry(data)
        except EntryError as error:
            self.findings.append(f"entry {seq} cannot be read: {error}")
            return
        said = (entry.site, entry.edge, entry.incarnation, entry.seq)
        if said != (journal.site, journal.edge, journal.incarnation, seq):
            self.findings.append(f"entry {seq} says that it is {entry.seq} of another journal")
        self._note(entry)

    def _note(self, entry: Entry) -> None:
        if entry.kind != KIND:
            return
        try:
            body = decode_body(entry)
        except EntryError:
            return
        if isinstance(body, EntriesPruned):
            self._said.append(_Said(entry.seq, body.first, body.last, body.whole))
