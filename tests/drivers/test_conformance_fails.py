"""The kit notices what it is for: each driver that is wrong in one way fails a trial."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from drivers import api
from drivers.api import (
    CardRead,
    Command,
    CommandEnded,
    DeviceOffline,
    DeviceOnline,
    Fact,
    InputsReported,
    InputState,
    Outcome,
    Report,
    Stands,
)
from tests.drivers import conformance
from tests.drivers.conformance import Bench, Subject, Trial, put
from tests.drivers.lcus.subject import SUBJECTS

GOOD = SUBJECTS[0]


class Wrong:
    """A good driver, as it would be with one mistake in it."""

    def __init__(self, good: api.Driver) -> None:
        self.good = good
        self.devices = good.devices

    @property
    def turns(self) -> int:
        return self.good.turns

    async def run(self, report: Report, stands: Stands) -> None:
        await self.good.run(report, stands)

    def submit(self, command: Command) -> None:
        self.good.submit(command)

    def watch(self, tap: api.Tap | None) -> None:
        self.good.watch(tap)


class Lingering(Wrong):
    """Takes its time to stop."""

    async def run(self, report: Report, stands: Stands) -> None:
        try:
            await self.good.run(report, stands)
        finally:
            await asyncio.sleep(2)


class Leaking(Wrong):
    """Leaves a file open at each start."""

    async def run(self, report: Report, stands: Stands) -> None:
        os.dup(0)
        await self.good.run(report, stands)


class Spawning(Wrong):
    """Leaves a task behind."""

    async def run(self, report: Report, stands: Stands) -> None:
        self.forgotten = asyncio.create_task(asyncio.sleep(3_600))
        await self.good.run(report, stands)


class Silent(Wrong):
    """Does not say that its device has gone."""

    async def run(self, report: Report, stands: Stands) -> None:
        await self.good.run(
            lambda fact: None if isinstance(fact, DeviceOffline) else report(fact), stands
        )


class Inventive(Wrong):
    """Makes inputs of what is none."""

    async def run(self, report: Report, stands: Stands) -> None:
        def telling(fact: Fact) -> None:
            report(fact)
            states = (InputState.ACTIVE,)
            report(InputsReported(device=fact.device, at_ns=fact.at_ns, states=states))

        await self.good.run(telling, stands)


class Belated(Wrong):
    """Takes what its port has kept for something that is shown now."""

    async def run(self, report: Report, stands: Stands) -> None:
        def telling(fact: Fact) -> None:
            report(fact)
            if isinstance(fact, DeviceOnline):
                card = CardRead(device=fact.device, at_ns=fact.at_ns, reader=0, bits=8, data=b"\1")
                report(card)

        await self.good.run(telling, stands)


class Twofold(Wrong):
    """Ends every command twice."""

    async def run(self, report: Report, stands: Stands) -> None:
        def telling(fact: Fact) -> None:
            report(fact)
            if isinstance(fact, CommandEnded):
                report(fact)

        await self.good.run(telling, stands)


class Hasty(Wrong):
    """Does not ask whether a command still stands."""

    async def run(self, report: Report, stands: Stands) -> None:
        await self.good.run(report, lambda command: True)


class Remembering(Wrong):
    """Says a lost command again by itself."""

    async def run(self, report: Report, stands: Stands) -> None:
        def telling(fact: Fact) -> None:
            report(fact)
            if isinstance(fact, CommandEnded) and fact.outcome is Outcome.LOST:
                again = Command(
                    id="again",
                    device=fact.device,
                    action=GOOD.command,  # type: ignore[arg-type]
                    priority=api.Priority.PASSAGE,
                    not_after_ns=None,
                )
                asyncio.get_running_loop().call_later(1, self.good.submit, again)

        await self.good.run(telling, stands)


class Hoarding(Wrong):
    """Keeps whatever the line says, for later."""

    async def run(self, report: Report, stands: Stands) -> None:
        machine = self.good._machine  # type: ignore[attr-defined]
        receive, self.kept = type(machine).receive, b""

        def keeping(data: bytes, now_ns: int) -> None:
            self.kept += data
            receive(machine, data, now_ns)

        machine.receive = keeping
        await self.good.run(report, stands)


@pytest.mark.parametrize(
    ("wrong", "trial", "why"),
    [
        (Lingering, conformance.slow_peer, "still running"),
        (Leaking, conformance.slow_peer, "no open file is left"),
        (Spawning, conformance.slow_peer, "no task is left"),
        (Silent, conformance.slow_peer, "offline is told before run ends"),
        (Inventive, conformance.slow_peer, "nothing is believed that was not said"),
        (Belated, conformance.kept_by_the_port, "it was shown before"),
        (Twofold, conformance.slow_peer, "every command ends exactly once"),
        (Hasty, conformance.asked_once_more, "nobody wants any more"),
        (Remembering, conformance.silence, "not done when it returns"),
        (Hoarding, conformance.flood, "what came is forgotten"),
    ],
)
def test_it_notices(wrong: type[Wrong], trial: Trial, why: str, tmp_path: Path) -> None:
    @asynccontextmanager
    async def spoilt(make: Callable[[api.Driver], Wrong], folder: Path) -> AsyncIterator[Bench]:
        async with GOOD.bench(folder) as bench:
            bench.driver = make(bench.driver)
            yield bench

    subject = Subject(family="wrong", bench=partial(spoilt, wrong), command=GOOD.command)
    with pytest.raises(AssertionError, match=why):
        put(subject, trial, tmp_path)
