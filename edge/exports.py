"""Entries for somebody outside, with what proves that they stood in the journal and where.

The formats are those of `docs/journal-export.md`; `edge/verify_journal.py` checks them and knows
nothing of us. What is given away is checked before: a journal that does not hold what was signed of
it gives no proof.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

import msgspec

from controller.checkpoint import Checkpoint, CheckpointError, checkpoint_of
from controller.ledger import Personal, leaf
from controller.merkle import EMPTY, SIZE_MAX, Frontier, includes, inclusion
from edge.control.messages import SentEntry
from edge.control.messages_journal import CheckpointSaid
from edge.notes import NoteError, NoteKey, cosigned_at, is_by, opened
from edge.witness_keys import cosigner

PROOF = "sentrypost-journal-proof-1"
EXPORT = "sentrypost-journal-export-1"


class ProofError(Exception):
    """There is no proof of it. `remedy` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(message)


class Source(Protocol):
    """A journal, read through its daemon or from its files."""

    def entries(self, from_seq: int, to_seq: int) -> Iterator[SentEntry]: ...

    def leaves(self, begin: int, end: int) -> Iterable[bytes]:
        """The leaf hashes of entries `begin` + 1 to `end`."""
        ...

    def checkpoints(self, size: int | None) -> tuple[CheckpointSaid, ...]:
        """That of a size, if it is kept; with None the newest, and the newest cosigned one."""
        ...

    def begun(self) -> Frontier:
        """The tree over the first entries, as many as are not there any more."""
        ...


class Log(NamedTuple):
    """One journal, and by whose keys what was signed of it is judged."""

    source: Source
    key: NoteKey
    witnesses: tuple[NoteKey, ...] = ()
    """The witness's, the newest first; none where nobody is known to cosign."""
    former: tuple[NoteKey, ...] = ()
    """Keys that `key` has followed: what they signed holds still."""

    @property
    def witness(self) -> NoteKey | None:
        """The newest of them."""
        return self.witnesses[0] if self.witnesses else None


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What stands in an export behind its first line: one of these."""

    leaves: int = 0
    root: str = ""
    entry: str = ""
    personal: tuple[Personal, ...] = ()
    checkpoint: str = ""


class _Head(msgspec.Struct, frozen=True, kw_only=True, rename={"first": "from", "last": "to"}):
    format: str
    log: str
    witness: str
    first: int
    last: int


class _Proof(msgspec.Struct, frozen=True, kw_only=True):
    format: str
    log: str
    witness: str
    checkpoint: str
    index: int
    path: tuple[str, ...]
    entry: str
    personal: tuple[Personal, ...]


class _Judged(NamedTuple):
    """`keys`: those of the journal that have signed it, the newest first. `cosigned`: by whom."""

    note: str
    said: Checkpoint
    cosigned: NoteKey | None
    keys: tuple[NoteKey, ...]


def proof(log: Log, seq: int, size: int | None, *, personal: bool) -> bytes:
    """That entry `seq` stands in the journal, under the newest cosigned checkpoint that covers it,
    where there is none under the newest; or under that of `size`. One line of JSON.

    Raises ProofError.
    """
    judged = _covering(log, seq, size)[-1]
    sent = next(_given(log.source, seq, seq))
    begun = log.source.begun()

    def subtree(begin: int, end: int) -> bytes:
        grown = begun.within(begin, end)
        return grown.with_leaves(log.source.leaves(begin + grown.size, end)).root

    said = judged.said
    path = inclusion(seq - 1, said.size, subtree)
    if not includes(said.root, said.size, seq - 1, leaf(sent.entry.encode()), path):
        raise _not_held(said.size)
    made = _Proof(
        format=PROOF,
        log=judged.keys[0].text,
        witness=_text(judged.cosigned or log.witness),
        checkpoint=judged.note,
        index=seq - 1,
        path=tuple(node.hex() for node in path),
        entry=sent.entry,
        personal=sent.personal if personal else (),
    )
    return msgspec.json.encode(made) + b"\n"


def export(log: Log, first: int, last: int | None, *, personal: bool) -> Iterator[bytes]:
    """Entries `first` to `last`, without it up to the newest checkpoint, with the checkpoints that
    cover them and the subtrees that lead there, line by line. Raises ProofError.
    """
    if last is None:
        last = max((one.size for one in log.source.checkpoints(None)), default=0)
    found, key = _under_one_key(_covering(log, max(first, last), None))
    # One witness's key as well: that of the last, under which all before it is cosigned as well.
    seen = [one.cosigned for one in found if one.cosigned is not None]
    witness = _text((*seen[-1:], log.witness)[0])
    head = _Head(format=EXPORT, log=key.text, witness=witness, first=first, last=last)
    yield msgspec.json.encode(head) + b"\n"
    for line in _Walk(log.source, first, last).lines(found):
        sent = line if personal else msgspec.structs.replace(line, personal=())
        yield msgspec.json.encode(sent) + b"\n"


class _Walk:
    """Through the journal from its beginning, over as little of it as will do."""

    def __init__(self, source: Source, first: int, last: int) -> None:
        self._source = source
        self._first = first
        self._last = last
        self._grown = EMPTY
        self._begun = source.begun()

    def lines(self, found: list[_Judged]) -> Iterator[Line]:
        """Up to the last checkpoint of `found`, with each at its place. Raises ProofError."""
        notes = {judged.said.size: judged for judged in found}
        for upto in sorted({self._first - 1, self._last, *notes}):
            within = self._first - 1 <= self._grown.size < self._last
            yield from self._entries(upto) if within else self._subtrees(upto)
            judged = notes.get(upto)
            if judged is not None:
                if self._grown.root != judged.said.root:
                    raise _not_held(upto)
                yield Line(checkpoint=judged.note)

    def _entries(self, upto: int) -> Iterator[Line]:
        for sent in _given(self._source, self._grown.size + 1, upto):
            self._grown = self._grown.with_leaves([leaf(sent.entry.encode())])
            yield Line(entry=sent.entry, personal=sent.personal)

    def _subtrees(self, upto: int) -> Iterator[Line]:
        """The fewest complete ones; over what is not there any more those that are left of it."""
        for root, (begin, end) in zip(self._begun.peaks, self._begun.ranges(), strict=True):
            if begin == self._grown.size and end <= upto:
                self._grown = self._grown.with_subtree(root, end - begin)
                yield Line(leaves=end - begin, root=root.hex())
        while (size := self._grown.size) < upto:
            fits = 1 << (upto - size).bit_length() - 1
            leaves = min(size & -size or SIZE_MAX, fits)
            root = EMPTY.with_leaves(self._source.leaves(size, size + leaves)).root
            self._grown = self._grown.with_subtree(root, leaves)
            yield Line(leaves=leaves, root=root.hex())


class _Time(msgspec.Struct, frozen=True):
    utc_us: int


_TIME = msgspec.json.Decoder(_Time)


def _given(source: Source, first: int, last: int) -> Iterator[SentEntry]:
    """Every one of these entries. Raises ProofError where one is not kept any more."""
    following = first
    for sent in source.entries(first, last):
        if sent.seq != following:
            break
        yield sent
        following += 1
    if following <= last:
        raise ProofError(
            f"entry {following} is not kept here any more: it was pruned",
            "ask the archive for it, or name entries behind it",
        )


def between(source: Source, last_seq: int, since_us: float, until_us: float) -> tuple[int, int]:
    """The first entry of that time or later, and the last one from before the other: where the
    clock was set, rather too many. (0, 0) where there is none.
    """
    first = last = 0
    for sent in source.entries(1, last_seq):
        utc_us = _TIME.decode(sent.entry).utc_us
        if not first and since_us <= utc_us < until_us:
            first = sent.seq
        if utc_us < until_us:
            last = sent.seq
    return (first, last) if first else (0, 0)


def _covering(log: Log, seq: int, size: int | None) -> list[_Judged]:
    """The checkpoints under which entry `seq` is proved, the smallest first; the last covers it."""
    found = [_judged(log, one) for one in log.source.checkpoints(size)]
    if size is not None and not found:
        raise ProofError(f"no checkpoint of {size} entries is kept", "leave out --size")
    cosigned = [one for one in found if one.cosigned is not None]
    if cosigned and cosigned[-1].said.size >= seq:
        found = cosigned
    if not found or found[-1].said.size < seq:
        raise ProofError(
            f"no checkpoint covers entry {seq}",
            "a running edge makes one every minute and at its end; name an entry before it",
        )
    return found


def _under_one_key(found: list[_Judged]) -> tuple[list[_Judged], NoteKey]:
    """An export names one key: where the journal's was rotated in between, that of the last, and of
    the others those that bear it as well.
    """
    shared = [key for key in found[-1].keys if all(key in one.keys for one in found)]
    key = (*shared, found[-1].keys[0])[0]
    return [one for one in found if key in one.keys], key


def _judged(log: Log, kept: CheckpointSaid) -> _Judged:
    try:
        keys = tuple(key for key in (log.key, *log.former) if is_by(kept.note, key))
        # With none of them the newest says what is wrong.
        said = checkpoint_of(opened(kept.note, (*keys, log.key)[0]))
        if said.origin != log.key.name:
            raise NoteError(f"it is about {said.origin[:80]}")
        cosigned = cosigner(kept.note, log.witnesses) if kept.cosigned and log.witnesses else None
        if cosigned is not None:
            cosigned_at(kept.note, cosigned)
    except (NoteError, CheckpointError) as error:
        raise ProofError(
            f"the checkpoint of {kept.size} entries: {error}", "see `sentrypost journal verify`"
        ) from error
    return _Judged(kept.note, said, cosigned, keys)


def _not_held(size: int) -> ProofError:
    return ProofError(
        f"the journal does not hold the {size} entries of which its checkpoint was made",
        "keep a copy of the folder as evidence, and see `sentrypost journal verify`",
    )


def _text(key: NoteKey | None) -> str:
    return "" if key is None else key.text
