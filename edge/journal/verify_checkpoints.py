"""What was said of the journal's size, against the leaves as a verification passes them.

One tree grows along. Where a checkpoint stands, the tree must have the root that its note says; the
signatures are looked at behind the last entry, a few at a time: they cost more than entries do.
"""

from collections import deque
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import NamedTuple

import msgspec

from controller.checkpoint import Checkpoint, CheckpointError, checkpoint_of, log_name
from controller.merkle import EMPTY, Frontier
from edge.journal.checkpoints import Kept, every, final
from edge.journal.disk import Connection
from edge.journal.errors import UNREADABLE
from edge.journal.proving import Trees
from edge.journal.tables import Boundary
from edge.notes import Algorithm, NoteError, NoteKey, cosigned_at, is_by, opened, text_of
from edge.witness_keys import Witnesses, cosigner

NOTES_AT_ONCE = 8
"""Two signatures each: some 2 ms of a running edge's writer."""


class Signers(NamedTuple):
    """By whose keys signatures are judged; where one is None, nobody's are.

    `log`: the public half of the journal's own key; `former`: of those before it, the newest first.
    `former_witnesses`: keys of the witness that `witness` has followed, likewise.
    """

    log: bytes | None = None
    witness: NoteKey | None = None
    former: tuple[bytes, ...] = ()
    former_witnesses: tuple[NoteKey, ...] = ()

    @classmethod
    def under(cls, keys: Sequence[bytes], witnesses: Witnesses | None) -> "Signers":
        """`keys`: the journal's, the newest first; none where nobody's are known."""
        log, former = (keys[0] if keys else None), tuple(keys[1:])
        if witnesses is None:
            return cls(log, None, former)
        return cls(log, witnesses.key, former, witnesses.former)

    @property
    def witnesses(self) -> tuple[NoteKey, ...]:
        """The witness's keys, the newest first."""
        return () if self.witness is None else (self.witness, *self.former_witnesses)

    def log_keys(self, site: str, edge: str, incarnation: str) -> tuple[NoteKey, ...]:
        """The journal's own keys with the name that they sign under, the newest first."""
        if self.log is None:
            return ()
        name = log_name(site, edge, incarnation)
        return tuple(NoteKey(name, one, Algorithm.LOG) for one in (self.log, *self.former))


class Cosigned(msgspec.Struct, frozen=True, kw_only=True):
    """The largest size under which the witness's signature holds, and when it saw that."""

    size: int
    utc_s: int


def _size(kept: Kept) -> int:
    return kept.size


class CheckpointReport(msgspec.Struct, frozen=True, kw_only=True):
    """`kept` checkpoints; under which keys, as text, their signatures were judged: empty where none
    was known.
    """

    kept: int = 0
    key: str = ""
    witness: str = ""
    cosigned: Cosigned | None = None


class CheckpointVerification:
    """Those of one journal. `find(size, what)` is told of what does not hold.

    Whoever passes the entries puts each leaf into `leaves`, up to the last that `next_size` asks
    for, and calls `reached` there.
    """

    def __init__(
        self, identity: tuple[str, str, str], signers: Signers, find: Callable[[int, str], None]
    ) -> None:
        self.leaves: list[bytes] = []
        self.next_size: int | None = None
        self._name = log_name(*identity)
        self._keys = signers.log_keys(*identity)
        self._oldest = len(self._keys) - 1
        """Of the keys the oldest that may still have signed: none that was followed by another."""
        self._witnesses = signers.witnesses
        self._oldest_witness = len(self._witnesses) - 1
        """The same of the witness's."""
        self._find = find
        self._tree: Frontier | None = EMPTY
        self._ahead: deque[Kept] = deque()
        self._unsigned: deque[Kept] = deque()
        self._kept = 0
        self._begun = 0
        self._seen = 0
        """The largest size that has a cosignature, whoever can judge it."""
        self._cosigned: Cosigned | None = None

    def begin(self, boundary: Boundary) -> None:
        """Of what is before this nothing is left but the final checkpoint."""
        kept = final(boundary)
        self._begun = kept.size
        self._unsigned.append(kept)
        self._judge_tree(kept)

    def enter(
        self, connection: Connection, boundary: Boundary, finals: Sequence[Kept], later: range
    ) -> None:
        """The next segment's: those that it keeps now, and what the one behind it says of its end.
        Of sizes in `later`, which came meanwhile, nothing is said.
        """
        for left in self._ahead:
            self._find(left.size, "its checkpoint is of entries that are not there")
        self._ahead.clear()
        if self._tree is None or self._tree.size != boundary.seq:
            self._tree = boundary.tree if boundary.tree.whole else None
        found: list[Kept] = []
        try:
            for size, kept in every(connection):
                if kept is None:
                    self._find(size, "its checkpoint cannot be read")
                elif size not in later or size in {one.size for one in finals}:
                    found.append(kept)
        except UNREADABLE as error:
            self._find(boundary.seq, f"the checkpoints cannot be read: {error}")
        self._kept += len(found)
        found += [one for one in finals if one not in found]
        self._unsigned += found
        self._ahead += sorted(found, key=_size)
        self._look_ahead()
        while self._ahead and self._ahead[0].size <= boundary.seq:
            self.reached()

    def fold(self) -> None:
        """Take the leaves passed so far into the tree."""
        if self._tree is not None:
            self._tree = self._tree.with_leaves(self.leaves)
        self.leaves.clear()

    def asked(self, last: int) -> list[int] | None:
        """Up to entry `last`, the sizes of which checkpoints were made; None where no tree is
        needed any more.
        """
        if self.next_size is None:
            return None
        return [kept.size for kept in takewhile(lambda kept: kept.size <= last, self._ahead)]

    def fits(self, first: int, trees: Trees | None) -> bool:
        """Whether `take` can go on from here by these subtrees, from entry `first` on."""
        if self.next_size is None:
            return True
        if trees is None or (self._tree is not None and self._tree.size != first - 1):
            return False
        ends = {size for size, _ in trees}
        return ends.issuperset(self.asked(trees[-1][0]) or ())

    def take(self, trees: Trees | None) -> None:
        """As all leaves of these subtrees, one by one; they fit."""
        for size, pieces in trees or ():
            if self.next_size is None:
                return
            if self._tree is not None:
                for leaves, root in pieces:
                    self._tree = self._tree.with_subtree(root, leaves)
            while size == self.next_size:
                self.reached()

    def lost(self, size: int) -> None:
        """The leaf of entry `size` is not to be had: no tree, up to the next checkpoint."""
        self._tree = None
        self.leaves.clear()
        while self._ahead and self._ahead[0].size <= size:
            self._ahead.popleft()
        self._look_ahead()

    def reached(self) -> None:
        """Every leaf up to `next_size` was passed."""
        self.fold()
        kept = self._ahead.popleft()
        self._look_ahead()
        self._judge_tree(kept)

    def _judge_tree(self, kept: Kept) -> None:
        """Whether its note and the tree beside it are those of the leaves that were passed."""
        try:
            said = self._said(kept)
        except (NoteError, CheckpointError) as error:
            self._find(kept.size, f"its checkpoint is none: {error}")
            return
        known = self._tree is not None and self._tree.size == kept.size
        if self._tree is not None and known and self._tree.root != said.root:
            self._find(kept.size, "its checkpoint was made of other entries")
        if not kept.frontier.whole or kept.frontier.root != said.root:
            self._find(kept.size, "the tree beside its checkpoint is not the one of the note")
        else:
            # Go on from what is stored, so that one edit is one finding.
            self._tree = kept.frontier

    def ended(self, last_seq: int) -> None:
        """There are no more entries."""
        for kept in self._ahead:
            upto = f"to {kept.size} are missing: a checkpoint was made of them"
            self._find(last_seq + 1, upto)
        self._ahead.clear()
        if self._begun > self._seen:
            # What was cosigned later was so over the tree that begins with this one.
            self._find(self._begun, "what was before is gone, and no witness has cosigned it")

    def look_at_notes(self) -> bool:
        """Judge the next signatures; True when all were."""
        for _ in range(min(NOTES_AT_ONCE, len(self._unsigned))):
            self._judge(self._unsigned.popleft())
        return not self._unsigned

    def report(self) -> CheckpointReport:
        return CheckpointReport(
            kept=self._kept,
            key=self._keys[0].text if self._keys else "",
            witness=self._witnesses[0].text if self._witnesses else "",
            cosigned=self._cosigned,
        )

    def _look_ahead(self) -> None:
        self.next_size = self._ahead[0].size if self._ahead else None

    def _said(self, kept: Kept) -> Checkpoint:
        """Raises NoteError, CheckpointError."""
        said = checkpoint_of(text_of(kept.note))
        if (said.origin, said.size) != (self._name, kept.size):
            raise NoteError(f"it is about {said.size} entries of {said.origin[:80]}")
        return said

    def _look_at_key(self, note: str) -> None:
        """By the newest key that has signed it; once that is a newer one, it is for good.

        Raises NoteError.
        """
        signed = (number for number, key in enumerate(self._keys) if is_by(note, key))
        number = next(signed, None)
        if number is None:
            opened(note, self._keys[0])  # which says what is wrong
        elif number > self._oldest:
            raise NoteError("it is signed under a former key, and another had followed that")
        else:
            self._oldest = number

    def _cosigned_at(self, note: str) -> int:
        """Likewise of the witness. Raises NoteError."""
        number = self._witnesses.index(cosigner(note, self._witnesses))
        utc_s = cosigned_at(note, self._witnesses[number])
        if number > self._oldest_witness:
            raise NoteError("it is cosigned under a former key, and another had followed that")
        self._oldest_witness = number
        return utc_s

    def _judge(self, kept: Kept) -> None:
        try:
            if self._keys:
                self._look_at_key(kept.note)
            if kept.cosigned is not None and text_of(kept.cosigned) != text_of(kept.note):
                raise NoteError("the witness has cosigned something else")
            if kept.cosigned is not None:
                self._seen = max(self._seen, kept.size)
            if kept.cosigned is not None and self._witnesses:
                utc_s = self._cosigned_at(kept.cosigned)
                self._cosigned = Cosigned(size=kept.size, utc_s=utc_s)
        except NoteError as error:
            self._find(kept.size, f"its checkpoint: {error}")
