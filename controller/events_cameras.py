"""Events about cameras: what is wrong with what they show. No picture ever stands in one."""

from collections.abc import Mapping
from typing import Annotated

import msgspec

from controller.body import Body, Name, Text
from controller.ids import PortalId

Faults = Annotated[tuple[Name, ...], msgspec.Meta(max_length=16)]
"""In the words of docs/cameras.md: `frozen`, `covered`, `no-signal` …"""


class CameraFaulted(Body, frozen=True, kw_only=True):
    """The camera shows nothing that can be relied on; nobody is compared with what it shows."""

    camera: Name
    portal: PortalId
    faults: Faults
    about: Text


class CameraRestored(Body, frozen=True, kw_only=True):
    """The camera can be relied on again."""

    camera: Name
    portal: PortalId
    about: Text


def after_camera(
    cameras: Mapping[str, tuple[str, ...]], body: CameraFaulted | CameraRestored
) -> dict[str, tuple[str, ...]]:
    """By name the cameras with which something is wrong, and what."""
    others = {name: faults for name, faults in cameras.items() if name != body.camera}
    return others if isinstance(body, CameraRestored) else {**others, body.camera: body.faults}
