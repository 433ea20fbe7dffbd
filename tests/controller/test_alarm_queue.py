"""The alarm queue: what raises and ends an alarm, what people may do, and that nothing is lost."""

import os
from typing import TypeVar

import msgspec
import pytest

from controller.alarm import TABLE, Alarm, Signal, State
from controller.alarm_kinds import MAY_END, QUEUE_FULL, RULES, Priority
from controller.alarm_queue import CLOSED_KEPT, OPEN_MAX, Alarms, after_entry, found, ranked
from controller.alarms import ALARMS
from controller.body import Header
from controller.events import KINDS, Body, DeviceSuspected, kind_of
from controller.events_alarms import (
    AlarmAcknowledged,
    AlarmAnswerRefused,
    AlarmAssigned,
    AlarmCause,
    AlarmClosed,
    AlarmNoted,
    AlarmRefusal,
)
from controller.ids import HolderId, InputId, ReaderId
from controller.inputs import DeviceMisbehaved, PersonEraseAsked, ReaderTamperHeard
from controller.inputs_alarms import (
    AlarmAcknowledgeAsked,
    AlarmAssignAsked,
    AlarmCloseAsked,
    AlarmNoteAsked,
)
from controller.ledger import Personal
from controller.portal import Contact
from controller.site import Outcome
from controller.state import restore, snapshot
from tests.controller.hour import run_hour
from tests.controller.oracle_alarms import Book
from tests.controller.support import Rig, calm

T = TypeVar("T")
OPERATOR = Personal("operator", "Officer Smith", "0f" * 16)
TEXT = Personal("text", "the courier, Mr Brown, leant on it", "5a" * 16)


def fresh(rig: Rig) -> InputId:
    return InputId(rig.new_id())


def acknowledges(rig: Rig, alarm: int) -> Outcome:
    return rig.feed(AlarmAcknowledgeAsked(id=fresh(rig), alarm=alarm, operator=OPERATOR))


def assigns(rig: Rig, alarm: int, who: str) -> Outcome:
    holder = HolderId(who)
    fact = AlarmAssignAsked(id=fresh(rig), alarm=alarm, operator=OPERATOR, holder=holder)
    return rig.feed(fact)


def notes(rig: Rig, alarm: int) -> Outcome:
    fact = AlarmNoteAsked(id=fresh(rig), alarm=alarm, operator=OPERATOR, text=TEXT)
    return rig.feed(fact)


def closes(rig: Rig, alarm: int) -> Outcome:
    cause = AlarmCause.FALSE_ALARM
    fact = AlarmCloseAsked(id=fresh(rig), alarm=alarm, operator=OPERATOR, cause=cause)
    return rig.feed(fact)


def misbehaves(rig: Rig, device: str) -> None:
    rig.feed(DeviceMisbehaved(id=fresh(rig), device=device, reason="said what it must not"))


def tampers(rig: Rig, reader: str) -> None:
    rig.feed(ReaderTamperHeard(id=fresh(rig), reader=ReaderId(reader), tampered=True))


def done(outcome: Outcome, kind: type[T]) -> T:
    """The only thing that came of it."""
    (event,) = outcome.events
    assert isinstance(event.body, kind)
    return event.body


def refused(outcome: Outcome) -> AlarmRefusal:
    return done(outcome, AlarmAnswerRefused).why


def only(rig: Rig) -> Alarm:
    (alarm,) = rig.site.state.alarms.open
    return alarm


def forced() -> Rig:
    rig = calm()
    rig.contact("archive", Contact.OPEN)
    return rig


# --- the rules, as they are written --------------------------------------------------------------


def test_the_table_is_the_one_that_is_written_down() -> None:
    """As in docs/operations.md: who has seen what, and whether it is still so."""
    seen = {State.ACKNOWLEDGED, State.IN_HAND}
    for state in set(State) - {State.CLOSED}:
        row = TABLE[state]
        assert row[Signal.REPEATED].target in {State.RAISED, State.HAPPENED}, "seen by nobody"
        moment = state in {State.HAPPENED, State.IN_HAND}
        assert (row[Signal.REPEATED].target is State.HAPPENED) is moment
        assert (row[Signal.ACKNOWLEDGED].refused is AlarmRefusal.ALREADY) is (state in seen)
        closed_by_hand = row[Signal.CLOSED].target is State.CLOSED
        assert closed_by_hand is (state is State.IN_HAND)
        closed_by_end = row[Signal.ENDED].target is State.CLOSED
        assert closed_by_end is (state is State.ACKNOWLEDGED)
    assert TABLE[State.CLEARED][Signal.ACKNOWLEDGED].target is State.CLOSED
    assert all(move.target is None for move in TABLE[State.CLOSED].values())


def test_every_kind_says_what_it_is_about_and_is_known() -> None:
    assert RULES.keys() - {QUEUE_FULL} <= KINDS.keys()
    assert ALARMS.keys() <= RULES.keys()
    for kind, rule in RULES.items():
        assert rule.title, kind
        assert rule.why, kind
    assert {rule.priority for rule in RULES.values()} == set(Priority)


def test_no_kind_that_carries_a_note_of_duress_is_an_alarm() -> None:
    sealed = {
        kind
        for kind, body in KINDS.items()
        if any("note" in name and name != "notes" for name in body.__struct_fields__)
    }
    assert sealed, "there are such kinds"
    assert not sealed & RULES.keys()
    assert "decision-made" not in RULES


def test_whatever_can_end_one_is_looked_at() -> None:
    """A rule that waits for a body that is never shown to it would wait for ever."""
    for kind, body_type in KINDS.items():
        tells_after = "after" in body_type.__struct_fields__
        ends = kind in {"edge-started", "policy-activated", "journal-restored", "lockout-ended"}
        if tells_after and kind.split("-")[0] in {"portal", "point", "fire", "source", "barrier"}:
            assert issubclass(body_type, MAY_END), kind
        if ends:
            assert issubclass(body_type, MAY_END), kind


# --- at a site -----------------------------------------------------------------------------------


def test_what_is_still_so_stays_until_it_is_over_and_was_acknowledged() -> None:
    rig = forced()
    alarm = only(rig)
    assert (alarm.kind, alarm.source, alarm.state) == ("portal-forced", "archive", State.RAISED)
    assert done(acknowledges(rig, alarm.seq), AlarmAcknowledged).alarm == alarm.seq
    assert only(rig).state is State.ACKNOWLEDGED
    assert refused(closes(rig, alarm.seq)) is AlarmRefusal.STILL_SO
    assert only(rig).state is State.ACKNOWLEDGED
    rig.contact("archive", Contact.CLOSED)
    assert rig.site.state.alarms.open == ()
    (closed,) = rig.site.state.alarms.closed
    assert (closed.seq, closed.state) == (alarm.seq, State.CLOSED)


def test_what_is_over_waits_for_somebody_to_see_it() -> None:
    rig = forced()
    rig.contact("archive", Contact.CLOSED)
    alarm = only(rig)
    assert alarm.state is State.CLEARED
    assert alarm.over_utc_us == rig.utc_us
    rig.later(3600)
    assert only(rig).state is State.CLEARED
    assert refused(closes(rig, alarm.seq)) is AlarmRefusal.NOT_ACKNOWLEDGED
    acknowledges(rig, alarm.seq)
    assert rig.site.state.alarms.open == ()
    assert refused(acknowledges(rig, alarm.seq)) is AlarmRefusal.CLOSED


def test_the_same_again_is_counted_and_has_been_seen_by_nobody() -> None:
    rig = forced()
    first = only(rig)
    assigns(rig, first.seq, "h-bob")
    acknowledges(rig, first.seq)
    assert refused(acknowledges(rig, first.seq)) is AlarmRefusal.ALREADY
    rig.contact("archive", Contact.CLOSED)
    assert rig.site.state.alarms.open == ()
    rig.contact("archive", Contact.OPEN)
    second = only(rig)
    assert second.seq > first.seq, "what was closed is another alarm when it happens again"
    rig.contact("archive", Contact.CLOSED)
    rig.later(5)
    rig.contact("archive", Contact.OPEN)
    alarm = only(rig)
    assert (alarm.seq, alarm.count, alarm.state) == (second.seq, 2, State.RAISED)
    assert alarm.last > alarm.seq
    assert alarm.last_utc_us > alarm.utc_us
    assert alarm.over_utc_us is None


def test_a_moment_waits_for_somebody_to_say_what_it_was() -> None:
    rig = calm()
    misbehaves(rig, "reader-7")
    alarm = only(rig)
    assert (alarm.kind, alarm.source, alarm.state) == (
        "device-suspected",
        "reader-7",
        State.HAPPENED,
    )
    acknowledges(rig, alarm.seq)
    assert only(rig).state is State.IN_HAND
    misbehaves(rig, "reader-7")
    assert (only(rig).state, only(rig).count) == (State.HAPPENED, 2)
    assert only(rig).acknowledged is None
    acknowledges(rig, alarm.seq)
    assert done(closes(rig, alarm.seq), AlarmClosed).alarm == alarm.seq
    assert rig.site.state.alarms.open == ()
    (closed,) = rig.site.state.alarms.closed
    assert (closed.cause, closed.count) == (AlarmCause.FALSE_ALARM, 2)


def test_assigned_and_noted_with_who_and_when_and_no_name_in_the_state() -> None:
    rig = forced()
    alarm = only(rig).seq
    assert refused(assigns(rig, alarm, "h-nobody")) is AlarmRefusal.NOBODY
    assert only(rig).assigned is None
    assert done(assigns(rig, alarm, "h-bob"), AlarmAssigned).holder == "h-bob"
    for _ in range(25):
        done(notes(rig, alarm), AlarmNoted)
    seen = only(rig)
    assert (seen.assigned, seen.noted, len(seen.notes)) == ("h-bob", 25, 20)
    assert seen.revision == rig.site.state.seq == seen.notes[-1].entry
    assert b"Brown" not in snapshot(rig.site.state)
    assert b"Smith" not in snapshot(rig.site.state)
    erased = PersonEraseAsked(
        id=fresh(rig),
        holder=HolderId("h-bob"),
        reason="asked for",
        operator=OPERATOR,
        searched=rig.site.state.seq,
        values=(),
        even_inside=False,
    )
    rig.feed(erased)
    assert only(rig).assigned is None, "who is on file no more sees to nothing"


def test_of_what_is_no_alarm_nothing_is_done() -> None:
    rig = forced()
    before = rig.site.state.alarms
    for asked in (acknowledges, closes, notes):
        assert refused(asked(rig, 1)) is AlarmRefusal.UNKNOWN
    assert refused(assigns(rig, 1, "h-bob")) is AlarmRefusal.UNKNOWN
    assert rig.site.state.alarms == before


def test_a_start_keeps_the_queue_and_ends_what_is_told_again() -> None:
    rig = forced()
    tampers(rig, "archive-entry")
    door, reader = rig.site.state.alarms.open
    acknowledges(rig, door.seq)
    kept = restore(snapshot(rig.site.state))
    assert kept == rig.site.state
    rig.start()
    after = {one.seq: one.state for one in rig.site.state.alarms.open}
    assert after[door.seq] is State.ACKNOWLEDGED, "nobody has seen the leaf closed"
    assert after[reader.seq] is State.CLEARED


def test_a_snapshot_from_before_there_was_a_queue_opens() -> None:
    rig = forced()
    fields = msgspec.json.decode(snapshot(rig.site.state))
    assert fields.pop("alarms")["open"]
    old = msgspec.json.encode(fields)
    assert restore(old).alarms == Alarms()
    assert restore(old).portals == rig.site.state.portals


# --- the limits ----------------------------------------------------------------------------------


def told(alarms: Alarms, seq: int, body: Body, *, drill: bool = False) -> Alarms:
    header = Header(
        site="house",
        edge="gate",
        incarnation="0" * 16,
        seq=seq,
        kind=kind_of(type(body)),
        utc_us=seq,
        mono_us=seq,
        clock_trusted=True,
        cause="c",
        drill=drill,
        policy="",
    )
    return after_entry(alarms, header, body)


def suspected(number: int) -> Body:
    return DeviceSuspected(device=f"d{number}", reason="said what it must not")


def test_what_is_open_is_never_dropped_and_what_has_no_room_is_counted() -> None:
    alarms = Alarms()
    for seq in range(1, OPEN_MAX + 1):
        alarms = told(alarms, seq, suspected(seq))
    assert [one.seq for one in alarms.open] == list(range(1, OPEN_MAX + 1))
    for seq in range(OPEN_MAX + 1, OPEN_MAX + 8):
        alarms = told(alarms, seq, suspected(seq))
    assert [one.seq for one in alarms.open][:-1] == list(range(1, OPEN_MAX + 1))
    full = alarms.open[-1]
    assert (full.kind, full.seq, full.count) == (QUEUE_FULL, OPEN_MAX + 1, 7)
    assert ranked(alarms)[0] == full, "whoever looks sees it first"
    alarms = told(alarms, OPEN_MAX + 8, suspected(3))
    again = found(alarms, 3)
    assert again is not None
    assert again.count == 2, "what stands there has its room"


def test_of_closed_ones_the_oldest_go_first() -> None:
    alarms = Alarms()
    who = "0" * 64
    for number in range(CLOSED_KEPT + 3):
        seq = 3 * number + 1
        alarms = told(alarms, seq, suspected(number))
        alarms = told(alarms, seq + 1, AlarmAcknowledged(alarm=seq, operator=who))
        closed = AlarmClosed(alarm=seq, operator=who, cause=AlarmCause.TEST)
        alarms = told(alarms, seq + 2, closed)
    assert alarms.open == ()
    assert [one.seq for one in alarms.closed] == [3 * n + 1 for n in range(3, CLOSED_KEPT + 3)]


def test_a_drill_s_is_never_taken_for_a_real_one() -> None:
    alarms = told(Alarms(), 1, suspected(1), drill=True)
    alarms = told(alarms, 2, suspected(1))
    assert [(one.seq, one.drill, one.count) for one in alarms.open] == [(1, True, 1), (2, False, 1)]
    assert [one.seq for one in ranked(alarms)] == [2, 1]


# --- any order of facts --------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [3, int(os.environ["SENTRYPOST_SEED"])])
def test_in_any_order_of_facts_no_open_alarm_is_lost_and_nobody_s_is_acknowledged(
    seed: int,
) -> None:
    run, book = run_hour(seed, 1_500), Book()
    answers: dict[int, tuple[int, str]] = {}
    for event, state in zip(run.events, run.states, strict=True):
        book.read(event)
        if isinstance(event.body, AlarmAcknowledged):
            answers[event.header.seq] = (event.body.alarm, event.body.operator)
        shown = {one.seq: one for one in state.alarms.open}
        assert shown.keys() == book.open.keys(), event.header
        for seq, page in book.open.items():
            one = shown[seq]
            assert (one.kind, one.source, one.drill) == (page.kind, page.source, page.drill)
            assert (one.count, one.last) == (page.count, page.last)
            assert (one.state in {State.ACKNOWLEDGED, State.IN_HAND}) is page.seen
            assert (one.assigned or "", one.noted) == (page.holder, page.notes)
            if one.acknowledged is not None:
                assert answers[one.acknowledged.entry][0] == seq
                assert one.acknowledged.entry > one.last
    assert any(state.alarms.closed for state in run.states)
    assert len({one.kind for s in run.states[::50] for one in s.alarms.open}) > 4
