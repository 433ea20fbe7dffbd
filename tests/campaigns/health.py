"""Cameras' health on scenes that it was not tuned on: every failure, and whole hours without any.

Arguments: how many seeds for failures, how many for hours (12, 4). The hours run from noon to
midnight and from midnight to noon, twelve hours of light in one. Controls: a judge that always
alarms and one that never does fail, as they have to.
"""

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from drivers.cameras.health import Health
from simulators.gate.failures import Failure
from tests.campaigns import Result
from tests.drivers.cameras.health_runs import (
    HELD_OUT,
    Always,
    Judge,
    Never,
    alarms,
    begin,
    found_after,
    settings,
)

PROCESSES = 2
HOUR_FPS = 2.5
HOUR_S = 3600.0
DAY_HOURS = (13.0, 22.0, 8.0, 18.8)


def run(seed: int, arguments: list[str]) -> Result:
    """As the module says."""
    counts = [int(argument) for argument in arguments] or [12, 4]
    many, hours = counts[0], counts[-1]
    first = HELD_OUT.start + seed % 1_000_000
    # Numpy's own threads would only wait for each other.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        long = [pool.submit(hour, first + number, number) for number in range(hours)]
        short = [pool.submit(failures, first + number, number) for number in range(many)]
        wrong, slowest, tried = [], {}, 0
        for done in short:
            for failure, after_s, others in done.result():
                tried += 1
                slowest[failure] = max(slowest.get(failure, 0.0), after_s or float("inf"))
                if after_s is None or others:
                    wrong.append(f"{failure}: {after_s}, beside it {sorted(others)}")
        for done in long:
            wrong += [f"hour of {name}" for name in done.result()]
    wrong += controls(first)
    sys.stdout.write("".join(f"{line}\n" for line in wrong))
    told = ", ".join(f"{name} {after_s:.1f} s" for name, after_s in sorted(slowest.items()))
    return Result(
        not wrong and tried > 0,
        f"{tried} failures on {many} scenes, {hours} hours, {len(wrong)} wrong; slowest: {told}",
    )


def failures(seed: int, number: int) -> list[tuple[str, float | None, set[str]]]:
    """Each failure at one gate: when it was told, and what else was."""
    begun = begin(seed, DAY_HOURS[number % len(DAY_HOURS)], fps=5.0, lasts_s=40.0)
    return [(failure.value, *found_after(begun, failure)) for failure in Failure]


def hour(seed: int, number: int) -> list[str]:
    """False alarms of one hour."""
    begins = 12.0 if number % 2 == 0 else 0.0

    def tell(at_s: float) -> None:
        if at_s % 600 == 0:
            sys.stdout.write(f"seed {seed}: {at_s / 60:.0f} minutes\n")
            sys.stdout.flush()

    told = alarms(
        seed,
        Health(settings(HOUR_FPS)),
        fps=HOUR_FPS,
        hour=begins,
        lasts_s=HOUR_S,
        pace=12.0,
        progress=tell,
    )
    return [f"seed {seed} at {one.after_s:.1f} s: {[*map(str, one.faults)]}" for one in told]


def controls(seed: int) -> list[str]:
    """What is wrong with the campaign itself: judges that know nothing have to fail."""
    judges: list[Judge] = [Always(), Never()]
    quiet = [not alarms(seed, one, fps=1.0, hour=12.0, lasts_s=60.0) for one in judges]
    finds = [
        found_after(begin(seed, 13.0, one, lasts_s=5.0), Failure.COVER)[0] is not None
        for one in judges
    ]
    if (quiet, finds) != ([False, True], [True, False]):
        return [f"the controls: quiet {quiet}, finds {finds}"]
    return []
