"""An RS-485 line in virtual time: the OSDP machine of the edge at one end, readers at the other.

Bytes take the time that the baud rate gives them. While nothing but idle polls would pass, the
line is not run and the machine's clock stands still: a day has millions of polls that say nothing.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context, copy_context
from random import Random

from msgspec.structs import replace

from drivers.api import (
    Command,
    CommandEnded,
    DeviceOffline,
    DeviceOnline,
    Fact,
    LinkLostError,
    Pulse,
    Report,
    Stands,
    Tap,
)
from drivers.osdp.bus import Bus
from drivers.osdp.config import LineConfig
from simulators.osdp_line import flip_one_bit
from simulators.osdp_reader import SimulatedReader
from simulators.virtual.loop import VirtualLoop, virtual_loop

TURNAROUND_S = 0.003
"""What a reader needs between a command's last byte and its reply's first (clause 5.8)."""

BITS_PER_BYTE = 10
ADDRESS_AT = 2
"""Where a frame's address stands behind the marking byte and the start byte."""


class Wire:
    """The cable with its readers, which outlives every daemon that speaks on it."""

    def __init__(
        self, name: str, readers: Sequence[SimulatedReader], baud: int, chance: Random
    ) -> None:
        self.name = name
        self.readers = {reader.address: reader for reader in readers}
        self.plugged = True
        self.noise = 0.0
        self.driver: WireDriver | None = None
        self._loop = virtual_loop()
        self._byte_s = BITS_PER_BYTE / baud
        self._chance = chance
        self._timers: dict[int, asyncio.TimerHandle] = {}
        for reader in readers:
            reader.on_news = self.wake

    def wake(self) -> None:
        """Something happened at a reader, or to the line: it has to be run."""
        if self.driver is not None:
            self.driver.wake()

    @property
    def is_quiet(self) -> bool:
        """Whether polls would bring nothing and an absent reader stays absent."""
        return self.noise == 0 and not any(
            reader.has_news for reader in self.readers.values() if not reader.silent
        )

    def unplug(self) -> None:
        """Pull the adapter out."""
        self.plugged = False
        if self.driver is not None:
            self.driver.unplugged()

    def replug(self) -> None:
        self.plugged = True

    def left_out(self, for_ns: int) -> None:
        """Idle polls of so long were not run; the readers have not missed them."""
        for reader in self.readers.values():
            reader.idle_polls_left_out(for_ns)

    def carry(self, data: bytes, driver: "WireDriver") -> None:
        """Bytes of the panel are on the line: whoever sent them may be dead when they arrive."""
        self._loop.outside(len(data) * self._byte_s, self._arrived, data, driver)

    def _arrived(self, data: bytes, driver: "WireDriver") -> None:
        reader = self.readers.get(data[ADDRESS_AT] & 0x7F)
        if reader is None or not self.plugged:
            return
        reply = reader.receive(self._disturbed(data), self._loop.now_ns())
        self._follow(reader)
        if reply:
            driver.expect(self._disturbed(reply), TURNAROUND_S + len(reply) * self._byte_s)

    def _disturbed(self, data: bytes) -> bytes:
        if self.noise and self._chance.random() < self.noise:
            return flip_one_bit(data, self._chance)
        return data

    def _follow(self, reader: SimulatedReader) -> None:
        """Timed outputs resume at their time, with nobody's help."""
        timer = self._timers.pop(reader.address, None)
        if timer is not None:
            timer.cancel()
        due_ns = reader.deadline()
        if due_ns is not None:
            delay_s = max(0, due_ns - self._loop.now_ns()) / 1e9
            self._timers[reader.address] = self._loop.outside(delay_s, self._resume, reader)

    def _resume(self, reader: SimulatedReader) -> None:
        reader.handle_deadline(self._loop.now_ns())
        self._follow(reader)
        self.wake()


class WireDriver:
    """The edge's end of a wire, `drivers.api.Driver`: the real `Bus`, without a port.

    `mono_ns` is the monotonic clock of the machine that the edge runs on. `sending(command)` is
    told of every lock command at the moment its bytes go out.
    """

    def __init__(
        self,
        config: LineConfig,
        wire: Wire,
        entropy: Callable[[int], bytes],
        mono_ns: Callable[[], int],
        sending: Callable[[Command], None],
    ) -> None:
        self._config = config
        self._wire = wire
        self._mono_ns = mono_ns
        self._sending = sending
        self._bus = Bus(config, entropy)
        self._loop: VirtualLoop = virtual_loop()
        self._context: Context = copy_context()
        self._report: Report | None = None
        self._stands: Stands | None = None
        self._lost: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._telling = False
        self._stood_ns = 0
        """By how much the machine's clock is behind: all the time in which the line was not run."""
        self._parked_ns: int | None = None
        self._told: dict[str, bool] = {}
        self._absent = {r.name: wire.readers.get(r.address) for r in config.readers}
        self.turns = 0

    @property
    def devices(self) -> tuple[str, ...]:
        return tuple(reader.name for reader in self._config.readers)

    async def run(self, report: Report, stands: Stands) -> None:
        """See `drivers.api.Driver.run`."""
        self._context = copy_context()
        self._report, self._stands = report, stands
        reason = "the line was closed"
        try:
            if not self._wire.plugged:
                raise LinkLostError(f"{self._wire.name}: no such port: plug the adapter in")
            self._lost = self._loop.create_future()
            self._wire.driver = self
            self._bus.start(self._now_ns(), self._still_stands)
            self._turn()
            await self._lost
        except LinkLostError as error:
            reason = str(error)
            raise
        finally:
            self._resume()
            if self._wire.driver is self:
                self._wire.driver = None
            self._lost = None
            self._cancel_timer()
            self._bus.stop(self._now_ns(), reason)
            self._tell()

    def submit(self, command: Command) -> None:
        """See `drivers.api.Driver.submit`."""
        self._resume()
        self._bus.submit(self._inwards(command), self._now_ns())
        self._tell()
        self._turn_soon()

    def watch(self, tap: Tap | None) -> None:
        """See `drivers.api.Driver.watch`."""
        self._bus.tap = tap

    def wake(self) -> None:
        """The line has to be run: called by the world, in nobody's context."""
        self._loop.call_soon(self._woken, context=self._context)

    def unplugged(self) -> None:
        """The adapter was pulled out."""
        self._loop.call_soon(self._lose, context=self._context)

    def expect(self, reply: bytes, delay_s: float) -> None:
        """A reply is on the line."""
        self._loop.call_later(delay_s, self._heard, reply, context=self._context)

    # --- inside the edge's process ------------------------------------------------------------

    def _woken(self) -> None:
        if self._lost is not None:
            self._resume()
            self._turn()

    def _lose(self) -> None:
        if self._lost is not None and not self._lost.done():
            self._lost.set_exception(LinkLostError(f"{self._wire.name}: unplugged"))

    def _heard(self, reply: bytes) -> None:
        if self._lost is not None:
            self._bus.receive(reply, self._now_ns())
            self._turn()

    def _turn(self) -> None:
        self._cancel_timer()
        if self._lost is None:
            return
        self.turns += 1
        self._bus.handle_deadline(self._now_ns())
        self._tell()
        if self._may_park():
            self._parked_ns = self._mono_ns()
            return
        data = self._bus.bytes_to_send(self._now_ns())
        self._tell()
        if data:
            self._wire.carry(data, self)
        due_ns = self._bus.deadline()
        if due_ns is not None and self._parked_ns is None:
            self._rest((due_ns - self._now_ns()) / 1e9)

    def _turn_soon(self) -> None:
        if self._lost is not None:
            self._rest(0)

    def _rest(self, for_s: float) -> None:
        self._cancel_timer()
        # A whole microsecond at least: what fell due between two of them comes with the next.
        delay_s = max(for_s, 1e-6) if for_s else 0
        self._timer = self._loop.call_later(delay_s, self._turn, context=self._context)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _may_park(self) -> bool:
        due_ns = self._bus.deadline()
        if not self._bus.is_idle or not self._wire.is_quiet:
            return False
        if due_ns is None or due_ns <= self._now_ns():
            return False  # a poll is due: the machine's own time has passed for everybody
        return all(
            self._told.get(name, False) is not (reader is None or reader.silent)
            for name, reader in self._absent.items()
        )

    def _resume(self) -> None:
        if self._parked_ns is not None:
            stood_ns = self._mono_ns() - self._parked_ns
            self._parked_ns = None
            self._stood_ns += stood_ns
            self._wire.left_out(stood_ns)

    # --- between the edge's clock and the machine's -------------------------------------------

    def _now_ns(self) -> int:
        now_ns = self._mono_ns() if self._parked_ns is None else self._parked_ns
        return now_ns - self._stood_ns

    def _inwards(self, command: Command) -> Command:
        if command.not_after_ns is None:
            return command
        return replace(command, not_after_ns=command.not_after_ns - self._stood_ns)

    def _still_stands(self, command: Command) -> bool:
        """The core's word at the moment the bytes are due, in this same step."""
        stands = self._stands is not None and self._stands(command)
        if stands and isinstance(command.action, Pulse):
            self._sending(command)
        return stands

    def _tell(self) -> None:
        if self._report is None or self._telling:
            return
        self._telling = True
        try:
            while (fact := self._bus.next_fact()) is not None:
                self._report(self._outwards(fact))
        finally:
            self._telling = False

    def _outwards(self, fact: Fact) -> Fact:
        if isinstance(fact, DeviceOnline | DeviceOffline):
            self._told[fact.device] = isinstance(fact, DeviceOnline)
        if isinstance(fact, CommandEnded) and fact.sent_ns is not None:
            fact = replace(fact, sent_ns=fact.sent_ns + self._stood_ns)
        return replace(fact, at_ns=fact.at_ns + self._stood_ns)
