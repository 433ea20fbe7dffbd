"""What must hold at every moment of any run, each in a few lines from the design and not from the
code: a checker takes a run and raises AssertionError.

They believe the facts that were fed and the events that were recorded, and judge the wishes.
"""

from collections.abc import Callable, Iterator

from controller import events as ev
from controller import inputs
from controller.effects import (
    AskPin,
    Effect,
    FreeEgress,
    FreeExit,
    LeasePortal,
    ReleasePortal,
    SecurePortal,
)
from controller.events import FireLine
from controller.moment import SECOND_US
from controller.portal import Contact, State
from controller.state import SiteState, apply
from policies.facts import Factor, Mode
from tests.controller import oracles_muster, oracles_people
from tests.controller.hour import Run, Step
from tests.controller.support import (
    COVERS,
    EMERGENCY,
    FIRES_OF,
    FREE_EXITS,
    GUARDS,
    INTERLOCK,
    RELEASED_ON_FIRE,
    SCHEDULED,
    way_in,
    way_out,
)

STRIKE_S = {"mag": 3 + 2}
"""How long a strike may take from the grant to its end, with two seconds to reach the wire."""
STRIKE_S_ELSEWHERE = 5 + 2
PIN_S = 20
UP_AND_DOWN = (ev.EdgeStarted, ev.PolicyActivated)

Checker = Callable[[Run], None]


def covered(state: SiteState, portal: str, version: int) -> bool:
    """Whether a fire is latched for the portal; one the policy no longer has counts for all."""
    return any(
        fire.latched and (name not in FIRES_OF[version] or portal in COVERS[name])
        for name, fire in state.fires.items()
    )


def wished(run: Run, kind: type[Effect]) -> Iterator[tuple[Step, Effect]]:
    return ((step, e) for step in run.steps for e in step.effects if isinstance(e, kind))


def check_entry_is_released_only_where_the_posture_allows(run: Run) -> None:
    """Fire, lockdown and a lost journal keep the way in shut, when wished and at the wire."""
    guards: set[str] = set()
    for step in run.steps:
        for event in step.events:
            body = event.body
            if isinstance(body, ev.DecisionMade) and body.request.holder is not None:
                guards |= {body.attempt} if body.request.holder.id in GUARDS else set()
        standing = [effect for effect, stands in step.standing if stands]
        for effect in (*step.effects, *standing):
            if not isinstance(effect, ReleasePortal):
                continue
            portal, state = effect.portal, step.after
            if effect.direction is not way_in(portal):
                continue
            said = f"{effect} at {step.moment}"
            assert state.ready, said
            assert state.recorded or portal in EMERGENCY, said
            if effect.attempt not in guards:
                assert not covered(state, portal, step.version), said
                fleeing = portal == "refuge" and state.mode in {Mode.LOCKDOWN, Mode.SHELTER}
                assert state.mode is Mode.NORMAL or fleeing, said


def check_only_a_badge_or_a_pin_releases(run: Run) -> None:
    """No link, reader, journal or passing of time ever opens anything but by schedule."""
    for step, effect in wished(run, ReleasePortal):
        assert isinstance(step.fact, inputs.BadgeRead | inputs.PinChecked), effect
    leases = [(step, e) for step in run.steps for e, stands in step.standing if stands]
    for step, effect in leases:
        if not isinstance(effect, LeasePortal):
            continue
        state = step.after
        assert effect.portal in SCHEDULED, effect
        assert state.mode is Mode.NORMAL, effect
        assert state.threat <= 2, effect
        assert step.moment.trusted, effect
        assert state.recorded, effect
        assert state.ready, effect
        assert not covered(state, effect.portal, step.version), effect
    for step, effect in wished(run, FreeExit):
        assert isinstance(step.fact, inputs.BadgeRead | inputs.ExitAsked), effect


def check_fire_frees_every_way_out_at_once(run: Run) -> None:
    """In the step in which fire latches, and first; again at each start for what is stored."""
    for step in run.steps:
        latched = {e.body.fire for e in step.events if isinstance(e.body, ev.FireLatched)}
        if isinstance(step.fact, inputs.Started):
            latched |= {name for name, fire in step.before.fires.items() if fire.latched}
        named = latched & FIRES_OF[step.version]
        must = {p for name in named for p in COVERS[name] if p in RELEASED_ON_FIRE}
        freed = [e.portal for e in step.effects if isinstance(e, FreeEgress)]
        assert must <= set(freed), (must, step.fact)
        for portal in must:
            assert step.after.portals[portal].released, portal
        kinds = [type(e) for e in step.effects if isinstance(e, FreeEgress | SecurePortal)]
        if isinstance(step.fact, inputs.Started) and SecurePortal in kinds:
            assert FreeEgress not in kinds[kinds.index(SecurePortal) :], step.fact


def check_nothing_is_secured_too_early_or_against_a_release(run: Run) -> None:
    for step in run.steps:
        if SecurePortal in map(type, step.effects):
            assert step.after.ready, step.fact
        for effect in step.effects:
            if isinstance(effect, SecurePortal):
                assert not step.after.portals[effect.portal].released, effect
        for effect, stands in step.standing:
            if isinstance(effect, SecurePortal) and stands:
                portal = step.after.portals.get(effect.portal)
                assert portal is None or not portal.released, effect
                assert step.after.ready, effect
            if isinstance(effect, FreeEgress) and effect.portal in step.after.portals:
                assert stands is step.after.portals[effect.portal].released, effect


def check_nothing_is_secured_before_its_fire_inputs_were_read(run: Run) -> None:
    heard: set[str] = set()
    for step in run.steps:
        if isinstance(step.fact, inputs.Started):
            heard.clear()
        if isinstance(step.fact, inputs.PolicyReplaced):
            heard &= FIRES_OF[step.version] & set(step.before.fires)
        if isinstance(step.fact, inputs.FireLineHeard) and step.fact.fire in step.before.fires:
            silent = {FireLine.GONE, FireLine.UNKNOWN}
            heard |= set() if step.fact.line in silent else {step.fact.fire}
        for effect in step.effects:
            if isinstance(effect, SecurePortal):
                for fire in FIRES_OF[step.version]:
                    latched = step.after.fires[fire].latched
                    assert effect.portal not in COVERS[fire] or fire in heard or latched, effect


def check_fire_ends_by_a_person_at_a_normal_line(run: Run) -> None:
    lines: dict[str, FireLine] = {}
    for step in run.steps:
        if isinstance(step.fact, inputs.Started):
            lines.clear()
        if isinstance(step.fact, inputs.FireLineHeard) and step.fact.fire in step.before.fires:
            lines[step.fact.fire] = step.fact.line
        for name, fire in step.before.fires.items():
            if not fire.latched:
                continue
            after = step.after.fires.get(name)
            if after is not None and after.latched:
                continue
            assert isinstance(step.fact, inputs.FireResetAsked), (name, step.fact)
            assert step.fact.fire == name
            gone = name not in FIRES_OF[step.version]
            assert gone or lines.get(name) is FireLine.NORMAL, (name, lines)


def check_silence_of_a_fire_input_is_fire(run: Run) -> None:
    """Half a second after it was told gone, ten seconds after the start without a reading."""
    limit: dict[str, int] = {}
    for step in run.steps:
        now_us, fact = step.moment.mono_us, step.fact
        named = FIRES_OF[step.version]
        if isinstance(fact, inputs.Started):
            limit = dict.fromkeys(named, now_us + 10 * SECOND_US)
        if isinstance(fact, inputs.PolicyReplaced):
            limit = {name: at for name, at in limit.items() if name in named}
            new = named - set(step.before.fires)
            limit |= dict.fromkeys(new, now_us + 10 * SECOND_US)
        if isinstance(fact, inputs.FireLineHeard) and fact.fire in named:
            if fact.line in {FireLine.GONE, FireLine.UNKNOWN}:
                due_us = now_us + SECOND_US // 2
                limit[fact.fire] = min(due_us, limit.get(fact.fire, due_us))
            elif limit.get(fact.fire, now_us + 1) > now_us:
                limit.pop(fact.fire, None)
                if fact.line is not FireLine.NORMAL:
                    assert step.after.fires[fact.fire].latched, fact
        for name in [name for name, at in limit.items() if at <= now_us]:
            assert step.after.fires[name].latched, (name, step.moment)
            del limit[name]


def check_free_ways_out_are_granted(run: Run) -> None:
    for step in run.steps:
        for event in step.events:
            body = event.body
            if not isinstance(body, ev.DecisionMade) or body.direction is not way_out(body.portal):
                continue
            free = body.portal in FREE_EXITS or step.before.mode is Mode.EVACUATE
            if free or covered(step.before, body.portal, step.version):
                known = body.portal in step.after.portals
                assert body.decision.granted or not known, body


def check_an_exit_button_always_frees(run: Run) -> None:
    for step in run.steps:
        fact = step.fact
        if not isinstance(fact, inputs.ExitAsked) or not fact.active:
            continue
        if fact.portal in {"hall", "mag"} and step.before.portals[fact.portal].rex_since_us is None:
            freed = [e for e in step.effects if isinstance(e, FreeEgress | FreeExit)]
            assert [e for e in freed if e.portal == fact.portal and not e.drill], fact


def check_granted_exits_are_never_taken_back(run: Run) -> None:
    """Not aborted, not withdrawn, not locked over, unless the portal stands open in another way."""
    until: dict[str, int] = {}
    for step in run.steps:
        for event in step.events:
            body = event.body
            if isinstance(body, ev.GrantAborted):
                assert body.direction is not way_out(body.portal), body
            if isinstance(body, ev.EgressReleased | ev.PortalLeased | ev.PortalLost):
                until.pop(body.portal, None)
            if isinstance(body, UP_AND_DOWN):
                until.clear()
            if isinstance(body, ev.PortalGranted) and body.after.direction is way_out(body.portal):
                seconds = STRIKE_S.get(body.portal, STRIKE_S_ELSEWHERE)
                until[body.portal] = event.header.mono_us + seconds * SECOND_US
        now_us = step.moment.mono_us
        for effect, stands in step.standing:
            if isinstance(effect, SecurePortal) and now_us < until.get(effect.portal, 0):
                assert not stands, effect
            if isinstance(effect, ReleasePortal) and effect.direction is way_out(effect.portal):
                portal = step.after.portals.get(effect.portal)
                otherwise = portal is None or portal.released or portal.leased
                late = effect.not_after_us is not None and now_us > effect.not_after_us
                assert stands or otherwise or late, effect


def check_no_pulse_ends_a_release(run: Run) -> None:
    for step in run.steps:
        for effect, stands in step.standing:
            known = isinstance(effect, FreeExit | ReleasePortal | LeasePortal)
            if known and stands and effect.portal in step.after.portals:
                assert not step.after.portals[effect.portal].released, effect
        for effect in step.effects:
            if isinstance(effect, FreeExit | ReleasePortal | LeasePortal):
                assert not step.after.portals[effect.portal].released, effect


def check_an_interlock_opens_one_leaf(run: Run) -> None:
    seen: dict[str, Contact] = {}
    strike_until: dict[str, int] = {}
    for step in run.steps:
        fact, now_us = step.fact, step.moment.mono_us
        if isinstance(fact, inputs.Started):
            seen.clear()
            strike_until.clear()
        if isinstance(fact, inputs.ContactRead):
            seen[fact.portal] = fact.contact
        if isinstance(fact, inputs.PortalLinkHeard) and not fact.up:
            seen.pop(fact.portal, None)
        for effect in step.effects:
            if not isinstance(effect, ReleasePortal | FreeExit) or effect.portal not in INTERLOCK:
                continue
            (other,) = INTERLOCK - {effect.portal}
            if isinstance(effect, ReleasePortal) and effect.direction is way_in(effect.portal):
                assert seen.get(other) is Contact.CLOSED, effect
                assert strike_until.get(other, 0) <= now_us, effect
                assert not step.after.portals[other].released, effect
            strike_until[effect.portal] = now_us + STRIKE_S_ELSEWHERE * SECOND_US


def check_effects_have_their_own_id_and_a_cause_on_record(run: Run) -> None:
    ids = [effect.id for step in run.steps for effect in step.effects]
    assert len(ids) == len(set(ids))
    for step in run.steps:
        recorded = {event.header.seq for event in step.events}
        for effect in step.effects:
            assert effect.cause in recorded, effect


def check_deadlines_lie_ahead(run: Run) -> None:
    """Strictly: a deadline that its own moment does not clear would be a loop without end."""
    for step in run.steps:
        assert step.deadline_us is None or step.deadline_us > step.moment.mono_us, step.fact
        for name, portal in step.after.portals.items():
            if portal.state is State.GRANTED:
                assert portal.grant_until_us is not None, name
                assert step.deadline_us is not None, name
                assert step.deadline_us <= portal.grant_until_us, name


def check_grants_end_exactly_once(run: Run) -> None:
    open_grants: dict[str, str] = {}
    for event in run.events:
        body = event.body
        if isinstance(body, UP_AND_DOWN):
            gone = isinstance(body, ev.EdgeStarted)
            kept = {} if gone else {p: a for p, a in open_grants.items() if p in body.portals}
            open_grants = kept
        if isinstance(body, ev.PortalGranted):
            assert body.portal not in open_grants, body
            open_grants[body.portal] = str(body.after.attempt)
        if isinstance(body, ev.PassageMade | ev.GrantUnused | ev.GrantAborted):
            assert open_grants.pop(body.portal, None) == body.attempt, body
    for name, portal in run.states[-1].portals.items():
        assert (portal.direction is not None) == (name in open_grants), name


def check_one_pending_attempt_per_reader_and_its_end(run: Run) -> None:
    for state in run.states:
        for reader, attempt in state.attempts.items():
            assert attempt.reader == reader
        assert len({a.id for a in state.attempts.values()}) == len(state.attempts)


def check_answers_out_of_turn_change_nothing(run: Run) -> None:
    waiting: dict[str, int] = {}
    for step in run.steps:
        fact = step.fact
        if isinstance(fact, inputs.Started):
            waiting.clear()
        if isinstance(fact, inputs.PinChecked):
            asked_us = waiting.pop(fact.question, None)
            late = asked_us is not None and step.moment.mono_us >= asked_us + PIN_S * SECOND_US
            if asked_us is None or late:
                own = [type(e.body) for e in step.events if e.header.cause == fact.id]
                assert own == [ev.AnswerIgnored], fact
                assert not [e for e in step.effects if isinstance(e, ReleasePortal)], fact
        for effect in step.effects:
            if isinstance(effect, AskPin):
                waiting[effect.question] = step.moment.mono_us


def check_factors_asked_for_were_given(run: Run) -> None:
    """Nobody enters the archive on a badge alone, nor anywhere on a factor that failed."""
    for event in run.events:
        body = event.body
        if not isinstance(body, ev.DecisionMade) or not body.decision.granted:
            continue
        if body.direction is way_in(body.portal) and body.portal not in SCHEDULED:
            assert all(shown.passed for shown in body.request.presented), body
            if body.portal == "archive":
                given = {shown.factor for shown in body.request.presented}
                assert given == {Factor.BADGE, Factor.PIN}, body


def check_no_way_in_is_judged_before_the_start_is_settled(run: Run) -> None:
    for step in run.steps:
        if (
            isinstance(step.fact, inputs.BadgeRead)
            and not step.before.ready
            and step.fact.direction is way_in(step.fact.portal)
        ):
            due = [e for e in step.events if e.header.cause == "time"]
            if not any(isinstance(e.body, ev.EdgeReady) for e in due):
                assert not any(isinstance(e.body, ev.DecisionMade) for e in step.events), step.fact


def check_a_stuck_button_is_told_once(run: Run) -> None:
    pressed: dict[str, int] = {}
    for event in run.events:
        body, now_us = event.body, event.header.mono_us
        if isinstance(body, ev.EdgeStarted):
            pressed.clear()
        if isinstance(body, ev.ExitRequested):
            pressed[body.portal] = now_us
        if isinstance(body, ev.ExitLetGo | ev.PortalLost):
            pressed.pop(body.portal, None)
        if isinstance(body, ev.ExitStuck):
            assert now_us >= pressed.pop(body.portal) + 30 * SECOND_US, body
        for portal, since_us in pressed.items():
            due_us = since_us + 30 * SECOND_US
            if isinstance(body, ev.PolicyActivated) and portal not in body.portals:
                pressed = {p: at for p, at in pressed.items() if p in body.portals}
                break
            assert now_us <= due_us or event.header.cause == "time", (portal, body)


def check_a_drill_stays_a_drill_and_nothing_else_becomes_one(run: Run) -> None:
    for step in run.steps:
        for event in step.events:
            own = event.header.cause == step.fact.id
            assert event.header.drill is (step.fact.drill and own), event
        if not step.fact.drill:
            assert not any(effect.drill for effect in step.effects), step.fact


def check_nothing_of_a_person_is_remembered(run: Run) -> None:
    for state in run.states[:: max(1, len(run.states) // 200)]:
        assert "Surname" not in repr(state)
        assert "Secret" not in repr(state)


def check_what_comes_too_late_does_not_stand(run: Run) -> None:
    for step in run.steps:
        for effect, stands in step.standing:
            if effect.not_after_us is not None and step.moment.mono_us > effect.not_after_us:
                assert not stands, effect


def check_only_events_change_the_state(run: Run) -> None:
    for step in run.steps:
        state = step.before
        for event in step.events:
            state = apply(state, event)
        assert state == step.after, step.fact


CHECKERS: dict[str, Checker] = {
    name.removeprefix("check_"): check
    for name, check in sorted((globals() | vars(oracles_people) | vars(oracles_muster)).items())
    if name.startswith("check_")
}
