"""Events of what is done to devices by hand, and of devices that are not what they were."""

from enum import StrEnum

from controller.body import Body, Name, Text
from controller.ids import ReaderId
from controller.ledger import Commitment


class ServiceStep(StrEnum):
    """How far a person's work on a device, or on a line, has come."""

    PAIRING_OPENED = "pairing-opened"
    PAIRED = "paired"
    PAIRING_ENDED = "pairing-ended"
    REKEY_BEGUN = "rekey-begun"
    REKEYED = "rekeyed"
    KEY_KEPT = "key-kept"
    ACCEPTED = "accepted"
    SPEED_BEGUN = "speed-begun"
    SPEED_CHANGED = "speed-changed"
    SPEED_KEPT = "speed-kept"
    SPEED_HEARD = "speed-heard"
    FILE_BEGUN = "file-begun"
    FILE_SENT = "file-sent"
    FILE_ENDED = "file-ended"


class DeviceServiced(Body, frozen=True, kw_only=True):
    """Somebody works on a device, or, where a speed is changed, on a whole line.

    `paired` and `rekeyed`: a session stands under the new key, and the former one is worth nothing.
    `key-kept`: one stands under the former, and the new one is worth nothing. `operator`: who began
    it; None for what followed from it.
    """

    device: Name
    step: ServiceStep
    detail: Text = ""
    operator: Commitment | None = None


class DeviceChanged(Body, frozen=True, kw_only=True):
    """A device is another than it was, can less, or has lost its key. It is not believed until it
    is the former one again, or a person has accepted it or paired it anew.
    """

    device: Name
    reason: Text


class ReaderPowerFailed(Body, frozen=True, kw_only=True):
    """The supply of a reader or board fails, or is good again: it may be gone soon, and so may the
    locks that it drives.
    """

    reader: ReaderId
    failing: bool
