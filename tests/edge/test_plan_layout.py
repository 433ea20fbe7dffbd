"""The plan that is laid out: boxes in each other, portals on borders, always the same."""

import os
from itertools import combinations, pairwise
from random import Random

import pytest

from edge.plan_layout import GAP, STEP, TITLE, Box, Plan, laid_out
from policies import CompiledPolicy
from tests.policies.support import compiled

SEEDS = (1, 2, int(os.environ["SENTRYPOST_SEED"]))


def made_up(dice: Random) -> CompiledPolicy:
    """Up to thirty zones in each other, a portal for each, and up to forty between any two."""
    around: dict[str, tuple[str, ...]] = {"street": ()}
    zones = ["street", *(f"z{number}" for number in range(dice.randint(1, 30)))]
    text = 'schema = 1\nsite = "s"\nversion = 1\ntimezone = "Europe/Vienna"\n'
    text += '[factors]\nbadge = { 1 = "badge" }\n[zone.street]\nkind = "public"\n'
    for number, zone in enumerate(zones[1:], 1):
        outer = dice.choice(zones[:number])
        nested = dice.random() < 0.9
        around[zone] = (outer, *around[outer]) if nested else ()
        name = "A" * dice.randint(1, 60)
        text += f'[zone.{zone}]\nkind = "premises"\nfactors = "badge"\nname = "{name}"\n'
        text += f'inside = "{outer}"\n' if nested else ""
    ways = [((around[zone] or ("street",))[0], zone) for zone in zones[1:]]
    ways += [tuple(dice.sample(zones, 2)) for _ in range(dice.randint(0, 40))]
    for number, way in enumerate(ways):
        inwards = way[1] != "street" and way[1] not in around[way[0]]
        outer, inner = way if inwards else reversed(way)
        text += f'[portal.p{number}]\nfrom = "{outer}"\nto = "{inner}"\nkind = "door"\n'
        text += 'lock = "power-to-unlock"\negress = "mechanical"\nexit = "free"\n'
    return compiled(text)


def apart(one: Box, other: Box) -> bool:
    return (
        one.x + one.width < other.x
        or other.x + other.width < one.x
        or one.y + one.height < other.y
        or other.y + other.height < one.y
    )


def holds(outer: Box, inner: Box) -> bool:
    return (
        outer.x < inner.x
        and outer.y < inner.y
        and inner.x + inner.width < outer.x + outer.width
        and inner.y + inner.height < outer.y + outer.height
    )


def on_border(box: Box, x: float, y: float) -> bool:
    within = box.x <= x <= box.x + box.width and box.y <= y <= box.y + box.height
    return within and (x in {box.x, box.x + box.width} or y in {box.y, box.y + box.height})


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_lies_on_anything_that_it_is_not_in(seed: int) -> None:
    dice = Random(seed)
    for _ in range(12):
        policy = made_up(dice)
        plan = laid_out(policy)
        boxes = {box.zone: box for box in plan.boxes}
        assert set(boxes) == {zone.id for zone in policy.zones}
        for one, other in combinations(policy.zones, 2):
            outer, inner = (one, other) if one.id in other.lineage else (other, one)
            if outer.id in inner.lineage:
                assert holds(boxes[outer.id], boxes[inner.id]), (outer.id, inner.id)
                assert boxes[inner.id].y >= boxes[outer.id].y + TITLE + GAP, "no name is covered"
            else:
                assert apart(boxes[one.id], boxes[other.id]), (one.id, other.id)
        for box in plan.boxes:
            assert holds(Box("", -1, -1, plan.width + 2, plan.height + 2), box)
        assert [point.portal for point in plan.points] == [portal.id for portal in policy.portals]
        for point in plan.points:
            rule = policy.portals_by_id[point.portal]
            assert point.of in {rule.outer, rule.inner}
            assert on_border(boxes[point.of], point.x, point.y)
        for one_point, other_point in combinations(plan.points, 2):
            far = max(abs(one_point.x - other_point.x), abs(one_point.y - other_point.y))
            assert far >= STEP / 2, (one_point, other_point)
        assert laid_out(policy) == plan


def test_a_door_between_two_rooms_lies_where_they_face_each_other() -> None:
    door = 'kind = "door"\nlock = "power-to-unlock"\negress = "mechanical"\nexit = "free"\n'
    room = 'kind = "premises"\nfactors = "badge"\ninside = "street"\n'
    policy = compiled(
        'schema = 1\nsite = "s"\nversion = 1\ntimezone = "Europe/Vienna"\n'
        '[factors]\nbadge = { 1 = "badge" }\n[zone.street]\nkind = "public"\n'
        f"[zone.left]\n{room}[zone.right]\n{room}"
        f'[portal.in]\nfrom = "street"\nto = "left"\n{door}'
        f'[portal.on]\nfrom = "left"\nto = "right"\n{door}'
    )
    plan: Plan = laid_out(policy)
    street, left, right = plan.boxes
    entrance, between = plan.points
    assert (street.zone, left.zone, right.zone) == ("street", "left", "right")
    assert left.x + left.width < right.x
    assert (entrance.of, entrance.y) == ("left", left.y + left.height)
    assert (between.of, between.x) == ("right", right.x)
    for outer, inner in pairwise((street, left)):
        assert outer.width > inner.width
