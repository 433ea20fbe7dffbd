"""Commands that wait for their device, the most urgent first."""

import heapq
from itertools import count

from drivers.api import Command, Outcome, Priority, Stands

COMMANDS_MAX = 64  # more waiting commands than this were given up on by whoever sent them


def unwanted(command: Command, now_ns: int, stands: Stands | None) -> Outcome | None:
    """None when the command's bytes may go out at this moment, otherwise how it ends. `stands`:
    whether the edge still wants it; without an edge nothing is wanted.
    """
    if command.not_after_ns is not None and now_ns > command.not_after_ns:
        return Outcome.EXPIRED
    return None if stands is not None and stands(command) else Outcome.WITHDRAWN


class CommandQueue:
    """Commands, smaller priority first, then in the order in which they came. Bounded.

    `keeps_urgent`: what frees and what locks waits for a device that is away.
    """

    def __init__(self) -> None:
        self.keeps_urgent = False
        self._heap: list[tuple[Priority, int, Command]] = []
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def head(self) -> Command | None:
        return self._heap[0][2] if self._heap else None

    def push(self, command: Command) -> Command | None:
        """Add one; returns the least urgent, latest one when there is no room for all."""
        heapq.heappush(self._heap, (command.priority, next(self._numbers), command))
        if len(self._heap) <= COMMANDS_MAX:
            return None
        worst = max(self._heap)
        self._heap.remove(worst)
        heapq.heapify(self._heap)
        return worst[2]

    def pop(self) -> Command:
        """Take the head. Raises IndexError when nothing waits."""
        return heapq.heappop(self._heap)[2]

    def keeps(self, command: Command) -> bool:
        """Whether the command waits although its device is away."""
        return self.keeps_urgent and command.priority <= Priority.SECURE

    def drain(self) -> list[Command]:
        """Take all that is not kept for a device that is away, in order."""
        found = sorted(self._heap)
        self._heap = [entry for entry in found if self.keeps(entry[2])]
        return [entry[2] for entry in found if not self.keeps(entry[2])]
