"""What is recorded: causes, drills, bounds of what comes from outside."""

from msgspec.structs import replace

from controller.alarm_kinds import RULES, Priority
from controller.certificates import DAY_S
from controller.effects import Effect
from controller.events import (
    URGENT,
    CertificateExpiring,
    ContactFaulted,
    DecisionMade,
    FireLatched,
    GrantUnused,
    JournalDoubted,
    JournalUnsound,
    VisitorCodeMade,
    decode_body,
    decode_entry,
    encode,
    kind_of,
)
from controller.events_barriers import LoopFaulted
from controller.events_cameras import CameraFaulted
from controller.events_devices import ServiceStep
from controller.events_points import PointFaulted, SourceFaulted
from controller.ids import EffectId, HolderId, InputId, ReaderId
from controller.inputs import (
    BadgeUnreadable,
    CertificateRead,
    DeviceMisbehaved,
    EffectEndHeard,
    FireResetAsked,
    JournalDoubtHeard,
    JournalFailed,
    JournalLookedThrough,
    ReaderHeard,
    Stopping,
    VisitorCodeAsked,
)
from controller.inputs_devices import DeviceChangeHeard, DeviceServiceHeard
from controller.ledger import Personal, commitment
from controller.moment import SECOND_US
from policies.codes import Code
from policies.facts import Mode
from policies.whatif import Outcome, Recorded, again
from tests.controller.support import ENTRY, EXIT, POLICY, Rig, calm, of_type

LONG = "x" * 10_000 + "\udc80"


def test_whatever_a_device_says_of_itself_can_be_read_back_from_the_journal() -> None:
    rig = calm()
    operator = Personal("operator", "Officer", "ab" * 16)
    for fact in (
        ReaderHeard(id=InputId("1"), reader=ReaderId("r"), online=True, secure=True, about=LONG),
        ReaderHeard(id=InputId("2"), reader=ReaderId("r"), online=False, secure=True, about=LONG),
        DeviceMisbehaved(id=InputId("3"), device="r", reason=LONG),
        DeviceChangeHeard(id=InputId("9"), device="r", reason=LONG),
        DeviceServiceHeard(
            id=InputId("10"), device="r", step=ServiceStep.PAIRED, detail=LONG, operator=operator
        ),
        BadgeUnreadable(id=InputId("4"), reader=ReaderId("r"), reason=LONG),
        EffectEndHeard(id=InputId("5"), effect=EffectId("1.0"), outcome=LONG),
        FireResetAsked(id=InputId("6"), fire=LONG, operator=operator),
        JournalFailed(id=InputId("7"), reason=LONG),
        Stopping(id=InputId("8"), reason=LONG),
    ):
        for event in rig.feed(fact).events:
            assert decode_body(decode_entry(encode(event))) == event.body


def test_a_code_for_a_visitor_is_on_record_and_changes_nothing() -> None:
    rig = calm()
    before = rig.site.state
    operator = Personal("operator", "Officer", "ab" * 16)
    outcome = rig.feed(
        VisitorCodeAsked(
            id=InputId("1"),
            holder=HolderId("h-vic"),
            valid_from_s=5,
            valid_until_s=9,
            operator=operator,
        )
    )
    (event,) = outcome.events
    assert event.body == VisitorCodeMade(
        holder=HolderId("h-vic"),
        valid_from_s=5,
        valid_until_s=9,
        operator=commitment(operator),
    )
    assert event.personal == (operator,)
    assert outcome.effects == ()
    assert replace(rig.site.state, seq=before.seq) == before


def test_what_falls_due_during_a_drill_is_real() -> None:
    rig = calm()
    rig.badge("gate")
    rig.fire("gone")
    rig.skip(60)
    outcome = rig.posture(Mode.LOCKDOWN, drill=True)
    real = {type(e.body) for e in outcome.events if not e.header.drill}
    assert {FireLatched, GrantUnused} <= real
    freeing = [e for e in outcome.effects if not e.drill]
    assert freeing
    assert all(e.header.cause != "" for e in outcome.events)


def test_every_effect_of_a_drill_is_marked() -> None:
    rig = calm()
    outcome = rig.rex("mag", drill=True)
    assert all(event.header.drill for event in outcome.events)
    assert of_type(Effect, outcome)
    assert all(effect.drill for effect in outcome.effects)


def test_an_input_that_changes_nothing_is_not_recorded() -> None:
    rig: Rig = calm()
    for once_more in (
        lambda: rig.closes("gate"),
        lambda: rig.link("gate"),
        lambda: rig.fire("normal"),
        lambda: rig.posture(Mode.NORMAL),
        lambda: rig.rex("gate", active=False),
        lambda: rig.later(0),
    ):
        outcome = once_more()
        assert outcome.events == ()
        assert outcome.effects == ()


def test_a_refusal_for_many_reasons_still_fits_into_an_entry() -> None:
    # Grants by the hundred that would all have held an hour ago, each with its reason.
    more = "".join(
        f'[[grant]]\nid = "{"g" * 58}-{number:04}"\nroles = ["guest"]\nportals = ["mag"]\n'
        'when = "office"\n'
        for number in range(800)
    )
    rig = calm(POLICY + more)
    for direction in (ENTRY, EXIT):
        outcome = rig.badge("mag", "fay", direction)
        (decision,) = of_type(DecisionMade, outcome)
        recorded = Recorded(1, decision.policy, decision.request, decision.decision)
        comparison = again(rig.site.policy, recorded)
        assert (comparison.outcome, comparison.cut) == (Outcome.SAME, True)
        assert Code.OUT_OF_SCHEDULE in {
            o.code for o in (*decision.decision.objections, *decision.decision.notes)
        }
        for event in outcome.events:
            assert decode_body(decode_entry(encode(event))) == event.body


def test_a_start_remembers_no_reader_until_it_answers() -> None:
    rig = calm()
    reader = ReaderId("gate-entry")
    rig.feed(ReaderHeard(id=InputId("1"), reader=reader, online=True, secure=True, about="v1"))
    assert rig.site.state.readers[reader].secure
    rig.start()
    assert rig.site.state.readers == {}


def test_each_look_at_the_journal_that_finds_something_is_recorded_urgently() -> None:
    rig = calm()
    looked = JournalLookedThrough(id=InputId("1"), findings=2, entry=7, what=LONG)
    for _ in range(2):
        (told,) = of_type(JournalUnsound, rig.feed(looked))
        assert (told.findings, told.entry) == (2, 7)
        assert told.what.startswith("xxx")
    assert kind_of(JournalUnsound) in URGENT


def test_whoever_comes_in_or_is_at_a_device_has_no_minute_to_make_it_unseen() -> None:
    coming_in = {kind for kind, rule in RULES.items() if rule.priority is Priority.INTRUSION}
    cut_or_covered = {
        kind_of(body)
        for body in (ContactFaulted, PointFaulted, SourceFaulted, LoopFaulted, CameraFaulted)
    }
    assert len(coming_in) > 8
    assert coming_in | cut_or_covered <= URGENT


def test_a_certificates_end_is_told_at_each_stage_once_and_never_by_a_doubtful_clock() -> None:
    rig = calm()
    first_s = rig.moment().utc_s + 100 * DAY_S

    def told(days: int, which: str = "edge", until_s: int = first_s) -> list[int]:
        """What is told so many days before `until_s`."""
        rig.utc_us = (until_s - days * DAY_S) * SECOND_US
        fact = CertificateRead(id=InputId("1"), which=which, until_s=until_s)
        outcome = rig.feed(fact)
        return [body.days_left for body in of_type(CertificateExpiring, outcome)]

    days = (40, 31, 30, 29, 8, 7, 5, 1, 0, -3)
    assert [told(one) for one in days] == [[], [], [30], [], [], [7], [], [1], [0], []]
    rig.start()
    assert told(0) == [], "a restart remembers"
    assert told(5, "authority") == [5]
    renewed_s = first_s + 300 * DAY_S
    assert told(3, until_s=renewed_s) == [3], "a renewed one has its own end"
    rig.trusted = False
    assert told(0, until_s=renewed_s) == []


def test_a_doubt_about_the_journal_is_recorded_once_and_outlives_a_restart() -> None:
    rig = calm()
    doubt = JournalDoubtHeard(id=InputId("1"), witnessed=1_200, held=900)
    assert len(of_type(JournalDoubted, rig.feed(doubt))) == 1
    assert not rig.feed(doubt).events
    rig.start()
    assert rig.site.state.doubted
