"""Examples of events of cameras, every field filled."""

from controller.body import Body
from controller.events_cameras import CameraFaulted, CameraRestored
from controller.ids import PortalId

GATE = PortalId("gate")

CAMERAS: tuple[Body, ...] = (
    CameraFaulted(
        camera="gate-cam", portal=GATE, faults=("covered", "dark"), about="nothing moves in it"
    ),
    CameraRestored(camera="gate-cam", portal=GATE, about="1280x720 at 10 a second"),
)
