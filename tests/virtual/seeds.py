"""Many runs of the virtual site, on every core."""

import logging
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from simulators.virtual.faults import Level
from simulators.virtual.run import Options, Verdict, simulate
from simulators.virtual.source import commit

FOUND = (
    # Lights of two readers on one line waited for each other for ever.
    Options(seed=1, days=0.4, faults=Level.NONE, portals=10, people=200),
    # A journal that failed in noting an acknowledgement stayed stopped until somebody came.
    Options(seed=5, faults=Level.HEAVY, portals=4, people=20),
    Options(seed=8, faults=Level.HEAVY, portals=4, people=20),
    # A new log's name went with the power, and every entry that had been put into it.
    Options(seed=56, faults=Level.HEAVY, portals=10, people=40),
)
"""Runs that have found a defect of the product. What is drawn has changed since, with the code."""


def verdicts(runs: Iterable[Options]) -> Iterator[Verdict]:
    """The verdict of each run, as they end."""
    with ProcessPoolExecutor(
        os.cpu_count(), get_context("spawn"), initializer=logging.disable
    ) as pool:
        for done in as_completed([pool.submit(simulate, options) for options in runs]):
            yield done.result()


def repeated_by(options: Options) -> str:
    """The command that repeats a run, and the commit at which it does."""
    return (
        f"sentrypost sim virtual --seed {options.seed} --days {options.days:g} "
        f"--faults {options.faults} --portals {options.portals} --people {options.people}"
        f" --hour {options.hour}"
        f"  # commit {commit()}"
    )
