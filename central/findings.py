"""What central has to tell: what was stored, who was seen, and what went wrong."""

import msgspec

from central.archive import Archived, Gone, IncidentOpened
from central.distributor import DistributionFailing, SetAnswered, SetGiven
from central.sharing import WorkShared
from central.witness import JournalReplaced, KeyFollowed, MemoryRegained, NotCosigned
from edge import wire


class EntriesStored(msgspec.Struct, frozen=True, kw_only=True):
    """New in the archive, durably; `unproven` personal values came with them and were left out, and
    alarms among them `opened` incidents. `gone`: what their edge keeps no more, and the archive,
    which has lost it, never gets.
    """

    site: str
    edge: str
    new: tuple[Archived, ...]
    unproven: int
    opened: tuple[IncidentOpened, ...] = ()
    gone: tuple[Gone, ...] = ()


class EntriesEnded(msgspec.Struct, frozen=True, kw_only=True):
    """So many entries of an edge are past their time in the archive: their hashes are left."""

    site: str
    edge: str
    count: int


class EdgeSeen(msgspec.Struct, frozen=True, kw_only=True):
    """An edge's connection began or ended."""

    site: str
    edge: str
    status: wire.Status


class BatchRefused(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing of a batch was stored. `fork`: its journal exists in two versions."""

    site: str
    edge: str
    reason: str
    fork: bool = False


class MessageIgnored(msgspec.Struct, frozen=True, kw_only=True):
    topic: str
    reason: str


class ArchiveFailing(msgspec.Struct, frozen=True, kw_only=True):
    """A batch could not be stored and was not acknowledged; edges keep it and send it again."""

    reason: str


Finding = (
    EntriesStored
    | EntriesEnded
    | EdgeSeen
    | BatchRefused
    | MessageIgnored
    | ArchiveFailing
    | JournalReplaced
    | NotCosigned
    | KeyFollowed
    | MemoryRegained
    | SetGiven
    | SetAnswered
    | DistributionFailing
    | WorkShared
)
