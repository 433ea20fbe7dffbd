"""What people ask of the running daemon about alarms, and the queue with words and names to it.

The queue is shown as the core has it, also where the journal cannot be written: an alarm must be
seen then most of all. What people do about one is refused meanwhile, because nobody could be asked
about it later.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from typing import NamedTuple

from controller.alarm import Alarm, Said
from controller.alarm_kinds import SourceKind, rule_of
from controller.alarm_queue import Alarms, found, ranked, unseen
from controller.events_alarms import AlarmAnswer as Answered
from controller.events_alarms import AlarmAnswerRefused, AlarmRefusal
from controller.ids import HolderId
from controller.inputs import Input
from controller.inputs_alarms import (
    AlarmAcknowledgeAsked,
    AlarmAssignAsked,
    AlarmCloseAsked,
    AlarmNoteAsked,
)
from edge.alarm_words import AlarmWordError, signed_word
from edge.config import Config
from edge.control.messages_alarms import (
    ALARMS_SHOWN_MAX,
    Acknowledge,
    AddNote,
    AlarmPerson,
    AlarmReply,
    AlarmSaid,
    AlarmShown,
    AlarmsReply,
    AnswerAlarm,
    Assign,
    Close,
    ReadAlarms,
)
from edge.daemon import Daemon
from edge.gate_sight import EVERYTHING, Guard, Sight
from edge.present_alarms import REFUSALS
from edge.signatures import SignatureError
from policies.rights import ProtectedShown

LOOK_S = 0.5
"""How late a change is told at most. It is looked for by comparing two references."""

VALUES_BYTES_MAX = 64 * 1024
"""One entry with the values beside it."""

_REMEDIES = {
    AlarmRefusal.UNKNOWN: "`sentrypost alarm list` has those that are open",
    AlarmRefusal.CLOSED: "`sentrypost alarm show` says who closed it, and as what",
    AlarmRefusal.ALREADY: "`sentrypost alarm show` says who",
    AlarmRefusal.TOLD_AGAIN: "look at it as it is now",
    AlarmRefusal.NOT_ACKNOWLEDGED: "acknowledge it first",
    AlarmRefusal.STILL_SO: "it closes by itself as soon as that is over",
    AlarmRefusal.NOBODY: "give the id that the file of people has",
}


class _Beside(NamedTuple):
    """Who did something, and what he said to it: of one entry."""

    who: str = ""
    text: str = ""


class AlarmDesk:
    """One daemon's."""

    def __init__(self, daemon: Daemon, config: Config) -> None:
        self._daemon = daemon
        self._config = config
        self._values: dict[int, _Beside] = {}
        self._erased = 0

    async def read(self, asked: ReadAlarms, guard: Guard) -> AlarmsReply:
        """As `edge.control.desk_alarms.AlarmsAsked` has it."""
        alarms = self._daemon.site.state.alarms
        chosen = ranked(alarms)
        if not asked.open_only:
            chosen += reversed(alarms.closed)
        page = chosen[asked.begin : asked.begin + ALARMS_SHOWN_MAX]
        shown = await self._shown(page, guard.sight)
        return self._reply(alarms, shown, begin=asked.begin, total=len(chosen))

    async def follow(self, guard: Guard) -> AsyncGenerator[AlarmsReply, None]:
        """As `edge.control.desk_alarms.AlarmsAsked` has it."""
        alarms = self._daemon.site.state.alarms
        told = self._marks(alarms)
        chosen = ranked(alarms)
        for begin in range(0, max(1, len(chosen)), ALARMS_SHOWN_MAX):
            shown = await self._shown(chosen[begin : begin + ALARMS_SHOWN_MAX], guard.sight)
            yield self._reply(alarms, shown, begin=begin, total=len(chosen))
        while True:
            await asyncio.sleep(LOOK_S)
            alarms = self._daemon.site.state.alarms
            marks = self._marks(alarms)
            if marks == told:
                continue
            known = set(marks.items()) - set(told.items())
            changed = [one for one in _kept(alarms) if (one.seq, marks[one.seq]) in known]
            for begin in range(0, len(changed), ALARMS_SHOWN_MAX):
                shown = await self._shown(changed[begin : begin + ALARMS_SHOWN_MAX], guard.sight)
                yield self._reply(alarms, shown, changes=True)
            told = marks

    async def answer(self, asked: AnswerAlarm, guard: Guard) -> AlarmReply:
        """As `edge.control.desk_alarms.AlarmsAsked` has it."""
        daemon = self._daemon
        if daemon.recorder.down:
            reason = "the journal cannot be written; it would not be on record"
            return AlarmReply(accepted=False, reason=reason, remedy="see to it, and tell it later")
        fact = self._fact(asked, guard.operator)
        if fact is None:
            return AlarmReply(
                accepted=False,
                reason=REFUSALS[AlarmRefusal.NOBODY],
                remedy=_REMEDIES[AlarmRefusal.NOBODY],
            )
        outcome = daemon.judge(fact)
        await daemon.recorder.drained()
        recorded = not daemon.recorder.down
        alarm = found(daemon.site.state.alarms, asked.alarm)
        shown = None if alarm is None else (await self._shown([alarm], guard.sight))[0]
        for event in outcome.events:
            if isinstance(event.body, AlarmAnswerRefused):
                why = event.body.why
                return AlarmReply(
                    accepted=False,
                    reason=REFUSALS[why],
                    remedy=_REMEDIES[why],
                    recorded=recorded,
                    alarm=shown,
                )
            if isinstance(event.body, Answered):
                return AlarmReply(accepted=True, recorded=recorded, alarm=shown)
        return AlarmReply(accepted=False, reason="the edge stops", remedy="tell it later")

    async def take(self, envelope: bytes) -> AlarmReply:
        """As `edge.requests.TakesAlarms` has it."""
        config = self._config
        origin = self._daemon.site.origin
        try:
            word, people = await asyncio.to_thread(
                signed_word, envelope, config.keys, config.site, config.edge, origin.incarnation
            )
        except (AlarmWordError, SignatureError) as error:
            return AlarmReply(accepted=False, reason=str(error), remedy=error.remedy)
        step = Acknowledge(reason=word.reason, last=word.last)
        by = f"{word.by}, by " if word.by else ""
        guard = Guard(f"{by}{', '.join(people)}, over the wire", None, EVERYTHING)
        return await self.answer(AnswerAlarm(alarm=word.alarm, step=step), guard)

    def _fact(self, asked: AnswerAlarm, operator: str) -> Input | None:
        """What the core is asked; None where nobody on file is meant."""
        daemon = self._daemon
        new, who = daemon.new_id(), daemon.personal("operator", operator)
        match asked.step:
            case Acknowledge(reason=reason, last=last):
                said = daemon.personal("reason", reason) if reason.strip() else None
                return AlarmAcknowledgeAsked(
                    id=new, alarm=asked.alarm, operator=who, reason=said, last=last
                )
            case Assign(person=person):
                record = daemon.people.roll.named(person)
                if record is None:
                    return None
                holder = HolderId(record.id)
                return AlarmAssignAsked(id=new, alarm=asked.alarm, operator=who, holder=holder)
            case AddNote(text=text):
                written = daemon.personal("text", text)
                return AlarmNoteAsked(id=new, alarm=asked.alarm, operator=who, text=written)
            case Close(cause=cause):
                return AlarmCloseAsked(id=new, alarm=asked.alarm, operator=who, cause=cause)

    # --- words and names ---

    def _marks(self, alarms: Alarms) -> dict[int, tuple[int, bool]]:
        """Of each kept alarm what it was told as: its revision, and whether that is on disk, where
        the names beside it are found.
        """
        last = self._daemon.writer.last_seq
        return {one.seq: (one.revision, one.revision <= last) for one in _kept(alarms)}

    def _reply(
        self,
        alarms: Alarms,
        shown: Sequence[AlarmShown],
        *,
        begin: int = 0,
        total: int = 0,
        changes: bool = False,
    ) -> AlarmsReply:
        site = self._daemon.site
        return AlarmsReply(
            incarnation=site.origin.incarnation,
            seq=site.state.seq,
            utc_us=self._daemon.now().utc_us,
            timezone=site.policy.timezone,
            opened=len(alarms.open),
            unseen=unseen(alarms),
            begin=begin,
            total=total,
            changes=changes,
            alarms=tuple(shown),
        )

    async def _shown(self, alarms: Sequence[Alarm], sight: Sight) -> list[AlarmShown]:
        if sight.people:
            await self._look_up(alarms)
        return [self._one(alarm, sight) for alarm in alarms]

    def _one(self, alarm: Alarm, sight: Sight) -> AlarmShown:
        rule = rule_of(alarm.kind)
        source, name = self._named(rule.about, alarm.source, sight)
        return AlarmShown(
            alarm=alarm.seq,
            revision=alarm.revision,
            kind=alarm.kind,
            title=rule.title,
            priority=rule.priority,
            why=rule.why,
            source_kind=rule.about,
            source=source,
            name=name,
            drill=alarm.drill,
            state=alarm.state,
            count=alarm.count,
            first_utc_us=alarm.utc_us,
            first_trusted=alarm.trusted,
            last=alarm.last,
            last_utc_us=alarm.last_utc_us,
            over_utc_us=alarm.over_utc_us,
            acknowledged=self._said(alarm.acknowledged, sight),
            assigned=self._assigned(alarm.assigned, sight),
            notes=tuple(self._notes(alarm.notes, sight)),
            noted=alarm.noted,
            closed=self._said(alarm.closing, sight),
            cause=alarm.cause,
        )

    def _named(self, about: SourceKind, source: str, sight: Sight) -> tuple[str, str]:
        """The source's id, and what people call it."""
        policy = self._daemon.site.policy
        match about:
            case SourceKind.PORTAL:
                rule = policy.portal(source)
                return source, "" if rule is None else rule.name
            case SourceKind.POINT:
                point = policy.points.get(source)
                return source, "" if point is None else point.name
            case SourceKind.PERSON:
                return self._person(source, sight)
            case _:
                return source, ""

    def _person(self, source: str, sight: Sight) -> tuple[str, str]:
        """Nobody whom the session may not see."""
        record = self._daemon.people.roll.holders.get(HolderId(source))
        if not sight.people:
            return "", ""
        roles = () if record is None else record.roles
        if self._daemon.site.policy.standing(roles).protected:
            if sight.protected is ProtectedShown.HIDDEN:
                return "", ""
            if sight.protected is ProtectedShown.STATUS:
                return source, ""
        return source, "" if record is None else record.name

    def _assigned(self, holder: HolderId | None, sight: Sight) -> AlarmPerson | None:
        if holder is None:
            return None
        record = self._daemon.people.roll.holders.get(holder)
        if record is None or not sight.people:
            return AlarmPerson(holder=holder)
        return AlarmPerson(holder=holder, person=record.external_id, name=record.name)

    def _said(self, said: Said | None, sight: Sight) -> AlarmSaid | None:
        if said is None:
            return None
        beside = self._values.get(said.entry, _Beside()) if sight.people else _Beside()
        return AlarmSaid(who=beside.who, utc_us=said.utc_us, text=beside.text)

    def _notes(self, notes: Iterable[Said], sight: Sight) -> Iterator[AlarmSaid]:
        for one in notes:
            said = self._said(one, sight)
            assert said is not None
            yield said

    async def _look_up(self, alarms: Iterable[Alarm]) -> None:
        """Read the values beside the entries that these alarms speak of; each once, until somebody
        is erased.
        """
        state = self._daemon.site.state
        if state.erasure_seq != self._erased:
            self._values, self._erased = {}, state.erasure_seq
        last = self._daemon.writer.last_seq
        kept = {entry for one in _kept(state.alarms) for entry in _entries(one)}
        self._values = {entry: said for entry, said in self._values.items() if entry in kept}
        wanted = {entry for one in alarms for entry in _entries(one) if entry <= last}
        for entry in sorted(wanted - self._values.keys()):
            stored = await self._daemon.writer.read(entry, 1, VALUES_BYTES_MAX, kept=True)
            values = {
                one.field: one.value
                for record in stored
                if record.seq == entry
                for one in record.personal
            }
            text = values.get("text", values.get("reason", ""))
            self._values[entry] = _Beside(values.get("operator", ""), text)


def _kept(alarms: Alarms) -> tuple[Alarm, ...]:
    return (*alarms.open, *alarms.closed)


def _entries(alarm: Alarm) -> Iterator[int]:
    for said in (alarm.acknowledged, alarm.closing, *alarm.notes):
        if said is not None:
            yield said.entry
