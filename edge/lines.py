"""Which installed family of drivers serves a line of the site file."""

from collections.abc import Mapping
from importlib.metadata import entry_points

from drivers.api import Driver
from drivers.family import DeviceOptions, Family, LineSpec, Reliance
from policies.problems import did_you_mean

DRIVERS_GROUP = "sentrypost.drivers"


class LineError(Exception):
    """A line of the site file cannot be served as it is described; the message says why."""


def families() -> dict[str, Family]:
    """Every installed family by its name."""
    return {point.name: point.load() for point in entry_points(group=DRIVERS_GROUP)}


def family_of(driver: str) -> Family:
    """Who serves this driver's lines. Raises LineError where it is not installed."""
    points = {point.name: point for point in entry_points(group=DRIVERS_GROUP)}
    if driver not in points:
        known = ", ".join(sorted(points)) or "none"
        hint = did_you_mean(driver, points) or f"installed are: {known}"
        raise LineError(f"no driver '{driver}'; {hint}")
    family: Family = points[driver].load()
    return family


def reliances(
    lines: Mapping[str, tuple[str, LineSpec]], devices: Mapping[str, DeviceOptions]
) -> dict[str, Reliance]:
    """How far each device is relied on. Raises LineError."""
    return {
        name: family_of(lines[device.line][0]).reliance(device) for name, device in devices.items()
    }


def build_line(driver: str, spec: LineSpec) -> Driver:
    """The driver of one line; no port is opened before it runs. Raises LineError."""
    try:
        return family_of(driver).build(spec)
    except ValueError as error:
        raise LineError("; ".join(str(problem) for problem in error.args)) from error


def build_lines(lines: Mapping[str, tuple[str, LineSpec]]) -> dict[str, Driver]:
    """A driver for every line. Raises LineError."""
    return {name: build_line(driver, spec) for name, (driver, spec) in lines.items()}
