"""Files of secrets: for nobody but their owner, at no moment for anybody else."""

import os
import stat
from pathlib import Path

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
        if status.st_mode & 0o077:
            raise OpenToOthersError
        return file.read(bytes_max)


def write_new_secret(path: Path, content: bytes) -> None:
    """A new file, whole and on disk when this returns: what carries the name is never half of it.

    Raises FileExistsError and other OSErrors.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, SECRET_MODE)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(fd)
        os.link(draft, path)  # unlike a rename it never takes another file's place
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
