"""The birth tells which people the edge goes by, and is told anew when they change."""

import asyncio
from collections.abc import Callable
from typing import NoReturn

import pytest

from drivers.mqtt_link import Connected, Happening, Publication, Session
from edge import uplink, wire
from edge.journal import Stored
from edge.journal.record import Following
from edge.uplink import InForce, Uplink
from tests.central.rig import unwitnessed

STATUS = "sentrypost/v1/house/gate/status"


class Journal:
    """An empty one."""

    incarnation = "0123456789abcdef"
    last_seq = 0
    acked = 0

    async def following(
        self, from_seq: int, limit_entries: int, limit_bytes: int
    ) -> Following[Stored]:
        return Following(b"", [])

    async def set_acked(self, seq: int, *, incarnation: str) -> None:
        raise AssertionError("nothing is acknowledged here")


class QuietLink:
    """A broker that accepts us at once and says nothing more."""

    def __init__(self) -> None:
        self.connected = False
        self.outstanding = self.waiting = 0
        self.published: list[wire.Status] = []

    def publish(self, publication: Publication) -> None:
        if publication.topic == STATUS:
            assert publication.retain
            self.published.append(wire.decode_status(publication.payload))

    async def next(self) -> Happening:
        if self.connected:
            await asyncio.get_running_loop().create_future()
        self.connected = True
        return Connected(number=1)

    async def run(self, session: Session) -> NoReturn:
        await asyncio.get_running_loop().create_future()
        raise AssertionError("cancelled before")


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.005)


def test_a_change_of_people_is_told_in_the_retained_status(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(uplink, "REBIRTH_S_MIN", 0.05)

    async def run() -> None:
        link, people = QuietLink(), [InForce(3, 1_000)]
        journal = Journal()
        witnessed = unwitnessed(journal)  # type: ignore[arg-type]  # it is never asked
        one = Uplink(journal, link, "house", "gate", "1.0", witnessed, in_force=lambda: people[0])
        task = asyncio.create_task(one.run())
        await until(lambda: len(link.published) == 1)
        assert (link.published[0].people, link.published[0].people_made_us) == (3, 1_000)
        one.committed([])
        await asyncio.sleep(4 * uplink.REBIRTH_S_MIN)
        assert len(link.published) == 1, "what is known is not told again with every entry"
        people[0] = InForce(4, 2_000)
        one.committed([])
        await until(lambda: len(link.published) == 2)
        assert (link.published[1].people, link.published[1].people_made_us) == (4, 2_000)
        assert link.published[1].connection == link.published[0].connection
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())


def test_a_status_of_before_is_still_read() -> None:
    old = (
        b'{"alive":true,"incarnation":"0123456789abcdef","boot":1,"number":1,"version":"0.1.0",'
        b'"last_seq":5,"acked":4}'
    )
    status = wire.decode_status(old)
    assert (status.people, status.people_made_us) == (0, None)
