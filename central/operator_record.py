"""What operators have done, on record: a journal of central's own, of the kind that edges keep, so
that nobody edits it unseen. It is verified whole at each start.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Self

from central.operator_events import OperatorPut, Recorded, act_of, encode, kind_of
from controller.body import Header
from controller.events import EntryError, decode_entry
from controller.ids import HolderId
from controller.ledger import PERSONAL_CHARS_MAX, SALT_BYTES, Personal
from edge.journal import JournalError, JournalFailed, JournalWriter, Record, Stored
from edge.present import committed

FOLDER = "operators"
SITE, NAME = "central", "operators"
"""Of the journal."""

WAITING_MAX = 1_000
"""Acts that wait for the disk; more than a hundred people can do while it hangs for a moment."""

AGAIN_S = 2.0
"""Between tries to write on a disk that has just been full."""

PATIENCE_S = 5.0
"""Whoever waits for the disk for longer is told that nothing was done."""

READ_AT_ONCE = 500
READ_BYTES = 512 * 1024

log = logging.getLogger(__name__)

UNRECORDED = "it cannot be put on record, so it is not done: the disk of central takes nothing"


class _Waiting(NamedTuple):
    kind: str
    body: Recorded
    personal: tuple[Personal, ...]
    utc_us: int
    mono_us: int


class OperatorRecord:
    """One central's. `problem`: what the verification at the start has found; empty: nothing."""

    def __init__(self, writer: JournalWriter, entropy: Callable[[int], bytes]) -> None:
        """Not for callers: see `open`."""
        self._writer, self._entropy = writer, entropy
        self._waiting: list[_Waiting] = []
        self._some = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.problem = ""
        self.names: dict[HolderId, str] = {}
        """By what everybody signs in or has signed in who ever was an operator."""

    @classmethod
    async def open(cls, state: Path, entropy: Callable[[int], bytes] = os.urandom) -> Self:
        """The journal in the state folder, made where it is not there, and verified. Raises
        JournalError where it cannot be used.
        """
        writer = await JournalWriter.open(
            state / FOLDER, site=SITE, edge=NAME, entropy=entropy, utc_us=time.time_ns() // 1_000
        )
        record = cls(writer, entropy)
        try:
            report = await writer.verify()
            if not report.sound:
                first = report.findings[0]
                record.problem = f"entry {first.seq} does not hold: {first.what}"
            await record._read_names()
        except BaseException:
            await writer.close()
            raise
        return record

    @property
    def incarnation(self) -> str:
        return self._writer.incarnation

    @property
    def newest(self) -> int:
        return self._writer.last_seq

    def personal(self, field: str, value: str) -> Personal:
        """A value for the record, cut to what one can hold."""
        said = value[:PERSONAL_CHARS_MAX].encode(errors="replace").decode()
        return Personal(field, said, self._entropy(SALT_BYTES).hex())

    def put(self, body: Recorded, *personal: Personal) -> None:
        """It is on record once `recorded` returns. Raises JournalFailed where too much waits."""
        if len(self._waiting) >= WAITING_MAX:
            raise JournalFailed(UNRECORDED)
        times = (time.time_ns() // 1_000, time.monotonic_ns() // 1_000)
        self._waiting.append(_Waiting(kind_of(type(body)), body, personal, *times))
        self._idle.clear()
        self._some.set()
        if isinstance(body, OperatorPut):
            self.names[body.holder] = next(p.value for p in personal if p.field == "operator")

    async def recorded(self) -> None:
        """All that was put is on the disk. Raises JournalFailed where that takes too long."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._idle.wait()
        except TimeoutError:
            raise JournalFailed(UNRECORDED) from None

    async def run(self) -> None:
        """Write what is put, until cancelled; on a disk that takes nothing it is tried again."""
        while True:
            await self._some.wait()
            self._some.clear()
            batch = list(self._waiting)
            if not batch:
                continue
            await self._written(batch)
            del self._waiting[: len(batch)]
            if not self._waiting:
                self._idle.set()
            else:
                self._some.set()

    async def _written(self, batch: list[_Waiting]) -> None:
        first = self._writer.last_seq + 1
        records = tuple(self._record(first + n, one) for n, one in enumerate(batch))
        said = ""
        while records:
            try:
                if self._writer.stopped:
                    await self._writer.reopen()
                    records = await self._writer.reconcile(records)
                await self._writer.append(records)
                return
            except JournalError as error:
                if said != (said := str(error)):
                    log.error("what operators do cannot be put on record: %s", error)
                await asyncio.sleep(AGAIN_S)

    def _record(self, seq: int, one: _Waiting) -> Record:
        header = Header(
            site=SITE,
            edge=NAME,
            incarnation=self._writer.incarnation,
            seq=seq,
            kind=one.kind,
            utc_us=one.utc_us,
            mono_us=one.mono_us,
            clock_trusted=True,
            cause="operator",
            policy="",
        )
        return Record(seq, encode(header, one.body), one.personal)

    async def read(self, from_seq: int, limit: int) -> list[Stored]:
        """Entries from there on, those that one answer holds, as they lie there: whether they are
        what was written, the verification says. Raises JournalError.
        """
        if from_seq > self.newest:
            return []
        return await self._writer.read(from_seq, limit, READ_BYTES, checked=False)

    async def close(self) -> None:
        """Let the folder go. Raises JournalFailed where the disk does not take the last of it."""
        await self._writer.close()

    async def _read_names(self) -> None:
        seq = 1
        while found := await self.read(seq, READ_AT_ONCE):
            for stored in found:
                self._take_name(stored)
            seq = found[-1].seq + 1

    def _take_name(self, stored: Stored) -> None:
        try:
            entry = decode_entry(stored.entry)
            act = act_of(entry)
        except EntryError:
            return
        if isinstance(act, OperatorPut):
            said = committed(entry, stored.personal)
            self.names[act.holder] = said.get("operator", act.holder)
