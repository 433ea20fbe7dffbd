"""What stands on disk, byte by byte, and what is let onto it."""

import hashlib
import stat
from contextlib import closing
from pathlib import Path

import pytest

from controller.ledger import Personal
from edge.journal import (
    AckRefused,
    Journal,
    JournalClosed,
    JournalDamaged,
    Record,
    RecordRefused,
)
from tests.edge.journal.support import (
    EDGE,
    INCARNATION,
    SITE,
    by_hand,
    fill,
    open_journal,
    read_all,
    record,
    records,
    segment,
)


def test_one_row_is_these_bytes_for_ever(tmp_path: Path) -> None:
    fill(tmp_path / "j", 0)
    with closing(open_journal(tmp_path / "j")) as journal:
        journal.append([record(1, person="Ada")])
    with by_hand(tmp_path / "j") as raw:
        entry, leaf, chain = raw.execute("SELECT entry, leaf, chain FROM entry").fetchone()
        beside = raw.execute("SELECT seq, field, value, hex(salt) FROM personal").fetchall()
    assert entry == (
        b'{"v":1,"site":"vienna","edge":"north","incarnation":"0001020304050607","seq":1,'
        b'"kind":"badge-ignored","utc_us":1700000000000001,"mono_us":1,"clock_trusted":true,'
        b'"cause":"test","drill":false,"policy":"p1","body":{"reader":"r1","reason":"done",'
        b'"badge":"fe222cd372f0bf80fc6f64b0af03944f90f738763fdd66ef62ed7e24ece8b18f"}}'
    )
    assert leaf.hex() == "d37538bbbd93a9d9ecdf055b09807de5138ea96b1eb1dc9f6b3613eb0da666f3"
    assert chain.hex() == "7d4877dce8713448dae6fa7c31ec6da64a49623467810463b7678c8c024ab344"
    assert beside == [(1, "badge", "Ada", "00112233445566778899AABBCCDDEEFF")]


def test_leaf_and_chain_are_what_ten_lines_of_hashlib_say(tmp_path: Path) -> None:
    made = fill(tmp_path / "j", 20)
    chain = hashlib.sha256(b"sentrypost chain 1\nvienna\nnorth\n0001020304050607\n").digest()
    with by_hand(tmp_path / "j") as raw:
        rows = raw.execute("SELECT entry, leaf, chain FROM entry ORDER BY seq").fetchall()
    assert len(rows) == 20
    for one, (entry, leaf, link) in zip(made, rows, strict=True):
        expected = hashlib.sha256(b"\x00" + one.entry).digest()
        chain = hashlib.sha256(chain + expected).digest()
        assert (entry, leaf, link) == (one.entry, expected, chain)


def test_the_first_chain_value_binds_the_journal_to_its_owner(tmp_path: Path) -> None:
    heads = set()
    for site, edge, salt in (("a", "b", 1), ("a", "c", 1), ("b", "b", 1), ("a", "b", 2)):
        with closing(
            Journal.open(
                tmp_path / f"{site}{edge}{salt}",
                site=site,
                edge=edge,
                entropy=lambda n, salt=salt: bytes([salt]) * n,  # type: ignore[misc]
                utc_us=0,
            )
        ) as journal:
            heads.add(journal.head)
            assert journal.incarnation == f"{salt:02x}" * 8
    assert len(heads) == 4


def test_files_are_for_the_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "journal"
    with closing(open_journal(folder)) as journal:
        journal.append(records(1, 5))
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert modes == {
        "lock": 0o600,
        "segment-000001.db": 0o600,
        "segment-000001.db-wal": 0o600,
    }


def test_a_folder_open_to_others_is_closed_to_them(tmp_path: Path) -> None:
    (tmp_path / "j").mkdir(mode=0o755)
    with closing(open_journal(tmp_path / "j")):
        assert stat.S_IMODE((tmp_path / "j").stat().st_mode) == 0o700


def test_the_file_says_what_it_is_and_the_connection_is_careful(tmp_path: Path) -> None:
    with closing(open_journal(tmp_path / "j")) as journal:
        said = {
            name: journal.connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in (
                "application_id",
                "user_version",
                "journal_mode",
                "locking_mode",
                "synchronous",
                "wal_autocheckpoint",
                "trusted_schema",
                "cell_size_check",
                "secure_delete",
            )
        }
        strict = journal.connection.execute(
            "SELECT min(strict) FROM pragma_table_list WHERE schema = 'main'"
            " AND name NOT LIKE 'sqlite_%'"
        ).fetchone()
    assert said == {
        "application_id": 0x53504A4C,
        "user_version": 3,
        "journal_mode": "wal",
        "locking_mode": "exclusive",
        "synchronous": 2,
        "wal_autocheckpoint": 200,
        "trusted_schema": 0,
        "cell_size_check": 1,
        "secure_delete": 1,
    }
    assert strict == (1,)


def test_what_was_appended_is_read_in_order_with_its_personal_values(tmp_path: Path) -> None:
    made = fill(tmp_path / "j", 25)
    with closing(open_journal(tmp_path / "j")) as journal:
        assert journal.last_seq == 25
        assert read_all(journal) == made
        assert journal.head == journal.read(25, 1, 1)[0].chain
        assert journal.read(26, 10, 10) == []


def test_a_read_keeps_to_its_limits_and_gives_at_least_one(tmp_path: Path) -> None:
    made = fill(tmp_path / "j", 25)
    with closing(open_journal(tmp_path / "j")) as journal:
        assert [one.seq for one in journal.read(4, 3, 1_000_000)] == [4, 5, 6]
        assert [one.seq for one in journal.read(4, 3, 1)] == [4]
        two = len(made[3].entry) + len(made[4].entry)
        assert [one.seq for one in journal.read(4, 9, two)] == [4, 5]
        assert [one.seq for one in journal.read(4, 9, two - 1)] == [4]


@pytest.mark.parametrize(
    "wrong",
    [
        record(7),
        record(5),
        Record(6, record(7).entry),
        Record(7, record(6).entry),
        record(6, incarnation="ff" * 8),
        record(6, site="geneva"),
        record(6, edge="south"),
        Record(6, b"{}"),
        Record(6, b"\xff"),
        Record(6, record(6, reason="x" * 300).entry + b" " * 70_000),
        Record(6, record(6).entry, (Personal("badge", "x", "00"),)),
        Record(6, record(6).entry, (Personal("badge", "\ud800", "00" * 16),)),
        Record(6, record(6).entry, (Personal("badge", "x", "00" * 16),) * 2),
    ],
)
def test_what_does_not_continue_the_journal_is_refused_whole(tmp_path: Path, wrong: Record) -> None:
    made = fill(tmp_path / "j", 4)
    with closing(open_journal(tmp_path / "j")) as journal:
        with pytest.raises(RecordRefused):
            journal.append([record(5), wrong])
        assert read_all(journal) == made
        journal.append([record(5), record(6)])
        assert journal.last_seq == 6


def test_an_acknowledgement_of_what_was_never_given_out_is_refused(tmp_path: Path) -> None:
    fill(tmp_path / "j", 9)
    with closing(open_journal(tmp_path / "j")) as journal:
        journal.set_acked(7, incarnation=INCARNATION)
        for seq, incarnation in ((10, INCARNATION), (-1, INCARNATION), (8, "ff" * 8)):
            with pytest.raises(AckRefused):
                journal.set_acked(seq, incarnation=incarnation)
        journal.set_acked(3, incarnation=INCARNATION)
        assert journal.acked == 7
    with closing(open_journal(tmp_path / "j")) as journal:
        assert journal.acked == 7


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE entry SET entry = cast(replace(entry, 'done', 'dune') AS BLOB) WHERE seq = 4",
        "DELETE FROM entry WHERE seq = 4",
        "UPDATE entry SET leaf = zeroblob(32) WHERE seq = 4",
        "UPDATE entry SET chain = zeroblob(32) WHERE seq = 4",
    ],
)
def test_a_checked_read_never_gives_what_was_changed(tmp_path: Path, change: str) -> None:
    fill(tmp_path / "j", 9)
    with by_hand(tmp_path / "j") as raw:
        raw.execute(change)
    with closing(open_journal(tmp_path / "j")) as journal:
        assert len(journal.read(1, 3, 10_000)) == 3
        for first in (2, 4):
            with pytest.raises(JournalDamaged, match="entry 4"):
                journal.read(first, 9, 10_000)
        assert len(journal.read(2, 9, 10_000, checked=False)) in {7, 8}


def test_the_newest_snapshot_is_given_and_three_are_kept(tmp_path: Path) -> None:
    with closing(open_journal(tmp_path / "j")) as journal:
        assert journal.newest_snapshot() is None
        journal.put_snapshot(0, b"empty", 1)
        journal.append(records(1, 9))
        for seq in range(1, 6):
            journal.put_snapshot(seq, b"state %d" % seq, 10 + seq)
    with closing(open_journal(tmp_path / "j")) as journal:
        newest = journal.newest_snapshot()
        assert newest is not None
        assert (newest.seq, newest.made_utc_us, newest.state) == (5, 15, b"state 5")
        kept = journal.connection.execute("SELECT seq FROM snapshot").fetchall()
        assert kept == [(3,), (4,), (5,)]
        with pytest.raises(RecordRefused):
            journal.put_snapshot(10, b"ahead of its entries", 1)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE snapshot SET state = cast('stale 5' AS BLOB) WHERE seq = 5",
        "UPDATE snapshot SET digest = zeroblob(32) WHERE seq = 5",
        "UPDATE snapshot SET seq = 6 WHERE seq = 5",
        "UPDATE entry SET chain = zeroblob(32) WHERE seq = 5",
        "DELETE FROM entry WHERE seq = 5",
    ],
)
def test_a_snapshot_that_does_not_verify_is_passed_over_for_an_older_one(
    tmp_path: Path, change: str
) -> None:
    with closing(open_journal(tmp_path / "j")) as journal:
        journal.append(records(1, 9))
        journal.put_snapshot(3, b"state 3", 1)
        journal.put_snapshot(5, b"state 5", 1)
    with by_hand(tmp_path / "j") as raw:
        raw.execute(change)
    with closing(open_journal(tmp_path / "j")) as journal:
        newest = journal.newest_snapshot()
        assert newest is not None
        assert (newest.seq, newest.state) == (3, b"state 3")


def test_closing_folds_the_log_into_the_segment(tmp_path: Path) -> None:
    fill(tmp_path / "j", 9)
    assert sorted(path.name for path in (tmp_path / "j").iterdir()) == [
        "lock",
        "segment-000001.db",
    ]
    with closing(open_journal(tmp_path / "j")) as journal:
        journal.close()
        journal.close()
        with pytest.raises(JournalClosed):
            journal.append([record(10)])


def test_an_erased_value_leaves_no_bytes_in_the_file(tmp_path: Path) -> None:
    with closing(open_journal(tmp_path / "j")) as journal:
        journal.append([record(1, person="Zdenka Uniquename"), *records(2, 50)])
        journal.connection.execute("DELETE FROM personal WHERE seq = 1")
    assert b"Zdenka" not in segment(tmp_path / "j").read_bytes()
    with closing(open_journal(tmp_path / "j")) as journal:
        assert journal.read(1, 1, 1)[0].personal == ()
        assert (journal.site, journal.edge) == (SITE, EDGE)
