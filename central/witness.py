"""The witness: it remembers how large each journal was, and cosigns what only adds to that.

Whoever steals an edge's key can write a journal anew and sign it; he cannot make the witness forget
the one it has seen. What it cosigns is on disk before the line leaves: it never says of one journal
that it was larger and later that it is smaller.

Where its memory itself is lost, or an old copy, the edge shows it what it has cosigned last. Its
own signature is as good as its memory: it goes on from there, and asks for the proof from there.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import msgspec

from controller.checkpoint import Checkpoint, CheckpointError, checkpoint_of, log_name
from controller.merkle import continues
from edge import wire
from edge.notes import (
    Algorithm,
    NoteError,
    NoteKey,
    alone,
    cosignature,
    cosigned_at,
    note_key,
    opened,
    text_of,
)
from edge.signatures import SigningKey
from edge.witness_keys import Succession, Witnesses, cosigner

NAME = "sentrypost/_central"
"""Under which central cosigns; its key tells two of them apart."""


JOURNALS_MAX = 1_000
"""Incarnations of one edge that are remembered: a new one comes with a restore, not every day."""

ASKED_MAX = 3
"""An answer may be lost on its way; who proves from elsewhere after that does not hold what was
cosigned."""


class Remembered(NamedTuple):
    """What is kept of one journal: its public keys, the present one first and a space between, and
    the largest note that was cosigned.
    """

    key: str
    note: str


class Memory(Protocol):
    """Where it is kept; used on the archive's thread. Each may raise ArchiveError."""

    def remembered(self, log: str) -> Remembered | None: ...
    def journals(self, site: str, edge: str) -> int:
        """How many incarnations of an edge are remembered."""
        ...

    def remember(self, log: str, what: Remembered, before: Remembered | None) -> None:
        """In place of what was remembered `before`; durable on return. Raises ArchiveError where
        that is something else by now: two witnesses with one memory never go back behind each
        other."""
        ...


class NotCosigned(msgspec.Struct, frozen=True, kw_only=True):
    """A checkpoint that does not add to what was cosigned. `alarm`: the journal was cut, put back
    from an old copy, written anew, or somebody else signs for it.
    """

    site: str
    edge: str
    reason: str
    alarm: bool


class JournalReplaced(msgspec.Struct, frozen=True, kw_only=True):
    """An edge of which journals were cosigned begins another one: its state folder is new, or was
    set aside, or somebody put another journal in its place. It is cosigned.
    """

    site: str
    edge: str
    reason: str


class KeyFollowed(msgspec.Struct, frozen=True, kw_only=True):
    """A journal's size is signed under another key from here on; the one before has said so."""

    site: str
    edge: str
    reason: str = "its key was rotated; only the new one is believed from here on"


class MemoryRegained(msgspec.Struct, frozen=True, kw_only=True):
    """An edge has shown what this witness had cosigned and remembers no more: its memory was lost,
    or put back from an old copy. It goes on from there.
    """

    site: str
    edge: str
    reason: str


class Judgement(NamedTuple):
    """What is answered, if anything is, and what is told."""

    answer: wire.CheckpointSeen | None
    told: NotCosigned | JournalReplaced | KeyFollowed | MemoryRegained | None = None


class Witness:
    """One key, and what it has signed. `utc_s()` is the clock's. `successions`: by which it has
    followed others, the oldest first; they are told with every answer.
    """

    def __init__(
        self, key: SigningKey, utc_s: Callable[[], int], successions: Sequence[Succession] = ()
    ) -> None:
        self._key = key
        self._own = Witnesses(self.key, tuple(successions))
        self._utc_s = utc_s
        self._asked: Counter[str] = Counter()
        """How often a journal was asked, in vain so far, to prove from what was cosigned."""

    @property
    def key(self) -> NoteKey:
        """What edges have to know of it."""
        return NoteKey(NAME, self._key.public, Algorithm.WITNESS)

    def judge(self, memory: Memory, site: str, edge: str, sent: wire.CheckpointSent) -> Judgement:
        """Cosign it, or say what was cosigned before. Raises ArchiveError."""
        try:
            key, checkpoint = _read(site, edge, sent)
        except (NoteError, CheckpointError) as error:
            told = NotCosigned(site=site, edge=edge, reason=str(error), alarm=False)
            return Judgement(None, told)
        known = memory.remembered(key.name)
        if known is not None:
            reason = _why_not_followed(known.key.split(), key, sent.note)
            if reason:
                return Judgement(None, NotCosigned(site=site, edge=edge, reason=reason, alarm=True))
        news: JournalReplaced | MemoryRegained | None = None
        shown = self._shown(known, key, sent)
        if shown is not None:
            news = MemoryRegained(site=site, edge=edge, reason=_regained(known, shown))
            memory.remember(key.name, shown, known)
            known = shown
        if known is not None:
            problem, alarm = self._against(checkpoint_of(text_of(known.note)), checkpoint, sent)
            if problem:
                told = NotCosigned(site=site, edge=edge, reason=problem, alarm=alarm)
                return Judgement(self._answer(known.note, problem), told)
        elif (before := memory.journals(site, edge)) >= JOURNALS_MAX:
            reason = f"more than {JOURNALS_MAX} journals of one edge: somebody invents them"
            return Judgement(None, NotCosigned(site=site, edge=edge, reason=reason, alarm=True))
        elif before:
            reason = (
                f"journal {key.name.rpartition('/')[2]} begins in place of {before} that were "
                "cosigned: a new state folder, a restore, or somebody swapped it"
            )
            news = JournalReplaced(site=site, edge=edge, reason=reason)
        seen, followed = self._cosigned(known, key, checkpoint, sent)
        memory.remember(key.name, seen, known)
        del self._asked[key.name]
        told_of = KeyFollowed(site=site, edge=edge) if followed else news
        return Judgement(self._answer(seen.note), told_of)

    def _answer(self, note: str, problem: str = "") -> wire.CheckpointSeen:
        notes = tuple(one.note for one in self._own.successions)
        return wire.CheckpointSeen(note=note, problem=problem, successions=notes or msgspec.UNSET)

    def _cosigned(
        self,
        known: Remembered | None,
        key: NoteKey,
        checkpoint: Checkpoint,
        sent: wire.CheckpointSent,
    ) -> tuple[Remembered, bool]:
        """What is remembered from now on, and whether it is under another key than before."""
        line = cosignature(checkpoint.text, NAME, self._key, self._utc_s())
        keys = [] if known is None else known.key.split()
        followed = keys[:1] not in ([], [key.text])
        if followed or not keys:
            keys.insert(0, key.text)
        return Remembered(" ".join(keys), alone(sent.note, key) + line), followed

    def _shown(
        self, known: Remembered | None, key: NoteKey, sent: wire.CheckpointSent
    ) -> Remembered | None:
        """What an edge shows of our own signature, where that is of more than we remember, and not
        of before it: then what we remember is another journal, and only a proof leads on from it.
        """
        if sent.cosigned is msgspec.UNSET:
            return None
        keys = [key.text] if known is None else known.key.split()
        for text in keys:
            try:
                own = note_key(text)
                checkpoint = checkpoint_of(opened(sent.cosigned, own))
                signer, *seen = self._ours(sent.cosigned)
                if checkpoint.origin != key.name:
                    return None
                if known is not None and (
                    checkpoint.size <= checkpoint_of(text_of(known.note)).size
                    or seen < list(self._ours(known.note)[1:])
                ):
                    return None
            except (NoteError, CheckpointError):
                continue
            line = alone(sent.cosigned, signer).removeprefix(f"{checkpoint.text}\n")
            return Remembered(" ".join(keys), alone(sent.cosigned, own) + line)
        return None

    def _ours(self, note: str) -> tuple[NoteKey, int, int]:
        """Which key of ours has cosigned it, how new that key is, and when it was: whoever has got
        hold of a former key proves nothing by it against what a newer one has cosigned.

        Raises NoteError.
        """
        keys = (self._own.key, *self._own.former)
        signer = cosigner(note, keys)
        return signer, -keys.index(signer), cosigned_at(note, signer)

    def _against(
        self, known: Checkpoint, checkpoint: Checkpoint, sent: wire.CheckpointSent
    ) -> tuple[str, bool]:
        """Why it is not cosigned, and whether that is an alarm; empty where it may be."""
        if checkpoint.size < known.size:
            return f"{checkpoint.size} entries, and {known.size} were cosigned", True
        if sent.old != known.size:
            self._asked[known.origin] += 1
            in_vain = self._asked[known.origin] > ASKED_MAX
            return f"proven from {sent.old}, and {known.size} were cosigned", in_vain
        path = tuple(bytes.fromhex(node) for node in sent.proof)
        if not continues(known.size, known.root, checkpoint.size, checkpoint.root, path):
            return f"it does not begin with the {known.size} entries that were cosigned", True
        return "", False


def _regained(known: Remembered | None, shown: Remembered) -> str:
    size = checkpoint_of(text_of(shown.note)).size
    ours = "nothing" if known is None else checkpoint_of(text_of(known.note)).size
    return (
        f"{size} entries were cosigned here, by our own signature, and {ours} was remembered: the"
        " archive is new or an old copy; it goes on from there"
    )


def _why_not_followed(known: Sequence[str], key: NoteKey, note: str) -> str:
    """Why a note is not believed that says to be by `key`; empty where it is.

    Another key is believed when the present one has signed the same note. That goes one way: the
    note bears both, and whoever has the former key must not lead back to it.
    """
    present, *former = known
    if key.text == present:
        return ""
    if key.text in former:
        return "it is signed under a former key of its own"
    try:
        opened(note, note_key(present))
    except NoteError:
        return "it is signed under another key than before"
    return ""


def _read(site: str, edge: str, sent: wire.CheckpointSent) -> tuple[NoteKey, Checkpoint]:
    """Raises NoteError, CheckpointError."""
    key = note_key(sent.key)
    checkpoint = checkpoint_of(opened(sent.note, key))
    incarnation = checkpoint.origin.rpartition("/")[2]
    if not checkpoint.origin == key.name == log_name(site, edge, incarnation):
        raise NoteError(f"of another journal, {checkpoint.origin[:80]}")
    return key, checkpoint
