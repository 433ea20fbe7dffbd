"""Names on the wire: `sentrypost/v1/{site}/{edge}/…`.

A topic level holds a-z, 0-9, `-` and `_` only: brokers disagree about everything else (some turn
a dot into a slash, some drop the connection). What comes in from the wire is parsed by the same
rule, so that no wildcard, empty level or foreign name gets past this file.
"""

import re

import msgspec

PREFIX = "sentrypost/v1"
CENTRAL = "_central"
"""Stands where an edge's name stands; no edge can be called so."""

TOPIC_BYTES_MAX = 512
"""A longer topic is not one of ours."""

_LEVEL = re.compile(r"[a-z0-9_-]{1,64}")
_SITE = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_EDGE = re.compile(r"[a-z][a-z0-9_-]{0,63}")


class TopicError(ValueError):
    """A name that may not stand in a topic, or a topic that is not ours."""


def _level(value: str) -> str:
    if not _LEVEL.fullmatch(value):
        raise TopicError(f"{value!r} may not be a topic level: use a-z, 0-9, '-' and '_'")
    return value


class Topics:
    """The topics of one edge. Raises TopicError when `site` or `edge` cannot be a topic level."""

    def __init__(self, site: str, edge: str) -> None:
        if not _SITE.fullmatch(site):
            raise TopicError(f"site {site!r}: use a-z, 0-9, '-', '_', a letter or digit first")
        if edge != CENTRAL and not _EDGE.fullmatch(edge):
            raise TopicError(f"edge {edge!r}: use a-z, 0-9, '-' and '_', a letter first")
        self._own = f"{PREFIX}/{site}/{edge}"
        self.status = f"{self._own}/status"
        self.journal = f"{self._own}/journal"
        self.journal_ack = f"{self._own}/journal/ack"
        self.checkpoint = f"{self._own}/checkpoint"
        self.checkpoint_ack = f"{self._own}/checkpoint/ack"
        self.request = f"{self._own}/request"
        self.request_ack = f"{self._own}/request/ack"
        self.posture = f"{self._own}/posture"
        self.muster = f"{self._own}/muster"
        self.order = f"{self._own}/order"
        self.orders = f"{self._own}/orders"

    def event(self, kind: str) -> str:
        return f"{self._own}/event/{_level(kind)}"

    def alarm(self, name: str) -> str:
        return f"{self._own}/alarm/{_level(name)}"

    def portal(self, name: str) -> str:
        return f"{self._own}/portal/{_level(name)}"

    def order_ack(self, order: str) -> str:
        return f"{self._own}/order/ack/{_level(order)}"


ALL_JOURNALS = f"{PREFIX}/+/+/journal"
ALL_CHECKPOINTS = f"{PREFIX}/+/+/checkpoint"
ALL_STATUSES = f"{PREFIX}/+/+/status"
ALL_REQUEST_ACKS = f"{PREFIX}/+/+/request/ack"
ALL_ORDER_ACKS = f"{PREFIX}/+/+/order/ack/+"
ALL_ALARMS = f"{PREFIX}/+/+/alarm/+"
ALL_ORDERS = f"{PREFIX}/+/+/orders"
ALL_REQUESTS_TO_CENTRAL = f"{PREFIX}/+/{CENTRAL}/request"
"""Where an archiver tries whether the broker shares: no edge has that name."""


def all_orders(site: str) -> str:
    """The `orders` of every edge of a site."""
    return f"{PREFIX}/{site}/+/orders"


def alarms_of(site: str, edge: str) -> str:
    """The `alarm` of every alarm of an edge."""
    return f"{PREFIX}/{site}/{edge}/alarm/+"


class Address(msgspec.Struct, frozen=True):
    """Whose topic it is, and what comes behind: `journal`, `event/edge-started`."""

    site: str
    edge: str
    leaf: str


def parse(topic: str) -> Address:
    """Take apart a topic of ours. Raises TopicError on anything else."""
    if len(topic) > TOPIC_BYTES_MAX or not topic.startswith(PREFIX + "/"):
        raise TopicError("not a topic of ours")
    levels = topic[len(PREFIX) + 1 :].split("/")
    if len(levels) < 3 or not all(_LEVEL.fullmatch(level) for level in levels):
        raise TopicError(f"not a topic of ours: {topic[:80]!r}")
    site, edge, *leaf = levels
    Topics(site, edge)
    return Address(site=site, edge=edge, leaf="/".join(leaf))
