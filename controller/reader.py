"""What is known of a reader, from what the journal says of it."""

import msgspec
from msgspec.structs import replace

from controller.events import ReaderFound, ReaderLost, ReaderTampered
from controller.events_devices import ReaderPowerFailed

ReaderNews = ReaderFound | ReaderLost | ReaderTampered | ReaderPowerFailed


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    online: bool = False
    secure: bool = False
    tampered: bool = False
    power_failing: bool = False


def after_heard(reader: Reader, body: ReaderNews) -> Reader:
    """The reader behind this news of it."""
    match body:
        case ReaderFound(secure=secure):
            return replace(reader, online=True, secure=secure)
        case ReaderLost():
            return replace(reader, online=False, secure=False)
        case ReaderTampered(tampered=tampered):
            return replace(reader, tampered=tampered)
        case ReaderPowerFailed(failing=failing):
            return replace(reader, power_failing=failing)
