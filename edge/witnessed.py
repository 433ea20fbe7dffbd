"""What the witness knows of our journal: the largest size that it has cosigned.

We send it each checkpoint with a proof that nothing before was changed; its answer is the note with
its own line, or, where it does not agree, the one that it cosigned last. Only its signature is
believed. A witness that remembers more than we hold, or something else, has seen a journal that was
cut, replaced or rewritten since: that is told, and never mended by itself.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

import msgspec

from controller.checkpoint import Checkpoint, CheckpointError, checkpoint_of
from edge import wire
from edge.cosigned_beside import CosignedBeside
from edge.journal.checkpoints import Kept
from edge.notes import NoteError, NoteKey, is_by, opened
from edge.witness_keys import WitnessRing

ANSWER_S = 10.0
"""Without a word for so long, what was sent is sent again."""


class Sizes(Protocol):
    """What is needed of the journal (`edge.journal.writer.JournalWriter`)."""

    @property
    def last_seq(self) -> int: ...
    async def newest_cosigned(self) -> Kept | None: ...
    async def next_end(self, size: int) -> Kept | None: ...
    async def note_doubted(self, witnessed: int) -> None: ...
    async def note_cosigned(self, size: int, cosigned: str) -> None: ...
    async def root_at(self, size: int) -> bytes | None: ...
    async def proof_since(self, old: int, size: int) -> tuple[bytes, ...] | None: ...


class CosignatureIgnored(msgspec.Struct, frozen=True, kw_only=True):
    """A message that says to come from the witness was not believed; nothing was changed."""

    reason: str


class CheckpointRefused(msgspec.Struct, frozen=True, kw_only=True):
    """The witness does not cosign our checkpoint."""

    reason: str


class JournalDoubt(msgspec.Struct, frozen=True, kw_only=True):
    """The witness has cosigned what this journal does not hold: `witnessed` entries, where here
    are `held`, or others under the same numbers.
    """

    witnessed: int
    held: int


WitnessReport = CosignatureIgnored | CheckpointRefused | JournalDoubt


class Witnessed:
    """Our side of it. `own()` gives the journal's keys, the newest first, `witness` has those that
    are believed; without it nothing is sent. `followed` is called when the witness goes by the
    newest. `beside` has the last cosignature where the journal's folder is not put back with it.
    Every method may raise JournalError.
    """

    def __init__(
        self,
        sizes: Sizes,
        own: Callable[[], tuple[NoteKey, ...]],
        witness: WitnessRing | None,
        report: Callable[[WitnessReport], None],
        followed: Callable[[], None] = lambda: None,
        beside: CosignedBeside | None = None,
    ) -> None:
        self._sizes = sizes
        self._own = own
        self._witness = witness
        self._report = report
        self._followed = followed
        self._beside = beside
        self._newest: Kept | None = None
        self._old: int | None = None
        self._asked: Kept | None = None
        """What was sent and is not answered yet."""
        self._sent_s: float | None = None
        self._seen_s = 0
        """The time of the newest cosignature: an older one is no answer to anything."""
        self._due = False
        self._turn = asyncio.Lock()
        """What is sent while an answer is half heard is proven from what that answer ends; it is
        refused, and the refusal taken for the answer to what was sent behind it."""

    async def look_back(self) -> None:
        """At the start: is what the witness has cosigned still all here?"""
        if self._witness is None:
            return
        kept = await self._sizes.newest_cosigned()
        if kept is not None and kept.cosigned is not None:
            await self._look_back_at(kept.cosigned, "the one on file")
        note = None if self._beside is None else await asyncio.to_thread(self._beside.note)
        if note is not None:
            await self._look_back_at(note, "the one beside the journal")

    async def _look_back_at(self, note: str, which: str) -> None:
        try:
            if not note.startswith(f"{self._own()[0].name}\n"):
                await self._doubt_for_another(note)
                return
            checkpoint, seen_s = self._believed(note)
            self._seen_s = max(self._seen_s, seen_s)
            await self._compare(checkpoint)
        except (NoteError, CheckpointError) as error:
            self._report(CosignatureIgnored(reason=f"{which}: {error}"))

    async def _doubt_for_another(self, note: str) -> None:
        """The witness cosigned another journal where this one lies now: whatever followed this one
        was replaced by it. Who sets one aside takes the note away with it.
        """
        assert self._witness is not None
        self._witness.cosigned_at(note)
        await self._doubt(checkpoint_of(note.partition("\n\n")[0] + "\n").size)

    def taken(self, kept: Kept) -> None:
        """There is a new checkpoint."""
        self._newest, self._due = kept, self._witness is not None

    def connected(self) -> None:
        """The way to the witness is new: what was on it may be lost."""
        self._due = self._witness is not None and self._newest is not None

    def due(self, now_s: float) -> bool:
        """Whether there is something to send now."""
        unanswered = self._sent_s is not None and now_s >= self._sent_s + ANSWER_S
        return self._due or unanswered

    @property
    def look_again_s(self) -> float | None:
        """When an answer is overdue; None: none is awaited."""
        return None if self._sent_s is None else self._sent_s + ANSWER_S

    async def message(self, now_s: float) -> bytes | None:
        """The newest checkpoint with its proof, or the one with which a segment ended before it;
        None where the journal cannot prove it.
        """
        async with self._turn:
            return await self._message(now_s)

    async def _message(self, now_s: float) -> bytes | None:
        self._due, self._sent_s, self._asked = False, None, None
        kept = self._newest
        if kept is None:
            return None
        cosigned = await self._sizes.newest_cosigned()
        if self._old is None:
            self._old = 0 if cosigned is None else cosigned.size
        old = self._old
        end = await self._sizes.next_end(old)
        if end is not None and end.size < kept.size:
            kept = end  # of a segment that ended while nobody heard of it: each has its own word
        proof = await self._sizes.proof_since(old, kept.size)
        if proof is None:
            return None
        self._sent_s, self._asked = now_s, kept
        sent = wire.CheckpointSent(
            note=kept.note,
            # It may be from before the newest key was there.
            key=self._signer(kept.note).text,
            old=old,
            proof=tuple(node.hex() for node in proof),
            # It may have lost its memory, which its own signature gives back.
            cosigned=(cosigned and cosigned.cosigned) or msgspec.UNSET,
        )
        return wire.encode_checkpoint(sent)

    async def heard(self, payload: bytes) -> None:
        """The witness's answer to what was sent last, once; everything else is ignored."""
        async with self._turn:
            await self._heard(payload)

    async def _heard(self, payload: bytes) -> None:
        asked = self._asked
        if asked is None:
            self._report(CosignatureIgnored(reason="nothing was asked"))
            return
        try:
            seen = wire.decode_checkpoint_seen(payload)
            if self._witness is not None and seen.successions is not msgspec.UNSET:
                await self._witness.follow(seen.successions)
            # What it says again may be of the time of a former key; what it cosigns now is not.
            checkpoint, seen_s = self._believed(seen.note, newest=not seen.problem)
        except (wire.WireError, NoteError, CheckpointError) as error:
            self._report(CosignatureIgnored(reason=str(error)))
            return
        earlier = seen_s < self._seen_s
        if not seen.problem and (earlier or checkpoint.size != asked.size):
            self._report(CosignatureIgnored(reason="an answer to something earlier"))
            return
        self._asked, self._sent_s = None, None
        if not await self._compare(checkpoint):
            return
        if earlier:
            self._fall_back(checkpoint, seen.problem)
            return
        self._seen_s = seen_s
        await self._sizes.note_cosigned(checkpoint.size, seen.note)
        if self._beside is not None:
            await asyncio.to_thread(self._beside.keep, seen.note)
        if not seen.problem and is_by(seen.note, self._own()[0]):
            self._followed()
        behind = self._old is None or self._old < checkpoint.size
        self._old = checkpoint.size
        if seen.problem:
            self._report(CheckpointRefused(reason=seen.problem))
            self._due = behind  # once more, from what it has; not again and again
        elif self._newest is not None and asked.size < self._newest.size:
            self._due = True

    def _fall_back(self, checkpoint: Checkpoint, problem: str) -> None:
        """The witness remembers less than it has cosigned, for instance after a restore: what is
        sent next is proven from there. What it has cosigned stays on file. Who plays an old answer
        to us again gets a longer proof.
        """
        self._report(CheckpointRefused(reason=problem))
        self._due = self._old != checkpoint.size  # once more, not again and again
        self._old = checkpoint.size

    async def _compare(self, checkpoint: Checkpoint) -> bool:
        """Whether our journal holds what was cosigned; if not, that is told."""
        if await self._sizes.root_at(checkpoint.size) == checkpoint.root:
            return True
        await self._doubt(checkpoint.size)
        return False

    async def _doubt(self, witnessed: int) -> None:
        self._report(JournalDoubt(witnessed=witnessed, held=self._sizes.last_seq))
        await self._sizes.note_doubted(witnessed)

    def _signer(self, note: str) -> NoteKey:
        """The newest of ours that has signed it; with none of them the newest, which says why."""
        own = self._own()
        return next((key for key in own if is_by(note, key)), own[0])

    def _believed(self, note: str, *, newest: bool = False) -> tuple[Checkpoint, int]:
        """With the time of the cosignature. Raises NoteError, CheckpointError."""
        if self._witness is None:
            raise NoteError("no witness's key is configured")
        seen_s = self._witness.cosigned_at(note, newest=newest)
        own = self._own()
        checkpoint = checkpoint_of(opened(note, self._signer(note)))
        if checkpoint.origin != own[0].name:
            raise NoteError(f"of another journal, {checkpoint.origin[:80]}")
        return checkpoint, seen_s
