"""Locks that let go lock again, and the archive is the journal: what is lawful, and what is not."""

from collections.abc import Iterator

import pytest

from central.archive import Archived
from controller.events import Event, Header, JournalUnsound, decode_entry, encode, kind_of
from edge.journal import Record
from simulators.virtual.records_rules import Ledger
from simulators.virtual.rule import Violation
from simulators.virtual.rules_locks import LocksAgain
from simulators.virtual.rules_posture import PostureForbidsEntry
from simulators.virtual.seen import What
from tests.virtual.disks import made
from tests.virtual.stories import broken, story

STILL_OPEN = "still stands open"


def test_a_strike_ends() -> None:
    told = story(LocksAgain)
    told.grants(100.0, "staff", "entry", "office-0")
    told.releases(100.1, "office-0")
    told.secures(104.1, "office-0")
    told.passes_time(200.0)
    told.grants(300.0, "staff", "entry", "office-0")
    told.releases(300.1, "office-0")
    with broken(STILL_OPEN):
        told.passes_time(330.0)


def test_a_lease_lasts_for_so_long_as_it_is_renewed() -> None:
    told = story(LocksAgain)
    for at_s in (100.0, 110.0, 120.0):
        told.leases(at_s, "front")
        told.releases(at_s + 0.1, "front")
    told.passes_time(150.0)
    with broken(STILL_OPEN):
        told.passes_time(180.0)


def test_what_fire_frees_is_locked_after_the_reset() -> None:
    told = story(LocksAgain)
    told.latches(100.0)
    told.frees(100.0, "archive-0")
    told.releases(100.1, "archive-0")
    told.passes_time(900.0)
    told.resets(901.0)
    told.ends_free(901.0, "archive-0")
    told.passes_time(902.0)
    with broken(STILL_OPEN):
        told.passes_time(960.0)


def test_who_overrides_a_posture_may_stand_in_the_door() -> None:
    told = story(PostureForbidsEntry)
    told.see(100.0, What.FIRE, "main")
    told.latches(100.2)
    told.presents(100.3, "guard", "entry", "office-0")
    told.grants(100.4, "guard", "entry", "office-0")
    told.releases(100.5, "office-0")
    told.passes_time(108.0)


# --- records-last ---------------------------------------------------------------------------------

RECORDS = made(1, 4)


def ledger_of(*datas: bytes) -> Ledger:
    ledger = Ledger()
    list(ledger.durable(1.0, list(enumerate(datas, 1)), lambda _first, _last: ()))
    return ledger


def archive_of(*records: Record) -> Iterator[Archived]:
    for one in records:
        yield Archived(entry=decode_entry(one.entry), data=one.entry, personal=one.personal)


def test_the_archive_is_the_journal() -> None:
    ledger = ledger_of(*(one.entry for one in RECORDS))
    personal = sum(len(one.personal) for one in RECORDS)
    ledger.same_archive(2.0, archive_of(*RECORDS), personal)
    with pytest.raises(Violation, match="holds 3 of 4 entries"):
        ledger.same_archive(2.0, archive_of(*RECORDS[:3]), personal - len(RECORDS[3].personal))
    with pytest.raises(Violation, match="entry 1 is not 2"):
        ledger.same_archive(2.0, archive_of(RECORDS[0], *RECORDS), personal)
    bare = Record(seq=4, entry=RECORDS[3].entry, personal=())
    with pytest.raises(Violation, match=f"of {personal} personal values"):
        ledger.same_archive(2.0, archive_of(*RECORDS[:3], bare), personal)


def test_what_is_durable_does_not_change_and_has_no_gap() -> None:
    ledger = ledger_of(*(one.entry for one in RECORDS[:2]))
    with pytest.raises(Violation, match="entry 2 was stored and now has other bytes"):
        list(ledger.durable(2.0, [(2, RECORDS[2].entry)], lambda _first, _last: ()))
    with pytest.raises(Violation, match="entry 4 follows 2"):
        list(ledger.durable(2.0, [(4, RECORDS[3].entry)], lambda _first, _last: ()))


def test_no_edge_finds_its_own_journal_unsound() -> None:
    body = JournalUnsound(findings=1, entry=1, what="the chain breaks here")
    header = decode_entry(RECORDS[1].entry)
    fields = {name: getattr(header, name) for name in Header.__struct_fields__}
    fields["kind"] = kind_of(JournalUnsound)
    told = encode(Event(header=Header(**fields), body=body))
    ledger = ledger_of(RECORDS[0].entry)
    with pytest.raises(Violation, match="found unsound, 1: the chain breaks here"):
        list(ledger.durable(2.0, [(2, told)], lambda _first, _last: ()))


def test_nothing_is_said_to_be_durable_that_is_not() -> None:
    ledger = ledger_of(RECORDS[0].entry)
    ledger.acknowledged(2.0, RECORDS[:1])
    with pytest.raises(Violation, match="entry 2 is said to be durable and is not"):
        ledger.acknowledged(2.0, RECORDS[:2])
