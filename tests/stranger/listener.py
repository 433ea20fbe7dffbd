"""A stranger who follows one edge, written from `docs/mqtt.md`: paho and the standard library."""

import json
import threading
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.stranger.reading import (
    Batch,
    Connection,
    Json,
    RefusedError,
    batch,
    entry,
    is_news,
    link,
    origin,
)
from tests.stranger.reading import status as status_of

PREFIX = "sentrypost/v1"
RETRY_S = 1


class Door:
    """What is known of one portal: the newest `after`, and who has passed by which entries."""

    def __init__(self) -> None:
        self.newest = ("", 0)
        self.state: Json = {}
        self.passages: list[Json] = []

    def heard(self, said: Json) -> None:
        """An entry about it. Numbers are compared within one journal."""
        incarnation, seq = self.newest
        if said["kind"] == "passage-made":
            self.passages.append(said["body"])
        if said["incarnation"] != incarnation or said["seq"] > seq:
            self.newest = (said["incarnation"], said["seq"])
            self.state = said["body"]["after"]


class Journal:
    """The entries of one incarnation, checked from the first one on."""

    def __init__(self, site: str, edge: str, incarnation: str) -> None:
        self.entries: dict[int, bytes] = {}
        self.values: dict[int, dict[str, str]] = {}
        self.checked = 0
        self.chain = origin(site, edge, incarnation)
        self.leaves: dict[int, bytes] = {}
        self.gone: list[tuple[int, int]] = []
        """Ranges of which nothing is left."""
        self.doubles = 0
        self.forks: list[bytes] = []

    def take(self, came: Batch) -> None:
        """What is new of it; other bytes under a number that is there are evidence."""
        if came.before is not None and self.checked < came.first - 1:
            self.gone.append((self.checked + 1, came.first - 1))
            self.checked, self.chain = came.first - 1, came.before
        for number, sent in enumerate(came.entries, start=came.first):
            if self.leaves.setdefault(number, sent.leaf) != sent.leaf:
                self.forks.append(sent.data)
                continue
            if not sent.data:
                continue
            self.doubles += number in self.values
            self.entries.setdefault(number, sent.data)
            self.values.setdefault(number, sent.personal)
        while (following := self.leaves.get(self.checked + 1)) is not None:
            self.chain = link(self.chain, following)
            self.checked += 1


class Listener:
    """Follows one edge. Everything is read under `lock`, or by `said`, from another thread."""

    def __init__(
        self,
        host: str,
        port: int,
        site: str,
        edge: str,
        *,
        name: str,
        five: bool = False,
        tls: tuple[str, str] | None = None,
    ) -> None:
        """`tls`: files with the authority's certificate, and with its own and its key."""
        self.site, self.edge = site, edge
        self.lock = threading.Lock()
        self.known: tuple[Connection, Json] | None = None
        self.doors: dict[str, Door] = {}
        self.kinds: dict[str, int] = {}
        self.live: set[tuple[str, int]] = set()
        self.journals: dict[str, Journal] = {}
        self.refused: list[str] = []
        self.heard_bytes: list[tuple[str, bytes]] = []
        """Everything that came, as it came, by what stands behind the edge's name."""
        self.states: dict[str, Json] = {}
        """The newest of what is retained besides the status, by its topic."""
        self.flags: dict[str, set[tuple[int, bool]]] = {}
        """By what the topic is about: with which QoS, and whether retained, messages came."""
        self.subscribed = 0
        self._own = f"{PREFIX}/{site}/{edge}"
        version = MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311
        self.paho = paho.Client(CallbackAPIVersion.VERSION2, name, protocol=version)
        if tls is not None:
            self.paho.tls_set(ca_certs=tls[0], certfile=tls[1])
        self.paho.on_connect = self._connected
        self.paho.on_subscribe = self._granted
        self.paho.on_message = self._message
        self.paho.reconnect_delay_set(RETRY_S, RETRY_S)
        self.paho.connect_async(host, port)
        self.paho.loop_start()

    def close(self) -> None:
        self.paho.disconnect()
        self.paho.loop_stop()

    @property
    def alive(self) -> bool:
        """Whether the edge is connected."""
        return self.known is not None and bool(self.known[1]["alive"])

    @property
    def journal(self) -> Journal | None:
        """The one that the edge writes, by its status."""
        with self.lock:
            return None if self.known is None else self.journals.get(self.known[0].incarnation)

    def passages(self, door: str) -> int:
        with self.lock:
            return len(self.doors[door].passages) if door in self.doors else 0

    def state(self, door: str) -> Json:
        with self.lock:
            return dict(self.doors[door].state) if door in self.doors else {}

    def filters(self) -> list[str]:
        states = ("orders", "posture", "muster", "portal/+")
        return [f"{self._own}/{leaf}" for leaf in ("status", "event/+", "journal", *states)]

    # --- on paho's thread ---

    def _connected(self, client: paho.Client, _data: Any, _flags: Any, *_: Any) -> None:
        client.subscribe([(topic, 1) for topic in self.filters()])

    def _granted(self, *_: Any) -> None:
        self.subscribed += 1

    def _message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        about = message.topic.removeprefix(f"{self._own}/").partition("/")[0]
        with self.lock:
            self.heard_bytes.append((message.topic.removeprefix(f"{self._own}/"), message.payload))
            self.flags.setdefault(about, set()).add((message.qos, message.retain))
            try:
                self.heard(message.topic.removeprefix(f"{self._own}/"), message.payload)
            except RefusedError as error:
                self.refused.append(f"{message.topic}: {error}")

    def heard(self, about: str, payload: bytes) -> None:
        """A message on one of the edge's topics. Raises RefusedError."""
        if about == "status":
            news = status_of(payload)
            if is_news(self.known, news):
                self.known = news
        elif about == "journal":
            self.took(batch(payload, self.site, self.edge))
        elif about in {"orders", "posture", "muster"} or about.startswith("portal/"):
            self._state(about, payload)
        elif about.startswith("event/"):
            self._live(entry(payload, self.site, self.edge))

    def _state(self, about: str, payload: bytes) -> None:
        """Later is what has a higher revision in one journal; an empty message ends it."""
        if not payload:
            self.states.pop(about, None)
            return
        news: Json = json.loads(payload)
        known = self.states.get(about, news)
        if known["incarnation"] != news["incarnation"] or known["revision"] <= news["revision"]:
            self.states[about] = news

    def took(self, came: Batch) -> None:
        """A batch that fits."""
        self._journal(came.incarnation).take(came)

    def _journal(self, incarnation: str) -> Journal:
        fresh = Journal(self.site, self.edge, incarnation)
        return self.journals.setdefault(incarnation, fresh)

    def _live(self, said: Json) -> None:
        """An entry as it happens; a double changes nothing, an unknown kind is counted."""
        key = (said["incarnation"], said["seq"])
        if key in self.live:
            return
        self.live.add(key)
        self.kinds[said["kind"]] = self.kinds.get(said["kind"], 0) + 1
        portal = said["body"].get("portal")
        if isinstance(portal, str) and isinstance(said["body"].get("after"), dict):
            self.doors.setdefault(portal, Door()).heard(said)
