"""Drawn people for `sentrypost biometrics evaluate --drawn`, found as an entry point."""

from collections.abc import Iterator

from edge.commands.biometrics import DrawnPeople
from simulators.people.canvas import Image
from simulators.people.traits import SELECTED
from simulators.people.views import views

SEED = 8
"""Of views that nobody chose anything by."""


def people() -> DrawnPeople:
    """The selected numbers, and views as a gate's camera would see them."""
    return DrawnPeople(tuple(SELECTED), _views)


def _views(identity: int, count: int) -> Iterator[Image]:
    return views(identity, count, seed=SEED)
