"""Which installed driver serves a line of the site file."""

from collections.abc import Mapping
from importlib.metadata import entry_points

from drivers.api import Driver, Factory, LineSpec
from policies.problems import did_you_mean

DRIVERS_GROUP = "sentrypost.drivers"


class LineError(Exception):
    """A line of the site file cannot be served as it is described; the message says why."""


def factory_of(driver: str) -> Factory:
    """What makes this driver's lines. Raises LineError where it is not installed."""
    factories = {point.name: point for point in entry_points(group=DRIVERS_GROUP)}
    if driver not in factories:
        known = ", ".join(sorted(factories)) or "none"
        hint = did_you_mean(driver, factories) or f"installed are: {known}"
        raise LineError(f"no driver '{driver}'; {hint}")
    factory: Factory = factories[driver].load()
    return factory


def build_line(driver: str, spec: LineSpec) -> Driver:
    """The driver of one line; no port is opened before it runs. Raises LineError."""
    try:
        return factory_of(driver)(spec)
    except ValueError as error:
        raise LineError("; ".join(str(problem) for problem in error.args)) from error


def build_lines(lines: Mapping[str, tuple[str, LineSpec]]) -> dict[str, Driver]:
    """A driver for every line. Raises LineError."""
    return {name: build_line(driver, spec) for name, (driver, spec) in lines.items()}
