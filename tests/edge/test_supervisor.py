"""What is restarted, how soon, and what is not."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from random import Random

import pytest

from drivers.api import LinkLostError
from edge import supervisor
from edge.supervisor import PAUSE_S_MAX, PAUSE_S_MIN, EndedByItselfError, supervise


class Bench:
    """Runs of given lengths, each ending as told; time is what the pauses and runs add up to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *runs: tuple[float, Exception]) -> None:
        self.now_s = 0.0
        self.pauses: list[float] = []
        self._runs = list(runs)
        monkeypatch.setattr(supervisor.asyncio, "sleep", self._sleep)

    def supervised(self) -> None:
        asyncio.run(supervise("line north", self._run, Random(1), lambda: self.now_s))

    async def _run(self) -> None:
        if not self._runs:
            raise asyncio.CancelledError
        lasted_s, error = self._runs.pop(0)
        self.now_s += lasted_s
        raise error

    async def _sleep(self, pause_s: float) -> None:
        self.pauses.append(pause_s)
        self.now_s += pause_s


def lost(why: str = "unplugged") -> LinkLostError:
    return LinkLostError(why)


def test_pauses_grow_to_a_limit_and_never_march_in_step(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, *[(0.0, lost())] * 12)
    with pytest.raises(asyncio.CancelledError):
        bench.supervised()
    limit = PAUSE_S_MIN
    for pause_s in bench.pauses:
        assert limit / 2 <= pause_s <= limit
        limit = min(limit * 2, PAUSE_S_MAX)
    assert bench.pauses[-1] >= PAUSE_S_MAX / 2


def test_a_steady_run_earns_the_shortest_pause_again(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, *[(0.0, lost())] * 8, (supervisor.STEADY_S, lost()))
    with pytest.raises(asyncio.CancelledError):
        bench.supervised()
    assert bench.pauses[-1] <= PAUSE_S_MIN


def test_one_outage_is_one_line_of_the_log_and_the_next_outage_another(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    runs = [(0.0, lost())] * 5 + [(3600.0, lost())] + [(0.0, lost())] * 5
    bench = Bench(monkeypatch, *runs)
    with caplog.at_level(logging.WARNING), pytest.raises(asyncio.CancelledError):
        bench.supervised()
    assert [r.getMessage() for r in caplog.records] == ["line north is down: unplugged"] * 2


def _ends() -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        return

    return run


def _fails() -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        raise ZeroDivisionError

    return run


@pytest.mark.parametrize(
    ("run", "error"), [(_ends(), EndedByItselfError), (_fails(), ZeroDivisionError)]
)
def test_what_nobody_foresaw_is_not_restarted(
    run: Callable[[], Awaitable[None]], error: type[Exception]
) -> None:
    with pytest.raises(error):
        asyncio.run(supervise("line north", run, Random(1), lambda: 0.0))
