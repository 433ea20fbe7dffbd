"""One reader that only ever speaks: its bytes to facts.

Sans-I/O, a `drivers.serial_driver.Machine` that never sends anything. A process that is late makes
no badge absent: what has arrived is received before `handle_deadline` is called, and that alone
ends frames and presences.
"""

from collections import deque
from collections.abc import Callable
from typing import assert_never

import msgspec

from drivers.api import (
    BadgeUnread,
    Beep,
    Command,
    CommandEnded,
    DeviceOffline,
    DeviceOnline,
    Fact,
    Hold,
    Light,
    Outcome,
    Pulse,
    SendFile,
    Show,
    Spoken,
    Stands,
    Tap,
)
from drivers.ascii_serial.frames import Decoder, Heard, Noise, Shown, Spoilt
from drivers.ascii_serial.presence import AWAY_NS, MS, Presence, Sight

FRAME_GAP_NS = 250 * MS
"""Behind a byte for so long nothing, a frame does not go on. Adapters hand bytes over in lumps, up
to some 20 ms late; the longest code takes 267 ms at 9600 baud, in one piece."""

WAITING = "it was there before the reader was listened to: take it away and show it again"
CROWDED = "more badges at once than people can show"


class Kind(msgspec.Struct, frozen=True):
    """What sort of reader: `fact` makes the fact of (device, time, what was shown).

    `shows` is what people show to it.
    """

    what: str
    shows: str
    decoder: Callable[[], Decoder]
    fact: Callable[[str, int, bytes], Fact]


class Reader:
    """One line and the one reader on it. Nothing is believed before `start`.

    For `AWAY_NS` behind `start` it listens only: what lies in the field by then was shown to
    somebody else, or to nobody, and counts when it has left and come again. So a line that comes
    back opens nothing by itself.
    """

    def __init__(self, device: str, kind: Kind) -> None:
        self._device = device
        self._kind = kind
        self._decoder = kind.decoder()
        self._presence = Presence()
        self._facts: deque[Fact] = deque()
        self._told_online: bool | None = None
        self._online_ns: int | None = None
        self._gap_ns: int | None = None
        self._quiet_ns: int | None = None
        self._untold = ""
        self.unanswered = 0
        self.tap: Tap | None = None

    @property
    def devices(self) -> tuple[str, ...]:
        """The one reader."""
        return (self._device,)

    def start(self, now_ns: int, _stands: Stands) -> None:
        """The port was opened, and what had waited in it was thrown away."""
        self._told_online = None
        self._online_ns = now_ns + AWAY_NS

    def stop(self, now_ns: int, reason: str) -> None:
        """The port is gone, and with it whatever had begun."""
        self._decoder = self._kind.decoder()
        self._presence.clear()
        self._online_ns = self._gap_ns = self._quiet_ns = None
        self._untold = ""
        if self._told_online is not False:
            self._told_online = False
            self._emit(DeviceOffline(device=self._device, at_ns=now_ns, reason=reason))

    def receive(self, data: bytes, now_ns: int) -> None:
        """Bytes came; `now_ns` is when the last of them did."""
        for heard in self._decoder.feed(data):
            self._take(heard, now_ns)
        self._gap_ns = now_ns + FRAME_GAP_NS if self._decoder.is_open else None

    def handle_deadline(self, now_ns: int) -> None:
        """Time passed, and nothing more had arrived by then. Harmless at any time."""
        if self._gap_ns is not None and now_ns >= self._gap_ns:
            self._gap_ns = None
            for heard in self._decoder.cut():
                self._take(heard, now_ns)
        self._presence.expire(now_ns)
        if self._quiet_ns is not None and now_ns >= self._quiet_ns:
            self._quiet_ns = None
        if self._online_ns is not None and now_ns >= self._online_ns and not self._told_online:
            self._told_online = True
            self._emit(self._online(now_ns))
            if self._untold:
                self._emit(self._badge_unread(self._untold, now_ns))

    def submit(self, command: Command, now_ns: int) -> None:
        """A reader that cannot be told anything refuses every sign; its end comes as a fact.

        Raises ValueError for another device and for outputs, which it has not.
        """
        if command.device != self._device:
            raise ValueError(f"no reader {command.device!r} on this line")
        match command.action:
            case Light() | Beep() | Show() | SendFile():
                outcome = Outcome.REFUSED if self._told_online else Outcome.LOST
            case Pulse() | Hold():
                raise ValueError(f"reader {self._device} has no outputs")
            case _:
                assert_never(command.action)
        self._emit(
            CommandEnded(device=self._device, at_ns=now_ns, command=command.id, outcome=outcome)
        )

    def bytes_to_send(self, _now_ns: int) -> bytes:
        """Nothing, ever."""
        return b""

    def next_fact(self) -> Fact | None:
        """The next fact in the order in which they came to be."""
        return self._facts.popleft() if self._facts else None

    def deadline(self) -> int | None:
        """When `handle_deadline` is to be called at the latest."""
        online_ns = None if self._told_online else self._online_ns
        times = (online_ns, self._gap_ns, self._quiet_ns, self._presence.deadline())
        return min((time_ns for time_ns in times if time_ns is not None), default=None)

    def _take(self, heard: Heard, now_ns: int) -> None:
        if self.tap is not None:
            self.tap(self._spoken(heard, now_ns))
        match heard:
            case Shown(value=value):
                self._shown(value, now_ns)
            case Spoilt(reason=reason):
                self._unread(reason, now_ns)
            case Noise():
                pass

    def _shown(self, value: bytes, now_ns: int) -> None:
        match self._presence.sight(value, now_ns):
            case Sight.NEW if self._told_online:
                self._emit(self._kind.fact(self._device, now_ns, value))
            case Sight.NEW:
                self._unread(WAITING, now_ns)
            case Sight.CROWDED:
                self._unread(CROWDED, now_ns)
            case Sight.STILL_THERE:
                pass

    def _unread(self, reason: str, now_ns: int) -> None:
        """Told once until it has been quiet for a while: a reader repeats what is spoilt too."""
        if not self._told_online:
            self._untold = reason
        elif self._quiet_ns is None:
            self._emit(self._badge_unread(reason, now_ns))
        self._quiet_ns = now_ns + AWAY_NS

    def _badge_unread(self, reason: str, now_ns: int) -> BadgeUnread:
        return BadgeUnread(device=self._device, at_ns=now_ns, reader=0, reason=reason)

    def _spoken(self, heard: Heard, now_ns: int) -> Spoken:
        """What whoever watches may see: what sort of message it was, and its frame alone."""
        count = f"{len(heard.masked)} bytes"
        match heard:
            case Shown():
                text = f"{self._kind.shows}, {count}"
            case Spoilt(reason=reason):
                text = f"{self._kind.shows} not read, {count}: {reason}"
            case _:
                text = f"{count} of noise"
        return Spoken(
            device=self._device, at_ns=now_ns, outgoing=False, text=text, frame=heard.masked
        )

    def _online(self, now_ns: int) -> DeviceOnline:
        return DeviceOnline(
            device=self._device,
            at_ns=now_ns,
            identity=f"{self._kind.what}: the port is open; the reader itself is not observable",
            secure=False,
        )

    def _emit(self, fact: Fact) -> None:
        self._facts.append(fact)
