"""Which installed kind of camera serves an entry of the site file, and what is made of it."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import entry_points
from importlib.util import find_spec
from random import Random

from drivers.cameras.api import (
    FAMILIES_GROUP,
    CameraFamily,
    CameraOptions,
    CameraSpec,
    SourceSpec,
)
from drivers.cameras.camera import CameraProcess
from policies.compiled import CompiledPolicy, PortalRule
from policies.facts import Direction
from policies.problems import did_you_mean

EXTRA = "biometrics"
_BROUGHT = ("cv2", "numpy")
"""What the extra brings that a camera's process needs."""


class CameraError(Exception):
    """A camera of the site file cannot be served as it is described; the message says why."""


def camera_families() -> dict[str, CameraFamily]:
    """Every installed kind by its name."""
    return {point.name: point.load() for point in entry_points(group=FAMILIES_GROUP)}


def camera_family_of(driver: str) -> CameraFamily:
    """Who serves this driver's cameras. Raises CameraError where it is not installed."""
    points = {point.name: point for point in entry_points(group=FAMILIES_GROUP)}
    if driver not in points:
        known = ", ".join(sorted(points)) or "none"
        hint = did_you_mean(driver, points) or f"installed are: {known}"
        raise CameraError(f"no camera driver '{driver}'; {hint}")
    family: CameraFamily = points[driver].load()
    return family


def lacks_extra() -> bool:
    """Whether cameras cannot run here, for want of what the extra brings; imports nothing."""
    return any(find_spec(name) is None for name in _BROUGHT)


def source_of(driver: str, spec: CameraSpec) -> SourceSpec:
    """What a camera's process opens. Raises CameraError."""
    try:
        return camera_family_of(driver).source(spec)
    except ValueError as error:
        raise CameraError("; ".join(str(problem) for problem in error.args)) from error


def build_cameras(
    cameras: Mapping[str, tuple[str, CameraSpec]],
    jitter: Random,
    views: Mapping[str, bytes],
    keep: Callable[[str, bytes], None],
) -> dict[str, CameraProcess]:
    """Every camera of a site file; no process begins before it runs.

    `views`: what `keep` was given in an earlier run, by camera. Raises CameraError, OSError.
    """
    made: dict[str, CameraProcess] = {}
    try:
        for name, (driver, spec) in cameras.items():
            made[name] = CameraProcess(
                spec,
                source_of(driver, spec),
                jitter=jitter,
                view=views.get(name),
                keep=partial(keep, name),
            )
    except (CameraError, OSError):
        for camera in made.values():
            camera.close()
        raise
    return made


def simulated_distances(cameras: Mapping[str, tuple[str, CameraSpec]]) -> dict[str, float]:
    """By camera, of simulated ones alone: the distance that holds for the people it shows."""
    told = {
        name: camera_family_of(driver).distance_max(spec.options)
        for name, (driver, spec) in cameras.items()
    }
    return {name: distance for name, distance in told.items() if distance is not None}


def watched_zone(policy: CompiledPolicy, options: CameraOptions) -> str:
    """Where whoever it looks at stands: the zone from which one goes through its portal."""
    rule = next(rule for rule in policy.portals if rule.id == options.portal)
    return _zone(rule, options.side)


def _zone(rule: PortalRule, side: Direction) -> str:
    return rule.outer if side is Direction.ENTRY else rule.inner
