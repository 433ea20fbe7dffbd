"""An MQTT broker in virtual time, as faithful and as unreliable as the real ones.

What it does is what Mosquitto does with clean sessions: QoS 1 at most, one copy per client, order
kept per connection, and everything that waits for a client dies with the client's connection. What
it can be made to do on top is what brokers and networks have been seen to do.
"""

from asyncio import TimerHandle
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from random import Random

import msgspec
from paho.mqtt.client import topic_matches_sub

from drivers.mqtt_link import Message, Publication
from simulators.mosquitto import QUEUED_MAX
from simulators.virtual.loop import virtual_loop
from simulators.virtual.stream import (
    Client,
    Hello,
    Sign,
    Stream,
    Subscribe,
    Up,
    last_ping_s,
)

KEEPALIVE_GRACE = 1.5
"""A client is gone after so many times its keepalive (MQTT 3.1.1, MQTT-3.1.2-24)."""

REMEMBERED_MAX = 256
"""Publications that `replay` can bring back."""

ROUTES_MAX = 10_000
"""Topics whose receivers are kept; a site has some hundreds at a time."""

_matches = lru_cache(ROUTES_MAX)(topic_matches_sub)


class Counts(msgspec.Struct):
    """What came to pass; a run in which a fault never struck says nothing about it."""

    published: int = 0
    delivered: int = 0
    lost: int = 0
    doubled: int = 0
    delayed: int = 0
    overflowed: int = 0
    wills: int = 0
    taken_over: int = 0
    silent: int = 0


class _Session:
    """A connected client."""

    def __init__(self, stream: Stream, hello: Hello, now_s: float) -> None:
        self.stream = stream
        self.client_id = hello.client_id
        self.keepalive_s = hello.keepalive_s
        self.will = hello.will
        self.filters: tuple[str, ...] = ()
        self.heard_s = now_s
        self.watch: TimerHandle | None = None


class VirtualBroker:
    """A broker that runs from the start; make it inside `loop.run`.

    `latency()` gives the seconds that one packet takes one way. `persistent`: what is retained
    survives `stop`. Every name of a client is its client id.
    """

    def __init__(
        self, random: Random, latency: Callable[[], float], *, persistent: bool = False
    ) -> None:
        self.running = True
        self.frozen = False
        self.counts = Counts()
        self._random = random
        self._latency = latency
        self._persistent = persistent
        self._loop = virtual_loop()
        self._streams: dict[Stream, None] = {}
        self._sessions: dict[str, _Session] = {}
        self._routes: dict[str, tuple[_Session, ...]] = {}
        self._retained: dict[str, Publication] = {}
        self._remembered: deque[Publication] = deque(maxlen=REMEMBERED_MAX)
        self._cut_off: set[str] = set()
        self._life = 1
        self._lose_next = 0
        self._lost_share = self._doubled_share = self._delayed_share = 0.0
        self._delay_s = self._will_delay_s = 0.0

    # --- faults -----------------------------------------------------------------------------

    def stop(self) -> None:
        """It is killed: no will is said, every connection is reset, its memory is gone."""
        self.running = self.frozen = False
        self._life += 1
        for session in self._sessions.values():
            self._unwatch(session)
        self._sessions.clear()
        self._routes.clear()
        if not self._persistent:
            self._retained.clear()
        for stream in tuple(self._streams):
            self._close(stream)
            self._look_at(stream)

    def start(self) -> None:
        self.running = True

    def freeze(self) -> None:
        """It accepts connections and answers nothing, until `thaw`."""
        self._frozen(True)

    def thaw(self) -> None:
        """It goes on with what has come in meanwhile, also from clients that have left."""
        self._frozen(False)

    def _frozen(self, frozen: bool) -> None:
        self.frozen = frozen and self.running
        for stream in tuple(self._streams):
            self._look_at(stream)

    def partition(self, client_id: str) -> None:
        """No packet passes between this client and the broker, until `heal`."""
        self._cut_off.add(client_id)
        self._look_at_all(client_id)

    def heal(self, client_id: str) -> None:
        self._cut_off.discard(client_id)
        self._look_at_all(client_id)

    def reset(self, client_id: str) -> None:
        """Its connection breaks, which both ends see: what becomes of a process that is killed
        on a machine that goes on.
        """
        for stream in tuple(self._streams):
            if stream.client_id == client_id:
                stream.up.send(Sign.CLOSED)
                stream.down.send(Sign.CLOSED)

    def lose_next(self, count: int) -> None:
        """The next deliveries are not made, though the broker took the messages."""
        self._lose_next = count

    def lose(self, share: float) -> None:
        """So many deliveries are not made; 0 ends it."""
        self._lost_share = share

    def double(self, share: float) -> None:
        """So many deliveries are made twice; 0 ends it."""
        self._doubled_share = share

    def delay(self, share: float, delay_s: float) -> None:
        """So many packets take longer, and what is behind them on their connection waits."""
        self._delayed_share, self._delay_s = share, delay_s

    def delay_wills(self, delay_s: float) -> None:
        """A will is said so much later, perhaps after the birth of its client's next connection."""
        self._will_delay_s = delay_s

    def forge(self, publication: Publication) -> None:
        """A stranger publishes."""
        if self.running:
            self._accept(publication)

    def replay(self, back: int, *, retained: bool = False) -> None:
        """The publication that came `back` before the latest comes again, as it was or as one that
        the broker had kept. Nothing happens if there were not so many.
        """
        if not self.running or back >= len(self._remembered):
            return
        old = self._remembered[-1 - back]
        if retained:
            self._retained[old.topic] = old
        self._hand_on(Message(topic=old.topic, payload=old.payload, retained=retained))

    # --- connections ------------------------------------------------------------------------

    def reaches(self, client_id: str) -> bool:
        """No partition stands between the client and this machine, where the broker may run."""
        return client_id not in self._cut_off

    def latency_s(self) -> float:
        """What the next packet takes."""
        if self._delayed_share and self._random.random() < self._delayed_share:
            self.counts.delayed += 1
            return self._latency() + self._delay_s
        return self._latency()

    def connect(self, client_id: str, client: Client) -> Stream:
        """A TCP connection; `running` and `reaches` were asked."""
        stream = Stream(self._loop, client_id, client, self.latency_s, self._arrived)
        self._streams[stream] = None
        self._look_at(stream)
        return stream

    def left(self, stream: Stream, *, closed: bool) -> None:
        """The client is gone; `closed` if its machine still says so, otherwise nothing is heard
        from it any more.
        """
        stream.client = None
        if closed:
            stream.up.send(Sign.CLOSED)
        self._look_at(stream)

    def _look_at_all(self, client_id: str) -> None:
        for stream in tuple(self._streams):
            if stream.client_id == client_id:
                self._look_at(stream)

    def _look_at(self, stream: Stream) -> None:
        stream.path(cut_off=stream.client_id in self._cut_off, frozen=self.frozen)
        session = self._sessions.get(stream.client_id)
        if session is not None and session.stream is stream:
            self._watch(session)
        if stream.over:
            self._streams.pop(stream, None)

    def _watch(self, session: _Session) -> None:
        """Computes when the client has been silent for too long, if it is silent now."""
        now_s = self._loop.time()
        stream = session.stream
        silent = stream.client is None or stream.client_id in self._cut_off
        if silent and session.watch is None and not self.frozen:
            last_s = last_ping_s(session.heard_s, now_s, session.keepalive_s)
            over_s = last_s + session.keepalive_s * KEEPALIVE_GRACE
            session.watch = self._loop.outside(max(0.0, over_s - now_s), self._silent, session)
        elif session.watch is not None and (self.frozen or not silent):
            self._unwatch(session)
            session.heard_s = now_s

    def _unwatch(self, session: _Session) -> None:
        if session.watch is not None:
            session.watch.cancel()
            session.watch = None

    def _silent(self, session: _Session) -> None:
        self.counts.silent += 1
        self._end(session)

    def _close(self, stream: Stream) -> None:
        if stream.served:
            stream.served = False
            stream.down.send(Sign.CLOSED)

    def _end(self, session: _Session) -> None:
        """The client is not connected any more, and says its will if it has one left."""
        self._unwatch(session)
        del self._sessions[session.client_id]
        self._routes.clear()
        self._close(session.stream)
        self._look_at(session.stream)
        if session.will is None:
            return
        if self._will_delay_s:
            self._loop.outside(self._will_delay_s, self._say, session.will, self._life)
        else:
            self._say(session.will, self._life)

    def _say(self, will: Publication, life: int) -> None:
        if life == self._life:  # otherwise it was forgotten
            self.counts.wills += 1
            self._accept(will)

    # --- packets ----------------------------------------------------------------------------

    def _arrived(self, stream: Stream, packet: Up) -> None:
        if not stream.served:
            return
        if isinstance(packet, Hello):
            self._greet(stream, packet)
            return
        session = self._sessions.get(stream.client_id)
        if session is None or session.stream is not stream:
            if packet is Sign.CLOSED:
                self._close(stream)
                self._look_at(stream)
            return
        session.heard_s = self._loop.time()
        match packet:
            case Publication():
                self._accept(packet)
                if packet.qos:
                    stream.down.send(Sign.TAKEN)
            case Subscribe(filters=filters):
                self._subscribe(session, filters)
            case Sign.GOODBYE:
                session.will = None
                self._end(session)
            case _:
                self._end(session)

    def _greet(self, stream: Stream, hello: Hello) -> None:
        before = self._sessions.get(hello.client_id)
        if before is not None:
            self.counts.taken_over += 1
            self._end(before)
        session = _Session(stream, hello, self._loop.time())
        self._sessions[hello.client_id] = session
        stream.down.send(Sign.GREETED)
        self._watch(session)

    def _subscribe(self, session: _Session, filters: tuple[str, ...]) -> None:
        session.filters = filters
        self._routes.clear()
        session.stream.down.send(Sign.SUBSCRIBED)
        for name in filters:
            for kept in self._retained.values():
                if _matches(name, kept.topic):
                    message = Message(topic=kept.topic, payload=kept.payload, retained=True)
                    self._deliver(session, message)

    def _accept(self, publication: Publication) -> None:
        self.counts.published += 1
        self._remembered.append(publication)
        topic, payload = publication.topic, publication.payload
        if publication.retain and payload:
            self._retained[topic] = publication
        elif publication.retain:
            self._retained.pop(topic, None)  # MQTT-3.3.1-10
        self._hand_on(Message(topic=topic, payload=payload, retained=False))

    def _hand_on(self, message: Message) -> None:
        receivers = self._routes.get(message.topic)
        if receivers is None:
            if len(self._routes) >= ROUTES_MAX:
                self._routes.clear()
            receivers = self._routes[message.topic] = tuple(
                session
                for session in self._sessions.values()
                if any(_matches(name, message.topic) for name in session.filters)
            )
        for session in receivers:
            self._deliver(session, message)

    def _deliver(self, session: _Session, message: Message) -> None:
        down = session.stream.down
        if self._lose_next:
            self._lose_next -= 1
            self.counts.lost += 1
        elif self._lost_share and self._random.random() < self._lost_share:
            self.counts.lost += 1
        elif len(down) >= QUEUED_MAX:
            self.counts.overflowed += 1
        else:
            self.counts.delivered += 1
            down.send(message)
            if self._doubled_share and self._random.random() < self._doubled_share:
                self.counts.doubled += 1
                down.send(message)
