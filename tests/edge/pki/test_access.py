"""Who may write and read what at a Mosquitto as we configure it.

MQTT 3.1.1 acknowledges what it forbids, and grants every subscription: what counts is what arrives.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from edge.pki.mosquitto import access
from edge.pki.names import Subject
from edge.tls import TlsFiles, context
from edge.topics import Topics
from tests.mqtt import Client, clients, wait_for
from tests.pki import SITE, SecuredBroker, SitePki, commanded

GATE, ANNEX = "gate", "annex"
FENCE = b"fence"

EVERYTHING = """
user house/_central-everything
topic readwrite #
"""
"""For the test alone: somebody who sees whatever is let through, and may write anything."""

LEAVES = {
    # leaf: its own edge, another edge, central, monitoring; w: may write there, r: may read there
    "status": ("wr", "", "r", "r"),
    "journal": ("w", "", "r", ""),
    "journal/ack": ("r", "", "wr", ""),
    "checkpoint": ("w", "", "r", ""),
    "checkpoint/ack": ("r", "", "wr", ""),
    "request": ("r", "", "wr", ""),
    "request/ack": ("w", "", "r", ""),
    "event/badge-ignored": ("w", "", "r", "r"),
    "alarm/a1": ("wr", "", "r", "r"),
    "portal/front": ("w", "", "r", "r"),
    "posture": ("w", "", "r", "r"),
    "muster": ("w", "", "r", "r"),
    "order": ("r", "", "wr", ""),
    "order/ack/o1": ("w", "", "r", ""),
    "orders": ("wr", "r", "r", ""),
}
ELSEWHERE = (
    "sentrypost/v1/embassy/gate/journal",
    "sentrypost/v1/house/gate/secret",
    "sentrypost/v1/house/gate/event/a/b",
    "sentrypost/v1/house/_monitor-wall/event/forged",
    "sentrypost/v1/house/_broker/journal",
    "sentrypost/v2/house/gate/journal",
    "zigbee2mqtt/lock/set",
)


def topics_of(edge: str) -> dict[str, str]:
    """Each topic of an edge by its leaf."""
    topics = Topics(SITE, edge)
    named = {value for value in vars(topics).values() if value.count("/") > 3}
    named |= {
        topics.event("badge-ignored"),
        topics.alarm("a1"),
        topics.portal("front"),
        topics.order_ack("o1"),
    }
    root = f"sentrypost/v1/{SITE}/{edge}/"
    return {topic.removeprefix(root): topic for topic in named}


def allowed(role: str, edge: str, right: str) -> set[str]:
    """The topics of an edge that somebody may write, or read."""
    column = {edge: 0, "central": 2, "monitor": 3}.get(role, 1)
    return {topic for leaf, topic in topics_of(edge).items() if right in LEAVES[leaf][column]}


def expected(role: str, right: str) -> set[str]:
    found = allowed(role, GATE, right) | allowed(role, ANNEX, right)
    if right == "r" and role == "central":
        found |= {topic for topic in ELSEWHERE if topic.startswith(f"sentrypost/v1/{SITE}/")}
    return found


class Served(NamedTuple):
    """A broker, and the certificate of each who may speak to it."""

    broker: SecuredBroker
    files: dict[str, TlsFiles]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    own = SitePki(tmp_path_factory.mktemp("site"))
    files = {
        GATE: own.make("edge", GATE),
        ANNEX: own.make("edge", ANNEX),
        "central": own.make("central"),
        "monitor": own.make("monitor", "wall"),
        "everything": own.make("central", "everything"),
    }
    with SecuredBroker(own, access=EVERYTHING) as broker:
        yield Served(broker, files)


@pytest.fixture
def people(served: Served) -> Iterator[dict[str, Client]]:
    """Everybody, connected."""
    with clients(served.broker.port) as make:
        yield {role: make(f"any-{role}", tls=context(one)) for role, one in served.files.items()}


def test_every_topic_of_ours_has_its_rights() -> None:
    assert set(topics_of(GATE)) == set(LEAVES)


def test_each_writes_its_own_topics_and_no_others(people: dict[str, Client]) -> None:
    everything = people.pop("everything")
    everything.subscribe("#")
    for role, client in people.items():
        for topic in (*topics_of(GATE).values(), *topics_of(ANNEX).values(), *ELSEWHERE):
            client.publish(topic, role.encode())
    everything.publish("fence", FENCE)
    wait_for_fence(everything)
    arrived = {(m.payload.decode(), m.topic) for m in everything.messages if m.payload != FENCE}
    wanted = {(role, topic) for role in people for topic in expected(role, "w")}
    assert arrived == wanted


def test_each_reads_what_is_meant_for_it_and_no_more(people: dict[str, Client]) -> None:
    everything = people.pop("everything")
    every = (*topics_of(GATE).values(), *topics_of(ANNEX).values(), *ELSEWHERE)
    for topic in every:
        everything.publish(topic, b"kept", retain=True)
    for client in people.values():
        for asked in ("#", "$SYS/#", "sentrypost/v1/+/+/journal", "$share/group/#"):
            client.subscribe(asked)
    for topic in every:
        everything.publish(topic, b"live")
    # The last that each of them may read comes behind all of the others.
    fences = {
        GATE: f"{GATE}/order",
        ANNEX: f"{ANNEX}/order",
        "central": "gate/x",
        "monitor": "gate/status",
    }
    for place in fences.values():
        everything.publish(f"sentrypost/v1/{SITE}/{place}", FENCE)
    for role, client in people.items():
        wait_for_fence(client)
        got = [(m.topic, m.payload) for m in client.messages if m.payload != FENCE]
        for payload in (b"kept", b"live"):
            assert {topic for topic, what in got if what == payload} == expected(role, "r"), role
    for topic in every:
        everything.publish(topic, b"", retain=True)


def wait_for_fence(client: Client) -> None:
    wait_for(lambda: FENCE in client.payloads(), "everything before the fence")


def test_nobody_takes_anothers_session_by_its_name(
    people: dict[str, Client], served: Served
) -> None:
    """Client ids are what certificates say: a stranger's cannot push anybody out."""
    topic = f"sentrypost/v1/{SITE}/{GATE}/order"
    with clients(served.broker.port) as make:
        people[GATE].subscribe(topic)
        make("any-gate", tls=context(served.files[ANNEX])).subscribe("#")
        people["everything"].publish(topic, b"still here")
        people[GATE].wait_for(1)


def test_a_role_has_one_block_and_who_was_revoked_none(tmp_path: Path) -> None:
    own = SitePki(tmp_path)
    own.make("central")
    own.make("monitor", "wall")
    own.make("monitor", "old")
    commanded("revoke", "_monitor-old", "--authority", own.home)
    commanded("mosquitto", "--authority", own.home, "--out", tmp_path / "mq")
    users = re.findall("^user (.*)$", (tmp_path / "mq" / "acl").read_text(), re.MULTILINE)
    assert users == ["house/_central", "house/_monitor-wall"]
    renewed = [Subject(SITE, "_central")] * 2
    assert access(SITE, renewed).count("user house") == 1
