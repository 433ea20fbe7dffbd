"""An edge as the place where people sign in: who may use its pages is looked up anew at every
request, by file and policy, and what happens goes through its core onto its record.
"""

import asyncio
import csv
import io
from collections.abc import Awaitable, Callable, Mapping

from controller.company import in_good_standing
from controller.events_signins import How, SessionEnd, SignInChange, TerminalChange
from controller.ids import AttemptId, HolderId, ReaderId
from controller.inputs_signins import (
    SessionEnding,
    SignInChanging,
    SignInFailed,
    SignInHeard,
    TerminalChanging,
    UnlockHeard,
)
from controller.ledger import Personal
from controller.moment import Moment
from edge.config import Config
from edge.control.messages import ImportPeopleReply
from edge.daemon import Daemon
from edge.duress import Occasion
from edge.people import Checked, PinCheck
from edge.people.records import HolderRecord, Roll
from edge.signins.premises import Known, OnFile
from policies.compiled import CompiledPolicy
from policies.rights import Right

NOBODY = HolderId("0" * 16)
"""Whose PIN is checked where nobody is known, so that it takes as long."""

OPERATOR = "first start"
"""Under which name the first administrator is put on file: nobody is there yet who could be it."""

NO_ROLE = "the policy gives nobody the right to say who signs in"

ImportPeople = Callable[[bytes, str, bool], Awaitable[ImportPeopleReply]]


class EdgePremises:
    """One edge, as `edge.signins.premises.Premises`."""

    give_right = "choose another id, or give the role by `sentrypost person import`"

    def __init__(
        self,
        daemon: Daemon,
        config: Config,
        pins: PinCheck,
        entropy: Callable[[int], bytes],
        import_people: ImportPeople,
    ) -> None:
        self.daemon, self.config = daemon, config
        self._pins = pins
        self._entropy = entropy
        self._import = import_people
        self._of: tuple[Roll, CompiledPolicy] | None = None
        self._ids: dict[str, HolderId] = {}

    @property
    def site(self) -> str:
        return self.config.site

    @property
    def edge(self) -> str:
        return self.config.edge

    @property
    def timezone(self) -> str:
        return self.daemon.site.policy.timezone

    @property
    def incarnation(self) -> str:
        return self.daemon.writer.incarnation

    @property
    def administrates(self) -> str:
        return Right.PEOPLE if Right.PEOPLE in self.daemon.site.policy.pages else ""

    def now(self) -> Moment:
        return self.daemon.now()

    # --- who is there ---

    def known(self, holder: HolderId) -> Known | None:
        """Who was suspended is unknown at once."""
        record = self.on_file(holder)
        facts = self.daemon.site.directory.holders.get(holder)
        policy = self.daemon.site.policy
        if record is None or facts is None:
            return None
        rights = policy.page_rights(facts.facts.roles)
        if not rights or not in_good_standing(policy, facts.facts, self.now()):
            return None
        return Known(holder, record, rights)

    def on_file(self, holder: HolderId) -> HolderRecord | None:
        return self.daemon.people.roll.holders.get(holder)

    async def named(self, person: str) -> HolderRecord | None:
        # All are looked through: beside the event loop.
        return await asyncio.to_thread(self.daemon.people.roll.named, person)

    async def everybody(self) -> Mapping[str, HolderId]:
        """Who has a right by his roles. All of them are looked through where people or policy are
        others than before: beside the event loop.
        """
        now = (self.daemon.people.roll, self.daemon.site.policy)
        if self._of is None or any(a is not b for a, b in zip(self._of, now, strict=True)):
            self._ids = await asyncio.to_thread(_named, *now)
            self._of = now
        return self._ids

    def has_terminal(self, name: str) -> bool:
        return name in self.config.terminals

    def has_pin(self, holder: HolderId) -> bool:
        return holder in self.daemon.people.roll.pins

    async def check_pin(self, holder: HolderId, terminal: str, pin: str) -> Checked:
        occasion = Occasion(
            self.site,
            ReaderId(terminal),
            holder,
            AttemptId(self._entropy(8).hex()),
            self.now().utc_us,
        )
        return await self._pins.check(occasion, pin)

    def may_administrate(self, record: OnFile) -> bool:
        return Right.PEOPLE in self.daemon.site.policy.page_rights(record.roles)

    async def put_first(self, person: str, name: str) -> str:
        rule = self.daemon.site.policy.pages.get(Right.PEOPLE)
        if rule is None:
            return NO_ROLE
        done = await self._import(_table(person, name, min(rule.roles)), OPERATOR, False)
        if done.applied:
            return ""
        return done.problems[0].message if done.problems else "it was not taken"

    # --- on record ---

    def began(
        self, session: str, holder: HolderId, how: How, terminal: str, note: str = ""
    ) -> None:
        heard = SignInHeard(
            id=self.daemon.new_id(),
            session=session,
            holder=holder,
            how=how,
            terminal=terminal,
            note=note,
        )
        self.daemon.judge(heard)

    def unlocked(
        self, session: str, holder: HolderId, how: How, terminal: str, note: str = ""
    ) -> None:
        heard = UnlockHeard(
            id=self.daemon.new_id(),
            session=session,
            holder=holder,
            how=how,
            terminal=terminal,
            note=note,
        )
        self.daemon.judge(heard)

    def ended(self, session: str, holder: HolderId, why: SessionEnd, operator: str = "") -> None:
        ending = SessionEnding(
            id=self.daemon.new_id(),
            session=session,
            holder=holder,
            why=why,
            operator=self._personal(operator),
        )
        self.daemon.judge(ending)

    def refused(self, how: How, holder: HolderId | None, terminal: str, tries: int) -> None:
        failed = SignInFailed(
            id=self.daemon.new_id(), how=how, holder=holder, terminal=terminal, tries=tries
        )
        self.daemon.judge(failed)

    def changed(self, holder: HolderId, change: SignInChange, operator: str = "") -> None:
        changing = SignInChanging(
            id=self.daemon.new_id(),
            holder=holder,
            change=change,
            operator=self._personal(operator),
        )
        self.daemon.judge(changing)

    def terminal(self, terminal: str, change: TerminalChange, operator: str) -> None:
        """Which browser is a terminal is about to change."""
        changing = TerminalChanging(
            id=self.daemon.new_id(),
            terminal=terminal,
            change=change,
            operator=self.daemon.personal("operator", operator),
        )
        self.daemon.judge(changing)

    async def recorded(self) -> None:
        await self.daemon.recorder.drained()

    def _personal(self, operator: str) -> Personal | None:
        return self.daemon.personal("operator", operator) if operator else None


def _named(roll: Roll, policy: CompiledPolicy) -> dict[str, HolderId]:
    if not policy.pages:
        return {}
    return {
        one.external_id: HolderId(one.id)
        for one in roll.holders.values()
        if policy.page_rights(one.roles)
    }


def _table(person: str, name: str, role: str) -> bytes:
    """One row, as `sentrypost person import` takes it."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(("id", "name", "roles"))
    rows.writerow((person, name, role))
    return text.getvalue().encode()
