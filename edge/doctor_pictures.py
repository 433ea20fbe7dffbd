"""Whether what the policy wants kept of cameras can be kept: cameras, key, and room."""

import os
from collections.abc import Iterator
from pathlib import Path

from controller.events_pictures import PictureKind
from controller.retention import RecordClass
from edge.config import Config
from edge.doctor import Finding, Patient, fail, ok, warn
from edge.pictures.errors import PictureKeyError
from edge.pictures.index import FOLDER, SUFFIX
from edge.pictures.key import KEY_FILE, picture_key
from edge.pictures.room import ROOM_BYTES
from policies.compiled import Pictures

MIB = 1024 * 1024


def pictures(patient: Patient) -> Iterator[Finding]:
    """What is kept, where, under which key, and for how much there is room."""
    config = patient.config
    if config is None:
        return
    wanted = [one.id for one in config.policy.portals if one.pictures is not Pictures.NONE]
    if not wanted:
        yield ok(f"the policy wants no pictures{_there(patient.state)}")
        return
    watched = {spec.options.portal for _, spec in config.cameras.values()}
    blind = [portal for portal in wanted if portal not in watched]
    if blind:
        yield warn(
            f"the policy wants pictures at {', '.join(blind)}, where there is no camera",
            "name one in the site file, or take `pictures` out of the policy",
        )
    if len(blind) < len(wanted):
        yield from _key(config)
        yield _room(patient.state)
        yield from _outlived(config)


def _key(config: Config) -> Iterator[Finding]:
    """The one that is named; that of the state folder the edge makes by itself."""
    if config.picture_key is None and not (config.state / KEY_FILE).exists():
        return
    try:
        picture_key(config.state, config.picture_key)
    except PictureKeyError as error:
        said, _, remedy = str(error).partition("; ")
        yield fail(f"no pictures are kept: {said}", remedy)


def _room(state: Path) -> Finding:
    try:
        disk = os.statvfs(state)
    except OSError as error:
        return warn(f"{state}: {error.strerror}", "the first start makes it")
    free = disk.f_bavail * disk.f_frsize
    if free < ROOM_BYTES:
        return fail(
            f"no pictures are kept: {free // MIB} MiB are free",
            f"make room until {ROOM_BYTES // MIB} MiB are free, or keep them for fewer days",
        )
    return ok(f"pictures can be kept{_there(state)}")


def _there(state: Path) -> str:
    """How many there are by now, and how large, without a look into any."""
    sizes = [path.stat().st_size for path in (state / FOLDER).glob(f"*{SUFFIX}")]
    return f"; {len(sizes)} are there, {sum(sizes) // MIB} MiB" if sizes else ""


def _outlived(config: Config) -> Iterator[Finding]:
    """The entry with a picture's hash goes with those about passages."""
    days = config.retention.get(RecordClass.PASSAGES)
    longest = max(config.picture_days.get(what, 0) for what in PictureKind)
    if days is not None and longest > days:
        yield warn(
            f"pictures are kept for {longest} days, and entries with their hashes for {days}",
            "raise passages-days in [retention]: without its entry no picture proves anything here",
        )
