"""A picture that an edge keeps, shown at its pages: on record before the first of it, and to whom
the policy gives the console.
"""

import asyncio
import http.client
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from controller.events_pictures import PictureKept, PictureShown
from tests.edge.house import ADA, until
from tests.edge.pictures.drawn import START, DrawnCamera
from tests.edge.pictures.watched import Watched, watched
from tests.edge.signins.gatehouse import Gatehouse
from tests.edge.test_erase import badges
from tests.web.embassy import Process

REASON = "the police asked"


def pieces(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each, as `edge.web.pictures` writes them."""
    at = 0
    while at < len(content):
        size = int.from_bytes(content[at + 9 : at + 13], "big")
        yield content[at : at + 1], content[at + 13 : at + 13 + size]
        at += 13 + size


def ask(
    port: int, path: str, token: str, fields: dict[str, str] | None = None
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"sec-fetch-site": "same-origin", "cookie": f"session={token}"}
    body = None
    if fields is not None:
        body = urlencode(fields)
        headers["content-type"] = "application/x-www-form-urlencoded"
    try:
        connection.request("GET" if fields is None else "POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


async def looked_at(one: Watched, house: Gatehouse, port: int) -> None:
    (row,) = one.store.index.rows()
    path = f"/pictures/{row.seq}"
    chief = await house.session(one.edge, "cleo")
    status, page = await asyncio.to_thread(ask, port, path, chief)
    assert status == 200
    assert b"front-outside" in page
    status, about = await asyncio.to_thread(ask, port, f"/pictures/{row.about[0]}", chief)
    assert (status, about.count(b"data-picture")) == (200, 1), "by the entry that it is about, too"
    status, shown = await asyncio.to_thread(ask, port, path, chief, {"reason": REASON})
    ((kind, frame),) = pieces(shown)
    assert (status, kind) == (200, b"F")
    assert frame.startswith(START)
    (given,) = await until(one.edge, PictureShown, 1)
    assert isinstance(given, PictureShown)
    assert given.picture == row.id
    status, said = await asyncio.to_thread(ask, port, "/pictures/99999", chief, {"reason": "x"})
    assert [kind for kind, _ in pieces(said)] == [b"E"], "why there is none"
    assert (await asyncio.to_thread(ask, port, "/pictures/99999", chief))[0] == 404
    clerk = await house.session(one.edge, "dora")
    for fields in (None, {"reason": REASON}):
        status, body = await asyncio.to_thread(ask, port, path, clerk, fields)
        assert START not in body
        assert status == 403 or next(pieces(body))[0] == b"E"
    await asyncio.sleep(0)
    assert len(await until(one.edge, PictureShown, 1)) == 1, "nobody else was given anything"


def test_a_kept_picture_is_shown_to_the_chief_and_the_journal_says_so_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = Gatehouse(tmp_path)

    async def run() -> None:
        async with watched(house, monkeypatch, [DrawnCamera("front-outside", "front")]) as one:
            await badges(one.edge, house, ADA)
            await until(one.edge, PictureKept, 1)
            async with asyncio.timeout(30):
                while not one.store.index.rows():
                    await asyncio.sleep(0.01)
            state = str(tmp_path / "state")
            words = ("web", "--state", state, "--listen", "127.0.0.1:0")
            web = Process("web", tmp_path, *words)
            try:
                said = await asyncio.to_thread(web.said, "http://")
                port = int(said.rstrip("/").rpartition(":")[2])
                await looked_at(one, house, port)
            finally:
                await asyncio.to_thread(web.stop)

    asyncio.run(run())
