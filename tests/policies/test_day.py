"""What somebody can open on one day: the hours of `decide()`, and the picture of them."""

from datetime import date, timedelta
from itertools import pairwise

import msgspec
import pytest

from policies import Direction, Request
from policies.asked import NEVER, Asked, Way, asked_for, unhindered
from policies.day import PARTLY, SHUT, SLOT_S, STANDS_OPEN, PassageDay, day_of, ruler, strip
from policies.hours import Span, midnight
from tests.policies.support import IN, OUT, VIENNA, ask, changed, compiled, embassy, holder
from tests.policies.worlds import policy

MONDAY = date(2026, 11, 23)


def of(day: date) -> Span:
    return midnight(day, VIENNA), midnight(day + timedelta(days=1), VIENNA)


def hours(found: tuple[PassageDay, ...], portal: str, direction: Direction) -> PassageDay:
    return next(one for one in found if (one.portal, one.direction) == (portal, direction))


@pytest.mark.parametrize("seed", range(12))
def test_the_hours_are_what_is_asked_at_every_quarter(seed: int) -> None:
    within = of(date(2026, 11, 20))
    alone = ask("", IN, holder("staff", "cook"), "", threat=2, escorted=True)
    asker = unhindered(policy(seed)).before(alone)
    found = day_of(policy(seed), asker, within)
    assert len(found) == len(policy(seed).passages)
    for one in found:
        edges = [hours.span for hours in one.hours]
        assert [edges[0][0], edges[-1][1]] == list(within)
        assert all(a[1] == b[0] for a, b in pairwise(edges))
        for utc_s in range(*within, 900):
            now = next(h.asked for h in one.hours if h.span[0] <= utc_s < h.span[1])
            request = msgspec.structs.replace(
                asker, portal=one.portal, direction=one.direction, utc_s=utc_s
            )
            assert now == asked_for(policy(seed), request)


def visitor(*, escorted: bool = True) -> Request:
    return ask("", IN, "visitor", "", escorted=escorted)


def test_a_visitor_on_a_working_day() -> None:
    within = of(MONDAY)
    found = day_of(embassy(), visitor(), within)
    gate = hours(found, "main-gate", IN)
    assert strip(gate, within) == SHUT * 18 + "█" * 7 + SHUT * 3 + "█" * 5 + SHUT * 15
    assert strip(hours(found, "front-door", IN), within).count(STANDS_OPEN) == 22
    assert strip(hours(found, "archive-door", IN), within) == SHUT * 48
    out = hours(found, "main-gate", OUT)
    assert (out.way_out, out.zone, out.hours[0].asked) == (True, "forecourt", Asked(Way.FREE))
    alone = day_of(embassy(), visitor(escorted=False), within)
    assert [h.asked for h in hours(alone, "main-gate", IN).hours] == [NEVER]


def test_a_part_of_a_half_hour_has_a_sign_of_its_own() -> None:
    odd = compiled(changed('["09:00-12:30", "14:00-16:30"]', '["09:10-10:00"]'))
    found = day_of(odd, visitor(), of(MONDAY))
    assert strip(hours(found, "main-gate", IN), of(MONDAY))[17:21] == SHUT + PARTLY + "█" + SHUT


@pytest.mark.parametrize(("day", "half_hours"), [("2026-10-25", 50), ("2026-03-29", 46)])
def test_a_day_on_which_clocks_change_is_longer_or_shorter(day: str, half_hours: int) -> None:
    within = of(date.fromisoformat(day))
    found = day_of(embassy(), ask("", IN, "staff", ""), within)
    above = ruler(within, VIENNA)
    assert (within[1] - within[0]) // SLOT_S == half_hours == len(above)
    assert all(len(strip(one, within)) == half_hours for one in found)
    assert above.split() == ["00", "03", "06", "09", "12", "15", "18", "21"]
    shift = 2 if half_hours == 50 else -2
    assert above.index("06") == 12 + shift


def test_the_ruler_of_a_common_day_stands_over_its_hours() -> None:
    above = ruler(of(MONDAY), VIENNA)
    assert [above.index(hour) for hour in ("00", "03", "21")] == [0, 6, 42]
