"""`sentrypost journal verify` about checkpoints, from a daemon and from files."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from controller.checkpoint import Checkpoint, log_name
from controller.merkle import Frontier
from edge.checkpoints import journal_key
from edge.control.place import JOURNAL
from edge.journal import verify_folder
from edge.journal.writer import JournalWriter
from edge.notes import Algorithm, NoteKey, cosignature, signed
from edge.signatures import SigningKey
from tests.edge.control.rig import Running, ticks
from tests.edge.test_cli import cli

CENTRAL = SigningKey(Ed25519PrivateKey.from_private_bytes(b"\3" * 32))
WITNESS = NoteKey("central", CENTRAL.public, Algorithm.WITNESS)
UTC_S = 1_764_000_000


async def said(writer: JournalWriter, key: SigningKey, *, cosigned: bool) -> None:
    """A checkpoint of all that is there."""
    name = log_name(writer.site, writer.edge, writer.incarnation)

    def sign(tree: Frontier) -> str:
        return signed(Checkpoint(name, tree.size, tree.root).text, name, key)

    kept = await writer.checkpoint(sign, UTC_S * 1_000_000)
    if cosigned:
        text = kept.note.rpartition("\n\n")[0] + "\n"
        line = cosignature(text, WITNESS.name, CENTRAL, UTC_S)
        await writer.note_cosigned(kept.size, kept.note + line)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Running]:
    """With 30 entries: 20 of them cosigned, all of them signed. Its site file lies beside."""
    with Running(tmp_path / "state") as running:
        key = journal_key(running.state).key
        running.record(*ticks(20 - running.desk.writer.last_seq))
        running.call(said(running.desk.writer, key, cosigned=True))
        running.record(*ticks(10))
        running.call(said(running.desk.writer, key, cosigned=False))
        site = f'state = "state"\n[broker]\nhost = "127.0.0.1"\nwitness = "{WITNESS.text}"\n'
        (tmp_path / "site.toml").write_text(site)
        yield running


@pytest.fixture
def closed(daemon: Running) -> Path:
    """The folder with the site file, its daemon ended."""
    daemon.__exit__()
    return daemon.state.parent


def test_a_closed_journal_is_verified_under_its_key_and_its_witness(closed: Path) -> None:
    page = cli("journal", "verify", cwd=closed)
    assert page.returncode == 0
    own = journal_key(closed / "state").key.public
    name = log_name("house", "gate", verify_folder(closed / "state" / JOURNAL).incarnation)
    text = NoteKey(name, own, Algorithm.LOG).text
    assert f"2 checkpoints; signatures judged by {text}\n" in page.stdout
    assert f"cosigned up to 20 at 2025-11-24 16:00:00.000Z by {WITNESS.text}\n" in page.stdout
    assert cli("journal", "verify", "--key", text, cwd=closed).returncode == 0

    alone = cli("journal", "verify", "--state", closed / "state").stdout
    assert "no witness is named: nobody but this edge" in alone

    (closed / "state" / "journal.key").unlink()
    copied = cli("journal", "verify", "--state", closed / "state")
    assert copied.returncode == 0
    assert "2 checkpoints; no key is here to judge their signatures by" in copied.stdout


def test_a_journal_under_another_key_than_the_one_given_is_not_sound(closed: Path) -> None:
    name = log_name("house", "gate", verify_folder(closed / "state" / JOURNAL).incarnation)
    other = NoteKey(name, CENTRAL.public, Algorithm.LOG)
    page = cli("journal", "verify", "--key", other.text, cwd=closed)
    assert page.returncode == 1
    assert f"entry 20: its checkpoint: {name} has not signed it" in page.stdout
    elsewhere = NoteKey(
        "sentrypost/other/gate/1", journal_key(closed / "state").key.public, Algorithm.LOG
    )
    page = cli("journal", "verify", "--key", elsewhere.text, cwd=closed)
    assert page.returncode == 1
    assert "error: signatures were judged under another key than the one given" in page.stderr
    nonsense = cli("journal", "verify", "--key", "nonsense", cwd=closed)
    assert nonsense.returncode == 1
    assert "remedy: copy the line that" in nonsense.stderr


def test_a_running_daemon_proves_its_checkpoints_too(daemon: Running) -> None:
    page = cli("journal", "verify", cwd=daemon.state.parent)
    assert page.returncode == 0
    assert "2 checkpoints" in page.stdout
