"""What a guard's terminal asks of the running daemon: what happens, pictures, who is inside."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from pathlib import Path

from msgspec.structs import replace

from controller.sightings import Sighting
from controller.state import SiteState
from edge.control.messages_faces import FacePictureReply
from edge.control.messages_gate import (
    INSIDE_MAX,
    AskInside,
    ConfirmRelease,
    FollowGate,
    GateHello,
    GateReleaseReply,
    GateSide,
    GateTold,
    InsidePerson,
    InsideReply,
    PlanBox,
    PlanPoint,
    PlanReply,
    RefuseAtGate,
    ReleaseAtGate,
    ShowGatePicture,
)
from edge.control.messages_guard import ComparisonPicture
from edge.control.messages_pictures import FRAME_PART_BYTES_MAX, ExportPicture, FramePart
from edge.control.messages_visits import VisitReply
from edge.daemon import Daemon
from edge.face_desk import FaceDesk
from edge.gate_acts import GateActs
from edge.gate_feed import GateFeed
from edge.gate_passages import Passage
from edge.gate_showing import GateShowing, counts
from edge.gate_sight import Guard
from edge.guard_desk import BLIND, GO, NO_PORTRAIT, PAPERS
from edge.picture_desk import PictureDesk
from edge.plan_drawing import DrawingError, read_drawing
from edge.plan_layout import laid_out
from edge.seeing import picture_of
from policies.compiled import CompiledPolicy

INLINE_MAX = 500
"""People whose list is made in a few milliseconds; a longer one is made beside the event loop."""

NOT_THERE = "nobody stands there any more, or this terminal does not show it"
LOOK_AGAIN = "look at the list; what is kept of a passage is with its entry"
NO_CAMERA = "no camera of this name looks at a portal of this terminal"
AT_GATE = "looked at on a guard's terminal"
"""What the record says of whoever was shown a picture that is kept."""


log = logging.getLogger(__name__)


class GateDesk:
    """One daemon's."""

    def __init__(
        self, daemon: Daemon, faces: FaceDesk, pictures: PictureDesk, drawing: Path | None
    ) -> None:
        self._daemon = daemon
        self._faces = faces
        self._pictures = pictures
        self._drawing = drawing
        self._planned: tuple[CompiledPolicy, PlanReply] | None = None
        self._showing = GateShowing(daemon)
        self.feed = GateFeed(daemon, self._showing)
        self._acts = GateActs(daemon, self.feed)

    def follow(self, asked: FollowGate, guard: Guard) -> AsyncGenerator[GateHello | GateTold, None]:
        """As `edge.control.desk_gate.Gates` has it."""
        return self.feed.follow(asked, guard)

    async def release(self, asked: ReleaseAtGate, guard: Guard) -> GateReleaseReply:
        """As `edge.control.desk_gate.Gates` has it."""
        return await self._acts.release(asked, guard)

    async def confirm(self, asked: ConfirmRelease, guard: Guard) -> GateReleaseReply:
        """As `edge.control.desk_gate.Gates` has it."""
        return await self._acts.confirm(asked, guard)

    async def refuse(self, asked: RefuseAtGate, guard: Guard) -> VisitReply:
        """As `edge.control.desk_gate.Gates` has it."""
        return await self._acts.refuse(asked, guard)

    # --- pictures ---

    async def picture(self, asked: ShowGatePicture, guard: Guard) -> tuple[ComparisonPicture, ...]:
        """As `edge.control.desk_gate.Gates` has it."""
        if asked.camera:
            return _pieces(await self._of_camera(asked.camera, guard))
        seen = self.feed.passages.of(asked.attempt)
        may = guard.sight.people and seen is not None and guard.sight.sees(seen.portal)
        if seen is None or not may or asked.side not in self._showing.pictures(seen, guard.sight):
            return (ComparisonPicture(reason=NOT_THERE, remedy=LOOK_AGAIN),)
        match asked.side:
            case GateSide.LIVE:
                return _pieces(await self._live(seen))
            case GateSide.ENROLLED:
                return _pieces(await self._enrolled(seen))
            case GateSide.DECISION:
                return await self._kept(seen, guard.operator)

    async def _of_camera(self, name: str, guard: Guard) -> FacePictureReply:
        cameras = self._daemon.answering.watch.cameras
        camera = cameras.get(name)
        if camera is None or not guard.sight.sees(camera.options.portal):
            return FacePictureReply(reason=NO_CAMERA)
        return await picture_of(self._daemon, cameras, name)

    async def _live(self, seen: Passage) -> FacePictureReply:
        watch = self._daemon.answering.watch
        camera = watch.camera_at(seen.portal, seen.direction)
        if camera is None:
            return FacePictureReply(reason=BLIND, remedy=GO)
        return await picture_of(self._daemon, watch.cameras, camera.name)

    async def _enrolled(self, seen: Passage) -> FacePictureReply:
        assert seen.holder is not None, "nobody's picture is offered"
        jpeg = await self._faces.portrait(seen.holder)
        if jpeg is None:
            return FacePictureReply(reason=NO_PORTRAIT, remedy=PAPERS)
        return FacePictureReply(jpeg=jpeg)

    async def _kept(self, seen: Passage, operator: str) -> tuple[ComparisonPicture, ...]:
        """That it was looked at is on record before it is shown."""
        asked = ExportPicture(seq=seen.decided_seq, reason=AT_GATE)
        pieces: list[ComparisonPicture] = []
        async for part in self._pictures.export(asked, operator):
            if isinstance(part, FramePart):
                if not pieces or not pieces[-1].ends:
                    pieces.append(ComparisonPicture(data=part.data, ends=part.ends))
            elif part.picture is None:
                return (ComparisonPicture(reason=part.reason, remedy=part.remedy),)
        return tuple(pieces)

    # --- who is inside ---

    async def inside(self, asked: AskInside, guard: Guard) -> InsideReply:
        """As `edge.control.desk_gate.Gates` has it."""
        daemon = self._daemon
        state, now = daemon.site.state, daemon.now()
        if len(state.people.sightings) <= INLINE_MAX:
            people = self._people(state, asked.zone, guard)
        else:
            people = await asyncio.to_thread(self._people, state, asked.zone, guard)
        return InsideReply(
            timezone=daemon.site.policy.timezone,
            utc_us=now.utc_us,
            clock_trusted=now.trusted,
            seq=state.seq,
            total=len(people),
            people=tuple(people[asked.begin : asked.begin + INSIDE_MAX]),
            zones=counts(state.people.inside),
        )

    def _people(self, state: SiteState, zone: str, guard: Guard) -> list[InsidePerson]:
        """In the order in which the evidence of them came, those of whom it is older first."""
        zones = self._daemon.site.policy.zones_by_id
        found = []
        for holder, seen in state.people.sightings.items():
            rule = zones.get(seen.zone)
            if zone and (rule is None or zone not in rule.lineage):
                continue
            who = self._showing.person(holder, (), guard.sight)
            if who.hidden:
                continue
            presence = state.people.presences.get(holder)
            shown = InsidePerson(
                person=who.person,
                name=who.name,
                roles=who.roles,
                protected=who.protected,
                visitor=who.visitor,
                zone=seen.zone,
                portal=seen.portal,
                entered_s=None if presence is None else presence.inside_since_s,
                since_s=seen.at_s,
                host_name=self._showing.person(seen.host, (), guard.sight).name,
                party=seen.party,
                overstayed=presence is not None and presence.overstayed,
                doubted=seen.doubted is not None,
            )
            found.append((_came(seen), shown))
        found.sort(key=lambda one: one[0])
        return [shown for _, shown in found]

    async def plan(self) -> PlanReply:
        """As `edge.control.desk_gate.Gates` has it."""
        policy = self._daemon.site.policy
        if self._planned is None or self._planned[0] is not policy:
            self._planned = (policy, await asyncio.to_thread(_plan, policy))
        plan = self._planned[1]
        if self._drawing is None:
            return plan
        try:
            drawing = await asyncio.to_thread(read_drawing, self._drawing)
        except DrawingError as error:
            log.warning("the site's drawing is not shown: %s; %s", error, error.remedy)
            return plan
        points = tuple(replace(one, element=one.portal) for one in plan.points)
        return replace(plan, points=points, drawing=drawing)


def _plan(policy: CompiledPolicy) -> PlanReply:
    plan = laid_out(policy)
    zones, portals = policy.zones_by_id, policy.portals_by_id
    boxes = (
        PlanBox(
            zone=box.zone,
            name=zones[box.zone].name,
            zone_kind=str(zones[box.zone].kind),
            x=box.x,
            y=box.y,
            width=box.width,
            height=box.height,
        )
        for box in plan.boxes
    )
    points = (
        PlanPoint(portal=one.portal, name=portals[one.portal].name, x=one.x, y=one.y)
        for one in plan.points
    )
    return PlanReply(width=plan.width, height=plan.height, boxes=tuple(boxes), points=tuple(points))


def _came(seen: Sighting) -> tuple[int, int]:
    return (seen.at_s or 0, seen.entry)


def _pieces(given: FacePictureReply) -> tuple[ComparisonPicture, ...]:
    if not given.jpeg:
        return (ComparisonPicture(reason=given.reason, remedy=given.remedy),)
    size, step = len(given.jpeg), FRAME_PART_BYTES_MAX
    return tuple(
        ComparisonPicture(data=given.jpeg[at : at + step], ends=at + step >= size)
        for at in range(0, size, step)
    )
