"""The conformance kit: what a bad line or a bad device does to a driver, and what must hold then.

A driver takes part by a `Subject`: how to make it with a simulated device at the far end of a real
port, and one exchange that works when all is well. Each trial lets the exchange work, does
something to line or device, and asks afterwards: it works again; nothing was believed that the
device did not say; the device did nothing that it was not told; the driver stops within a second
and leaves no task and no open file behind. `tests/drivers/test_conformance.py` has the list.
"""

import asyncio
import gc
import random
import tracemalloc
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec

from drivers.api import (
    Action,
    CardRead,
    CodeRead,
    Command,
    CommandEnded,
    DeviceOffline,
    DeviceOnline,
    Driver,
    DriverError,
    Fact,
    InputsReported,
    KeysPressed,
    Outcome,
    OutputsReported,
    Priority,
    TamperReported,
)
from simulators.serial_line import Treatment, untouched
from tests.descriptors import descriptors
from tests.drivers import hasty
from tests.drivers.hasty import clock_ns

F = TypeVar("F", bound=Fact)
SEED = 20_261_122
MS = 1_000_000
PATIENCE_S = 300.0  # of the loop's own time, which does not wait
STOP_WITHIN_S = 1.0
OFFLINE_WITHIN_S = 3.0
AGAIN_AFTER_S = 0.02
SETTLED_S = 1.0  # whatever a device was told before is over
RESTART_PAUSE_S = 0.05
FLOOD = 40 * 1024  # of each kind
HOARD_MAX = FLOOD * 3 // 4
FORGOTTEN_WITHIN = 20  # tenths of a second
FACTS_KEPT = 200
SHOWN = (CardRead, CodeRead, KeysPressed)
STATEMENTS = (CardRead, KeysPressed, InputsReported, OutputsReported, TamperReported)


class Line(Protocol):
    """The port and the cable between driver and device (`simulators.serial_line`)."""

    treatment: Treatment

    def say(self, data: bytes) -> None: ...

    def write(self, data: bytes) -> int: ...

    def unplug(self) -> None: ...

    def replug(self) -> None: ...


class Bench(Protocol):
    """One driver and the device that it speaks to, for one trial."""

    line: Line
    driver: Driver
    device: str

    async def exchange(self, watch: "Watch") -> None:
        """One exchange that works whenever all is well; returns when it has worked.

        A badge that is read, a command that is confirmed and seen to be obeyed.
        """
        ...

    def is_true(self, fact: Fact) -> bool:
        """Whether the device said so: a badge that was shown, inputs as they are or were."""
        ...

    def acts(self) -> int:
        """How often the device did something (an output that changed) until now."""
        ...

    def sample(self) -> bytes:
        """Something well-formed that the device says, for cutting up and for a flood."""
        ...


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A driver in the kit.

    `command` is one that opens or switches something, None for a device that takes none.
    `notices_silence`: the driver asks, and so knows that nobody answers. `slow_s` is the longest
    answer that it must still wait for. `bench` is given a folder for the port's name. `run` runs
    a scenario: in a loop that does not wait, or, where threads and other processes take part, in
    real time. `pace`: how much of the kit's own rests is enough. `seed`: what noise is drawn from.
    """

    family: str
    bench: Callable[[Path], AbstractAsyncContextManager[Bench]]
    command: Action | None = None
    notices_silence: bool = True
    slow_s: float = 0.05
    run: Callable[[Coroutine[Any, Any, None]], None] = hasty.run
    pace: float = 1.0
    seed: int = SEED

    async def rest(self, s: float) -> None:
        """Let time pass."""
        await asyncio.sleep(s * self.pace)


class Watch:
    """What stands above a driver: hears facts, submits, runs it again when its line is lost.

    `false` is what was believed and not said, `stands` whether commands are still wanted.
    """

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.facts: deque[Fact] = deque(maxlen=FACTS_KEPT)
        self.false: list[Fact] = []
        self.misplaced: list[str] = []
        self.online: bool | None = None
        self.stands = True
        self.losses: list[str] = []
        self.ended: dict[str, list[Outcome]] = {}
        self._heard = asyncio.Event()

    def start(self) -> None:
        """Let the driver run."""
        self._task = asyncio.create_task(self._supervise(), name="driver under trial")

    async def stop(self) -> None:
        """Stop it, and see that it stopped as it must."""
        self._task.cancel()
        done, _ = await asyncio.wait([self._task], timeout=STOP_WITHIN_S)
        assert done, f"still running {STOP_WITHIN_S} s after it was cancelled"
        if not self._task.cancelled():
            self._task.result()
        assert self.online is False, "offline is told before run ends"
        unended = [command for command, ends in self.ended.items() if len(ends) != 1]
        assert not unended, "every command ends exactly once"

    async def _supervise(self) -> None:
        while True:
            try:
                await self.bench.driver.run(self.hear, lambda command: self.stands)
            except DriverError as error:
                self.losses.append(str(error))
                if self.online is not False:
                    self.misplaced.append("run ended before the device was told offline")
            await asyncio.sleep(RESTART_PAUSE_S)

    def hear(self, fact: Fact) -> None:
        """A fact from the driver."""
        if self.online is None and not isinstance(fact, DeviceOnline | DeviceOffline):
            self.misplaced.append(f"{type(fact).__name__} before online or offline")
        if isinstance(fact, DeviceOnline | DeviceOffline):
            self.online = isinstance(fact, DeviceOnline)
        if isinstance(fact, CommandEnded):
            self.ended.setdefault(fact.command, []).append(fact.outcome)
        if isinstance(fact, STATEMENTS) and not self.bench.is_true(fact):
            self.false.append(fact)
        if fact.device not in self.bench.driver.devices:
            self.misplaced.append(f"{type(fact).__name__} of a device that is not on the line")
        self.facts.append(fact)
        self._heard.set()

    def of(self, kind: type[F]) -> list[F]:
        """The latest facts of a kind."""
        return [fact for fact in self.facts if isinstance(fact, kind)]

    async def until(self, true: Callable[[], object], within_s: float = PATIENCE_S) -> None:
        """Wait for a fact that makes it true."""
        async with asyncio.timeout(within_s):
            while not true():
                self._heard.clear()
                await self._heard.wait()

    async def again(self, act: Callable[[], object], true: Callable[[], object]) -> None:
        """Do something again and again until it has worked."""
        async with asyncio.timeout(PATIENCE_S):
            while not true():
                act()
                for _ in range(25):
                    await asyncio.sleep(AGAIN_AFTER_S)
                    if true():
                        return

    def submit(self, action: Action, *, within_ms: int = 5_000) -> str:
        """Give the device a command."""
        command = Command(
            id=f"c{len(self.ended)}",
            device=self.bench.device,
            action=action,
            priority=Priority.PASSAGE,
            not_after_ns=clock_ns() + within_ms * MS,
        )
        self.ended[command.id] = []
        self.bench.driver.submit(command)
        return command.id

    async def outcome(self, command: str) -> Outcome:
        """What became of a command."""
        await self.until(lambda: self.ended[command])
        return self.ended[command][0]

    async def confirmed(self, action: Action) -> None:
        """Give it a command until it has obeyed: a link may have to be built up anew."""
        async with asyncio.timeout(PATIENCE_S):
            while await self.do(action) is not Outcome.CONFIRMED:
                await asyncio.sleep(AGAIN_AFTER_S)

    async def do(self, action: Action) -> Outcome:
        """Give the device a command and wait for its end."""
        return await self.outcome(self.submit(action))

    async def unless_lost(self, action: Action, *, within_ms: int = 5_000) -> Outcome:
        """The same, once more whenever the link was built up anew just then."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                outcome = await self.outcome(self.submit(action, within_ms=within_ms))
                if outcome is not Outcome.LOST:
                    return outcome
                await asyncio.sleep(AGAIN_AFTER_S)


Trial = Callable[[Subject, Bench, Watch], Awaitable[None]]


@asynccontextmanager
async def watched(subject: Subject, folder: Path) -> AsyncIterator[tuple[Bench, Watch]]:
    """A driver that runs; when it is left, that it stopped as it must."""
    files, tasks = descriptors(), asyncio.all_tasks()
    async with subject.bench(folder) as bench:
        watch = Watch(bench)
        watch.start()
        try:
            await bench.exchange(watch)
            yield bench, watch
        finally:
            await watch.stop()
        assert watch.false == [], "nothing is believed that was not said"
        assert watch.misplaced == []
    assert not descriptors() - files, "no open file is left"
    assert asyncio.all_tasks() == tasks, "no task is left"


def put(subject: Subject, trial: Trial, folder: Path) -> None:
    """Put one driver through one trial. Raises AssertionError or TimeoutError where it fails."""

    async def scenario() -> None:
        async with watched(subject, folder) as (bench, watch):
            await trial(subject, bench, watch)
            bench.line.treatment = untouched
            watch.stands = True
            await subject.rest(SETTLED_S)
            await bench.exchange(watch)

    subject.run(scenario())


async def disturbed(subject: Subject, bench: Bench, seconds: float, every_s: float = 0.01) -> None:
    """Let the device speak while the line is bad."""
    for _ in range(round(seconds * subject.pace / every_s)):
        bench.line.say(bench.sample())
        await asyncio.sleep(every_s)


# --- the trials -----------------------------------------------------------------------------------


async def silence(subject: Subject, bench: Bench, watch: Watch) -> None:
    """The device says nothing more: offline in time, and commands do not wait for its return."""
    acts = bench.acts()
    bench.line.treatment = lambda data: ()
    if not subject.notices_silence:
        await subject.rest(OFFLINE_WITHIN_S)
        return
    await watch.until(lambda: watch.online is False, within_s=OFFLINE_WITHIN_S)
    acts = bench.acts()
    if subject.command is not None:
        assert await watch.do(subject.command) is Outcome.LOST
    bench.line.treatment = untouched
    await watch.until(lambda: watch.online is True, within_s=OFFLINE_WITHIN_S)
    await subject.rest(SETTLED_S)
    assert bench.acts() == acts, "what was asked of an absent device is not done when it returns"


async def noise(subject: Subject, bench: Bench, watch: Watch) -> None:
    """A flipped bit in all that is said, and bytes that nobody said."""
    source, acts = random.Random(subject.seed), bench.acts()

    def noisy(data: bytes) -> list[tuple[float, bytes]]:
        damaged = bytearray(data)
        damaged[source.randrange(len(damaged))] ^= 1 << source.randrange(8)
        return [(0.0, source.randbytes(source.randrange(8))), (0.0, bytes(damaged))]

    bench.line.treatment = noisy
    await disturbed(subject, bench, 0.5)
    assert bench.acts() == acts


async def half_frames(subject: Subject, bench: Bench, watch: Watch) -> None:
    """Whatever is said breaks off, after one byte, after two, and so on."""
    acts, cuts = bench.acts(), iter(range(1_000_000))
    bench.line.treatment = lambda data: [(0.0, data[: next(cuts) % len(data)])]
    await disturbed(subject, bench, 0.5)
    assert bench.acts() == acts


async def byte_by_byte(subject: Subject, bench: Bench, watch: Watch) -> None:
    """Each byte comes alone: no difference."""
    bench.line.treatment = lambda data: [(0.001, bytes([byte])) for byte in data]
    await bench.exchange(watch)
    assert watch.losses == []


async def trailing_garbage(subject: Subject, bench: Bench, watch: Watch) -> None:
    """Behind all that is said come bytes that mean nothing."""
    source = random.Random(subject.seed)
    bench.line.treatment = lambda data: [(0.0, data + source.randbytes(1 + source.randrange(6)))]
    await subject.rest(0.5)


async def unplug_at_rest(subject: Subject, bench: Bench, watch: Watch) -> None:
    """The adapter is pulled out, and is back a little later."""
    bench.line.unplug()
    await watch.until(lambda: watch.online is False)
    acts = bench.acts()
    if subject.command is not None:
        assert await watch.do(subject.command) is Outcome.LOST
    await subject.rest(0.2)
    assert watch.losses, "the driver says that its line is gone"
    bench.line.replug()
    await watch.until(lambda: watch.online is True)
    await subject.rest(0.5)
    assert bench.acts() == acts, "nothing is done late"


async def unplug_in_flight(subject: Subject, bench: Bench, watch: Watch) -> None:
    """The adapter is pulled out while an answer is half said, again and again."""
    for cut in (1, 2, 5):
        losses = len(watch.losses)

        def torn(data: bytes, cut: int = cut) -> list[tuple[float, bytes]]:
            asyncio.get_running_loop().call_later(0.002, bench.line.unplug)
            return [(0.0, data[:cut])]

        bench.line.treatment = torn
        command = None if subject.command is None else watch.submit(subject.command)
        bench.line.say(bench.sample())
        await subject.rest(0.3)
        bench.line.unplug()
        await watch.until(lambda: watch.online is False)
        await subject.rest(SETTLED_S)
        assert len(watch.losses) > losses
        if command is not None:
            assert watch.ended[command] != [], "it ended when its line did"
        acts = bench.acts()
        bench.line.treatment = untouched
        bench.line.replug()
        await watch.until(lambda: watch.online is True)
        await subject.rest(SETTLED_S)
        assert bench.acts() == acts, "what its line took away is not done later"


async def flood(subject: Subject, bench: Bench, watch: Watch) -> None:
    """Far more bytes than a device ever says, random and well-formed: nothing piles up."""
    acts, chunk = bench.acts(), 1024
    random_bytes = random.Random(subject.seed).randbytes(chunk)
    for kind in (random_bytes, (bench.sample() * chunk)[:chunk], bench.sample()[:1] * chunk):
        tracemalloc.start()
        try:
            written = 0
            while written < FLOOD:
                room = bench.line.write(kind)
                written += room
                await asyncio.sleep(0 if room else 0.001)
            for _ in range(FORGOTTEN_WITHIN):
                await asyncio.sleep(0.1)
                gc.collect()
                hoarded, _ = tracemalloc.get_traced_memory()
                if hoarded < HOARD_MAX:
                    break
        finally:
            tracemalloc.stop()
        assert hoarded < HOARD_MAX, "what came is forgotten"
    assert bench.acts() == acts


async def slow_peer(subject: Subject, bench: Bench, watch: Watch) -> None:
    """The device takes its time with all that it says."""
    bench.line.treatment = lambda data: [(subject.slow_s, data)]
    await bench.exchange(watch)
    assert watch.losses == []


async def asked_once_more(subject: Subject, bench: Bench, watch: Watch) -> None:
    """What nobody wants any more, and what is too late, never leaves."""
    if subject.command is None:
        return
    acts = bench.acts()
    watch.stands = False
    withdrawn = await watch.unless_lost(subject.command)
    assert withdrawn is Outcome.WITHDRAWN, "what nobody wants any more does not leave"
    watch.stands = True
    late = await watch.unless_lost(subject.command, within_ms=-1)
    assert late is Outcome.EXPIRED, "nor does what is too late"
    await subject.rest(0.5)
    assert bench.acts() == acts


async def stop(subject: Subject, bench: Bench, watch: Watch) -> None:
    """Stopped within a second whatever goes on, with a command on its way; and run again."""
    source = random.Random(subject.seed)
    moments: tuple[Treatment, ...] = (
        untouched,
        lambda data: (),
        lambda data: [(0.0, data[:1])],
        lambda data: [(0.0, source.randbytes(512))] * 8,
    )
    for treatment in moments:
        bench.line.treatment = treatment
        if subject.command is not None:
            watch.submit(subject.command)
        await disturbed(subject, bench, 0.03)
        await watch.stop()
        watch.start()
        bench.line.treatment = untouched
        await watch.until(lambda: watch.online is True)
    bench.line.unplug()
    await watch.until(lambda: watch.online is False)
    await watch.stop()
    bench.line.replug()
    watch.start()


async def kept_by_the_port(subject: Subject, bench: Bench, watch: Watch) -> None:
    """What was said while nobody listened, and the port has kept, is no badge that is shown now."""
    acts = bench.acts()
    await watch.stop()
    for _ in range(3):
        bench.line.write(bench.sample())
    await subject.rest(0.1)
    watch.facts.clear()
    watch.start()
    await watch.until(lambda: watch.online is True)
    await subject.rest(SETTLED_S)
    assert not [fact for fact in watch.facts if isinstance(fact, SHOWN)], "it was shown before"
    assert bench.acts() == acts


TRIALS = (
    silence,
    noise,
    half_frames,
    byte_by_byte,
    trailing_garbage,
    unplug_at_rest,
    unplug_in_flight,
    flood,
    slow_peer,
    asked_once_more,
    stop,
    kept_by_the_port,
)
