"""Central's operators, and central as the place where they sign in (`edge.signins.premises`).

Who may what is looked up anew at every request: who was removed, or lost a right, has lost it at
once. What happens goes into central's own record, and what cannot go there is not done.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping

import msgspec

from central.operator_events import OperatorPut, OperatorRemoved
from central.operator_record import OperatorRecord
from central.operator_store import Operator, OperatorsError, OperatorStore
from central.operator_words import DisplayName, OperatorName, OperatorRight
from controller.events_signins import (
    How,
    SessionBegan,
    SessionEnd,
    SessionEnded,
    SessionUnlocked,
    SignInChange,
    SignInChanged,
    SignInRefused,
)
from controller.ids import HolderId
from controller.inputs import PinOutcome
from controller.ledger import commitment
from controller.moment import Moment
from edge.journal import JournalFailed
from edge.people import Checked
from edge.signins.premises import Known, OnFile

OPERATORS_MAX = 500

FIRST_START = "first start"
"""Who has put the first operator: nobody is there yet who could be it."""

BAD_NAME = "an id has 1 to 64 of a-z, 0-9, dot, line and underscore, a letter or digit first"
BAD_DISPLAY = "a name has 1 to 200 signs"

log = logging.getLogger(__name__)


class NoOperatorError(Exception):
    """The operators stay as they are. `remedy` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(message)


class Operators:
    """One central's. Every change raises NoOperatorError, OperatorsError, JournalError."""

    site = "central"
    edge = ""
    timezone = "UTC"
    administrates: str = OperatorRight.OPERATORS
    give_right = "let somebody who may change the operators give it: `central operator change`"

    def __init__(
        self,
        store: OperatorStore,
        record: OperatorRecord,
        moment: Callable[[], Moment],
        entropy: Callable[[int], bytes],
    ) -> None:
        """Reads the file. Raises OperatorsError."""
        self._store, self.record = store, record
        self._moment, self._entropy = moment, entropy
        self._turn = asyncio.Lock()
        self._by_id = {HolderId(one.id): one for one in store.operators()}

    @property
    def incarnation(self) -> str:
        return self.record.incarnation

    def now(self) -> Moment:
        return self._moment()

    # --- who is there ---

    def all(self) -> list[Operator]:
        """By what they are called."""
        return sorted(self._by_id.values(), key=lambda one: one.external_id)

    def called(self, operator: str) -> Operator | None:
        return next((one for one in self._by_id.values() if one.external_id == operator), None)

    def known(self, holder: HolderId) -> Known | None:
        one = self._by_id.get(holder)
        if one is None or not one.rights:
            return None
        return Known(holder, one, frozenset(one.rights))

    def on_file(self, holder: HolderId) -> OnFile | None:
        return self._by_id.get(holder)

    async def named(self, person: str) -> OnFile | None:
        return self.called(person)

    async def everybody(self) -> Mapping[str, HolderId]:
        return {one.external_id: holder for holder, one in self._by_id.items()}

    def has_terminal(self, _name: str) -> bool:
        return False

    def has_pin(self, _holder: HolderId) -> bool:
        return False

    async def check_pin(self, _holder: HolderId, _terminal: str, _pin: str) -> Checked:
        """Operators have none."""
        return Checked(PinOutcome.WRONG, "")

    def may_administrate(self, record: OnFile) -> bool:
        one = self._by_id.get(HolderId(record.id))
        return one is not None and OperatorRight.OPERATORS in one.rights

    # --- who they are ---

    async def put_first(self, person: str, name: str) -> str:
        try:
            await self.add(person, name, tuple(OperatorRight), FIRST_START)
        except NoOperatorError as error:
            return str(error)
        except OperatorsError as error:
            log.error("%s", error)
            return "the disk of central does not take it"
        return ""

    async def add(
        self, operator: str, name: str, rights: tuple[OperatorRight, ...], by: str
    ) -> Operator:
        """Somebody new."""
        async with self._turn:
            if self.called(operator) is not None:
                raise NoOperatorError(f"there is an operator {operator} already", "change that one")
            if len(self._by_id) >= OPERATORS_MAX:
                raise NoOperatorError(f"there are {OPERATORS_MAX} operators", "remove one first")
            made = Operator(
                id=self._entropy(8).hex(),
                external_id=_fit(operator, OperatorName, BAD_NAME),
                name=_fit(name.strip(), DisplayName, BAD_DISPLAY),
                rights=_ordered(rights),
                since_us=self.now().utc_us,
            )
            await self._put(made, by)
            return made

    async def change(
        self, operator: str, name: str, rights: tuple[OperatorRight, ...], by: str
    ) -> Operator:
        """Another name, or other rights."""
        async with self._turn:
            one = self._present(operator)
            if OperatorRight.OPERATORS not in rights:
                self._refuse_last(one)
            changed = msgspec.structs.replace(
                one, name=_fit(name.strip(), DisplayName, BAD_DISPLAY), rights=_ordered(rights)
            )
            await self._put(changed, by)
            return changed

    async def remove(self, operator: str, by: str) -> Operator:
        """No operator any more, from here on."""
        async with self._turn:
            one = self._present(operator)
            self._refuse_last(one)
            said = self.record.personal("by", by)
            removed = OperatorRemoved(holder=HolderId(one.id), by=commitment(said))
            self.record.put(removed, said)
            await self.record.recorded()
            await asyncio.to_thread(self._store.remove, one)
            del self._by_id[HolderId(one.id)]
            return one

    def removable(self, one: Operator) -> bool:
        """Whether there is somebody else who may say who the operators are."""
        return OperatorRight.OPERATORS not in one.rights or any(
            OperatorRight.OPERATORS in other.rights
            for other in self._by_id.values()
            if other.id != one.id
        )

    async def _put(self, one: Operator, by: str) -> None:
        personal = self.record.personal
        operator, name = personal("operator", one.external_id), personal("name", one.name)
        said = personal("by", by)
        put = OperatorPut(
            holder=HolderId(one.id),
            operator=commitment(operator),
            name=commitment(name),
            rights=one.rights,
            by=commitment(said),
        )
        self.record.put(put, operator, name, said)
        await self.record.recorded()
        await asyncio.to_thread(self._store.put, one)
        self._by_id[HolderId(one.id)] = one

    def _present(self, operator: str) -> Operator:
        one = self.called(operator)
        if one is None:
            raise NoOperatorError(
                f"there is no operator {operator[:64]}",
                "`sentrypost central operator list` names them",
            )
        return one

    def _refuse_last(self, one: Operator) -> None:
        if not self.removable(one):
            raise NoOperatorError(
                f"{one.external_id} is the last who may say who the operators are",
                "give somebody else the right first",
            )

    # --- on record ---

    def began(
        self, session: str, holder: HolderId, how: How, terminal: str, note: str = ""
    ) -> None:
        began = SessionBegan(session=session, holder=holder, how=how, terminal=terminal, note=note)
        self.record.put(began)

    def unlocked(
        self, session: str, holder: HolderId, how: How, terminal: str, note: str = ""
    ) -> None:
        self.record.put(
            SessionUnlocked(session=session, holder=holder, how=how, terminal=terminal, note=note)
        )

    def ended(self, session: str, holder: HolderId, why: SessionEnd, operator: str = "") -> None:
        said = self.record.personal("operator", operator) if operator else None
        whose = None if said is None else commitment(said)
        over = SessionEnded(session=session, holder=holder, why=why, operator=whose)
        try:
            self.record.put(over, *(() if said is None else (said,)))
        except JournalFailed as error:
            log.error("that a session is over is not on record: %s", error)  # it is, all the same

    def refused(self, how: How, holder: HolderId | None, terminal: str, tries: int) -> None:
        try:
            self.record.put(SignInRefused(how=how, holder=holder, terminal=terminal, tries=tries))
        except JournalFailed as error:
            log.error("that somebody could not sign in is not on record: %s", error)

    def changed(self, holder: HolderId, change: SignInChange, operator: str = "") -> None:
        said = self.record.personal("operator", operator) if operator else None
        whose = None if said is None else commitment(said)
        made = SignInChanged(holder=holder, change=change, operator=whose)
        self.record.put(made, *(() if said is None else (said,)))

    async def recorded(self) -> None:
        await self.record.recorded()


def _ordered(rights: tuple[OperatorRight, ...]) -> tuple[OperatorRight, ...]:
    return tuple(one for one in OperatorRight if one in rights)


def _fit(said: str, kind: object, why: str) -> str:
    try:
        return str(msgspec.convert(said, kind))
    except msgspec.ValidationError:
        raise NoOperatorError(why, "choose another") from None
