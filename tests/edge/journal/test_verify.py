"""Every change to a stored byte is found; what cannot be found is said."""

import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from controller.ledger import leaf, link
from edge.control.closed import opened_closed
from edge.journal import JournalError, JournalFailed, JournalReadOnly, verify_folder
from tests.edge.journal.support import (
    INCARNATION,
    by_hand,
    fill,
    open_journal,
    record,
    records,
    segment,
)
from tests.edge.journal.tmpfs import Tmpfs


def test_an_untouched_journal_is_sound(tmp_path: Path) -> None:
    fill(tmp_path / "j", 30)
    with closing(open_journal(tmp_path / "j")) as journal:
        journal.put_snapshot(0, b"empty", 1)
        journal.put_snapshot(30, b"state", 1)
        head = journal.head
    told: list[tuple[int, int]] = []
    report = verify_folder(
        tmp_path / "j", site="vienna", edge="north", progress=lambda *step: told.append(step)
    )
    assert report.sound
    assert report.first_bad is None
    assert (report.incarnation, report.entries, report.last_seq) == (INCARNATION, 30, 30)
    assert (report.head, report.personal, report.snapshots) == (head, 10, 2)
    assert told == [(30, 30)]


def test_an_empty_journal_is_sound(tmp_path: Path) -> None:
    fill(tmp_path / "j", 0)
    assert verify_folder(tmp_path / "j").sound


SWAP = """
UPDATE entry SET seq = -5 WHERE seq = 5; UPDATE entry SET seq = 5 WHERE seq = 7;
UPDATE entry SET seq = 7 WHERE seq = -5;
"""


@pytest.mark.parametrize(
    ("change", "seq", "what"),
    [
        (
            "UPDATE entry SET entry = cast(replace(entry, 'done', 'dune') AS BLOB) WHERE seq = 5",
            5,
            "its bytes are not those",
        ),
        ("UPDATE entry SET leaf = zeroblob(32) WHERE seq = 5", 5, "its bytes are not those"),
        ("UPDATE entry SET chain = zeroblob(32) WHERE seq = 5", 5, "the chain breaks here"),
        ("DELETE FROM entry WHERE seq = 5", 5, "is missing"),
        ("DELETE FROM entry WHERE seq BETWEEN 5 AND 8", 5, "to 8 are missing"),
        ("DELETE FROM entry WHERE seq < 3", 1, "to 2 are missing"),
        ("UPDATE personal SET value = 'Eve' WHERE seq = 6", 6, "not what badge commits to"),
        ("UPDATE personal SET salt = zeroblob(16) WHERE seq = 6", 6, "not what badge commits"),
        ("UPDATE personal SET field = 'person' WHERE seq = 6", 6, "not what person commits to"),
        ("UPDATE personal SET seq = 5 WHERE seq = 6", 5, "not what badge commits to"),
        ("UPDATE personal SET seq = 99 WHERE seq = 6", 99, "without its entry"),
        ("UPDATE personal SET seq = 0 WHERE seq = 6", 0, "without its entry"),
        ("UPDATE meta SET value = 'ffffffffffffffff' WHERE key = 'incarnation'", 1, "chain breaks"),
        ("UPDATE snapshot SET state = cast('forged' AS BLOB)", 9, "its snapshot does not verify"),
        ("UPDATE meta SET value = '13' WHERE key = 'acked'", 13, "the archive stored that many"),
    ],
)
def test_a_change_is_found_and_named(tmp_path: Path, change: str, seq: int, what: str) -> None:
    fill(tmp_path / "j", 12)
    with closing(open_journal(tmp_path / "j")) as journal:
        journal.put_snapshot(9, b"state", 1)
    with by_hand(tmp_path / "j") as raw:
        raw.execute(change)
    report = verify_folder(tmp_path / "j")
    assert not report.sound
    assert report.first_bad is not None
    assert report.first_bad.seq == seq
    assert what in report.first_bad.what


def _swap(raw: sqlite3.Connection) -> None:
    raw.execute("PRAGMA ignore_check_constraints = ON")
    raw.executescript(SWAP)


def test_swapped_rows_are_found(tmp_path: Path) -> None:
    fill(tmp_path / "j", 12)
    with by_hand(tmp_path / "j") as raw:
        _swap(raw)
    report = verify_folder(tmp_path / "j")
    assert {finding.seq for finding in report.findings} >= {5, 7}


def test_an_edit_with_a_leaf_made_anew_breaks_the_chain(tmp_path: Path) -> None:
    fill(tmp_path / "j", 12)
    forged = record(5, reason="nothing happened").entry
    with by_hand(tmp_path / "j") as raw:
        raw.execute("UPDATE entry SET entry = ?, leaf = ? WHERE seq = 5", (forged, leaf(forged)))
    first = verify_folder(tmp_path / "j").first_bad
    assert first is not None
    assert (first.seq, first.what) == (5, "the chain breaks here")


def test_an_entry_of_another_number_with_every_hash_made_anew_is_found(tmp_path: Path) -> None:
    fill(tmp_path / "j", 4)
    with closing(open_journal(tmp_path / "j")) as journal:
        head = journal.head
    forged = record(9).entry
    with by_hand(tmp_path / "j") as raw:
        raw.execute(
            "INSERT INTO entry VALUES (5, ?, ?, ?)",
            (forged, leaf(forged), link(head, leaf(forged))),
        )
    first = verify_folder(tmp_path / "j").first_bad
    assert first is not None
    assert (first.seq, first.what) == (
        5,
        "it says of itself vienna north 0001020304050607 9",
    )


def test_a_tail_cut_off_cannot_be_seen_by_the_chain_alone(tmp_path: Path) -> None:
    """Only somebody who remembers the head can: here the archive's acknowledgement."""
    fill(tmp_path / "j", 12)
    with by_hand(tmp_path / "j") as raw:
        raw.execute("DELETE FROM entry WHERE seq > 8")
        raw.execute("DELETE FROM personal WHERE seq > 8")
    report = verify_folder(tmp_path / "j")
    assert report.sound
    assert report.last_seq == 8
    with by_hand(tmp_path / "j") as raw:
        raw.execute("UPDATE meta SET value = '12' WHERE key = 'acked'")
    first = verify_folder(tmp_path / "j").first_bad
    assert first is not None
    assert (first.seq, first.what) == (9, "to 12 are missing: the archive stored that many")


def test_erasing_a_person_leaves_the_log_sound_and_the_head_as_it_was(tmp_path: Path) -> None:
    fill(tmp_path / "j", 12)
    before = verify_folder(tmp_path / "j")
    with by_hand(tmp_path / "j") as raw:
        raw.execute("DELETE FROM personal WHERE seq = 6")
    after = verify_folder(tmp_path / "j")
    assert after.sound
    assert (before.personal, after.personal) == (4, 3)
    assert after.head == before.head


def test_a_flipped_bit_is_found_or_refused_or_harmless(tmp_path: Path, seed: int) -> None:
    """Whatever it hits, it gives a typed error or a finding, or every entry is what it was."""
    fill(tmp_path / "j", 12)
    whole = segment(tmp_path / "j").read_bytes()
    with by_hand(tmp_path / "j") as raw:
        rows = raw.execute("SELECT seq, entry, leaf, chain FROM entry").fetchall()
    used = [at for at in range(len(whole)) if any(whole[max(0, at - 2) : at + 3])]
    chance = random.Random(seed)
    found = 0
    for place in chance.sample(used, 200):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << chance.randrange(8)
        segment(tmp_path / "j").write_bytes(flipped)
        try:
            sound = verify_folder(tmp_path / "j").sound
        except JournalError:
            sound = False
        found += not sound
        if sound:
            with by_hand(tmp_path / "j") as raw:
                assert raw.execute("SELECT seq, entry, leaf, chain FROM entry").fetchall() == rows
    assert found > 150


def test_a_schema_that_is_no_text_any_more_is_refused_and_the_file_let_go(tmp_path: Path) -> None:
    fill(tmp_path / "j", 3)
    whole = segment(tmp_path / "j").read_bytes()
    at = whole.index(b"CREATE TABLE snapshot")
    # Kept, with the frames in which they came up: no connection may hang on those.
    caught = []
    for place in range(at, at + 120, 4):
        segment(tmp_path / "j").write_bytes(whole[:place] + b"\xc2" + whole[place + 1 :])
        for opening in (open_journal, verify_folder):
            with pytest.raises(JournalError) as one:
                opening(tmp_path / "j")
            caught.append(one.value)
    assert any(isinstance(one.__cause__, UnicodeDecodeError) for one in caught)
    segment(tmp_path / "j").write_bytes(whole)
    open_journal(tmp_path / "j").close()


def test_findings_are_limited_and_the_first_is_kept(tmp_path: Path) -> None:
    fill(tmp_path / "j", 300)
    with by_hand(tmp_path / "j") as raw:
        raw.execute("UPDATE entry SET leaf = zeroblob(32) WHERE seq > 20")
    report = verify_folder(tmp_path / "j")
    assert len(report.findings) == 100
    assert report.first_bad is not None
    assert report.first_bad.seq == 21


def test_a_copy_made_in_a_crash_verifies_with_its_log_and_is_not_changed(tmp_path: Path) -> None:
    with closing(open_journal(tmp_path / "j")) as journal:
        journal.append(records(1, 40))
        shutil.copytree(tmp_path / "j", tmp_path / "copy")
    before = {path.name: path.read_bytes() for path in (tmp_path / "copy").iterdir()}
    assert len(before["segment-000001.db-wal"]) > 0
    report = verify_folder(tmp_path / "copy")
    assert (report.sound, report.entries) == (True, 40)
    after = {path.name: path.read_bytes() for path in (tmp_path / "copy").iterdir()}
    # The lock file names its last user; nothing else may differ.
    assert {**before, "lock": b""} == {**after, "lock": b""}


def test_reading_a_closed_journal_leaves_nothing_beside_it(tmp_path: Path) -> None:
    fill(tmp_path / "j", 3)
    before = {path.name for path in (tmp_path / "j").iterdir()}
    verify_folder(tmp_path / "j")
    with opened_closed(tmp_path / "j") as journal:
        assert journal.last_seq == 3
    assert {path.name for path in (tmp_path / "j").iterdir()} == before


def test_a_log_in_a_read_only_folder_is_not_passed_over(tmp_path: Path, small_disk: Tmpfs) -> None:
    with closing(open_journal(tmp_path / "j")) as journal:
        journal.append(records(1, 40))
        shutil.copytree(tmp_path / "j", small_disk.path / "copy")
    small_disk.remount("ro")
    with pytest.raises(JournalReadOnly, match="copy the folder with all its files"):
        verify_folder(small_disk.path / "copy")


def test_a_folder_without_a_journal_is_told(tmp_path: Path) -> None:
    with pytest.raises(JournalFailed, match="does not exist"):
        verify_folder(tmp_path / "nowhere")
