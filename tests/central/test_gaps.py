"""What an archive lacks for good is written down, and what follows is proven, in both stores."""

from contextlib import closing

import msgspec
import pytest
from click.testing import CliRunner

from central.archive import BatchRefusedError, DivergedError, ForkError, Gone, Mark
from central.archive_sql import SqlArchive
from central.audit import Audited, Missing
from central.commands import central
from central.gaps import Missing as Known
from controller import ledger
from controller.events import Body, EntriesPruned, Event, Header, encode, kind_of
from edge import wire
from tests.central.rig import EDGE, SITE, record
from tests.central.stores import Store
from tests.central.test_archive import INCARNATION, batch, chain, seqs


def said(seq: int, body: Body, incarnation: str = INCARNATION) -> bytes:
    """Entry `seq`."""
    header = Header(
        site=SITE,
        edge=EDGE,
        incarnation=incarnation,
        seq=seq,
        kind=kind_of(type(body)),
        utc_us=1_800_000_000_000_000 + seq,
        mono_us=seq,
        clock_trusted=True,
        cause="test",
        policy="p1",
    )
    return encode(Event(header=header, body=body))


def pruning(first: int, last: int, *, whole: bool) -> EntriesPruned:
    """In which an edge says what it prunes."""
    classes = () if whole else ("passages",)
    return EntriesPruned(first=first, last=last, classes=classes, whole=whole)


class Pruned:
    """A journal of entries 1 to `last`; some of the last ones say what was pruned of it."""

    def __init__(self, last: int, why: dict[int, tuple[int, int, bool]]) -> None:
        self.entries = [record(INCARNATION, seq, reason="r").entry for seq in range(1, last + 1)]
        for seq, (first, upto, whole) in why.items():
            self.entries[seq - 1] = said(seq, pruning(first, upto, whole=whole))
        self.chains = [ledger.origin(SITE, EDGE, INCARNATION)]
        for entry in self.entries:
            self.chains.append(ledger.link(self.chains[-1], ledger.leaf(entry)))

    def batch(
        self, first: int, last: int, *, bare: tuple[int, ...] = (), begins: bool = False
    ) -> wire.Batch:
        """As the edge sends it; `begins`: it keeps nothing in front of it."""
        sent = []
        for seq in range(first, last + 1):
            data = self.entries[seq - 1]
            if seq in bare:
                sent.append(wire.SentEntry(entry="", leaf=ledger.leaf(data).hex()))
            else:
                personal = record(INCARNATION, seq, reason="r").personal
                sent.append(wire.SentEntry(entry=data.decode(), personal=personal))
        return wire.Batch(
            incarnation=INCARNATION,
            first=first,
            entries=tuple(sent),
            before=self.chains[first - 1].hex() if begins else msgspec.UNSET,
        )


def audit(archive: SqlArchive) -> Audited:
    (journal,) = archive.journals_kept(SITE, EDGE)
    return archive.audit(journal)


def test_an_empty_archive_begins_where_the_edge_still_does(archive: SqlArchive) -> None:
    journal = Pruned(60, {44: (1, 20, True), 50: (21, 40, True)})
    receipt = archive.store(SITE, EDGE, journal.batch(41, 45, begins=True))
    assert receipt.gone == (Gone(1, 40, 40),)
    assert receipt.mark == Mark(seq=45, chain=journal.chains[45])
    assert audit(archive).missing == (Missing(first=1, last=40, count=40, by=None),)
    assert not audit(archive).sound, "nothing says yet why they are gone"
    assert archive.store(SITE, EDGE, journal.batch(46, 60)).gone == ()
    found = audit(archive)
    assert found.missing == (Missing(first=1, last=40, count=40, by=50),)
    assert found.sound
    assert (found.entries, found.upto, found.vouched) == (20, 60, 40)
    assert archive.mark(SITE, EDGE, INCARNATION).chain == journal.chains[60]
    assert seqs(archive) == list(range(41, 61))
    # What was on its way twice changes nothing.
    again = archive.store(SITE, EDGE, journal.batch(41, 60, begins=True))
    assert (again.new, again.gone, again.mark.seq) == ((), (), 60)


def test_an_old_copy_goes_on_behind_what_is_gone(archive: SqlArchive) -> None:
    journal = Pruned(60, {50: (1, 40, True)})
    archive.store(SITE, EDGE, journal.batch(1, 25))
    # Out of order, as behind several archivers: what follows waits for what says where it begins.
    later = archive.store(SITE, EDGE, journal.batch(46, 60))
    assert (later.mark.seq, later.mark.gap) == (25, True)
    receipt = archive.store(SITE, EDGE, journal.batch(41, 45, begins=True))
    assert receipt.gone == (Gone(26, 40, 15),)
    assert (receipt.mark.seq, receipt.mark.chain) == (60, journal.chains[60])
    assert audit(archive).missing == (Missing(first=26, last=40, count=15, by=50),)
    assert seqs(archive) == [*range(1, 26), *range(41, 61)]
    assert archive.missing() == [Known(SITE, EDGE, INCARNATION, 26, 40, 15)]
    assert archive.missing(SITE, "elsewhere") == []


def test_the_chain_goes_on_over_entries_of_which_the_leaf_is_left(archive: SqlArchive) -> None:
    journal = Pruned(40, {29: (21, 28, False), 30: (1, 20, False)})
    bare = (3, 4, 7, 20)
    receipt = archive.store(SITE, EDGE, journal.batch(1, 20, bare=bare))
    assert receipt.gone == (Gone(3, 20, 4),)
    assert (receipt.mark.seq, receipt.mark.chain) == (20, journal.chains[20])
    archive.store(SITE, EDGE, journal.batch(21, 40))
    found = audit(archive)
    assert found.missing == (Missing(first=3, last=20, count=4, by=30),)
    assert (found.sound, found.vouched, found.entries) == (True, 0, 36)
    assert seqs(archive) == [seq for seq in range(1, 41) if seq not in bare]
    again = archive.store(SITE, EDGE, journal.batch(1, 20, bare=bare))
    assert (again.new, again.gone) == ((), ())
    assert archive.missing() == [Known(SITE, EDGE, INCARNATION, 3, 20, 4)]


def test_bytes_that_come_after_all_take_the_place_of_their_leaf(archive: SqlArchive) -> None:
    journal = Pruned(10, {})
    archive.store(SITE, EDGE, journal.batch(1, 10, bare=(4, 9)))
    receipt = archive.store(SITE, EDGE, journal.batch(4, 4))
    assert [new.entry.seq for new in receipt.new] == [4]
    assert (receipt.mark.seq, receipt.mark.chain) == (10, journal.chains[10])
    assert audit(archive).missing == (Missing(first=9, last=9, count=1, by=None),)
    # And the other way round nothing is lost.
    assert archive.store(SITE, EDGE, journal.batch(1, 8, bare=(4, 5))).gone == ()
    assert seqs(archive) == [*range(1, 9), 10]
    with pytest.raises(ForkError, match="entry 9 "):
        archive.store(SITE, EDGE, batch(9, 12, reason="another truth"))
    assert audit(archive).forks == 1


@pytest.mark.parametrize(
    ("stored", "sent", "told"),
    [
        ((1, 10), {"first": 11, "last": 12, "before": "ab" * 32}, "chain after entry 10"),
        ((1, 10), {"first": 5, "last": 12, "leaf": (6, "ab" * 32)}, "entry 6 "),
        ((1, 10), {"first": 9, "last": 12, "leaf": (11, "")}, "entry 11"),
    ],
)
def test_what_does_not_fit_is_refused_whole(
    archive: SqlArchive, stored: tuple[int, int], sent: dict[str, object], told: str
) -> None:
    journal = Pruned(12, {})
    archive.store(SITE, EDGE, journal.batch(*stored))
    forged = journal.batch(int(str(sent["first"])), int(str(sent["last"])))
    if "before" in sent:
        forged = msgspec.structs.replace(forged, before=sent["before"])
    if "leaf" in sent:
        assert isinstance(sent["leaf"], tuple)
        seq, leaf = sent["leaf"]
        entries = list(forged.entries)
        entries[seq - forged.first] = wire.SentEntry(entry="", leaf=leaf or msgspec.UNSET)
        forged = msgspec.structs.replace(forged, entries=tuple(entries))
    before = archive.mark(SITE, EDGE, INCARNATION)
    with pytest.raises(BatchRefusedError, match=told):
        archive.store(SITE, EDGE, forged)
    assert archive.mark(SITE, EDGE, INCARNATION) == before
    assert archive.missing() == []
    assert archive.store(SITE, EDGE, journal.batch(1, 12)).mark.chain == journal.chains[12]


def test_nothing_is_stored_in_a_range_that_is_gone(archive: SqlArchive) -> None:
    """Whatever it is: no chain leads to it any more."""
    journal = Pruned(30, {25: (1, 20, True)})
    archive.store(SITE, EDGE, journal.batch(1, 5))
    archive.store(SITE, EDGE, journal.batch(11, 12))
    archive.store(SITE, EDGE, journal.batch(21, 30, begins=True))
    for late in (journal.batch(6, 8), journal.batch(18, 22), journal.batch(15, 16, bare=(15, 16))):
        with pytest.raises(DivergedError, match="entries 6 to 20 are gone"):
            archive.store(SITE, EDGE, late)
    assert archive.store(SITE, EDGE, journal.batch(11, 12)).new == (), "it was there before"
    found = audit(archive)
    assert (found.unproven, found.sound, found.upto) == (2, True, 30)


def test_an_archive_whose_rows_were_changed_is_found_out(archive: SqlArchive, store: Store) -> None:
    journal = Pruned(30, {25: (1, 20, True)})
    archive.store(SITE, EDGE, journal.batch(21, 30, begins=True))
    assert audit(archive).sound
    other = chain(3).hex()
    quoted = f"'\\x{other}'" if "postgres" in store.where else f"x'{other}'"
    store.change(f"UPDATE gap SET chain = {quoted}")
    assert "not the one that was acknowledged" in audit(archive).findings[0]
    store.change("DELETE FROM gap")
    assert not audit(archive).sound


def asked(store: Store, *words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(central, [*words, "--archive", store.where])
    return done.exit_code, done.stdout, done.stderr


def test_the_commands_tell_what_is_gone(store: Store) -> None:
    journal = Pruned(60, {50: (1, 40, True), 51: (41, 49, False)})
    with closing(store.open()) as archive:
        archive.store(SITE, EDGE, journal.batch(41, 60, bare=(42, 44), begins=True))
        archive.store(SITE, "gate-2", batch(1, 3, edge="gate-2"))
    code, out, _ = asked(store, "verify")
    assert code == 0
    assert "entries 1 to 40 are gone: pruned by the edge, as its entry 50 says" in out
    assert "2 of entries 42 to 44 are gone: pruned by the edge, as its entry 51 says" in out
    assert f"{SITE}/gate-2, journal {INCARNATION}: 3 entries, complete up to 3\n" in out
    code, out, _ = asked(store, "verify", "--json", "--edge", EDGE)
    audited = msgspec.json.decode(out, type=Audited)
    assert [(one.first, one.count, one.by) for one in audited.missing] == [(1, 40, 50), (42, 2, 51)]
    for words in (("search", "--kind", "badge-ignored"), ("counts",)):
        code, out, told = asked(store, *words)
        assert code == 0
        where = f"not searched: {SITE}/{EDGE}, journal {INCARNATION}"
        assert f"{where}: entries 1 to 40 are gone (" in told
        assert f"{where}: 2 of entries 42 to 44 are gone (" in told
        assert "not searched" not in out
        assert asked(store, *words, "--edge", "gate-2")[2] == ""
    with closing(store.open()) as archive:
        archive.store(
            SITE, "gate-3", msgspec.structs.replace(batch(2, 3, edge="gate-3"), before="ab" * 32)
        )
    code, out, _ = asked(store, "verify")
    assert code == 1
    assert "entries 1 to 1 are gone: no entry of the journal says why" in out
