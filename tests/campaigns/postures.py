"""Sites under siege, each from another seed: arguments: [RUNS] [STEPS].

Orders of every kind by every path, late, again and under-signed, while the site burns, restarts,
loses its journal, its clock and its doors. After each step the core and a second reading of orders,
postures and arrival have to agree (`tests/controller/siege.py`).
"""

import random
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tests.campaigns import Result
from tests.controller.besieged import Besieged
from tests.controller.plants_orders import PLANTS

RUNS, STEPS = 4_000, 150
TELL_EVERY = 100
PROCESSES = 2


def run(seed: int, arguments: list[str]) -> Result:
    """As the module says; the seeds on which planted mistakes are found come first."""
    count = int(arguments[0]) if arguments else RUNS
    steps = int(arguments[1]) if len(arguments) > 1 else STEPS
    chance = random.Random(seed)
    known = sorted({plant.seed for plant in PLANTS})
    seeds = [*known, *(chance.getrandbits(48) for _ in range(count))]
    done = orders = asked = 0
    broken = []
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        verdicts = pool.map(besieged, seeds, [steps] * len(seeds), chunksize=4)
        for number, (given, doors, wrong) in zip(seeds, verdicts, strict=True):
            done, orders, asked = done + 1, orders + given, asked + doors
            if wrong:
                broken.append(number)
                sys.stdout.write(f"Besieged({number}).run({steps})\n  {wrong[:600]}\n")
            if wrong or done % TELL_EVERY == 0:
                sys.stdout.write(f"{done} of {len(seeds)} sieges, {len(broken)} broken\n")
                sys.stdout.flush()
    summary = (
        f"{done} sieges of {steps} steps: {orders} orders offered, {asked} questions at doors, "
        f"{len(broken)} on which the two readings disagreed"
    )
    return Result(not broken and orders > 0, summary)


def besieged(seed: int, steps: int) -> tuple[int, int, str]:
    """How many orders were offered and questions asked, and what they disagreed on."""
    siege = Besieged(seed)
    try:
        siege.run(steps)
    except AssertionError as wrong:
        return siege.siege.offered, siege.siege.asked, str(wrong) or repr(wrong)
    return siege.siege.offered, siege.siege.asked, ""
