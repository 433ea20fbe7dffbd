"""An edge in one sealed file, taken while it runs, proven, and put back on another machine."""

import asyncio
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from controller import events as ev
from edge.backup.container import PIECE_BYTES, TAG_BYTES, read_header, recipient_text
from edge.backup.keys import make_backup_key
from edge.commands.backup import backup, restore
from edge.control.client import Client
from edge.journal import verify_folder
from edge.people import People
from tests.edge.house import House, running
from tests.edge.process import ROOT, entries, running_process

PASSPHRASE = "four words apart, never written\n"


class Cellar:
    """A house, and a folder elsewhere for its backups."""

    def __init__(self, folder: Path) -> None:
        (folder / "house").mkdir()
        self.house = House(folder / "house")
        self.folder = folder
        self.file = folder / "house.backup"
        self.key = folder / "house" / "away.key"
        public = make_backup_key(self.key).public_key()
        self.recipient = recipient_text(public.public_bytes_raw())

    def run(self, command, *words: str | Path, typed: str = "") -> Result:  # type: ignore[no-untyped-def]
        return CliRunner().invoke(command, list(map(str, words)), input=typed)

    def makes(self, typed: str = "") -> Result:
        """Sealed to a key, or under what is typed: which takes a second of a core."""
        more = [] if typed else ["--recipient", self.recipient]
        site = self.house.folder / "site.toml"
        return self.run(backup, "new", self.file, "--config", site, *more, typed=typed)

    def verifies(self, *more: str) -> Result:
        return self.run(backup, "verify", self.file, "--key", self.key, *more)

    def restores(self, into: Path) -> Result:
        return self.run(restore, self.file, "--into", into, "--key", self.key)

    def left(self) -> list[str]:
        """What lies there beside the house."""
        return sorted(path.name for path in self.folder.iterdir() if path.name != "house")


@pytest.fixture
def cellar(tmp_path: Path) -> Cellar:
    """Of an edge that has run."""
    cellar = Cellar(tmp_path)

    async def run() -> None:
        async with running(cellar.house):
            pass

    asyncio.run(run())
    return cellar


def test_an_edge_that_runs_is_backed_up_and_stands_again_elsewhere(cellar: Cellar) -> None:
    house, again = cellar.house, cellar.folder / "again"

    async def run() -> None:
        async with house.line(), running_process(house) as edge:
            await edge.badge_opens()
            made = await asyncio.to_thread(cellar.makes)
            assert made.exit_code == 0, made.output
            await edge.badge_opens()  # and went on meanwhile
            with Client(house.folder / "state") as client:
                before = client.status()
            assert await edge.stop() == 0
        for said in (
            await asyncio.to_thread(cellar.verifies),
            await asyncio.to_thread(cellar.restores, again),
        ):
            assert said.exit_code == 0, said.output
        (again / "north").symlink_to(house.folder / "north")
        house.folder = again
        async with house.line(), running_process(house) as edge:
            await edge.badge_opens()
            with Client(again / "state") as client:
                after = client.status()
                # What takes protection away is refused until fresh counters are given.
                assert client.posture().quarantined
            assert await edge.stop() == 0
        assert after.incarnation != before.incarnation
        assert after.people_version == before.people_version

    north = house.folder / "north"
    asyncio.run(run())
    assert north.parent != again
    (doubted,) = entries(house, ev.JournalDoubted)
    assert doubted.before
    (aside,) = again.glob("state/journal.doubted.*")
    assert verify_folder(aside).sound
    assert [path.stat().st_mode & 0o077 for path in again.glob("*.key")] == [0] * 5


def test_nothing_in_the_file_is_in_the_clear(cellar: Cellar) -> None:
    assert cellar.makes().exit_code == 0
    sealed = cellar.file.read_bytes()
    secrets = [path.read_bytes() for path in cellar.house.folder.glob("*.key")]
    with People.open(cellar.house.folder / "state" / "site.db") as people:
        secrets += [one.name.encode() for one in people.roll.holders.values()]
        secrets += [one.ref.encode() for one in people.roll.credentials.values()]
    assert len(secrets) > 6
    assert not [secret for secret in secrets if secret in sealed]
    assert cellar.file.stat().st_mode & 0o077 == 0
    assert cellar.left() == ["house.backup"]


def test_a_changed_a_short_and_a_foreign_file_are_told_and_not_restored(cellar: Cellar) -> None:
    (cellar.house.folder / "state" / "large").write_bytes(os.urandom(2 * PIECE_BYTES))
    assert cellar.makes().exit_code == 0
    whole = cellar.file.read_bytes()
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 1
    with cellar.file.open("rb") as file:
        _, head = read_header(file)
    pieces = whole[: len(head) + PIECE_BYTES + TAG_BYTES]  # cut off where one ends
    for content, said in (
        (bytes(changed), "it was changed or cut off"),
        (whole[:-1], "it was changed or cut off"),
        (pieces, "it was changed or cut off"),
        (b"sentrypost" + whole, "it is no backup of Sentrypost"),
        (b"", "it is no backup of Sentrypost"),
    ):
        cellar.file.write_bytes(content)
        for found in (cellar.verifies(), cellar.restores(cellar.folder / "again")):
            assert found.exit_code == 1
            assert said in found.output
        assert cellar.left() == ["house.backup"]
    cellar.file.write_bytes(whole)


def test_nothing_is_written_over(cellar: Cellar) -> None:
    assert cellar.makes().exit_code == 0
    first = cellar.file.read_bytes()
    again = cellar.makes()
    assert again.exit_code == 1
    assert "there is such a file" in again.output
    assert cellar.file.read_bytes() == first
    used = cellar.restores(cellar.house.folder)
    assert used.exit_code == 1
    assert "is not empty" in used.output
    (cellar.folder / "empty").mkdir()
    assert cellar.restores(cellar.folder / "empty").exit_code == 0
    assert (cellar.folder / "empty" / "site.toml").is_file()


def test_it_is_sealed_to_somebody_elsewhere_without_any_passphrase(
    cellar: Cellar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(cellar.folder / "house")
    assert cellar.makes().exit_code == 0
    assert "sealed to keys" in cellar.run(backup, "verify", cellar.file).output
    found = cellar.verifies("--json")
    assert found.exit_code == 0, found.output
    names = {one["name"] for one in json.loads(found.stdout)["members"]}
    assert {
        "site/site.toml",
        "site/policy.toml",
        "site/site.key",
        "site/front-in.key",
        "state/site.db",
        "state/order.key",
        "state/journal.key",
        "state/journal/segment-000001.db",
    } <= names
    assert not [name for name in names if "lock" in name or "views" in name or "-wal" in name]
    cellar.run(backup, "key", "other")
    other = cellar.run(backup, "verify", cellar.file, "--key", "other.key")
    assert "it was not sealed to this key" in other.output


def test_under_a_passphrase_it_opens_by_that_alone(cellar: Cellar) -> None:
    short = cellar.makes(typed="short\nshort\n")
    assert short.exit_code == 1
    assert "the passphrase has 5 characters" in short.output
    assert cellar.makes(typed=PASSPHRASE * 2).exit_code == 0
    wrong = cellar.run(backup, "verify", cellar.file, typed="another one altogether\n")
    assert wrong.exit_code == 1
    assert "the passphrase is wrong" in wrong.output
    assert "another one" not in wrong.output
    assert cellar.run(backup, "verify", cellar.file, typed=PASSPHRASE).exit_code == 0
    assert "it was not sealed to this key" in cellar.verifies().output


def test_a_full_disk_leaves_nothing_and_says_so(cellar: Cellar) -> None:
    (cellar.house.folder / "state" / "large").write_bytes(os.urandom(3 * PIECE_BYTES))

    def little() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 * PIECE_BYTES, 2 * PIECE_BYTES))

    words = ["backup", "new", cellar.file, "--recipient", cellar.recipient]
    done = subprocess.run(
        [sys.executable, "-m", "edge.main", *map(str, words)],
        cwd=cellar.house.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=little,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "no backup is made" in done.stderr
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert cellar.left() == []
