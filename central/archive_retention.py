"""For how long the archive keeps what, by the classes of entries that edges keep theirs by.

What is past its time loses its bytes, the values about people and whatever it was found by; its
leaf hash stays for good, so that every chain is computed from its first entry on as before. What
went is said in a statement beside it: how many, from where to where, under which rules, and a
digest of their numbers and leaves, signed with the witness's key where central has one. Without
that, blanked entries and a made-up statement would look like retention to whoever has not the key.

Times are the edge's, and clocks are set: an entry goes where its own time is over, and so is that
of an entry behind it, or of itself, whose clock was trusted; and none before that one was recorded
within the time that is kept. What lies in an open incident stays until that is closed, and what
says why entries are not there stays for good. Nothing goes that is not acknowledged and proven.

Functions of one database, used on the archive's thread.
"""

import hashlib
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from central.archive import Pruned
from central.database import Database, Left
from central.incidents import AFTER_US, BEFORE_US
from central.mentions import mention_rows
from controller import ledger
from controller.events import Entry, EntryError, decode_entry
from controller.retention import CLASS_OF, NEVER_ALONE, RecordClass
from edge.signatures import SignatureError, SigningKey, pae, sign, taken_apart

PAYLOAD_TYPE = "application/vnd.sentrypost.archive-retention+json"

SCHEMA_RUN = "ALTER TABLE pruned ADD COLUMN run INTEGER NOT NULL DEFAULT 0"
"""`run`: the row of `retention` that says why; 0 where it was the edge that kept it no more."""

STEP_ENTRIES = 500
"""Entries that one step looks at: some milliseconds in which no batch is stored."""

AHEAD_US = 86_400_000_000
"""A trusted clock that is further ahead of ours than this is wrong, and proves nothing."""

DAY_US = 86_400_000_000

SCRUB = "scrub"
"""In `meta`: values went up to that row of `retention`, and the files still have bytes of them."""


class Rules(NamedTuple):
    """For how many days each class is kept; one that is not named is kept for good. `key` signs."""

    days: Mapping[RecordClass, int]
    key: SigningKey | None = None


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What one step took of one journal, at `utc_us` by central's clock. `digest`: SHA-256 over
    each number as eight bytes, the highest first, and its leaf, in order.
    """

    archive: str
    site: str
    edge: str
    incarnation: str
    utc_us: int
    days: dict[RecordClass, int]
    first: int
    last: int
    count: int
    digest: str


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """One as it is stored. `taken` is None where it cannot be read."""

    taken: Taken | None
    signatures: tuple[bytes, ...]
    message: bytes


class _Journal(NamedTuple):
    id: int
    site: str
    edge: str
    incarnation: str


class _Row(NamedTuple):
    """An entry that goes."""

    entry: Entry
    leaf: bytes


class _Age:
    """Up to which entry of a journal each class is surely past its time."""

    def __init__(self, cutoffs: Mapping[RecordClass, int], latest_us: int) -> None:
        self.upto = dict.fromkeys(cutoffs, 0)
        self._cutoffs = cutoffs
        self._latest_us = latest_us
        self._open = set(cutoffs)

    def take(self, entry: Entry) -> None:
        """The next one, in order."""
        if not entry.clock_trusted or entry.utc_us > self._latest_us:
            return
        for one in tuple(self._open):
            if entry.utc_us < self._cutoffs[one]:
                self.upto[one] = entry.seq
            else:
                self._open.discard(one)

    @property
    def known(self) -> bool:
        """Nothing that follows is past any of them."""
        return not self._open

    def over(self, entry: Entry) -> bool:
        """Whether the entry's time is."""
        kind = CLASS_OF.get(entry.kind)
        if kind is None or kind not in self.upto or entry.kind in NEVER_ALONE:
            return False
        return entry.seq <= self.upto[kind] and entry.utc_us < self._cutoffs[kind]


class Look:
    """One look through the archive at a moment of central's clock; `step` until it is `over`."""

    def __init__(self, rules: Rules, archive: str, now_us: int) -> None:
        self.over = False
        self._rules = rules
        self._archive = archive
        self._now_us = now_us
        self._cutoffs = {one: now_us - days * DAY_US for one, days in rules.days.items()}
        self._ahead: deque[_Journal] | None = None
        self._journal: _Journal | None = None
        self._age = _Age({}, 0)
        self._measuring, self._seq = True, 0

    def step(self, db: Database) -> Taken | None:
        """Look at some more entries; what was taken of them, durably on return."""
        if self._ahead is None:
            rows = db.execute("SELECT id, site, edge, incarnation FROM journal ORDER BY id")
            self._ahead = deque(_Journal(*row) for row in rows.fetchall())
        if self._journal is None:
            if not self._ahead:
                self.over = True
                return None
            self._journal = self._ahead.popleft()
            self._age = _Age(self._cutoffs, self._now_us + AHEAD_US)
            self._measuring, self._seq = True, 0
        if not self._measuring:
            return self._take(db, self._journal)
        self._measure(db, self._journal)
        return None

    def _measure(self, db: Database, journal: _Journal) -> None:
        """Find out how far each class is past its time, then begin to take."""
        (mark,) = db.execute("SELECT mark FROM journal WHERE id = ?", (journal.id,)).fetchone()
        rows = _page(db, journal.id, self._seq, mark)
        for seq, data in rows:
            self._seq = seq
            if (entry := _read(data)) is not None:
                self._age.take(entry)
        if not rows or self._age.known:
            self._measuring, self._seq = False, 0
            if not any(self._age.upto.values()):
                self._journal = None

    def _take(self, db: Database, journal: _Journal) -> Taken | None:
        upto = max(self._age.upto.values())
        with db.transaction():
            db.lock_site(journal.site, alone=False)
            # Of several archivers one at a time.
            db.execute(f"SELECT mark FROM journal WHERE id = ?{db.for_update}", (journal.id,))
            rows = _page(db, journal.id, self._seq, upto)
            read = ((data, entry) for _, data in rows if (entry := _read(data)) is not None)
            going = [
                _Row(entry, ledger.leaf(data)) for data, entry in read if self._age.over(entry)
            ]
            going = _without_held(db, journal.site, going)
            taken = self._remove(db, journal, going) if going else None
        if rows:
            self._seq = rows[-1][0]
        else:
            self._journal = None
        return taken

    def _remove(self, db: Database, journal: _Journal, going: Sequence[_Row]) -> Taken:
        places = [Pruned(row.entry.seq, row.leaf) for row in going]
        taken = Taken(
            archive=self._archive,
            site=journal.site,
            edge=journal.edge,
            incarnation=journal.incarnation,
            utc_us=self._now_us,
            days=dict(sorted(self._rules.days.items())),
            first=places[0].seq,
            last=places[-1].seq,
            count=len(places),
            digest=digest(places),
        )
        keys = () if self._rules.key is None else (self._rules.key,)
        envelope = sign(msgspec.json.encode(taken), PAYLOAD_TYPE, keys)
        ((run,),) = db.execute(
            "INSERT INTO retention (journal, statement) VALUES (?, ?) RETURNING id",
            (journal.id, envelope),
        ).fetchall()
        db.executemany(
            "DELETE FROM mention"
            " WHERE what = ? AND value = ? AND utc_us = ? AND journal = ? AND seq = ?",
            [mention for row in going for mention in mention_rows(journal.id, row.entry)],
        )
        db.forget("journal = ? AND seq = ?", [(journal.id, row.entry.seq) for row in going])
        db.take_out(journal.id, [(row.entry.seq, row.entry.utc_us) for row in going])
        db.executemany(
            "INSERT INTO pruned (journal, seq, leaf, run) VALUES (?, ?, ?, ?)",
            [(journal.id, *place, run) for place in places],
        )
        db.execute(
            "INSERT INTO meta (name, value) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (SCRUB, f"{SCRUB} {run}"),
        )
        return taken


def scrub(db: Database) -> bool:
    """Have the files forget some more of the values that went; False: nothing to do now."""
    row = db.execute("SELECT value FROM meta WHERE name = ?", (SCRUB,)).fetchone()
    if row is None:
        return False
    left = db.leave_no_byte(row[0])
    if left is Left.NOTHING:
        # Another archiver may have taken more meanwhile, and noted it.
        db.execute("DELETE FROM meta WHERE name = ? AND value = ?", (SCRUB, row[0]))
    return left is Left.MORE


def statements(db: Database, journal: int) -> dict[int, Statement]:
    """What was said of the entries that went here, by the number of the saying."""
    rows = db.execute(
        "SELECT id, statement FROM retention WHERE journal = ? ORDER BY id", (journal,)
    ).fetchall()
    return {run: _statement(bytes(data)) for run, data in rows}


def digest(places: Iterable[Pruned]) -> str:
    """As `Taken.digest`."""
    hashed = hashlib.sha256()
    for place in places:
        hashed.update(numbered(place))
    return hashed.hexdigest()


def numbered(place: Pruned) -> bytes:
    """As it goes into a digest."""
    return place.seq.to_bytes(8, "big") + place.leaf


def _statement(data: bytes) -> Statement:
    try:
        parts = taken_apart(data)
        taken = msgspec.json.decode(parts.payload, type=Taken)
    except (ValueError, SignatureError):
        return Statement(taken=None, signatures=(), message=b"")
    known = taken if parts.payload_type == PAYLOAD_TYPE else None
    signatures = tuple(signature for _, signature in parts.signatures)
    return Statement(
        taken=known, signatures=signatures, message=pae(parts.payload_type, parts.payload)
    )


def _page(db: Database, journal: int, after: int, upto: int) -> Sequence[tuple[int, bytes]]:
    rows: Sequence[tuple[int, bytes]] = db.execute(
        f"SELECT seq, data FROM {db.by_number}"
        " WHERE journal = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
        (journal, after, upto, STEP_ENTRIES),
    ).fetchall()
    return rows


def _read(data: bytes) -> Entry | None:
    """None where it rotted: the look through the archive tells of it."""
    try:
        return decode_entry(data)
    except EntryError:
        return None


def _without_held(db: Database, site: str, going: Sequence[_Row]) -> list[_Row]:
    """Without what lies in the timeline of an incident that is open."""
    spans = db.execute(
        "SELECT first_us, last_us FROM incident WHERE site = ? AND closed = 0", (site,)
    ).fetchall()
    return [
        row
        for row in going
        if not any(
            first - BEFORE_US <= row.entry.utc_us <= last + AFTER_US for first, last in spans
        )
    ]
