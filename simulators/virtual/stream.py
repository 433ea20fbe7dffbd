"""A TCP connection in virtual time, which carries packets in place of bytes.

As in TCP everything arrives once and in order or the connection is over: what a partition swallows
is sent again when it ends, and comes late. Pings are computed and not sent: a connection on which
nothing happens costs nothing.
"""

import math
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from typing import Generic, Protocol, TypeVar

import msgspec

from drivers.mqtt_link import Message, Publication
from simulators.virtual.loop import VirtualLoop

P = TypeVar("P")


class Hello(msgspec.Struct, frozen=True):
    """CONNECT: a clean session."""

    client_id: str
    keepalive_s: int
    will: Publication | None


class Subscribe(msgspec.Struct, frozen=True):
    filters: tuple[str, ...]


class Sign(Enum):
    """Packets that say nothing more, and the end of the stream."""

    GREETED = auto()
    SUBSCRIBED = auto()
    TAKEN = auto()
    GOODBYE = auto()
    CLOSED = auto()


Up = Publication | Hello | Subscribe | Sign
Down = Message | Sign


class Client(Protocol):
    """Who reads at a stream's lower end."""

    def arrived(self, packet: Down) -> None: ...
    def path_changed(self) -> None:
        """What is sent does not reach the broker any more (`stalled`), or does again."""


class Pipe(Generic[P]):
    """One direction. `latency` gives the seconds that a packet takes; none overtakes another."""

    def __init__(
        self, loop: VirtualLoop, latency: Callable[[], float], arrived: Callable[[P], None]
    ) -> None:
        self._loop = loop
        self._latency = latency
        self._arrived = arrived
        self._underway: deque[tuple[float, P]] = deque()
        self._flowing = True
        self._armed = False

    def __len__(self) -> int:
        return len(self._underway)

    def send(self, packet: P) -> None:
        latency_s = self._latency()
        self._underway.append((self._loop.time() + latency_s, packet))
        if not self._armed and self._flowing:
            self._arm(latency_s)

    def flow(self, flowing: bool) -> None:
        """Let packets through, or hold them where they are."""
        resumed = flowing and not self._flowing
        self._flowing = flowing
        if resumed and self._underway and not self._armed:
            behind_s = self._underway[0][0] - self._loop.time()
            self._arm(max(behind_s, self._latency()))

    def _arm(self, delay_s: float) -> None:
        self._armed = True
        self._loop.outside(delay_s, self._deliver)

    def _deliver(self) -> None:
        due_s = self._loop.time() + 1e-9  # the sum of two floats may fall short of the third
        underway = self._underway
        while self._flowing and underway and underway[0][0] <= due_s:
            self._arrived(underway.popleft()[1])
        self._armed = False
        if self._flowing and underway:
            self._arm(underway[0][0] - self._loop.time())


class Stream:
    """The connection. An end that is gone is None or False, and what comes there is dropped."""

    def __init__(
        self,
        loop: VirtualLoop,
        client_id: str,
        client: Client,
        latency: Callable[[], float],
        at_broker: "Callable[[Stream, Up], None]",
    ) -> None:
        self.client_id = client_id
        self.client: Client | None = client
        self.served = True
        self.stalled = False
        """What the client sends does not arrive: it is cut off, or the broker is frozen."""
        self.up: Pipe[Up] = Pipe(loop, latency, lambda packet: at_broker(self, packet))
        self.down: Pipe[Down] = Pipe(loop, latency, self._at_client)

    @property
    def over(self) -> bool:
        return self.client is None and not self.served

    def path(self, *, cut_off: bool, frozen: bool) -> None:
        """How it stands between the ends."""
        self.up.flow(not (cut_off or frozen))
        self.down.flow(not cut_off)
        if self.stalled != (cut_off or frozen):
            self.stalled = cut_off or frozen
            if self.client is not None:
                self.client.path_changed()

    def _at_client(self, packet: Down) -> None:
        if self.client is not None:
            self.client.arrived(packet)


def last_ping_s(heard_s: float, now_s: float, keepalive_s: float) -> float:
    """When a client that is quiet since `heard_s` last pinged, and was answered."""
    return heard_s + math.floor((now_s - heard_s) / keepalive_s) * keepalive_s
