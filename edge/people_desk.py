"""What people ask of the running daemon about people: imports, change sets, the history.

Whatever changes them goes one way: on file but not in force, into the journal, in force under the
journal's number. While journal or `site.db` cannot be written it stays staged.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from controller.events import HoldersReplaced, decode_body, decode_entry
from controller.ids import CredentialRef, HolderId
from controller.site import Outcome
from edge.config import Config
from edge.control.messages import (
    ExportPeopleReply,
    HistoryReply,
    ImportPeopleReply,
    ImportProblem,
    TakePeopleReply,
)
from edge.control.messages_people import PutPerson
from edge.daemon import Daemon
from edge.erasing import Erasing, erased_by_set
from edge.journal import JournalClosed, JournalError
from edge.people import (
    LINE_MAX,
    Change,
    Made,
    PeopleError,
    PeopleSet,
    PinHasher,
    PinHashError,
    Roll,
    SetError,
    SiteKey,
    answer,
    change_of,
    everybody,
    exported,
    not_exported,
    not_taken,
    offered,
    plan_import,
    plan_person,
    refuse_mixed,
    seal,
    sealed,
    since,
    taken,
    told,
)
from edge.people.importer import ImportPlan
from edge.people.records import removal
from edge.person_limits import NAME_CHARS_MAX
from edge.signatures import SignatureError
from edge.visitor_issue import issued
from policies.compiled import CompiledPolicy

SETTLE_AGAIN_S = 2.0
"""Between tries to settle people on a disk that has just been full."""

KEPT = "kept; it comes into force as soon as the journal can be written: do not import it again"
WAITING = "an earlier import is kept and not on file yet; import this one after it"
BEHIND = "the file of people cannot be written yet"
OTHER_POLICY = "another policy came into force meanwhile; try again"
UNWRITABLE = "the journal cannot be written; try later"

READ_BYTES_MAX = 512 * 1024

log = logging.getLogger(__name__)


class HinderedError(Exception):
    """The change is not on record. `kept`: it is staged, and comes into force by itself."""

    def __init__(self, why: str, *, kept: bool = False) -> None:
        self.kept = kept
        super().__init__(why)


class PeopleDesk:
    """One daemon's. `entropy(n)` gives n unpredictable bytes."""

    def __init__(
        self,
        daemon: Daemon,
        config: Config,
        key: SiteKey,
        entropy: Callable[[int], bytes],
        erasing: Erasing,
    ) -> None:
        self._daemon = daemon
        self.erasing = erasing
        self._config = config
        self._key = key
        self._entropy = entropy
        self._bringing = asyncio.Lock()
        self._unsettled = asyncio.Event()

    # --- what is asked ---

    async def import_people(self, csv: bytes, operator: str, dry_run: bool) -> ImportPeopleReply:
        """As `edge.control.desk.Desk` has it."""

        def planned(roll: Roll, policy: CompiledPolicy) -> ImportPlan:
            return plan_import(
                roll,
                csv,
                policy,
                self._key,
                formats=self._config.badges.cards,
                duress_is_told=bool(self._config.recipients),
            )

        return await self._import(planned, operator, dry_run=dry_run)

    async def put_person(self, asked: PutPerson, operator: str) -> ImportPeopleReply:
        """As `edge.control.desk_people.Persons` has it."""

        def planned(roll: Roll, policy: CompiledPolicy) -> ImportPlan:
            return plan_person(
                roll,
                asked.cells(),
                policy,
                self._key,
                new=asked.new,
                formats=self._config.badges.cards,
                duress_is_told=bool(self._config.recipients),
            )

        return await self._import(planned, operator, dry_run=asked.dry_run)

    async def _import(
        self,
        planned: Callable[[Roll, CompiledPolicy], ImportPlan],
        operator: str,
        *,
        dry_run: bool,
    ) -> ImportPeopleReply:
        async with self._bringing:
            people, policy = self._daemon.people, self._daemon.site.policy
            plan = await asyncio.to_thread(planned, people.roll, policy)
            applied = False
            if not plan.problems and not dry_run:
                try:
                    self._refuse_second()
                    change = await self._sealed(plan)
                    applied = await self._bring(change, operator, policy)
                except HinderedError as error:
                    return _refused(people.version, str(error), kept=error.kept)
                except (PeopleError, PinHashError) as error:
                    return _refused(people.version, str(error))
            kept = applied and self._unsettled.is_set()
            return answer(plan, people.version, applied=applied, kept=kept)

    async def take(self, envelope: bytes, operator: str, dry_run: bool) -> TakePeopleReply:
        """As `edge.control.desk.Desk` has it."""
        async with self._bringing:
            people, config = self._daemon.people, self._config
            policy = self._daemon.site.policy
            try:
                offer = await asyncio.to_thread(
                    offered, envelope, config.keys, self._key, config.site
                )
                change = await asyncio.to_thread(
                    change_of, people.roll, offer, duress_is_told=bool(config.recipients)
                )
                applied = False
                if change is not None:
                    await asyncio.to_thread(refuse_mixed, change, policy)
                if change is not None and not dry_run:
                    self._refuse_second()
                    await self._record_erasures(change, operator)
                    applied = await self._bring(change, operator, policy)
            except (SetError, SignatureError) as error:
                return not_taken(error, people.version)
            except (HinderedError, PeopleError) as error:
                return TakePeopleReply(
                    applied=False,
                    version=people.version,
                    kept=isinstance(error, HinderedError) and error.kept,
                    reason=str(error),
                )
            kept = applied and self._unsettled.is_set()
            return taken(offer, change, people.version, applied=applied, kept=kept)

    async def export(self, base: int | None) -> tuple[bytes, ExportPeopleReply]:
        """As `edge.control.desk.Desk` has it."""
        async with self._bringing:
            try:
                people = await asyncio.to_thread(self._people_set, base)
                to_sign = await asyncio.to_thread(sealed, people, self._key, self._entropy)
            except SetError as error:
                return b"", not_exported(error)
            except PeopleError as error:
                return b"", ExportPeopleReply(reason=str(error))
            return to_sign, exported(people)

    async def history(self, count: int) -> HistoryReply:
        """As `edge.control.desk.Desk` has it."""
        zone = self._daemon.site.policy.timezone
        async with self._bringing:
            try:
                entries = await asyncio.to_thread(self._daemon.people.history, count)
            except PeopleError as error:
                return HistoryReply(timezone=zone, changes=(), reason=str(error))
            return told(entries, zone)

    def _people_set(self, base: int | None) -> PeopleSet:
        people, config = self._daemon.people, self._config
        steps = people.steps(LINE_MAX)
        if base is None:
            return everybody(config.site, config.edge, people.roll, steps)
        return since(config.site, config.edge, people.roll, steps, base)

    async def _sealed(self, plan: ImportPlan) -> Change:
        # One core is left to whoever stands at a keypad.
        return await asyncio.to_thread(seal, plan, PinHasher(), workers=1)

    # --- a badge more ---

    async def issue(self, holder: HolderId, ref: CredentialRef, operator: str) -> None:
        """Give somebody on file one badge more. Raises as `issued` and `remove` do."""
        async with self._bringing:
            change = await asyncio.to_thread(issued, self._daemon.people.roll, holder, ref)
            self._refuse_second()
            await self._bring(change, operator)

    async def change_badges(self, planned: Callable[[Roll], Change], operator: str) -> bool:
        """Bring in force what `planned` makes of who is on file, on a thread; whether the file of
        people is behind. Raises what `planned` does, HinderedError, PeopleError.
        """
        async with self._bringing:
            change = await asyncio.to_thread(planned, self._daemon.people.roll)
            self._refuse_second()
            brought = await self._bring(change, operator)
            return brought and self._unsettled.is_set()

    # --- people taken away ---

    async def remove(self, holders: Sequence[HolderId], operator: str) -> None:
        """Take away those of them who are on file, and leave no byte of anybody who was.

        Raises HinderedError, PeopleError.
        """
        async with self._bringing:
            await self._remove(holders, operator)

    async def _remove(self, holders: Sequence[HolderId], operator: str) -> None:
        people = self._daemon.people
        change = await asyncio.to_thread(removal, people.roll, holders)
        if change:
            self._refuse_second()
            await self._bring(change, operator)
        if self._unsettled.is_set():  # nobody knows them any more, but for the file
            raise HinderedError(BEHIND)
        await asyncio.to_thread(people.compact)

    async def _record_erasures(self, change: Change, operator: str) -> None:
        """Nobody is taken away but by being erased: whoever is gone from a set was, elsewhere."""
        gone = map(self._daemon.people.roll.holders.get, change.holders_removed)
        reason = erased_by_set(change)
        for record in gone:
            if record is None:
                continue
            if self._unwritable():
                raise HinderedError(UNWRITABLE)
            search = await self.erasing.search(record)
            holder = HolderId(record.id)
            await self.erasing.record(holder, search, reason, operator, even_inside=True)
            self.erasing.due.set()

    # --- the one way in ---

    def _refuse_second(self) -> None:
        if self._unsettled.is_set():
            raise HinderedError(WAITING)

    async def _bring(
        self, change: Change, operator: str, policy: CompiledPolicy | None = None
    ) -> bool:
        """Whether there was anything to bring, in force now and recorded; `operator` is empty where
        nobody knows any more. `policy`: what the change was looked at under, None where that does
        not matter.

        Raises HinderedError, PeopleError.
        """
        daemon = self._daemon
        if not change:
            return False
        if self._unwritable():
            raise HinderedError(UNWRITABLE)
        made = Made(
            by=operator[:NAME_CHARS_MAX], edge=self._config.edge, utc_us=daemon.now().utc_us
        )
        directory = await asyncio.to_thread(daemon.people.stage, change, made)
        if policy is not None and daemon.site.policy is not policy:
            await self._drop_staged()
            raise HinderedError(OTHER_POLICY)
        outcome = daemon.judge_directory(directory, operator or None)
        await daemon.recorder.drained()
        if self._unwritable():
            self._unsettled.set()
            raise HinderedError(KEPT, kept=True)
        try:
            await asyncio.to_thread(daemon.people.settle, _seq_of_holders(outcome))
        except PeopleError as error:
            # Everybody knows them and the journal says so: the file alone has to follow.
            log.error("people are recorded and their file cannot be written: %s", error)
            self._unsettled.set()
        return True

    async def _drop_staged(self) -> None:
        """Raises PeopleError; it is tried again then."""
        try:
            await asyncio.to_thread(self._daemon.people.settle, None)
        except PeopleError:
            self._unsettled.set()
            raise

    def _unwritable(self) -> bool:
        return self._daemon.recorder.down

    async def run(self, wait_beyond: Callable[[int], Awaitable[None]]) -> None:
        """Settle what a failing journal or file left staged, until cancelled.

        `wait_beyond`: as in `edge.control.desk.Desk`. Raises JournalClosed: a bug. Whatever else is
        wrong somebody may mend while the edge runs.
        """
        said = ""
        while True:
            await self._unsettled.wait()
            await wait_beyond(self._daemon.site.state.holders_seq - 1)
            try:
                async with self._bringing:
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


def _refused(version: int, why: str, *, kept: bool = False) -> ImportPeopleReply:
    problem = ImportProblem(row=0, column="", message=why)
    return ImportPeopleReply(applied=False, version=version, kept=kept, problems=(problem,))


def _seq_of_holders(outcome: Outcome) -> int:
    return next(e.header.seq for e in outcome.events if isinstance(e.body, HoldersReplaced))
