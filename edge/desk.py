"""What people ask of the running daemon, answered: `edge.control.desk.Desk`."""

import asyncio
import logging
from collections.abc import Sequence

from controller.events import (
    FireReset,
    FireResetRefused,
    HoldersReplaced,
    decode_body,
    decode_entry,
)
from controller.site import Outcome
from edge.config import Config
from edge.control.desk import Progress, status_reply, verify_reply
from edge.control.messages import (
    ImportPeopleReply,
    ImportProblem,
    ResetFireReply,
    StatusReply,
    UplinkReport,
    VerifyReply,
)
from edge.daemon import Daemon
from edge.journal import JournalClosed, JournalError, Record, Stored
from edge.people import PeopleError, PinHasher, PinHashError, SiteKey, answer, plan_import, seal
from edge.people.importer import ImportPlan
from edge.safe_mode import SERVED_S
from edge.uplink import Uplink

SETTLE_AGAIN_S = 2.0
"""Between tries to settle people on a disk that has just been full."""

KEPT = "kept; it comes into force as soon as the journal can be written: do not import it again"

READ_BYTES_MAX = 512 * 1024
"""Half a control frame: personal values and quoting need the rest."""

log = logging.getLogger(__name__)


class DaemonDesk:
    """One daemon's desk. `committed` must be told of every commit, so that readers can wait."""

    def __init__(
        self,
        daemon: Daemon,
        config: Config,
        key: SiteKey,
        uplink: Uplink | None,
        version: str,
        *,
        safe_mode: bool,
    ) -> None:
        self._daemon = daemon
        self._config = config
        self._key = key
        self._uplink = uplink
        self._version = version
        now = daemon.now()
        self._started_utc_us = now.utc_us
        self._safe_until_us = now.mono_us + int(SERVED_S * 1e6) if safe_mode else 0
        self._advanced = asyncio.Event()
        self._importing = asyncio.Lock()
        self._unsettled = asyncio.Event()

    def committed(self, records: Sequence[Record]) -> None:
        """Entries reached the disk: whoever waits for news looks again."""
        self._advanced.set()
        self._advanced = asyncio.Event()

    @property
    def safe_mode(self) -> bool:
        """Whether this run began in safe mode, and has not lasted long enough to leave it."""
        return self._daemon.now().mono_us < self._safe_until_us

    def status(self) -> StatusReply:
        uplink = None
        if self._uplink is not None:
            seen = self._uplink.status
            uplink = UplinkReport(connected=seen.connected, acked=seen.acked, behind=seen.behind)
        return status_reply(
            self._daemon.site.state,
            self._daemon.site.policy,
            site=self._config.site,
            edge=self._config.edge,
            incarnation=self._daemon.writer.incarnation,
            version=self._version,
            readers=tuple(sorted(self._config.devices)),
            started_utc_us=self._started_utc_us,
            utc_us=self._daemon.now().utc_us,
            uplink=uplink,
            safe_mode=self.safe_mode,
            kept_copy=self._config.kept,
        )

    @property
    def last_seq(self) -> int:
        return self._daemon.writer.last_seq

    async def read(self, from_seq: int, limit: int) -> list[Stored]:
        return await self._daemon.writer.read(from_seq, limit, READ_BYTES_MAX)

    async def wait_beyond(self, seq: int) -> None:
        while self.last_seq <= seq:
            await self._advanced.wait()

    async def reset_fire(self, fire: str, operator: str) -> ResetFireReply:
        if self._unwritable():
            reason = "the journal cannot be written; the reset would not be on record"
            return ResetFireReply(accepted=False, reason=reason)
        outcome = self._daemon.judge_fire_reset(fire, operator)
        await self._daemon.recorder.drained()
        for event in outcome.events:
            if isinstance(event.body, FireReset):
                return ResetFireReply(accepted=True, reason="the latch is reset")
            if isinstance(event.body, FireResetRefused):
                return ResetFireReply(accepted=False, reason=event.body.reason)
        return ResetFireReply(accepted=False, reason="the core did not answer")

    async def import_people(self, csv: bytes, operator: str, dry_run: bool) -> ImportPeopleReply:
        async with self._importing:
            people = self._daemon.people
            plan = await asyncio.to_thread(
                plan_import,
                people.roll,
                csv,
                self._config.policy.roles,
                self._key,
                timezone=self._config.policy.zone,
            )
            applied = False
            if not plan.problems and not dry_run:
                if self._unsettled.is_set():
                    why = "an earlier import is kept and not in force yet; import this one after it"
                    return _refused(people.version, why)
                try:
                    applied = await self._apply(plan, operator)
                except (PeopleError, PinHashError) as error:
                    return _refused(people.version, str(error))
                if self._unsettled.is_set():
                    return _refused(people.version, KEPT, kept=True)
                if not applied and self._unwritable():
                    return _refused(people.version, "the journal cannot be written; try later")
            return answer(plan, people.version, applied=applied)

    async def _apply(self, plan: ImportPlan, operator: str) -> bool:
        """On file but not in force; into the journal; in force under the journal's number.

        While the journal or `site.db` cannot be written the change stays staged: `run` brings it
        in force when its entry has reached the disk after all. Raises PeopleError, PinHashError
        where nothing was staged.
        """
        daemon = self._daemon
        # One core is left to whoever stands at a keypad.
        change = await asyncio.to_thread(seal, plan, PinHasher(), workers=1)
        if not change or self._unwritable():
            return False
        directory = await asyncio.to_thread(daemon.people.stage, change)
        outcome = daemon.judge_directory(directory, operator)
        await daemon.recorder.drained()
        if self._unwritable():
            self._unsettled.set()
            return False
        try:
            await asyncio.to_thread(daemon.people.settle, _seq_of_holders(outcome))
        except PeopleError as error:
            # The core knows them and the journal says so: the file has to follow.
            log.error("people are recorded and their file cannot be written: %s", error)
            self._unsettled.set()
            return False
        return True

    def _unwritable(self) -> bool:
        return self._daemon.recorder.down

    async def run(self) -> None:
        """Settle what a failing journal or file left staged, until cancelled.

        Raises JournalClosed: a bug. Whatever else is wrong somebody may mend while the edge runs.
        """
        said = ""
        while True:
            await self._unsettled.wait()
            await self.wait_beyond(self._daemon.site.state.holders_seq - 1)
            try:
                async with self._importing:
                    await self._settle_late()
            except JournalClosed:
                raise
            except (JournalError, PeopleError) as error:
                if str(error) != said:
                    said = str(error)
                    log.error("imported people are not settled yet, and are tried again: %s", error)
                await asyncio.sleep(SETTLE_AGAIN_S)
                continue
            said = ""
            self._unsettled.clear()

    async def _settle_late(self) -> None:
        """In force if the entry is there; otherwise the core goes back to who is on file."""
        people, state = self._daemon.people, self._daemon.site.state
        staged = people.staged
        if staged is None:
            return
        entries = await self._daemon.writer.read(state.holders_seq, 1, READ_BYTES_MAX)
        body = decode_body(decode_entry(entries[0].entry)) if entries else None
        if isinstance(body, HoldersReplaced) and body.digest == staged.digest:
            await asyncio.to_thread(people.settle, state.holders_seq)
            return
        await asyncio.to_thread(people.settle, None)
        self._daemon.judge_directory(people.directory())

    async def verify(self, progress: Progress) -> VerifyReply:
        return verify_reply(await self._daemon.writer.verify(progress))


def _refused(version: int, why: str, *, kept: bool = False) -> ImportPeopleReply:
    problem = ImportProblem(row=0, column="", message=why)
    return ImportPeopleReply(applied=False, version=version, kept=kept, problems=(problem,))


def _seq_of_holders(outcome: Outcome) -> int:
    return next(e.header.seq for e in outcome.events if isinstance(e.body, HoldersReplaced))
