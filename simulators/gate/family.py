"""The family of simulated cameras: real pictures over HTTP, and one key that no other family knows.

Drawn people resemble each other more than living ones do, so that they need a limit of their own
(`docs/simulation.md`). It belongs to cameras of this family alone, and those are on loopback alone:
no production can inherit it.
"""

from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from drivers.cameras.api import CameraFamily, CameraOptions, CameraSpec, SourceSpec
from drivers.cameras.families import MjpegCamera, mjpeg_source
from drivers.family import About

DISTANCE_MAX = 0.42
"""Between a drawn face and its template: the 40 chosen people are apart at it (face.md, section 4:
own views up to 0.36, nearest other from 0.43 on)."""


class SimulatedCamera(MjpegCamera, frozen=True, kw_only=True):
    """A camera that `sentrypost sim` plays. `distance_max`: as `CameraFamily.distance_max`."""

    distance_max: Annotated[float, msgspec.Meta(gt=0, le=0.6)] = DISTANCE_MAX


def source(camera: CameraSpec) -> SourceSpec:
    """As `CameraFamily.source`."""
    options = camera.options
    assert isinstance(options, SimulatedCamera), "the family's own camera"
    opened = mjpeg_source(camera)
    host = urlsplit(options.url).hostname or ""
    if not _loopback(host):
        raise ValueError("a simulated camera is on this machine: `url` is http://127.0.0.1:PORT/")
    return opened


def distance_max(options: CameraOptions) -> float | None:
    """As `CameraFamily.distance_max`."""
    assert isinstance(options, SimulatedCamera), "the family's own camera"
    return options.distance_max


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


family = CameraFamily(
    options=SimulatedCamera,
    source=source,
    about=About(
        what="cameras that `sentrypost sim` plays, with drawn gates and people",
        tested_against=("the simulator",),
        on_hardware="needs none",
    ),
    distance_max=distance_max,
)
