"""The site file's terminals: guards' screens, the portals that they work, and their own readers."""

from collections.abc import Iterator, Mapping

from drivers.family import DeviceOptions
from edge.site_file import PortalEntry, TerminalEntry
from edge.wiring_check import unknown
from edge.wiring_points import given_problems, given_zone_problems
from policies.compiled import CompiledPolicy
from policies.document import Place
from policies.problems import Problem

TABLE = "terminal"


def terminal_problems(
    root: Place,
    terminals: Mapping[str, TerminalEntry],
    devices: Mapping[str, DeviceOptions],
    portals: Mapping[str, PortalEntry],
) -> Iterator[Problem]:
    """Readers that there are not, or that are a door's: a badge there would be two things."""
    doors = {
        reader: name
        for name, portal in portals.items()
        for reader in (portal.entry_reader, portal.exit_reader)
        if reader is not None
    }
    taken: dict[str, str] = {}
    for name, terminal in terminals.items():
        at = root.child(TABLE, name)
        if terminal.panic is not None:
            yield from given_problems(at.child("panic"), terminal.panic)
        if terminal.reader is None:
            continue
        place = at.child("reader")
        if terminal.reader not in devices:
            yield unknown(place, "device", terminal.reader, devices)
        if terminal.reader in doors:
            message = f"'{terminal.reader}' is a reader of portal '{doors[terminal.reader]}'"
            yield place.problem(message, "a terminal has a reader of its own")
        other = taken.setdefault(terminal.reader, name)
        if other != name:
            yield place.problem(f"'{terminal.reader}' is the reader of terminal '{other}'")


def terminal_portal_problems(
    root: Place, terminals: Mapping[str, TerminalEntry], policy: CompiledPolicy
) -> Iterator[Problem]:
    """Portals that the policy does not know."""
    for name, terminal in terminals.items():
        if terminal.panic is not None:
            at = root.child(TABLE, name, "panic")
            yield from given_zone_problems(at, terminal.panic, policy)
        place = root.child(TABLE, name, "portals")
        for index, portal in enumerate(terminal.portals):
            if policy.portal(portal) is None:
                yield unknown(place.child(index), "portal", portal, policy.portals_by_id)
