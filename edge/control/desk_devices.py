"""What the control server needs of the daemon where devices are concerned."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Protocol

from edge.control.messages_devices import (
    ChangeLineSpeed,
    DevicesReply,
    DeviceStep,
    FileShown,
    SendFileTo,
    ServiceReply,
    TraceReply,
)


class Devices(Protocol):
    """As `edge.control.desk.Desk`, for devices."""

    def read(self, begin: int) -> DevicesReply:
        """Every device from the `begin`th on, as many as one reply holds. Never blocks."""
        ...

    def follow(self) -> AsyncIterator[DevicesReply]:
        """All of them, then those of which there is news. Nothing is kept for a reader that is
        slow: what changed meanwhile is told as it is then. May be left at any time.
        """
        ...

    async def try_out(self, device: str, operator: str) -> ServiceReply:
        """Let a reader show and sound that it is meant; returns when it has said that it did."""
        ...

    def trace(self, name: str, operator: str) -> AsyncGenerator[TraceReply, None]:
        """What passes on a line, or to and from a device, until it is closed. A reader that is slow
        misses some, and is told how many.
        """
        ...

    def send_file(
        self, asked: SendFileTo, content: bytes, operator: str
    ) -> AsyncGenerator[FileShown | ServiceReply, None]:
        """Send a device a file, telling how far it is and then what became of it; closed before
        that, it is taken back.
        """
        ...

    async def change(self, step: DeviceStep | ChangeLineSpeed, operator: str) -> ServiceReply:
        """Pair a device, give it another key, accept it, or bring a line to another speed; returns
        when that is done or failed.
        """
        ...
