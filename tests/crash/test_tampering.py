"""Seven ways to tamper with a journal, and who finds each: the file itself, or the witness alone.

One edge has run with a central that archives and cosigns, and has ended; its state folder is
tampered with, and started again: first with nobody else there, then with central.
"""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.findings import Finding
from central.witness import JournalReplaced, NotCosigned, Witness
from controller import events as ev
from edge import assembly
from edge.assembly import Edge
from edge.cosigned_beside import FILE as COSIGNED
from edge.journal import Signers, verify_folder
from edge.journal_keys import journal_key
from edge.signatures import SigningKey
from simulators.broker_process import BrokerProcess
from tests.central.rig import running_central
from tests.crash import tampering
from tests.edge.house import ADA, House, bodies, running, until
from tests.servers import make_broker, require

CENTRAL = SigningKey(Ed25519PrivateKey.from_private_bytes(b"\3" * 32))
UTC_S = 1_700_000_000
PATIENCE_S = 30.0

Tamper = Callable[[Path], None]
Logged = Callable[[], str]


def witness() -> Witness:
    return Witness(CENTRAL, lambda: UTC_S)


class Scene(NamedTuple):
    """A house, the newest state of its edge, one of before, and central's archive."""

    house: House
    broker: BrokerProcess
    newest: Path
    older: Path
    archive: Path

    @property
    def state(self) -> Path:
        return self.house.folder / "state"


@asynccontextmanager
async def edge_of(house: House) -> AsyncIterator[Edge]:
    async with house.line(), running(house) as edge:
        # What it says of earlier runs counts, too: the last word that it is ready is this one's.
        async with asyncio.timeout(PATIENCE_S):
            while not all(reader._session for reader in house.readers.values()):
                await asyncio.sleep(0.02)
        await until(edge, ev.EdgeReady)
        yield edge


async def a_day(house: House, archive: Path, port: int, badges: int) -> list[Finding]:
    """So many badges, and everything archived and cosigned at the end."""
    async with running_central(archive, port, witness=witness()) as found, edge_of(house) as edge:
        before = len(await bodies(edge, ev.DecisionMade))
        for number in range(before + 1, before + badges + 1):
            await badge(house, edge, number)
        await cosigned(edge)
    return found


async def badge(house: House, edge: Edge, number: int) -> None:
    """Ada's, until the journal has so many decisions: a reader that is just found forgets one."""
    async with asyncio.timeout(PATIENCE_S):
        while len(await bodies(edge, ev.DecisionMade)) < number:
            house.badge("front-in", ADA)
            await asyncio.sleep(0.3)


async def cosigned(edge: Edge) -> None:
    """Everything up to now is in the archive, and the witness has seen it."""
    writer = edge.daemon.writer
    last = writer.last_seq
    async with asyncio.timeout(PATIENCE_S):
        while writer.acked < last:
            await asyncio.sleep(0.02)
        while (kept := await writer.newest_cosigned()) is None or kept.size < last:
            await edge.checkpoints.take()
            await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    require("mosquitto")
    folder = tmp_path_factory.mktemp("tampering")
    with make_broker("mosquitto") as broker:
        told = f'\n[broker]\nhost = "127.0.0.1"\nport = {broker.port}\n'
        told += f'witness = "{witness().key.text}"\n'
        (folder / "house").mkdir()
        house = House(folder / "house", told)
        scene = Scene(house, broker, folder / "newest", folder / "older", folder / "archive.db")
        asyncio.run(a_day(house, scene.archive, broker.port, 3))
        shutil.copytree(scene.state, scene.older, ignore=shutil.ignore_patterns("*.sock"))
        asyncio.run(a_day(house, scene.archive, broker.port, 3))
        shutil.copytree(scene.state, scene.newest, ignore=shutil.ignore_patterns("*.sock"))
        yield scene


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits at the end for an archive that will not have the last entries."""
    monkeypatch.setattr(assembly, "SENT_WITHIN_S", 0.1)


@pytest.fixture
def state(scene: Scene) -> Path:
    """The newest state of the edge, in its place."""
    put(scene, scene.newest)
    return scene.state


def put(scene: Scene, copy: Path) -> None:
    shutil.rmtree(scene.state)
    shutil.copytree(copy, scene.state)


def found_in(state: Path) -> str:
    """What `sentrypost journal verify` finds first; empty where all agrees."""
    signers = Signers(journal_key(state).key.public, witness().key)
    report = verify_folder(state / tampering.JOURNAL, signers=signers)
    return "" if report.first_bad is None else report.first_bad.what


class Seen(NamedTuple):
    """What was said of it after a start."""

    doubted: bool
    """By the edge itself, in its journal."""
    witness: list[str]
    """By central, of what the witness remembers."""
    archive: str
    """By the edge, of what the archive remembers."""


async def started(
    scene: Scene,
    archive: Path,
    judge: Witness | None,
    logged: Logged,
    *,
    until_doubted: bool = False,
) -> Seen:
    """With a copy of central's archive, until somebody says something, or all is archived."""
    async with running_central(archive, scene.broker.port, witness=judge) as found:
        async with edge_of(scene.house) as edge:
            writer, last = edge.daemon.writer, edge.daemon.writer.last_seq
            async with asyncio.timeout(PATIENCE_S):
                while not (alarms(found) or logged()) and writer.acked < last:
                    await asyncio.sleep(0.02)
                while judge is not None and not alarms(found):
                    await edge.checkpoints.take()
                    await asyncio.sleep(0.1)
            if until_doubted:
                await until(edge, ev.JournalDoubted)
            doubted = bool(await bodies(edge, ev.JournalDoubted))
        return Seen(doubted, alarms(found), logged())


def alarms(found: list[Finding]) -> list[str]:
    told = [one.reason for one in found if isinstance(one, NotCosigned) and one.alarm]
    return told + ["another journal" for one in found if isinstance(one, JournalReplaced)]


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Logged:
    """What the edge has said of the archive, by its first word."""

    def said() -> str:
        words = re.findall(r"uplink: (ArchiveDiverged|AckIgnored)", caplog.text)
        return str(words[0]) if words else ""

    return said


def test_what_nobody_has_touched_is_found_fault_with_by_nobody(
    scene: Scene, state: Path, tmp_path: Path, logged: Logged
) -> None:
    assert found_in(state) == ""
    shutil.copy(scene.archive, tmp_path / "archive.db")
    found = asyncio.run(a_day(scene.house, tmp_path / "archive.db", scene.broker.port, 1))
    assert (alarms(found), logged()) == ([], "")


@pytest.mark.parametrize(
    ("tamper", "by", "finds"),
    [
        (tampering.edit, "the checkpoint", "its checkpoint was made of other entries"),
        (tampering.delete, "the chain", "is missing"),
        (tampering.reorder, "the chain", "the chain breaks here"),
    ],
    ids=["edit", "delete", "reorder"],
)
def test_changed_rows_are_found_in_the_file_itself(
    state: Path, tamper: Tamper, by: str, finds: str
) -> None:
    tamper(state)
    assert found_in(state) == finds, by


@pytest.mark.parametrize(
    ("tamper", "witness_finds", "doubted"),
    [
        (tampering.cut, r"entries, and \d+ were cosigned", True),
        (tampering.swap, "another journal", True),
        (None, r"entries, and \d+ were cosigned", True),
        (tampering.rewrite, r"proven from 0, and \d+ were cosigned", True),
    ],
    ids=["cut the tail", "swap the file", "restore an old backup", "steal the key and rewrite"],
)
def test_what_agrees_with_itself_is_found_by_the_witness_alone(
    scene: Scene,
    state: Path,
    tmp_path: Path,
    logged: Logged,
    tamper: Tamper | None,
    witness_finds: str,
    doubted: bool,
) -> None:
    if tamper is None:
        put(scene, scene.older)
    else:
        tamper(state)
    assert found_in(state) == "", "whoever has the key leaves nothing to find in the file"
    shutil.copy(scene.archive, tmp_path / "archive.db")
    run = started(scene, tmp_path / "archive.db", witness(), logged, until_doubted=doubted)
    seen = asyncio.run(run)
    assert re.search(witness_finds, seen.witness[0])
    assert seen.doubted is doubted, "the edge takes the witness's word for it"


def test_what_the_witness_said_last_finds_a_history_written_anew_with_nobody_there(
    scene: Scene, state: Path, tmp_path: Path, logged: Logged
) -> None:
    tampering.rewrite(state)
    assert found_in(state) == ""
    seen = asyncio.run(started(scene, tmp_path / "new.db", None, logged, until_doubted=True))
    assert seen == Seen(doubted=True, witness=[], archive="")


def test_without_witness_and_archive_nobody_finds_a_history_written_anew(
    scene: Scene, state: Path, tmp_path: Path, logged: Logged
) -> None:
    """The archive knows the chain up to what it has; one that is new, or was written anew as well,
    knows nothing. This is why there is a witness.
    """
    tampering.rewrite(state)
    (state / COSIGNED).unlink()
    assert found_in(state) == ""
    shutil.copy(scene.archive, tmp_path / "archive.db")
    seen = asyncio.run(started(scene, tmp_path / "archive.db", None, logged))
    assert seen == Seen(doubted=False, witness=[], archive="ArchiveDiverged")


def test_with_an_archive_that_was_made_anew_too_it_is_taken_for_true(
    scene: Scene, state: Path, tmp_path: Path, logged: Logged
) -> None:
    tampering.rewrite(state)
    (state / COSIGNED).unlink()
    seen = asyncio.run(started(scene, tmp_path / "new.db", None, logged))
    assert seen == Seen(doubted=False, witness=[], archive="")
