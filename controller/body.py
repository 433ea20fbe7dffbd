"""The frame of every event: header, body, and the words their fields are made of."""

from typing import Annotated

import msgspec

from controller.moment import Micros

Seq = Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}\Z")]
"""Name of a site, edge, portal, zone: what a topic level may hold."""

TEXT_CHARS_MAX = 400
Text = Annotated[str, msgspec.Meta(max_length=TEXT_CHARS_MAX)]
NOTE_CHARS = 1344
Note = Annotated[str, msgspec.Meta(max_length=NOTE_CHARS)]
"""What the edge has sealed beside an answer, always of this length; empty where a version before
there were notes wrote the entry. Only its recipients can tell what it says, or that it says
anything: `edge.duress`.
"""

ENTRY_BYTES_MAX = 64 * 1024
"""No event comes near this; what is larger was not made by us."""


def clipped(said: str) -> Text:
    """What somebody outside said, as an event can hold it: cut to length, always UTF-8.

    An entry that cannot be read back would stop the next start.
    """
    return said[:TEXT_CHARS_MAX].encode(errors="replace").decode()


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What every entry says. `cause` is the id of the input that had this to follow, or `time` for
    what fell due by itself; `policy` is the head of the digest of the policy in force.
    """

    v: Annotated[int, msgspec.Meta(ge=1, le=2**16)] = 1
    site: Name
    edge: Name
    incarnation: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]
    seq: Seq
    kind: Name
    utc_us: Micros
    mono_us: Micros
    clock_trusted: bool
    cause: Text
    drill: bool = False
    policy: Annotated[str, msgspec.Meta(max_length=64)]


class Entry(Header, frozen=True, kw_only=True):
    """A header with its body as it was written."""

    body: msgspec.Raw


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """What happened; in the past tense."""
