"""Heavy days of the virtual site, each from another seed; arguments: [RUNS] [DAYS].

Each run has 4 portals and 20 people, faults by chance and aimed, and every rule watching; the runs
that once found a defect come first. A broken rule is told with the command that repeats it.
"""

import random
import sys

from simulators.virtual.faults import Level
from simulators.virtual.run import Options
from tests.campaigns import Result
from tests.virtual.seeds import FOUND, repeated_by, verdicts

RUNS, DAYS = 1_000, 1.0
TELL_EVERY = 20


def run(seed: int, arguments: list[str]) -> Result:
    """As the module says."""
    count = int(arguments[0]) if arguments else RUNS
    days = float(arguments[1]) if len(arguments) > 1 else DAYS
    chance = random.Random(seed)
    runs = [
        Options(seed=chance.getrandbits(48), days=days, faults=Level.HEAVY, portals=4, people=20)
        for _ in range(count)
    ]
    done = entries = faults = 0
    broken = []
    for verdict in verdicts((*FOUND, *runs)):
        done += 1
        entries += sum(verdict.entries.values())
        faults += sum(verdict.faults.values())
        if verdict.broken:
            broken.append(verdict)
            sys.stdout.write(f"{repeated_by(verdict.options)}\n  {verdict.broken[:600]}\n")
        if verdict.broken or done % TELL_EVERY == 0:
            sys.stdout.write(f"{done} of {count + len(FOUND)} runs, {len(broken)} broken\n")
            sys.stdout.flush()
    summary = (
        f"{done} runs of {days:g} days heavy: {entries} entries, {faults} faults and events, "
        f"{len(broken)} broken"
    )
    return Result(not broken and done == count + len(FOUND) and faults > 0, summary)
