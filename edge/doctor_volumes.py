"""Whether what keeps records lies on an encrypted volume, and how much room there is.

Linux says it: the mount of a path in /proc/self/mountinfo, the device behind it in /sys/dev/block,
and of a device of dm-crypt the word CRYPT at the head of its `dm/uuid`. What encrypts elsewhere (in
the file system, in the drive, on another machine) cannot be seen from here, and that is said.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from edge.ballast import BALLAST_BYTES, ROOM_FACTOR
from edge.ballast import FILE as BALLAST
from edge.control.place import JOURNAL
from edge.doctor import Finding, Patient, fail, ok, warn

CRYPT = "CRYPT-"
DEPTH_MAX = 8
"""Devices upon devices; nobody stacks more."""

MIB = 1024 * 1024
FREE_WARN_BYTES = 1024 * MIB
LOG_WARN_BYTES = 64 * MIB
"""The write-ahead log is folded in long before."""

RECIPE = "put it on a LUKS volume: docs/operations.md, “Encrypted volumes”"

BY_ITSELF = {
    "zfs": "see `zfs get encryption` for it",
    "ecryptfs": "it encrypts by itself: see that its key is not on this machine",
    "fuse": "see what the file system behind it does",
    "overlay": "look at the host: it is a container's",
    "nfs": "it is another machine's disk: look there",
    "nfs4": "it is another machine's disk: look there",
    "cifs": "it is another machine's disk: look there",
    "9p": "it is the host's: look there",
    "virtiofs": "it is the host's: look there",
}
"""File systems of which this machine cannot tell, and where to look."""

IN_MEMORY = frozenset({"tmpfs", "ramfs"})


class Mount(NamedTuple):
    """Where a path lies. `device`: `major:minor`."""

    point: Path
    device: str
    kind: str
    source: str


def encryption(patient: Patient) -> Iterator[Finding]:
    """Of the state folder, which holds journal and people, and of what else was named."""
    for path in (patient.state, *patient.volumes):
        yield judged(path, patient.machine.root)


def judged(path: Path, root: Path) -> Finding:
    """Whether it lies on an encrypted volume. `root`: under which the system's files are seen."""
    try:
        mount = mount_of(path, root)
    except OSError as error:
        return warn(f"{path}: on which volume it lies cannot be told: {error.strerror}", RECIPE)
    if mount is None:
        return warn(f"{path}: on which volume it lies cannot be told", RECIPE)
    if mount.kind in IN_MEMORY:
        return fail(
            f"{path} is in memory ({mount.kind}): nothing of it outlives the power",
            "name a state folder on a disk",
        )
    hint = BY_ITSELF.get(mount.kind.partition(".")[0])
    if hint is not None:
        return warn(f"{path} is on {mount.kind}: whether it is encrypted cannot be told", hint)
    device = _block_device(mount, root)
    if device is None:
        return warn(f"{path}: the device behind {mount.source} is not seen from here", RECIPE)
    encrypted = is_encrypted(device)
    if encrypted is None:
        return warn(f"{path}: whether {mount.source} is encrypted cannot be told", RECIPE)
    if encrypted:
        return ok(f"{path} is on an encrypted volume ({mount.source})")
    return warn(
        f"{path} is on {mount.source}, which dm-crypt does not encrypt: whoever takes the disk "
        "reads journal, names and keys (a drive or folder that encrypts by itself is not seen)",
        RECIPE,
    )


def mount_of(path: Path, root: Path) -> Mount | None:
    """The mount in which a path lies: of those that hold it the deepest, and of two at one place
    the later. None where there is none. Raises OSError.
    """
    real = path.resolve()
    found = None
    for line in (root / "proc/self/mountinfo").read_text().splitlines():
        mount = _mount(line)
        if mount is None or not real.is_relative_to(mount.point):
            continue
        if found is None or len(mount.point.parts) >= len(found.point.parts):
            found = mount
    return found


def _mount(line: str) -> Mount | None:
    """A line of proc_pid_mountinfo(5)."""
    before, _, after = line.partition(" - ")
    fields, kinds = before.split(), after.split()
    if len(fields) < 5 or len(kinds) < 2:
        return None
    return Mount(Path(_unescaped(fields[4])), fields[2], kinds[0], _unescaped(kinds[1]))


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


def _block_device(mount: Mount, root: Path) -> Path | None:
    """Its folder in sysfs. btrfs and others number their mounts themselves: then by the source."""
    by_number = root / "sys/dev/block" / mount.device
    if by_number.is_dir():
        return by_number
    if not mount.source.startswith("/dev/"):
        return None
    try:
        status = (root / mount.source.lstrip("/")).stat()
    except OSError:
        return None
    found = root / f"sys/dev/block/{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    return found if found.is_dir() else None


def is_encrypted(device: Path, depth: int = 0) -> bool | None:
    """Whether a device's folder in sysfs is of dm-crypt, or all that it is made of are (LVM, RAID);
    None where it cannot be told.
    """
    if depth > DEPTH_MAX or (device / "loop").is_dir():
        return None
    try:
        uuid = (device / "dm/uuid").read_text()
    except OSError:
        uuid = ""
    if uuid.startswith(CRYPT):
        return True
    if (device / "partition").exists():
        return is_encrypted(device.resolve().parent, depth + 1)
    try:
        parts = sorted((device / "slaves").iterdir())
    except OSError:
        parts = []
    found = [is_encrypted(part, depth + 1) for part in parts]
    if False in found or not found:
        return False
    return None if None in found else True


def room(patient: Patient) -> Iterator[Finding]:
    """What the disk has left, and whether the journal's reserve is there."""
    state = patient.state
    try:
        disk = os.statvfs(state)
    except OSError as error:
        yield warn(f"{state}: {error.strerror}", "the first start makes it")
        return
    free = disk.f_bavail * disk.f_frsize
    said = f"{free // MIB} MiB free for {state}"
    make = "make space on the disk: a full one stops the journal, and with it entry"
    if free < ROOM_FACTOR * BALLAST_BYTES:
        yield fail(said, make)
    elif free < FREE_WARN_BYTES:
        yield warn(said, make)
    elif disk.f_files and not disk.f_favail:
        yield fail(f"no further file can be made for {state}", make)
    else:
        yield ok(said)
    yield from _reserve(state)


def _reserve(state: Path) -> Iterator[Finding]:
    if (state / "control.sock").exists() and not (state / BALLAST).exists():
        yield warn(
            "the room that is kept for a full disk is not there",
            "make space on the disk; the daemon keeps it again within a minute",
        )
    for log in sorted((state / JOURNAL).glob("*-wal")):
        size = log.stat().st_size
        if size > LOG_WARN_BYTES:
            yield warn(
                f"{log} has grown to {size // MIB} MiB and is not folded in",
                "see the daemon's log for its disk; stop the edge in good order, which folds it in",
            )
