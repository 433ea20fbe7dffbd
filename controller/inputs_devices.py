"""Inputs of what is done to devices by hand, and of devices that are not what they were."""

from controller.events_devices import ServiceStep
from controller.ids import PortalId
from controller.inputs import Input
from controller.ledger import Personal


class DeviceServiceHeard(Input, frozen=True, kw_only=True):
    """As `DeviceServiced`. `operator.field` is `operator`."""

    device: str
    step: ServiceStep
    detail: str = ""
    operator: Personal | None = None


class DeviceChangeHeard(Input, frozen=True, kw_only=True):
    """As `DeviceChanged`."""

    device: str
    reason: str


class CameraHeard(Input, frozen=True, kw_only=True):
    """What is wrong with a camera now, as in `CameraFaulted`; nothing where all is well."""

    camera: str
    portal: PortalId
    faults: tuple[str, ...]
    about: str
