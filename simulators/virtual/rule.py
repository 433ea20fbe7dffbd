"""What must hold of a virtual site at every moment, as seen from outside."""

from controller.events import Body, Entry
from simulators.virtual.seen import Seen


class Violation(Exception):  # noqa: N818 - it says what happened
    """A rule was broken: the run ends here."""

    def __init__(self, rule: str, at_s: float, story: str) -> None:
        super().__init__(f"{rule} at {at_s:.6f} s: {story}")
        self.rule = rule
        self.at_s = at_s


class Rule:
    """One rule. It is told everything in order and raises Violation."""

    name: str

    def see(self, seen: Seen) -> None:
        """Something was seen at the site."""

    def recorded(self, at_s: float, entry: Entry, body: Body | None) -> None:
        """An entry is on the edge's disk, durably; as the disk says it and not as the edge does."""

    def finish(self, at_s: float) -> None:
        """The run has ended in good order."""

    def broken(self, at_s: float, story: str) -> Violation:
        return Violation(self.name, at_s, story)
