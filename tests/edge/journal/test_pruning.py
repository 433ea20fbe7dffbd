"""What is pruned is gone with every byte; what is left is proved as before, to outsiders too."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from itertools import product
from pathlib import Path

import pytest

from controller.body import Body
from controller.events import EntriesPruned, Event, Header, encode, kind_of
from controller.ledger import leaf, link
from controller.merkle import EMPTY
from controller.retention import CLASS_OF, RecordClass
from edge.control.closed import ClosedJournal, opened_closed
from edge.exports import Log, ProofError, export, proof
from edge.journal import (
    Journal,
    JournalDamaged,
    JournalFailed,
    JournalPruned,
    Record,
    erasure,
    verify_folder,
)
from edge.journal.checkpoints import root_at
from edge.journal.pruning import Thinning, drop, sealed
from edge.journal.sealing import seal
from tests.edge.journal.sealed import append, cosign, months
from tests.edge.journal.support import (
    EDGE,
    INCARNATION,
    SITE,
    open_journal,
    read_all,
    records,
)
from tests.edge.journal.test_segments import edited
from tests.edge.journal.test_verify_checkpoints import SIGNERS, UTC_US, WITNESS, note
from tests.tidy.repository import ROOT

SIZES = (7, 5, 12, 4)
ALL = sum(SIZES)
PASSAGES = (RecordClass.PASSAGES,)
"""Every third of `records`, those with a value about a person."""


def recorded(journal: Journal, first: int, last: int, *, whole: bool) -> int:
    """The entry that says so; under which number."""
    body: Body = EntriesPruned(first=first, last=last, classes=("passages",), whole=whole)
    seq = journal.last_seq + 1
    header = Header(
        site=SITE,
        edge=EDGE,
        incarnation=INCARNATION,
        seq=seq,
        kind=kind_of(type(body)),
        utc_us=UTC_US,
        mono_us=seq,
        clock_trusted=True,
        cause="test",
        policy="p1",
    )
    journal.append([Record(seq, encode(Event(header=header, body=body)))])
    return seq


def thin(journal: Journal, number: int) -> None:
    (segment,) = [one for one in sealed(journal) if one.number == number]
    by = recorded(journal, segment.first, segment.last, whole=False)
    thinning = Thinning(journal, number, PASSAGES, by)
    while not thinning.step(journal):
        pass


def dropped(journal: Journal, count: int) -> None:
    for segment in sealed(journal)[:count]:
        drop(journal, segment.number, recorded(journal, 1, segment.last, whole=True))


def files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


def test_of_a_class_bytes_and_values_go_and_leaf_and_chain_stay(tmp_path: Path) -> None:
    months(tmp_path, *SIZES)
    assert CLASS_OF["badge-ignored"] is RecordClass.PASSAGES
    before = [one for one in records(1, ALL) if one.seq > 12 or not one.personal]
    with closing(open_journal(tmp_path)) as journal:
        root, chains = journal.tree.root, [journal.chain_at(seq) for seq in range(ALL + 1)]
        thin(journal, 1)
        thin(journal, 2)
        assert [one.classes for one in sealed(journal)] == [PASSAGES, PASSAGES, ()]
        assert root_at(journal, ALL) == root
        assert [journal.chain_at(seq) for seq in range(ALL + 1)] == chains
        kept = journal.read(1, 100, 1 << 20, kept=True)
        assert [one.seq for one in kept] == [1, 2, 4, 5, 7], "up to the segment's end"
        assert [one.seq for one in journal.read(6, 1, 1, kept=True)] == [7]
        assert [one.seq for one in journal.read(4, 9, 1 << 20)] == [4, 5]
        with pytest.raises(JournalPruned, match="ask the archive"):
            journal.read(6, 1, 1)
        cosign(journal)
    for name in ("Person 3", "Person 6", "Person 9", "Person 12"):
        assert name.encode() not in files(tmp_path)
    assert b"Person 15" in files(tmp_path)
    report = verify_folder(tmp_path, signers=SIGNERS)
    assert (report.findings, report.pruned, report.gone) == ((), 4, 0)
    with opened_closed(tmp_path) as closed:
        left = [one.entry.encode() for one in closed.entries(1, ALL)]
        assert left == [one.entry for one in before]


def test_a_segment_goes_as_a_whole_and_the_rest_is_proved(tmp_path: Path) -> None:
    months(tmp_path, *SIZES)
    with closing(open_journal(tmp_path)) as journal:
        roots = {size: root_at(journal, size) for size in range(12, ALL + 1)}
        dropped(journal, 2)
        assert [root_at(journal, size) for size in roots] == list(roots.values())
        with pytest.raises(JournalPruned):
            root_at(journal, 11)
        with pytest.raises(JournalPruned):
            journal.read(12, 1, 1)
        cosign(journal)
    for _ in range(2):
        with closing(open_journal(tmp_path)) as journal:
            assert [one.number for one in sealed(journal)] == [3]
            assert journal.chain_at(11) is None
            assert journal.chain_at(12) is not None
            append(journal, 2)
        report = verify_folder(tmp_path, signers=SIGNERS)
        assert (report.findings, report.gone) == ((), 12)
    assert not list(tmp_path.glob("segment-00000[12]*"))
    assert b"Person 9" not in files(tmp_path)


@pytest.mark.parametrize("whole", [False, True])
def test_an_outsider_verifies_what_is_left(tmp_path: Path, whole: bool) -> None:
    months(tmp_path / "j", *SIZES)
    with closing(open_journal(tmp_path / "j")) as journal:
        if whole:
            dropped(journal, 2)
        else:
            thin(journal, 1)
            thin(journal, 2)
        cosign(journal)
        last = journal.last_seq
    with opened_closed(tmp_path / "j") as closed:
        log = Log(closed, SIGNERS.log_keys(*closed.identity)[0], (WITNESS,))
        (tmp_path / "one.json").write_bytes(proof(log, 14, None, personal=True))
        lines = export(log, 13, last, personal=True)
        (tmp_path / "all.jsonl").write_bytes(b"".join(lines))
        gone = [3, 9] if not whole else [1, 12]
        for seq in gone:
            with pytest.raises(ProofError, match="not kept here any more: it was pruned"):
                proof(log, seq, None, personal=True)
        with pytest.raises(ProofError, match="not kept here any more"):
            list(export(log, 9, last, personal=True))
        assert isinstance(closed, ClosedJournal)
    for name in ("one.json", "all.jsonl"):
        verifier = [sys.executable, "-I", ROOT / "edge" / "verify_journal.py"]
        ran = subprocess.run([*verifier, "--witness", WITNESS.text, tmp_path / name], check=False)
        assert ran.returncode == 0


def test_who_is_erased_while_a_segment_is_written_anew_is_not_written_back(tmp_path: Path) -> None:
    months(tmp_path, 7, 3_000, 4)
    with closing(open_journal(tmp_path)) as journal:
        by = recorded(journal, 8, 3_007, whole=False)
        thinning = Thinning(journal, 2, (RecordClass.ALARMS,), by)
        assert not thinning.step(journal)
        erasure.remove(journal, ["badge"], [(9, 9)])
        with pytest.raises(JournalFailed, match="erased meanwhile"):
            thinning.step(journal)
        assert not list(tmp_path.glob("*.new*"))
        again = Thinning(journal, 2, (RecordClass.ALARMS,), by)
        while not again.step(journal):
            pass
        assert journal.read(9, 1, 1)[0].personal == ()
        assert journal.read(12, 1, 1)[0].personal != ()
    assert verify_folder(tmp_path, signers=SIGNERS).sound


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE entry SET entry = x'' WHERE seq = 8", "nothing says that they were pruned"),
        ("DELETE FROM meta WHERE key = 'pruned'", "nothing says that they were pruned"),
        ("UPDATE meta SET value = '20 passages' WHERE key = 'pruned'", "nothing says"),
        ("INSERT INTO personal VALUES (9, 'badge', 'X', zeroblob(16))", "is beside it still"),
        ("UPDATE entry SET leaf = zeroblob(32) WHERE seq = 9", "the chain breaks here"),
        ("DELETE FROM entry WHERE seq = 9", "is missing"),
    ],
)
def test_pruning_hides_nothing(tmp_path: Path, statement: str, told: str) -> None:
    months(tmp_path, *SIZES)
    with closing(open_journal(tmp_path)) as journal:
        thin(journal, 2)
        if "seq = 8" in statement:
            journal.append(records(journal.last_seq + 1, journal.last_seq + 1))
    if "seq = 8" in statement:
        edited(tmp_path / "segment-000001.db", statement.replace("8", "5"))
    else:
        edited(tmp_path / "segment-000002.db", statement)
    findings = verify_folder(tmp_path, signers=SIGNERS).findings
    assert any(told in one.what for one in findings), findings


def test_only_the_oldest_that_is_sealed_goes_as_a_whole(tmp_path: Path) -> None:
    months(tmp_path, *SIZES)
    with closing(open_journal(tmp_path)) as journal:
        for number in (2, 4):
            with pytest.raises(Exception, match="is not the oldest of those that are sealed"):
                drop(journal, number, 1)
        assert read_all(journal) == records(1, ALL)


def test_a_segment_written_anew_is_smaller(tmp_path: Path) -> None:
    months(tmp_path, 3_000, 4)
    path = tmp_path / "segment-000001.db"
    before = path.stat()
    with closing(open_journal(tmp_path)) as journal:
        thin(journal, 1)
    assert path.stat().st_size < before.st_size * 0.9
    assert path.stat().st_mode == before.st_mode


def test_what_was_pruned_stays_so_in_the_next_segment(tmp_path: Path) -> None:
    months(tmp_path, *SIZES)
    with closing(open_journal(tmp_path)) as journal:
        dropped(journal, 1)
        assert seal(journal, note, UTC_US * 2) is not None
        cosign(journal)
        append(journal, 1)
    report = verify_folder(tmp_path, signers=SIGNERS)
    assert (report.findings, report.gone) == ((), 7)
    with closing(sqlite3.connect(tmp_path / "segment-000005.db")) as raw:
        assert raw.execute("SELECT count(*) FROM segment").fetchone() == (4,)


def test_a_tree_that_begins_with_roots_gives_every_subtree_that_reaches_behind_them() -> None:
    leaves = [bytes([n]) * 32 for n in range(40)]
    for begun, size in product(range(41), range(1, 41)):
        frontier = EMPTY.with_leaves(leaves[:begun])
        for width in (1, 2, 4, 8, 16, 32, 64):
            for begin in range(0, size, width):
                end = min(begin + width, size)
                if end <= begun and (begin, end) not in frontier.ranges():
                    continue  # within a root, or beyond this tree
                grown = frontier.within(begin, end)
                grown = grown.with_leaves(leaves[begin + grown.size : end])
                assert grown.root == EMPTY.with_leaves(leaves[begin:end]).root
    with pytest.raises(ValueError, match="a part of a root"):
        EMPTY.with_leaves(leaves[:8]).within(2, 4)


def test_what_follows_comes_with_the_hashes_of_what_is_gone(tmp_path: Path) -> None:
    months(tmp_path, *SIZES)
    with closing(open_journal(tmp_path)) as journal:
        chains = [journal.chain_at(seq) for seq in range(ALL + 1)]
        dropped(journal, 1)
        thin(journal, 2)
        before, found = journal.following(1, 100, 1 << 20)
        assert before == chains[7], "all in front of it is gone"
        assert [one.seq for one in found] == [8, 9, 10, 11, 12], "up to the segment's end"
        assert [one.seq for one in found if not one.entry] == [9, 12]
        assert all(one.personal == () for one in found if not one.entry)
        chain = before
        for one in found:
            assert not one.entry or leaf(one.entry) == one.leaf
            chain = link(chain, one.leaf)
            assert chain == one.chain == chains[one.seq]
        before, found = journal.following(12, 2, 1 << 20)
        assert (before, [one.seq for one in found]) == (chains[11], [12])
        before, found = journal.following(journal.last_seq + 1, 2, 1 << 20)
        assert (before, found) == (journal.head, [])


def test_bytes_that_are_gone_without_a_word_are_sent_to_nobody(tmp_path: Path) -> None:
    months(tmp_path, *SIZES)
    edited(tmp_path / "segment-000001.db", "UPDATE entry SET entry = x'' WHERE seq = 3")
    with closing(open_journal(tmp_path)) as journal:
        with pytest.raises(JournalDamaged, match="nothing says that they were pruned"):
            journal.following(1, 100, 1 << 20)
        thin(journal, 2)
        assert journal.following(8, 5, 1 << 20).records
    edited(tmp_path / "segment-000002.db", "UPDATE entry SET leaf = zeroblob(32) WHERE seq = 9")
    with closing(open_journal(tmp_path)) as journal, pytest.raises(JournalDamaged):
        journal.following(8, 5, 1 << 20)
