"""The policies that were in force lately, each with everything that it was made of.

A file is named by the digest of its policy and is not believed unless its content has that digest:
which one is in force stands in the journal, and nowhere else. So a power cut at any moment leaves
one policy or the other, whole.
"""

import logging
import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import msgspec

from edge.journal.folder import make_folder, sync_folder
from edge.policy_bundle import (
    ENVELOPE_BYTES_MAX,
    PAYLOAD_TYPE,
    Bundle,
    BundleError,
    packed,
    unpacked,
)
from edge.signatures import SignatureError, sign, unverified
from policies import CompiledPolicy, SourceFile
from policies.loader import digest_of

FOLDER = "policies"
"""Beside the journal's folder in the state folder."""

SUFFIX = ".policy"
FILE_MODE = 0o600
FILE_BYTES_MAX = 2 * ENVELOPE_BYTES_MAX

log = logging.getLogger(__name__)


class KeptPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file. `tzdata`: the time zones under which it was in force; `envelope`: as it was signed,
    without a signature where it came from the site file.
    """

    tzdata: str
    envelope: bytes

    @property
    def bundle(self) -> Bundle:
        """Raises BundleError, SignatureError."""
        return unpacked(unverified(self.envelope, PAYLOAD_TYPE)[0])


def kept_policy(policy: CompiledPolicy, files: Sequence[SourceFile]) -> KeptPolicy:
    """Of files that nobody has signed. Raises BundleError where they are too large for it."""
    envelope = sign(packed(files, policy), PAYLOAD_TYPE, [])
    return KeptPolicy(tzdata=policy.tzdata_version, envelope=envelope)


class PolicyStore:
    """The folder of one edge."""

    def __init__(self, state: Path) -> None:
        self._folder = state / FOLDER

    def put(self, digest: str, kept: KeptPolicy) -> None:
        """On disk when this returns. Raises OSError."""
        make_folder(self._folder)
        path = self._path(digest)
        fresh = path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        with os.fdopen(fd, "wb") as file:
            file.write(msgspec.json.encode(kept))
            file.flush()
            os.fsync(fd)
        fresh.replace(path)
        sync_folder(self._folder)

    def get(self, digest: str) -> KeptPolicy | None:
        """The policy of that digest, if it is here and is what it says."""
        path = self._path(digest)
        try:
            with path.open("rb") as file:
                kept = msgspec.json.decode(file.read(FILE_BYTES_MAX), type=KeptPolicy)
            found = digest_of(kept.bundle.sources, kept.tzdata)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, RecursionError, SignatureError, BundleError) as error:
            log.error("the kept policy %s cannot be read: %s", path.name, error)
            return None
        if found != digest:
            log.error("the kept policy %s was changed by somebody: it is not used", path.name)
            return None
        return kept

    def newest(self) -> Iterator[KeptPolicy]:
        """All that can be read, what was put last first."""
        try:
            paths = sorted(
                self._folder.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime_ns
            )
        except OSError as error:
            log.error("the kept policies cannot be read: %s", error)
            return
        for path in reversed(paths):
            kept = self.get(path.stem)
            if kept is not None:
                yield kept

    def keep_only(self, digests: Collection[str]) -> None:
        """Remove every other one. Never raises: what is left over harms nobody."""
        try:
            for path in self._folder.iterdir():
                if path.suffix != SUFFIX or path.stem not in digests:
                    path.unlink()
        except OSError as error:
            log.warning("policies that are no longer needed are not removed: %s", error)

    def _path(self, digest: str) -> Path:
        return self._folder / f"{digest}{SUFFIX}"
