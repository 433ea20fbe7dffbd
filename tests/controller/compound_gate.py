"""A compound with a barrier, a sally port and alarm points, and short words for what they do."""

from controller.barrier import Barrier, Loop
from controller.events_points import Source, SourceLine
from controller.ids import HolderId, InputId, PortalId
from controller.inputs_barriers import LimitHeard, LoopHeard
from controller.inputs_points import ArmAsked, PointHeard, ShuntAsked, ShuntEndAsked, SourceHeard
from controller.ledger import Personal
from controller.moment import SECOND_US
from controller.point import Line, Point
from controller.portal import Contact
from controller.site import Outcome
from tests.controller.support import FRIDAY_NIGHT_UTC_US, Rig

POLICY = """
schema = 1
site = "testonia"
version = 1
timezone = "Europe/Vienna"

[schedule.night]
daily = ["22:00-06:00"]

[factors]
badge = { 1 = "badge" }

[zone.street]
kind = "public"
[zone.court]
inside = "street"
kind = "premises"
factors = "badge"
[zone.sally]
inside = "street"
kind = "premises"
factors = "badge"
[zone.hall]
inside = "court"
kind = "premises"
factors = "badge"
[zone.archive]
inside = "hall"
kind = "premises"
factors = "badge"

[portal.wicket]
from = "street"
to = "court"
kind = "gate"
lock = "power-to-unlock"
egress = "mechanical"
exit = "free"
[portal.hall-door]
from = "court"
to = "hall"
kind = "door"
lock = "power-to-lock"
egress = "electric"
exit = "free"
rex = "unlock"
[portal.archive-door]
from = "hall"
to = "archive"
kind = "door"
lock = "power-to-unlock"
egress = "mechanical"
exit = "free"
[portal.drive]
from = "street"
to = "court"
kind = "vehicle-barrier"
lock = "power-to-unlock"
egress = "none"
exit = "reader"
hard-wired-release = true
open-s = 5
[portal.outer]
from = "street"
to = "sally"
kind = "gate"
lock = "power-to-unlock"
egress = "electric"
exit = "reader"
hard-wired-release = true
on-fire = "release"
loop = true
interlock = "sally-port"
[portal.inner]
from = "sally"
to = "court"
kind = "gate"
lock = "power-to-unlock"
egress = "electric"
exit = "reader"
hard-wired-release = true
on-fire = "release"
loop = true
interlock = "sally-port"

[fire.panel]

[point.fence]
kind = "fence"
zone = "court"
roles = ["guard"]
[point.pir]
kind = "pir"
zone = "hall"
entry-delay-s = 30
stuck-s = 600
roles = ["guard"]
[point.glass]
kind = "glass-break"
zone = "hall"
always = true
[point.safe]
kind = "contact"
zone = "archive"
[point.mains]
kind = "mains"
zone = "hall"

[arming.grounds]
zones = ["court"]
schedule = "night"
roles = ["guard"]
[arming.house]
zones = ["hall"]
roles = ["guard"]

[role.staff]
[role.guard]
clearance = 6
overrides = ["lockdown"]
[[grant]]
id = "all"
roles = ["staff", "guard"]
zones = ["court", "sally", "hall", "archive"]
"""

DRIVEN = ("drive", "outer", "inner")
FRIDAY_NOON_UTC_US = FRIDAY_NIGHT_UTC_US - 11 * 3600 * SECOND_US
OFFICER = Personal("operator", "Officer Smith", "ab" * 16)


class Gate(Rig):
    """A rig with words for points, sources and barriers."""

    def point(self, name: str, line: str) -> Outcome:
        return self.feed(PointHeard(id=InputId(self.new_id()), point=name, line=Line(line)))

    def source(self, line: str, name: str = "guard-key") -> Outcome:
        heard = SourceHeard(id=InputId(self.new_id()), source=name, line=SourceLine(line))
        return self.feed(heard)

    def arm(self, arming: str, armed: bool, who: str = "bob") -> Outcome:
        asked = ArmAsked(
            id=InputId(self.new_id()),
            arming=arming,
            armed=armed,
            holder=HolderId(f"h-{who}"),
            operator=OFFICER,
        )
        return self.feed(asked)

    def shunt(
        self, point: str, for_s: float = 60, who: str = "bob", reason: str = "works"
    ) -> Outcome:
        asked = ShuntAsked(
            id=InputId(self.new_id()),
            point=point,
            reason=reason,
            for_us=round(for_s * SECOND_US),
            holder=HolderId(f"h-{who}"),
            operator=OFFICER,
        )
        return self.feed(asked)

    def end_shunt(self, point: str) -> Outcome:
        return self.feed(ShuntEndAsked(id=InputId(self.new_id()), point=point, operator=OFFICER))

    def loop(self, portal: str, loop: str) -> Outcome:
        heard = LoopHeard(id=InputId(self.new_id()), portal=PortalId(portal), loop=Loop(loop))
        return self.feed(heard)

    def upper(self, portal: str, up: bool) -> Outcome:
        return self.feed(LimitHeard(id=InputId(self.new_id()), portal=PortalId(portal), up=up))

    def known(self, name: str) -> Point:
        return self.site.state.points[name]

    def barrier(self, portal: str) -> Barrier:
        return self.site.state.barriers[PortalId(portal)]

    def key(self, name: str = "guard-key") -> Source:
        return self.site.state.sources[name]


def quiet(utc_us: int = FRIDAY_NOON_UTC_US, policy: str = POLICY) -> Gate:
    """The compound, started, with every line quiet, every loop free and everything down."""
    rig = Gate(policy, utc_us=utc_us)
    rig.start()
    rig.people()
    rig.fire("normal", "panel")
    for portal in rig.site.policy.portals:
        rig.link(portal.id)
        rig.contact(portal.id, Contact.CLOSED)
        if portal.loop:
            rig.loop(portal.id, "free")
    for point in rig.site.policy.points:
        rig.point(point, "quiet")
    rig.source("quiet")
    return rig
