"""Plants mistakes at the virtual site, one at a time: each is found within 60 seeds.

The same sites without a mistake break no rule.
"""

import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from msgspec.structs import replace

from tests.campaigns import Result
from tests.virtual.plants import PLANTS, hunt
from tests.virtual.seeds import repeated_by, verdicts

SEEDS_MAX = 60
CONTROLS = 2
"""Seeds of each site that are run whole without a mistake."""

PROCESSES = 2


def run(seed: int, arguments: list[str]) -> Result:
    """As the module says; the seeds are always the same."""
    wrong, needed = _plants()
    sites = list(dict.fromkeys(plant.options(0) for plant in PLANTS))
    runs = [replace(site, seed=number) for site in sites for number in range(1, CONTROLS + 1)]
    broken = [verdict for verdict in verdicts(runs) if verdict.broken]
    wrong += [f"{repeated_by(verdict.options)}: {verdict.broken}" for verdict in broken]
    sys.stdout.write("".join(f"{line}\n" for line in wrong))
    worst = max(needed, key=lambda name: needed[name], default="")
    return Result(
        not wrong,
        f"{len(needed)} of {len(PLANTS)} mistakes found, the worst by seed "
        f"{needed.get(worst, 0)} ({worst}), {sum(needed.values())} runs; "
        f"{len(runs)} runs without a mistake, {len(broken)} broken",
    )


def _plants() -> tuple[list[str], dict[str, int]]:
    """What went wrong, and how many seeds each mistake took."""
    wrong: list[str] = []
    needed: dict[str, int] = {}
    seeds = range(1, SEEDS_MAX + 1)
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        hunts = {pool.submit(hunt, plant.name, seeds): plant for plant in PLANTS}
        for done in as_completed(hunts):
            plant, finding = hunts[done], done.result()
            if finding is None:
                wrong.append(f"{plant.name}: not found in {SEEDS_MAX} seeds")
                continue
            sys.stdout.write(f"{plant.name}: seed {finding.seed}, {finding.story[:120]}\n")
            sys.stdout.flush()
            needed[plant.name] = finding.tried
            if finding.rule not in plant.rules:
                wrong.append(f"{plant.name}: found by {finding.rule}, not by {plant.rules}")
    return wrong, needed
