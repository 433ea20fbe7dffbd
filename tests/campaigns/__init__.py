"""Long runs by name; see __main__.py for how they are run.

A campaign is a module `tests/campaigns/NAME.py` with a docstring whose first line says what it
does, and `run(seed: int, arguments: list[str]) -> Result`. It exits with an exception, or with
`passed=False`, when something is wrong: a campaign that finds nothing to check has not passed.
"""

from typing import NamedTuple


class Result(NamedTuple):
    """What a campaign found."""

    passed: bool
    summary: str
    """One line with the figures: how many runs, operations, faults, violations."""
