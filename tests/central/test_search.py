"""Searching the archive: what a reading of every entry finds, page by page, in both stores."""

import random
from contextlib import closing
from itertools import pairwise

import pytest

from central.archive import Archived, ArchiveError
from central.archive_sql import SqlArchive
from central.archives import read_archive
from central.mentions import mentions
from central.search import DAY_US, By, Found, Query
from controller import events as ev
from controller import ledger
from controller.attempt import Attempt
from controller.events import Body, Event, Header, decode_entry, encode, kind_of
from controller.ids import AttemptId, HolderId, PortalId, ReaderId
from controller.portal import Portal
from controller.whereabouts import Moved
from edge import wire
from edge.journal.store import Record
from policies.codes import Code
from policies.facts import CredentialStatus, Decision, Direction, HolderFacts, Request
from tests.central.stores import Store
from tests.central.test_erasures import OPERATOR, erase_all, erasure, plain, sent

START_US = 1_795_000_000_000_000
PEOPLE = {"h1": "Ada Example", "h2": "Ben Sample", "h3": "Ben Sample", "h4": "Cleo"}
PORTALS = ("main-gate", "safe-room", "garage")
JOURNALS = (("vienna", "gate", "aa"), ("vienna", "annex", "bb"), ("geneva", "gate", "cc"))
CODES = (Code.OUT_OF_SCHEDULE, Code.GRANTED)


def decided(chance: random.Random, number: int) -> tuple[Body, tuple[ledger.Personal, ...]]:
    holder = chance.choice(list(PEOPLE))
    person = ledger.Personal("person", PEOPLE[holder], f"{number:032x}")
    portal = chance.choice(PORTALS)
    request = Request(
        portal=portal,
        direction=Direction.ENTRY,
        utc_s=1_795_000_000,
        clock_trusted=True,
        credential=CredentialStatus.ACTIVE,
        holder=HolderFacts(id=holder, version=1, roles=("staff",)),
    )
    code = chance.choice(CODES)
    body = ev.DecisionMade(
        attempt=AttemptId(f"a{number}"),
        reader=ReaderId("r"),
        portal=PortalId(portal),
        direction=Direction.ENTRY,
        policy="f" * 64,
        request=request,
        decision=Decision(granted=code is Code.GRANTED, code=code),
        person=ledger.commitment(person),
    )
    return body, (person,)


def body_of(chance: random.Random, number: int) -> tuple[Body, tuple[ledger.Personal, ...]]:
    portal = PortalId(chance.choice(PORTALS))
    holder = HolderId(chance.choice(list(PEOPLE)))
    match chance.randrange(6):
        case 0 | 1:
            return decided(chance, number)
        case 2:
            moved = Moved(holders=(holder,), people=1, source="a", zone="b", is_outside=False)
            return (
                ev.PassageMade(
                    portal=portal, after=Portal(), attempt=None, direction=None, moved=moved
                ),
                (),
            )
        case 3:
            attempt = Attempt(
                id=AttemptId("a"),
                reader=ReaderId("r"),
                portal=portal,
                direction=Direction.EXIT,
                holder=holder,
                credential=None,
                policy="p",
            )
            return ev.AttemptBegan(after=attempt), ()
        case 4:
            operator = ledger.Personal("operator", "Ada Example", f"{number:032x}")
            return (
                ev.FireReset(fire="f", after=ev.Fire(), operator=ledger.commitment(operator)),
                (operator,),
            )
        case _:
            return ev.PortalForced(portal=portal, after=Portal()), ()


def entries_of(chance: random.Random, count: int) -> dict[tuple[str, str, str], list[Record]]:
    made: dict[tuple[str, str, str], list[Record]] = {}
    for site, edge, head in JOURNALS:
        records = []
        for seq in range(1, count + 1):
            body, personal = body_of(chance, seq)
            header = Header(
                site=site,
                edge=edge,
                incarnation=head * 8,
                seq=seq,
                kind=kind_of(type(body)),
                # Few different moments, so that order among equals is seen as well.
                utc_us=START_US + chance.randrange(40) * DAY_US // 4,
                mono_us=seq,
                clock_trusted=chance.random() < 0.9,
                cause="in",
                drill=chance.random() < 0.1,
                policy="p",
            )
            data = encode(Event(header=header, body=body))
            if chance.random() < 0.1:
                data = data.replace(header.kind.encode(), b"from-the-future", 1)
            records.append(Record(seq, data, personal))
        made[site, edge, head * 8] = records
    return made


def filled(archive: SqlArchive, chance: random.Random, count: int = 60) -> list[Archived]:
    every = []
    for (site, edge, incarnation), records in entries_of(chance, count).items():
        archive.store(site, edge, sent(*records))
        every += list(archive.entries(site, edge, incarnation))
    return every


def naively(every: list[Archived], query: Query) -> list[bytes]:
    """Read one by one, whatever index there is."""
    ids = {holder for holder, name in PEOPLE.items() if name == query.person} | {query.person}

    def fits(one: Archived) -> bool:
        said = {(mention.what, mention.value) for mention in mentions(one.entry)}
        person = any(("holder", holder) in said for holder in ids)
        beside = any(value.value == query.person for value in one.personal)
        entry = one.entry
        return (
            query.site in ("", entry.site)
            and query.edge in ("", entry.edge)
            and query.kind in ("", entry.kind)
            and (not query.person or person or beside)
            and (not query.portal or ("portal", query.portal) in said)
            and (query.code is None or ("code", str(query.code)) in said)
            and query.since_us <= entry.utc_us < query.until_us
        )

    return sorted(one.data for one in every if fits(one))


def some_query(chance: random.Random) -> Query:
    def maybe(*values: str) -> str:
        return chance.choice([*values, ""]) if chance.random() < 0.5 else ""

    since = START_US + chance.randrange(10) * DAY_US
    kinds = ("decision-made", "from-the-future", "portal-forced", "nothing")
    return Query(
        site=maybe("vienna", "geneva", "nowhere"),
        edge=maybe("gate"),
        person=maybe("h1", "Ada Example", "Ben Sample", "ada example", "nobody"),
        portal=maybe(*PORTALS),
        code=chance.choice([None, *map(int, CODES)]),
        kind=maybe(*kinds),
        since_us=chance.choice([0, since]),
        until_us=chance.choice([2**53, since + 2 * DAY_US]),
    )


def all_of(archive: SqlArchive, query: Query, count: int, *, newest_first: bool) -> list[Found]:
    found: list[Found] = []
    behind = None
    while page := archive.find(query, behind=behind, count=count, newest_first=newest_first):
        assert len(page) <= count
        found += page
        behind = page[-1].place
    return found


def test_it_finds_what_a_reading_of_every_entry_finds(archive: SqlArchive, seed: int) -> None:
    chance = random.Random(seed)
    every = filled(archive, chance)
    hits = 0
    for _ in range(60):
        query, newest_first = some_query(chance), chance.random() < 0.5
        found = all_of(archive, query, chance.choice([3, 20, 1000]), newest_first=newest_first)
        assert sorted(one.archived.data for one in found) == naively(every, query), query
        places = [one.place for one in found]
        assert places == sorted(places, reverse=newest_first)
        assert all(one != other for one, other in pairwise(places))
        hits += bool(found)
    assert hits > 15
    beside = {one.data: one.personal for one in every}
    assert all(one.archived.personal == beside[one.archived.data] for one in found)


def test_everything_is_counted_once(archive: SqlArchive, seed: int) -> None:
    chance = random.Random(seed)
    every = filled(archive, chance)
    query = Query(site="vienna", since_us=START_US + DAY_US, until_us=START_US + 5 * DAY_US)
    chosen = [
        one
        for one in every
        if one.entry.site == "vienna" and query.since_us <= one.entry.utc_us < query.until_us
    ]
    for by in By:
        found = archive.counts(query, by)
        values = {
            By.KIND: lambda one: [one.entry.kind],
            By.DAY: lambda one: [one.entry.utc_us // DAY_US],
            By.PORTAL: lambda one: [m.value for m in mentions(one.entry) if m.what == "portal"],
            By.CODE: lambda one: [m.value for m in mentions(one.entry) if m.what == "code"],
        }[by]
        assert sum(one.count for one in found) == sum(len(values(one)) for one in chosen)
        drills = sum(len(values(one)) for one in chosen if one.entry.drill)
        assert sum(one.drill for one in found) == drills
        assert len({one.value for one in found}) == len(found)
    days = archive.counts(Query(), By.DAY)
    assert days[0].value == "2026-11-18"
    assert [one.value for one in days] == sorted(one.value for one in days)
    assert archive.counts(Query(kind="ignored here", site="nowhere"), By.KIND) == []


def test_what_is_known_and_what_is_not_is_found_by_its_header(archive: SqlArchive) -> None:
    records = entries_of(random.Random(1), 1)["vienna", "gate", "aa" * 8]
    strange = b'{"portal":["not","a","name"],"x":' + b"[" * 50 + b"]" * 50 + b"}"
    head = records[0].entry[: records[0].entry.index(b'"body":')]
    data = head + b'"body":' + strange + b"}"
    one = wire.SentEntry(entry=data.decode())
    archive.store("vienna", "gate", wire.Batch(incarnation="aa" * 8, first=1, entries=(one,)))
    kind = decode_entry(data).kind
    assert [found.archived.data for found in archive.find(Query(kind=kind))] == [data]


def test_who_is_erased_is_found_by_name_no_more(archive: SqlArchive) -> None:
    """By his random id he is: that stands in the entries, which nothing changes."""
    name, seq = "Ingeborg Sähnd-Brönner", 30
    archive.store("embassy-vienna", "gate-1", sent(*plain(1, seq)))
    assert len(archive.find(Query(person=name))) == 3
    archive.store("embassy-vienna", "gate-1", sent(erasure(seq + 1)))
    erase_all(archive)
    assert archive.find(Query(person=name)) == []
    assert len(archive.find(Query(person="h-7f3a"))) == 4
    assert len(archive.find(Query(person=OPERATOR.value))) == 1, "who erased is found"


def test_a_search_goes_on_beside_a_store_and_neither_waits(store: Store) -> None:
    chance = random.Random(5)
    with closing(store.open()) as archive:
        filled(archive, chance, 20)
        with closing(read_archive(store.where)) as reader:
            first = reader.find(Query(site="geneva"), count=5, newest_first=False)
            with archive._db.transaction():
                archive._db.execute("UPDATE journal SET mark = mark")
                assert reader.find(Query(site="geneva"), count=5, newest_first=False) == first
                assert len(reader.counts(Query(), By.KIND)) > 3
            more = entries_of(chance, 40)["geneva", "gate", "cc" * 8][20:]
            assert archive.store("geneva", "gate", sent(*more)).mark.seq == 40
            assert len(reader.find(Query(site="geneva"))) == 40


def test_whoever_reads_changes_nothing(store: Store) -> None:
    store.open().close()
    with closing(read_archive(store.where)) as reader:
        with pytest.raises(ArchiveError):
            reader.store(
                "vienna", "gate", sent(*entries_of(random.Random(1), 1)["vienna", "gate", "aa" * 8])
            )
        assert reader.counts(Query(), By.DAY) == []
