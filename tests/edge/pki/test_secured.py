"""Whom a Mosquitto as we configure it lets in, whom we believe to be it, and what we say if not."""

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.mqtt_link import LinkFailed, Problem
from edge.pki import certificates
from edge.tls import TlsFiles, context
from tests.drivers.mqtt import Rig, connected, running, until
from tests.pki import SecuredBroker, SitePki, commanded

GATE = "gate"


@pytest.fixture
def own(tmp_path: Path) -> SitePki:
    return SitePki(tmp_path)


@pytest.fixture
def secured(own: SitePki) -> Iterator[SecuredBroker]:
    with SecuredBroker(own) as broker:
        yield broker


def unchecked(files: TlsFiles) -> ssl.SSLContext:
    """As somebody would who does not use our program."""
    made = ssl.create_default_context(cafile=files.ca)
    made.load_cert_chain(files.certificate)
    return made


def rig(broker: SecuredBroker, files: TlsFiles, host: str = "127.0.0.1") -> Rig:
    return Rig(broker.port, host=host, tls=lambda: context(files))


async def refused(one: Rig, why: str) -> None:
    """Again and again, and never connected. What a broker thinks of our certificate may be lost on
    its way once, and not always.
    """

    def said() -> bool:
        return any(isinstance(r, LinkFailed) and why in r.detail for r in one.reports)

    async with running(one):
        await until(said, why)
        await until(lambda: len(one.failures()) > 1, "tried again")
        assert not one.link.connected
    assert set(one.failures()) == {Problem.TLS}
    report = one.reports[-1]
    assert isinstance(report, LinkFailed)
    assert "sentrypost pki list" in report.remedy


def test_who_has_a_certificate_is_let_in_by_each_name_of_the_broker(
    own: SitePki, secured: SecuredBroker
) -> None:
    files = own.make("edge", GATE)

    async def scene() -> None:
        for host in ("127.0.0.1", "localhost"):
            async with running(rig(secured, files, host)) as one:
                await connected(one)

    asyncio.run(scene())


def test_whoever_is_another_is_refused_and_hears_why(
    own: SitePki, secured: SecuredBroker, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = SitePki(tmp_path / "other")
    stranger = TlsFiles(own.ca, other.make("edge", GATE).certificate)
    late = TlsFiles(own.ca, tmp_path / "late.pem")
    own.put_expired(late.certificate, GATE)

    def nameless() -> ssl.SSLContext:
        return ssl.create_default_context(cafile=own.ca)

    async def scene() -> None:
        with pytest.raises(ValueError, match="is not by an authority in"):
            context(stranger)  # we would not even try
        await refused(Rig(secured.port, tls=lambda: unchecked(stranger)), "unknown ca")
        await refused(Rig(secured.port, tls=nameless), "certificate required")
        await refused(rig(secured, late), "expired")
        async with running(Rig(secured.port)) as plain:
            await until(lambda: len(plain.failures()) > 1, "without TLS")
            assert not plain.link.connected

    asyncio.run(scene())


def test_a_broker_that_nobody_vouches_for_is_not_believed(own: SitePki, tmp_path: Path) -> None:
    """One of another authority, one of another name, and one with an edge's certificate."""
    (tmp_path / "other").mkdir()
    other = SitePki(tmp_path / "other")
    gate = own.make("edge", GATE)

    async def scene() -> None:
        with SecuredBroker(other) as broker:
            await refused(rig(broker, gate), "certificate verify failed: self-signed")
        elsewhere = own.make("broker", "mqtt.example.org").certificate
        with SecuredBroker(own, identity=elsewhere) as broker:
            await refused(rig(broker, gate), "IP address mismatch")
        with SecuredBroker(own, identity=own.make("edge", "thief").certificate) as broker:
            await refused(rig(broker, gate), "certificate purpose")

    asyncio.run(scene())


def test_the_brokers_own_certificate_opens_no_clients_door(
    own: SitePki, secured: SecuredBroker
) -> None:
    files = TlsFiles(own.ca, secured.folder / "broker.pem")

    async def scene() -> None:
        await refused(Rig(secured.port, tls=lambda: unchecked(files)), "unsupported certificate")

    asyncio.run(scene())


def test_a_revoked_certificate_is_refused_once_the_broker_has_the_list(
    own: SitePki, secured: SecuredBroker
) -> None:
    gate, annex = own.make("edge", GATE), own.make("edge", "annex")

    async def scene() -> None:
        async with running(rig(secured, gate)) as one:
            await connected(one)
        commanded("revoke", GATE, "--authority", own.home)
        secured.configure()
        secured.restart()
        await refused(rig(secured, gate), "revoked")
        async with running(rig(secured, annex)) as other:
            await connected(other)

    asyncio.run(scene())


def test_a_renewed_certificate_is_taken_with_the_next_connection(
    own: SitePki, secured: SecuredBroker, tmp_path: Path
) -> None:
    """The same link, and nothing was started again."""
    files = TlsFiles(own.ca, tmp_path / "gate.pem")
    own.put_expired(files.certificate, GATE)

    async def scene() -> None:
        async with running(rig(secured, files)) as one:
            await until(lambda: bool(one.failures()), "refused")
            own.put(files.certificate, GATE, certificates.now_utc(), 10)
            await connected(one)

    asyncio.run(scene())


def test_files_that_are_away_or_open_to_others_stop_nothing_but_the_connection(
    own: SitePki, secured: SecuredBroker
) -> None:
    files = own.make("edge", GATE)

    async def scene() -> None:
        async with running(rig(secured, files)) as one:
            await connected(one)
            files.certificate.chmod(0o640)
            secured.restart()
            await until(lambda: bool(one.failures()), "lost")
            await until(lambda: one.failures()[-1] is Problem.TLS, "not read")
            last = one.reports[-1]
            assert isinstance(last, LinkFailed)
            assert "chmod 600" in last.detail
            files.certificate.chmod(0o600)
            await connected(one)

    asyncio.run(scene())
