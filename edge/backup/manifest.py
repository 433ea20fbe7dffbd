"""What stands in a backup: every file with its hash, and whose it is."""

from pathlib import PurePosixPath
from typing import Annotated, Final

import msgspec

from edge.backup.errors import BackupError

MANIFEST: Final = "manifest.json"
"""The last file inside: hashes are known when everything was read."""

MANIFEST_BYTES_MAX = 64 * 1024 * 1024
SITE, STATE, OUTSIDE = "site", "state", "outside"
"""The site file with what it names, what the edge keeps, and what the site file names elsewhere."""

FORMAT = 1

_Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
_Size = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file. `origin`: where it lay, for one that lay outside both folders."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
    size: _Size
    sha256: _Sha256
    origin: str = ""


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it. `state_folder`: as the site file's folder sees it, or absolute. `last_seq`: the
    last entry of the journal, of this incarnation. `pictures`: they are in it.
    """

    format: Annotated[int, msgspec.Meta(ge=1, le=FORMAT)] = FORMAT
    site: str
    edge: str
    site_file: str
    state_folder: str
    version: str
    made_utc_us: _Size
    incarnation: str
    last_seq: _Size
    pictures: bool
    members: tuple[Member, ...]


def safe_name(name: str) -> PurePosixPath:
    """Where a file goes, below the folder that is restored into. Raises BackupError for one that
    would go anywhere else.
    """
    path = PurePosixPath(name)
    parts = path.parts
    if not parts or path.is_absolute() or ".." in parts or parts[0] not in {SITE, STATE, OUTSIDE}:
        raise BackupError(
            f"it holds a file that would be put elsewhere: {name[:80]!r}",
            "do not use it: no version of Sentrypost has made it",
        )
    return path
