"""Whoever says nothing, or next to nothing, is let go; whoever listens is not."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from edge.web import patience
from edge.web.patience import ONE_ADDRESS_MAX, Patient

WITHIN_S = 30.0
HEAD = b"GET / HTTP/1.1\r\nhost: x\r\n"
PIECES = 20


async def pages(scope: Scope, receive: Receive, send: Send) -> None:
    """What was sent, and then a stream of pieces that takes longer than any request may."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for number in range(PIECES):
        body = b"x" * (1 << 20) if scope["path"] == "/much" else b"piece"
        await asyncio.sleep(0.02)
        await send({"type": "http.response.body", "body": body, "more_body": number < PIECES - 1})


@asynccontextmanager
async def served(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[int, "Counter[str]"]]:
    """Its port, and its connections by address."""
    for name in ("HEAD_WITHIN_S", "BODY_WITHIN_S", "READ_WITHIN_S"):
        monkeypatch.setattr(patience, name, 0.2)
    config = uvicorn.Config(pages, lifespan="off", ws="none", log_config=None, timeout_keep_alive=0)
    config.load()
    counts: Counter[str] = Counter()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: Patient(counts, config, state, {}), "127.0.0.1", 0
    )
    async with server:
        yield server.sockets[0].getsockname()[1], counts


async def is_let_go(reader: asyncio.StreamReader) -> bool:
    """Whatever was answered before."""
    try:
        async with asyncio.timeout(WITHIN_S):
            await reader.read(-1)
    except ConnectionError:
        return True
    return True


@pytest.mark.parametrize(
    "said",
    [
        b"",
        HEAD,
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n12",
        HEAD + b"\r\n",
        b"\x16\x03\x01",
    ],
    ids=["nothing", "half a head", "half a form", "no further request", "no HTTP"],
)
def test_whoever_says_no_more_is_let_go(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with served(monkeypatch) as (port, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(said)
            assert await is_let_go(reader)
            writer.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    "head",
    [HEAD + b"x: ", b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 99999\r\n\r\n"],
    ids=["head", "form"],
)
def test_bytes_that_trickle_give_no_more_time(head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with served(monkeypatch) as (port, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head)
            let_go = asyncio.create_task(is_let_go(reader))
            async with asyncio.timeout(WITHIN_S):
                while not let_go.done():
                    writer.write(b"a")
                    await asyncio.sleep(0.01)
            writer.close()

    asyncio.run(run())


def test_a_stream_goes_on_for_as_long_as_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with served(monkeypatch) as (port, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            # The second is sent while the first is answered (RFC 9112, 9.3.2).
            writer.write((HEAD + b"\r\n") * 2)
            async with asyncio.timeout(WITHIN_S):
                told = b""
                while told.count(b"piece") < 2 * PIECES:
                    more = await reader.read(65_536)
                    assert more, "it was let go in the middle"
                    told += more
            writer.close()

    asyncio.run(run())


def test_whoever_does_not_read_what_he_asked_for_is_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> None:
        async with served(monkeypatch) as (port, _):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /much HTTP/1.1\r\nhost: x\r\n\r\n")
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            async with asyncio.timeout(WITHIN_S):
                await gone(writer)

    asyncio.run(run())


async def gone(writer: asyncio.StreamWriter) -> None:
    """A write to somebody who is gone fails, sooner or later."""
    while True:
        try:
            writer.write(b"x")
            await writer.drain()
        except ConnectionError:
            return
        await asyncio.sleep(0.01)


def test_one_machine_leaves_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with served(monkeypatch) as (port, counts):
            for name in ("HEAD_WITHIN_S", "BODY_WITHIN_S"):
                monkeypatch.setattr(patience, name, 300.0)
            monkeypatch.setattr(patience, "names_itself", lambda _: False)
            opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(64)]
            assert len(opened) == ONE_ADDRESS_MAX
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert await is_let_go(reader)
            writer.close()
            assert counts == {"127.0.0.1": ONE_ADDRESS_MAX}
            first_reader, first = opened.pop()
            first.write(HEAD + b"connection: close\r\n\r\n")
            async with asyncio.timeout(WITHIN_S):
                assert b"piece" in await first_reader.read(-1), "the others are served"
            first.close()
            async with asyncio.timeout(WITHIN_S):
                while counts["127.0.0.1"] >= ONE_ADDRESS_MAX:
                    await asyncio.sleep(0.01)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(HEAD + b"connection: close\r\n\r\n")
            async with asyncio.timeout(WITHIN_S):
                assert b"piece" in await reader.read(-1)
            for _, one in [*opened, (reader, writer)]:
                one.close()
            async with asyncio.timeout(WITHIN_S):
                while counts:
                    await asyncio.sleep(0.01)

    asyncio.run(run())
