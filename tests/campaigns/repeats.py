"""The day of 10 doors and 200 people is one run under three hash seeds and every Python found.

Without arguments: a whole day. [DAYS]: another span.
"""

from tests.campaigns import Result
from tests.virtual.repeats import repeated

DAYS = 1.0


def run(seed: int, arguments: list[str]) -> Result:
    """As the module says."""
    days = float(arguments[0]) if arguments else DAYS
    options = ("--portals=10", "--people=200", "--faults=normal", f"--days={days:g}")
    found = repeated(seed, options)
    runs = ", ".join(found.traces)
    return Result(not found.wrong, found.wrong or f"{days:g} days, one run: {runs}")
