"""What people ask of the running daemon about visits: announced, signed in and out, extended.

People are named by the integrator's ids; whoever asks is the operator in the record. The core has
each visit and ends what was given for it at once. Here the file of people follows.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from controller.events_visits import (
    Given,
    VisitBody,
    VisitEnded,
    VisitExpected,
    VisitExtended,
    VisitId,
    VisitorGiven,
    VisitorSignedIn,
    VisitorSignedOut,
)
from controller.ids import HolderId
from controller.inputs import Input, VisitorCodeAsked
from controller.inputs_visits import (
    ExtensionAsked,
    GivingAsked,
    PresenceTold,
    SignInAsked,
    SignOutAsked,
    VisitAsked,
    VisitBadgeGone,
    VisitCancelAsked,
)
from controller.moment import SECOND_US
from controller.visit import State
from controller.visitors import (
    Refusal,
    why_not_cancelled,
    why_not_expected,
    why_not_extended,
    why_not_given,
    why_not_host,
    why_not_signed_in,
    why_not_signed_out,
    why_not_then,
    why_not_told,
)
from edge.control.messages_visitors import (
    VISITS_SHOWN_MAX,
    CancelVisit,
    CorrectPresence,
    ExpectVisitor,
    ExtendVisit,
    GiveVisitorCode,
    NewVisitor,
    ReadVisits,
    SignInVisitor,
    SignOutVisitor,
    VisitorReply,
    VisitsReply,
)
from edge.control.messages_visits import VisitReply
from edge.daemon import Daemon
from edge.documents import in_words
from edge.journal import JournalClosed
from edge.people import PeopleError, Roll
from edge.people.badges import BadgeChangeError
from edge.people.cells import CellError, read_name
from edge.people.records import Change, HolderRecord
from edge.people_desk import HinderedError, PeopleDesk
from edge.present import local
from edge.visit_shown import visit_shown, visits_of_day
from edge.visitor_gifts import Gift, Gifts, NotDoneError, giving, with_person, without
from edge.visitor_words import NOBODY, REFUSED

AGAIN_S = 2.0
"""Between tries to take badges off the file, on a disk that has just failed."""

AGAIN = "`sentrypost visitor print` makes another code, as soon as the file can be written"

log = logging.getLogger(__name__)


class VisitorDesk:
    """One daemon's."""

    def __init__(self, daemon: Daemon, people: PeopleDesk, gifts: Gifts) -> None:
        self._daemon = daemon
        self._people = people
        self.gifts = gifts

    # --- what is asked ---

    async def expect(self, asked: ExpectVisitor, operator: str) -> VisitorReply:
        """As `edge.control.desk_visitors.Visitors` has it."""
        try:
            return await self._expect(asked, operator)
        except NotDoneError as error:
            return VisitorReply(accepted=False, reason=str(error), remedy=error.remedy)

    async def _expect(self, asked: ExpectVisitor, operator: str) -> VisitorReply:
        daemon, site = self._daemon, self._daemon.site
        now, visit = daemon.now(), self.gifts.fresh()
        from_s = now.utc_s if asked.from_s is None else asked.from_s
        host = HolderId((await self._on_file(asked.host)).id)
        _refuse(
            why_not_host(site.policy, site.directory, now, host)
            or why_not_then(now, from_s, asked.until_s)
        )
        if daemon.recorder.down:
            _refuse(Refusal.UNWRITABLE)
        if isinstance(asked.visitor, NewVisitor):
            record = self._new_person(asked.visitor, visit)
        else:
            record = await self._on_file(asked.visitor)
        fact = VisitAsked(
            id=daemon.new_id(),
            visit=visit,
            holder=HolderId(record.id),
            host=host,
            from_s=from_s,
            until_s=asked.until_s,
            purpose=daemon.personal("purpose", asked.purpose),
            organisation=daemon.personal("organisation", asked.organisation)
            if asked.organisation
            else None,
            operator=daemon.personal("operator", operator),
        )
        fresh = isinstance(asked.visitor, NewVisitor)
        if not fresh or not asked.dry_run:
            if fresh:
                await self._bring(partial(with_person, record=record), operator)
            state, directory = site.state, site.directory
            _refuse(why_not_expected(state, site.policy, directory, daemon.now(), fact))
        until = local(asked.until_s * SECOND_US, site.policy.zone)
        what = f"'{record.external_id}' is expected until {until}"
        if asked.dry_run:
            return VisitorReply(accepted=True, reason=f"{what}: would be", recorded=False)
        return await self._judged(fact, VisitExpected, what)

    async def sign_in(self, asked: SignInVisitor, operator: str) -> VisitorReply:
        """As `edge.control.desk_visitors.Visitors` has it."""
        daemon, state = self._daemon, self._daemon.site.state
        try:
            _refuse(why_not_signed_in(state, daemon.now(), asked.visit))
            record = self._visitor(asked.visit)
            gift = self.gifts.drawn(
                asked.given, asked.badge, daemon.now(), state.visits[asked.visit].closes_s
            )
            await self._try_out(record, gift)
        except NotDoneError as error:
            return VisitorReply(accepted=False, reason=str(error), remedy=error.remedy)
        self._record_code(record, gift, state.visits[asked.visit].closes_s, operator)
        fact = SignInAsked(
            id=daemon.new_id(),
            visit=asked.visit,
            given=gift.given,
            credential=gift.credential,
            document=daemon.personal("document", in_words(asked.document, asked.country)),
            operator=daemon.personal("operator", operator),
        )
        done = await self._judged(fact, VisitorSignedIn, f"'{record.external_id}' is signed in")
        return await self._given(done, asked.visit, record, gift, operator)

    async def give_code(self, asked: GiveVisitorCode, operator: str) -> VisitorReply:
        """As `edge.control.desk_visitors.Visitors` has it."""
        daemon, state = self._daemon, self._daemon.site.state
        try:
            _refuse(why_not_given(state, asked.visit))
            record = self._visitor(asked.visit)
            gift = self.gifts.drawn(
                Given.CODE, "", daemon.now(), state.visits[asked.visit].closes_s
            )
            await self._try_out(record, gift)
        except NotDoneError as error:
            return VisitorReply(accepted=False, reason=str(error), remedy=error.remedy)
        self._record_code(record, gift, state.visits[asked.visit].closes_s, operator)
        fact = GivingAsked(
            id=daemon.new_id(),
            visit=asked.visit,
            given=gift.given,
            credential=gift.credential,
            operator=daemon.personal("operator", operator),
        )
        done = await self._judged(fact, VisitorGiven, f"'{record.external_id}' has another code")
        return await self._given(done, asked.visit, record, gift, operator)

    async def sign_out(self, asked: SignOutVisitor, operator: str) -> VisitorReply:
        """As `edge.control.desk_visitors.Visitors` has it."""
        why = why_not_signed_out(self._daemon.site.state, asked.visit)
        if why is not None:
            return _refused(why)
        by = self._daemon.personal("operator", operator)
        fact = SignOutAsked(id=self._daemon.new_id(), visit=asked.visit, operator=by)
        done = await self._judged(fact, VisitorSignedOut, "signed out")
        if done.shown is not None and done.shown.state is State.LEAVING:
            where = done.shown.zone or "inside"
            lack = f"by the doors the visitor is in {where} still, and is waited for"
            remedy = "see the visitor out, or say how he left: `sentrypost visitor left`"
            return VisitorReply(
                accepted=True,
                reason=done.reason,
                lack=lack,
                remedy=remedy,
                recorded=done.recorded,
                shown=done.shown,
                timezone=done.timezone,
            )
        return done

    async def extend(self, asked: ExtendVisit, operator: str) -> VisitorReply:
        """As `edge.control.desk_visitors.Visitors` has it."""
        daemon = self._daemon
        why = why_not_extended(daemon.site.state, daemon.now(), asked.visit, asked.until_s)
        if why is not None:
            return _refused(why)
        fact = ExtensionAsked(
            id=daemon.new_id(),
            visit=asked.visit,
            until_s=asked.until_s,
            word=asked.word,
            operator=daemon.personal("operator", operator),
        )
        until = local(asked.until_s * SECOND_US, daemon.site.policy.zone)
        return await self._judged(fact, VisitExtended, f"it goes on until {until}")

    async def cancel(self, asked: CancelVisit, operator: str) -> VisitorReply:
        """As `edge.control.desk_visitors.Visitors` has it."""
        why = why_not_cancelled(self._daemon.site.state, asked.visit)
        if why is not None:
            return _refused(why)
        by = self._daemon.personal("operator", operator)
        fact = VisitCancelAsked(id=self._daemon.new_id(), visit=asked.visit, operator=by)
        return await self._judged(fact, VisitEnded, "nobody is expected any more")

    async def read(self, asked: ReadVisits) -> VisitsReply:
        """As `edge.control.desk_visitors.Visitors` has it."""
        daemon, policy, now = self._daemon, self._daemon.site.policy, self._daemon.now()
        try:
            found = visits_of_day(daemon.site.state.visits, asked.day, policy.zone)
        except ValueError:
            found = []  # there is no such day, and so no visit on it
        some = found[asked.begin : asked.begin + VISITS_SHOWN_MAX]
        shown = [await visit_shown(daemon, name, one) for name, one in some]
        return VisitsReply(
            timezone=policy.timezone,
            utc_s=now.utc_s,
            clock_trusted=now.trusted,
            total=len(found),
            visits=tuple(shown),
        )

    async def correct(self, asked: CorrectPresence, operator: str) -> VisitReply:
        """As `edge.control.desk_visitors.Visitors` has it. It is taken without a journal too: in a
        fire people matter more than the record, and nothing opens or locks by it.
        """
        daemon = self._daemon
        try:
            record = await self._on_file(asked.person)
            fact = PresenceTold(
                id=daemon.new_id(),
                holder=HolderId(record.id),
                where=asked.where,
                inside=asked.inside,
                reason=daemon.personal("reason", asked.reason),
                operator=daemon.personal("operator", operator),
            )
            _refuse(why_not_told(daemon.site.directory, fact))
        except NotDoneError as error:
            return VisitReply(accepted=False, reason=str(error), remedy=error.remedy)
        daemon.judge(fact)
        await daemon.recorder.drained()
        where = f"is in {asked.where}" if asked.inside else f"has left by {asked.where}"
        what = f"'{asked.person}' {where}, by your word"
        return VisitReply(accepted=True, reason=what, recorded=not daemon.recorder.down)

    # --- the file follows ---

    async def run(self, wait_beyond: Callable[[int], Awaitable[None]]) -> None:
        """Take what was given for visits that are over off the file of people, until cancelled.
        `wait_beyond`: as in `edge.control.desk.Desk`. Raises JournalClosed: a bug.

        The core lets nobody in by it from the end on: this makes room for the next visitor.
        """
        looked, said = None, ""
        while True:
            state = self._daemon.site.state
            if state.visits is looked:
                await wait_beyond(state.seq)
                continue
            try:
                await self._take_back()
                looked, said = state.visits, ""
            except JournalClosed:
                raise
            except (HinderedError, PeopleError) as error:
                if str(error) != said:
                    said = str(error)
                    log.error("badges of visits that are over stay on file until: %s", error)
                await asyncio.sleep(AGAIN_S)

    async def _take_back(self) -> None:
        for name, visit in sorted(self._daemon.site.state.visits.items()):
            if visit.state is not State.ENDED or visit.returned:
                continue
            await self._people.change_badges(partial(without, gone=visit.credentials), "")
            self._daemon.judge(VisitBadgeGone(id=self._daemon.new_id(), visit=name))

    # --- pieces ---

    async def _on_file(self, person: str) -> HolderRecord:
        record = await asyncio.to_thread(self._daemon.people.roll.named, person)
        if record is None:
            raise NotDoneError(f"nobody on file has the id '{person}'", NOBODY)
        return record

    def _visitor(self, visit: VisitId) -> HolderRecord:
        holder = self._daemon.site.state.visits[visit].holder
        record = self._daemon.people.roll.holders.get(holder)
        if record is None:
            raise NotDoneError(*REFUSED[Refusal.VISITOR_UNKNOWN])
        return record

    def _new_person(self, new: NewVisitor, visit: VisitId) -> HolderRecord:
        roles = sorted(
            name for name, rule in self._daemon.site.policy.roles.items() if rule.visitor
        )
        role = new.role or (roles[0] if len(roles) == 1 else "")
        if role not in roles:
            named = ", ".join(roles) or "none"
            what = f"'{role}' is no visitor's role" if role else "the policy has several roles"
            raise NotDoneError(what, f"say which: {named}")
        try:
            name = read_name(new.name.strip())
        except CellError as error:
            raise NotDoneError(f"the name: {error}", error.hint or "type it again") from None
        return HolderRecord(
            id=self.gifts.fresh(), external_id=f"visitor-{visit}", name=name, roles=(role,)
        )

    async def _try_out(self, record: HolderRecord, gift: Gift) -> None:
        """What cannot be is not recorded as given."""
        if gift.ref is not None:
            await self._planned(giving, record, gift, ())

    async def _planned(
        self,
        make: Callable[[Roll, HolderRecord, Gift, tuple[str, ...]], Change],
        record: HolderRecord,
        gift: Gift,
        before: tuple[str, ...],
    ) -> None:
        try:
            await asyncio.to_thread(make, self._daemon.people.roll, record, gift, before)
        except BadgeChangeError as error:
            raise NotDoneError(str(error), error.remedy) from None

    def _record_code(self, record: HolderRecord, gift: Gift, closes_s: int, operator: str) -> None:
        if gift.given is not Given.CODE:
            return
        daemon = self._daemon
        daemon.judge(
            VisitorCodeAsked(
                id=daemon.new_id(),
                holder=HolderId(record.id),
                valid_from_s=daemon.now().utc_s,
                valid_until_s=closes_s,
                operator=daemon.personal("operator", operator),
            )
        )

    async def _judged(self, fact: Input, kind: type[VisitBody], what: str) -> VisitorReply:
        """Let the core judge it; `kind`: the event by which it holds."""
        daemon = self._daemon
        outcome = daemon.judge(fact)
        made = [event.body for event in outcome.events if isinstance(event.body, kind)]
        await daemon.recorder.drained()
        if not made:
            return VisitorReply(
                accepted=False,
                reason="something else has happened to it in this moment",
                remedy="look at it again: `sentrypost visitor list`",
            )
        name = made[0].visit
        visit = daemon.site.state.visits.get(name)
        return VisitorReply(
            accepted=True,
            reason=what,
            recorded=not daemon.recorder.down,
            shown=None if visit is None else await visit_shown(daemon, name, visit),
            timezone=daemon.site.policy.timezone,
        )

    async def _given(
        self, done: VisitorReply, visit: VisitId, record: HolderRecord, gift: Gift, operator: str
    ) -> VisitorReply:
        """The visit is on record; now the file has what was given, and the code is told."""
        if not done.accepted or gift.ref is None:
            return done
        before = tuple(self._daemon.site.state.visits[visit].credentials[:-1])
        lack = ""
        try:
            await self._bring(partial(giving, record=record, gift=gift, before=before), operator)
        except NotDoneError as error:
            lack = f"nothing that opens could be given: {error}"
        return VisitorReply(
            accepted=True,
            reason=done.reason,
            lack=lack,
            remedy=AGAIN if lack else "",
            recorded=done.recorded,
            shown=done.shown,
            code="" if lack else gift.text,
            timezone=done.timezone,
        )

    async def _bring(self, planned: Callable[[Roll], Change], operator: str) -> None:
        """In force when this returns. Raises NotDoneError."""
        try:
            await self._people.change_badges(planned, operator)
        except BadgeChangeError as error:
            raise NotDoneError(str(error), error.remedy) from None
        except (HinderedError, PeopleError) as error:
            raise NotDoneError(str(error), "try again later") from None


def _refuse(why: Refusal | None) -> None:
    if why is not None:
        raise NotDoneError(*REFUSED[why])


def _refused(why: Refusal) -> VisitorReply:
    reason, remedy = REFUSED[why]
    return VisitorReply(accepted=False, reason=reason, remedy=remedy)
