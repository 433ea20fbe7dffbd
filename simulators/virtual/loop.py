"""asyncio in virtual time: a day passes as fast as its events can be worked off.

Where another loop would wait, this one moves its clock to the next timer. It has no sockets, no
threads, and no other source of order than what was scheduled, so that one seed gives one run.

A process that is killed is not cancelled: its `finally` blocks do not run. Every task and timer
belongs to the process in whose context it was made; `kill` drops what a process has pending, and
whatever would wake it later is dropped as well.
"""

import asyncio
from asyncio.base_events import BaseEventLoop
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from heapq import heappop, heappush
from itertools import count
from typing import Any, TypeVar, TypeVarTuple
from weakref import WeakSet

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

STEPS_AT_ONCE_MAX = 1_000_000
"""Turns of the loop without time passing: more is something that wakes itself for ever."""

RESOLUTION_S = 1e-9
"""Sums of floats that lie no farther apart are one moment."""

_PROCESS: ContextVar[object] = ContextVar("process")


class Stuck(RuntimeError):  # noqa: N818 - it says what happened
    """Nothing is scheduled and nothing is ready, or time does not pass any more."""


class VirtualLoop(BaseEventLoop):
    """An event loop whose clock starts at 0 and moves only when there is nothing left to do.

    Whoever asks it for a socket, a descriptor or a process gets NotImplementedError.
    """

    _ready: deque[Any]
    _scheduled: list[tuple[float, int, Any]]
    _stopping: bool

    def __init__(self) -> None:
        super().__init__()
        self._numbers = count()
        """Of two timers for one moment the older comes first."""
        self._now_s = 0.0
        self._steps = 0
        self._dead: set[object] = set()
        self._killed: list[asyncio.Task[Any]] = []
        self._tasks: dict[object, WeakSet[asyncio.Task[Any]]] = {}
        self.set_task_factory(self._make_task)
        self._outside = copy_context()

    def time(self) -> float:
        return self._now_s

    def now_ns(self) -> int:
        """The virtual monotonic clock, as `time.monotonic_ns`."""
        return round(self._now_s * 1e9)

    def _run_once(self) -> None:
        """What is due joins what is ready, and all that is ready now is done."""
        ready, scheduled = self._ready, self._scheduled
        if not ready and not self._stopping:
            self._pass_time()
        self._steps += 1
        if self._steps > STEPS_AT_ONCE_MAX:
            raise Stuck(f"at {self._now_s:.6f} s time does not pass any more")
        end_s = self._now_s + RESOLUTION_S
        while scheduled and scheduled[0][0] < end_s:
            ready.append(heappop(scheduled)[2])
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()

    def _pass_time(self) -> None:
        """Until the next timer that nobody has cancelled is due."""
        scheduled = self._scheduled
        while scheduled and scheduled[0][2]._cancelled:
            heappop(scheduled)
        if not scheduled:
            raise Stuck(f"at {self._now_s:.3f} s nothing is scheduled and nothing is ready")
        if scheduled[0][0] > self._now_s:
            self._now_s = scheduled[0][0]
            self._steps = 0

    # --- processes --------------------------------------------------------------------------

    def spawn(
        self, process: object, coroutine: Coroutine[Any, Any, T], *, name: str
    ) -> asyncio.Task[T]:
        """A task that belongs to `process`, with all that it starts."""
        context = self._outside.copy()
        context.run(_PROCESS.set, process)
        return self.create_task(coroutine, name=name, context=context)

    def _make_task(self, _loop: object, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=self, **options)
        context = options.get("context")
        process = (copy_context() if context is None else context).get(_PROCESS)
        self._tasks.setdefault(process, WeakSet()).add(task)
        return task

    def tasks_of(self, process: object) -> int:
        """How many tasks of a process have not ended."""
        return sum(not task.done() for task in self._tasks.get(process, ()))

    def kill(self, process: object) -> None:
        """From here on nothing of `process` runs: no callback, no timer, no `finally`.

        Its tasks are held until the loop is closed: Python runs the `finally` blocks of a coroutine
        that nobody holds any more.
        """
        self._dead.add(process)
        for task in self._tasks.pop(process, ()):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            self._killed.append(task)
        for handle in (*self._ready, *(timer for *_, timer in self._scheduled)):
            self._fence(handle)

    def close(self) -> None:
        """Also ends what was killed, whose `finally` blocks can harm nothing any more."""
        for task in self._killed:
            coroutine = task.get_coro()
            while getattr(coroutine, "cr_frame", None) is not None:
                try:
                    coroutine.close()
                except RuntimeError:
                    continue  # it waits for something in a `finally`, or asks for the loop
        self._killed.clear()
        super().close()

    def outside(
        self, delay_s: float, callback: Callable[[*Ts], object], *args: *Ts
    ) -> asyncio.TimerHandle:
        """Call later on behalf of nobody who could be killed, as a wire or a door does."""
        return self.call_later(delay_s, callback, *args, context=self._outside)

    def _fence(self, handle: Any) -> None:
        if handle._context.get(_PROCESS) in self._dead:
            handle.cancel()

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        if self._dead:
            self._fence(handle)
        return handle

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heappush(self._scheduled, (when, next(self._numbers), timer))
        if self._dead:
            self._fence(timer)
        return timer

    # --- no threads -------------------------------------------------------------------------

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)

    def run_in_executor(
        self, executor: Any, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """On the loop: a thread has no place in a run that must repeat. Goes on when nobody waits
        for it any more, as a thread does.
        """

        async def called() -> T:
            return func(*args)

        return asyncio.shield(self.create_task(called()))


def run(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` in virtual time. What killed processes had pending is left behind."""
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(main)
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def virtual_loop() -> VirtualLoop:
    """The running loop, which is virtual."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop), "inside `run`"
    return loop
