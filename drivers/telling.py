"""What is told of a device: each thing once, floods thinned, every command's end exactly once."""

from collections.abc import Callable
from enum import StrEnum

from drivers.api import (
    BadgeUnread,
    CardRead,
    CodeRead,
    Command,
    CommandEnded,
    DeviceOffline,
    DeviceOnline,
    Fact,
    KeysPressed,
    Outcome,
    ProtocolViolated,
)
from drivers.upkeep import DeviceChanged, DeviceProfiled, KeyProven, PairingEnded

MS = 1_000_000
STORED = "shown while the reader was away"
VIOLATION_EVERY_NS = 10_000 * MS  # one record of a kind per this time: a flood must not fill a disk


class Teller:
    """The voice of one device.

    `violation`s are a family's own list of what a peer must not do, in words for people.
    `told_online` is what the edge believes of it now, `told_identity` who it is or was last;
    `offline_reason`: why it was not there when that was said last.
    """

    def __init__(self, device: str, emit: Callable[[Fact], None]) -> None:
        self._device = device
        self.emit = emit
        self.told_online: bool | None = None
        self.told_identity = ""
        self.offline_reason = ""
        self._violations: dict[str, tuple[int, int]] = {}

    def forget(self) -> None:
        """A new line: the edge is to be told again even if nothing changed."""
        self.told_online = None

    def online(
        self, identity: str, now_ns: int, *, secure: bool = False, display: bool = False
    ) -> None:
        """The device answers and, where its protocol has one, its session stands."""
        if not self.told_online:
            self.told_online, self.told_identity = True, identity
            self.emit(
                DeviceOnline(
                    device=self._device,
                    at_ns=now_ns,
                    identity=identity,
                    secure=secure,
                    display=display,
                )
            )

    def offline(self, reason: str, now_ns: int) -> None:
        """The device is gone or not believed."""
        self.offline_reason = reason
        if self.told_online is not False:
            self.told_online = False
            self.emit(DeviceOffline(device=self._device, at_ns=now_ns, reason=reason))

    def stored(self, found: Fact) -> None:
        """Tell what a reader had kept while it was away, but no card and no key of it.

        Whoever showed the card has gone, and another may stand at the door now.
        """
        if isinstance(found, CardRead | CodeRead):
            self.emit(
                BadgeUnread(
                    device=found.device, at_ns=found.at_ns, reader=found.reader, reason=STORED
                )
            )
        elif not isinstance(found, KeysPressed):
            self.emit(found)

    def violated(self, violation: StrEnum, now_ns: int) -> None:
        """Record what the peer must not do; of a flood, one in a while with their number."""
        self.misbehaved(violation.value, now_ns)

    def misbehaved(self, what: str, now_ns: int) -> None:
        """The same in words of a site's own; there are few of them."""
        quiet_until_ns, unreported = self._violations.get(what, (now_ns, 0))
        if now_ns < quiet_until_ns:
            self._violations[what] = (quiet_until_ns, unreported + 1)
            return
        self._violations[what] = (now_ns + VIOLATION_EVERY_NS, 0)
        more = f" ({unreported} more since the last record)" if unreported else ""
        self.emit(ProtocolViolated(device=self._device, at_ns=now_ns, reason=what + more))

    def key_proven(self, successor: bool, now_ns: int) -> None:
        """It was open which of two keys the device has."""
        self.emit(KeyProven(device=self._device, at_ns=now_ns, successor=successor))

    def pairing_ended(self, is_out: bool, reason: str, now_ns: int) -> None:
        """The time is over without a proof."""
        self.emit(PairingEnded(device=self._device, at_ns=now_ns, is_out=is_out, reason=reason))

    def profiled(self, profile: str, now_ns: int) -> None:
        """What the device is from here on."""
        self.emit(DeviceProfiled(device=self._device, at_ns=now_ns, profile=profile))

    def changed(self, reason: str, now_ns: int) -> None:
        """The device is not the one that it was."""
        self.emit(DeviceChanged(device=self._device, at_ns=now_ns, reason=reason))

    def ended(
        self,
        command: Command,
        outcome: Outcome,
        now_ns: int,
        sent_ns: int | None,
        reason: str = "",
    ) -> None:
        """What became of a command."""
        self.emit(
            CommandEnded(
                device=self._device,
                at_ns=now_ns,
                command=command.id,
                outcome=outcome,
                sent_ns=sent_ns,
                reason=reason,
            )
        )
