"""What a journal says of its size, and what stays of that."""

import shutil
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from controller.checkpoint import Checkpoint, log_name
from controller.ledger import leaf
from controller.merkle import EMPTY, Frontier, continues
from edge.journal import Journal, verify_folder
from edge.journal.checkpoints import (
    DAY_US,
    KEPT_MAX,
    newest_cosigned,
    note_cosigned,
    proof_since,
    root_at,
    take,
)
from edge.journal.tables import SCHEMA_VERSION
from edge.notes import signed
from edge.signatures import SigningKey
from tests.edge.journal.support import (
    EDGE,
    INCARNATION,
    SITE,
    by_hand,
    fill,
    open_journal,
    records,
    segment,
)
from tests.tidy.repository import ROOT

OLDER = ROOT / "tests" / "golden" / "journals"
DAY_0 = 1_700_000_000_000_000


NAME = log_name(SITE, EDGE, INCARNATION)
KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(b"\1" * 32))


def said(frontier: Frontier) -> str:
    return signed(Checkpoint(NAME, frontier.size, frontier.root).text, NAME, KEY)


def plain_root(count: int) -> bytes:
    return EMPTY.with_leaves(leaf(one.entry) for one in records(1, count)).root


def sizes(journal: Journal) -> list[int]:
    rows = journal.connection.execute("SELECT size FROM checkpoint ORDER BY size").fetchall()
    return [row[0] for row in rows]


def test_the_tree_is_over_the_leaves_and_is_found_again(tmp_path: Path) -> None:
    with closing(open_journal(tmp_path / "j")) as journal:
        assert journal.tree == EMPTY
        for first, last in ((1, 5), (6, 6), (7, 20)):
            journal.append(records(first, last))
            assert journal.tree.root == plain_root(last)
            if last == 6:
                take(journal, said, DAY_0)
    with closing(open_journal(tmp_path / "j")) as journal:
        assert journal.tree.root == plain_root(20)


def test_a_tree_that_was_not_stored_whole_is_grown_anew(tmp_path: Path) -> None:
    with closing(open_journal(tmp_path / "j")) as journal:
        journal.append(records(1, 11))
        take(journal, said, DAY_0)
    with by_hand(tmp_path / "j") as raw:
        raw.execute("UPDATE checkpoint SET peaks = x''")
    with closing(open_journal(tmp_path / "j")) as journal:
        assert journal.tree.root == plain_root(11)


def test_a_checkpoint_says_what_is_durable_and_a_later_one_begins_with_it(tmp_path: Path) -> None:
    with closing(open_journal(tmp_path / "j")) as journal:
        journal.append(records(1, 7))
        first = take(journal, said, DAY_0)
        assert (first.size, first.note) == (7, said(journal.tree))
        journal.append(records(8, 30))
        proof = proof_since(journal, 7, 30)
        assert proof is not None
        assert continues(7, first.frontier.root, 30, journal.tree.root, proof)
        assert root_at(journal, 7) == first.frontier.root
        for beyond in (proof_since(journal, 7, 31), proof_since(journal, 8, 7)):
            assert beyond is None
        assert root_at(journal, 31) is None


def test_a_cosignature_stays_with_its_checkpoint_said_again_or_not(tmp_path: Path) -> None:
    with closing(open_journal(tmp_path / "j")) as journal:
        assert newest_cosigned(journal) is None
        for last in (3, 6):
            journal.append(records(last - 2, last))
            take(journal, said, DAY_0)
        note_cosigned(journal, 3, "seen 3")
        take(journal, said, DAY_0 + 1)
        note_cosigned(journal, 5, "of one that was never made")
        found = newest_cosigned(journal)
        assert found is not None
        assert (found.size, found.cosigned) == (3, "seen 3")
        note_cosigned(journal, 6, "seen 6")
        take(journal, said, DAY_0 + 2)
    with closing(open_journal(tmp_path / "j")) as journal:
        found = newest_cosigned(journal)
        assert found is not None
        assert (found.size, found.cosigned, found.utc_us) == (6, "seen 6", DAY_0 + 2)


def test_of_old_checkpoints_the_last_of_each_day_and_the_newest_cosigned_stay(
    tmp_path: Path,
) -> None:
    with closing(open_journal(tmp_path / "j")) as journal:
        for seq in range(1, 11):
            journal.append(records(seq, seq))
            take(journal, said, DAY_0 + (seq > 5) * DAY_US)
        note_cosigned(journal, 4, "seen 4")
        for seq in range(11, 11 + KEPT_MAX):
            journal.append(records(seq, seq))
            take(journal, said, DAY_0 + 2 * DAY_US)
        assert sizes(journal) == [4, 5, 10, *range(11, 11 + KEPT_MAX)]


@pytest.mark.parametrize("also_verified", [False, True])
@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_a_journal_of_an_older_version_opens_and_none_of_its_rows_changes(
    tmp_path: Path, version: int, also_verified: bool
) -> None:
    folder = tmp_path / "j"
    folder.mkdir()
    shutil.copy(OLDER / f"segment-v{version}.db", segment(folder))
    if also_verified:
        assert verify_folder(folder).sound
    tables = ["entry", "personal", "snapshot", "meta", *["checkpoint"] * (version > 1)]
    with by_hand(folder) as raw:
        before = {t: raw.execute(f"SELECT * FROM {t}").fetchall() for t in tables}
    with closing(open_journal(folder)) as journal:
        assert (journal.last_seq, journal.acked) == ({1: 9, 2: 12}[version], 4)
        assert journal.tree.root == plain_root(journal.last_seq)
    with by_hand(folder) as raw:
        assert raw.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        after = {t: raw.execute(f"SELECT * FROM {t}").fetchall() for t in tables}
    assert after == before
    assert verify_folder(folder).sound


def test_an_entry_that_was_edited_has_another_root(tmp_path: Path) -> None:
    fill(tmp_path / "j", 8)
    with by_hand(tmp_path / "j") as raw:
        raw.execute("UPDATE entry SET leaf = zeroblob(32) WHERE seq = 5")
    with closing(open_journal(tmp_path / "j")) as journal:
        assert journal.tree.root != plain_root(8)
