"""Whether the service alone can read its secrets, and whether any lie here that must not."""

import os
import shlex
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from drivers.family import secret_files
from edge import faces
from edge.config import Config
from edge.control.place import PAGES_SOCKET, SOCKET
from edge.credentials import file_named
from edge.device_keys import next_file
from edge.doctor import Finding, Patient, fail, ok, warn
from edge.journal_keys import KEY_FILE, NEXT_FILE
from edge.order_key import KEY_FILE as ORDER_KEY_FILE
from edge.pictures.key import KEY_FILE as PICTURE_KEY_FILE
from edge.secret_file import is_open_to_others
from edge.views_file import VIEWS_FILE

PEM_BYTES_MAX = 64 * 1024

SUFFIXES = frozenset({".key", ".pem", ".p8", ".txt", ""})
"""What private keys are called by us and by others."""

ELSEWHERE = "move it to where it is used, and leave no copy here: a stick in a safe, the watch room"


def state_folder(patient: Patient) -> Iterator[Finding]:
    """The folder and everything in it, as docs/operations.md has its modes."""
    state = patient.state
    try:
        whose = state.stat()
    except FileNotFoundError:
        yield warn(f"{state}: there is none", "the first start makes it")
        return
    except OSError as error:
        yield fail(f"{state}: {error.strerror}", "run this as the daemon's account or as root")
        return
    if whose.st_mode & 0o027:
        yield _open_to_others(state, whose.st_mode, "750")
        return
    found = list(_inside(state, whose.st_uid))
    yield from found
    if not found:
        yield ok(f"{state} is the service's alone")


def _inside(state: Path, owner: int) -> Iterator[Finding]:
    for folder, names, files in os.walk(state):
        for name in (*names, *files):
            path = Path(folder) / name
            status = path.lstat()
            if stat.S_ISLNK(status.st_mode):
                yield warn(f"{path} leads elsewhere", "put what it stands for in its place")
                continue
            if status.st_mode & _too_wide(path, state, status.st_mode):
                closed = "700" if stat.S_ISDIR(status.st_mode) else "600"
                yield _open_to_others(path, status.st_mode, closed)
            elif status.st_uid != owner:
                yield warn(
                    f"{path} belongs to another account than the folder",
                    f"chown --reference {shlex.quote(str(state))} {shlex.quote(str(path))}",
                )


def _too_wide(path: Path, state: Path, mode: int) -> int:
    """The bits that must not be set. The group reaches the sockets, and reports."""
    if path.parent == state and path.name in {SOCKET, PAGES_SOCKET} and stat.S_ISSOCK(mode):
        return 0o007
    if path.parent == state and path.name.startswith(VIEWS_FILE):
        return 0o027
    return 0o077


def keys(patient: Patient) -> Iterator[Finding]:
    """What the site file names, and the journal's key."""
    try:
        writable = patient.file.stat().st_mode & 0o022
    except OSError as error:
        yield fail(f"{patient.file}: {error.strerror}", "name the site file with --config")
        return
    if writable:
        yield _open_to_others(patient.file, patient.file.stat().st_mode, "640")
    found = []
    for path in _secrets(patient):
        try:
            mode = path.stat().st_mode
        except OSError as error:
            found.append(fail(f"{path}: {error.strerror}", "put it there"))
            continue
        if is_open_to_others(path, mode):
            found.append(_open_to_others(path, mode, "600"))
    yield from found
    if not found and not writable:
        yield ok(f"keys and passwords are for their owner alone{_ages(patient.state)}")


def _ages(state: Path) -> str:
    """Of what this edge signs with. Nobody can say how old is too old: that is the site's rule."""
    ages = []
    for what, name in (("its journal", KEY_FILE), ("its own orders", ORDER_KEY_FILE)):
        try:
            made = datetime.fromtimestamp((state / name).stat().st_mtime, UTC)
        except OSError:
            continue
        ages.append(f"{what} with a key of {made:%Y-%m-%d}")
    return f"; the edge signs {' and '.join(ages)}" if ages else ""


def _secrets(patient: Patient) -> Iterator[Path]:
    journal_keys = (patient.state / name for name in (KEY_FILE, NEXT_FILE))
    yield from (key for key in journal_keys if key.exists())
    config = patient.config
    if config is None:
        return
    beside = config.file.parent
    yield config.site_key
    templates = config.template_keys
    keys = (templates.current, templates.former, config.state / faces.KEY_FILE)
    own = config.state / PICTURE_KEY_FILE
    pictures = (config.picture_key, config.former_picture_key, own)
    yield from (key for key in (*keys, *pictures) if key is not None and key.exists())
    for _, line in config.lines.values():
        for entry in (line.options, *(device.options for device in line.devices)):
            files = [file_named(name, beside) for name in secret_files(entry)]
            # A key is made when its device is paired, and changed by way of one beside it.
            yield from (one for file in files for one in (file, next_file(file)) if one.exists())
    for _, camera in config.cameras.values():
        yield from (file_named(name, beside) for name in secret_files(camera.options))
    if config.broker is not None and config.broker.password_file is not None:
        yield file_named(config.broker.password_file, beside)
    if config.tls is not None:
        yield config.tls.certificate if config.tls.key is None else config.tls.key


def strays(patient: Patient) -> Iterator[Finding]:
    """Private keys beside the site file that the edge has no use for: whoever takes the machine
    signs with them, or is told of duress.
    """
    try:
        files = sorted(patient.file.parent.iterdir())
    except OSError as error:
        yield fail(f"{patient.file.parent}: {error.strerror}", "run this as the daemon's account")
        return
    own = set() if patient.config is None else set(_tls(patient.config))
    found = False
    for path in files:
        kind = "" if path.suffix not in SUFFIXES or path.resolve() in own else _private(path)
        if kind == "open":
            found = True
            yield fail(f"{path} is a private key without a passphrase", ELSEWHERE)
        elif kind:
            found = True
            yield warn(f"{path} is a private key, with a passphrase", ELSEWHERE)
    if not found:
        yield ok(f"no private key that the edge does not need lies in {patient.file.parent}")


def _tls(config: Config) -> Iterator[Path]:
    if config.tls is not None:
        yield config.tls.certificate.resolve()
        if config.tls.key is not None:
            yield config.tls.key.resolve()


def _private(path: Path) -> str:
    """`open`, `closed`, or empty where it is no private key."""
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            data = file.read(PEM_BYTES_MAX)
    except OSError:
        return ""  # who cannot read it here cannot use it; its mode is another check's
    if b"PRIVATE KEY-----" not in data:
        return ""
    closed = b"-----BEGIN ENCRYPTED " in data or b"Proc-Type: 4,ENCRYPTED" in data
    return "closed" if closed else "open"


def _open_to_others(path: Path, mode: int, closed: str) -> Finding:
    return fail(
        f"others on this machine can read or change {path} (mode {mode & 0o777:o})",
        f"chmod {closed} {shlex.quote(str(path))}",
    )
