"""Work on devices by hand: pairing, new keys, acceptance. What is durable comes first.

A new key is on the disk, and on record that it will be given, before the driver is told of it; the
former one goes when the device has proved the new one, and not before. Whatever is cut off in
between, the next start tries both.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from controller.events_devices import ServiceStep
from drivers.api import DeviceOnline, Driver, Fact
from drivers.family import files_named
from drivers.upkeep import (
    Accept,
    DeviceChanged,
    DeviceProfiled,
    KeyProven,
    Maintained,
    Pair,
    PairingEnded,
    Recall,
    Rekey,
    SpeedHeard,
    SpeedSettled,
    Upkeep,
)
from edge.config import Config
from edge.control.messages_devices import (
    AcceptDevice,
    ChangeLineSpeed,
    DeviceStep,
    PairDevice,
    RekeyDevice,
    ServiceReply,
)
from edge.credentials import file_named
from edge.daemon import Daemon
from edge.device_keys import (
    DeviceKeyError,
    begin,
    keep_profile,
    profile_of,
    settle,
    successor_of,
)
from edge.service_record import service_on_record
from edge.speed_upkeep import SpeedUpkeep
from policies.problems import did_you_mean

REKEY_WITHIN_S = 40.0
"""What a person waits for a device to prove its new key; the daemon waits on. Longer than a driver
leaves it open whether one that still proves its old key is about to write the new one.
"""

PAIR_MORE_S = 5.0
"""Beyond the time of a pairing, which the driver ends by its own clock."""

KEY = "key"
"""The key of a device's table that names its key file."""

log = logging.getLogger(__name__)


class DeviceUpkeep:
    """One daemon's. `recall` before its lines are served, then `run` beside it."""

    def __init__(self, daemon: Daemon, config: Config, entropy: Callable[[int], bytes]) -> None:
        self._daemon = daemon
        self._state = config.state
        self._entropy = entropy
        self._names = tuple(config.devices)
        self._config = config
        self._drivers = maintained(daemon.drivers)
        self._files = _key_files(config, self._drivers)
        self._speeds = SpeedUpkeep(daemon, config)
        self._facts: asyncio.Queue[Fact] = asyncio.Queue()
        self._waiting: dict[str, asyncio.Future[ServiceReply]] = {}
        self._pairing: set[str] = set()
        self._changed: set[str] = set()
        daemon.devices.listener = self._heard

    def recall(self) -> None:
        """Tell the drivers what earlier runs have left of their lines and devices."""
        self._speeds.recall()
        recall(self._config, self._daemon.drivers)

    async def run(self) -> None:
        """See to what devices have proved, in order, until cancelled."""
        while True:
            fact = await self._facts.get()
            await self._see_to(fact)
            await self._speeds.heard(fact)

    async def change(self, step: DeviceStep | ChangeLineSpeed, operator: str) -> ServiceReply:
        """As `edge.control.desk_devices.Devices` has it."""
        if isinstance(step, ChangeLineSpeed):
            return await self._speeds.change(step, operator)
        refusal = self._refusal(step)
        if refusal is not None:
            return refusal
        answer: asyncio.Future[ServiceReply] = asyncio.get_running_loop().create_future()
        self._waiting[step.device] = answer
        try:
            match step:
                case PairDevice():
                    return await self._pair(step, operator, answer)
                case RekeyDevice():
                    return await self._rekey(step.device, operator, answer)
                case AcceptDevice():
                    return await self._accept(step.device, operator)
        finally:
            self._waiting.pop(step.device, None)

    def _refusal(self, step: DeviceStep) -> ServiceReply | None:
        """What speaks against it before anything is done."""
        name = step.device
        if name not in self._names:
            hint = did_you_mean(name, self._names) or "`sentrypost device list` names them"
            return ServiceReply(accepted=False, reason=f"no device '{name}'", remedy=hint)
        if name not in self._files:
            reason = f"'{name}' has no key: its driver knows none"
            return ServiceReply(accepted=False, reason=reason, remedy="replace it, or guard it")
        if name in self._waiting:
            return ServiceReply(
                accepted=False, reason=f"work on '{name}' is under way", remedy="wait for its end"
            )
        if self._daemon.recorder.down:
            reason = "the journal cannot be written; it would not be on record"
            return ServiceReply(accepted=False, reason=reason, remedy="mend the disk first")
        online = bool(self._daemon.devices.of(name).online)
        if isinstance(step, PairDevice) and online:
            return ServiceReply(
                accepted=False,
                reason=f"'{name}' has a key of its own, and answers under it",
                remedy=f"to give it another: sentrypost device rekey {name}",
            )
        if isinstance(step, RekeyDevice) and not online:
            return ServiceReply(
                accepted=False,
                reason=f"'{name}' does not answer under its own key",
                remedy="a new key is given in its session alone; see `sentrypost device list`",
            )
        if isinstance(step, AcceptDevice) and name not in self._changed:
            return ServiceReply(
                accepted=False,
                reason=f"nothing speaks against '{name}'",
                remedy="see `sentrypost device list`",
            )
        return None

    # --- what is asked -----------------------------------------------------------------------

    async def _pair(
        self, step: PairDevice, operator: str, answer: asyncio.Future[ServiceReply]
    ) -> ServiceReply:
        name = step.device
        opened = ServiceStep.PAIRING_OPENED

        def order(key: bytes) -> Upkeep:
            until_us = self._daemon.now().mono_us + step.seconds * 1_000_000
            return Pair(device=name, key=key, until_ns=until_us * 1_000)

        self._pairing.add(name)
        refusal = await self._give(name, opened, f"for {step.seconds} s", operator, order)
        if refusal is not None:
            self._pairing.discard(name)
            return refusal
        return await self._answered(name, answer, step.seconds + PAIR_MORE_S)

    async def _rekey(
        self, name: str, operator: str, answer: asyncio.Future[ServiceReply]
    ) -> ServiceReply:
        refusal = await self._give(
            name, ServiceStep.REKEY_BEGUN, "", operator, lambda key: Rekey(device=name, key=key)
        )
        return refusal or await self._answered(name, answer, REKEY_WITHIN_S)

    async def _give(
        self,
        name: str,
        step: ServiceStep,
        detail: str,
        operator: str,
        order: Callable[[bytes], Upkeep],
    ) -> ServiceReply | None:
        """A key on the disk, then on record, then to the driver; a refusal where that fails."""
        file = self._files[name]
        lay_there = await asyncio.to_thread(successor_of, file) is not None
        try:
            key = await asyncio.to_thread(begin, file, self._entropy)
        except DeviceKeyError as error:
            return ServiceReply(accepted=False, reason=str(error), remedy=error.remedy)
        reason = "the journal cannot be written; it would not be on record"
        if await service_on_record(self._daemon, name, step, detail, operator):
            try:
                self._drivers[name].upkeep(order(key))
                return None
            except ValueError as error:
                reason = str(error)
                await service_on_record(self._daemon, name, ServiceStep.KEY_KEPT, reason)
        if not lay_there:
            await self._settle(name, successor=False)
        return ServiceReply(accepted=False, reason=reason, remedy="try again")

    async def _accept(self, name: str, operator: str) -> ServiceReply:
        if not await service_on_record(self._daemon, name, ServiceStep.ACCEPTED, "", operator):
            reason = "the journal cannot be written; it would not be on record"
            return ServiceReply(accepted=False, reason=reason, remedy="mend the disk first")
        try:
            self._drivers[name].upkeep(Accept(device=name))
        except ValueError as error:
            return ServiceReply(accepted=False, reason=str(error), remedy="look at it again")
        self._changed.discard(name)
        return ServiceReply(accepted=True, reason="it is believed as it is now")

    async def _answered(
        self, name: str, answer: asyncio.Future[ServiceReply], within_s: float
    ) -> ServiceReply:
        try:
            async with asyncio.timeout(within_s):
                return await answer
        except TimeoutError:
            return ServiceReply(
                accepted=False,
                reason=f"'{name}' has not said which key it has; both are tried until it does",
                remedy="see to its power and wiring; `sentrypost watch` tells how it ends",
            )

    # --- what devices prove --------------------------------------------------------------------

    def _heard(self, fact: Fact) -> None:
        """A fact from a driver, on the event loop."""
        match fact:
            case SpeedSettled() | SpeedHeard():
                self._facts.put_nowait(fact)
            case _ if fact.device not in self._files:
                return
            case KeyProven() | PairingEnded() | DeviceProfiled():
                self._facts.put_nowait(fact)
            case DeviceChanged():
                self._changed.add(fact.device)
            case DeviceOnline():
                self._changed.discard(fact.device)

    async def _see_to(self, fact: Fact) -> None:
        name = fact.device
        match fact:
            case KeyProven(successor=successor):
                paired = name in self._pairing
                self._pairing.discard(name)
                step = ServiceStep.KEY_KEPT
                if successor:
                    step = ServiceStep.PAIRED if paired else ServiceStep.REKEYED
                await service_on_record(
                    self._daemon, name, step, self._daemon.devices.of(name).identity
                )
                await self._settle(name, successor=successor)
                self._answer(name, _PROVEN[step], accepted=successor)
            case PairingEnded(is_out=is_out, reason=reason):
                self._pairing.discard(name)
                kept = "; it may have the new key, which is tried from here on" if is_out else ""
                await service_on_record(
                    self._daemon, name, ServiceStep.PAIRING_ENDED, reason + kept
                )
                if not is_out:
                    await self._settle(name, successor=False)
                self._answer(name, f"it was not paired: {reason}{kept}", accepted=False)
            case DeviceProfiled(profile=profile):
                try:
                    await asyncio.to_thread(keep_profile, self._state, name, profile)
                except OSError as error:
                    log.error("what %s is cannot be kept: %s", name, error.strerror)

    async def _settle(self, name: str, *, successor: bool) -> None:
        try:
            await asyncio.to_thread(settle, self._files[name], successor=successor)
        except OSError as error:
            # Both stay, and the next start tries both.
            log.error("the key file of %s cannot be changed: %s", name, error.strerror)

    def _answer(self, name: str, reason: str, *, accepted: bool) -> None:
        answer = self._waiting.get(name)
        if answer is not None and not answer.done():
            remedy = "" if accepted else "see to the device, and try again"
            answer.set_result(ServiceReply(accepted=accepted, reason=reason, remedy=remedy))


_PROVEN: Mapping[ServiceStep, str] = {
    ServiceStep.PAIRED: "it is paired: it has proved its new key",
    ServiceStep.REKEYED: "it has proved its new key; the former one is worth nothing",
    ServiceStep.KEY_KEPT: "it has proved its former key, and keeps it",
}


def maintained(drivers: Mapping[str, Driver]) -> dict[str, Maintained]:
    """By device, the drivers whose devices have keys."""
    return {
        name: driver
        for driver in drivers.values()
        if isinstance(driver, Maintained)
        for name in driver.devices
    }


def recall(config: Config, drivers: Mapping[str, Driver]) -> None:
    """Tell the drivers what earlier runs have left of their devices, before lines are served."""
    known = maintained(drivers)
    for name, file in _key_files(config, known).items():
        successor, profile = successor_of(file), profile_of(config.state, name)
        try:
            known[name].upkeep(Recall(device=name, successor=successor, profile=profile))
        except ValueError as error:
            # What is kept of it is damaged: it is met anew, and that is on record.
            log.error("%s: %s", name, error)


def _key_files(config: Config, drivers: Mapping[str, Maintained]) -> dict[str, Path]:
    """Where the key of each device lies that has one."""
    found = {}
    for name in drivers:
        key = files_named(config.devices[name]).get(KEY)
        if key is not None:
            found[name] = file_named(key, config.file.parent)
    return found
