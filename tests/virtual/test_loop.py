"""What is dead stays dead, and what belongs to nobody goes on."""

import asyncio
import gc

from simulators.virtual.loop import run, virtual_loop


def test_a_timer_of_nobody_survives_the_process_that_set_it() -> None:
    fired: list[str] = []

    async def process() -> None:
        loop = virtual_loop()
        loop.outside(2.0, fired.append, "nobody's")
        loop.call_later(2.0, fired.append, "its own")
        await asyncio.sleep(10)

    async def main() -> None:
        loop = virtual_loop()
        loop.spawn("edge", process(), name="edge")
        await asyncio.sleep(1)
        loop.kill("edge")
        await asyncio.sleep(10)

    run(main())
    assert fired == ["nobody's"]


def test_nothing_of_a_killed_process_runs_before_the_run_is_over() -> None:
    ended: list[str] = []

    async def child() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            ended.append("child")

    async def process() -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(child(), name="child")
        finally:
            await asyncio.sleep(0)
            ended.append("process")

    async def main() -> None:
        loop = virtual_loop()
        loop.spawn("edge", process(), name="edge")
        await asyncio.sleep(1)
        loop.kill("edge")
        gc.collect()
        await asyncio.sleep(1000)
        assert ended == []

    run(main())
    gc.collect()  # whatever cannot be raised in there fails the test


def test_timers_for_one_moment_come_in_the_order_in_which_they_were_set() -> None:
    fired: list[int] = []

    async def main() -> None:
        timers = [virtual_loop().call_later(1.0, fired.append, number) for number in range(12)]
        timers[5].cancel()
        await asyncio.sleep(2)

    run(main())
    assert fired == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]
