"""Real servers for the tests: own instances, own folders, free ports, an unprivileged account.

Never the system's service. A test that needs a program which may be missing asks `require` for it:
without it the test is skipped with the reason, and under CI=true it fails. What else a machine may
not have goes through `skip_or_fail`.
"""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

from simulators.broker_process import BrokerKind, BrokerProcess
from simulators.mosquitto import SYSTEM_FOLDERS


def under_ci() -> bool:
    """CI leaves nothing out."""
    return os.environ.get("CI") == "true"


def skip_or_fail(reason: str) -> NoReturn:
    """This machine cannot run the test: it is skipped, or fails under CI=true."""
    if under_ci():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def find_program(name: str) -> Path | None:
    """A program on PATH or in the folders of system programs, such as /usr/sbin."""
    found = shutil.which(name)
    for folder in SYSTEM_FOLDERS:
        found = found or shutil.which(name, path=folder)
    return Path(found) if found else None


def require(name: str, package: str | None = None) -> Path:
    """The program `name`; without it the test is skipped, or fails under CI=true.

    :param package: the Debian package that brings it, if it has another name
    """
    found = find_program(name)
    if found is None:
        skip_or_fail(f"{name} is missing: apt-get install {package or name}")
    return found


def make_broker(
    kind: BrokerKind, *, extra: tuple[str, ...] = (), pending_max: int = 5_000
) -> BrokerProcess:
    """A broker that is not started yet: use it in a `with`, or `start` and `close` it.

    :param kind: "mosquitto" is asked for with `require`
    """
    if kind == "mosquitto":
        require("mosquitto")
    return BrokerProcess(kind, extra=extra, pending_max=pending_max)
