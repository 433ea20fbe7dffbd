"""`sentrypost journal verify`, `prove` and `export`, from a daemon and from files."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from controller.checkpoint import Checkpoint, log_name
from controller.merkle import Frontier
from edge.control.place import JOURNAL
from edge.journal import verify_folder
from edge.journal.writer import JournalWriter
from edge.journal_keys import journal_key
from edge.notes import Algorithm, NoteKey, cosignature, signed
from edge.signatures import SigningKey
from tests.commands import command
from tests.edge.control.rig import UTC_US, Running, ticks
from tests.edge.test_verify_journal import outsider

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
    page = command("journal", "verify", cwd=closed)
    assert page.returncode == 0
    own = journal_key(closed / "state").key.public
    name = log_name("house", "gate", verify_folder(closed / "state" / JOURNAL).incarnation)
    text = NoteKey(name, own, Algorithm.LOG).text
    assert f"2 checkpoints; signatures judged by {text}\n" in page.stdout
    assert f"cosigned up to 20 at 2025-11-24 16:00:00.000Z by {WITNESS.text}\n" in page.stdout
    assert command("journal", "verify", "--key", text, cwd=closed).returncode == 0

    alone = command("journal", "verify", "--state", closed / "state").stdout
    assert "no witness is named: nobody but this edge" in alone

    (closed / "state" / "journal.key").unlink()
    copied = command("journal", "verify", "--state", closed / "state")
    assert copied.returncode == 0
    assert "2 checkpoints; no key is here to judge their signatures by" in copied.stdout


def test_a_journal_under_another_key_than_the_one_given_is_not_sound(closed: Path) -> None:
    name = log_name("house", "gate", verify_folder(closed / "state" / JOURNAL).incarnation)
    other = NoteKey(name, CENTRAL.public, Algorithm.LOG)
    page = command("journal", "verify", "--key", other.text, cwd=closed)
    assert page.returncode == 1
    assert f"entry 20: its checkpoint: {name} has not signed it" in page.stdout
    elsewhere = NoteKey(
        "sentrypost/other/gate/1", journal_key(closed / "state").key.public, Algorithm.LOG
    )
    page = command("journal", "verify", "--key", elsewhere.text, cwd=closed)
    assert page.returncode == 1
    assert "error: signatures were judged under another key than the one given" in page.stderr
    nonsense = command("journal", "verify", "--key", "nonsense", cwd=closed)
    assert nonsense.returncode == 1
    assert "remedy: copy the line that" in nonsense.stderr


def test_a_running_daemon_proves_its_checkpoints_too(daemon: Running) -> None:
    page = command("journal", "verify", cwd=daemon.state.parent)
    assert page.returncode == 0
    assert "2 checkpoints" in page.stdout


# --- prove and export -------------------------------------------------------------------------


def own_key(daemon: Running) -> NoteKey:
    writer = daemon.desk.writer
    name = log_name(writer.site, writer.edge, writer.incarnation)
    return NoteKey(name, journal_key(daemon.state).key.public, Algorithm.LOG)


@pytest.fixture
def answering(daemon: Running) -> Running:
    """A daemon that says whose signatures count."""
    daemon.desk.key, daemon.desk.witness = own_key(daemon).text, WITNESS.text
    return daemon


GIVEN = (
    ("prove", "7", "--size", "30"),
    ("prove", "7"),
    ("prove", "25", "--without-personal"),
    ("export",),
    ("export", "--from", "5", "--to", "22"),
    ("export", "--from", "5", "--to", "6", "--without-personal"),
    ("export", "--since", "{since}", "--until", "{until}"),
)


def times(words: tuple[str, ...], zone: str) -> list[str]:
    """The tenth entry's time, and the fifteenth's, on a wall there."""
    at = [datetime.fromtimestamp((UTC_US + n * 1_000) / 1e6, ZoneInfo(zone)) for n in (9, 14)]
    since, until = (moment.replace(tzinfo=None).isoformat() for moment in at)
    return [word.format(since=since, until=until) for word in words]


def test_a_daemon_and_its_files_give_the_same_and_an_outsider_verifies_it(
    answering: Running, tmp_path: Path
) -> None:
    folder = answering.state.parent
    keys = ("--log", answering.desk.key, "--witness", answering.desk.witness)
    made: dict[str, list[bytes]] = {"daemon": [], "files": []}
    for source, given in made.items():
        zone = "Europe/Vienna" if source == "daemon" else "UTC"
        for words in GIVEN:
            file = folder / f"{source}-{len(given)}"
            named = (
                [words[0], *words[1:2], str(file), *words[2:]]
                if words[0] == "prove"
                else [words[0], str(file), *words[1:]]
            )
            done = command("journal", *times(tuple(named), zone), cwd=folder)
            assert done.returncode == 0, done.stderr
            assert file.stat().st_mode & 0o777 == 0o600
            given.append(file.read_bytes())
        if source == "daemon":
            answering.__exit__()
    assert made["daemon"] == made["files"]
    by_time = json.loads(made["files"][-1].splitlines()[0])
    assert (by_time["from"], by_time["to"]) == (10, 14)
    for number, data in enumerate(made["files"]):
        # Under the size of 30, and in all 30 entries, there is nothing cosigned.
        asked = keys[:2] if number in (0, 2, 3, 4) else keys
        told = outsider(data, tmp_path, *asked)
        assert (told.returncode, told.stderr) == (0, "")


def test_a_proof_is_printed_where_no_file_is_named(closed: Path, tmp_path: Path) -> None:
    printed = command("journal", "prove", "3", cwd=closed)
    assert printed.returncode == 0
    assert outsider(printed.stdout.encode(), tmp_path).returncode == 0


def test_what_cannot_be_given_is_told_with_its_remedy(closed: Path) -> None:
    (closed / "there").write_text("already")
    for words, code, said in (
        (("prove", "31"), 1, "there is no entry 31, the newest is 30"),
        (("prove", "7", "--size", "29"), 1, "no checkpoint of 29 entries is kept"),
        (("prove", "7", "there"), 1, "there is such a file"),
        (("export", "there"), 1, "there is such a file"),
        (("export", "x", "--from", "9", "--to", "8"), 1, "there are no entries 9 to 8"),
        (("export", "x", "--from", "31"), 1, "there are no entries 31 to the end"),
        (("export", "x", "--since", "2031-01-01"), 1, "there is no entry of that time"),
        (("export", "x", "--since", "soon"), 2, "'soon' is no time"),
        (("export", "x", "--since", "2026-01-01", "--to", "3"), 2, "say which"),
    ):
        done = command("journal", *words, cwd=closed)
        assert (done.returncode, said in done.stderr) == (code, True), done.stderr
        assert code == 2 or "remedy: " in done.stderr
    assert (closed / "there").read_text() == "already"
    assert not list(closed.glob("x*"))
    (closed / "state" / "journal.key").unlink()
    done = command("journal", "prove", "7", "--state", closed / "state")
    assert "remedy: give its public half by --key" in done.stderr
    name = log_name("house", "gate", verify_folder(closed / "state" / JOURNAL).incarnation)
    wrong = NoteKey(name, CENTRAL.public, Algorithm.LOG).text
    done = command("journal", "prove", "7", "--key", wrong, "--state", closed / "state")
    assert done.returncode == 1
    assert "has not signed it" in done.stderr
