"""What of pictures stands beside a daemon: opened at its start, kept and erased while it runs.

Nothing here ever stops a start or a door: what is wrong with files or keys is told in the log.
"""

import logging
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from controller.events import Entry
from controller.ids import HolderId, PortalId
from drivers.cameras.api import Camera
from edge.ballast import Ballast
from edge.config import Config
from edge.daemon import Daemon
from edge.pictures.choosing import Chosen, Layout, chosen
from edge.pictures.ending import PictureEnds
from edge.pictures.errors import PicturesError
from edge.pictures.index import PictureIndex
from edge.still_there import StillThereError
from policies.compiled import CompiledPolicy, Pictures

if TYPE_CHECKING:  # they need PyNaCl, which an edge without cameras does not have
    from edge.pictures.keeper import PictureKeeper
    from edge.pictures.store import PictureStore

log = logging.getLogger(__name__)


class AtRest(NamedTuple):
    """`keys`: the file of them, where anything was ever kept. `store`: what keeps more, where
    there are cameras and a key.
    """

    keys: PictureIndex | None = None
    store: "PictureStore | None" = None

    def close(self) -> None:
        if self.keys is not None:
            self.keys.close()


NOTHING_AT_REST = AtRest()


def open_at_rest(config: Config, *, cameras: bool) -> AtRest:
    """Of the state folder; made there where there are cameras. What cannot be opened is told."""
    index = None
    try:
        if not cameras and not PictureIndex.exists(config.state):
            return NOTHING_AT_REST
        index = PictureIndex.open(config.state)
        if not cameras:
            return AtRest(index)
        from edge.pictures.rotation import key_in_use
        from edge.pictures.store import PictureStore

        key = key_in_use(index, config.state, config.picture_key, config.former_picture_key)
        return AtRest(index, PictureStore(index, key, config.site, config.edge))
    except PicturesError as error:
        log.error("no pictures are kept: %s", error)
        return AtRest(index)


def kept_beside(
    config: Config,
    daemon: Daemon,
    at_rest: AtRest,
    cameras: Mapping[str, Camera],
    ballast: Ballast | None,
) -> "PictureKeeper | None":
    """What keeps pictures of these cameras; None where nothing can."""
    if at_rest.store is None or not cameras:
        return None
    from edge.pictures.keeper import PictureKeeper

    readers = readers_of(config)

    def choose(entry: Entry) -> tuple[Chosen, ...]:
        policy = daemon.site.policy
        return chosen(entry, Layout(policy, readers), partial(pictures_at, policy))

    return PictureKeeper(
        daemon,
        at_rest.store,
        cameras,
        choose,
        config.picture_days,
        partial(free_bytes, config.state),
        _never if ballast is None else ballast.room_is_low,
    )


def pictures_at(policy: CompiledPolicy, portal: PortalId) -> Pictures:
    """What the policy wants kept there; nothing at a portal that it does not know."""
    rule = policy.portal(portal)
    return Pictures.NONE if rule is None else rule.pictures


def readers_of(config: Config) -> Mapping[str, PortalId]:
    """The portal of each reader."""
    return {
        device: PortalId(name)
        for name, portal in config.portals.items()
        for device in (portal.entry_reader, portal.exit_reader)
        if device is not None
    }


def free_bytes(state: Path) -> int:
    """On the disk of the state folder; none where that cannot be told."""
    try:
        found = os.statvfs(state)
    except OSError:
        return 0
    return found.f_bavail * found.f_frsize


async def pictures_of_erased(
    state: Path, daemon: Daemon, at_rest: AtRest, holder: HolderId
) -> None:
    """Everything in which somebody may be goes. Raises StillThereError, JournalError."""
    if at_rest.keys is None:
        if PictureIndex.exists(state):
            raise StillThereError(f"{state}: pictures are kept that cannot be opened; see the log")
        return
    try:
        await PictureEnds(daemon, at_rest.keys).of_holder(holder)
    except PicturesError as error:
        raise StillThereError(str(error)) from error


def _never() -> bool:
    return False
