"""Alarms of all edges that are open now, as each edge says it on its retained topics.

This is a view, never the record: what was raised, by whom it was acknowledged and how it ended
stands in the entries. It is made anew with every connection to the broker, which has the latest
word of every edge.
"""

from collections.abc import Callable, Mapping

import msgspec

from controller.alarm_queue import OPEN_MAX
from edge.topics import Address
from edge.wire import WireError
from edge.wire_alarms import AlarmNow, decode_alarm

EDGE_ALARMS_MAX = OPEN_MAX + 2
"""Of one edge: as many as its queue holds, with the two that say that it is full."""

EDGES_MAX = 10_000
"""As many as statuses are remembered."""

LEAF = "alarm/"

NUMBER_CHARS_MAX = 16
"""As many as the largest number of an entry has."""


class AlarmAt(msgspec.Struct, frozen=True, kw_only=True):
    """An open alarm, and whose it is."""

    site: str
    edge: str
    alarm: AlarmNow


class AlarmBook:
    """What is open where. `changes` counts whatever changes it, for whoever looks again; `changed`
    is called with what, and must not block.
    """

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], dict[int, AlarmNow]] = {}
        self.changes = 0
        self.changed: Callable[[str, str, int], None] = lambda _site, _edge, _alarm: None

    def clear(self) -> None:
        """A connection begins: the broker says everything again, and nothing of what is over."""
        before, self._open = self._open, {}
        self.changes += 1
        for key, alarms in before.items():
            for number in alarms:
                self.changed(*key, number)

    def heard(self, address: Address, payload: bytes) -> None:
        """A message on an `alarm` topic. Raises WireError where it is none, or one too many."""
        name = address.leaf.removeprefix(LEAF)
        key = (address.site, address.edge)
        if not payload:
            number = int(name) if name.isdecimal() and len(name) <= NUMBER_CHARS_MAX else 0
            if self._open.get(key, {}).pop(number, None) is not None:
                self._note(*key, number)
            return
        alarm = decode_alarm(payload)
        if name != str(alarm.alarm):
            raise WireError(f"alarm {alarm.alarm} on the topic of another one")
        if key not in self._open and len(self._open) >= EDGES_MAX:
            raise WireError(f"more than {EDGES_MAX} edges")
        of_edge = self._open.setdefault(key, {})
        if alarm.alarm not in of_edge and len(of_edge) >= EDGE_ALARMS_MAX:
            raise WireError(f"more than {EDGE_ALARMS_MAX} alarms of one edge")
        of_edge[alarm.alarm] = alarm
        self._note(*key, alarm.alarm)

    def _note(self, site: str, edge: str, alarm: int) -> None:
        self.changes += 1
        self.changed(site, edge, alarm)

    def of(self, site: str, edge: str) -> Mapping[int, AlarmNow]:
        """Those of one edge, by their numbers."""
        return self._open.get((site, edge), {})

    def count(self, site: str = "") -> int:
        """How many are open at that site, or in all."""
        return sum(len(alarms) for key, alarms in self._open.items() if site in {"", key[0]})

    def open(self, site: str = "") -> list[AlarmAt]:
        """Of that site, or of all: real before drill, the most urgent first, what nobody has
        acknowledged first, then the newest.
        """
        found = [
            AlarmAt(site=of_site, edge=edge, alarm=alarm)
            for (of_site, edge), alarms in self._open.items()
            if site in {"", of_site}
            for alarm in alarms.values()
        ]
        return sorted(found, key=_rank)


def _rank(one: AlarmAt) -> tuple[bool, int, bool, int, str, str, int]:
    alarm = one.alarm
    seen = alarm.acknowledged_us is not None
    return alarm.drill, alarm.priority, seen, -alarm.last_us, one.site, one.edge, alarm.alarm
