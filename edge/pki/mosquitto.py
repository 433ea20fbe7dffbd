"""Mosquitto as the broker of one site: nobody without a certificate, and each its own topics.

What an edge may do is one set of rules for all: its certificate's name is `SITE/EDGE`, with which
its topics begin. Those in other roles have a block of their own: another one of them means these
files anew; another edge does not.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from drivers.mqtt_link import MESSAGE_BYTES_MAX
from edge.pki.authority import CERTIFICATE, REVOKED
from edge.pki.names import Role, Subject
from edge.topics import PREFIX

CONFIGURATION, ACCESS = "mosquitto.conf", "acl"
IDENTITY = "broker.pem"

EDGE_WRITES = (
    "status",
    "journal",
    "checkpoint",
    "request/ack",
    "event/+",
    "alarm/+",
    "portal/+",
    "posture",
    "muster",
    "order/ack/+",
    "orders",
)
EDGE_READS = ("status", "journal/ack", "checkpoint/ack", "request", "order", "alarm/+")
"""Its own; beside them the `orders` of everybody at the site."""

CENTRAL_WRITES = ("journal/ack", "checkpoint/ack", "request", "order")
"""At every edge; it reads everything."""

MONITOR_READS = ("status", "event/+", "alarm/+", "portal/+", "posture", "muster")
"""No `journal`, which carries names, and no orders."""

QUEUED_MAX = 100_000
"""Of one client that is away; Mosquitto's own limit of 1,000 drops in silence."""

INFLIGHT_MAX = 100


def configuration(folder: Path, data: Path, address: str, port: int) -> str:
    """A whole `mosquitto.conf` for the files in `folder`, with its sessions kept in `data`."""
    lines = (
        "# Written by `sentrypost pki mosquitto`; docs/operations.md, Certificates.",
        f"listener {port}" + (f" {address}" if address else ""),
        f"cafile {folder / CERTIFICATE}",
        f"certfile {folder / IDENTITY}",
        f"keyfile {folder / IDENTITY}",
        f"crlfile {folder / REVOKED}",
        "require_certificate true",
        "use_identity_as_username true",
        "# Otherwise whoever has a certificate could take over another one's session.",
        "use_username_as_clientid true",
        "# At least.",
        "tls_version tlsv1.2",
        "allow_anonymous false",
        f"acl_file {folder / ACCESS}",
        "# Off by default: an answer then takes 68 ms in place of 0.8 ms.",
        "set_tcp_nodelay true",
        f"max_inflight_messages {INFLIGHT_MAX}",
        f"max_queued_messages {QUEUED_MAX}",
        f"message_size_limit {MESSAGE_BYTES_MAX}",
        "persistence true",
        f"persistence_location {data}/",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "log_type notice",
    )
    return "\n".join(lines) + "\n"


def access(site: str, others: Sequence[Subject]) -> str:
    """The access list; `others` are those of the site who are no edges."""
    return "\n".join(_rules(f"{PREFIX}/{site}", site, others)) + "\n"


def _rules(root: str, site: str, others: Sequence[Subject]) -> Iterator[str]:
    yield "# Written by `sentrypost pki mosquitto`. A rule of a user goes before those for all."
    for one in dict.fromkeys(others):
        if one.role is Role.CENTRAL and one.site == site:
            yield from _central(root, one)
        elif one.role is Role.MONITOR and one.site == site:
            yield from _monitor(root, one)
    yield ""
    yield "# Every edge: its certificate's name stands for SITE/EDGE."
    yield from (f"pattern write {PREFIX}/%u/{leaf}" for leaf in EDGE_WRITES)
    yield from (f"pattern read {PREFIX}/%u/{leaf}" for leaf in EDGE_READS)
    yield f"pattern read {root}/+/orders"


def _central(root: str, one: Subject) -> Iterator[str]:
    yield from ("", f"user {one.common_name}", f"topic read {root}/#")
    yield from (f"topic write {root}/+/{leaf}" for leaf in CENTRAL_WRITES)


def _monitor(root: str, one: Subject) -> Iterator[str]:
    yield from ("", f"user {one.common_name}")
    yield from (f"topic read {root}/+/{leaf}" for leaf in MONITOR_READS)
    # The rules for edges go for everybody.
    yield f"topic deny {root}/{one.name}/#"
    yield f"topic deny {root}/+/orders"
