"""A journal of several segments is one journal: nothing of it depends on where it was cut."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from controller.ledger import leaf
from controller.merkle import EMPTY, continues
from edge.control.closed import opened_closed
from edge.journal import (
    JournalFailed,
    JournalForeign,
    JournalMissing,
    JournalShrank,
    erasure,
    verify_folder,
)
from edge.journal.checkpoints import newest_cosigned, proof_since, root_at, said
from edge.journal.disk import Connection
from edge.journal.reading import leaves
from edge.journal.sealing import seal
from edge.journal.segments import Segments
from edge.journal.store import TREE_EVERY
from edge.journal.verify import Verification
from tests.edge.journal.sealed import append, cosign, months
from tests.edge.journal.support import fill, open_journal, read_all, records, segment
from tests.edge.journal.test_verify_checkpoints import SIGNERS, UTC_US, note

SIZES = (7, 1, 12, 4)
ALL = sum(SIZES)


def rows(folder: Path) -> list[tuple[object, ...]]:
    """Every entry as it is stored, whichever file it is in."""
    found = []
    for path in sorted(folder.glob("segment-*.db")):
        with closing(sqlite3.connect(path)) as raw:
            found += raw.execute("SELECT * FROM entry ORDER BY seq").fetchall()
    return found


def plain_root(count: int) -> bytes:
    return EMPTY.with_leaves(leaf(one.entry) for one in records(1, count)).root


def test_the_entries_are_byte_for_byte_those_of_one_file(tmp_path: Path) -> None:
    fill(tmp_path / "one", ALL)
    months(tmp_path / "many", *SIZES)
    assert len(list((tmp_path / "many").glob("segment-*.db"))) == len(SIZES)
    assert rows(tmp_path / "many") == rows(tmp_path / "one")


def test_all_of_it_is_read_and_goes_on_after_a_restart(tmp_path: Path) -> None:
    months(tmp_path, *SIZES)
    with closing(open_journal(tmp_path)) as journal:
        assert (journal.last_seq, journal.acked) == (ALL, ALL)
        assert read_all(journal) == records(1, ALL)
        append(journal, 5)
        assert read_all(journal) == records(1, ALL + 5)
        for seq in range(ALL + 6):
            chain = journal.chain_at(seq)
            assert chain is not None
            if seq:
                assert journal.read(seq, 1, 1)[0].chain == chain
        assert journal.chain_at(ALL + 6) is None
        assert journal.reconcile(records(1, ALL + 7)) == tuple(records(ALL + 6, ALL + 7))
    assert verify_folder(tmp_path, signers=SIGNERS).sound
    with opened_closed(tmp_path) as closed:
        assert [one.seq for one in closed.entries(1, 99)] == list(range(1, ALL + 6))
        assert [one.entry.encode() for one in closed.entries(6, 9)] == [
            one.entry for one in records(6, 9)
        ]


def test_roots_and_proofs_are_those_of_one_tree(tmp_path: Path) -> None:
    months(tmp_path, *SIZES)
    with closing(open_journal(tmp_path)) as journal:
        assert journal.tree.root == plain_root(ALL)
        for size in range(ALL + 1):
            root = root_at(journal, size)
            assert root == plain_root(size)
            proof = proof_since(journal, size, ALL)
            assert proof is not None
            assert continues(size, root, ALL, plain_root(ALL), proof)
        hashes = list(leaves(journal.segments, 5, 15))
        assert hashes == [leaf(one.entry) for one in records(6, 15)]


def test_a_segment_without_entries_is_not_sealed(tmp_path: Path) -> None:
    months(tmp_path, 3, 2)
    with closing(open_journal(tmp_path)) as journal:
        assert seal(journal, note, UTC_US) is not None
        assert seal(journal, note, UTC_US) is None
        assert seal(journal, note, UTC_US) is None
        append(journal, 1)
    assert len(list(tmp_path.glob("segment-*.db"))) == 3
    assert verify_folder(tmp_path, signers=SIGNERS).sound


def test_the_final_checkpoint_gets_its_cosignature_when_it_comes(tmp_path: Path) -> None:
    with closing(open_journal(tmp_path)) as journal:
        append(journal, 6)
        size = cosign(journal)
        assert seal(journal, note, UTC_US) is not None
        kept = newest_cosigned(journal)
        assert kept is not None
        assert kept.size == size == 6
        append(journal, 2)
        assert seal(journal, note, UTC_US) is not None
        final = said(journal.segments, 8)
        assert [one.cosigned for one in final] == [None]
        cosign(journal)
        assert [one.cosigned is not None for one in said(journal.segments, 8)] == [True]
    with closing(sqlite3.connect(tmp_path / "segment-000002.db")) as raw:
        (cosigned,) = raw.execute("SELECT cosigned FROM checkpoint WHERE size = 8").fetchone()
        assert "central" in cosigned
    with closing(open_journal(tmp_path)) as journal:
        kept = newest_cosigned(journal)
        assert kept is not None
        assert kept.size == 8
    report = verify_folder(tmp_path, signers=SIGNERS)
    assert report.sound
    assert report.checkpoints.cosigned is not None
    assert report.checkpoints.cosigned.size == 8


def test_somebody_is_erased_in_sealed_segments_with_every_byte(tmp_path: Path) -> None:
    months(tmp_path, *SIZES)
    with closing(open_journal(tmp_path)) as journal:
        ranges = ((1, 4), (6, 22))
        erasure.remove(journal, ["badge"], ranges)
        erasure.settle(journal, 22)
        left = [one.seq for one in read_all(journal) if one.personal]
        assert left == [24]
        files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert b"Person 24" in files
        assert b"Person 3" not in files
        assert b"Person 18" not in files
        assert erasure.done(journal) == 22
        append(journal, 1)
        assert seal(journal, note, UTC_US) is not None
        assert erasure.done(journal) == 22
    assert verify_folder(tmp_path, signers=SIGNERS).sound


def test_a_restart_finds_a_snapshot_in_a_sealed_segment(tmp_path: Path) -> None:
    with closing(open_journal(tmp_path)) as journal:
        append(journal, 5)
        journal.put_snapshot(4, b"four", UTC_US)
        assert seal(journal, note, UTC_US) is not None
        append(journal, 5)
    with closing(open_journal(tmp_path)) as journal:
        newest = journal.newest_snapshot()
        assert newest is not None
        assert (newest.seq, newest.state) == (4, b"four")
        journal.put_snapshot(3, b"three", UTC_US)
        journal.put_snapshot(8, b"eight", UTC_US)
        newest = journal.newest_snapshot()
        assert newest is not None
        assert newest.state == b"eight"
    assert verify_folder(tmp_path, signers=SIGNERS).snapshots == 3


def edited(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute(statement)
        raw.commit()


@pytest.mark.parametrize(
    ("number", "statement", "told"),
    [
        (1, "UPDATE entry SET entry = x'7b7d' WHERE seq = 3", (3, "its bytes are not those")),
        (1, "DELETE FROM entry WHERE seq = 7", (7, "to 7 are missing")),
        (2, "DELETE FROM entry", (8, "to 8 are missing")),
        (3, "DELETE FROM entry WHERE seq = 10", (10, "is missing")),
        (3, "UPDATE entry SET entry = x'' WHERE seq = 11", (11, "nothing says that they were")),
        (3, "UPDATE entry SET chain = leaf WHERE seq = 20", (20, "the chain breaks here")),
        (3, "UPDATE personal SET value = 'X' WHERE seq = 12", (12, "is not what badge commits")),
        (4, "UPDATE segment SET note = '' WHERE number = 3", (8, "its checkpoint is none")),
        (2, "DELETE FROM segment", (8, "is not the segment that stood here")),
        (3, "CREATE TABLE other (x)", (9, "tables that are not ours")),
    ],
)
def test_what_is_edited_in_a_sealed_segment_is_found(
    tmp_path: Path, number: int, statement: str, told: tuple[int, str]
) -> None:
    months(tmp_path, *SIZES)
    edited(tmp_path / f"segment-{number:06}.db", statement)
    findings = verify_folder(tmp_path, signers=SIGNERS).findings
    assert any(one.seq == told[0] and told[1] in one.what for one in findings), findings


def test_segments_of_two_journals_do_not_fit_together(tmp_path: Path) -> None:
    months(tmp_path / "j", *SIZES)
    months(tmp_path / "other", 6, 2, 12, 4)
    shutil.copy(tmp_path / "other" / "segment-000002.db", tmp_path / "j")
    with closing(open_journal(tmp_path / "j")) as journal, pytest.raises(JournalForeign):
        journal.read(8, 1, 1)
    assert not verify_folder(tmp_path / "j").sound


def test_a_segment_between_others_must_be_there(tmp_path: Path) -> None:
    months(tmp_path, *SIZES)
    (tmp_path / "segment-000002.db").unlink()
    for opening in (open_journal, verify_folder):
        with pytest.raises(JournalMissing, match=r"segment-000002\.db does not exist"):
            opening(tmp_path)


def test_the_oldest_segment_is_missed_where_nothing_says_that_it_was_pruned(
    tmp_path: Path,
) -> None:
    months(tmp_path, *SIZES)
    segment(tmp_path).unlink()
    findings = verify_folder(tmp_path, signers=SIGNERS).findings
    assert [(one.seq, one.what) for one in findings if one.seq == 1] == [
        (1, "to 7 are missing, and nothing says that they were pruned")
    ]


def test_the_newest_segment_is_missed_by_what_the_archive_has(tmp_path: Path) -> None:
    """A final checkpoint of another month is no end: who takes the last file away takes entries."""
    months(tmp_path, *SIZES)
    with closing(open_journal(tmp_path)) as journal:
        assert seal(journal, note, UTC_US) is not None
        journal.set_acked(ALL, incarnation=journal.incarnation)
        append(journal, 3)
        journal.set_acked(ALL + 3, incarnation=journal.incarnation)
    (tmp_path / "segment-000005.db").unlink()
    edited(tmp_path / "segment-000004.db", f"UPDATE meta SET value = {ALL + 3} WHERE key = 'acked'")
    with pytest.raises(JournalShrank):
        open_journal(tmp_path)


def test_a_disk_that_does_not_give_a_segment_says_nothing_of_what_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has edited anything: the look is made again later, and there is no alarm."""
    months(tmp_path, *SIZES)
    with closing(open_journal(tmp_path)) as journal:
        verification = Verification.of(journal, SIGNERS)

        def refused(path: Path) -> Connection:
            raise sqlite3.OperationalError("unable to open database file")

        monkeypatch.setattr(journal.segments, "_connect", refused)
        with pytest.raises(JournalFailed, match="unable to open"):
            verification.step(journal.segments)
        assert verification.report().findings == ()


def test_a_segment_that_is_no_database_any_more_is_a_finding(tmp_path: Path) -> None:
    months(tmp_path, *SIZES)
    (tmp_path / "segment-000002.db").write_bytes(b"nothing" * 1_000)
    findings = verify_folder(tmp_path, signers=SIGNERS).findings
    assert any(one.seq == 8 and "is no SQLite database" in one.what for one in findings)
    with closing(open_journal(tmp_path)) as journal:
        assert journal.read(9, 1, 1)[0].seq == 9, "the others are read as before"


@pytest.mark.parametrize("sealed", [False, True])
def test_an_opening_reads_the_leaves_behind_a_noted_tree_and_not_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sealed: bool
) -> None:
    """Where nobody has made a checkpoint, as in a journal of the first version, too."""
    assert TREE_EVERY == 10_000
    monkeypatch.setattr("edge.journal.store.TREE_EVERY", 100)
    with closing(open_journal(tmp_path)) as journal:
        append(journal, 130)
        append(journal, 30)
        if sealed:
            assert seal(journal, note, UTC_US) is not None
        append(journal, 30)
        root = journal.tree.root
    asked: list[int] = []

    def counted(segments: Segments, begin: int, end: int) -> Iterator[bytes]:
        asked.append(end - begin)
        return leaves(segments, begin, end)

    monkeypatch.setattr("edge.journal.reading.leaves", counted)
    with closing(open_journal(tmp_path)) as journal:
        assert journal.tree.root == root
    assert asked == [30 if sealed else 60]
    edited(
        tmp_path / f"segment-00000{1 + sealed}.db",
        "UPDATE meta SET value = replace(value, 'a', 'b') WHERE key = 'tree'",
    )
    with closing(open_journal(tmp_path)) as journal:
        assert journal.tree.root == root, "what was touched is not believed"
