"""The witness's key, and how another takes its place.

The one before says so: a succession is a note that both have signed, which the witness sends beside
what it cosigns. Whoever believes the one goes over to the other by it, and can still judge what the
former ones have cosigned. It leads one way: nobody goes back from a key to the one before it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from edge.notes import Algorithm, NoteError, NoteKey, cosigned_at, note_key, opened, signed, text_of
from edge.secret_file import replace_file
from edge.signatures import SigningKey

FOLLOWED_FILE = "witness.followed"
"""In an edge's state folder: the successions that it has followed."""

SUCCESSIONS_MAX = 32
"""A key each year, for as long as anybody keeps a journal."""

FILE_BYTES_MAX = 64 * 1024
UTC_S_DIGITS_MAX = 10

_HEAD = "witness-succession/v1"
"""No checkpoint begins with it, and none has four lines: what signs one cannot be taken for both.
"""

_FILE = msgspec.json.Decoder(list[str])

log = logging.getLogger(__name__)


class Succession(NamedTuple):
    """`key` cosigns in place of `former`, since `utc_s`."""

    note: str
    former: NoteKey
    key: NoteKey
    utc_s: int


def succeeded(name: str, former: SigningKey, key: SigningKey, utc_s: int) -> str:
    """The note by which one key of a witness follows another."""
    lines = (_HEAD, *(_of_witness(name, one).text for one in (former, key)), str(utc_s))
    return signed("".join(f"{line}\n" for line in lines), name, key, former)


def succession(note: str) -> Succession:
    """What a note says that both keys have signed. Raises NoteError."""
    head, *rest = text_of(note).split("\n")
    if head != _HEAD or len(rest) != 4 or rest[3]:
        raise NoteError("no succession of a witness")
    former, key = note_key(rest[0]), note_key(rest[1])
    if not rest[2].isascii() or not rest[2].isdigit() or len(rest[2]) > UTC_S_DIGITS_MAX:
        raise NoteError("a succession without a time")
    for one in (former, key):
        if one.algorithm is not Algorithm.WITNESS or one.name != former.name or former == key:
            raise NoteError("no succession of one witness's keys")
        opened(note, NoteKey(one.name, one.public, Algorithm.LOG))
    return Succession(note, former, key, int(rest[2]))


class Witnesses(NamedTuple):
    """The key that is believed, and the successions that lead to it, the oldest first."""

    key: NoteKey
    successions: tuple[Succession, ...] = ()

    @property
    def former(self) -> tuple[NoteKey, ...]:
        """The newest first. What they have cosigned holds still."""
        return tuple(one.former for one in reversed(self.successions))

    def beyond(self, notes: Iterable[str]) -> tuple[Succession, ...]:
        """Those of the notes, in their order, that lead on from here. Raises NoteError."""
        key, steps = self.key, list[Succession]()
        known = {one.note for one in self.successions}
        for note in notes:
            step = None if note in known else succession(note)
            if step is not None and step.former == key and step.key not in self.former:
                key = step.key
                steps.append(step)
        return tuple(steps)

    def after(self, step: Succession) -> "Witnesses":
        return Witnesses(step.key, (*self.successions, step)[-SUCCESSIONS_MAX:])


def witnesses_from(named: NoteKey, notes: Sequence[str]) -> Witnesses:
    """Who is believed where the site file names this one, and these successions are on file.

    The file may name any of them: what led to it is former, what follows it is followed. Where it
    names another one, none of them counts.
    """
    steps = list[Succession]()
    for note in notes[-SUCCESSIONS_MAX:]:
        try:
            step = succession(note)
        except NoteError as error:
            log.error("a succession of the witness is left out: %s", error)
            continue
        if steps and steps[-1].key != step.former:
            steps.clear()
        steps.append(step)
    if not any(named in (step.former, step.key) for step in steps):
        return Witnesses(named)
    return Witnesses(steps[-1].key, tuple(steps))


def read_successions(path: Path) -> tuple[str, ...]:
    """The notes of a file; none where there is no such file, or it is damaged."""
    try:
        with path.open("rb") as file:
            return tuple(_FILE.decode(file.read(FILE_BYTES_MAX)))
    except FileNotFoundError:
        return ()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        log.error("%s: %s", path, error)
        return ()


def write_successions(path: Path, steps: Sequence[Succession]) -> None:
    """A power cut leaves what was, or this. Raises OSError."""
    notes = [one.note for one in steps[-SUCCESSIONS_MAX:]]
    replace_file(path, msgspec.json.format(msgspec.json.encode(notes), indent=1) + b"\n")


def witnesses_of(named: NoteKey | None, state: Path) -> Witnesses | None:
    """Who is believed in this state folder, where the site file names `named`."""
    return None if named is None else witnesses_from(named, read_successions(state / FOLLOWED_FILE))


class WitnessRing:
    """Of a running edge. `record`: a step goes on record; False where it cannot."""

    def __init__(self, named: NoteKey, state: Path | None = None) -> None:
        self.record: Callable[[Succession], Awaitable[bool]] | None = None
        self._state = state
        notes = () if state is None else read_successions(state / FOLLOWED_FILE)
        self.witnesses = witnesses_from(named, notes)

    async def follow(self, notes: Sequence[str]) -> None:
        """Go over to the newest to which these lead; each step is recorded first. A power cut
        before it is on file leaves the former one, and the step is made again. Raises NoteError.
        """
        for step in self.witnesses.beyond(notes[-SUCCESSIONS_MAX:]):
            if self.record is not None and not await self.record(step):
                return
            after = self.witnesses.after(step)
            if self._state is not None:
                try:
                    path = self._state / FOLLOWED_FILE
                    await asyncio.to_thread(write_successions, path, after.successions)
                except OSError as error:
                    # It is believed until the end of this run, and followed again after it.
                    log.error("the witness's new key is not on file: %s", error)
            self.witnesses = after

    def cosigned_at(self, note: str, *, newest: bool = False) -> int:
        """When the witness saw it: under its newest key, or else under any. Raises NoteError."""
        believed = self.witnesses
        keys = (believed.key,) if newest else (believed.key, *believed.former)
        return cosigned_at(note, cosigner(note, keys))


def cosigner(note: str, keys: Sequence[NoteKey]) -> NoteKey:
    """The first of these that has cosigned it; with none of them the first, which says why."""
    for one in keys:
        try:
            cosigned_at(note, one)
        except NoteError:
            continue
        return one
    return keys[0]


def _of_witness(name: str, key: SigningKey) -> NoteKey:
    return NoteKey(name, key.public, Algorithm.WITNESS)
