"""Programs written from `docs/mqtt.md` alone follow a real edge, and serve as its archive."""

import ast
import asyncio
import json
import re
import shutil
import sys
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from controller import ledger
from docs.generate import ASYNCAPI
from docs.wire_words import TOPICS
from edge.commands.person import person
from edge.tls import TlsFiles
from simulators.broker_process import BrokerKind, BrokerProcess
from tests.central.rig import CentralProcess, until
from tests.docs.asyncapi_parser import KNOWN, validated
from tests.docs.pages import ROOT
from tests.edge.house import FRONT_CONTACT, House
from tests.edge.process import EdgeProcess, running_process, stored
from tests.golden import messages as golden
from tests.mqtt import clients
from tests.pki import SecuredBroker, SitePki
from tests.servers import make_broker
from tests.stranger import reading
from tests.stranger.archive import Archive
from tests.stranger.listener import Listener

SITE, EDGE = "house", "gate"
OPEN_STATES = {"posture", "muster", "portal/front", "portal/vault-door"}
"""What a monitor may see besides."""
STATES = {
    "orders": "OrdersKept",
    "posture": "Posture",
    "portal": "PortalNow",
    "muster": "MusterNow",
}
STRANGERS = tuple(
    Path(__file__).parent / f"{name}.py" for name in ("reading", "listener", "archive")
)


@pytest.mark.parametrize("path", STRANGERS, ids=lambda path: path.stem)
def test_a_stranger_imports_nothing_of_ours(path: Path) -> None:
    tree = ast.walk(ast.parse(path.read_text()))
    names = [
        name
        for node in tree
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
    ]
    foreign = [
        name
        for name in names
        if name.partition(".")[0] not in {*sys.stdlib_module_names, "paho"}
        and not name.startswith("tests.stranger.")
    ]
    assert names
    assert foreign == []


class Scene:
    """A house with its edge, a broker, and strangers around it."""

    def __init__(self, house: House, broker: BrokerProcess, folder: Path, five: bool) -> None:
        self.house, self.broker, self._folder, self._five = house, broker, folder, five
        self._strangers = ExitStack()
        self.listener = Listener(broker.host, broker.port, SITE, EDGE, name="wall", five=five)
        self._strangers.callback(self.listener.close)
        self.archive = self.open_archive()

    def open_archive(self) -> Archive:
        archive = Archive(
            self._folder / "strangers.db",
            self.broker.host,
            self.broker.port,
            SITE,
            EDGE,
            name="strangers-archive",
            five=self._five,
        )
        self._strangers.callback(archive.close)
        return archive

    def close(self) -> None:
        self._strangers.close()

    async def subscribed(self, times: int = 1) -> None:
        both = (self.listener, self.archive)
        await until(lambda: all(one.subscribed >= times for one in both), "subscribed")

    async def somebody_passes(self) -> None:
        """Ada's badge, her way through the front door, and everybody knows of it."""
        listener, board = self.listener, self.house.board
        before = listener.passages("front")
        await self.edge.badge_opens()
        board.set_input(FRONT_CONTACT, True)
        await until(lambda: listener.passages("front") == before + 1, "the passage is seen")
        board.set_input(FRONT_CONTACT, False)
        await until(lambda: listener.state("front").get("contact") == "closed", "and the leaf")

    async def archived(self) -> None:
        """The listener's chain and the archive's entries have come to the same number."""

        def level() -> bool:
            journal = self.listener.journal
            numbers = [seq for of, seq in set(self.listener.live) if of == self.incarnation]
            stored = len(self.archive.stored(self.incarnation))
            return journal is not None and journal.checked == stored >= max(numbers)

        await until(level, "listener and archive have everything")

    @property
    def incarnation(self) -> str:
        assert self.listener.known is not None, "an edge was seen"
        return self.listener.known[0].incarnation

    @asynccontextmanager
    async def running(self) -> AsyncIterator[EdgeProcess]:
        async with running_process(self.house) as self.edge:
            await until(lambda: self.listener.alive, "its birth")
            yield self.edge


@contextmanager
def around(kind: BrokerKind, folder: Path, *, five: bool) -> Iterator[Scene]:
    with make_broker(kind) as broker:
        house = House(folder, f'[broker]\nhost = "127.0.0.1"\nport = {broker.port}\n')
        scene = Scene(house, broker, folder, five)
        try:
            yield scene
            assert scene.listener.refused == scene.archive.refused == []
        finally:
            scene.close()


def proven(scene: Scene, incarnation: str) -> None:
    """What both have is what stands in the edge's journal, which is closed now."""
    rows = stored(scene.house)
    theirs = scene.archive.stored(incarnation)
    assert theirs == [row.entry for row in rows[: len(theirs)]]
    journal = scene.listener.journals[incarnation]
    assert journal.chain == rows[journal.checked - 1].chain
    assert journal.forks == scene.archive.evidence == []


def test_strangers_follow_an_edge_through_everything(tmp_path: Path) -> None:
    async def run(scene: Scene) -> None:
        async with scene.house.line():
            await scene.subscribed()
            first = await follows_a_day(scene)
            await comes_back_with_the_edge(scene, first)
            await goes_on_with_a_new_journal(scene, first)

    with around("mosquitto", tmp_path, five=True) as scene:
        asyncio.run(run(scene))


def test_the_embedded_broker_serves_them_as_well(tmp_path: Path) -> None:
    """It speaks MQTT 3.1.1 alone."""

    async def run(scene: Scene) -> None:
        async with scene.house.line():
            await scene.subscribed()
            await follows_a_day(scene)

    with around("embedded", tmp_path, five=False) as scene:
        asyncio.run(run(scene))
        proven(scene, scene.incarnation)


async def follows_a_day(scene: Scene) -> str:
    """Somebody passes, the broker restarts, somebody passes, the edge is killed."""
    async with scene.running() as edge:
        first = scene.incarnation
        await scene.somebody_passes()
        await scene.archived()
        times = scene.listener.subscribed, scene.archive.subscribed
        scene.broker.kill()
        scene.broker.start()
        await scene.subscribed(max(times) + 1)
        await until(lambda: scene.listener.known[0].number > 1, "a birth on the new connection")
        await scene.somebody_passes()
        await scene.archived()
        assert scene.listener.kinds["decision-made"] == 2
        await edge.kill()
        await until(lambda: not scene.listener.alive, "its death")
    return first


async def comes_back_with_the_edge(scene: Scene, first: str) -> None:
    """After a restart the journal goes on, and the edge says that it believed the archive. An
    archive that was put back from an old copy gets again what it lost.
    """
    before = scene.listener.known[0]
    async with scene.running() as edge:
        connection, said = scene.listener.known
        assert connection > before
        assert connection.incarnation == first
        assert 0 < said["acked"] <= said["last_seq"]
        await scene.somebody_passes()
        await scene.archived()
        scene.archive.lose(first, beyond=3)
        await scene.somebody_passes()
        await scene.archived()
        assert scene.listener.journals[first].doubles > 0
        assert await edge.stop() == 0
        await until(lambda: not scene.listener.alive, "its farewell")
    proven(scene, first)


def erase_ada(house: House) -> None:
    config = str(house.folder / "site.toml")
    words = ["erase", "1", "--reason", "asked for", "--even-inside", "--config", config]
    done = CliRunner().invoke(person, words)
    assert done.exit_code == 0, done.output


async def goes_on_with_a_new_journal(scene: Scene, first: str) -> None:
    """The journal is lost: another incarnation, from 1. What was kept of the first stays, but for
    whoever is erased.
    """
    kept = scene.archive.stored(first)
    shutil.rmtree(scene.house.folder / "state" / "journal")
    async with scene.running() as edge:
        await until(lambda: scene.incarnation != first, "another incarnation")
        await scene.somebody_passes()
        await scene.archived()
        second = scene.incarnation
        assert "Ada L" in scene.archive.values()
        await asyncio.to_thread(erase_ada, scene.house)
        await until(lambda: "Ada L" not in scene.archive.values(), "erased at the archive")
        assert await edge.stop() == 0
    proven(scene, second)
    assert scene.archive.stored(first) == kept
    assert scene.listener.journals[first].checked >= len(kept)


def test_beside_our_own_archive_a_stranger_proves_the_same(tmp_path: Path, mosquitto) -> None:
    """And what really comes on each topic is what the contract says of it."""
    house = House(tmp_path, f'[broker]\nhost = "127.0.0.1"\nport = {mosquitto.port}\n')
    central = CentralProcess(mosquitto.port, tmp_path / "archive.db")
    listener = Listener(mosquitto.host, mosquitto.port, SITE, EDGE, name="wall", five=True)
    late: list[Listener] = []

    async def run() -> None:
        await until(lambda: listener.subscribed == 1, "subscribed")
        async with house.line(), running_process(house) as edge:
            await edge.badge_opens()
            await until(lambda: listener.kinds.get("decision-made") == 1, "the decision")
            newest = max(seq for _, seq in listener.live)
            await until(lambda: listener.journal.checked >= newest, "the journal")
            await until(lambda: "orders" in listener.states, "what it hands on")
            again = Listener(mosquitto.host, mosquitto.port, SITE, EDGE, name="late", five=False)
            late.append(again)
            await until(lambda: again.alive and retained() <= kept(again), "what was retained")

    try:
        asyncio.run(run())
    finally:
        central.kill()
        for one in (listener, *late):
            one.close()
    journal = listener.journal
    assert journal.chain == stored(house)[journal.checked - 1].chain
    assert {"person": "Ada L"}.items() <= next(v for v in journal.values.values() if v).items()
    assert listener.flags["status"] == {(TOPICS["status"].qos, False)}
    assert kept(late[0]) == retained()
    assert late[0].states["portal/front"]["name"] == "front"
    assert late[0].states["posture"]["mode"] == "normal"
    assert late[0].states["muster"]["listed"] == len(late[0].states["muster"]["people"])
    assert listener.flags["event"] == {(TOPICS["event"].qos, False)}
    assert listener.flags["journal"] == {(TOPICS["journal"].qos, False)}
    fits_the_schemas(listener.heard_bytes)


def retained() -> set[str]:
    """Topics that the contract calls retained, and that every edge has something on: of alarms it
    has where one is open.
    """
    return {name for name, words in TOPICS.items() if words.retained} - {"alarm"}


def kept(listener: Listener) -> set[str]:
    """Those of which the broker had something."""
    with listener.lock:
        return {about for about, flags in listener.flags.items() if any(old for _, old in flags)}


def fits_the_schemas(heard: list[tuple[str, bytes]]) -> None:
    """What a real edge has said, put to the published schemas by AsyncAPI's own tool."""
    said = []
    for about, payload in heard:
        if about == "status":
            said.append(("Status", json.loads(payload)))
        elif about == "journal":
            plain = zlib.decompress(payload) if payload[:1] == b"x" else payload
            said.append(("Batch", json.loads(plain)))
        elif (kind := about.partition("/")[0]) in STATES:
            said.append((STATES[kind], json.loads(payload)))
        else:
            said.append((about.removeprefix("event/"), json.loads(payload)))
    assert {"Status", "Batch", "decision-made", *STATES.values()} <= {name for name, _ in said}
    assert [one for one in validated(ASYNCAPI, said) if one["code"] not in KNOWN] == []


def test_with_certificates_each_sees_what_its_role_may(tmp_path: Path) -> None:
    """The broker as `sentrypost pki` sets it up: a monitor follows the doors and never sees a name;
    who has a certificate for central is the archive.
    """
    own = SitePki(tmp_path)
    files = own.make("edge", EDGE)
    of_monitor, of_central = pair_of(own.make("monitor", "wall")), pair_of(own.make("central"))
    with ExitStack() as closing, SecuredBroker(own) as broker:
        where = f'host = "127.0.0.1"\nport = {broker.port}\n'
        certified = f'ca = "{files.ca}"\ncertificate = "{files.certificate}"\n'
        house = House(tmp_path, f"[broker]\n{where}{certified}")
        place = (broker.host, broker.port, SITE, EDGE)
        monitor = Listener(*place, name="", five=True, tls=of_monitor)
        closing.callback(monitor.close)
        archive = Archive(tmp_path / "strangers.db", *place, name="", five=False, tls=of_central)
        closing.callback(archive.close)

        async def run() -> None:
            await until(lambda: monitor.subscribed == archive.subscribed == 1, "subscribed")
            async with house.line(), running_process(house) as edge:
                await until(lambda: monitor.alive, "its birth")
                await edge.badge_opens()
                await until(lambda: monitor.kinds.get("decision-made") == 1, "the decision")
                await until(lambda: "Ada L" in archive.values(), "her name")
                await until(lambda: monitor.states.keys() == OPEN_STATES, "how things stand")
                assert await edge.stop() == 0
            await until(lambda: not monitor.alive, "its farewell")

        asyncio.run(run())
        assert {about for about, _ in monitor.heard_bytes if not about.startswith("event/")} == {
            "status",
            *OPEN_STATES,
        }
        assert not any(b"Ada L" in payload for _, payload in monitor.heard_bytes)
        assert monitor.refused == archive.refused == []
        (incarnation,) = {of for of, _ in monitor.live}
        theirs = archive.stored(incarnation)
        assert theirs == [row.entry for row in stored(house)[: len(theirs)]]


def pair_of(files: TlsFiles) -> tuple[str, str]:
    return str(files.ca), str(files.certificate)


# --- the future, and other people's messages ----------------------------------------------------

BASE = f"sentrypost/v1/{golden.SITE}/{golden.EDGE}"


@pytest.fixture
def pair(tmp_path: Path, mosquitto: BrokerProcess) -> Iterator[tuple[Listener, Archive]]:
    """Strangers at the edge of the golden messages, which does not run: somebody speaks for it."""
    where = (mosquitto.host, mosquitto.port, golden.SITE, golden.EDGE)
    listener = Listener(*where, name="wall", five=True)
    archive = Archive(tmp_path / "strangers.db", *where, name="archive", five=False)
    yield listener, archive
    listener.close()
    archive.close()


def speak(mosquitto: BrokerProcess, *said: tuple[str, bytes]) -> None:
    with clients(mosquitto.port) as make:
        speaker = make("speaker")
        for about, payload in said:
            speaker.publish(f"{BASE}/{about}", payload)


def later(message: bytes) -> dict[str, Any]:
    """As a later version would say it."""
    return {"later": {"a": [1]}, **json.loads(message), "even-later": None}


def future_batch() -> tuple[bytes, bytes]:
    """A batch with kinds and members of which the page knows nothing, and the chain after it."""
    entries = []
    chain = ledger.origin(golden.SITE, golden.EDGE, golden.INCARNATION)
    for seq, kind in ((1, "roof-opened"), (2, "edge-ready")):
        header = {"v": 2, "site": golden.SITE, "edge": golden.EDGE, "kind": kind, "seq": seq}
        inside = header | {"incarnation": golden.INCARNATION, "body": {"by": "crane é"}, "x": {}}
        data = json.dumps(inside, ensure_ascii=False, separators=(",  ", ": ")).encode()
        chain = ledger.link(chain, ledger.leaf(data))
        entries.append({"entry": data.decode(), "personal": [], "weight": 3})
    batch = {"v": 7, "incarnation": golden.INCARNATION, "from": 1, "entries": entries, "y": []}
    return json.dumps(batch).encode(), chain


def test_what_a_later_version_says_is_kept_and_proven(
    mosquitto: BrokerProcess, pair: tuple[Listener, Archive]
) -> None:
    listener, archive = pair
    payload, chain = future_batch()
    birth = later((golden.FOLDER / "Status.birth.json").read_bytes())
    live = json.loads(payload)["entries"][0]["entry"].encode()

    async def run() -> None:
        await until(lambda: listener.subscribed == archive.subscribed == 1, "subscribed")
        speak(
            mosquitto,
            ("status", json.dumps(birth).encode()),
            ("event/roof-opened", live),
            ("event/roof-opened", live),
            ("journal", zlib.compress(payload)),
        )
        await until(lambda: archive.answers == 1 and listener.journal is not None, "the batch")

    asyncio.run(run())
    assert listener.alive
    assert listener.kinds == {"roof-opened": 1}
    assert listener.journal.checked == len(archive.stored(golden.INCARNATION)) == 2
    assert listener.journal.chain == chain
    assert listener.refused == archive.refused == []


def test_the_golden_batches_are_read_and_garbage_is_refused(
    mosquitto: BrokerProcess, pair: tuple[Listener, Archive]
) -> None:
    listener, archive = pair
    files = {name: golden.released(name)[-1].read_bytes() for name in golden.messages()}
    other = json.loads(files["Batch.json"]) | {"from": 2}
    garbage = (
        b"",
        b"x\x9cnothing",
        b"[]",
        b'{"entries": []}',
        json.dumps(other).encode(),
        zlib.compress(b" " * (reading.MESSAGE_BYTES_MAX + 1)),
    )

    async def run() -> None:
        await until(lambda: listener.subscribed == archive.subscribed == 1, "subscribed")
        speak(mosquitto, *(("journal", one) for one in garbage), ("status", b'{"alive": 1}'))
        speak(mosquitto, ("status", files["Status.birth.json"]))
        speak(mosquitto, ("journal", files["Batch.zlib"]), ("journal", files["Batch.json"]))
        await until(lambda: archive.answers == 2 and listener.alive, "both batches")
        await until(lambda: listener.journal.checked == len(golden.KINDS), "checked")
        late = json.loads(files["Status.death.json"]) | {"number": 0}
        speak(mosquitto, ("status", json.dumps(late).encode()), ("status", b"{}"))
        await until(lambda: len(listener.refused) == len(garbage) + 2, "the last is refused")

    asyncio.run(run())
    assert listener.alive, "a late death ends no newer connection"
    assert listener.journal.chain == golden.chain()
    assert len(listener.journal.values[3]) == 2
    assert len(archive.stored(golden.INCARNATION)) == len(golden.KINDS)


def test_what_the_page_shows_is_read_by_what_the_page_says() -> None:
    """The bytes under "Real bytes", as somebody would copy them from there."""
    page = (ROOT / "docs" / "mqtt.md").read_text().partition("## Real bytes")[2]
    shown = dict(re.findall(r"^`([\w.]+)`, \d+ bytes:\n\n```text\n(.*?)\n```$", page, re.M | re.S))
    chains = dict(re.findall(r"^\| (\d+) \| .* \| `([0-9a-f]{64})` \|$", page, re.M))
    packed = bytes.fromhex(shown["Batch.zlib"].replace("\n", ""))
    chain = reading.origin(golden.SITE, golden.EDGE, golden.INCARNATION)
    assert chains["0"] == chain.hex()
    for payload in (shown["Batch.json"].encode(), packed):
        came = reading.batch(payload, golden.SITE, golden.EDGE)
        for number, sent in enumerate(came.entries, start=came.first):
            chain = reading.link(chain, sent.leaf)
            assert chains[str(number)] == chain.hex()
            assert len(sent.personal) == {2: 1, 3: 2}.get(number, 0)
    assert reading.parsed(shown["Ack.json"].encode())["chain"] == chain.hex()
    left = reading.batch(shown["Batch.pruned.json"].encode(), golden.SITE, golden.EDGE)
    chain = left.before or b""
    assert chain.hex() == chains[str(left.first - 1)]
    for number, sent in enumerate(left.entries, start=left.first):
        chain = reading.link(chain, sent.leaf)
        assert chains[str(number)] == chain.hex()
    assert [bool(sent.data) for sent in left.entries] == [True, False]
    born = reading.status(shown["Status.birth.json"].encode())
    died = reading.status(shown["Status.death.json"].encode())
    assert reading.is_news(born, died)
    assert [said["alive"] for _, said in (born, died)] == [True, False]
