"""Lines brought to another speed by hand: what is durable comes first, as with keys.

That a change is under way is on the disk and on record before any device is told. Whatever is cut
off in between, the next start looks for the devices at both speeds.

Nobody's way out and no lock has to wait for it: none begins while a fire is latched or a posture is
ordered, and a command that frees or locks calls off what is under way.
"""

import asyncio
import logging

from controller.events_devices import ServiceStep
from controller.posture import MODES
from controller.state import SiteState
from drivers.api import Fact
from drivers.family import SerialLine
from drivers.upkeep import ChangeSpeed, Maintained, RecallSpeed, SpeedHeard, SpeedSettled
from edge.config import Config
from edge.control.messages_devices import ChangeLineSpeed, ServiceReply
from edge.daemon import Daemon
from edge.line_speeds import LineSpeed, keep_speed, speed_of
from edge.service_record import service_on_record
from policies.problems import did_you_mean

CHANGE_WITHIN_S = 120.0
"""Longer than a change that looks for absent devices at both speeds."""

CALLED_OFF = "called off, for a door had to free or lock"

log = logging.getLogger(__name__)


class SpeedUpkeep:
    """One daemon's. `recall` before its lines are served, then `heard` for its facts, in order."""

    def __init__(self, daemon: Daemon, config: Config) -> None:
        self._daemon = daemon
        self._state = config.state
        self._lines = tuple(config.lines)
        self._written: dict[str, int] = {}
        self._drivers: dict[str, Maintained] = {}
        self._line_of: dict[str, str] = {}
        for name, driver in daemon.drivers.items():
            options = config.lines[name][1].options if name in config.lines else None
            if isinstance(driver, Maintained) and isinstance(options, SerialLine):
                self._written[name] = options.baud
                self._drivers[name] = driver
                self._line_of |= dict.fromkeys(driver.devices, name)
        self._first = {name: driver.devices[0] for name, driver in self._drivers.items()}
        self._waiting: dict[str, asyncio.Future[ServiceReply]] = {}

    def recall(self) -> None:
        """Tell the drivers at which speed their lines were left."""
        for name, written in self._written.items():
            kept = speed_of(self._state, name, written)
            if kept.baud == written and kept.other is None:
                self._forget(name, kept)
                continue
            order = RecallSpeed(device=self._first[name], baud=kept.baud, other=kept.other)
            try:
                self._drivers[name].upkeep(order)
            except ValueError as error:
                log.error("line %s: %s", name, error)

    def _forget(self, name: str, kept: LineSpeed) -> None:
        """What was kept of an earlier site file counts no more, whatever the next one says."""
        try:
            keep_speed(self._state, name, kept)
        except OSError as error:
            log.error("the speed of line %s cannot be forgotten: %s", name, error.strerror)

    async def change(self, step: ChangeLineSpeed, operator: str) -> ServiceReply:
        """Bring a line to another speed; its end, in words."""
        refusal = self._refusal(step)
        if refusal is not None:
            return refusal
        name = step.line
        answer: asyncio.Future[ServiceReply] = asyncio.get_running_loop().create_future()
        self._waiting[name] = answer
        try:
            return await self._begin(step, operator, answer)
        finally:
            self._waiting.pop(name, None)

    def _refusal(self, step: ChangeLineSpeed) -> ServiceReply | None:
        name = step.line
        if name not in self._lines:
            hint = did_you_mean(name, self._lines) or f"there are: {', '.join(self._lines)}"
            return ServiceReply(accepted=False, reason=f"no line '{name}'", remedy=hint)
        if name not in self._drivers:
            reason = f"the devices of line '{name}' cannot be told another speed"
            return ServiceReply(accepted=False, reason=reason, remedy="set it at the devices")
        if name in self._waiting:
            reason = f"work on line '{name}' is under way"
            return ServiceReply(accepted=False, reason=reason, remedy="wait for its end")
        if self._daemon.recorder.down:
            reason = "the journal cannot be written; it would not be on record"
            return ServiceReply(accepted=False, reason=reason, remedy="mend the disk first")
        emergency = emergency_of(self._daemon.site.state)
        if emergency:
            reason = f"{emergency}: doors must free or lock at once, and no reader may be away"
            return ServiceReply(accepted=False, reason=reason, remedy="try again when that is over")
        return None

    async def _begin(
        self, step: ChangeLineSpeed, operator: str, answer: asyncio.Future[ServiceReply]
    ) -> ServiceReply:
        name = step.line
        kept = self._kept(name)
        began = LineSpeed(kept.written, kept.baud, other=step.baud)
        detail = f"from {kept.baud} to {step.baud} baud"
        try:
            await asyncio.to_thread(keep_speed, self._state, name, began)
        except OSError as error:
            reason = f"it cannot be kept: {error.strerror}"
            return ServiceReply(accepted=False, reason=reason, remedy="make room on the disk")
        if not await service_on_record(
            self._daemon, name, ServiceStep.SPEED_BEGUN, detail, operator
        ):
            await self._keep(name, kept)
            reason = "the journal cannot be written; it would not be on record"
            return ServiceReply(accepted=False, reason=reason, remedy="mend the disk first")
        try:
            self._order(name, step.baud)
        except ValueError as error:
            await self._keep(name, kept)
            await service_on_record(self._daemon, name, ServiceStep.SPEED_KEPT, str(error))
            return ServiceReply(
                accepted=False, reason=str(error), remedy="see `sentrypost device list`"
            )
        try:
            async with asyncio.timeout(CHANGE_WITHIN_S):
                return await answer
        except TimeoutError:
            reason = "its devices are still looked for, at both speeds"
            return ServiceReply(accepted=False, reason=reason, remedy="`sentrypost watch` tells")

    def _order(self, name: str, baud: int) -> None:
        """Raises ValueError, for people: also for what has happened since it was asked for."""
        emergency = emergency_of(self._daemon.site.state)
        if emergency:
            raise ValueError(emergency)
        self._drivers[name].upkeep(ChangeSpeed(device=self._first[name], baud=baud))

    async def heard(self, fact: Fact) -> None:
        """A change is over, or somebody answers at another speed."""
        name = self._line_of.get(fact.device)
        if name is None:
            return
        if isinstance(fact, SpeedSettled):
            await self._settled(name, fact)
        elif isinstance(fact, SpeedHeard):
            at = self._kept(name).baud
            await service_on_record(
                self._daemon,
                name,
                ServiceStep.SPEED_HEARD,
                f"nobody answers at {at} baud, and somebody at {fact.baud}",
            )

    async def _settled(self, name: str, fact: SpeedSettled) -> None:
        kept = self._kept(name)
        changed = fact.baud == kept.other
        missing = f"; not found: {', '.join(fact.missing)}" if fact.missing else ""
        called_off = f"; {CALLED_OFF}" if fact.called_off else ""
        detail = f"{fact.baud} baud{missing}{called_off}"
        step = ServiceStep.SPEED_CHANGED if changed else ServiceStep.SPEED_KEPT
        await service_on_record(self._daemon, name, step, detail)
        await self._keep(name, LineSpeed(kept.written, fact.baud))
        answer = self._waiting.get(name)
        if answer is not None and not answer.done():
            reason = f"it is at {detail}"
            remedy = "" if changed else "see to the devices that did not follow, and try again"
            if fact.called_off and not fact.missing:
                remedy = "try again when that is over"
            answer.set_result(ServiceReply(accepted=changed, reason=reason, remedy=remedy))

    def _kept(self, name: str) -> LineSpeed:
        return speed_of(self._state, name, self._written[name])

    async def _keep(self, name: str, speed: LineSpeed) -> None:
        try:
            await asyncio.to_thread(keep_speed, self._state, name, speed)
        except OSError as error:
            # The next start looks for its devices at both speeds.
            log.error("the speed of line %s cannot be kept: %s", name, error.strerror)


def emergency_of(state: SiteState) -> str:
    """What is in force in which doors must obey at once, in words; empty in calm times."""
    if any(fire.latched for fire in state.fires.values()):
        return "a fire is latched"
    ordered = {one.order.kind for one in state.orders.in_force.values() if one.acts}
    kind = next((kind for kind in MODES if kind in ordered), None)
    return "" if kind is None else f"an order is in force ({kind})"
