"""What an uplink has to tell of the wire and of whoever speaks on it."""

import msgspec


class AckIgnored(msgspec.Struct, frozen=True, kw_only=True):
    """A message on our acknowledgement topic was not believed; nothing was changed."""

    reason: str


class ArchiveDiverged(msgspec.Struct, frozen=True, kw_only=True):
    """The archive holds other entries than our journal up to `seq`: forged there, or changed here.

    Nothing is acknowledged until somebody has looked: compare both with `journal verify`.
    """

    seq: int
    archive: str


class ArchiveFellBack(msgspec.Struct, frozen=True, kw_only=True):
    """The archive has less than it acknowledged, for instance after a restore; what is still here
    is sent again.
    """

    stored_up_to: int
    acked: int


class EntriesGone(msgspec.Struct, frozen=True, kw_only=True):
    """The archive lacks entries `first` to `last`, which were pruned here: it was told that they
    are gone, and gets what follows. Only an older copy of the archive may still have them.
    """

    first: int
    last: int


class StatusOverwritten(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody else's status stood on our topic, such as an old connection's late will."""

    reason: str


class JournalSilent(msgspec.Struct, frozen=True, kw_only=True):
    """The journal could not be read, or could not note an acknowledgement; tried again later."""

    reason: str


class RequestIgnored(msgspec.Struct, frozen=True, kw_only=True):
    """A message on our request topic was none; nothing was changed."""

    reason: str


class OrderIgnored(msgspec.Struct, frozen=True, kw_only=True):
    """What came as an order, or stood among those of another edge, changed nothing here."""

    reason: str


UplinkReport = (
    AckIgnored
    | ArchiveDiverged
    | ArchiveFellBack
    | EntriesGone
    | StatusOverwritten
    | JournalSilent
    | RequestIgnored
    | OrderIgnored
)
