"""Mistakes that somebody could make in the core, each with the rule that must find it.

A checker that no mistake makes fail says nothing. `put` plants the mistake.
"""

from collections.abc import Callable
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from controller import (
    asking,
    fires,
    passages,
    portal,
    questions,
    site,
    state,
    state_people,
    verdicts,
    visits,
)
from controller.attempt import Attempt
from controller.attempt import Signal as AttemptSignal
from controller.consents import Consents
from controller.effects import Effect, FreeExit, ReleasePortal, SecurePortal
from controller.events import Body, EdgeStarted, Fire, JournalLost
from controller.holders import Credential
from controller.ids import AttemptId, EffectId, HolderId, PortalId, ReaderId
from controller.inputs import BadgeRead, BoltRead, ConsentEndAsked, JournalFailed, PortalLinkHeard
from controller.inputs_muster import CheckOffAsked
from controller.moment import SECOND_US
from controller.portal import IGNORED, Contact, Signal, State
from controller.site import Site
from controller.state import SiteState
from controller.turn import Turn
from controller.whereabouts import People
from policies.compiled import CompiledPolicy
from policies.facts import Direction, Factor, Screened, ScreeningResult

Patch = pytest.MonkeyPatch


class Plant(NamedTuple):
    name: str
    rule: str
    put: Callable[[Patch], None]


def late_wishes_stand(patch: Patch) -> None:
    honest = Site.stands
    patch.setattr(Site, "stands", lambda self, effect, now_us: honest(self, effect, 0))


def fire_is_not_told(patch: Patch) -> None:
    patch.setattr(questions, "burns_at", lambda turn, portal_id: False)


def everything_is_secured_always(patch: Patch) -> None:
    def secure(turn: Turn, portal_id: PortalId) -> None:
        turn.wish(
            lambda effect_id, cause, drill: SecurePortal(
                id=effect_id, cause=cause, not_after_us=None, drill=drill, portal=portal_id
            )
        )

    patch.setattr(fires, "secure", secure)


def fires_are_secured_unread(patch: Patch) -> None:
    honest = fires.secure

    def secure(turn: Turn, portal_id: PortalId) -> None:
        heard = {name: replace(fire, heard=True) for name, fire in turn.state.fires.items()}
        kept, turn.state = turn.state, replace(turn.state, fires=heard)
        honest(turn, portal_id)
        turn.state = kept

    patch.setattr(fires, "secure", secure)


def a_restart_forgets_the_fire(patch: Patch) -> None:
    honest = state._started

    def started(before: SiteState, body: EdgeStarted, mono_us: int) -> SiteState:
        return honest(replace(before, fires={}), body, mono_us)

    patch.setattr(state, "_started", started)


def a_fire_frees_nothing(patch: Patch) -> None:
    patch.setattr(fires, "free_egress", lambda turn, portal_id: None)


def a_reset_needs_no_normal_line(patch: Patch) -> None:
    def why_not(fire: Fire | None, *, named: bool) -> str | None:
        return None if fire is not None and fire.latched else "not latched"

    patch.setattr(fires, "_why_no_reset", why_not)


def silence_is_peace(patch: Patch) -> None:
    patch.setattr(fires, "GONE_US", 300 * SECOND_US)


def an_aborted_entry_still_stands(patch: Patch) -> None:
    patch.setattr(Site, "_release_stands", lambda self, effect, now_us: True)


def grants_survive_the_journal(patch: Patch) -> None:
    def failed(turn: Turn, fact: JournalFailed) -> None:
        if turn.state.recorded:
            turn.record(JournalLost(reason=fact.reason))

    def stands(self: Site, effect: ReleasePortal, now_us: int) -> bool:
        return self._portal(effect.portal).attempt == effect.attempt

    patch.setitem(site._HANDLERS, JournalFailed, failed)
    patch.setattr(Site, "_release_stands", stands)


def late_answers_count(patch: Patch) -> None:
    patient = asking._WAYS[Factor.PIN]._replace(patience_us=60 * SECOND_US)
    patch.setitem(asking._WAYS, Factor.PIN, patient)


def a_link_found_opens(patch: Patch) -> None:
    honest = site._HANDLERS[PortalLinkHeard]

    def heard(turn: Turn, fact: PortalLinkHeard) -> None:
        honest(turn, fact)
        if fact.up and turn.events:
            turn.wish(
                lambda effect_id, cause, drill: ReleasePortal(
                    id=effect_id,
                    cause=cause,
                    not_after_us=turn.now_us + SECOND_US,
                    drill=drill,
                    portal=fact.portal,
                    direction=Direction.ENTRY,
                    attempt=AttemptId("nobody"),
                    for_ms=1_000,
                )
            )

    patch.setitem(site._HANDLERS, PortalLinkHeard, heard)


def an_interlock_forgets_the_strike(patch: Patch) -> None:
    def clear(state: SiteState, policy: CompiledPolicy, portal_id: PortalId, now_us: int) -> bool:
        partners = policy.interlock_partners(portal_id)
        found = [state.portals[PortalId(partner)] for partner in partners]
        return all(partner.contact is Contact.CLOSED for partner in found)

    patch.setattr(questions, "interlock_clear", clear)


def exit_always_means_out(patch: Patch) -> None:
    patch.setattr(Turn, "leads_out", lambda self, portal_id, direction: direction is Direction.EXIT)


def what_stands_open_stays_open(patch: Patch) -> None:
    honest = verdicts._stands_open

    def open_still(turn: Turn, portal_id: PortalId) -> bool:
        return turn.state.portals[portal_id].leased or honest(turn, portal_id)

    patch.setattr(verdicts, "_stands_open", open_still)


def an_exit_button_waits_for_the_lease(patch: Patch) -> None:
    honest = verdicts._free_exit

    def free(turn: Turn, portal_id: PortalId, rule: object) -> None:
        if not turn.state.portals[portal_id].leased:
            honest(turn, portal_id, rule)  # type: ignore[arg-type]

    patch.setattr(verdicts, "_free_exit", free)


def a_pulse_at_a_released_portal_stands(patch: Patch) -> None:
    honest = Site.stands

    def stands(self: Site, effect: Effect, now_us: int) -> bool:
        return isinstance(effect, FreeExit) or honest(self, effect, now_us)

    patch.setattr(Site, "stands", stands)


def an_open_leaf_holds_a_dead_grant(patch: Patch) -> None:
    patch.setitem(portal.TABLE[State.OPEN], Signal.GRANT_ENDED, IGNORED)


def grants_are_overwritten(patch: Patch) -> None:
    from controller import turn

    patch.setattr(turn, "SUPERSEDING", frozenset())


def ids_are_counted_from_anew(patch: Patch) -> None:
    honest = Turn.wish

    def wish(self: Turn, make: Callable[[EffectId, int, bool], Effect]) -> None:
        honest(self, lambda _, cause, drill: make(EffectId("1.0"), cause, drill))

    patch.setattr(Turn, "wish", wish)


def everything_due_is_a_drill(patch: Patch) -> None:
    honest = Turn.record

    def record(self: Turn, body: Body, *personal: object) -> None:
        self.drill = True
        honest(self, body, *personal)  # type: ignore[arg-type]

    patch.setattr(Turn, "record", record)


def a_bolt_moves_unrecorded(patch: Patch) -> None:
    def moved(turn: Turn, fact: BoltRead) -> None:
        before = turn.state.portals.get(fact.portal)
        if before is not None:
            after = replace(before, bolted=fact.bolted)
            turn.state = replace(turn.state, portals=turn.state.portals | {fact.portal: after})

    patch.setitem(site._HANDLERS, BoltRead, moved)


def cards_are_read_too_early(patch: Patch) -> None:
    honest = passages.on_badge

    def on_badge(turn: Turn, policies: passages.Policies, fact: BadgeRead) -> None:
        turn.state = replace(turn.state, ready=True)
        honest(turn, policies, fact)

    patch.setattr(passages, "on_badge", on_badge)


def a_stuck_button_is_told_at_once(patch: Patch) -> None:
    patch.setattr(portal, "REX_STUCK_US", 5 * SECOND_US)


def attempts_stay_behind(patch: Patch) -> None:
    honest = passages.attempts.move

    def changed(before: Attempt, signal: object) -> Attempt | None:
        after = honest(before, signal)
        return None if after is None else replace(after, reader="elsewhere")

    patch.setattr(passages.attempts, "move", changed)


def a_wrong_pin_will_do(patch: Patch) -> None:
    honest = passages.decide

    def decide(policy: object, request: object) -> object:
        verdict = honest(policy, request)  # type: ignore[arg-type]
        return replace(verdict, granted=verdict.granted or verdict.code in {701, 702})

    patch.setattr(passages, "decide", decide)


def free_exits_ask_who_you_are(patch: Patch) -> None:
    honest = passages.decide

    def decide(policy: object, request: object) -> object:
        verdict = honest(policy, request)  # type: ignore[arg-type]
        return replace(verdict, granted=verdict.granted and verdict.code != 103)

    patch.setattr(passages, "decide", decide)


def the_core_remembers_who_it_was(patch: Patch) -> None:
    honest = passages.abandon

    def abandon(turn: Turn, reader: ReaderId, reason: str, *signal: AttemptSignal) -> None:
        honest(turn, reader, reason, *signal)
        turn.state = replace(turn.state, holders_digest="Surname-of-ann")

    patch.setattr(passages, "abandon", abandon)


def two_cards_are_two_people(patch: Patch) -> None:
    honest = passages._waiting

    def waiting(turn: Turn, read: BadgeRead, credential: Credential | None) -> object:
        if credential is not None:
            credential = replace(credential, holder=HolderId("somebody else"))
        return honest(turn, read, credential)

    patch.setattr(passages, "_waiting", waiting)


def anybody_escorts(patch: Patch) -> None:
    honest = passages.accompanied_by

    def accompanied(*asked: object) -> object:
        return replace(honest(*asked), escorted=True)  # type: ignore[arg-type]

    patch.setattr(passages, "accompanied_by", accompanied)


def nobody_is_followed(patch: Patch) -> None:
    honest = state_people.after_passage

    def after(*asked: object) -> object:
        return replace(honest(*asked), presences={})  # type: ignore[arg-type]

    patch.setattr(state_people, "after_passage", after)


def who_may_have_left_is_looked_for_no_more(patch: Patch) -> None:
    def after(people: People, *_: object) -> People:
        return replace(people, sightings={w: people.sightings[w] for w in people.presences})

    for told in (state, state_people):
        patch.setattr(told, "after_emptied", after)


def a_muster_opens_the_doors(patch: Patch) -> None:
    honest = site._HANDLERS[CheckOffAsked]

    def on_check(turn: Turn, asked: CheckOffAsked) -> None:
        honest(turn, asked)
        turn.wish(
            lambda effect_id, cause, drill: FreeExit(
                id=effect_id,
                cause=cause,
                not_after_us=None,
                drill=drill,
                portal=PortalId("gate"),
                for_ms=1_000,
            )
        )

    patch.setitem(site._HANDLERS, CheckOffAsked, on_check)


def nobody_is_counted(patch: Patch) -> None:
    honest = state_people.after_passage

    def after(*asked: object) -> object:
        return replace(honest(*asked), inside={})  # type: ignore[arg-type]

    patch.setattr(state_people, "after_passage", after)


def whoever_was_looked_at_is_cleared(patch: Patch) -> None:
    honest = questions._screened

    def screened(*asked: object) -> tuple[Screened, ...]:
        cleared = ScreeningResult.CLEARED
        return tuple(Screened(said.station, cleared, 0) for said in honest(*asked))  # type: ignore[arg-type]

    patch.setattr(questions, "_screened", screened)


def nobody_takes_a_consent_away(patch: Patch) -> None:
    patch.setitem(site._HANDLERS, ConsentEndAsked, lambda turn, fact: None)


def a_consent_acts_again(patch: Patch) -> None:
    honest = state.after_ended

    def ended(consents: Consents, holder: HolderId) -> Consents:
        return replace(honest(consents, holder), seen={})

    patch.setattr(state, "after_ended", ended)


def agents_are_not_named(patch: Patch) -> None:
    patch.setattr(visits, "_is_agent", lambda turn, holder: False)


def nobody_overstays(patch: Patch) -> None:
    patch.setattr(visits.Hourglass, "overstayed", lambda self, people, utc_s: [])


PLANTS = [
    Plant(
        "nobody takes a consent away",
        "agents_of_the_host_state_enter_with_a_consent_alone",
        nobody_takes_a_consent_away,
    ),
    Plant(
        "a consent acts again",
        "agents_of_the_host_state_enter_with_a_consent_alone",
        a_consent_acts_again,
    ),
    Plant(
        "agents are not named",
        "a_consent_that_ends_names_its_agent_once",
        agents_are_not_named,
    ),
    Plant("nobody overstays", "who_stays_too_long_is_told_of_once", nobody_overstays),
    Plant(
        "two cards are two people",
        "nobody_enters_alone_where_two_are_needed",
        two_cards_are_two_people,
    ),
    Plant("anybody escorts", "a_visitor_enters_with_his_host", anybody_escorts),
    Plant("nobody is followed", "who_is_inside_does_not_go_in_again", nobody_is_followed),
    Plant("nobody is counted", "no_more_people_than_places", nobody_is_counted),
    Plant(
        "whoever was looked at is cleared",
        "nobody_enters_unscreened_where_it_is_asked_for",
        whoever_was_looked_at_is_cleared,
    ),
    Plant("late wishes stand", "what_comes_too_late_does_not_stand", late_wishes_stand),
    Plant(
        "fire is not told",
        "entry_is_released_only_where_the_posture_allows",
        fire_is_not_told,
    ),
    Plant(
        "everything is secured always",
        "nothing_is_secured_too_early_or_against_a_release",
        everything_is_secured_always,
    ),
    Plant(
        "secured before the fire input was read",
        "nothing_is_secured_before_its_fire_inputs_were_read",
        fires_are_secured_unread,
    ),
    Plant(
        "a restart forgets the fire",
        "fire_ends_by_a_person_at_a_normal_line",
        a_restart_forgets_the_fire,
    ),
    Plant("a fire frees nothing", "fire_frees_every_way_out_at_once", a_fire_frees_nothing),
    Plant(
        "a reset needs no normal line",
        "fire_ends_by_a_person_at_a_normal_line",
        a_reset_needs_no_normal_line,
    ),
    Plant("silence is peace", "silence_of_a_fire_input_is_fire", silence_is_peace),
    Plant(
        "an aborted entry still stands",
        "entry_is_released_only_where_the_posture_allows",
        an_aborted_entry_still_stands,
    ),
    Plant(
        "grants survive the journal",
        "entry_is_released_only_where_the_posture_allows",
        grants_survive_the_journal,
    ),
    Plant("late answers count", "answers_out_of_turn_change_nothing", late_answers_count),
    Plant("a link found opens", "only_a_badge_or_a_pin_releases", a_link_found_opens),
    Plant(
        "an interlock forgets the strike",
        "an_interlock_opens_one_leaf",
        an_interlock_forgets_the_strike,
    ),
    Plant(
        "exit always means out",
        "granted_exits_are_never_taken_back",
        exit_always_means_out,
    ),
    Plant(
        "what stands open stays open",
        "only_a_badge_or_a_pin_releases",
        what_stands_open_stays_open,
    ),
    Plant(
        "an exit button waits for the lease",
        "an_exit_button_always_frees",
        an_exit_button_waits_for_the_lease,
    ),
    Plant(
        "a pulse at a released portal stands",
        "no_pulse_ends_a_release",
        a_pulse_at_a_released_portal_stands,
    ),
    Plant(
        "an open leaf holds a dead grant", "deadlines_lie_ahead", an_open_leaf_holds_a_dead_grant
    ),
    Plant("grants are overwritten", "grants_end_exactly_once", grants_are_overwritten),
    Plant(
        "ids are counted from anew",
        "effects_have_their_own_id_and_a_cause_on_record",
        ids_are_counted_from_anew,
    ),
    Plant(
        "everything due is a drill",
        "a_drill_stays_a_drill_and_nothing_else_becomes_one",
        everything_due_is_a_drill,
    ),
    Plant(
        "a bolt moves unrecorded",
        "only_events_change_the_state",
        a_bolt_moves_unrecorded,
    ),
    Plant(
        "cards are read too early",
        "no_way_in_is_judged_before_the_start_is_settled",
        cards_are_read_too_early,
    ),
    Plant(
        "a stuck button is told at once",
        "a_stuck_button_is_told_once",
        a_stuck_button_is_told_at_once,
    ),
    Plant(
        "attempts stay behind",
        "one_pending_attempt_per_reader_and_its_end",
        attempts_stay_behind,
    ),
    Plant(
        "who may have left is looked for no more",
        "the_roll_lists_whoever_came_in_and_was_not_seen_leaving",
        who_may_have_left_is_looked_for_no_more,
    ),
    Plant(
        "a muster opens the doors",
        "nobody_is_let_in_or_kept_in_by_a_muster",
        a_muster_opens_the_doors,
    ),
    Plant("a wrong PIN will do", "factors_asked_for_were_given", a_wrong_pin_will_do),
    Plant("free exits ask who you are", "free_ways_out_are_granted", free_exits_ask_who_you_are),
    Plant(
        "the core remembers who it was",
        "nothing_of_a_person_is_remembered",
        the_core_remembers_who_it_was,
    ),
]
