"""What passes over the control socket about the proof that nobody edited the journal."""

from typing import Annotated

import msgspec

from edge.control.message import Count, Message, Part

LEAVES_MAX = 4_000
"""Of one reply: some 3 ms of the journal."""


class VerifyJournal(Message, frozen=True, kw_only=True):
    """Has anybody edited the journal? Answered by VerifyProgress, then VerifyReply."""


class ReadLeaves(Message, frozen=True, kw_only=True):
    """The leaf hashes of the entries behind `begin`; answered by Leaves."""

    begin: Count
    limit: Annotated[int, msgspec.Meta(ge=1, le=LEAVES_MAX)]


class ReadCheckpoints(Message, frozen=True, kw_only=True):
    """The checkpoint of `size` entries, or with None the newest and the newest that was cosigned;
    answered by CheckpointsReply.
    """

    size: Count | None


class Leaves(Message, frozen=True, kw_only=True):
    """32 bytes each, in order; fewer than were asked for where there are no more."""

    data: bytes


class CheckpointSaid(Part, frozen=True, kw_only=True):
    """What was said at one size. `note`: with the witness's line where it is `cosigned`."""

    size: Count
    note: str
    cosigned: bool


class CheckpointsReply(Message, frozen=True, kw_only=True):
    """The smaller one first. `key` and `witnesses`: whose signatures they bear, as text, the newest
    of the witness's keys first; empty where that is not known. `former`: keys that `key` has
    followed. The first `begun` entries are not there any more; `peaks` is the tree over them, in
    hex.
    """

    key: str
    witnesses: tuple[str, ...]
    checkpoints: tuple[CheckpointSaid, ...]
    begun: Count = 0
    peaks: tuple[str, ...] = ()
    former: tuple[str, ...] = ()


class VerifyProgress(Message, frozen=True, kw_only=True):
    done: Count
    total: Count


class VerifyFinding(Part, frozen=True, kw_only=True):
    seq: int
    what: str


class VerifyCosigned(Part, frozen=True, kw_only=True):
    """The largest size that the witness has cosigned, and when."""

    size: Count
    utc_s: Count


class VerifyReply(Message, frozen=True, kw_only=True):
    """What a verification saw, as `edge.journal.Report`; `head` in hex. `key` and `witness`: under
    which keys signatures were judged, empty where none was known.
    """

    site: str
    edge: str
    incarnation: str
    entries: Count
    pruned: Count = 0
    gone: Count = 0
    last_seq: Count
    head: str
    acked: Count
    personal: Count
    snapshots: Count
    checkpoints: Count
    key: str
    witness: str
    cosigned: VerifyCosigned | None
    findings: tuple[VerifyFinding, ...]

    @property
    def sound(self) -> bool:
        return not self.findings
