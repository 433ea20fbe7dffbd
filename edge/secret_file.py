"""Files of secrets: for nobody but their owner, at no moment for anybody else."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from edge.credentials import was_handed_over

SECRET_MODE = 0o600


class NotAFileError(Exception):
    """Something else stands in the file's place: a folder, a pipe, a device."""


class OpenToOthersError(Exception):
    """Others on this machine can read or change the file."""


def read_secret(path: Path, bytes_max: int) -> bytes:
    """The file's first `bytes_max` bytes, if nobody but its owner can touch it.

    Raises OSError, NotAFileError, OpenToOthersError.
    """
    # O_NONBLOCK: a pipe in the file's place must not hold anybody up.
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(fd, "rb") as file:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise NotAFileError
        if is_open_to_others(path, status.st_mode):
            raise OpenToOthersError
        return file.read(bytes_max)


def is_open_to_others(path: Path, mode: int) -> bool:
    """Whether others on this machine can read or change a file of this mode."""
    # systemd lets the service's account read what it hands over by an access list, whose mask then
    # stands in the mode where the group's rights are.
    return bool(mode & (0o037 if was_handed_over(path) else 0o077))


def write_new_secret(path: Path, content: bytes, *, like: Path | None = None) -> None:
    """A new file, whole and on disk when this returns: what carries the name is never half of it.

    It belongs to us, or to whom the file `like` belongs. Raises FileExistsError and other OSErrors.
    """
    with new_secret(path) as file:
        if like is not None:
            _give_to_owner(file.fileno(), like)
        file.write(content)


@contextmanager
def new_secret(path: Path) -> Iterator[BinaryIO]:
    """A new file that is written in the block; it has its name, whole and on disk, after the block,
    and there is none if the block fails. Raises FileExistsError and other OSErrors.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, SECRET_MODE)
    try:
        with os.fdopen(fd, "wb") as file:
            yield file
            file.flush()
            os.fsync(fd)
        os.link(draft, path)  # unlike a rename it never takes another file's place
    finally:
        draft.unlink()
    _sync(path.parent)


def replace_file(path: Path, content: bytes, mode: int = SECRET_MODE) -> None:
    """The file with this content; a power cut leaves the old or the new one, whole.

    It belongs to whom the old one belonged, or else the folder: root may renew what a service
    reads. Raises OSError.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, SECRET_MODE)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            file.flush()
            _give_to_owner(fd, path)
            os.fchmod(fd, mode)
            os.fsync(fd)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    _sync(path.parent)


def rename_durably(old: Path, new: Path) -> None:
    """`new` is what `old` was; a power cut leaves both, or this. Raises OSError."""
    old.replace(new)
    _sync(new.parent)


def remove_durably(path: Path) -> None:
    """It is gone; a power cut does not bring it back. Raises OSError."""
    path.unlink(missing_ok=True)
    _sync(path.parent)


def _give_to_owner(fd: int, path: Path) -> None:
    owner = (path if path.exists() else path.parent).stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.fchown(fd, owner.st_uid, owner.st_gid)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
