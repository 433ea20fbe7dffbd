"""Nobody edited the journal: every row against itself, its neighbours, its personal values, and
what was signed of the journal's size.

What nothing here can see: rows cut off at the end together with what was said of them, and a
history rewritten as a whole by who has the journal's key. Both need somebody else who remembers a
head (the archive, a witness).
"""

import sqlite3
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from controller.events import EntriesPruned, EntryError, decode_body, decode_entry
from controller.ledger import Personal, commitment, leaf, link
from edge.journal.checkpoints import final
from edge.journal.closed import newest_seq, opened_to_read
from edge.journal.disk import Connection
from edge.journal.errors import (
    UNREADABLE,
    JournalDamaged,
    JournalForeign,
    JournalMissing,
    JournalNewer,
    JournalPruned,
    failed,
)
from edge.journal.proving import (
    BEFORE_ALL,
    Beside,
    Proven,
    Prover,
    Row,
    Stretch,
    beside_of,
    rows_of,
)
from edge.journal.reading import chain_at
from edge.journal.record import Said, personal_from, refuse_rotten, said_by, snapshot_digest
from edge.journal.segments import Segments
from edge.journal.store import Journal
from edge.journal.tables import Boundary, pruning_of
from edge.journal.verify_ahead import Ahead, Helpers, nobody_ahead, processes_for
from edge.journal.verify_checkpoints import CheckpointReport, CheckpointVerification, Signers

STEP_ENTRIES = 2_048
"""How many rows are in memory at a time, and how often progress is told."""

LIVE_STEP_ENTRIES = 500
"""In a running edge a step stands before the next append: some 3 ms."""

FINDINGS_MAX = 100
"""Who rewrites a log makes a finding of every row; the first ones are what is needed."""

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
    a checkpoint has its size as `seq`. Of the `entries`, `pruned` ones have their bytes no more,
    and those up to `gone` are not there at all; both were recorded or are findings.
    """

    site: str
    edge: str
    incarnation: str
    entries: int
    pruned: int
    gone: int
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


NOT_OURS = (JournalForeign, JournalNewer, JournalMissing, JournalDamaged, JournalPruned)
"""What is wrong with a segment and not with its disk."""


def opened(segments: Segments, number: int) -> Connection:
    """Raises NOT_OURS and sqlite3.Error over what is in the file; JournalFailed where it is the
    disk that does not give it.
    """
    try:
        return segments.connection(number)
    except (sqlite3.OperationalError, OSError) as error:
        raise failed(error, segments.folder) from error


class Verification:
    """One verification under way; `step` until it says that it is done.

    The segments come with every step, so that a running edge's writer thread can do it between two
    appends, and may seal and prune meanwhile.
    """

    def __init__(
        self, segments: Segments, last_seq: int, acked: int, signers: Signers = NOBODY
    ) -> None:
        """Of what is there, up to `last_seq`."""
        meta = segments.meta
        self._identity = (meta.site, meta.edge, meta.incarnation)
        self._acked = acked
        self.last_seq = last_seq
        self.entries = 0
        self._pruned = 0
        self._personal = 0
        self._snapshots = 0
        self._findings: list[Finding] = []
        self._sizes = CheckpointVerification(self._identity, signers, self._find)
        self._ahead = deque(segments.there)
        self._part: Boundary | None = None
        self._prover = Prover(self._identity)
        self._pruned_here: tuple[int, int, int] | None = None
        """In this segment: how many entries without their bytes, the first, the last."""
        self._looked = BEFORE_ALL
        """Up to which number rows were looked at, in this segment."""
        self._beside_to = BEFORE_ALL
        """Up to which number what is beside them was, too."""
        self._expected = segments.begun.seq + 1
        self._gone = segments.begun.seq
        self._chain: bytes | None = segments.begun.chain
        self._gone_by: int | None = meta.gone
        if self._gone:
            self._sizes.begin(segments.begun)

    @classmethod
    def of(cls, journal: Journal, signers: Signers) -> "Verification":
        """Of an open journal as it stands now."""
        return cls(journal.rows, journal.last_seq, journal.acked, signers)

    def step(
        self,
        segments: Segments,
        entries_max: int = STEP_ENTRIES,
        ahead: Ahead = nobody_ahead,
    ) -> bool:
        """Verify the next rows; True when everything has been. What cannot be read is a finding.
        `ahead` may know already of a stretch of so many entries that nothing is wrong in it.

        Raises JournalFailed, JournalClosed where a segment cannot even be opened now: that says
        nothing of what is in it.
        """
        if self._part is None and self._ahead:
            self._enter(segments)
        part = self._part
        try:
            if part is not None:
                connection = opened(segments, part.number)
                if self._look(segments, connection, part, entries_max, ahead):
                    return False
                self._leave(segments, connection, part)
            self._ask_for_what_is_gone(segments)
        except (*UNREADABLE, *NOT_OURS) as error:
            self._find(self._expected, f"cannot be read: {error}")
            self._part = None
        if self._ahead or not self._sizes.look_at_notes():
            return False
        self._end()
        return True

    def _enter(self, segments: Segments) -> None:
        """Begin with the next segment that is there still."""
        while self._ahead and self._ahead[0].number < segments.oldest:
            self._ahead.popleft()
        if not self._ahead:
            return
        part = self._part = self._ahead.popleft()
        if part.seq >= self._expected:
            if part.number == segments.oldest:
                self._gone = part.seq  # pruned meanwhile
            else:
                self._find(self._expected, f"to {part.seq} are missing")
            self._chain = None
        if self._chain not in {None, part.chain}:
            self._find(part.seq, f"segment {part.number} goes on from another chain than ends here")
        self._looked = self._beside_to = BEFORE_ALL
        self._expected, self._chain = part.seq + 1, part.chain
        self._pruned_here = None
        try:
            connection = opened(segments, part.number)
            end = segments.end(part.number)
            finals = () if end is None else (final(segments.boundaries[part.number]),)
            known = max(self.last_seq, newest_seq(segments))
            self._sizes.enter(connection, part, finals, range(self.last_seq + 1, known + 1))
        except (*UNREADABLE, *NOT_OURS) as error:
            self._find(self._expected, f"segment {part.number} cannot be read: {error}")
            self._part = None
            if (end := segments.end(part.number)) is not None:
                self._expected, self._chain = end + 1, None
                self._sizes.lost(end)

    def _look(
        self,
        segments: Segments,
        connection: Connection,
        part: Boundary,
        entries_max: int,
        ahead: Ahead,
    ) -> bool:
        """Verify the next stretch of a segment that has rows; False where there is none."""
        sealed = segments.end(part.number)
        end = self.last_seq if sealed is None else sealed
        while self._looked < end:
            place = Stretch.holding(part.seq, max(self._looked, part.seq) + 1, end, entries_max)
            # Its end may have come nearer or gone farther since the last look.
            stretch = Stretch(max(place.after, self._looked), place.last)
            if stretch.after == self._beside_to:
                known = ahead(part.number, stretch)
                if known is not None and self._taken(known, stretch):
                    return True
            rows = rows_of(connection, stretch)
            if rows:
                self._judge_stretch(connection, rows, stretch)
                return True
            found = connection.execute(
                "SELECT min(seq) FROM entry WHERE seq > ? AND seq <= ?", (stretch.last, end)
            ).fetchone()
            if found[0] is None:
                return False
            after = Stretch.holding(part.seq, found[0], end, entries_max).after
            self._looked = max(after, stretch.last)
        return False

    def _judge_stretch(self, connection: Connection, rows: Sequence[Row], stretch: Stretch) -> None:
        """All at once; where something is wrong, row by row."""
        last = rows[-1][0]
        values = beside_of(connection, Stretch(self._beside_to, last))
        asked = self._sizes.asked(last)
        proven = self._prover.prove(rows, values, self._expected, asked)
        if proven is not None and self._taken(proven, stretch):
            return
        beside = self._beside(values)
        for seq, entry, leaf_hash, chain in rows:
            self._judge(seq, entry, leaf_hash, chain, beside.pop(seq, ()))
        for seq in beside:
            self._find(seq, "a personal value without its entry")
        self._sizes.fold()
        self._looked, self._beside_to = stretch.last, last

    def _taken(self, proven: Proven, stretch: Stretch) -> bool:
        """Whether the entries go on from what stands before, and are taken as verified by that."""
        if proven.first != self._expected or not self._sizes.fits(proven.first, proven.trees):
            return False
        if self._chain is not None and link(self._chain, proven.first_leaf) != proven.first_chain:
            return False
        self._looked, self._beside_to = stretch.last, proven.last
        self.entries += proven.last - proven.first + 1
        self._expected, self._chain = proven.last + 1, proven.chain
        self._personal += proven.personal
        if proven.pruned is not None:
            self._note_pruned(*proven.pruned)
        self._sizes.take(proven.trees)
        return True

    def _note_pruned(self, count: int, first: int, last: int) -> None:
        before, begin, _ = self._pruned_here or (0, first, last)
        self._pruned_here = (before + count, begin, last)

    def _ask_for_what_is_gone(self, segments: Segments) -> None:
        """Once, of what was not there from the beginning."""
        by, self._gone_by = self._gone_by, None
        if by is None or not self._gone:
            return
        if not pruning_recorded(segments, by, 1, self._gone, whole=True):
            self._find(1, f"to {self._gone} are missing, and nothing says that they were pruned")

    def _leave(self, segments: Segments, connection: Connection, part: Boundary) -> None:
        """What is to be said of a segment behind its last entry."""
        self._part = None
        end = segments.end(part.number)
        if end is not None and self._expected <= end:
            self._find(self._expected, f"to {end} are missing")
            self._chain = None
            self._sizes.lost(end)
        for (seq,) in connection.execute(
            "SELECT seq FROM personal WHERE seq > ? AND seq NOT IN"
            " (SELECT seq FROM entry WHERE seq > ?)",
            (self._beside_to, self._beside_to),
        ).fetchall():
            self._find(seq, "a personal value without its entry")
        for (seq,) in connection.execute("SELECT seq FROM snapshot ORDER BY seq").fetchall():
            self._snapshots += 1
            self._judge_snapshot(segments, connection, seq)
        if self._pruned_here is not None:
            count, first, last = self._pruned_here
            self._pruned += count
            by = pruning_of(connection).by
            if not pruning_recorded(segments, by, first, last, whole=False):
                self._find(first, "its bytes are gone, and nothing says that they were pruned")

    def report(self) -> Report:
        """What was seen so far."""
        return Report(
            site=self._identity[0],
            edge=self._identity[1],
            incarnation=self._identity[2],
            entries=self.entries,
            pruned=self._pruned,
            gone=self._gone,
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

    def _beside(self, values: Iterable[Beside]) -> defaultdict[int, tuple[Personal, ...]]:
        """By their entries."""
        beside: defaultdict[int, tuple[Personal, ...]] = defaultdict(tuple)
        for seq, *columns in values:
            try:
                beside[seq] += (personal_from(seq, *columns),)
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
        if not entry:
            self._note_pruned(1, seq, seq)
        elif leaf(entry) != leaf_hash:
            self._find(seq, "its bytes are not those that were hashed when it was stored")
        if self._chain is not None and link(self._chain, leaf_hash) != chain:
            self._find(seq, "the chain breaks here")
        # Go on from what is stored, so that one edit is one finding.
        self._chain = chain
        if self._sizes.next_size is not None:
            self._sizes.leaves.append(leaf_hash)
            while seq == self._sizes.next_size:
                self._sizes.reached()
        if not entry:
            if personal:
                self._find(seq, "it was pruned, and a personal value is beside it still")
            return
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

    def _end(self) -> None:
        if self._expected <= self.last_seq:
            self._find(self._expected, f"to {self.last_seq} are missing")
        if self._acked >= self._expected:
            self._find(
                self._expected, f"to {self._acked} are missing: the archive stored that many"
            )
        self._sizes.ended(self._expected - 1)

    def _judge_snapshot(self, segments: Segments, connection: Connection, seq: int) -> None:
        try:
            row = connection.execute(
                "SELECT digest, state FROM snapshot WHERE seq = ?", (seq,)
            ).fetchone()
            at = chain_at(segments, seq)
        except UNREADABLE as error:
            self._find(seq, f"its snapshot cannot be read: {error}")
            return
        if row is None:
            # Replaced by newer ones while the verification went on.
            return
        digest, state = row
        if at is None or not isinstance(state, bytes) or snapshot_digest(seq, at, state) != digest:
            self._find(seq, "its snapshot does not verify; it is not used")


def pruning_recorded(segments: Segments, by: int, first: int, last: int, *, whole: bool) -> bool:
    """Whether entry `by` says that these entries were pruned. Raises as `Segments.connection`."""
    if not by:
        return False
    try:
        connection = opened(segments, segments.holding(by).number)
        found = connection.execute("SELECT entry FROM entry WHERE seq = ?", (by,)).fetchall()
        data = found[0][0] if found and isinstance(found[0][0], bytes) else None
        body = None if data is None else decode_body(decode_entry(data))
    except (EntryError, JournalPruned):
        return False
    if not isinstance(body, EntriesPruned) or body.whole != whole or last > body.last:
        return False
    # Segments go one after the other: each was recorded, and the record of the last one is left.
    return whole or body.first <= first


def verify_folder(
    folder: Path,
    *,
    site: str | None = None,
    edge: str | None = None,
    signers: Signers = NOBODY,
    progress: Progress | None = None,
    processes: int | None = None,
) -> Report:
    """Verify the journal in a folder that no daemon uses, changing nothing in it.

    Rows still in a write-ahead log (a crash, a copy of one) are seen too. A folder that cannot be
    written serves as long as it has no such log. `site` and `edge`: whose it must be. A long one is
    read by as many `processes` as there are cores, unless it is said how many; 1: by this one
    alone. What is found does not depend on that.

    Raises JournalInUse, JournalForeign, JournalNewer, JournalMissing, JournalFailed.
    """
    with opened_to_read(folder) as segments:
        meta = segments.meta
        if site not in {None, meta.site} or edge not in {None, meta.edge}:
            raise JournalForeign(
                f"{segments.path(segments.active.number)} is the journal of site {meta.site!r} "
                f"edge {meta.edge!r}; name the folder of the one you mean"
            )
        verification = Verification(segments, newest_seq(segments), meta.acked, signers)
        if processes is None:
            processes = processes_for(verification.last_seq - segments.begun.seq)
        with Helpers(segments, verification.last_seq, STEP_ENTRIES, processes) as helpers:
            while not verification.step(segments, STEP_ENTRIES, helpers):
                if progress is not None:
                    progress(verification.entries, verification.last_seq)
        return verification.report()
