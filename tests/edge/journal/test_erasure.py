"""Whose a value beside the journal is, and that finding and removing many holds nobody up."""

import asyncio
import tracemalloc
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest
from msgspec.structs import replace

from controller import events as ev
from controller.erasures import in_parts
from controller.events import Body, Event, Header, encode, kind_of
from controller.events_people import ErasedValues, PersonErased
from controller.events_visits import DeliveryTaken
from controller.ids import HolderId, ReaderId
from controller.ledger import Personal, commitment
from edge.erasing import carried_out
from edge.journal import JournalWriter, Record
from edge.journal.erasure import Known, Recorded, Search
from tests.edge.journal.support import EDGE, INCARNATION, SITE, entropy, open_journal, segment
from tests.golden.examples import EXAMPLES

ANN, BOB = HolderId("1" * 16), HolderId("2" * 16)
NAME = "Ann Example"
OWN, FORMER, PASSED_ON = "aa" * 32, "bb" * 32, "cc" * 32
KNOWN = Known(holder=ANN, name=NAME, badges=frozenset({OWN}), others_badges=frozenset({PASSED_ON}))

_salts = count(1)


def value(field: str, text: str, holder: str | None = None) -> Personal:
    """With a salt that begins with the id of whom it is about, so that it is found in a file."""
    return Personal(field, text, f"{holder or '0' * 16}{next(_salts):016x}")


def entry(seq: int, body: Body, *personal: Personal) -> Record:
    header = Header(
        site=SITE,
        edge=EDGE,
        incarnation=INCARNATION,
        seq=seq,
        kind=kind_of(type(body)),
        utc_us=seq,
        mono_us=seq,
        clock_trusted=True,
        cause="test",
        policy="p1",
    )
    return Record(seq, encode(Event(header=header, body=body)), personal)


def decision(seq: int, holder: HolderId | None, badge: str, name: str = NAME) -> Record:
    """A badge at a door, of somebody or of nobody known."""
    person, ref = value("person", name, holder), value("badge", badge, holder)
    body = EXAMPLES["decision-made"]
    assert isinstance(body, ev.DecisionMade)
    assert body.request.holder is not None
    who = None if holder is None else replace(body.request.holder, id=holder)
    made = replace(
        body,
        request=replace(body.request, holder=who),
        person=commitment(person) if holder else None,
        badge=commitment(ref),
    )
    return entry(seq, made, *([person] if holder else []), ref)


def ignored(seq: int, badge: str) -> Record:
    ref = value("badge", badge)
    body = ev.BadgeIgnored(reader=ReaderId("r"), reason="early", badge=commitment(ref))
    return entry(seq, body, ref)


def consent(seq: int, holder: HolderId, signers: str, operator: str) -> Record:
    values = (
        value("signed_by", signers),
        value("reason", "a burst pipe"),
        value("operator", operator),
    )
    body = EXAMPLES["consent-given"]
    assert isinstance(body, ev.ConsentGiven)
    signed_by, reason, by = map(commitment, values)
    made = replace(body, holder=holder, signed_by=signed_by, reason=reason, operator=by)
    return entry(seq, made, *values)


def found(folder: Path, *records: Record) -> list[tuple[int, str]]:
    with closing(open_journal(folder)) as journal:
        journal.append(records)
        search = Search(KNOWN, 1, len(records))
        while not search.step(journal.segments):
            pass
        told = [
            (seq, field)
            for one in search.values
            for field in one.fields
            for first, last in one.entries
            for seq in range(first, last + 1)
        ]
        assert search.count == len(told)
        return sorted(told)


def test_his_are_the_values_beside_decisions_about_him(tmp_path: Path) -> None:
    told = found(tmp_path, decision(1, ANN, OWN), decision(2, BOB, "dd" * 32, "Bob"))
    assert told == [(1, "badge"), (1, "person")]


def test_a_namesake_is_somebody_else(tmp_path: Path) -> None:
    assert found(tmp_path, decision(1, BOB, "dd" * 32, NAME)) == []


def test_a_badge_of_his_is_his_where_no_entry_names_anybody(tmp_path: Path) -> None:
    records = (ignored(1, OWN), decision(2, None, OWN), ignored(3, "dd" * 32))
    assert found(tmp_path, *records) == [(1, "badge"), (2, "badge")]


def test_a_badge_that_he_had_once_is_known_by_the_decisions_about_him(tmp_path: Path) -> None:
    records = (ignored(1, FORMER), decision(2, ANN, FORMER), ignored(3, FORMER))
    assert found(tmp_path, *records) == [(1, "badge"), (2, "badge"), (2, "person"), (3, "badge")]


def test_a_badge_that_is_another_persons_by_now_is_his_where_he_is_named(tmp_path: Path) -> None:
    records = (decision(1, ANN, PASSED_ON), ignored(2, PASSED_ON), decision(3, BOB, PASSED_ON))
    assert found(tmp_path, *records) == [(1, "badge"), (1, "person")]


def test_of_a_consent_to_his_entry_the_reason_is_his_and_the_signers_are_not(
    tmp_path: Path,
) -> None:
    records = (consent(1, ANN, "Her Excellency", "smith"), consent(2, BOB, "Her Excellency", "s"))
    assert found(tmp_path, *records) == [(1, "reason")]


def vouched(seq: int, holder: HolderId) -> Record:
    reason, by = value("reason", "Ann left her badge at home"), value("operator", "smith")
    body = EXAMPLES["guard-vouched"]
    assert isinstance(body, ev.GuardVouched)
    said, who = commitment(reason), commitment(by)
    return entry(seq, replace(body, holder=holder, reason=said, operator=who), reason, by)


def compared(seq: int, holder: HolderId) -> Record:
    reason, by = value("reason", "Ann has cut her hair"), value("operator", "smith")
    body = EXAMPLES["factor-answered"]
    assert isinstance(body, ev.FactorAnswered)
    after, said, who = replace(body.after, holder=holder), commitment(reason), commitment(by)
    return entry(seq, replace(body, after=after, reason=said, operator=who), reason, by)


def delivery(seq: int, recipient: HolderId, bearer: HolderId) -> Record:
    values = (
        value("company", "Swift Wheels", bearer),
        value("vehicle", "W-1234 X", bearer),
        value("contents", "a wheelchair", recipient),
        value("operator", "smith"),
    )
    body = EXAMPLES["delivery-taken"]
    assert isinstance(body, DeliveryTaken)
    company, vehicle, contents, by = map(commitment, values)
    made = replace(
        body,
        recipient=recipient,
        bearer=bearer,
        company=company,
        vehicle=vehicle,
        contents=contents,
        operator=by,
    )
    return entry(seq, made, *values)


def test_what_a_guard_said_of_him_is_his_and_what_he_said_of_others_is_theirs(
    tmp_path: Path,
) -> None:
    records = (vouched(1, ANN), vouched(2, BOB), compared(3, ANN), compared(4, BOB))
    assert found(tmp_path, *records) == [(1, "reason"), (3, "reason")]


def test_of_a_delivery_to_him_what_it_was_is_his_and_of_one_by_him_who_brought_it(
    tmp_path: Path,
) -> None:
    records = (delivery(1, ANN, BOB), delivery(2, BOB, ANN))
    assert found(tmp_path, *records) == [(1, "contents"), (2, "company"), (2, "vehicle")]


def test_where_he_signed_or_operated_his_name_goes(tmp_path: Path) -> None:
    records = (
        consent(1, BOB, f"Her Excellency, {NAME}", "smith"),
        consent(2, BOB, "Her Excellency", NAME),
        consent(3, BOB, f"{NAME}-Brown", f"not {NAME}"),
    )
    assert found(tmp_path, *records) == [(1, "signed_by"), (2, "operator")]


# --- many -----------------------------------------------------------------------------------------

MANY = 10_000


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every second entry of 20,000 is about her."""
    folder = tmp_path_factory.mktemp("full")
    with closing(open_journal(folder)) as journal:
        for first in range(1, 2 * MANY, 1_000):
            some = range(first, first + 1_000)
            journal.append(
                [decision(seq, ANN if seq % 2 else BOB, f"{seq % 2:064x}") for seq in some]
            )
    return folder


def test_ten_thousand_entries_are_found_and_emptied_between_appends(full: Path) -> None:
    """An append waits for one step at most, and memory for what was found alone."""

    async def run() -> None:
        writer = await JournalWriter.open(
            full, site=SITE, edge=EDGE, entropy=entropy, utc_us=1_700_000_000_000_000
        )
        search = Search(replace(KNOWN, badges=frozenset({f"{1:064x}"})), 1, writer.last_seq)
        assert bytes.fromhex(ANN) in segment(full).read_bytes()
        tracemalloc.start()
        searching = asyncio.create_task(writer.search(search))
        assert await appended(writer, searching) >= 3
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 32 * 1024 * 1024, f"{peak} bytes; the journal has more"
        assert (search.entries, search.count) == (MANY, 2 * MANY)
        parts = list(in_parts(search.values))
        assert len(parts) == 7
        recorded = [Recorded(1, erased(search.last, part)) for part in parts]
        removing = asyncio.create_task(carried_out(writer, recorded, 1))
        assert await appended(writer, removing) >= 3
        assert await writer.erased_up_to() == 1
        report = await writer.verify()
        assert (report.findings, report.personal) == ((), 2 * MANY)
        raw = b"".join(path.read_bytes() for path in full.iterdir())
        assert bytes.fromhex(ANN) not in raw, "no salt of hers is left"
        assert raw.count(bytes.fromhex(BOB)) >= 2 * MANY
        await writer.close()

    asyncio.run(run())


def erased(searched: int, values: tuple[ErasedValues, ...]) -> PersonErased:
    return PersonErased(holder=ANN, reason="r", operator="0" * 64, searched=searched, values=values)


async def appended(writer: JournalWriter, meanwhile: "asyncio.Task[None]") -> int:
    """How many appends, one after the other, were durable before it was done."""
    done = 0
    while True:
        stopping = ev.EdgeStopping(reason="between")
        await writer.append([entry(writer.last_seq + 1, stopping)])
        if meanwhile.done():
            await meanwhile
            return done
        done += 1


def test_what_came_after_the_search_goes_as_well(tmp_path: Path) -> None:
    async def run() -> None:
        writer = await JournalWriter.open(
            tmp_path, site=SITE, edge=EDGE, entropy=entropy, utc_us=1_700_000_000_000_000
        )
        await writer.append([decision(1, ANN, OWN)])
        search = Search(KNOWN, 1, writer.last_seq)
        await writer.search(search)
        await writer.append([decision(2, ANN, OWN), decision(3, BOB, "dd" * 32, "Bob")])
        await carried_out(writer, [Recorded(4, erased(search.last, search.values))], 3)
        stored = await writer.read(1, 10, 1 << 20)
        assert [bool(one.personal) for one in stored] == [False, False, True]
        await carried_out(writer, [Recorded(4, erased(search.last, search.values))], 3)
        assert [one.personal for one in await writer.read(1, 10, 1 << 20)] == [
            one.personal for one in stored
        ], "done again without harm"
        await writer.close()

    asyncio.run(run())
