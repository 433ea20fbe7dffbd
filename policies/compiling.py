"""What every part of the compiler shares: the document, and the mistakes found so far."""

from collections.abc import Iterable

from policies.compiled import LEVELS
from policies.document import Document, Place
from policies.problems import Problem, did_you_mean

HINTS_MAX = 200
"""A near name is looked for this often: each search reads every name, a hostile file has many."""


class Compiling:
    """One run. A reference that leads nowhere is a problem and the run goes on."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []

    def known(self, table: str, name: str, place: Place) -> bool:
        """Whether `name` is declared; a problem where it is not."""
        declared = self.document.declared[table]
        if name in declared:
            return True
        what = "factors profile" if table == "factors" else table
        searched = len(self.problems) < HINTS_MAX
        hint = did_you_mean(name, declared) if searched else None
        self.problems.append(place.problem(f"unknown {what} '{name}'", hint))
        return False

    def all_known(self, table: str, names: Iterable[str], place: Place) -> None:
        for index, name in enumerate(names):
            self.known(table, name, place.child(index))

    def level(self, key: str, place: Place) -> int | None:
        """The threat level that a key of a table per level names."""
        if key in {str(level) for level in range(1, LEVELS + 1)}:
            return int(key)
        self.problems.append(place.at_key(f"'{key}' is not a threat level", "levels are 1 to 5"))
        return None
