"""Restarts what may fail, with a growing pause; everything else ends the process."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from random import Random

from drivers.api import DriverError

PAUSE_S_MIN, PAUSE_S_MAX = 0.2, 10.0
"""A reader that was unplugged for a moment is back soon; a missing port is not asked every tick."""

STEADY_S = 30.0
"""A run that lasted this long earns the shortest pause again."""

log = logging.getLogger(__name__)


class EndedByItselfError(Exception):
    """What had to run until it is cancelled did not: its devices would be served by nobody."""


async def supervise(
    name: str, run: Callable[[], Awaitable[None]], jitter: Random, clock: Callable[[], float]
) -> None:
    """Run `run` until cancelled; after a DriverError run it again after a jittered, growing pause.

    An outage is logged once and not at every try. Any other exception, and a `run` that ends by
    itself, is a bug or a broken assumption and ends the process.
    """
    pause_s, said = PAUSE_S_MIN, ""
    while True:
        began = clock()
        try:
            await run()
        except DriverError as error:
            if clock() - began >= STEADY_S:
                pause_s, said = PAUSE_S_MIN, ""
            if str(error) != said:
                log.warning("%s is down: %s", name, error)
                said = str(error)
        else:
            raise EndedByItselfError(f"{name} ended, though nobody had asked it to")
        await asyncio.sleep(jitter.uniform(pause_s / 2, pause_s))
        pause_s = min(pause_s * 2, PAUSE_S_MAX)
