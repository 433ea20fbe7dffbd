"""Mistakes that somebody could make with orders, postures and arrival. Each is found by the second
reading, on the seed that is named: a siege that agrees in spite of one of them says nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from controller import acceptance, arrival, entitled, fires, order_ends, posture, questions, state
from controller.arrival import Action, Answer
from controller.ids import OrderId, PortalId
from controller.orders import InForce, Order, Orders
from controller.posture import Here
from controller.turn import Turn
from policies.compiled import CompiledPolicy, Passage, ZoneRule

Patch = pytest.MonkeyPatch


class Plant(NamedTuple):
    name: str
    seed: int
    put: Callable[[Patch], None]


def a_lift_lifts_everything(patch: Patch) -> None:
    honest = acceptance.ended_by

    def ended(orders: Orders, ending: Order) -> list[OrderId]:
        found = honest(orders, ending)
        postures = acceptance.POSTURES
        more = [one for one, f in orders.in_force.items() if f.order.kind in postures]
        return more if found and ending.kind.value == "lift" else found

    patch.setattr(acceptance, "ended_by", ended)


def what_was_ended_acts_again(patch: Patch) -> None:
    patch.setattr(acceptance, "is_over", lambda orders, order: False)


def an_end_of_drills_ends_what_is_real(patch: Patch) -> None:
    honest = acceptance.is_over
    patch.setattr(
        acceptance, "is_over", lambda orders, order: honest(orders, replace(order, drill=True))
    )


def numbers_act_twice(patch: Patch) -> None:
    patch.setattr(acceptance, "why_not_counted", lambda orders, order, trusted: None)


def one_person_lifts(patch: Patch) -> None:
    patch.setattr(entitled, "TWO_PEOPLE", frozenset())


def zones_inside_are_forgotten(patch: Patch) -> None:
    def in_scope(one: InForce, zone: ZoneRule) -> bool:
        return zone.id in one.order.zones if one.order.zones else zone.kind.value != "public"

    patch.setattr(posture, "in_scope", in_scope)


def an_evacuation_ends_at_the_next_door(patch: Patch) -> None:
    honest = posture.freed_by

    def freed(one: InForce, policy: CompiledPolicy) -> frozenset[str]:
        out = [p for p in policy.passages.values() if p.way_out]
        near = {p.portal.id for p in out if posture.in_scope(one, p.source)}
        return honest(one, policy) & near

    patch.setattr(posture, "freed_by", freed)


def a_late_evacuation_frees(patch: Patch) -> None:
    patch.setattr(acceptance, "_is_late", lambda turn, order: False)


def every_drill_moves(patch: Patch) -> None:
    patch.setattr(InForce, "acts", property(lambda self: True))


def a_hold_outlives_what_ends_it(patch: Patch) -> None:
    patch.setattr(order_ends, "OF_THE_MOMENT", frozenset())


def a_restart_lifts(patch: Patch) -> None:
    honest = state.after_restart
    patch.setattr(state, "after_restart", lambda orders: replace(honest(orders), in_force={}))


def a_restart_forgets_what_was_used(patch: Patch) -> None:
    honest = state.after_restart
    patch.setattr(state, "after_restart", lambda orders: replace(honest(orders), counters={}))


def only_the_strongest_has_to_be_overcome(patch: Patch) -> None:
    honest = questions.here

    def here(orders: Orders, policy: CompiledPolicy, passage: Passage) -> Here:
        found = honest(orders, policy, passage)
        return found._replace(shut_by=found.shut_by and found.shut_by[:1])

    patch.setattr(questions, "here", here)


def the_last_level_counts(patch: Patch) -> None:
    def threat(acting: Iterable[InForce], zone: ZoneRule) -> int:
        raised = [one.order.level or 1 for one in acting if posture.in_scope(one, zone)]
        return min(raised, default=1)

    patch.setattr(posture, "_threat", threat)


def an_old_answer_counts(patch: Patch) -> None:
    honest = state.after_answer

    def after(
        answers: Mapping[PortalId, Answer], portal: PortalId, action: Action, cause: int
    ) -> dict[PortalId, Answer]:
        return honest(answers, portal, action, cause + 1_000)

    patch.setattr(state, "after_answer", after)


def a_door_that_went_away_has_obeyed(patch: Patch) -> None:
    patch.setattr(state, "after_lost", lambda answers, portal: dict(answers))


def an_open_leaf_has_obeyed(patch: Patch) -> None:
    patch.setattr(arrival, "OBEYED", arrival.OBEYED | {arrival.Arrival.OPEN})


def what_is_unlocked_stays_so(patch: Patch) -> None:
    patch.setattr(acceptance, "_is_shut_by", lambda turn, one, given: False)


def who_is_half_way_in_gets_in(patch: Patch) -> None:
    patch.setattr(acceptance, "_turn_away", lambda turn, fresh: None)


def a_posture_locks_nothing(patch: Patch) -> None:
    patch.setattr(acceptance, "_shut", lambda turn, one: None)


def an_evacuation_waits_for_a_fire(patch: Patch) -> None:
    patch.setattr(fires, "frees", lambda orders, policy, portal_id: False)


def fresh_counters_need_no_challenge(patch: Patch) -> None:
    honest = acceptance._why_not_lowered

    def why_not(turn: Turn, order: Order) -> str | None:
        return None if order.kind.value == "counters" else honest(turn, order)

    patch.setattr(acceptance, "_why_not_lowered", why_not)


PLANTS = [
    Plant("a lift lifts everything", 2, a_lift_lifts_everything),
    Plant("what was ended acts again", 0, what_was_ended_acts_again),
    Plant("an end of drills ends what is real", 23, an_end_of_drills_ends_what_is_real),
    Plant("numbers act twice", 1, numbers_act_twice),
    Plant("one person lifts", 17, one_person_lifts),
    Plant("zones inside are forgotten", 0, zones_inside_are_forgotten),
    Plant("an evacuation ends at the next door", 2, an_evacuation_ends_at_the_next_door),
    Plant("a late evacuation frees", 1, a_late_evacuation_frees),
    Plant("every drill moves", 0, every_drill_moves),
    Plant("a hold outlives what ends it", 0, a_hold_outlives_what_ends_it),
    Plant("a restart lifts", 0, a_restart_lifts),
    Plant("a restart forgets what was used", 1, a_restart_forgets_what_was_used),
    Plant("only the strongest has to be overcome", 0, only_the_strongest_has_to_be_overcome),
    Plant("the last level counts", 0, the_last_level_counts),
    Plant("an old answer counts", 0, an_old_answer_counts),
    Plant("a door that went away has obeyed", 9, a_door_that_went_away_has_obeyed),
    Plant("an open leaf has obeyed", 0, an_open_leaf_has_obeyed),
    Plant("what is unlocked stays so", 20, what_is_unlocked_stays_so),
    Plant("who is half way in gets in", 2, who_is_half_way_in_gets_in),
    Plant("a posture locks nothing", 0, a_posture_locks_nothing),
    Plant("an evacuation waits for a fire", 0, an_evacuation_waits_for_a_fire),
    Plant("fresh counters need no challenge", 2, fresh_counters_need_no_challenge),
]
