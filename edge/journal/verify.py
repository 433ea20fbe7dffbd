"""Nobody edited the journal: every row against itself, its neighbours, its personal values, and
what was signed of the journal's size.

What nothing here can see: rows cut off at the end together with what was said of them, and a
history rewritten as a whole by who has the journal's key. Both need somebody else who remembers a
head (the archive, a witness).
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec

from controller.events import EntryError
from controller.ledger import Personal, commitment, leaf, link, origin
from edge.journal import folder as files
from edge.journal.disk import Connection
from edge.journal.errors import UNREADABLE, JournalDamaged, JournalForeign, failed
from edge.journal.record import Said, personal_from, refuse_rotten, said_by, snapshot_digest
from edge.journal.store import Journal
from edge.journal.verify_checkpoints import CheckpointReport, CheckpointVerification, Signers

STEP_ENTRIES = 2_000
"""How many rows are in memory at a time, and how often progress is told."""

LIVE_STEP_ENTRIES = 500
"""In a running edge a step stands before the next append: some 3 ms."""

FINDINGS_MAX = 100
"""Who rewrites a log makes a finding of every row; the first ones are what is needed."""

BEFORE_ALL = -(2**63)

NOBODY = Signers()

Progress = Callable[[int, int], None]
"""Called with entries done and entries in all."""


class Finding(msgspec.Struct, frozen=True):
    """What does not hold, and at which entry."""

    seq: int
    what: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a verification saw. `findings` in the order of discovery, not more than FINDINGS_MAX.

    `personal` values were there and fitted or are among the findings; erased ones leave no trace.
    `head` is the chain's value at `last_seq`: compare it with what others remember. A finding about
    a checkpoint has its size as `seq`.
    """

    site: str
    edge: str
    incarnation: str
    entries: int
    last_seq: int
    head: bytes
    acked: int
    personal: int
    snapshots: int
    checkpoints: CheckpointReport
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        return not self.findings

    @property
    def first_bad(self) -> Finding | None:
        """The finding with the lowest number."""
        return min(self.findings, key=lambda finding: finding.seq, default=None)


class _Identity(NamedTuple):
    site: str
    edge: str
    incarnation: str


class Verification:
    """One verification under way; `step` until it says that it is done.

    The connection comes with every step, so that a running edge's writer thread can do it between
    two appends.
    """

    def __init__(
        self,
        connection: Connection,
        identity: tuple[str, str, str],
        last_seq: int,
        acked: int,
        signers: Signers = NOBODY,
    ) -> None:
        """Of the journal with this site, edge, incarnation, up to `last_seq`."""
        self._identity = _Identity(*identity)
        self._acked = acked
        self.last_seq = last_seq
        self.entries = 0
        self._personal = 0
        self._snapshots = 0
        self._findings: list[Finding] = []
        self._seen = BEFORE_ALL
        self._expected = 1
        self._chain: bytes | None = origin(*identity)
        self._sizes = CheckpointVerification(connection, identity, signers, self._find)

    @classmethod
    def of(cls, journal: Journal, signers: Signers) -> "Verification":
        """Of an open journal as it stands now."""
        identity = (journal.site, journal.edge, journal.incarnation)
        return cls(journal.connection, identity, journal.last_seq, journal.acked, signers)

    def step(self, connection: Connection, entries_max: int = STEP_ENTRIES) -> bool:
        """Verify the next rows; True when everything has been. Never raises sqlite3.Error: what
        cannot be read is a finding, and the end.
        """
        try:
            rows = connection.execute(
                "SELECT seq, entry, leaf, chain FROM entry WHERE seq > ? AND seq <= ?"
                " ORDER BY seq LIMIT ?",
                (self._seen, self.last_seq, entries_max),
            ).fetchall()
            beside = self._beside(connection, rows)
            for seq, entry, leaf_hash, chain in rows:
                self._judge(seq, entry, leaf_hash, chain, beside.pop(seq, ()))
            for seq in beside:
                self._find(seq, "a personal value without its entry")
            self._sizes.fold()
            if rows or not self._sizes.look_at_notes():
                return False
            self._end(connection)
        except UNREADABLE as error:
            self._find(self._expected, f"cannot be read: {error}")
        return True

    def report(self) -> Report:
        """What was seen so far."""
        return Report(
            site=self._identity.site,
            edge=self._identity.edge,
            incarnation=self._identity.incarnation,
            entries=self.entries,
            last_seq=self._expected - 1,
            head=self._chain or b"",
            acked=self._acked,
            personal=self._personal,
            snapshots=self._snapshots,
            checkpoints=self._sizes.report(),
            findings=tuple(self._findings),
        )

    def _find(self, seq: int, what: str) -> None:
        if len(self._findings) < FINDINGS_MAX:
            self._findings.append(Finding(seq, what))

    def _beside(
        self, connection: Connection, rows: Sequence[tuple[int, bytes, bytes, bytes]]
    ) -> defaultdict[int, tuple[Personal, ...]]:
        """The personal values from the last row seen up to the last of `rows`."""
        beside: defaultdict[int, tuple[Personal, ...]] = defaultdict(tuple)
        if rows:
            for seq, field, value, salt in connection.execute(
                "SELECT seq, field, value, salt FROM personal WHERE seq > ? AND seq <= ?",
                (self._seen, rows[-1][0]),
            ).fetchall():
                try:
                    beside[seq] += (personal_from(seq, field, value, salt),)
                except JournalDamaged as error:
                    self._find(seq, error.what)
        return beside

    def _judge(
        self,
        seq: int,
        entry: bytes,
        leaf_hash: bytes,
        chain: bytes,
        personal: tuple[Personal, ...],
    ) -> None:
        self._seen = seq
        self.entries += 1
        if seq != self._expected:
            if seq < self._expected:
                self._find(seq, "a number that no entry has")
                return
            gap = "is" if seq == self._expected + 1 else f"to {seq - 1} are"
            self._find(self._expected, f"{gap} missing")
            # What came before is gone: the row's own chain value is all there is to go on from.
            self._chain = None
            self._sizes.lost(seq - 1)
        self._expected = seq + 1
        try:
            refuse_rotten(seq, entry, leaf_hash, chain)
        except JournalDamaged as error:
            self._find(seq, error.what)
            self._chain = None
            self._sizes.lost(seq)
            return
        if leaf(entry) != leaf_hash:
            self._find(seq, "its bytes are not those that were hashed when it was stored")
        if self._chain is not None and link(self._chain, leaf_hash) != chain:
            self._find(seq, "the chain breaks here")
        # Go on from what is stored, so that one edit is one finding.
        self._chain = chain
        if self._sizes.next_size is not None:
            self._sizes.leaves.append(leaf_hash)
            if seq == self._sizes.next_size:
                self._sizes.reached()
        try:
            said = said_by(entry)
        except EntryError as error:
            self._find(seq, str(error))
            return
        place = (said.site, said.edge, said.incarnation)
        if said.seq != seq or place != self._identity:
            self._find(seq, f"it says of itself {' '.join(place)} {said.seq}")
        if personal:
            self._judge_personal(seq, said, personal)

    def _judge_personal(self, seq: int, said: Said, personal: tuple[Personal, ...]) -> None:
        try:
            body = msgspec.json.decode(said.body, type=dict[str, msgspec.Raw])
        except msgspec.DecodeError as error:
            self._find(seq, f"its body cannot be read: {error}")
            return
        for value in personal:
            self._personal += 1
            if body.get(value.field) != msgspec.Raw(f'"{commitment(value)}"'.encode()):
                self._find(seq, f"the value beside it is not what {value.field} commits to")

    def _end(self, connection: Connection) -> None:
        if self._expected <= self.last_seq:
            self._find(self._expected, f"to {self.last_seq} are missing")
        if self._acked >= self._expected:
            self._find(
                self._expected, f"to {self._acked} are missing: the archive stored that many"
            )
        self._sizes.ended(self._expected - 1)
        for (seq,) in connection.execute(
            "SELECT seq FROM personal WHERE seq > ? AND seq NOT IN"
            " (SELECT seq FROM entry WHERE seq > ?)",
            (self._seen, self._seen),
        ).fetchall():
            self._find(seq, "a personal value without its entry")
        for (seq,) in connection.execute("SELECT seq FROM snapshot ORDER BY seq").fetchall():
            self._snapshots += 1
            self._judge_snapshot(connection, seq)

    def _judge_snapshot(self, connection: Connection, seq: int) -> None:
        try:
            row = connection.execute(
                "SELECT snapshot.digest, snapshot.state, entry.chain FROM snapshot"
                " LEFT JOIN entry USING (seq) WHERE seq = ?",
                (seq,),
            ).fetchone()
        except UNREADABLE as error:
            self._find(seq, f"its snapshot cannot be read: {error}")
            return
        if row is None:
            # Replaced by newer ones while the verification went on.
            return
        digest, state, chain = row
        at = origin(*self._identity) if seq == 0 else chain
        if at is None or not isinstance(state, bytes) or snapshot_digest(seq, at, state) != digest:
            self._find(seq, "its snapshot does not verify; it is not used")


def verify_folder(
    folder: Path,
    *,
    site: str | None = None,
    edge: str | None = None,
    signers: Signers = NOBODY,
    progress: Progress | None = None,
) -> Report:
    """Verify the journal in a folder that no daemon uses, changing nothing in it.

    Rows still in a write-ahead log (a crash, a copy of one) are seen too. A folder that cannot be
    written serves as long as it has no such log. `site` and `edge`: whose it must be.

    Raises JournalInUse, JournalForeign, JournalNewer, JournalMissing, JournalFailed.
    """
    segment = folder / files.SEGMENT
    try:
        lock = files.FolderLock.for_reading(folder)
    except OSError as error:
        raise failed(error, folder) from error
    try:
        files.look(segment)
        with closing(files.connect_to_read(segment)) as connection:
            verification = _begun(segment, connection, site, edge, signers)
            while not verification.step(connection):
                if progress is not None:
                    progress(verification.entries, verification.last_seq)
            return verification.report()
    except (*UNREADABLE, OSError) as error:
        raise failed(error, folder) from error
    finally:
        files.forget_reading(segment)
        if lock is not None:
            lock.release()


def _begun(
    segment: Path, connection: Connection, site: str | None, edge: str | None, signers: Signers
) -> Verification:
    files.refuse_schema(segment, connection)
    meta = files.read_meta(segment, connection)
    identity = _Identity(*meta[:3])
    if site not in {None, identity.site} or edge not in {None, identity.edge}:
        raise JournalForeign(
            f"{segment} is the journal of site {identity.site!r} edge {identity.edge!r}; "
            "name the folder of the one you mean"
        )
    last = connection.execute("SELECT max(seq) FROM entry").fetchone()[0] or 0
    return Verification(connection, identity, last, meta.acked, signers)
