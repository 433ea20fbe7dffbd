"""Central behind mutual TLS, and what it says of its own certificate's end."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from central.certificates import Expiry
from central.commands import central
from controller.certificates import days_left, due
from drivers.mqtt_link import MqttLink
from edge.pki import certificates
from edge.tls import TlsFiles, context
from edge.uplink import Uplink
from tests.central.rig import (
    CentralProcess,
    journal,
    record,
    running,
    settings,
    until,
    unwitnessed,
)
from tests.pki import SecuredBroker, SitePki

DAY_S = 86_400


@pytest.mark.parametrize(
    ("left_s", "days", "alarm"),
    [
        (31 * DAY_S + 1, 32, None),
        (30 * DAY_S + 1, 31, None),
        (30 * DAY_S, 30, 30),
        (8 * DAY_S, 8, 30),
        (7 * DAY_S, 7, 7),
        (DAY_S + 1, 2, 7),
        (DAY_S, 1, 1),
        (1, 1, 1),
        (0, 0, 0),
        (-DAY_S, 0, 0),
    ],
)
def test_alarms_are_due_thirty_seven_and_one_day_before_and_at_the_end(
    left_s: int, days: int, alarm: int | None
) -> None:
    until_s = 1_800_000_000
    assert days_left(until_s, until_s - left_s) == days
    assert due(days) == alarm


def test_each_alarm_is_said_once_and_a_renewal_ends_them(tmp_path: Path) -> None:
    own = SitePki(tmp_path)
    files = TlsFiles(own.ca, tmp_path / "central.pem")
    began = certificates.now_utc()
    own.put(files.certificate, "gate", began, 60)
    said: list[str] = []
    expiry = Expiry(files, said.append)

    def look(days: float) -> int:
        """How much was said by then."""
        expiry.look(int((began + timedelta(days=days)).timestamp()))
        return len(said)

    assert [look(days) for days in (1, 29, 30, 40, 53, 54, 59, 60, 70)] == [
        *(0, 0, 1, 1, 2, 2, 3, 4, 4)
    ]
    assert "ends in 30 days" in said[0]
    assert "ended on" in said[-1]
    own.put(files.certificate, "gate", began, 300)
    assert look(70) == 4
    assert look(280) == 5
    files.certificate.chmod(0o644)
    assert look(281) == 6
    assert "chmod 600" in said[-1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--ca", "ca"), "go together"),
        (("--certificate", "central"), "go together"),
        (("--ca", "ca", "--certificate", "gate"), "is of 'house/gate', which is no central"),
        (("--ca", "ca", "--certificate", "nothing"), "cannot be read"),
        (("--ca", "ca", "--certificate", "central", "--key", "gate"), "is not that of"),
        (("--ca", "foreign", "--certificate", "central"), "is not by an authority in"),
    ],
)
def test_files_that_do_not_belong_together_are_refused_at_the_start(
    tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    own = SitePki(tmp_path)
    (tmp_path / "other").mkdir()
    places = {
        "ca": own.ca,
        "central": own.make("central").certificate,
        "gate": own.make("edge", "gate").certificate,
        "nothing": tmp_path / "nothing.pem",
        "foreign": SitePki(tmp_path / "other").ca,
    }
    given = [str(places.get(one, one)) for one in options]
    order = ["run", "--broker", "127.0.0.1:1", "--archive", str(tmp_path / "a.db"), *given]
    done = CliRunner().invoke(central, order)
    assert (done.exit_code, said in done.output) == (1, True), done.output
    assert not (tmp_path / "a.db").exists()


def test_a_password_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("hunter2\n")
    file.chmod(0o640)
    order = ["run", "--broker", "127.0.0.1:1", "--archive", str(tmp_path / "a.db")]
    done = CliRunner().invoke(central, [*order, "--password-file", str(file)])
    assert (done.exit_code, "others on this machine can read" in done.output) == (1, True)
    assert "hunter2" not in done.output
    assert not (tmp_path / "a.db").exists()


def test_an_edge_and_central_as_a_process_behind_mutual_tls(tmp_path: Path) -> None:
    """Through a broker that is killed and started again: what it lost is sent again."""
    own = SitePki(tmp_path)
    gate, head = own.make("edge", "gate"), tmp_path / "head.pem"
    archive = tmp_path / "archive.db"

    async def scene(broker: SecuredBroker) -> None:
        outbox = await journal(tmp_path / "j", site="house", edge="gate")
        link = MqttLink(settings(broker.port, "x", tls=lambda: context(gate)), lambda _: None)
        nobody = unwitnessed(outbox)
        uplink = Uplink(outbox, link, "house", "gate", "0.1.0", nobody)
        one = CentralProcess(broker.port, archive, "--ca", str(own.ca), "--certificate", str(head))
        try:
            async with running(uplink.run(), "uplink"):
                for round_ in range(2):
                    new = [
                        record(outbox.incarnation, seq, site="house", edge="gate")
                        for seq in range(50 * round_ + 1, 50 * round_ + 51)
                    ]
                    await outbox.append(new)
                    uplink.committed(new)
                    await until(lambda: outbox.acked == outbox.last_seq, "stored")
                    broker.restart(kill=not round_)
                await until(lambda: "our certificate ends in 20 days" in one.output, "alarm")
                await until(lambda: "broker's certificate ends in 25 days" in one.output, "alarm")
                assert one.output.count("ends in") == 2, "each once"
        finally:
            assert one.stop() == 0
            await outbox.close()

    _twenty_days(own, head)
    with SecuredBroker(own, days=25) as broker:
        asyncio.run(scene(broker))


def _twenty_days(own: SitePki, file: Path) -> None:
    """Central's certificate near its end."""
    from edge.pki.bundle import Bundle, put_bundle
    from edge.pki.names import Role, subject

    key, now = certificates.new_key(), datetime.now(UTC).replace(microsecond=0)
    who = subject("house", Role.CENTRAL)
    made = own.authority.issue(who, key.public_key(), str, now, 20)
    put_bundle(file, Bundle(made, key))
