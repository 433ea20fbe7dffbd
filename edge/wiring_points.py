"""Checks of the site file: alarm points, local sources, and what a driven portal needs."""

from collections.abc import Callable, Iterator, Mapping

from edge.site_file import (
    GivenEntry,
    Input,
    Output,
    PointEntry,
    PortalEntry,
    SourceEntry,
    SourceOrder,
)
from policies.compiled import CompiledPolicy
from policies.document import Place
from policies.problems import Problem, did_you_mean

POINTS_MAX, SOURCES_MAX = 200, 16
"""What one edge serves: the names of all points must fit into one entry."""

Check = Callable[[Place, Output | Input], None]
"""Looks at one device point: that it is there, and used once."""


class PerimeterCheck:
    """Looks at them and gathers what is wrong in `problems`."""

    def __init__(
        self,
        root: Place,
        points: Mapping[str, PointEntry],
        sources: Mapping[str, SourceEntry],
        portals: Mapping[str, PortalEntry],
        written: Mapping[str, tuple[str, ...]],
    ) -> None:
        """`written`: the names in each table, the entries that could not be read included."""
        self._root = root
        self._points, self._sources, self._portals = points, sources, portals
        self._written = written
        self.problems: list[Problem] = []

    def check_points(self, check: Check) -> None:
        """Every line hangs on a device point of its own; every source gives a whole order."""
        for name, point in self._points.items():
            at = self._root.child("point", name)
            check(at.child("input"), point.input)
            if point.mask is not None:
                check(at.child("mask"), point.mask)
        for name, source in self._sources.items():
            at = self._root.child("source", name)
            check(at.child("input"), source.input)
            self.problems += given_problems(at, source)
        for name, portal in self._portals.items():
            at = self._root.child("portal", name)
            for key in ("lower", "loop", "up"):
                point_of: Output | Input | None = getattr(portal, key)
                if point_of is not None:
                    check(at.child(key), point_of)

    def check_against(self, policy: CompiledPolicy) -> None:
        """The file wires exactly the policy's points, and the loops of what is driven."""
        counts = ((policy.points, POINTS_MAX, "points"), (self._sources, SOURCES_MAX, "sources"))
        for found, limit, what in counts:
            if len(found) > limit:
                self.problems.append(self._root.at_key(f"one edge serves at most {limit} {what}"))
        for name in self._written["point"]:
            if name not in policy.points:
                at = self._root.child("point", name)
                hint = did_you_mean(name, policy.points)
                self.problems.append(at.at_key(f"no point of the policy '{name}'", hint))
        for name in policy.points:
            if name not in self._written["point"]:
                self.problems.append(
                    self._root.at_key(f"alarm point '{name}' of the policy is not wired")
                )
        for name, source in self._sources.items():
            self.problems += given_zone_problems(self._root.child("source", name), source, policy)
        for rule in policy.portals:
            portal = self._portals.get(rule.id)
            if portal is not None:
                at = self._root.child("portal", rule.id)
                self.problems += _driven(at, portal, driven=rule.loop)


def _driven(at: Place, portal: PortalEntry, *, driven: bool) -> Iterator[Problem]:
    for key, point in (("loop", portal.loop), ("lower", portal.lower)):
        if driven and point is None:
            yield at.at_key(
                f"the policy says that it is driven over vehicles, and '{key}' is not wired",
                "nothing is lowered that does not see what stands under it",
            )
        elif not driven and point is not None:
            hint = "loop = true in the policy, or leave it out"
            yield at.child(key).at_key("the policy says that the portal is not driven", hint)
    if not driven and portal.up is not None:
        yield at.child("up").at_key("the policy says that the portal is not driven")
    if portal.lower is not None and portal.lower.device != portal.lock.device:
        yield at.child("lower").problem(
            "must hang on the device of the lock", "what raises it also has to lower it"
        )


def given_zone_problems(at: Place, given: GivenEntry, policy: CompiledPolicy) -> Iterator[Problem]:
    """Zones of an order that the policy does not know."""
    zones = {zone.id for zone in policy.zones}
    for index, zone in enumerate(given.zones):
        if zone not in zones:
            yield at.child("zones", index).problem(f"no zone '{zone}'", did_you_mean(zone, zones))


def given_problems(at: Place, source: GivenEntry) -> Iterator[Problem]:
    """What contradicts itself in an order that the edge is to give."""
    if (source.gives is SourceOrder.RAISE) is not (source.level is not None):
        yield at.child("level").at_key("'raise' and 'level' belong together")
    if source.cover is not None and source.gives is not SourceOrder.LOCKDOWN:
        yield at.child("cover").at_key("only a lockdown has a cover")
