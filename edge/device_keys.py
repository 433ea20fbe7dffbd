"""The keys of devices on the disk, and what is known of a device: what a power cut must not take.

A key file that is changed has three states on the disk, and a power cut leaves one of them:

1. The key file alone: it is the device's.
2. `FILE.next` beside it: the device has the one or the other. Both are tried until it proves one.
3. It has proved the next one, which is renamed to the key file; or the former, and the next one is
   removed. That is the first state again.

A device that was never paired has no key file, and the second state is `FILE.next` alone.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from edge.secret_file import (
    SECRET_MODE,
    NotAFileError,
    OpenToOthersError,
    read_secret,
    remove_durably,
    rename_durably,
    replace_file,
    write_new_secret,
)

KEY_BYTES = 16
"""AES-128: what every protocol here has that knows keys of devices."""

KEY_FILE_BYTES_MAX = 1024
PROFILE_BYTES_MAX = 16 * 1024
DEVICES = "devices"
"""The folder in the state folder that holds what is known of each device."""

log = logging.getLogger(__name__)


class DeviceKeyError(Exception):
    """A key was not changed. `remedy` says what to do; neither has a byte of a key."""

    def __init__(self, message: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(message)


def next_file(path: Path) -> Path:
    """Where the key lies that is to follow the one in `path`."""
    return path.with_name(f"{path.name}.next")


def successor_of(path: Path) -> bytes | None:
    """The key that lies beside the one in `path`; None where there is none to be used."""
    beside = next_file(path)
    try:
        key = bytes.fromhex(read_secret(beside, KEY_FILE_BYTES_MAX).decode("ascii").strip())
    except FileNotFoundError:
        return None
    except (OSError, NotAFileError, OpenToOthersError, ValueError) as error:
        log.error("%s is not used: %s", beside, type(error).__name__)
        return None
    return key if len(key) == KEY_BYTES else None


def begin(path: Path, entropy: Callable[[int], bytes]) -> bytes:
    """A new key, on the disk beside the one in `path` when this returns. Raises DeviceKeyError.

    One that lies there already is gone on with: the device may have it.
    """
    known = successor_of(path)
    if known is not None:
        return known
    key = entropy(KEY_BYTES)
    try:
        write_new_secret(
            next_file(path), f"{key.hex()}\n".encode(), like=path if path.exists() else None
        )
    except FileExistsError:
        raise DeviceKeyError(
            f"{next_file(path)} cannot be read, and the device may have the key in it",
            "close it with chmod 600 and give it to the edge's account",
        ) from None
    except OSError as error:
        raise DeviceKeyError(
            f"{next_file(path)} cannot be written: {error.strerror}",
            "let the edge's account write to the folder of the key",
        ) from None
    return key


def settle(path: Path, *, successor: bool) -> None:
    """The device has proved one of the two: it alone stays. Raises OSError; then both stay."""
    beside = next_file(path)
    if not beside.exists():
        return
    if successor:
        rename_durably(beside, path)
    else:
        remove_durably(beside)


def profile_of(state: Path, device: str) -> str | None:
    """What is known of a device; None where nothing is."""
    try:
        return read_secret(_profile_file(state, device), PROFILE_BYTES_MAX).decode()
    except FileNotFoundError:
        return None
    except (OSError, NotAFileError, OpenToOthersError, UnicodeDecodeError) as error:
        log.error("what is known of %s cannot be read: %s", device, type(error).__name__)
        return None


def keep_profile(state: Path, device: str, profile: str) -> None:
    """Keep what is known of a device. Raises OSError."""
    file = _profile_file(state, device)
    file.parent.mkdir(mode=0o700, exist_ok=True)
    replace_file(file, profile.encode(), SECRET_MODE)


def _profile_file(state: Path, device: str) -> Path:
    return state / DEVICES / f"{device}.json"
