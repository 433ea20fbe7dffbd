"""One anti-passback region over several zones and portals: who is in it by one way does not come in
again by another, and who left it by any way does."""

from controller.effects import ReleasePortal
from controller.events import DecisionMade, PassageMade, PortalOpened
from controller.ids import HolderId
from controller.site import Outcome
from policies.codes import Code
from tests.controller.support import EXIT, POLICY, Rig, calm, of_type
from tests.controller.test_company import codes, passes

READERS = """lock = "power-to-lock"
egress = "electric"
on-fire = "release"
exit = "reader"
hard-wired-release = true
"""

ZONE = 'inside = "office"\nkind = "premises"\nfactors = "badge"\nanti-passback = "hard"\n'
REGION = 'anti-passback-region = "works"\n'

WORKS = (
    POLICY
    + f"[zone.lab]\n{ZONE}{REGION}[zone.depot]\n{ZONE}{REGION}"
    + f'[portal.lab]\nfrom = "office"\nto = "lab"\nkind = "door"\n{READERS}'
    + f'[portal.depot]\nfrom = "office"\nto = "depot"\nkind = "door"\n{READERS}'
    + f'[portal.between]\nfrom = "lab"\nto = "depot"\nkind = "door"\n{READERS}'
    + """[portal.ramp]
from = "office"
to = "depot"
kind = "gate"
lock = "power-to-unlock"
egress = "mechanical"
exit = "free"
rex = "shunt"
[[grant]]
id = "works"
roles = ["staff"]
zones = ["lab", "depot"]
"""
)
"""Laboratory and depot are one region, with a door between them; the ramp is left freely."""

WAYS_IN = ("lab", "depot", "ramp")


def goes_in(rig: Rig, portal: str, who: str = "ann") -> None:
    assert of_type(ReleasePortal, rig.badge(portal, who))
    assert of_type(PassageMade, passes(rig, portal))


def goes_out(rig: Rig, portal: str, who: str = "ann") -> None:
    assert of_type(ReleasePortal, rig.badge(portal, who, EXIT))
    assert of_type(PassageMade, passes(rig, portal))


def is_refused(outcome: Outcome) -> bool:
    """For being inside already, and for nothing else."""
    if of_type(ReleasePortal, outcome):
        return False
    assert codes(outcome) == [{Code.PASSBACK}]
    return True


def is_let_in(rig: Rig, portal: str, who: str = "ann") -> bool:
    """Asked alone: nobody goes."""
    refused = is_refused(rig.badge(portal, who))
    rig.later(30)
    return not refused


def zone_of(rig: Rig, who: str = "ann") -> str | None:
    seen = rig.site.state.people.presences.get(HolderId(f"h-{who}"))
    return None if seen is None else seen.zone


def test_who_is_in_by_one_portal_comes_in_again_by_none() -> None:
    for portal in ("lab", "depot"):
        rig = calm(WORKS)
        goes_in(rig, portal)
        assert [is_let_in(rig, way) for way in WAYS_IN] == [False, False, False], portal
        assert is_let_in(rig, "ramp", "dan"), "somebody else may"


def test_zones_without_a_common_region_are_each_their_own() -> None:
    rig = calm(WORKS.replace(REGION, ""))
    goes_in(rig, "lab")
    assert [is_let_in(rig, way) for way in WAYS_IN] == [False, True, True]


def test_who_goes_out_by_one_portal_comes_in_by_another() -> None:
    for out, back in (("lab", "depot"), ("depot", "lab")):
        rig = calm(WORKS)
        goes_in(rig, out)
        goes_out(rig, out)
        assert zone_of(rig) == "office"
        goes_in(rig, back)
        assert [is_let_in(rig, way) for way in WAYS_IN] == [False, False, False], back


def test_within_the_region_people_move_as_they_like_and_leave_where_they_are() -> None:
    rig = calm(WORKS)
    goes_in(rig, "lab")
    goes_in(rig, "between")
    assert zone_of(rig) == "depot"
    assert not is_let_in(rig, "lab"), "still inside, in another zone"
    goes_out(rig, "between")
    assert zone_of(rig) == "lab"
    goes_in(rig, "between")
    goes_out(rig, "depot")
    goes_in(rig, "lab")


def test_a_grant_that_nobody_used_puts_nobody_into_the_region() -> None:
    rig = calm(WORKS)
    assert is_let_in(rig, "lab")
    assert zone_of(rig) is None
    assert is_let_in(rig, "depot")


def test_who_may_have_left_by_a_free_exit_comes_in_again_and_nobody_else() -> None:
    """Whoever was in the depot may have gone; of the laboratory nobody leaves by the ramp."""
    rig = calm(WORKS)
    goes_in(rig, "lab", "dan")
    goes_in(rig, "depot", "ann")
    rig.rex("ramp")
    (made,) = of_type(PortalOpened, passes(rig, "ramp"))
    assert made.moved is not None
    assert (made.moved.source, made.moved.holders) == ("depot", ())
    assert (zone_of(rig, "ann"), zone_of(rig, "dan")) == (None, "lab")
    assert [is_let_in(rig, way, "ann") for way in WAYS_IN] == [True, True, True]
    assert [is_let_in(rig, way, "dan") for way in WAYS_IN] == [False, False, False]


def test_who_shows_his_badge_at_the_free_exit_is_outside_and_the_others_stay() -> None:
    rig = calm(WORKS)
    goes_in(rig, "depot", "dan")
    goes_in(rig, "lab", "ann")
    goes_in(rig, "between", "ann")
    rig.badge("ramp", "ann", EXIT)
    passes(rig, "ramp")
    assert (zone_of(rig, "ann"), zone_of(rig, "dan")) == ("office", "depot")
    assert is_let_in(rig, "lab", "ann")
    assert not is_let_in(rig, "lab", "dan")


def test_nobody_is_kept_in_the_region_wherever_he_is_believed_to_be() -> None:
    rig = calm(WORKS)
    goes_in(rig, "lab")
    for portal in ("lab", "depot", "between"):
        outcome = rig.badge(portal, "ann", EXIT)
        assert of_type(ReleasePortal, outcome), portal
        (made,) = of_type(DecisionMade, outcome)
        assert made.decision.granted
        rig.later(30)
