"""What passes over the control socket about the proof that nobody edited the journal."""

from edge.control.message import Count, Message, Part


class VerifyJournal(Message, frozen=True, kw_only=True):
    """Has anybody edited the journal? Answered by VerifyProgress, then VerifyReply."""


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
