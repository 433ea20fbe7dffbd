"""What was said of the journal's size is proved together with its entries."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from controller.checkpoint import Checkpoint, log_name
from controller.ledger import leaf, link
from controller.merkle import Frontier
from edge.journal import Cosigned, JournalWriter, Report, Signers, verify_folder
from edge.journal.checkpoints import note_cosigned, take
from edge.journal.verify import Verification
from edge.notes import Algorithm, NoteKey, cosignature, signed
from edge.signatures import SigningKey
from tests.edge.journal.support import (
    EDGE,
    INCARNATION,
    SITE,
    by_hand,
    entropy,
    open_journal,
    record,
    records,
)

LOG = SigningKey(Ed25519PrivateKey.from_private_bytes(b"\1" * 32))
OTHER = SigningKey(Ed25519PrivateKey.from_private_bytes(b"\2" * 32))
CENTRAL = SigningKey(Ed25519PrivateKey.from_private_bytes(b"\3" * 32))
WITNESS = NoteKey("central", CENTRAL.public, Algorithm.WITNESS)
NAME = log_name(SITE, EDGE, INCARNATION)
SIGNERS = Signers(LOG.public, WITNESS)
UTC_US = 1_700_000_000_000_000
UTC_S = 1_700_000_000


def note(tree: Frontier, *, key: SigningKey = LOG, name: str = NAME) -> str:
    return signed(Checkpoint(name, tree.size, tree.root).text, name, key)


def said(folder: Path, *sizes: int, cosigned: int = 0) -> None:
    """A closed journal that said its size at each of `sizes`, and was cosigned at one."""
    with closing(open_journal(folder)) as journal:
        for size in sizes:
            journal.append(records(journal.last_seq + 1, size))
            kept = take(journal, note, UTC_US)
            if size == cosigned:
                text = kept.note.rpartition("\n\n")[0] + "\n"
                note_cosigned(
                    journal, size, kept.note + cosignature(text, "central", CENTRAL, UTC_S)
                )


def verified(folder: Path, signers: Signers = SIGNERS) -> Report:
    return verify_folder(folder, signers=signers)


def found(folder: Path, signers: Signers = SIGNERS) -> list[tuple[int, str]]:
    return [(one.seq, one.what) for one in verified(folder, signers).findings]


def test_checkpoints_that_hold_are_counted_and_the_newest_cosigned_is_named(tmp_path: Path) -> None:
    said(tmp_path, 0, 1, 6, 7, 30, cosigned=7)
    report = verified(tmp_path)
    assert report.findings == ()
    assert report.checkpoints.kept == 5
    assert report.checkpoints.cosigned == Cosigned(size=7, utc_s=UTC_S)
    assert report.checkpoints.key == NoteKey(NAME, LOG.public, Algorithm.LOG).text
    assert report.checkpoints.witness == WITNESS.text


def test_without_keys_roots_are_proved_and_the_report_names_no_key(tmp_path: Path) -> None:
    said(tmp_path, 4, 9, cosigned=9)
    report = verified(tmp_path, Signers())
    assert report.sound
    assert (report.checkpoints.kept, report.checkpoints.cosigned) == (2, None)
    assert (report.checkpoints.key, report.checkpoints.witness) == ("", "")


def rewritten(raw: sqlite3.Connection) -> None:
    """Entry 5 made anew, with every hash of the chain after it."""
    rows = raw.execute("SELECT seq, entry, chain FROM entry WHERE seq >= 4").fetchall()
    chain = rows[0][2]
    for seq, entry, _ in rows[1:]:
        forged = record(5, reason="nothing happened").entry if seq == 5 else entry
        chain = link(chain, leaf(forged))
        raw.execute(
            "UPDATE entry SET entry = ?, leaf = ?, chain = ? WHERE seq = ?",
            (forged, leaf(forged), chain, seq),
        )


def test_a_history_made_anew_with_its_whole_chain_is_found_by_the_checkpoint(
    tmp_path: Path,
) -> None:
    said(tmp_path, 4, 9, 12)
    with by_hand(tmp_path) as raw:
        rewritten(raw)
    assert found(tmp_path) == [(9, "its checkpoint was made of other entries")], (
        "one edit is one finding"
    )


def test_a_tail_cut_off_is_found_by_a_checkpoint_that_covered_it(tmp_path: Path) -> None:
    said(tmp_path, 4, 12)
    with by_hand(tmp_path) as raw:
        raw.execute("DELETE FROM entry WHERE seq > 8")
        raw.execute("DELETE FROM personal WHERE seq > 8")
    assert found(tmp_path) == [(9, "to 12 are missing: a checkpoint was made of them")]


def test_behind_a_gap_checkpoints_are_proved_from_the_next_one_on(tmp_path: Path) -> None:
    said(tmp_path, 4, 9, 12, 15)
    with by_hand(tmp_path) as raw:
        raw.execute("DELETE FROM entry WHERE seq = 5")
        raw.execute("DELETE FROM personal WHERE seq = 5")
        raw.execute("UPDATE checkpoint SET note = replace(note, '15', '14') WHERE size = 15")
    assert found(tmp_path, Signers()) == [
        (5, "is missing"),
        (15, f"its checkpoint is none: it is about 14 entries of {NAME}"),
    ]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("UPDATE checkpoint SET peaks = zeroblob(64) WHERE size = 9", "the tree beside its"),
        ("UPDATE checkpoint SET peaks = x'' WHERE size = 9", "the tree beside its"),
        ("UPDATE checkpoint SET note = 'nothing' WHERE size = 9", "is none: no signed note"),
        (
            "UPDATE checkpoint SET note = replace(note, 'vienna', 'berlin') WHERE size = 9",
            "is none: it is about 9 entries of sentrypost/berlin/",
        ),
        (
            "UPDATE checkpoint SET note = substr(note, 1, length(note) - 9) || 'AAAAAAA=' ||"
            " char(10) WHERE size = 9",
            "does not fit the text",
        ),
        (
            "UPDATE checkpoint SET cosigned = substr(cosigned, 1, length(cosigned) - 9) ||"
            " 'AAAAAA==' || char(10) WHERE size = 9",
            "the signature of central does not fit the text",
        ),
        (
            "UPDATE checkpoint SET cosigned = note WHERE size = 9",
            "central has not cosigned it",
        ),
        (
            "UPDATE checkpoint SET cosigned = (SELECT note FROM checkpoint WHERE size = 4)"
            " WHERE size = 9",
            "the witness has cosigned something else",
        ),
    ],
)
def test_a_changed_checkpoint_is_found(tmp_path: Path, change: str, what: str) -> None:
    said(tmp_path, 4, 9, cosigned=9)
    with by_hand(tmp_path) as raw:
        raw.execute(change)
    findings = found(tmp_path)
    assert {seq for seq, _ in findings} == {9}
    assert what in findings[0][1]


def test_a_checkpoint_under_another_key_is_found(tmp_path: Path) -> None:
    with closing(open_journal(tmp_path)) as journal:
        journal.append(records(1, 5))
        take(journal, lambda tree: note(tree, key=OTHER), UTC_US)
    assert found(tmp_path) == [(5, f"its checkpoint: {NAME} has not signed it")]
    assert found(tmp_path, Signers(OTHER.public)) == []


def test_a_checkpoint_whose_row_lost_its_types_is_found(tmp_path: Path) -> None:
    """SQLite checks types on writing only: a flipped bit makes numbers of bytes."""
    said(tmp_path, 4)
    table = "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE name = 'checkpoint'"
    for old, new, change in (
        (") STRICT", ")", ""),
        (")", ")", "UPDATE checkpoint SET utc_us = 'soon'"),
        ("cosigned TEXT\n)", "cosigned TEXT\n) STRICT", ""),
    ):
        with by_hand(tmp_path) as raw:
            raw.execute("PRAGMA writable_schema = ON")
            raw.execute(table, (old, new))
            raw.execute(change)
    assert [what for _, what in found(tmp_path)] == ["its checkpoint cannot be read"]


def test_a_running_edge_judges_what_was_said_up_to_the_beginning(tmp_path: Path) -> None:
    async def run() -> Report:
        writer = await JournalWriter.open(
            tmp_path, site=SITE, edge=EDGE, entropy=entropy, utc_us=UTC_US
        )
        await writer.append(records(1, 700))
        await writer.checkpoint(note, UTC_US)
        later: list[asyncio.Task[None]] = []

        async def more() -> None:
            await writer.append(records(701, 710))
            await writer.checkpoint(note, UTC_US)

        report = await writer.verify(
            lambda *_: later or later.append(asyncio.create_task(more())), SIGNERS
        )
        assert later
        await later[0]
        await writer.close()
        return report

    report = asyncio.run(run())
    assert report.findings == ()
    assert (report.entries, report.checkpoints.kept) == (700, 1)


def test_signatures_of_a_running_edge_are_judged_a_few_at_a_time(tmp_path: Path) -> None:
    """Each step stands before the next append."""
    said(tmp_path, *range(1, 41))
    with closing(open_journal(tmp_path)) as journal:
        verification = Verification.of(journal, SIGNERS)
        steps = 1
        while not verification.step(journal.segments, 500):
            steps += 1
        assert verification.report().sound
    assert steps == 1 + 5, "the entries, then eight notes at a time"
