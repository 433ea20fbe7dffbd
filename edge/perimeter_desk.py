"""What people ask of the running daemon about alarm points: how they are, arming, shunts.

People are named by the integrator's ids. Whoever asks is the operator in the record.
"""

import asyncio

from controller.barrier import Barrier
from controller.events_points import (
    ArmingRefused,
    PointShunted,
    PointShuntEnded,
    ShuntRefused,
    Source,
    ZoneArmed,
    ZoneDisarmed,
)
from controller.ids import HolderId, PortalId
from controller.inputs import Input
from controller.inputs_points import ArmAsked, ShuntAsked, ShuntEndAsked
from controller.moment import SECOND_US
from controller.point import Point
from controller.points import is_armed, is_watched
from edge.config import Config
from edge.control.messages_perimeter import (
    Arm,
    ArmingShown,
    BarrierShown,
    EndShunt,
    PerimeterReply,
    PerimeterStep,
    PointShown,
    Shunt,
    SourceShown,
)
from edge.control.messages_visits import VisitReply
from edge.daemon import Daemon
from edge.present import local
from policies.problems import did_you_mean

MINUTE_US = 60 * SECOND_US


class PerimeterDesk:
    """One daemon's."""

    def __init__(self, daemon: Daemon, config: Config) -> None:
        self._daemon = daemon
        self._config = config

    def read(self) -> PerimeterReply:
        """As `edge.control.desk.Desk` has it."""
        site, now = self._daemon.site, self._daemon.now()
        state, policy = site.state, site.policy
        shown = []
        for name, rule in policy.points.items():
            point = state.points.get(name, Point())
            until_us = point.shunted_until_us
            shown.append(
                PointShown(
                    id=name,
                    name=rule.name,
                    kind=rule.kind,
                    zone=rule.zone,
                    arming=rule.arming,
                    state=point.state,
                    line=point.line,
                    watched=is_watched(state, policy, rule),
                    supervised=self._config.points[name].supervised,
                    shunted_until_utc_us=None
                    if until_us is None
                    else now.utc_us + until_us - now.mono_us,
                )
            )
        return PerimeterReply(
            timezone=policy.timezone,
            points=tuple(shown),
            armings=tuple(
                ArmingShown(
                    id=rule.id,
                    name=rule.name,
                    zones=rule.zones,
                    armed=is_armed(state, rule),
                    schedule=rule.schedule,
                )
                for rule in policy.armings.values()
            ),
            sources=self._sources(),
            barriers=tuple(
                BarrierShown(
                    portal=rule.id, barrier=state.barriers.get(PortalId(rule.id), Barrier())
                )
                for rule in policy.portals
                if rule.loop
            ),
        )

    def _sources(self) -> tuple[SourceShown, ...]:
        known = self._daemon.site.state.sources
        return tuple(
            SourceShown(
                id=name,
                gives=one.gives,
                line=known.get(name, Source()).line,
                supervised=one.supervised,
            )
            for name, one in self._config.local_sources.items()
        )

    async def change(self, step: PerimeterStep, operator: str) -> VisitReply:
        """As `edge.control.desk.Desk` has it."""
        unknown = self._unknown(step)
        if unknown is not None:
            return unknown
        if isinstance(step, EndShunt):
            return await self._judged(self._end(step, operator), f"'{step.point}' watches again")
        record = await asyncio.to_thread(self._daemon.people.roll.named, step.person)
        if record is None:
            return VisitReply(
                accepted=False,
                reason=f"nobody on file has the id '{step.person}'",
                remedy="give the id that the file of people has",
            )
        holder = HolderId(record.id)
        if isinstance(step, Arm):
            what = f"'{step.arming}' is {'armed' if step.armed else 'disarmed'}"
            return await self._judged(self._arm(step, holder, operator), what)
        now = self._daemon.now()
        until = local(now.utc_us + step.minutes * MINUTE_US, self._daemon.site.policy.zone)
        return await self._judged(
            self._shunt(step, holder, operator), f"'{step.point}' is shunted until {until}"
        )

    def _unknown(self, step: PerimeterStep) -> VisitReply | None:
        """A name that nothing has, before anybody is looked up."""
        policy = self._daemon.site.policy
        is_set = isinstance(step, Arm)
        name = step.arming if isinstance(step, Arm) else step.point
        names = [*policy.armings] if is_set else [*policy.points]
        if name in names:
            return None
        what = "arming set" if is_set else "alarm point"
        return VisitReply(
            accepted=False,
            reason=f"the policy has no {what} '{name}'",
            remedy=did_you_mean(name, names) or "`sentrypost point` names them all",
        )

    def _arm(self, step: Arm, holder: HolderId, operator: str) -> Input:
        daemon = self._daemon
        return ArmAsked(
            id=daemon.new_id(),
            arming=step.arming,
            armed=step.armed,
            holder=holder,
            operator=daemon.personal("operator", operator),
        )

    def _shunt(self, step: Shunt, holder: HolderId, operator: str) -> Input:
        daemon = self._daemon
        return ShuntAsked(
            id=daemon.new_id(),
            point=step.point,
            reason=step.reason,
            for_us=step.minutes * MINUTE_US,
            holder=holder,
            operator=daemon.personal("operator", operator),
        )

    def _end(self, step: EndShunt, operator: str) -> Input:
        daemon = self._daemon
        who = daemon.personal("operator", operator)
        return ShuntEndAsked(id=daemon.new_id(), point=step.point, operator=who)

    async def _judged(self, fact: Input, what: str) -> VisitReply:
        daemon = self._daemon
        if daemon.recorder.down and not (isinstance(fact, ArmAsked) and fact.armed):
            reason = "the journal cannot be written; it would not be on record"
            return VisitReply(accepted=False, reason=reason, remedy="try later")
        outcome = daemon.judge(fact)
        await daemon.recorder.drained()
        recorded = not daemon.recorder.down
        for event in outcome.events:
            match event.body:
                case ArmingRefused(reason=reason) | ShuntRefused(reason=reason):
                    remedy = "the policy says who may, under `roles`"
                    return VisitReply(
                        accepted=False, reason=reason, remedy=remedy, recorded=recorded
                    )
                case ZoneArmed(unquiet=unquiet) if unquiet:
                    said = f"{what}; not quiet: {', '.join(unquiet)}"
                    return VisitReply(accepted=True, reason=said, recorded=recorded)
                case ZoneArmed() | ZoneDisarmed() | PointShunted() | PointShuntEnded():
                    return VisitReply(accepted=True, reason=what, recorded=recorded)
                case _:
                    continue
        return VisitReply(accepted=False, reason="the core did not answer")
