"""Many runs of the virtual site, on every core."""

import logging
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from simulators.virtual.run import Options, Verdict, simulate


def verdicts(runs: Iterable[Options]) -> Iterator[Verdict]:
    """The verdict of each run, as they end."""
    with ProcessPoolExecutor(
        os.cpu_count(), get_context("spawn"), initializer=logging.disable
    ) as pool:
        for done in as_completed([pool.submit(simulate, options) for options in runs]):
            yield done.result()


def repeated_by(options: Options) -> str:
    """The command that repeats a run."""
    return (
        f"sentrypost sim virtual --seed {options.seed} --days {options.days:g} "
        f"--faults {options.faults} --portals {options.portals} --people {options.people}"
    )
