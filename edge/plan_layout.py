"""A plan of the site where nobody has drawn one: zones as boxes in each other, as the policy nests
them, and portals on their borders.

A pure function: the same policy gives the same plan on every screen, so that a guard finds a door
where it was yesterday. Boxes touch nothing but what they lie in, and no two portals lie on each
other.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from policies.compiled import CompiledPolicy, PortalRule, ZoneRule

STEP = 40.0
"""Between two portals on one border: a fingertip on a screen that shows the plan at its size."""

GAP = 40.0
"""Between two boxes, and between a box and what it lies in."""

TITLE = 40.0
"""At the top of each box, for its name."""

LETTER = 9.0
"""About as wide as one letter of a name is drawn; more than forty are cut by whoever draws."""

LETTERS_MAX = 40

BREADTH = 1.6
"""A row of boxes is so many times as wide as all of them would be high: as screens are."""


class Box(NamedTuple):
    """A zone: its upper left corner, and its size."""

    zone: str
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height / 2


class Point(NamedTuple):
    """A portal, on the border of the box `of`."""

    portal: str
    of: str
    x: float
    y: float


class Plan(NamedTuple):
    """Boxes come before those that lie in them."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    points: tuple[Point, ...]


class _Size(NamedTuple):
    width: float
    height: float


def laid_out(policy: CompiledPolicy) -> Plan:
    """The plan of a policy, in units of a pixel on a screen."""
    hangs = {portal.id: _hangs_at(policy, portal) for portal in policy.portals}
    needs: dict[str, int] = defaultdict(int)
    for zone in hangs.values():
        needs[zone] += 1
    within: dict[str | None, list[ZoneRule]] = defaultdict(list)
    for rule in policy.zones:
        within[rule.inside].append(rule)
    sizes: dict[str, _Size] = {}
    # Inner ones first: a box is as large as what lies in it.
    for rule in sorted(policy.zones, key=lambda one: -len(one.lineage)):
        _, held = _packed(within[rule.id], sizes)
        sizes[rule.id] = _size_of(rule, needs[rule.id], held)
    boxes: dict[str, Box] = {}
    _, whole = _packed(within[None], sizes)
    _place(None, 0.0, 0.0, within, sizes, boxes)
    points = _points(policy, hangs, boxes)
    return Plan(whole.width, whole.height, tuple(boxes.values()), points)


def _hangs_at(policy: CompiledPolicy, portal: PortalRule) -> str:
    """The inner one of its two zones; of two that lie side by side the one that it leads into."""
    outer, inner = policy.zones_by_id[portal.outer], policy.zones_by_id[portal.inner]
    return outer.id if len(outer.lineage) > len(inner.lineage) else inner.id


def _size_of(rule: ZoneRule, portals: int, held: _Size) -> _Size:
    border = (portals + 1) * STEP
    name = min(len(rule.name), LETTERS_MAX) * LETTER + STEP
    return _Size(max(held.width, border, name, 3 * STEP), max(TITLE + held.height, TITLE + border))


def _packed(
    rules: Sequence[ZoneRule], sizes: Mapping[str, _Size]
) -> tuple[list[tuple[str, float, float]], _Size]:
    """Where each of them lies, row by row in the order of the policy, and what they take together
    with a gap all around.
    """
    if not rules:
        return [], _Size(0.0, 0.0)
    area = sum((sizes[rule.id].width + GAP) * (sizes[rule.id].height + GAP) for rule in rules)
    row_width = GAP + math.sqrt(area * BREADTH)
    places: list[tuple[str, float, float]] = []
    x, y, deepest, widest = GAP, GAP, 0.0, 0.0
    for rule in rules:
        size = sizes[rule.id]
        if x > GAP and x + size.width > row_width:
            x, y, deepest = GAP, y + deepest + GAP, 0.0
        places.append((rule.id, x, y))
        x += size.width + GAP
        widest, deepest = max(widest, x), max(deepest, size.height)
    return places, _Size(widest, y + deepest + GAP)


def _place(
    around: str | None,
    x: float,
    y: float,
    within: Mapping[str | None, list[ZoneRule]],
    sizes: Mapping[str, _Size],
    boxes: dict[str, Box],
) -> None:
    places, _ = _packed(within.get(around, []), sizes)
    for zone, left, top in places:
        size = sizes[zone]
        boxes[zone] = Box(zone, x + left, y + top, size.width, size.height)
        _place(zone, x + left, y + top + TITLE, within, sizes, boxes)


def _points(
    policy: CompiledPolicy, hangs: Mapping[str, str], boxes: Mapping[str, Box]
) -> tuple[Point, ...]:
    borders: dict[tuple[str, str], list[str]] = defaultdict(list)
    for portal in policy.portals:
        here = hangs[portal.id]
        other = portal.outer if here == portal.inner else portal.inner
        around = other in policy.zones_by_id[here].lineage
        side = "below" if around else _facing(boxes[here], boxes[other])
        borders[here, side].append(portal.id)
    found = {
        portal: Point(portal, zone, *_on(boxes[zone], side, place, len(portals)))
        for (zone, side), portals in borders.items()
        for place, portal in enumerate(portals, 1)
    }
    return tuple(found[portal.id] for portal in policy.portals)


def _facing(box: Box, other: Box) -> str:
    """The side of a box that looks towards another one."""
    (x, y), (to_x, to_y) = box.middle, other.middle
    if abs(to_x - x) > abs(to_y - y):
        return "right" if to_x > x else "left"
    return "below" if to_y > y else "above"


def _on(box: Box, side: str, place: int, count: int) -> tuple[float, float]:
    """The `place`th of so many points on one side, evenly between its corners."""
    share = place / (count + 1)
    match side:
        case "above":
            return box.x + box.width * share, box.y
        case "below":
            return box.x + box.width * share, box.y + box.height
        case "left":
            return box.x, box.y + box.height * share
        case _:
            return box.x + box.width, box.y + box.height * share
