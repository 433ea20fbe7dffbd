"""Which of many things have changed, for any number who follow at their own pace.

Each thing stands there once, where it last changed: nothing grows but by another thing. Whoever
follows remembers one number.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Changes(Generic[K]):
    """Of at most `most` things; the one that changed longest ago is forgotten first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._at: OrderedDict[K, int] = OrderedDict()
        self.version = 0
        self.forgotten = 0
        """Whoever has seen less than this has missed something, and begins anew."""
        self._next = asyncio.Event()

    def note(self, key: K) -> None:
        """It is otherwise as of now."""
        self.version += 1
        self._at[key] = self.version
        self._at.move_to_end(key)
        if len(self._at) > self._most:
            _, self.forgotten = self._at.popitem(last=False)
        self._next.set()
        self._next = asyncio.Event()

    def at(self, key: K) -> int:
        """When it changed last; 0 where it never did."""
        return self._at.get(key, 0)

    def since(self, version: int) -> list[tuple[K, int]]:
        """What changed after that, and when, in order. It costs what changed, not what there is."""
        found = []
        for key in reversed(self._at):
            if (at := self._at[key]) <= version:
                break
            found.append((key, at))
        found.reverse()
        return found

    @property
    def next(self) -> asyncio.Event:
        """Set with the next change after this was asked for."""
        return self._next
