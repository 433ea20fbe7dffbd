"""Changes signed orders: each is refused, or means exactly what was signed; arguments: [COUNT].

See `tests.edge.order_mutants`: bits, fields, signers, sites, sizes, spellings, types.
"""

import sys
from collections import Counter

from tests.campaigns import Result
from tests.edge.order_mutants import judged

COUNT = 20_000


def run(seed: int, arguments: list[str]) -> Result:
    """As the module says."""
    count = int(arguments[0]) if arguments else COUNT
    told, findings = judged(seed, count)
    for how in sorted({how for how, _ in told}):
        counts = ", ".join(f"{told[how, word]} {word}" for word in ("refused", "same", "wrong"))
        sys.stdout.write(f"{how}: {counts}\n")
    for finding in findings[:20]:
        sys.stdout.write(f"{finding}\n")
    totals: Counter[str] = Counter()
    for (_, word), many in told.items():
        totals[word] += many
    summary = (
        f"{count} mutants of signed orders: {totals['refused']} refused, {totals['same']} mean "
        f"exactly the original, {totals['wrong']} wrong"
    )
    return Result(not findings, summary)
