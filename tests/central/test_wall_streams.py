"""What a wall follows: everything first, then what changes, at one pace and within one size,
however many edges there are and however slowly somebody reads.
"""

import asyncio
import os
import random
import socket
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from central.archive import Archived
from central.changes import Changes
from central.control_messages_order import (
    EDGES_SHOWN_MAX,
    EdgeReached,
    OrderInForce,
    OrdersInForce,
)
from central.findings import EntriesStored
from central.operator_desk import answer
from central.operator_messages import OperatorChanged, RemoveOperator
from central.operator_words import OperatorRight
from central.orders import Reached
from central.told_entries import FIRST_MAX, KEPT_BYTES_MAX, KEPT_MAX, TellingEntries
from central.wall_messages import (
    ROWS_MAX,
    TOLD_MAX,
    WALL_SOCKET,
    EntriesTold,
    FollowEntries,
    FollowWall,
    WallAlarms,
    WallEdges,
    decode_reply,
)
from central.wall_streams import OrdersNow
from controller.alarm import State
from controller.alarm_kinds import Priority, SourceKind
from controller.events import decode_entry
from edge.control import conversation
from edge.control.frames import FRAME_BYTES_MAX, frame
from edge.control.message import Message
from edge.control.messages import Heartbeat, Refusal
from edge.control.messages_pages import UseSession
from edge.topics import Address
from edge.web.daemon import DaemonRefusedError
from edge.wire_alarms import AlarmNow
from tests.central.rig import NAME, record
from tests.central.walled import Served, served_wall, told, wall

EDGES = 1_000
WATCH, NAMES = OperatorRight.WATCH, OperatorRight.NAMES


def alarm(number: int, *, last: int = 0, acknowledged: bool = False) -> AlarmNow:
    return AlarmNow(
        incarnation="0" * 16,
        revision=last or number,
        alarm=number,
        kind="portal-forced",
        priority=Priority.LIFE,
        source_kind=SourceKind.PORTAL,
        source="front",
        state=State.ACKNOWLEDGED if acknowledged else State.RAISED,
        count=1,
        last=last or number,
        first_us=1,
        last_us=1,
        acknowledged_us=1 if acknowledged else None,
    )


def rings(
    at: Served, edge: str, one: AlarmNow | None, number: int = 0, site: str = "house"
) -> None:
    """An edge says of an alarm how it is; None: that it is over."""
    payload = b"" if one is None else msgspec.json.encode(one)
    leaf = f"alarm/{number if one is None else one.alarm}"
    at.book._open.heard(Address(site, edge, leaf), payload)


def archived(seq: int, edge: str = "gate-1", reason: str = "out of turn") -> Archived:
    stored = record("0" * 16, seq, edge=edge, reason=reason)
    return Archived(entry=decode_entry(stored.entry), data=stored.entry, personal=stored.personal)


class Screen:
    """What a wall shows that has read all that it was told."""

    def __init__(self) -> None:
        self.edges: dict[tuple[str, str], int] = {}
        self.alarms: dict[tuple[str, str, int], tuple[bool, State]] = {}
        self.finals = Counter[type[Message]]()
        self.messages = 0
        self.known = self.connected = self.total = -1

    def take(self, message: Message) -> None:
        self.messages += not isinstance(message, Heartbeat)
        match message:
            case WallEdges(edges=edges, gone=gone):
                assert len(edges) + len(gone) <= ROWS_MAX
                self.edges |= {(one.site, one.edge): one.connected for one in edges}
                for place in gone:
                    self.edges.pop((place.site, place.edge), None)
                self.known, self.connected = message.edges_known, message.edges_connected
                self.finals[WallEdges] += message.final
            case WallAlarms(alarms=alarms, gone=over):
                assert len(alarms) + len(over) <= ROWS_MAX
                for one in alarms:
                    key = (one.site, one.edge, one.alarm.alarm)
                    self.alarms[key] = (one.connected, one.alarm.state)
                for lost in over:
                    self.alarms.pop((lost.site, lost.edge, lost.alarm), None)
                self.total = message.total
                self.finals[WallAlarms] += message.final

    async def until(self, stream: AsyncIterator[Message], holds: object) -> None:
        assert callable(holds)
        async with asyncio.timeout(60):
            while not holds():
                self.take(await anext(stream))


def truth(at: Served) -> dict[tuple[str, str], int]:
    return {key: book.connected for key, book in at.distributor.books.edges.items()}


def test_a_thousand_edges_are_told_whole_and_their_changes_four_times_a_second(
    tmp_path: Path,
) -> None:
    chance = random.Random(int(os.environ["SENTRYPOST_SEED"]))

    async def run() -> None:
        async with served_wall(tmp_path) as at:
            names = [f"edge-{number:04}" for number in range(EDGES)]
            for name in names:
                at.saw(name)
            token = await at.signed_in("olga", WATCH)
            async with wall(tmp_path, token) as page:
                screen, stream = Screen(), page.follow(FollowWall())
                await screen.until(stream, lambda: screen.finals[WallAlarms] == 1)
                assert screen.edges == truth(at)
                assert (screen.messages, screen.known) == (EDGES // ROWS_MAX + 1, EDGES)
                loop = asyncio.get_running_loop()
                began_s, before, touched = loop.time(), screen.messages, 0
                flooding = asyncio.create_task(flood(at, names, chance))
                while not flooding.done():
                    screen.take(await anext(stream))
                touched = flooding.result()
                await screen.until(stream, lambda: screen.edges == truth(at))
                told_count, took_s = screen.messages - before, loop.time() - began_s
                assert touched >= 20 * EDGES
                assert told_count <= 4 * took_s + 2, f"{told_count} messages in {took_s} s"
                assert len(at.book.edges._at) == EDGES, "one place for each"
                assert len(at.book._told) <= 8

    asyncio.run(run())


async def flood(at: Served, names: list[str], chance: random.Random) -> int:
    """Every edge comes and goes, twenty times and more."""
    touched = 0
    for boot in range(2, 22):
        for name in names:
            at.saw(name, alive=chance.random() < 0.5, boot=boot)
            touched += 1
        await asyncio.sleep(0.05)
    return touched


def test_alarms_are_told_with_their_edge_and_go_when_they_are_over(tmp_path: Path) -> None:
    async def run() -> None:
        async with served_wall(tmp_path) as at:
            at.saw("gate")
            at.saw("other", site="villa")
            rings(at, "gate", alarm(5))
            rings(at, "other", alarm(9), site="villa")
            token = await at.signed_in("olga", WATCH)
            async with wall(tmp_path, token) as page, wall(tmp_path, token) as narrow:
                screen, stream = Screen(), page.follow(FollowWall())
                mine, own = Screen(), narrow.follow(FollowWall(site="villa"))
                await screen.until(stream, lambda: len(screen.alarms) == 2)
                await mine.until(own, lambda: mine.finals[WallAlarms] == 1)
                assert mine.alarms == {("villa", "other", 9): (True, State.RAISED)}
                rings(at, "gate", alarm(5, acknowledged=True))
                key = ("house", "gate", 5)
                seen = (True, State.ACKNOWLEDGED)
                await screen.until(stream, lambda: screen.alarms[key] == seen)
                at.saw("gate", alive=False, boot=2)
                away = (False, State.ACKNOWLEDGED)
                await screen.until(stream, lambda: screen.alarms[key] == away)
                rings(at, "gate", None, 5)
                await screen.until(stream, lambda: key not in screen.alarms and screen.total == 1)
                await at.distributor.forget("house", "gate")
                await screen.until(stream, lambda: screen.edges == {("villa", "other"): True})
                assert screen.known == 1
                at.book._open.clear()
                await screen.until(stream, lambda: not screen.alarms)
                await mine.until(own, lambda: not mine.alarms)
                assert mine.edges == {("villa", "other"): True}, "of other sites nothing is told"

    asyncio.run(run())


def test_somebody_who_reads_nothing_is_let_go_and_central_keeps_nothing_for_him(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "FRAME_WITHIN_S", 1.0)
    largest = 0

    async def run() -> None:
        nonlocal largest
        async with served_wall(tmp_path) as at:
            for number in range(EDGES):
                at.saw(f"edge-{number}")
            token = await at.signed_in("olga", WATCH, NAMES)
            deaf = [
                await asyncio.to_thread(stuck, tmp_path, token, follow)
                for follow in (FollowWall(), FollowEntries())
            ]
            serving = {task for task in asyncio.all_tasks() if task.get_name() == "control client"}
            async with asyncio.timeout(60):
                boot = 2
                while any(not task.done() for task in serving):
                    for number in range(EDGES):
                        at.saw(f"edge-{number}", boot=boot)
                    stored(at, [archived(boot * 100 + n, reason="x" * 500) for n in range(100)])
                    boot += 1
                    largest = max(largest, *map(waiting, serving))
                    await asyncio.sleep(0.02)
            for one in deaf:
                one.close()
            assert at.book.entries._bytes <= KEPT_BYTES_MAX
            assert len(at.book.entries._ring) <= KEPT_MAX
            assert len(at.book.edges._at) == EDGES

    asyncio.run(run())
    assert 0 < largest <= FRAME_BYTES_MAX, "no more than the one message on its way"


def waiting(task: "asyncio.Task[object]") -> int:
    """What a conversation keeps for whoever does not read."""
    frames = task.get_coro().cr_frame  # type: ignore[union-attr]
    if frames is None:
        return 0
    client = frames.f_locals["self"]
    return int(client._writer.transport.get_write_buffer_size())


def stuck(folder: Path, token: str, follow: Message) -> socket.socket:
    """A client that signs in, follows, and reads no more."""
    one = socket.socket(socket.AF_UNIX)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    one.settimeout(30)
    one.connect(str(folder / WALL_SOCKET))
    one.recv(65536)
    one.sendall(frame(UseSession(token=token)))
    one.recv(65536)
    one.sendall(frame(follow))
    return one


def stored(at: Served, new: list[Archived]) -> None:
    edge = new[0].entry.edge
    at.book.found(EntriesStored(site="embassy-vienna", edge=edge, new=tuple(new), unproven=0))


def test_entries_are_told_as_they_are_stored_with_names_for_those_who_may(tmp_path: Path) -> None:
    async def run() -> None:
        async with served_wall(tmp_path) as at:
            at.saw("gate-1", site="embassy-vienna")
            stored(at, [archived(number) for number in range(1, 21)])
            following = 21
            for rights, names in (((WATCH,), 0), ((WATCH, NAMES), 2)):
                token = await at.signed_in(f"with-{len(rights)}", *rights)
                async with wall(tmp_path, token) as page:
                    stream = page.follow(FollowEntries())
                    first = await told(stream, EntriesTold, lambda one: bool(one.entries))
                    assert seqs(first) == list(range(1, following))
                    assert sum(bool(one.personal) for one in first.entries) == names
                    assert sum(NAME in one.text for one in first.entries) == names
                    assert (NAME in msgspec.json.encode(first).decode()) is bool(names)
                    stored(at, [archived(following)])
                    more = await told(stream, EntriesTold, lambda one: bool(one.entries))
                    assert seqs(more) == [following]
                async with wall(tmp_path, token) as page:
                    stored(at, [archived(following + 1)])
                    stream = page.follow(FollowEntries(after=more.place))
                    again = await told(stream, EntriesTold, lambda one: bool(one.entries))
                    assert seqs(again) == [following + 1]
                following += 2

    asyncio.run(run())


def seqs(message: EntriesTold) -> list[int]:
    return [decode_entry(one.entry.encode()).seq for one in message.entries]


def all_told(entries: TellingEntries, asked: FollowEntries, number: int) -> tuple[list[int], int]:
    """The numbers of all that somebody is told who reads at once, and how many were left out."""
    found: list[int] = []
    left_out = 0
    while True:
        message, upto = entries.behind(number, asked, names=True)
        assert len(frame(message)) <= FRAME_BYTES_MAX
        assert len(message.entries) <= TOLD_MAX
        found += seqs(message)
        left_out += message.left_out
        if upto == number:
            return found, left_out
        number = upto


def test_a_burst_is_cut_and_what_was_left_out_is_counted() -> None:
    entries = TellingEntries({})
    entries.stored([archived(number) for number in range(1, KEPT_MAX + 301)])
    assert len(entries._ring) == KEPT_MAX
    found, left_out = all_told(entries, FollowEntries(), 0)
    assert (found, left_out) == (list(range(301, KEPT_MAX + 301)), 300)
    begin = entries.begin(FollowEntries())
    assert all_told(entries, FollowEntries(), begin) == (found[-FIRST_MAX:], 0)
    decisions = FollowEntries(kinds=("decision-made",), portal="main-gate")
    got, _ = all_told(entries, decisions, 0)
    assert got == [number for number in found if number % 10 == 0]
    assert all_told(entries, FollowEntries(portal="elsewhere"), 0)[0] == []
    assert all_told(entries, FollowEntries(edge="other"), 0)[0] == []
    assert all_told(entries, FollowEntries(alarms_only=True), 0)[0] == []
    large = TellingEntries({})
    large.stored([archived(n, reason='"' * 2_000) for n in range(1, 1_001)])
    assert all_told(large, FollowEntries(), 0) == (list(range(1, 1_001)), 0)


def test_places_of_another_start_begin_anew() -> None:
    entries, other = TellingEntries({}), TellingEntries({})
    for one in (entries, other):
        one.stored([archived(number) for number in range(1, 61)])
    message, _ = entries.behind(0, FollowEntries(), names=False)
    assert entries.begin(FollowEntries(after=message.place)) == 60
    assert other.begin(FollowEntries(after=message.place)) == 60 - FIRST_MAX
    for text in ("x", "1.", ".", f"{message.place}9", message.place.replace(".", ".-")):
        assert 0 <= entries.begin(FollowEntries(after=text)) <= 60


def test_changes_are_each_in_one_place_and_what_was_forgotten_is_known() -> None:
    changes: Changes[int] = Changes(3)
    for key in (1, 2, 1, 3):
        changes.note(key)
    assert changes.since(0) == [(2, 2), (1, 3), (3, 4)]
    assert changes.since(3) == [(3, 4)]
    assert (changes.since(4), changes.forgotten) == ([], 0)
    changes.note(4)
    assert ([key for key, _ in changes.since(0)], changes.forgotten) == ([1, 3, 4], 2)


@pytest.mark.parametrize("follow", [FollowWall(), FollowEntries()])
def test_a_stream_ends_with_its_operator(tmp_path: Path, follow: Message) -> None:
    async def run() -> None:
        async with served_wall(tmp_path) as at:
            await at.signed_in("chief", OperatorRight.OPERATORS)
            at.saw("gate-1", site="embassy-vienna")
            stored(at, [archived(1)])
            for name, end in (("olga", removed), ("otto", changed)):
                token = await at.signed_in(name, WATCH, NAMES)
                async with wall(tmp_path, token) as page:
                    stream = page.follow(follow)
                    await anext(stream)
                    await end(at, name)
                    with pytest.raises(DaemonRefusedError) as over:
                        await asyncio.wait_for(to_the_end(stream), 30)
                    codes = {Refusal.NO_SESSION, Refusal.LOCKED}
                    assert over.value.refused.code in codes
                if end is removed:
                    async with wall(tmp_path) as page:
                        with pytest.raises(DaemonRefusedError):
                            await anext(page.follow(follow))

    asyncio.run(run())


def test_that_the_broker_is_gone_is_told_where_nothing_else_happens(tmp_path: Path) -> None:
    async def run() -> None:
        async with served_wall(tmp_path) as at:
            token = await at.signed_in("olga", WATCH)
            async with wall(tmp_path, token) as page:
                stream = page.follow(FollowWall())
                await told(stream, WallEdges, lambda one: not one.on_wire)
                at.distributor.linked(up=True)
                await told(stream, WallEdges, lambda one: one.on_wire)
                at.distributor.linked(up=False)
                await told(stream, WallEdges, lambda one: not one.on_wire)

    asyncio.run(run())


async def to_the_end(stream: AsyncIterator[Message]) -> None:
    async for _ in stream:
        pass


async def removed(at: Served, name: str) -> None:
    done = await answer(at.desk, RemoveOperator(operator=name), "test")
    assert isinstance(done, OperatorChanged)
    assert done.done, done.reason


async def changed(at: Served, name: str) -> None:
    await at.operators.change(name, "The same", (WATCH,), "test")


def test_orders_are_put_into_words_once_for_all_and_fit_into_a_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = 0
    edges = tuple(
        EdgeReached(
            edge=f"edge-{number}", reached=Reached.AWAY, recorded=True, reason="r" * 200,
            remedy="", seen_utc_us=1, took_s=None, doors=4, obeyed=0, missing=(),
        )
        for number in range(EDGES_SHOWN_MAX)
    )  # fmt: skip
    orders = tuple(
        OrderInForce(
            site="house", order="ab" * 32, kind="lockdown", drill=False, reason="r", review_s=1,
            doors=4, obeyed=0, edges=edges,
        )
        for _ in range(60)
    )  # fmt: skip

    class Many:
        def __init__(self) -> None:
            self.orders = self
            self.change = asyncio.Event()

        def in_force(self) -> OrdersInForce:
            nonlocal made
            made += 1
            return OrdersInForce(on_wire=True, orders=orders, more=3)

    async def run() -> None:
        many = Many()
        now = OrdersNow(many)  # type: ignore[arg-type]
        assert now.is_stale
        first = [now.frame() for _ in range(100)]
        assert (made, len({id(one) for one in first})) == (1, 1)
        assert len(first[0]) <= FRAME_BYTES_MAX
        told = decode_reply(first[0][4:])
        assert isinstance(told, OrdersInForce)
        assert 0 < len(told.orders) < 60
        assert told.more == 3 + 60 - len(told.orders)
        assert not now.is_stale
        many.change = asyncio.Event()
        assert now.is_stale, "what was said meanwhile is looked for without waiting for more"
        monkeypatch.setattr("central.wall_streams.TICK_S", 0.0)
        now.frame()
        assert made == 2

    asyncio.run(run())
