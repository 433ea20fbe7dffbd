"""The fast figures; see __main__.py for how they are run."""

from typing import NamedTuple


class Figure(NamedTuple):
    """One measured figure."""

    name: str
    value: float
    unit: str
    note: str = ""
