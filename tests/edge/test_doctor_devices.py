"""`sentrypost doctor` at the lines: ports, who answers, locks and contacts, with a daemon and
without one.
"""

import asyncio
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from grp import getgrnam
from pathlib import Path
from threading import Event, Thread

import pytest

from controller import events as ev
from edge import doctor_ports
from edge.device_keys import next_file
from edge.doctor import Finding, Verdict
from edge.doctor_devices import devices
from edge.doctor_ports import ports
from edge.line_speeds import LineSpeed, keep_speed, speed_of
from simulators.osdp_reader import SimulatedReader
from simulators.secret_file import write_secret
from tests.edge.checks import ready
from tests.edge.house import ADA, FRONT_CONTACT, House, running, until
from tests.edge.test_doctor import patient
from tests.servers import skip_or_fail


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@contextmanager
def readers_there(house: House) -> Iterator[None]:
    """The devices on their line, on a thread of their own; nobody speaks to them yet."""
    up, down = Event(), Event()

    async def serve() -> None:
        async with house.line():
            up.set()
            await asyncio.to_thread(down.wait)

    thread = Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert up.wait(30)
    try:
        yield
    finally:
        down.set()
        thread.join()


def looked(house: House, check: Callable[..., Iterator[Finding]] = devices) -> list[Finding]:
    return list(check(patient(house)))


def key_of(house: House, name: str) -> bytes:
    return bytes.fromhex((house.folder / f"{name}.key").read_text())


def about(found: list[Finding], begins: str) -> Finding:
    (one,) = [finding for finding in found if finding.said.startswith(begins)]
    return one


# --- who answers ------------------------------------------------------------------------------


def test_without_a_daemon_the_lines_are_looked_at_and_nothing_is_worked(house: House) -> None:
    with readers_there(house):
        found = looked(house)
    assert [one for one in found if one.verdict is not Verdict.OK] == []
    board = about(found, "board (line north, address 4) answers, paired and secure, over port")
    assert "baud 115200" in board.said
    assert about(found, "portal front").said == (
        "portal front: lock locked, output 0 of board, contact closed"
    )
    assert list(house.board.executed) == []


def test_what_is_wrong_with_a_device_is_told_with_what_to_do(house: House) -> None:
    house.readers["front-in"] = SimulatedReader(1, secrets.token_bytes(16), os.urandom)
    house.readers["vault-out"].silent = True
    house.readers["vault-in"].set_local(tampered=True, power_failing=True)
    house.board.set_input(FRONT_CONTACT, 3)
    with readers_there(house):
        found = looked(house)
    paired = about(found, "front-in (line north, address 1) is away")
    assert (paired.verdict, paired.remedy) == (
        Verdict.FAIL,
        "put it into install mode and pair it: sentrypost device pair front-in",
    )
    silent = about(found, "vault-out (line north, address 3) is away: does not answer")
    assert (silent.verdict, "check its power, wiring" in silent.remedy) == (Verdict.FAIL, True)
    assert about(found, "vault-in: its housing is open").verdict is Verdict.FAIL
    assert about(found, "vault-in: its power fails").verdict is Verdict.FAIL
    contact = about(found, "portal front: the contact on input 0 of board is cut")
    assert contact.verdict is Verdict.FAIL
    assert about(found, "portal vault-door").verdict is Verdict.OK


def test_a_reader_that_took_its_new_key_before_a_power_cut_is_no_stranger(
    house: House,
) -> None:
    new = secrets.token_bytes(16)
    write_secret(next_file(house.folder / "front-in.key"), new.hex().encode())
    house.readers["front-in"] = SimulatedReader(1, new, os.urandom)
    with readers_there(house):
        found = looked(house)
    assert about(found, "front-in (line north, address 1) answers").verdict is Verdict.OK
    assert next_file(house.folder / "front-in.key").exists(), "doctor changes nothing"


def test_a_line_that_was_brought_to_another_speed_is_looked_at_there(house: House) -> None:
    """The site file still says the former one. A change that was cut off is not taken up here."""
    for reader in house.readers.values():
        reader.baud = 38400
    kept = LineSpeed(115200, 38400)
    keep_speed(house.folder / "state", "north", kept)
    with readers_there(house):
        found = looked(house)
        assert [one for one in found if one.verdict is not Verdict.OK] == []
        assert "baud 38400" in about(found, "board (line north").said
        cut_off = LineSpeed(115200, 38400, 57600)
        keep_speed(house.folder / "state", "north", cut_off)
        found = looked(house)
    (wrong,) = [one for one in found if one.verdict is not Verdict.OK]
    assert (wrong.verdict, wrong.said) == (
        Verdict.WARN,
        "line north: a change from 38400 to 57600 baud was cut off, and who has gone is not seen",
    )
    assert speed_of(house.folder / "state", "north", 115200) == cut_off
    assert {reader.baud for reader in house.readers.values()} == {38400}


def test_a_reader_whose_word_could_be_anybodys_is_told_as_such(house: House) -> None:
    site = house.folder / "site.toml"
    line = '\n[line.{0}]\ndriver = "rdm6300"\nport = "{0}"\n\n[device.{0}]\nline = "{0}"\n'
    site.write_text(site.read_text() + line.format("side") + line.format("gone"))
    ends = os.openpty()
    (house.folder / "side").symlink_to(os.ttyname(ends[1]))
    try:
        with readers_there(house):
            found = looked(house)
    finally:
        for end in ends:
            os.close(end)
    side = about(found, "side (line side) is there over port")
    assert (side.verdict, "anybody could speak" in side.said) == (Verdict.WARN, True)
    gone = about(found, "gone (line gone) is away")
    assert (gone.verdict, "device scan" in gone.remedy, bool(gone.remedy)) == (
        Verdict.FAIL,
        False,
        True,
    )


def test_a_board_with_fewer_outputs_than_the_site_file_says_is_found(house: House) -> None:
    key = key_of(house, "board")
    house.readers["board"] = SimulatedReader(4, key, os.urandom, inputs=4, outputs=1)
    with readers_there(house):
        found = looked(house)
    lock = about(found, "portal vault-door: the lock on output 1 of board does not tell its state")
    assert (lock.verdict, "`outputs` in the site file" in lock.remedy) == (Verdict.WARN, True)
    assert about(found, "board was not believed: another number of").verdict is Verdict.WARN


def test_a_daemon_that_runs_is_asked_and_its_lines_are_left_to_it(house: House) -> None:
    async def run() -> list[Finding]:
        async with house.line(), running(house) as edge:
            await ready(edge)
            house.badge("front-in", ADA)
            await until(edge, ev.PortalGranted)
            async with asyncio.timeout(30):
                while "light" not in edge.daemon.devices.of("front-in").worked:
                    await asyncio.sleep(0.01)
            sessions = {name: one._session for name, one in house.readers.items()}
            found = await asyncio.to_thread(looked, house)
            assert sessions == {name: one._session for name, one in house.readers.items()}
            (port,) = await asyncio.to_thread(looked, house, ports)
            assert port.said.endswith("north is there, in the running edge's use")
            return found

    found = asyncio.run(run())
    assert {one.verdict for one in found} == {Verdict.OK}
    assert about(found, "portal front").said == (
        "portal front: lock released, output 0 of board obeys, contact closed, "
        "light of front-in obeys"
    )


def test_a_reader_without_a_light_shows_no_verdict(house: House) -> None:
    key = key_of(house, "front-in")
    house.readers["front-in"] = SimulatedReader(1, key, os.urandom, lights=0)

    async def run() -> list[Finding]:
        async with house.line(), running(house) as edge:
            await ready(edge)
            house.badge("front-in", ADA)
            async with asyncio.timeout(30):
                while "light" not in edge.daemon.devices.of("front-in").worked:
                    await asyncio.sleep(0.01)
            return await asyncio.to_thread(looked, house)

    light = about(asyncio.run(run()), "portal front: front-in shows no verdict")
    assert (light.verdict, bool(light.remedy)) == (Verdict.WARN, True)


# --- ports ------------------------------------------------------------------------------------


def test_a_port_that_is_not_there_is_told(house: House) -> None:
    (port,) = looked(house, ports)
    assert (port.verdict, "is not there" in port.said) == (Verdict.FAIL, True)
    assert "/dev/serial/by-id" in port.remedy


def test_a_file_is_no_port(house: House) -> None:
    (house.folder / "north").write_text("")
    (port,) = looked(house, ports)
    assert (port.verdict, "is no serial port" in port.said) == (Verdict.FAIL, True)
    (house.folder / "north").unlink()
    (house.folder / "north").symlink_to("/dev/null")
    (port,) = looked(house, ports)
    assert (port.verdict, "is no serial port" in port.said) == (Verdict.FAIL, True)


@pytest.mark.parametrize("locked", [False, True])
def test_whoever_has_the_port_open_is_named(house: House, locked: bool) -> None:
    opens = (
        "import fcntl, sys\n"
        "port = open(sys.argv[1], 'rb', 0)\n"
        f"{locked} and fcntl.flock(port, fcntl.LOCK_EX)\n"
        "print(flush=True)\n"
        "sys.stdin.read()\n"
    )
    with readers_there(house):
        assert [one.verdict for one in looked(house, ports)] == [Verdict.OK]
        with subprocess.Popen(
            [sys.executable, "-c", opens, str(house.folder / "north")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as other:
            assert other.stdout is not None
            assert other.stdout.readline()
            (port,) = looked(house, ports)
            # Without /proc, as for an account that may not look into it, the lock alone is seen.
            blind = patient(house, root=house.folder)
            (unseen,) = ports(blind)
            other.kill()
    assert port.verdict is Verdict.FAIL
    assert f"is in use by process {other.pid} (python" in port.said
    assert ("is in use by another program" in unseen.said) is locked


def test_an_account_that_may_not_open_the_port_is_told_how_it_may(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_ports, "_account", lambda _: 65_534)
    with readers_there(house):
        (house.folder / "north").chmod(0o600)
        (port,) = looked(house, ports)
    assert (port.verdict, "may not open" in port.said) == (Verdict.FAIL, True)
    assert port.remedy.startswith("usermod --append --groups ")


def of_group(house: House, group: int) -> None:
    """The port is root's, and that group may open it."""
    if os.geteuid() != 0:
        skip_or_fail("only root can give a port to a group")
    (house.folder / "north").chmod(0o660)
    os.chown(house.folder / "north", 0, group)


def test_a_group_of_the_units_own_opens_the_port(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The account is in no group: the unit says `SupplementaryGroups=`."""
    monkeypatch.setattr(doctor_ports, "_account", lambda _: 65_534)
    units = tmp_path / "etc/systemd/system"
    units.mkdir(parents=True)
    unit = units / "sentrypost@.service"

    def judged(text: str) -> Verdict:
        unit.write_text(text)
        (port,) = ports(patient(house, root=tmp_path))
        return port.verdict

    with readers_there(house):
        of_group(house, getgrnam("dialout").gr_gid)
        assert judged("SupplementaryGroups=nobody-has-this dialout\n") is Verdict.OK
        assert judged("SupplementaryGroups=audio\n") is Verdict.FAIL


def test_a_running_daemons_groups_are_its_own(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever its account has by now."""
    monkeypatch.setattr(doctor_ports, "_account", lambda _: 65_534)
    monkeypatch.setattr(doctor_ports, "daemon_at", lambda _: 7)
    status = tmp_path / "proc/7/status"
    status.parent.mkdir(parents=True)

    def judged(groups: str) -> Verdict:
        status.write_text(f"Uid:\t65534\t65534\nGid:\t65534\t65534\nGroups:\t{groups} \n")
        (port,) = ports(patient(house, root=tmp_path))
        return port.verdict

    with readers_there(house):
        dialout = getgrnam("dialout").gr_gid
        of_group(house, dialout)
        assert judged(f"4 {dialout}") is Verdict.OK
        assert judged("4") is Verdict.FAIL


def test_a_name_that_goes_by_the_order_of_plugging_is_told_with_the_one_that_stays(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with readers_there(house):
        port = (house.folder / "north").readlink()
        site = house.folder / "site.toml"
        site.write_text(site.read_text().replace('port = "north"', f'port = "{port}"'))
        stable = tmp_path / "by-id" / "usb-FTDI-if00"
        stable.parent.mkdir()
        stable.symlink_to(port)
        monkeypatch.setattr(doctor_ports, "UNSTABLE", (port.name,))
        monkeypatch.setattr(doctor_ports, "BY_ID", stable.parent)
        (found,) = looked(house, ports)
    assert found.verdict is Verdict.WARN
    assert found.remedy == f'write port = "{stable}"'


@pytest.mark.parametrize(
    ("serial", "verdict"), [("A50285BI\n", Verdict.OK), ("\n", Verdict.WARN), (None, Verdict.WARN)]
)
def test_an_adapter_without_a_serial_number_is_not_told_apart_from_another(
    house: House, tmp_path: Path, serial: str | None, verdict: Verdict
) -> None:
    """As a CH340 is: two of them would have one name, and one speak for the other's door."""
    with readers_there(house):
        pty = (house.folder / "north").readlink()
        name = tmp_path / "by-id" / "usb-1a86_USB_Serial-if00-port0"
        name.parent.mkdir()
        name.symlink_to(pty)
        site = house.folder / "site.toml"
        site.write_text(site.read_text().replace('port = "north"', f'port = "{name}"'))
        root, adapter = tmp_path / "root", tmp_path / "root/sys/devices/usb1/1-1"
        interface = adapter / "1-1:1.0" / pty.name
        interface.mkdir(parents=True)
        (adapter / "idVendor").write_text("1a86\n")
        if serial is not None:
            (adapter / "serial").write_text(serial)
        (root / "sys/class/tty" / pty.name).mkdir(parents=True)
        (root / "sys/class/tty" / pty.name / "device").symlink_to(interface)
        (found,) = ports(patient(house, root=root))
    assert found.verdict is verdict
    assert ("/dev/serial/by-path/" in found.remedy) is (verdict is Verdict.WARN)
