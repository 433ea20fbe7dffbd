"""Central's control socket as commands and strangers meet it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.alarm_words import AlarmWords
from central.alarms import AlarmBook
from central.control import CentralServer
from central.control_client import CentralClient, NotDistributedError
from central.control_commands import STATE, said, state_beside
from central.control_desk import CentralDesk
from central.control_messages import NAMED_MAX, Distribution
from central.distribution import Standing
from central.distributor import Distributor
from central.order_desk import OrderDesk
from central.orders import Orders
from central.sets import SetStore
from edge import wire
from edge.control.client import RefusedError
from edge.control.messages import Refusal
from edge.control.place import SOCKET
from edge.people.sets import PAYLOAD_TYPE
from edge.signatures import ENVELOPE_BYTES_MAX, SigningKey, sign
from simulators.broker_process import BrokerProcess
from tests.central.rig import CentralProcess
from tests.edge.signed import ANNA, BEN, bundle, shut
from tests.mqtt import wait_for

T = TypeVar("T")
PEOPLE = sign(b"sealed", PAYLOAD_TYPE, [SigningKey(Ed25519PrivateKey.generate())])


class Nothing:
    """A collector that has stored nothing."""

    def stored(self, site: str, edge: str) -> int | None:
        return None

    def witnessed(self, site: str, edge: str) -> str:
        return ""

    alarms = AlarmBook()

    @property
    def alarm_words(self) -> AlarmWords:
        raise AssertionError("nothing is sent")


def status(*, alive: bool = True) -> wire.Status:
    return wire.Status(alive=alive, incarnation="0" * 16, boot=1, number=1, version="1")


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[Distributor]:
    """A socket in `folder`, and who distributes behind it; no broker."""
    distributor = Distributor(lambda: SetStore(folder / "sets.db"), lambda: 1_000_000)
    await distributor.open()
    desk, orders = CentralDesk(distributor, Nothing()), OrderDesk(Orders(distributor))
    server = CentralServer.open(desk, orders, folder / SOCKET)
    task = asyncio.create_task(server.run())
    try:
        yield distributor
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await distributor.close()


async def asked(folder: Path, ask: Callable[[CentralClient], T]) -> T:
    def run() -> T:
        with CentralClient(folder) as client:
            return ask(client)

    return await asyncio.to_thread(run)


async def given(folder: Path, envelope: bytes, site: str = "") -> Distribution:
    return await asked(folder, lambda client: client.distribute(envelope, site, 0, lambda _: None))


def test_whose_it_is_is_read_asked_for_or_known(tmp_path: Path) -> None:
    async def run() -> None:
        async with served(tmp_path) as distributor:
            with pytest.raises(NotDistributedError, match="no edge was seen yet"):
                await given(tmp_path, PEOPLE)
            assert (await given(tmp_path, PEOPLE, "villa")).site == "villa"
            policy = bundle(shut(2), ANNA, BEN)
            assert (await given(tmp_path, policy)).site == "house"
            with pytest.raises(NotDistributedError, match="the file is for site 'house'"):
                await given(tmp_path, policy, "villa")
            distributor.seen("house", "gate", status())
            done = await given(tmp_path, PEOPLE)
            assert (done.site, done.have, done.edges, done.final) == ("house", 0, 1, True)
            distributor.seen("villa", "gate", status())
            with pytest.raises(NotDistributedError, match="edges of 2 sites are known"):
                await given(tmp_path, PEOPLE)
            with pytest.raises(NotDistributedError, match="a letter or digit first"):
                await given(tmp_path, PEOPLE, "#")

    asyncio.run(run())


@pytest.mark.parametrize("envelope", [b"", b"{}", b"no file", b"\xff" * 1000])
def test_what_is_no_signed_file_is_not_distributed(tmp_path: Path, envelope: bytes) -> None:
    async def run() -> None:
        async with served(tmp_path) as distributor:
            with pytest.raises(NotDistributedError) as refused:
                await given(tmp_path, envelope, "house")
            assert refused.value.remedy
            assert distributor.books.sets == {}

    asyncio.run(run())


def test_a_file_that_is_too_large_is_refused_in_between(tmp_path: Path) -> None:
    async def run() -> None:
        async with served(tmp_path):
            with pytest.raises(RefusedError) as refused:
                await given(tmp_path, bytes(ENVELOPE_BYTES_MAX + 1), "house")
            assert refused.value.code is Refusal.TOO_LARGE

    asyncio.run(run())


def test_a_stranger_who_speaks_otherwise_is_let_go_and_others_are_served(tmp_path: Path) -> None:
    def spoken(data: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.settimeout(20)
            stranger.connect(str(tmp_path / SOCKET))
            stranger.sendall(data)
            found = b""
            while piece := stranger.recv(65536):
                found += piece
            return found

    async def run() -> None:
        async with served(tmp_path):
            for data in (b"\x00\x00\x00\x05hello", b"\xff" * 100, b"\x00\x00\x00\x00"):
                assert b'"Refused"' in await asyncio.to_thread(spoken, data)
            assert await asked(tmp_path, CentralClient.edges) == (False, [])

    asyncio.run(run())


def test_more_edges_than_a_reply_holds_are_all_shown_and_counted(tmp_path: Path) -> None:
    async def run() -> None:
        async with served(tmp_path) as distributor:
            for number in range(2 * NAMED_MAX + 7):
                distributor.seen("house", f"edge-{number}", status(alive=False))
            _, rows = await asked(tmp_path, CentralClient.edges)
            assert {row.edge for row in rows} == {name for _, name in distributor.books.edges}
            done = await given(tmp_path, PEOPLE)
            assert len(done.lacking) == NAMED_MAX
            (line, *_) = said(done)
            assert line.startswith("0 of 1007 edges have it; missing: house/edge-0 (last seen ")
            assert line.endswith(", and 507 more")
            assert {one.standing for one in done.lacking} == {Standing.AWAY}
            assert {len(row.lacks) for row in (await asked(tmp_path, CentralClient.edges))[1]} == {
                1
            }

    asyncio.run(run())


def test_a_second_central_in_one_folder_archives_and_distributes_nothing(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    centrals = []
    try:
        for name in ("first", "second"):
            options = ("--json", "--state", str(tmp_path / "state"))
            made = CentralProcess(mosquitto.port, tmp_path / f"{name}.db", *options)
            centrals.append(made)
            wait_for(lambda made=made: '"ready":true' in made.output, f"{name} is ready")
        assert "another daemon already answers" not in centrals[0].output
        assert '{"notice":"nothing is distributed from here: ' in centrals[1].output
        with CentralClient(tmp_path / "state") as client:
            assert client.edges() == (True, [])
        assert [one.stop() for one in centrals[::-1]] == [0, 0]
        assert not (tmp_path / "state" / SOCKET).exists()
    finally:
        for one in centrals:
            one.kill()


@pytest.mark.parametrize(
    ("archive", "state"),
    [
        ("archive.db", STATE),
        ("/var/lib/central/all.db", Path("/var/lib/central/all.state")),
        ("postgresql://db/archive", STATE),
    ],
)
def test_the_state_folder_is_beside_the_archive(archive: str, state: Path) -> None:
    assert state_beside(archive) == state
