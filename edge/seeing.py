"""Cameras and the face process beside the daemon: what they report, and what they are asked."""

from collections.abc import Mapping
from functools import partial

from controller.ids import PortalId
from controller.inputs_devices import CameraHeard
from drivers.cameras.api import Camera, CameraReported
from edge.control.messages_faces import FacePictureReply
from edge.daemon import Alongside, Daemon
from edge.face_desk import FaceDesk
from edge.face_watch import FaceWatch
from edge.guard_post import GuardPost
from policies.facts import Direction, Factor

NOW_WITHIN_S = 2.0
"""A picture that is as old as that shows somebody else."""


def beyond_the_reader(
    watch: FaceWatch, guards: GuardPost, portal: PortalId, direction: Direction
) -> tuple[Factor, ...]:
    """What can be asked for here now that no reader has: a face where a camera sees, a guard's look
    where somebody attends to it.
    """
    face = (Factor.FACE,) if watch.sees(portal, direction) else ()
    return (*face, Factor.GUARD) if guards.attended else face


def seeing(daemon: Daemon, desk: FaceDesk) -> Alongside:
    """Each camera and the face process under a task of its own; they know each other from here."""
    watch = daemon.answering.watch
    watch.template = desk.template
    desk.camera = partial(picture_of, daemon, watch.cameras)
    alongside: Alongside = {
        f"camera {name}": partial(camera.run, partial(_heard, daemon, camera))
        for name, camera in watch.cameras.items()
    }
    comparer = watch.faces
    if comparer is not None:
        desk.model = lambda: comparer.model
        alongside["face process"] = comparer.run
    return alongside


async def picture_of(daemon: Daemon, cameras: Mapping[str, Camera], name: str) -> FacePictureReply:
    """What a camera sees now, already masked."""
    camera = cameras.get(name)
    if camera is None:
        known = ", ".join(sorted(cameras)) or "none"
        return FacePictureReply(reason=f"no camera '{name}'", remedy=f"there are: {known}")
    found = await camera.picture(daemon.now().mono_us * 1_000, NOW_WITHIN_S)
    if found is None:
        remedy = "`sentrypost doctor` says what it lacks"
        return FacePictureReply(reason=f"camera '{name}' gives no picture", remedy=remedy)
    return FacePictureReply(jpeg=found.jpeg, at_ns=found.at_ns)


def _heard(daemon: Daemon, camera: Camera, reported: CameraReported) -> None:
    daemon.answering.watch.heard(reported)
    daemon.judge(
        CameraHeard(
            id=daemon.new_id(),
            camera=camera.name,
            portal=PortalId(camera.options.portal),
            faults=tuple(fault.value for fault in reported.faults),
            about=reported.about,
        )
    )
