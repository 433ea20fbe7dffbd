"""Drawn people for `sentrypost biometrics evaluate --drawn`, found as an entry point."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from edge.commands.biometrics import DrawnPeople

if TYPE_CHECKING:
    from simulators.people.canvas import Image

SEED = 8
"""Of views that nobody chose anything by."""


def people() -> DrawnPeople:
    """The selected numbers, and views as a gate's camera would see them."""
    from simulators.people.traits import SELECTED

    return DrawnPeople(tuple(SELECTED), _views)


def _views(identity: int, count: int) -> "Iterator[Image]":
    from simulators.people.views import views

    return views(identity, count, seed=SEED)
