"""The archive: once, byte for byte, first bytes first."""

import msgspec
import pytest

from central.archive import FORKS_KEPT_MAX, BatchRefusedError, ForkError
from central.archive_sql import SqlArchive
from controller import ledger
from edge import wire
from tests.central.rig import EDGE, NAME, SITE, record
from tests.central.stores import Store

INCARNATION = "00112233445566aa"
OTHER = "ffffffffffffffff"


def batch(
    first: int, last: int, *, incarnation: str = INCARNATION, edge: str = EDGE, reason: str = "r"
) -> wire.Batch:
    records = [record(incarnation, seq, edge=edge, reason=reason) for seq in range(first, last + 1)]
    return wire.Batch(
        incarnation=incarnation,
        first=first,
        entries=tuple(
            wire.SentEntry(entry=one.entry.decode(), personal=one.personal) for one in records
        ),
    )


def chain(
    last: int, *, incarnation: str = INCARNATION, edge: str = EDGE, reason: str = "r"
) -> bytes:
    value = ledger.origin(SITE, edge, incarnation)
    for seq in range(1, last + 1):
        entry = record(incarnation, seq, edge=edge, reason=reason).entry
        value = ledger.link(value, ledger.leaf(entry))
    return value


def seqs(archive: SqlArchive, edge: str = EDGE, incarnation: str = INCARNATION) -> list[int]:
    return [row.entry.seq for row in archive.entries(SITE, edge, incarnation)]


def test_a_batch_sent_again_is_stored_once(archive: SqlArchive) -> None:
    first = archive.store(SITE, EDGE, batch(1, 30))
    assert [new.entry.seq for new in first.new] == list(range(1, 31))
    again = archive.store(SITE, EDGE, batch(1, 30))
    assert again.new == ()
    overlapping = archive.store(SITE, EDGE, batch(20, 40))
    assert [new.entry.seq for new in overlapping.new] == list(range(31, 41))
    assert (overlapping.mark.seq, overlapping.mark.chain) == (40, chain(40))
    assert seqs(archive) == list(range(1, 41))


def test_the_mark_stays_before_a_gap_and_jumps_when_it_is_filled(archive: SqlArchive) -> None:
    assert archive.store(SITE, EDGE, batch(11, 20)).mark == archive.mark(SITE, EDGE, INCARNATION)
    mark = archive.mark(SITE, EDGE, INCARNATION)
    assert (mark.seq, mark.chain, mark.gap) == (0, chain(0), True)
    mark = archive.store(SITE, EDGE, batch(1, 5)).mark
    assert (mark.seq, mark.chain, mark.gap) == (5, chain(5), True)
    mark = archive.store(SITE, EDGE, batch(6, 10)).mark
    assert (mark.seq, mark.chain, mark.gap) == (20, chain(20), False)


def test_journals_do_not_meet(archive: SqlArchive) -> None:
    archive.store(SITE, EDGE, batch(1, 3))
    archive.store(SITE, "gate-2", batch(1, 5, edge="gate-2"))
    archive.store(SITE, EDGE, batch(1, 7, incarnation=OTHER))
    assert archive.mark(SITE, EDGE, INCARNATION).seq == 3
    assert archive.mark(SITE, "gate-2", INCARNATION).seq == 5
    assert archive.mark(SITE, EDGE, OTHER).seq == 7
    assert archive.mark("elsewhere", EDGE, OTHER).seq == 0
    assert archive.mark(SITE, EDGE, OTHER).chain == chain(7, incarnation=OTHER)


def test_other_bytes_under_a_stored_number_are_a_fork(archive: SqlArchive, store: Store) -> None:
    archive.store(SITE, EDGE, batch(1, 10))
    for _ in range(2):
        with pytest.raises(ForkError, match="entry 5 "):
            archive.store(SITE, EDGE, batch(5, 15, reason="another truth"))
    assert seqs(archive) == list(range(1, 11)), "nothing of the batch was stored"
    assert archive.mark(SITE, EDGE, INCARNATION).chain == chain(10)
    kept = store.rows("SELECT seq, data FROM fork")
    assert kept == [(5, record(INCARNATION, 5, reason="another truth").entry)]


def test_evidence_of_forks_does_not_fill_the_disk(archive: SqlArchive, store: Store) -> None:
    archive.store(SITE, EDGE, batch(1, 1))
    for number in range(FORKS_KEPT_MAX + 5):
        with pytest.raises(ForkError):
            archive.store(SITE, EDGE, batch(1, 1, reason=f"truth {number}"))
    assert store.rows("SELECT count(*) FROM fork") == [(FORKS_KEPT_MAX,)]


@pytest.mark.parametrize(
    "wrong",
    [
        (SITE, "gate-2", batch(1, 3)),
        ("elsewhere", EDGE, batch(1, 3)),
        (SITE, EDGE, msgspec.structs.replace(batch(1, 3), incarnation=OTHER)),
        (SITE, EDGE, msgspec.structs.replace(batch(1, 3), first=2)),
        (SITE, EDGE, msgspec.structs.replace(batch(1, 3), entries=batch(1, 3).entries[::-1])),
        (SITE, EDGE, msgspec.structs.replace(batch(1, 1), entries=(wire.SentEntry(entry="{}"),))),
        (SITE, EDGE, msgspec.structs.replace(batch(1, 1), entries=(wire.SentEntry(entry="\x00"),))),
    ],
)
def test_an_entry_that_is_not_what_the_topic_says_is_refused(
    archive: SqlArchive, wrong: tuple[str, str, wire.Batch]
) -> None:
    with pytest.raises(BatchRefusedError):
        archive.store(*wrong)
    assert archive.mark(*wrong[:2], wrong[2].incarnation).seq == 0


def test_an_unknown_kind_and_unknown_fields_are_kept(archive: SqlArchive) -> None:
    known = record(INCARNATION, 1).entry
    entry = known.replace(b"badge-ignored", b"from-the-future").replace(b'{"', b'{"new":[1],"', 1)
    sent = wire.Batch(
        incarnation=INCARNATION, first=1, entries=(wire.SentEntry(entry=entry.decode()),)
    )
    assert archive.store(SITE, EDGE, sent).mark.seq == 1
    assert [row.data for row in archive.entries(SITE, EDGE, INCARNATION)] == [entry]


def test_a_personal_value_is_kept_only_where_its_entry_commits_to_it(
    archive: SqlArchive,
) -> None:
    sent = batch(10, 11)
    liar = ledger.Personal(field="person", value="Somebody Else", salt="0" * 32)
    decision, ignored = sent.entries
    forged = msgspec.structs.replace(
        sent,
        entries=(
            msgspec.structs.replace(decision, personal=(*decision.personal, liar)),
            msgspec.structs.replace(ignored, personal=(liar,)),
        ),
    )
    receipt = archive.store(SITE, EDGE, forged)
    assert receipt.unproven == 2
    rows = list(archive.entries(SITE, EDGE, INCARNATION))
    assert [[p.value for p in row.personal] for row in rows] == [[NAME], []]


def test_what_was_erased_does_not_come_back_with_a_batch_sent_again(
    archive: SqlArchive, store: Store
) -> None:
    archive.store(SITE, EDGE, batch(1, 10))
    store.change("DELETE FROM personal")
    archive.store(SITE, EDGE, batch(1, 12))
    assert not any(row.personal for row in archive.entries(SITE, EDGE, INCARNATION))
    assert archive.mark(SITE, EDGE, INCARNATION).chain == chain(12), "and the log still verifies"


def test_it_is_the_same_archive_after_a_restart(store: Store) -> None:
    first = store.open()
    first.store(SITE, EDGE, batch(1, 10))
    own = first.id
    first.close()
    second = store.open()
    assert second.id == own
    assert second.mark(SITE, EDGE, INCARNATION).seq == 10
    second.close()


def test_a_new_archive_draws_its_id_once(store: Store) -> None:
    first = store.open(lambda count: bytes(range(count)))
    assert first.id == "0001020304050607"
    first.close()
    second = store.open(bytes)
    assert second.id == first.id
    second.close()


def test_a_gap_of_many_entries_is_closed_at_once(archive: SqlArchive) -> None:
    for first in range(101, 1701, 400):
        assert archive.store(SITE, EDGE, batch(first, first + 399)).mark.seq == 0
    mark = archive.store(SITE, EDGE, batch(1, 100)).mark
    assert (mark.seq, mark.chain, mark.gap) == (1700, chain(1700), False)
    assert seqs(archive) == list(range(1, 1701))


def test_what_no_store_can_hold_is_left_out_and_holds_nothing_up(archive: SqlArchive) -> None:
    """A zero in a value, a time at the end of the calendar, a name of a portal that is none."""
    strange = ledger.Personal(field="badge", value="a\x00b", salt="0" * 32)
    kinds = msgspec.json.encode({"portal": "p\x00q", "badge": ledger.commitment(strange)})
    entry = record(INCARNATION, 1).entry
    head = entry[: entry.index(b'"body":')]
    entry = head.replace(b"1800000000000001", b"9007199254740991") + b'"body":' + kinds + b"}"
    sent = wire.SentEntry(entry=entry.decode(), personal=(strange,))
    receipt = archive.store(
        SITE, EDGE, wire.Batch(incarnation=INCARNATION, first=1, entries=(sent,))
    )
    assert (receipt.mark.seq, receipt.unproven) == (1, 1)
    assert [(row.data, row.personal) for row in archive.entries(SITE, EDGE, INCARNATION)] == [
        (entry, ())
    ]
