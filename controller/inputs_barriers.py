"""Facts about what is driven up and down over vehicles."""

from controller.barrier import Loop
from controller.ids import PortalId
from controller.inputs import Input


class LoopHeard(Input, frozen=True, kw_only=True):
    """The debounced safety loop of a portal."""

    portal: PortalId
    loop: Loop


class LimitHeard(Input, frozen=True, kw_only=True):
    """The upper limit of a portal's barrier."""

    portal: PortalId
    up: bool
