"""Events about cameras: what is wrong with what they show. No picture ever stands in one."""

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
