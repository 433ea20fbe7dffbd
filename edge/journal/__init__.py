"""The edge's append-only log: one entry per event, hash-chained, durable before anything acts.

`writer.JournalWriter` is what the daemon uses, `store.Journal` what stands behind it on one
thread, `verify` proves that nobody edited it, `memory` bridges an outage.
"""

from edge.journal.errors import (
    AckRefused,
    JournalClosed,
    JournalDamaged,
    JournalError,
    JournalFailed,
    JournalForeign,
    JournalForked,
    JournalFull,
    JournalInUse,
    JournalMissing,
    JournalNewer,
    JournalPruned,
    JournalReadOnly,
    JournalShrank,
    JournalStalled,
    RecordRefused,
)
from edge.journal.memory import MemoryRing
from edge.journal.record import Record, Snapshot, Stored, Tip
from edge.journal.store import Journal
from edge.journal.verify import Finding, Report, verify_folder
from edge.journal.verify_checkpoints import CheckpointReport, Cosigned, Signers
from edge.journal.work import Reopened
from edge.journal.writer import JournalWriter

__all__ = [
    "AckRefused",
    "CheckpointReport",
    "Cosigned",
    "Finding",
    "Journal",
    "JournalClosed",
    "JournalDamaged",
    "JournalError",
    "JournalFailed",
    "JournalForeign",
    "JournalForked",
    "JournalFull",
    "JournalInUse",
    "JournalMissing",
    "JournalNewer",
    "JournalPruned",
    "JournalReadOnly",
    "JournalShrank",
    "JournalStalled",
    "JournalWriter",
    "MemoryRing",
    "Record",
    "RecordRefused",
    "Reopened",
    "Report",
    "Signers",
    "Snapshot",
    "Stored",
    "Tip",
    "verify_folder",
]
