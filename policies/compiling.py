"""What every part of the compiler shares: the document, and the mistakes found so far."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from policies.compiled import LEVELS
from policies.document import Document, Place
from policies.problems import Problem, did_you_mean

HINTS_MAX = 200
"""A near name is looked for this often: each search reads every name, a hostile file has many."""

N = TypeVar("N", int, float)


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

    def levels(self, stated: Mapping[str, N], default: N, place: Place) -> tuple[N, ...]:
        """What holds at each level: one that is not named keeps what holds below it."""
        named = {self.level(key, place.child(key)): value for key, value in stated.items()}
        found = [named.get(1, default)]
        for level in range(2, LEVELS + 1):
            found.append(named.get(level, found[-1]))
        return tuple(found)

    def looser(self, place: Place, level: int, what: str) -> None:
        """Raising the threat level would open a door: `what` says how."""
        self.problems.append(
            place.child(str(level)).problem(
                f"level {level} {what} than level {level - 1}",
                "each level must be at least as strict as the one below",
            )
        )
