"""Plants every small mistake in the engine, one at a time: all are seen; arguments: [EVERY].

Operators, constants and statements of `policies/decide.py` and of the files that hold its gates;
see `tests.policies.mutants`. EVERY=10 takes each tenth.
"""

import os
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.campaigns import Result
from tests.policies.mutants import EQUIVALENT, judged, mutants

MUTANTS_MIN = 21
TELL_EVERY = 25


def run(seed: int, arguments: list[str]) -> Result:
    """As the module says; the mistakes are always the same."""
    chosen = mutants()[:: int(arguments[0]) if arguments else 1]
    seen_by: Counter[str] = Counter()
    wrong = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, verdict in enumerate(pool.map(judged, chosen), 1):
            seen_by[verdict.seen_by.partition(":")[0]] += 1
            if verdict.wrong:
                wrong += 1
                file, line, _ = verdict.mutant
                sys.stdout.write(f"{file}:{line}: {verdict.what}: {verdict.seen_by}\n")
            if done % TELL_EVERY == 0:
                sys.stdout.write(f"{done} of {len(chosen)} mutants\n")
                sys.stdout.flush()
    kinds = ", ".join(f"{count} {kind}" for kind, count in seen_by.most_common())
    summary = f"{len(chosen)} mutants: {kinds}; {len(EQUIVALENT)} equivalent, {wrong} wrong"
    return Result(wrong == 0 and len(chosen) >= MUTANTS_MIN, summary)
