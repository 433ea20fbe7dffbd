"""An edge whose certificate is of no use: nothing goes to the archive, and every door works."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from central.archive_sqlite import SqliteArchive
from central.collector import Collector
from controller import events as ev
from drivers.mqtt_link import MqttLink
from edge.assembly import Edge
from edge.certificates import CertificateWatch
from edge.commands.status import lines
from edge.pki import certificates
from edge.tls import TlsFiles, context, identity
from tests.central.rig import settings
from tests.central.rig import until as until_true
from tests.edge.house import ADA, House, running, until
from tests.pki import SecuredBroker, SitePki, commanded

DAY_S = 86_400


@pytest.fixture
def own(tmp_path: Path) -> SitePki:
    made = SitePki(tmp_path)
    made.make("central")  # before the broker's list is written
    return made


def house(own: SitePki, port: int) -> House:
    (own.folder / "house").mkdir()
    entry = f'[broker]\nhost = "127.0.0.1"\nport = {port}\nca = "{own.ca}"\n'
    return House(own.folder / "house", f'{entry}certificate = "{own.folder / "gate.pem"}"')


@asynccontextmanager
async def archiving(own: SitePki, port: int) -> AsyncIterator[Collector]:
    """Central behind the same broker."""
    files = TlsFiles(own.ca, own.folder / "central.pem")
    stop = asyncio.Event()
    link = MqttLink(settings(port, "central", tls=lambda: context(files)), lambda _: None)
    path = own.folder / "archive.db"
    collector = Collector(link, lambda: SqliteArchive(path), lambda _: None)
    task = asyncio.create_task(collector.run(stop))
    try:
        await until_true(lambda: link.connected or task.done(), "central connected")
        yield collector
    finally:
        stop.set()
        await task


async def ada_enters(edge: Edge, house: House) -> None:
    """Granted, recorded, and the strike let go."""
    struck, decided = len(house.opened_at(0)), len(await until(edge, ev.DecisionMade, 0))
    house.badge("front-in", ADA)
    found = await until(edge, ev.DecisionMade, decided + 1)
    assert isinstance(found[-1], ev.DecisionMade)
    assert found[-1].decision.granted
    await until_true(lambda: len(house.opened_at(0)) > struck, "the strike")


def expired(own: SitePki) -> None:
    own.put_expired(own.folder / "gate.pem", "gate")


def revoked(own: SitePki) -> None:
    own.put(own.folder / "gate.pem", "gate", certificates.now_utc(), 90)
    commanded("revoke", "gate", "--authority", own.home)


def foreign(own: SitePki) -> None:
    (own.folder / "other").mkdir()
    other = SitePki(own.folder / "other")
    other.put(own.folder / "gate.pem", "gate", certificates.now_utc(), 90)


def missing(own: SitePki) -> None:
    pass


@pytest.mark.parametrize("spoil", [expired, revoked, foreign, missing])
def test_doors_go_on_while_the_archive_is_out_of_reach_and_it_gets_everything_later(
    own: SitePki, spoil: Callable[[SitePki], None]
) -> None:
    spoil(own)
    file = own.folder / "gate.pem"

    async def scene(broker: SecuredBroker) -> None:
        own_house = house(own, broker.port)
        async with archiving(own, broker.port), own_house.line(), running(own_house) as edge:
            await until(edge, ev.EdgeReady)
            uplink = edge.uplink
            assert uplink is not None
            await ada_enters(edge, own_house)
            assert not uplink.status.connected
            assert uplink.status.acked == 0
            file.unlink(missing_ok=True)
            own.put(file, "gate", certificates.now_utc(), 90)
            await until_true(lambda: uplink.status.connected, "connected", 40)
            await until_true(lambda: uplink.status.behind == 0, "all of it arrived")
            assert uplink.status.acked > 0

    with SecuredBroker(own) as broker:
        asyncio.run(scene(broker))


def test_a_certificate_near_its_end_is_an_alarm_in_the_journal_and_in_the_status(
    own: SitePki, silent_port: int
) -> None:
    file = own.folder / "gate.pem"
    own.put(file, "gate", certificates.now_utc() - timedelta(days=60), 65)
    own_house = house(own, silent_port)

    async def scene() -> None:
        async with own_house.line(), running(own_house) as edge:
            await until(edge, ev.EdgeReady)
            (told,) = await until(edge, ev.CertificateExpiring)
            until_s = int(identity(TlsFiles(own.ca, file)).until.timestamp())
            expected = ev.CertificateExpiring(which="edge", until_s=until_s, days_left=5)
            assert told == expected
            page = [line.text for line in lines(edge.desk.status())]
            assert any("CERTIFICATE ends in 5 days" in line for line in page)
        async with own_house.line(), running(own_house) as edge:
            await until(edge, ev.EdgeReady, 2)
            assert len(await until(edge, ev.CertificateExpiring)) == 1, "once"
        own.put_expired(file, "gate")
        async with own_house.line(), running(own_house) as edge:
            found = await until(edge, ev.CertificateExpiring, 2)
            assert isinstance(found[-1], ev.CertificateExpiring)
            assert found[-1].days_left == 0
            page = [line.text for line in lines(edge.desk.status())]
            assert any("CERTIFICATE ENDED" in line for line in page)

    asyncio.run(scene())


def test_a_broker_whose_certificate_is_near_its_end_is_told_of(own: SitePki) -> None:
    own.put(own.folder / "gate.pem", "gate", certificates.now_utc(), 90)

    async def scene(broker: SecuredBroker) -> None:
        own_house = house(own, broker.port)
        async with archiving(own, broker.port), own_house.line(), running(own_house) as edge:
            (told,) = await until(edge, ev.CertificateExpiring)
            assert isinstance(told, ev.CertificateExpiring)
            assert (told.which, told.days_left) == ("broker", 6)

    with SecuredBroker(own, days=6) as broker:
        asyncio.run(scene(broker))


def test_what_is_renewed_is_seen_and_what_cannot_be_read_is_said_once(
    own: SitePki, caplog: pytest.LogCaptureFixture
) -> None:
    files = own.make("edge", "gate")
    told: list[str] = []
    watch = CertificateWatch(lambda: identity(files), lambda which, _: told.append(which))

    async def scene() -> None:
        await watch.look()
        assert told == ["edge", "authority"]
        was = watch.until_s
        commanded("renew", "gate", "--early", "--days", "500", "--authority", own.home,
                  "--out", files.certificate)  # fmt: skip
        watch.saw_broker(5)
        await watch.look()
        assert told.count("broker") == 2, "as the others, at each look"
        assert (watch.until_s or 0) > (was or 0)
        files.certificate.unlink()
        for _ in range(3):
            await watch.look()
        assert watch.until_s is None

    asyncio.run(scene())
    assert caplog.text.count("nothing goes to the broker") == 1
