"""The serial ports: those that the site file names, and what else is plugged in."""

import errno
import fcntl
import os
import pwd
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from grp import getgrgid, getgrnam
from pathlib import Path

from serial.tools import list_ports

from drivers.family import SerialLine
from edge.control.calling import ControlClientError
from edge.control.client import Client
from edge.control.place import SOCKET
from edge.doctor import Finding, Machine, Patient, fail, ok, warn
from edge.doctor_outside import daemon_at
from edge.present import clean

BY_ID = Path("/dev/serial/by-id")

UNITS = "etc/systemd/system/sentrypost@*.service"

UNSTABLE = ("ttyUSB", "ttyACM")
"""Names that go by the order in which adapters were found."""


def ports(patient: Patient) -> Iterator[Finding]:
    """Whether each line's port is there, by a name that stays, and free for the edge."""
    config = patient.config
    if config is None:
        return
    served = _is_served(patient)
    account = _account(patient.state)
    groups = _groups(patient, account)
    named = set()
    for name, (_, line) in config.lines.items():
        if isinstance(line.options, SerialLine):
            port = Path(line.options.port)
            named.add(os.path.realpath(port))
            yield _port(name, port, account, groups, patient.machine, served=served)
    for found in list_ports.comports():
        if os.path.realpath(found.device) not in named and found.hwid != "n/a":
            yield ok(
                clean(f"{found.device} ({found.description}) is plugged in and in no line's use")
            )


def _is_served(patient: Patient) -> bool:
    """Whether a daemon has the lines: then it has the ports open, and nobody else may."""
    try:
        with Client(patient.state):
            return True
    except ControlClientError:
        return False


def _account(state: Path) -> int:
    """The daemon's, as the owner of its state folder; ours where there is none."""
    try:
        return state.stat().st_uid
    except OSError:
        return os.geteuid()


def _groups(patient: Patient, account: int) -> frozenset[int]:
    """Those of a running daemon, or that it would have: of its account, and of a unit's own."""
    root = patient.machine.root
    pid = daemon_at(patient.state / SOCKET)
    with suppress(OSError):
        status = (root / f"proc/{pid}/status").read_text()
        lines = re.findall(r"(?m)^(?:Gid|Groups):(.*)$", status)
        return frozenset(int(group) for line in lines for group in line.split())
    found = set()
    with suppress(KeyError):
        entry = pwd.getpwuid(account)
        found.update(os.getgrouplist(entry.pw_name, entry.pw_gid))
    for file in sorted(root.glob(UNITS)) + sorted(root.glob(f"{UNITS}.d/*.conf")):
        with suppress(OSError):
            for names in re.findall(r"(?m)^SupplementaryGroups=(.*)$", file.read_text()):
                found.update(_group_ids(names.split()))
    return frozenset(found)


def _group_ids(names: list[str]) -> Iterator[int]:
    for name in names:
        with suppress(KeyError):
            yield getgrnam(name).gr_gid


def _port(
    line: str,
    port: Path,
    account: int,
    groups: frozenset[int],
    machine: Machine,
    *,
    served: bool,
) -> Finding:
    try:
        status = port.stat()
    except OSError as error:
        why = "is not there" if error.errno == errno.ENOENT else str(error.strerror)
        return fail(
            f"line {line}: {port} {why}",
            "plug its adapter in, or name the port that it has; `ls /dev/serial/by-id` lists them",
        )
    if not stat.S_ISCHR(status.st_mode):
        return fail(f"line {line}: {port} is no serial port", "name the adapter's")
    if not _may_open(status, account, groups):
        owner, group = _account_name(account), _group_name(status.st_gid)
        return fail(
            f"line {line}: the account {owner} may not open {port}",
            f"usermod --append --groups {group} {owner}, and start the edge again",
        )
    if not served and (wrong := _opened(line, port, machine)) is not None:
        return wrong
    if port.name.startswith(UNSTABLE) and not port.is_symlink():
        return warn(
            f"line {line}: {port} is another adapter's name after the next start, perhaps",
            f'write port = "{_stable(port)}"',
        )
    if port.parent.name == BY_ID.name and not _is_told_apart(port, machine.root):
        return warn(
            f"line {line}: {port} could be any adapter of its kind, which have no serial number",
            "a second one would take its name, and speak for its doors: name it by its socket, "
            "/dev/serial/by-path/…",
        )
    return ok(f"line {line}: {port} is there" + (", in the running edge's use" * served))


def _is_told_apart(port: Path, root: Path) -> bool:
    """Whether the port's USB adapter has a serial number; true of what is none."""
    device = (root / "sys/class/tty" / Path(os.path.realpath(port)).name / "device").resolve()
    for folder in (device, *device.parents):
        if (folder / "idVendor").exists():
            with suppress(OSError):
                return bool((folder / "serial").read_text().strip())
            return False
    return True


def _may_open(status: os.stat_result, account: int, groups: frozenset[int]) -> bool:
    if account == 0:
        return True
    if status.st_uid == account:
        return bool(status.st_mode & stat.S_IRUSR and status.st_mode & stat.S_IWUSR)
    read, write = (
        (stat.S_IRGRP, stat.S_IWGRP) if status.st_gid in groups else (stat.S_IROTH, stat.S_IWOTH)
    )
    return bool(status.st_mode & read and status.st_mode & write)


def _opened(line: str, port: Path, machine: Machine) -> Finding | None:
    """What is wrong with it for whoever opens it; None where nothing is."""
    users = ", ".join(_users(port, machine.root))
    stop = f"end {users}" if users else "find it with `fuser -v` as root, and end it"
    in_use = fail(f"line {line}: {port} is in use by {users or 'another program'}", stop)
    try:
        opened = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.EBUSY:
            return in_use
        return fail(
            f"line {line}: {port} cannot be opened: {error.strerror}",
            "plug its adapter out and in again; run this as root to see whether that is all",
        )
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_serial = os.isatty(opened)
    except BlockingIOError:
        return in_use
    finally:
        os.close(opened)
    if not is_serial:
        return fail(f"line {line}: {port} is no serial port", "name the adapter's")
    # Who has it open and did not lock it takes bytes that are the edge's all the same.
    return in_use if users else None


def _users(port: Path, root: Path) -> Iterator[str]:
    """Processes that have it open, as far as we may look."""
    target = os.path.realpath(port)
    for process in root.glob("proc/[0-9]*"):
        with suppress(OSError):
            if int(process.name) != os.getpid() and _has_open(process, target):
                name = (process / "comm").read_text().strip()
                yield clean(f"process {process.name} ({name})")


def _has_open(process: Path, target: str) -> bool:
    for one in (process / "fd").iterdir():
        with suppress(OSError):
            if str(one.readlink()) == target:
                return True
    return False


def _stable(port: Path) -> str:
    """The name of the same adapter that stays, where the system has made one."""
    with suppress(OSError):
        for link in sorted(BY_ID.iterdir()):
            if os.path.realpath(link) == os.path.realpath(port):
                return str(link)
    return f"{BY_ID}/…"


def _account_name(account: int) -> str:
    try:
        return pwd.getpwuid(account).pw_name
    except KeyError:
        return f"uid-{account}"


def _group_name(group: int) -> str:
    try:
        return getgrgid(group).gr_name
    except KeyError:
        return str(group)
