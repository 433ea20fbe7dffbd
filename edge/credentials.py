"""Secrets that a service manager hands over: systemd's `LoadCredential=` and
`LoadCredentialEncrypted=` (systemd.exec(5), Credentials).

They lie in a folder of memory that the service alone can read, and encrypted on the disk. In the
site file such a one is written as `credential:NAME`.
"""

import os
from pathlib import Path

PREFIX = "credential:"
VARIABLE = "CREDENTIALS_DIRECTORY"


class CredentialError(ValueError):
    """There is no such thing here. `remedy` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(message)


def file_named(name: str, folder: Path) -> Path:
    """The file of a name in a site file that lies in `folder`. Raises CredentialError."""
    if not name.startswith(PREFIX):
        return folder / name
    plain = name.removeprefix(PREFIX)
    if not plain or "/" in plain or plain.startswith("."):
        raise CredentialError(
            f"'{plain}' cannot be a credential's name", "name it as the unit does"
        )
    handed = os.environ.get(VARIABLE)
    if not handed:
        raise CredentialError(
            f"no service manager has handed '{plain}' over",
            f"run it as the unit does, or set {VARIABLE} to the unit's folder in /run/credentials",
        )
    return Path(handed) / plain


def was_handed_over(path: Path) -> bool:
    handed = os.environ.get(VARIABLE)
    return bool(handed) and path.parent == Path(handed or "")
