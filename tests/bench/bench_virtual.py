"""A day of a virtual site with everything on: how long it takes, and how much happens in it."""

import logging
import time

from simulators.virtual.faults import Level
from simulators.virtual.people import DAY_S
from simulators.virtual.run import Options, simulate
from tests.bench import Figure

DAY = Options(seed=1, days=1.0, faults=Level.NORMAL, portals=40, people=200)
AIM_S = 5.0


def run() -> list[Figure]:
    """One run, in one process; what the machine does beside it counts in the seconds alone."""
    logging.disable(logging.CRITICAL)
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    verdict = simulate(DAY)
    wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    logging.disable(logging.NOTSET)
    assert not verdict.broken, verdict.broken
    entries, faults = sum(verdict.entries.values()), sum(verdict.faults.values())
    name = f"virtual day of {DAY.portals} doors"
    happened = f"{DAY.people} people, {faults} faults, {entries:,} entries, seed {DAY.seed}"
    return [
        Figure(name, wall_s, "s", happened),
        Figure(f"{name}, processor time", cpu_s, "s", "less than the above on a busy machine"),
        Figure(f"{name} / aim", cpu_s / AIM_S, "", f"processor time; aim: {AIM_S:.0f} s"),
        Figure(f"{name}, seen", verdict.seen / cpu_s, "events/s", f"{verdict.seen:,} of them"),
        Figure(f"{name}, faster than real time", DAY_S / cpu_s, "", "by processor time"),
    ]
