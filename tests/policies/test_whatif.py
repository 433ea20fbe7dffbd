"""Recorded decisions, made again: by the same policy the same, by another what changes."""

from collections import Counter
from unittest.mock import patch

import msgspec
import pytest

import policies.whatif
from controller.events import Body, DecisionMade, Entry
from policies import Code, CompiledPolicy, Decision, Direction, Mode, Request, decide
from policies.facts import REASONS_MAX, as_recorded
from policies.whatif import Comparison, Outcome, Recorded, again
from simulators.virtual import run
from simulators.virtual.faults import Level
from simulators.virtual.plan import Plan
from simulators.virtual.rule import Rule
from tests.controller.hour import run_hour
from tests.controller.support import POLICY, SECOND_POLICY
from tests.controller.support import compiled as core_policy
from tests.policies.support import IN, OUT, ask, changed, compiled, embassy, vienna

MADE_MIN = 100


class Day(Rule):
    """Everything that a virtual site decided, as it stands on its disk."""

    name = "what-it-decided"

    def __init__(self) -> None:
        self.policy: CompiledPolicy | None = None
        self.recorded_: list[Recorded] = []

    def recorded(self, at_s: float, entry: Entry, body: Body | None) -> None:
        if isinstance(body, DecisionMade):
            made = Recorded(entry.seq, body.policy, body.request, body.decision)
            self.recorded_.append(made)


def forgets_a_note(policy: CompiledPolicy, request: Request) -> Decision:
    decision = decide(policy, request)
    return msgspec.structs.replace(decision, notes=decision.notes[1:])


def forgets_the_time(policy: CompiledPolicy, request: Request) -> Decision:
    return decide(policy, msgspec.structs.replace(request, utc_s=request.utc_s + 43_200))


def forgets_what_was_presented(policy: CompiledPolicy, request: Request) -> Decision:
    return decide(policy, msgspec.structs.replace(request, presented=request.presented[:1]))


MISTAKES = (forgets_a_note, forgets_the_time, forgets_what_was_presented)

MORNINGS = (*[Level.NORMAL] * 4, Level.HEAVY)
"""What goes wrong in each. Where everything does, a fault may come before anybody gives a PIN; and
which faults strike changes with every operation on the disk that somebody adds to the code."""


@pytest.fixture(scope="module")
def day() -> Day:
    """As many mornings at a site of four portals as it takes until each of the mistakes would show
    in what was decided there."""
    seen, rules = Day(), run.door_rules

    def watching(plan: Plan) -> list[Rule]:
        seen.policy = plan.config.policy
        return [*rules(plan), seen]

    with patch.object(run, "door_rules", watching):
        for seed, level in enumerate(MORNINGS, 8):
            options = run.Options(seed=seed, days=0.3, faults=level, portals=4, people=60, hour=6)
            assert run.simulate(options).broken == ""
            if not hidden_mistakes(seen):
                return seen
    raise AssertionError(f"{hidden_mistakes(seen)} would not show in {len(MORNINGS)} mornings")


def hidden_mistakes(day: Day) -> list[str]:
    """Those that change no answer of the day."""
    policy, requests = day.policy, [recorded.request for recorded in day.recorded_]
    assert policy is not None
    right = [decide(policy, request) for request in requests]
    return [
        mistake.__name__
        for mistake in MISTAKES
        if [mistake(policy, request) for request in requests] == right
    ]


def made_again(day: Day, policy: CompiledPolicy | None = None) -> list[Comparison]:
    assert day.policy is not None
    return [again(policy or day.policy, recorded) for recorded in day.recorded_]


def test_the_policy_that_decided_a_day_decides_it_again(day: Day) -> None:
    outcomes = Counter(comparison.outcome for comparison in made_again(day))
    assert outcomes == {Outcome.SAME: len(day.recorded_)}
    assert len(day.recorded_) >= MADE_MIN
    verdicts = Counter(recorded.decision.granted for recorded in day.recorded_)
    assert min(verdicts.values()) > MADE_MIN // 20, "a day of one verdict shows little"
    assert len({recorded.decision.code for recorded in day.recorded_}) >= 5


@pytest.mark.parametrize("seed", range(3))
def test_an_hour_of_the_core_is_decided_again_each_by_its_own_policy(seed: int) -> None:
    by_digest = {one.digest: one for one in map(core_policy, (POLICY, SECOND_POLICY))}
    made = [event for event in run_hour(seed).events if isinstance(event.body, DecisionMade)]
    outcomes = Counter[Outcome]()
    for event in made:
        body = event.body
        assert isinstance(body, DecisionMade)
        recorded = Recorded(event.header.seq, body.policy, body.request, body.decision)
        outcomes[again(by_digest[body.policy], recorded).outcome] += 1
    assert outcomes == {Outcome.SAME: len(made)}
    assert len(made) >= MADE_MIN


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_decide_that_errs_does_not_reproduce_the_day(
    day: Day, mistake: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policies.whatif, "decide", mistake)
    outcomes = {comparison.outcome for comparison in made_again(day)}
    assert outcomes == {Outcome.SAME, Outcome.NOT_REPRODUCED}


# --- under another policy -------------------------------------------------------------------------


def recorded(request: Request, policy: CompiledPolicy | None = None, seq: int = 1) -> Recorded:
    by = policy or embassy()
    return Recorded(seq, by.digest, request, decide(by, request))


def outcome(policy: CompiledPolicy, request: Request) -> Outcome:
    return again(policy, recorded(request)).outcome


def test_what_opens_what_shuts_and_what_is_refused_otherwise() -> None:
    stricter = compiled(changed("threat-max = 3", "threat-max = 2"))
    looser = compiled(changed("threat-max = 3", "threat-max = 4"))
    at_3 = ask("staff-door", IN, "local-staff", "badge+pin", threat=3)
    at_4 = ask("staff-door", IN, "local-staff", "badge+pin", threat=4)
    assert outcome(stricter, at_3) is Outcome.SHUTS
    assert outcome(looser, at_3) is Outcome.SAME
    assert outcome(looser, ask("main-gate", IN, "local-staff", threat=4)) is Outcome.OPENS
    assert outcome(looser, at_4) is Outcome.OTHERWISE  # clearance alone stands before it now
    now = again(looser, recorded(at_4)).now
    assert now is not None
    assert now.code is Code.THREAT_LEVEL


def test_factors_that_are_missing_otherwise_are_a_difference() -> None:
    other = compiled(changed('3 = "badge+pin" }', '3 = "badge+pin+guard" }'))
    request = ask("staff-door", IN, "staff", threat=3)
    assert outcome(other, request) is Outcome.OTHERWISE


def test_lines_that_moved_are_no_difference() -> None:
    moved = compiled("# one more line\n" + changed("version  = 1", "version  = 2"))
    for request in (
        ask("archive-door", IN, "diplomat", "badge"),
        ask("main-gate", IN, "visitor"),
        ask("main-gate", IN, "guard", mode=Mode.LOCKDOWN),
    ):
        assert outcome(moved, request) is Outcome.SAME


def test_a_portal_that_is_gone_cannot_be_compared() -> None:
    gone = compiled(changed("[portal.archive-door]", "[portal.vault-door]"))
    comparison = again(gone, recorded(ask("archive-door", OUT, "diplomat")))
    assert (comparison.outcome, comparison.now) == (Outcome.INCOMPARABLE, None)
    assert comparison.why == "the policy has no portal archive-door"
    unknown = Request(
        portal="cellar",
        direction=Direction.ENTRY,
        utc_s=1,
        clock_trusted=True,
        credential=ask("main-gate", IN, "staff").credential,
        holder=None,
    )
    assert outcome(gone, unknown) is Outcome.SAME  # neither of them has it


MANY = REASONS_MAX + 6


def many_grants(role: str = "guest", count: int = MANY) -> CompiledPolicy:
    """As many rules as give more reasons at night than a record holds."""
    return compiled(
        POLICY
        + "".join(
            f'[[grant]]\nid = "g{number}"\nroles = ["{role}"]\nportals = ["mag"]\nwhen = "office"\n'
            for number in range(count)
        )
    )


def at_night(policy: CompiledPolicy, way: Direction = IN, *, duress: bool = False) -> Recorded:
    """A guest's decision as it stands in the journal."""
    night = ask("mag", way, "guest", utc_s=vienna("2026-11-20 23:00"), duress=duress)
    return Recorded(1, policy.digest, night, as_recorded(decide(policy, night)))


@pytest.mark.parametrize("duress", [False, True])
@pytest.mark.parametrize("direction", Direction)
def test_what_was_recorded_of_many_reasons_is_reproduced(
    direction: Direction, duress: bool
) -> None:
    policy = many_grants()
    made = at_night(policy, direction, duress=duress)
    full = decide(policy, made.request)
    assert len(full.objections) + len(full.notes) > REASONS_MAX
    assert len(made.decision.objections) + len(made.decision.notes) <= REASONS_MAX + 1 + duress
    assert (Code.NOTE_DURESS in {note.code for note in made.decision.notes}) is duress
    comparison = again(policy, made)
    assert (comparison.outcome, comparison.cut) == (Outcome.SAME, True)
    assert again(embassy(), recorded(ask("main-gate", IN, "staff"))).cut is False


def test_many_reasons_are_no_excuse_for_another_answer() -> None:
    policy = many_grants()
    made = at_night(policy)
    objections = made.decision.objections
    for other in (objections[1:], objections[:-1], objections[::-1]):
        false = msgspec.structs.replace(made.decision, objections=other)
        comparison = again(policy, msgspec.structs.replace(made, decision=false))
        assert comparison.outcome is Outcome.NOT_REPRODUCED


def test_another_policy_says_where_reasons_were_cut_off() -> None:
    """One answer alone may be cut: the comparison has to say so in both cases."""
    many, few = many_grants(), many_grants(count=3)
    for was, now in ((many, few), (few, many)):
        comparison = again(now, at_night(was))
        assert (comparison.outcome, comparison.cut) == (Outcome.SAME, True)
    assert not again(many_grants(count=4), at_night(few)).cut


def test_the_same_policy_and_another_answer_is_told_as_such() -> None:
    true = recorded(ask("main-gate", IN, "staff"))
    false = msgspec.structs.replace(true, decision=Decision(False, Code.NO_GRANT))
    assert again(embassy(), false).outcome is Outcome.NOT_REPRODUCED
    elsewhere = msgspec.structs.replace(false, policy="another")
    assert again(embassy(), elsewhere).outcome is Outcome.OPENS
