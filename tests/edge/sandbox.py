"""What the systemd unit forbids, without systemd: a command of Linux's own means, for root.

`python -m tests.edge.sandbox COMMAND…` is the last step: it loads the system call filter that it
finds in `SANDBOX`, and becomes the command. Device access is systemd's alone (a control group).
"""

import ctypes
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

from tests.servers import require, skip_or_fail

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "edge" / "systemd" / "sentrypost@.service"

VARIABLE = "SANDBOX"

ALLOW = 0x7FFF0000
REFUSE = 0x00050000 | errno.EPERM
MASKED_EQUAL = 7

WRITE, EXECUTE = 2, 4
"""PROT_WRITE, PROT_EXEC."""

# Everything is read-only but the state folder, /dev, /proc and /sys, as under ProtectSystem=strict.
MOUNTS = """
set -eu
state=$1; shift
mount --bind "$state" "$state"
cut -d' ' -f5 /proc/self/mountinfo | while read -r point; do
    case $point in "$state"|/dev|/dev/*|/proc|/proc/*|/sys|/sys/*) continue ;; esac
    mount -o remount,bind,ro "$point"
done
cd "$1"; shift
exec "$@"
"""


def settings(unit: Path = UNIT) -> dict[str, list[str]]:
    """A unit's `[Service]`: every value of each key, in order."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in unit.read_text().replace("\\\n", "").splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def allowed_calls() -> list[str]:
    """The names of the system calls that the unit allows, in systemd's own words."""
    calls: set[str] = set()
    for value in settings()["SystemCallFilter"]:
        named = set(_expanded(value.removeprefix("~").split()))
        calls = calls - named if value.startswith("~") else calls | named
    return sorted(calls)


def _expanded(names: list[str]) -> list[str]:
    found = []
    for name in names:
        if not name.startswith("@"):
            found.append(name)
            continue
        listing = subprocess.run(
            [require("systemd-analyze", "systemd"), "syscall-filter", "--no-pager", name],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.splitlines()[1:]
        words = (line.strip() for line in listing)
        found += _expanded([word for word in words if word and not word.startswith("#")])
    return found


def sandbox(state: Path) -> list[str]:
    """The command in front of a command that runs in a sandbox with this state folder."""
    if os.geteuid() != 0:
        skip_or_fail("only root may make a sandbox")
    caps = ("--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all", "--no-new-privs")
    return [
        *(str(require("unshare", "util-linux")), "--mount", "--propagation=private"),
        *("sh", "-c", MOUNTS, "sandbox", str(state), str(ROOT)),
        *(str(require("setpriv", "util-linux")), *caps),
        *(sys.executable, "-m", "tests.edge.sandbox"),
    ]


def environment() -> dict[str, str]:
    """What the last step must find."""
    unit = settings()
    assert unit["MemoryDenyWriteExecute"] == ["yes"]
    (families,) = unit["RestrictAddressFamilies"]
    (umask,) = unit["UMask"]
    content = {"calls": allowed_calls(), "families": families.split(), "umask": umask}
    return {VARIABLE: json.dumps(content)}


class _Comparison(ctypes.Structure):
    """struct scmp_arg_cmp."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("mask", ctypes.c_uint64),
        ("value", ctypes.c_uint64),
    )


def load_filter(calls: list[str], families: list[int]) -> None:
    """Refuse this process every other system call, with EPERM. Raises OSError."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(REFUSE)))
    either = WRITE | EXECUTE
    conditions = {
        "socket": [(0, 0xFFFFFFFF, family) for family in families],
        "mmap": [(2, either, value) for value in (0, WRITE, EXECUTE)],
        "mprotect": [(2, EXECUTE, 0)],
        "pkey_mprotect": [(2, EXECUTE, 0)],
    }
    for call in calls:
        number = library.seccomp_syscall_resolve_name(call.encode())
        if number < 0:
            continue  # of another machine's kind
        for argument, mask, value in conditions.get(call, [(0, 0, 0)]):
            comparison = _Comparison(argument, MASKED_EQUAL, mask, value)
            _check(
                library.seccomp_rule_add_array(
                    context, ctypes.c_uint32(ALLOW), number, 1, ctypes.byref(comparison)
                )
            )
    _check(library.seccomp_load(context))


def _check(result: int) -> None:
    if result != 0:
        raise OSError(-result, os.strerror(-result))


def main() -> None:
    import socket

    content = json.loads(os.environ.pop(VARIABLE))
    os.umask(int(content["umask"], 8))
    load_filter(content["calls"], [getattr(socket, name) for name in content["families"]])
    os.execv(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
