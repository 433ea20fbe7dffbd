"""What people ask of the running daemon about musters, and the roll with names to it.

Checking off goes on where the journal cannot be written: in a fire people matter more than the
record, and nothing of it opens or locks anything. It is recorded as soon as that can be.
"""

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from controller.body import Body
from controller.events_muster import (
    CheckUndone,
    MusterBegun,
    MusterEnded,
    MusterRefusal,
    MusterRefused,
    PersonCheckedOff,
)
from controller.ids import HolderId
from controller.inputs import Input
from controller.inputs_muster import (
    CheckOffAsked,
    CheckUndoAsked,
    MusterBeginAsked,
    MusterEndAsked,
)
from controller.moment import SECOND_US
from controller.muster import Roll, roll
from controller.state import SiteState
from controller.whereabouts import People
from edge.control.messages_muster import (
    MUSTER_PEOPLE_MAX,
    BeginMuster,
    CheckPerson,
    EndMuster,
    MusterExtra,
    MusterHead,
    MusterPerson,
    MusterReply,
    Step,
    UndoCheck,
)
from edge.control.messages_visits import VisitReply
from edge.daemon import Daemon
from edge.gate_sight import EVERYTHING, Sight
from edge.people.records import HolderRecord
from edge.people.records import Roll as OnFile
from policies.compiled import CompiledPolicy
from policies.rights import ProtectedShown

MEANT_SHOWN_MAX = 8
"""Of those who could be meant: more is no help to whoever stands in the rain."""

INLINE_MAX = 250
"""People whose roll is made in a millisecond or two."""

KEPT_US = 2 * SECOND_US
"""For so long the ages in a roll are good enough, where nobody has gone anywhere."""


async def roll_of(state: SiteState, utc_s: int | None) -> Roll:
    """The roll; of a large house beside the event loop, on which doors wait."""
    if len(state.people.sightings) <= INLINE_MAX:
        return roll(state, utc_s)
    return await asyncio.to_thread(roll, state, utc_s)


class _Made(NamedTuple):
    """A roll, and the people whom it lists: pages of one roll are asked for one after the other."""

    people: People
    until_us: int
    roll: Roll


def _refused(why: MusterRefusal, who: str) -> tuple[str, str]:
    """Reason and remedy. `who`: whom it was about, where it was about somebody."""
    match why:
        case MusterRefusal.RUNS:
            return "a muster goes on already", "`sentrypost muster` shows it"
        case MusterRefusal.NONE:
            return "no muster goes on", "begin one: sentrypost muster begin"
        case MusterRefusal.UNKNOWN:
            again = "try again as soon as the journal can be written"
            return f"{who} is on file and not in force yet", again
        case MusterRefusal.NOT_CHECKED:
            return f"{who} is not checked off", "`sentrypost muster` shows who is"
        case MusterRefusal.PLACE:
            return "a place is named by a-z, 0-9, '-' and '_'", "give it such a name"


class MusterDesk:
    """One daemon's."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._made: _Made | None = None

    async def read(self, begin: int) -> MusterReply:
        """As `edge.control.desk.Desk` has it."""
        daemon, now = self._daemon, self._daemon.now()
        state, made = daemon.site.state, self._made
        if made is None or made.people is not state.people or now.mono_us > made.until_us:
            rolled = await roll_of(state, now.utc_s if now.trusted else None)
            made = self._made = _Made(state.people, now.mono_us + KEPT_US, rolled)
        return page(
            made.roll,
            daemon.people.roll,
            begin,
            utc_s=now.utc_s,
            trusted=now.trusted,
            timezone=daemon.site.policy.timezone,
            running=True,
            policy=daemon.site.policy,
        )

    async def change(self, step: Step, operator: str, sight: Sight = EVERYTHING) -> VisitReply:
        """As `edge.control.desk.Desk` has it."""
        match step:
            case BeginMuster():
                return await self._done(MusterBeginAsked, operator, "begun: nobody is checked off")
            case EndMuster():
                return await self._done(MusterEndAsked, operator, "ended")
            case CheckPerson(person=person) | UndoCheck(person=person):
                hidden = partial(self._hidden, sight)
                found = await asyncio.to_thread(
                    meant, self._daemon.people.roll, self._daemon.site.state, person, hidden
                )
                if isinstance(found, VisitReply):
                    return found
                return await self._person(step, found, operator, hidden=hidden(found))

    def _hidden(self, sight: Sight, record: HolderRecord) -> bool:
        """Whether it is not said to whoever asks who that is, as `edge.control.seen` has it."""
        muster = self._daemon.site.state.people.muster
        shown = sight.protected is ProtectedShown.NAME or (muster is not None and not muster.drill)
        return not shown and _protected(record, self._daemon.site.policy)

    async def _person(
        self, step: CheckPerson | UndoCheck, record: HolderRecord, operator: str, *, hidden: bool
    ) -> VisitReply:
        daemon, holder = self._daemon, HolderId(record.id)
        who = "a protected person" if hidden else f"{record.name} ({record.external_id})"
        by = daemon.personal("operator", operator)
        if isinstance(step, CheckPerson):
            return await self._judged(
                CheckOffAsked(id=daemon.new_id(), holder=holder, where=step.where, operator=by),
                who,
                f"{who} is at {step.where}",
            )
        return await self._judged(
            CheckUndoAsked(id=daemon.new_id(), holder=holder, operator=by),
            who,
            f"{who} is looked for again",
        )

    async def _done(
        self, asked: type[MusterBeginAsked | MusterEndAsked], operator: str, what: str
    ) -> VisitReply:
        daemon = self._daemon
        fact = asked(id=daemon.new_id(), operator=daemon.personal("operator", operator))
        return await self._judged(fact, "", what)

    async def _judged(self, fact: Input, who: str, what: str) -> VisitReply:
        outcome = self._daemon.judge(fact)
        await self._daemon.recorder.drained()
        bodies = [event.body for event in outcome.events if _is_of_muster(event.body)]
        if not bodies:
            return VisitReply(accepted=False, reason="the core did not answer")
        recorded = not self._daemon.recorder.down
        last = bodies[-1]
        if isinstance(last, MusterRefused):
            reason, remedy = _refused(last.why, who)
            return VisitReply(accepted=False, reason=reason, remedy=remedy, recorded=recorded)
        if isinstance(last, MusterEnded):
            what = f"ended: {last.checked} checked off, {last.missing} still missing"
        return VisitReply(accepted=True, reason=what, recorded=recorded)


def _is_of_muster(body: Body) -> bool:
    kinds = MusterBegun | MusterEnded | MusterRefused | PersonCheckedOff | CheckUndone
    return isinstance(body, kinds)


# --- who is meant -------------------------------------------------------------------------------


class _Match(NamedTuple):
    record: HolderRecord
    listed: bool


def meant(
    on_file: OnFile,
    state: SiteState,
    person: str,
    hidden: Callable[[HolderRecord], bool] = lambda _: False,
) -> HolderRecord | VisitReply:
    """Who is meant by an id or a name; why nobody is, where none or several could be. Everybody is
    looked at: beside the event loop. `hidden`: who is not found by a name.

    The id counts first, ours as the integrator's, then the whole name, then a part of it among
    those on the roll.
    """
    record = on_file.named(person) or on_file.holders.get(person)
    if record is not None:
        return record
    asked = person.casefold().split()
    listed = state.people.sightings
    found = [
        _Match(one, HolderId(one.id) in listed)
        for one in on_file.holders.values()
        if all(word in one.name.casefold() for word in asked) and not hidden(one)
    ]
    whole = [one for one in found if one.record.name.casefold().split() == asked]
    for some in (whole, [one for one in found if one.listed], found):
        if len(some) == 1:
            return some[0].record
        if some:
            return _several(person, [one.record for one in some])
    return VisitReply(
        accepted=False,
        reason=f"nobody on file has the id or name '{person}'",
        remedy="give the id that the file of people has",
    )


def _several(person: str, found: list[HolderRecord]) -> VisitReply:
    shown = [f"{one.name} ({one.external_id})" for one in found[:MEANT_SHOWN_MAX]]
    more = f" and {len(found) - len(shown)} more" if len(found) > len(shown) else ""
    return VisitReply(
        accepted=False,
        reason=f"'{person}' could be {', '.join(shown)}{more}",
        remedy="give the id that stands behind the name",
    )


# --- the roll with names ------------------------------------------------------------------------


def page(
    rolled: Roll,
    on_file: OnFile,
    begin: int,
    *,
    utc_s: int,
    trusted: bool,
    timezone: str,
    running: bool,
    policy: CompiledPolicy | None = None,
) -> MusterReply:
    """Some people of a roll, with their names, and what there is to say of all of it. `policy`: by
    which somebody is protected; without one nobody is said to be.
    """
    head = MusterHead(
        seq=rolled.seq,
        utc_s=utc_s,
        clock_trusted=trusted,
        timezone=timezone,
        running=running,
        muster=rolled.muster,
        zones=rolled.zones,
        listed=len(rolled.people),
        missing=rolled.missing,
        unknown=rolled.unknown,
        checked=rolled.checked,
    )
    return MusterReply(
        head=head,
        people=tuple(_people(rolled, on_file, begin, policy)),
        extra=tuple(_extra(rolled, on_file, begin, policy)),
    )


def _protected(record: HolderRecord | None, policy: CompiledPolicy | None) -> bool:
    return record is not None and policy is not None and policy.standing(record.roles).protected


def _people(
    rolled: Roll, on_file: OnFile, begin: int, policy: CompiledPolicy | None
) -> Iterable[MusterPerson]:
    for one in rolled.people[begin : begin + MUSTER_PEOPLE_MAX]:
        record = on_file.holders.get(one.holder)
        host = None if one.host is None else on_file.holders.get(one.host)
        yield MusterPerson(
            listed=one,
            person="" if record is None else record.external_id,
            name="" if record is None else record.name,
            host_name="" if host is None else host.name,
            protected=_protected(record, policy),
            host_protected=_protected(host, policy),
        )


def _extra(
    rolled: Roll, on_file: OnFile, begin: int, policy: CompiledPolicy | None
) -> Iterable[MusterExtra]:
    for one in rolled.extra[begin : begin + MUSTER_PEOPLE_MAX]:
        record = on_file.holders.get(one.holder)
        yield MusterExtra(
            holder=one.holder,
            check=one.check,
            person="" if record is None else record.external_id,
            name="" if record is None else record.name,
            protected=_protected(record, policy),
        )
