"""What a journal says of its own size: the text of a checkpoint (C2SP tlog-checkpoint, v1.0.0).

Three lines: whose journal, how many entries, and the root of the tree over their leaves. Who signs
it vouches that this is what the journal holds; who remembers it sees when the journal holds less.
"""

import base64
import binascii
import re
from typing import Annotated

import msgspec

from controller.merkle import HASH_BYTES, SIZE_MAX

TEXT_CHARACTERS_MAX = 512

_SIZE = re.compile(r"0|[1-9][0-9]{0,15}")


class CheckpointError(ValueError):
    """The text is no checkpoint."""


class Checkpoint(msgspec.Struct, frozen=True):
    """`origin`: as `log_name` gives it."""

    origin: str
    size: Annotated[int, msgspec.Meta(ge=0, le=SIZE_MAX)]
    root: bytes

    @property
    def text(self) -> str:
        """What is signed. Extension lines are left out: C2SP advises against them."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def log_name(site: str, edge: str, incarnation: str) -> str:
    """What one journal is called in notes; it never names another."""
    return f"sentrypost/{site}/{edge}/{incarnation}"


def checkpoint_of(text: str) -> Checkpoint:
    """The inverse of `Checkpoint.text`. Raises CheckpointError."""
    lines = text.split("\n")
    if len(text) > TEXT_CHARACTERS_MAX or len(lines) != 4 or lines[3]:
        raise CheckpointError("a checkpoint has three lines")
    origin, size, root = lines[:3]
    if not origin or not _SIZE.fullmatch(size) or int(size) > SIZE_MAX:
        raise CheckpointError(f"no name or no size: {origin[:80]!r}, {size[:20]!r}")
    try:
        data = base64.b64decode(root, validate=True)
    except (binascii.Error, ValueError) as error:
        raise CheckpointError(f"no root: {error}") from None
    if len(data) != HASH_BYTES or base64.b64encode(data).decode() != root:
        raise CheckpointError("no root: not 32 bytes in base64")
    return Checkpoint(origin, int(size), data)
