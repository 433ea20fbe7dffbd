"""What must hold of a virtual site's records: nothing durable is lost, nothing is said too early,
and what is restored is what was.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from central.archive import Archived
from controller.events import (
    Body,
    Entry,
    EntryDropped,
    Event,
    JournalUnsound,
    decode_body,
    decode_entry,
)
from controller.state import SiteState, apply, snapshot
from edge.assembly import Edge
from edge.journal import Record
from edge.restore import UnknownKind
from simulators.virtual.rule import Rule

PRODUCT = {"policies", "controller", "drivers", "edge", "central", "asyncio", "_asyncio"}

READ_ENTRIES, READ_BYTES = 2_000, 4 * 1024 * 1024


class Ledger(Rule):
    """Our own account of the journal: every durable entry, and the state that follows from them.

    `told` hears the disk, `acknowledged` the journal's writer, `restored` a starting edge.
    """

    name = "records-last"

    def __init__(self) -> None:
        self.state = SiteState()
        self.entries: list[bytes] = []
        """Every durable entry in order, from number 1."""

    def durable(
        self,
        at_s: float,
        rows: Sequence[tuple[Any, ...]],
        between: Callable[[int, int], Sequence[bytes]],
    ) -> Iterator[Entry]:
        """Rows of a commit that was synced; yields the headers of what is new.

        `between(first, last)` reads entries that a failed commit had left after all: whoever
        builds on them must not lose them any more.
        """
        for seq, data, *_ in rows:
            known = len(self.entries)
            for left in between(known + 1, seq - 1) if seq > known + 1 else ():
                yield self._append(at_s, left)
            if seq > len(self.entries) + 1:
                raise self.broken(at_s, f"entry {seq} follows {len(self.entries)}")
            if seq == len(self.entries) + 1:
                yield self._append(at_s, data)
            elif self.entries[seq - 1] != data:
                raise self.broken(at_s, f"entry {seq} was stored and now has other bytes")

    def _append(self, at_s: float, data: bytes) -> Entry:
        self.entries.append(data)
        entry = decode_entry(data)
        body = body_of(entry)
        if isinstance(body, EntryDropped):
            # Memory holds ten times what comes to pass while a disk of a run is away.
            raise self.broken(at_s, f"entry {entry.seq} was lost while nothing could be written")
        if isinstance(body, JournalUnsound):
            # Nobody edits it here, and no disk of a run forgets what is older than its last sync.
            raise self.broken(at_s, f"the journal was found unsound, {body.entry}: {body.what}")
        self.state = apply(self.state, Event(header=entry, body=body))
        return entry

    def acknowledged(self, at_s: float, records: Sequence[Record]) -> None:
        """The writer says that these are durable."""
        for record in records:
            if record.seq > len(self.entries):
                raise self.broken(at_s, f"entry {record.seq} is said to be durable and is not")
            if self.entries[record.seq - 1] != record.entry:
                raise self.broken(at_s, f"entry {record.seq} on disk is not the one recorded")

    async def restored(self, at_s: float, edge: Edge) -> list[Entry]:
        """An edge has started; what was committed though nobody had heard of it is told."""
        writer, found = edge.daemon.writer, []
        if writer.last_seq < len(self.entries):
            lost = len(self.entries)
            raise self.broken(at_s, f"the journal ends at {writer.last_seq}, {lost} were durable")
        while len(self.entries) < writer.last_seq:
            first = len(self.entries) + 1
            stored = await writer.read(first, READ_ENTRIES, READ_BYTES)
            found += [self._append(at_s, one.entry) for one in stored]
        self.same_state(at_s, edge, "restored")
        return found

    def same_state(self, at_s: float, edge: Edge, how: str) -> None:
        """The state of the core is the one that follows from what is durable."""
        ours, theirs = snapshot(self.state), snapshot(edge.daemon.site.state)
        if ours != theirs:
            what = differ(ours, theirs)
            raise self.broken(at_s, f"the {how} state is not what the entries say: {what}")

    def same_archive(self, at_s: float, archived: Iterator[Archived], personal: int) -> None:
        """The archive has every entry once, in order, with the same bytes, and beside them the
        journal's personal values, so many: it keeps none that its entry does not commit to.
        """
        count = beside = 0
        for ours, theirs in zip(self.entries, archived, strict=False):
            count += 1
            if theirs.data != ours or theirs.entry.seq != count:
                raise self.broken(at_s, f"the archive's entry {theirs.entry.seq} is not {count}")
            beside += len(theirs.personal)
        if beside != personal:
            raise self.broken(at_s, f"the archive holds {beside} of {personal} personal values")
        if count != len(self.entries) or next(archived, None) is not None:
            raise self.broken(at_s, f"the archive holds {count} of {len(self.entries)} entries")

    @property
    def incarnation(self) -> str:
        """Of the one journal there is."""
        return decode_entry(self.entries[0]).incarnation


class StoredMeansStored(Rule):
    """The edge counts as stored only what the archive holds, durably: it may forget it then.

    `archived` hears central's disk, `noted` the edge.
    """

    name = "stored-means-stored"

    def __init__(self) -> None:
        self._held = 0
        self._beyond: set[int] = set()

    def archived(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Rows of the archive's one journal, in a commit that was synced."""
        self._beyond.update(row[1] for row in rows)
        while self._held + 1 in self._beyond:
            self._held += 1
            self._beyond.remove(self._held)

    def noted(self, at_s: float, seq: int) -> None:
        """The edge believes that everything up to `seq` is stored."""
        if seq > self._held:
            story = f"entry {seq} counts as stored, the archive has all up to {self._held}"
            raise self.broken(at_s, story)


class NothingGrows(Rule):
    """Tasks, open questions and objects stay as few as they were."""

    name = "nothing-grows"

    TASKS_MAX = 36
    """Beside one for each line and each camera. At rest there are two dozen; a few PINs may be
    checked.
    """

    OUTSTANDING_MAX = 200
    """Commands whose end nobody has told."""

    def __init__(self) -> None:
        self._lives = (0, 0)
        self._fewest = 0
        self._others = living()
        """What was there before the site."""

    def look(self, at_s: float, edge: Edge, tasks: int, devices: int) -> None:
        if tasks > self.TASKS_MAX + devices:
            raise self.broken(at_s, f"the edge has {tasks} tasks")
        waiting = edge.daemon.outstanding
        if waiting > self.OUTSTANDING_MAX:
            raise self.broken(at_s, f"{waiting} commands never ended")

    GROWTH_MAX = 1.5
    """What a busy hour may make of the objects that a quiet one has."""

    def weigh(self, at_s: float, lives: tuple[int, int]) -> None:
        """Compare the objects of the product with the fewest there were while the same programs
        ran.
        """
        count = living() - self._others
        if self._lives != lives:
            self._lives, self._fewest = lives, count
        self._fewest = min(self._fewest, count)
        if count > self._fewest * self.GROWTH_MAX:
            raise self.broken(at_s, f"{count} objects are alive, and {self._fewest} were enough")


def living() -> int:
    """How many objects of the product, and of asyncio for it, are alive."""
    gc.unfreeze()  # whatever a policy that was loaded has set aside
    gc.collect()
    # `str`: a metatype of Cython, which drivers of databases bring, names its module otherwise.
    return sum(str(type(one).__module__).partition(".")[0] in PRODUCT for one in gc.get_objects())


def body_of(entry: Entry) -> Body:
    """The entry's body; an unknown kind changes nothing."""
    return decode_body(entry) or UnknownKind()


def differ(ours: bytes, theirs: bytes) -> str:
    """The first place at which two serial forms differ, with its surroundings."""
    at = next(
        (i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b),
        min(len(ours), len(theirs)),
    )
    near = slice(max(0, at - 60), at + 60)
    return f"…{ours[near].decode()}… and …{theirs[near].decode()}…"
