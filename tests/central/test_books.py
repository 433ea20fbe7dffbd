"""Whom central asks for what, and when again: the bookkeeping alone, and what is kept of it."""

from itertools import pairwise
from pathlib import Path

import pytest

from central.distribution import (
    REFUSED_AGAIN_S,
    RESEND_S_MAX,
    RESEND_S_MIN,
    SETS_MAX,
    UNRECORDED_AGAIN_S,
    Books,
    EdgeBook,
    Standing,
)
from central.sets import Answer, KeptSet, KnownEdge, SetsError, SetStore
from edge import wire

PEOPLE, POLICY = wire.SetKind.PEOPLE, wire.SetKind.POLICY
INCARNATION = "0123456789abcdef"


def status(number: int = 1, *, alive: bool = True, people: int = 9) -> wire.Status:
    return wire.Status(
        alive=alive, incarnation=INCARNATION, boot=1, number=number, version="1", people=people
    )


def kept(number: int, kind: wire.SetKind = PEOPLE, site: str = "house") -> KeptSet:
    return KeptSet(
        id=number,
        site=site,
        kind=kind,
        digest=f"{number:064x}",
        given_utc_us=number,
        given_by="anna",
    )


def answer(
    one: KeptSet, outcome: wire.SetOutcome = wire.SetOutcome.APPLIED, version: int = 9
) -> Answer:
    ack = wire.RequestAck(
        incarnation=INCARNATION, kind=one.kind, set=one.digest, outcome=outcome, version=version
    )
    return Answer(set_id=one.id, edge="gate", utc_us=1, ack=ack)


class Scene:
    """One edge that is connected, and some sets of people."""

    def __init__(self, count: int) -> None:
        self.books = Books()
        self.book = EdgeBook(KnownEdge(site="house", edge="gate", seen_utc_us=1, status=status()))
        self.book.look(status())
        self.books.edges["house", "gate"] = self.book
        self.sets = [kept(number) for number in range(1, count + 1)]
        self.books.sets = {one.id: one for one in self.sets}

    def asks(self, now_s: float) -> list[int]:
        """What it is asked for at that time; then it is with the wire."""
        due = list(self.books.due(now_s))
        for book, one in due:
            book.sent(one, 0, now_s)
        return [one.id for _, one in due]

    def says(self, number: int, outcome: wire.SetOutcome, now_s: float) -> None:
        self.book.heard(answer(self.books.sets[number], outcome), now_s)


def test_one_after_the_other_in_order_and_the_newest_makes_all_before_it_needless() -> None:
    scene = Scene(3)
    assert scene.asks(0.0) == [1]
    assert scene.asks(0.1) == [], "one at a time"
    scene.says(1, wire.SetOutcome.APPLIED, 0.2)
    assert scene.asks(0.2) == [2]
    scene.says(3, wire.SetOutcome.ALREADY, 0.3)
    assert scene.asks(100.0) == []
    assert {scene.book.standing(one) for one in scene.sets} == {Standing.HAS}
    assert scene.books.look_again_s() is None


def test_silence_is_asked_again_after_ever_longer_pauses() -> None:
    scene, asked, now_s = Scene(1), [], 0.0
    while len(asked) < 8:
        asked += [now_s] * len(scene.asks(now_s))
        again_s = scene.books.look_again_s()
        assert again_s is not None
        assert scene.asks(again_s - 0.001) == [], "not before"
        now_s = again_s
    pauses = [after - before for before, after in pairwise(asked)]
    assert pauses == [min(RESEND_S_MIN * 2**n, RESEND_S_MAX) for n in range(7)]


def test_a_refused_set_is_passed_over_and_asked_again_when_another_was_taken() -> None:
    scene = Scene(2)
    assert scene.asks(0.0) == [1]
    scene.says(1, wire.SetOutcome.REFUSED, 0.0)
    assert scene.book.standing(scene.sets[0]) is Standing.REFUSED
    assert scene.asks(0.0) == [2]
    scene.says(2, wire.SetOutcome.REFUSED, 5.0)
    assert scene.asks(REFUSED_AGAIN_S - 0.001) == []
    assert scene.books.look_again_s() == REFUSED_AGAIN_S
    assert scene.asks(REFUSED_AGAIN_S) == [1]
    scene.says(1, wire.SetOutcome.APPLIED, REFUSED_AGAIN_S)
    assert scene.asks(REFUSED_AGAIN_S) == [2], "its gap may be closed"


def test_what_is_not_recorded_yet_is_asked_for_soon() -> None:
    scene = Scene(1)
    assert scene.asks(0.0) == [1]
    scene.says(1, wire.SetOutcome.UNRECORDED, 0.0)
    assert scene.book.standing(scene.sets[0]) is Standing.UNRECORDED
    assert scene.asks(UNRECORDED_AGAIN_S - 0.001) == []
    assert scene.asks(UNRECORDED_AGAIN_S) == [1]


def test_who_goes_is_not_asked_and_who_comes_back_is_at_once() -> None:
    scene = Scene(1)
    assert scene.asks(0.0) == [1]
    scene.book.look(status(alive=False))
    assert scene.book.standing(scene.sets[0]) is Standing.AWAY
    assert scene.asks(1000.0) == []
    assert scene.books.look_again_s() is None
    scene.book.look(status(2))
    assert scene.asks(1000.0) == [1]
    scene.book.look(status(3))
    assert scene.asks(1000.1) == [1], "its end was not heard of"


def test_a_new_birth_of_the_same_connection_asks_for_nothing_again() -> None:
    scene = Scene(1)
    assert scene.asks(0.0) == [1]
    scene.book.look(status(people=10))
    assert scene.asks(0.1) == []


def test_an_edge_that_goes_by_older_people_again_has_lost_what_it_took() -> None:
    scene = Scene(1)
    scene.says(1, wire.SetOutcome.APPLIED, 0.0)
    assert scene.asks(1.0) == []
    assert scene.book.look(status(people=8)) == [1]
    assert scene.book.standing(scene.sets[0]) is Standing.WAITING
    assert scene.asks(1.0) == [1]


def test_what_nobody_needs_is_dropped_and_the_newest_stays() -> None:
    scene = Scene(4)
    assert scene.books.outdated("house", PEOPLE) == []
    scene.says(2, wire.SetOutcome.APPLIED, 0.0)
    assert [one.id for one in scene.books.outdated("house", PEOPLE)] == [1, 2]
    scene.says(4, wire.SetOutcome.APPLIED, 0.0)
    assert [one.id for one in scene.books.outdated("house", PEOPLE)] == [1, 2, 3]
    away = KnownEdge(site="house", edge="annex", seen_utc_us=1, status=status())
    scene.books.edges["house", "annex"] = EdgeBook(away)
    scene.books.sets |= {number: kept(number, POLICY) for number in (5, 6, 8)}
    scene.books.sets[7] = kept(7, POLICY, "villa")
    assert scene.books.outdated("house", POLICY) == [], "nobody has taken the later one"
    scene.says(6, wire.SetOutcome.APPLIED, 0.0)
    assert [one.id for one in scene.books.outdated("house", POLICY)] == [5]


def test_so_many_sets_wait_for_an_edge_and_no_more() -> None:
    scene = Scene(SETS_MAX + 5)
    assert [one.id for one in scene.books.outdated("house", PEOPLE)] == [1, 2, 3, 4, 5]


def test_a_set_of_another_site_is_nothing_to_it() -> None:
    scene = Scene(0)
    scene.books.sets[1] = kept(1, site="villa")
    assert scene.asks(0.0) == []
    assert scene.books.lacking(scene.book) == []


# --- the file ---------------------------------------------------------------------------------


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "sets.db"
    store = SetStore(path)
    assert path.stat().st_mode & 0o777 == 0o600
    first = store.keep(kept(0), b"file")
    second = store.keep(kept(0, POLICY), b"another")
    assert store.keep(kept(0), b"file") == first, "the same is kept once"
    known = KnownEdge(site="house", edge="gate", seen_utc_us=5, status=status())
    store.saw(known)
    store.note(answer(first, wire.SetOutcome.REFUSED))
    store.note(answer(first))
    store.note(answer(kept(77)))  # dropped meanwhile
    store.close()
    again = SetStore(path)
    assert again.sets() == [first, second]
    assert again.envelope(second.id) == b"another"
    assert again.edges() == [known]
    assert again.answers() == [answer(first)]
    again.unsay(first.id, "gate")
    assert again.answers() == []
    again.note(answer(first))
    again.drop(first.id)
    assert (again.sets(), again.answers(), again.envelope(first.id)) == ([second], [], b"")
    again.forget(known)
    assert [(one.edge, one.gone) for one in again.edges()] == [("gate", True)]
    again.saw(known)
    assert again.edges() == [known]
    again.close()


def test_a_file_that_is_none_or_of_a_newer_version_is_told(tmp_path: Path) -> None:
    (tmp_path / "none.db").write_bytes(b"no database" * 100)
    with pytest.raises(SetsError, match="none"):
        SetStore(tmp_path / "none.db")
    store = SetStore(tmp_path / "newer.db")
    store._connection.execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(SetsError, match="newer version"):
        SetStore(tmp_path / "newer.db")
