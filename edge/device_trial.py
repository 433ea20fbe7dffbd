"""Who answers on the lines of a site file while no daemon serves them.

Its own drivers look, for a moment; they are given nothing to do.
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress

from drivers.api import Driver, DriverError, Fact
from edge.device_book import DeviceBook, Known

WITHIN_S = 6.0
"""For a driver to say of each device whether it is there: twice what the edge gives a reader."""

SETTLE_S = 0.6
"""For what a device says behind that: its inputs, outputs and housing."""


def tried(drivers: Mapping[str, Driver]) -> Mapping[str, Known]:
    """What each device says. Every line is closed again."""
    return asyncio.run(_tried(drivers))


async def _tried(drivers: Mapping[str, Driver]) -> Mapping[str, Known]:
    names = [name for driver in drivers.values() for name in driver.devices]
    book = DeviceBook(names)
    lines = [asyncio.create_task(_serve(driver, book)) for driver in drivers.values()]
    try:
        with suppress(TimeoutError):  # who was not heard of by then is shown as such
            async with asyncio.timeout(WITHIN_S):
                while any(book.of(name).online is None for name in names):
                    await book.wait_beyond(book.changes)
        if any(book.of(name).online for name in names):
            await asyncio.sleep(SETTLE_S)
        # Before the lines are closed: that takes every device away.
        return {name: book.of(name) for name in names}
    finally:
        for line in lines:
            line.cancel()
        await asyncio.gather(*lines, return_exceptions=True)


async def _serve(driver: Driver, book: DeviceBook) -> None:
    def hear(fact: Fact) -> None:
        book.hear(fact, time.time_ns() // 1_000)

    with suppress(DriverError):  # each device was reported away, with the reason
        await driver.run(hear, lambda _: False)
