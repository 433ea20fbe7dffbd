"""`sentrypost doctor` finds what is not well, says what to do about it, and that helps."""

import asyncio
import json
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from controller import events as ev
from drivers.mqtt_link import LinkFailed, LinkReport, MqttLink, Session
from edge import doctor_volumes
from edge.broker_link import broker_settings
from edge.clock import SystemClock, Trust
from edge.commands.doctor import checks, doctor
from edge.config import load_config
from edge.control.place import JOURNAL, SOCKET
from edge.doctor import Finding, Machine, Patient, Verdict, findings
from edge.doctor_records import _followed, _signers
from edge.duress_keys import make_duress_key
from edge.notes import Algorithm, NoteKey
from edge.signatures import public_text
from edge.signing_keys import make_signing_key
from edge.tls import identity
from edge.witness_keys import FOLLOWED_FILE, succeeded, succession, write_successions
from simulators.broker_process import BrokerProcess
from tests.drivers.mqtt import until as until_true
from tests.edge.control.rig import Running
from tests.edge.house import House, running, until
from tests.pki import SecuredBroker, SitePki

DAY_S = 86_400.0


def no_progress(_done: int, _total: int) -> None:
    pass


@pytest.fixture
def house(tmp_path: Path) -> House:
    (tmp_path / "house").mkdir()
    return House(tmp_path / "house")


def patient(house: House, root: Path = Path("/"), utc_s: float = 0.0, **more: Any) -> Patient:
    config = load_config(house.folder / "site.toml")
    return Patient(
        file=config.file,
        state=config.state,
        config=config,
        mistakes=0,
        volumes=more.pop("volumes", ()),
        machine=Machine(root, utc_s or time.time()),
        progress=no_progress,
    )


def found(name: str, patient: Patient) -> list[Finding]:
    return list(checks()[name](patient))


def verdicts(name: str, patient: Patient) -> list[Verdict]:
    return [finding.verdict for finding in found(name, patient)]


def asked(house: House, *arguments: str) -> Result:
    return CliRunner().invoke(doctor, ["--config", str(house.folder / "site.toml"), *arguments])


def asked_on_site(house: House, *arguments: str) -> Result:
    """The same, while the devices are there."""

    async def run() -> Result:
        async with house.line():
            return await asyncio.to_thread(asked, house, *arguments)

    return asyncio.run(run())


# --- the command ------------------------------------------------------------------------------


def test_a_fresh_site_has_warnings_and_no_failure(house: House) -> None:
    page = asked_on_site(house)
    assert page.exit_code == 0, page.output
    lines = page.stdout.splitlines()
    assert {line.split()[0] for line in lines} == {"ok", "warn"}
    assert [line for line in lines if line.startswith("ok ") and ";" in line] == []
    assert all("; " in line for line in lines if line.startswith("warn"))
    said = json.loads(asked_on_site(house, "--json").stdout)
    assert said["ok"] is True
    assert {one["check"] for one in said["findings"]} >= set(checks()) - {"certificates", "reports"}


def test_a_failure_is_the_exit_code_and_the_other_checks_go_on(house: House) -> None:
    (house.folder / "site.key").chmod(0o644)
    page = asked_on_site(house)
    assert page.exit_code == 1
    assert "fail" in page.stdout
    assert page.stdout.splitlines()[-1].split()[1] == "service"
    said = json.loads(asked_on_site(house, "--json").stdout)
    assert said["ok"] is False
    failed = [one for one in said["findings"] if one["verdict"] == "fail"]
    assert {one["check"] for one in failed} == {"keys"}
    assert all(one["remedy"] for one in failed)


def test_a_site_file_with_mistakes_hides_nothing_of_what_can_be_seen(house: House) -> None:
    file = house.folder / "site.toml"
    file.write_text(file.read_text() + "\n[nonsense]\n")
    (house.folder / "state" / "site.db").chmod(0o644)
    said = json.loads(asked(house, "--json").stdout)
    failed = {one["check"]: one["remedy"] for one in said["findings"] if one["verdict"] == "fail"}
    assert "sentrypost check" in failed["site file"]
    assert "chmod 600" in failed["state folder"]


def test_findings_come_one_by_one_in_the_order_of_the_table(house: House) -> None:
    names = [one.check for one in findings(patient(house), checks())]
    assert [name for name in checks() if name in names] == list(dict.fromkeys(names))


# --- orders -----------------------------------------------------------------------------------


def test_a_lockdown_that_nobody_could_lift_is_told_beforehand(house: House) -> None:
    file = house.folder / "site.toml"

    def said() -> str:
        return " ".join(one.said for one in found("orders", patient(house)))

    def may_sign(name: str, person: str, more: str = "", use: str = "order") -> None:
        public = public_text(make_signing_key(house.folder.parent / f"{name}.key").public)
        with file.open("a") as site:
            site.write(f'\n[key.{name}]\nperson = "{person}"\npublic = "{public}"\n')
            site.write(f'may = ["{use}"]\n{more}')

    assert "nobody has a key that signs orders" in said()
    may_sign("anna", "Anna", 'holder = "1"\n')
    may_sign("anna-2", "Anna")
    may_sign("carl", "Carl", 'holder = "3"\n', "people")
    assert "one person has a key" in said()
    may_sign("ben", "Ben")
    assert verdicts("orders", patient(house)) == [Verdict.OK]
    with (house.folder / "policy.toml").open("a") as policy:
        policy.write('\n[order.lift]\nroles = ["staff"]\npeople = 2\n')
    assert "[order.lift] asks for 2 people on file, and the keys of 1 say" in said()
    may_sign("dora", "Dora", 'holder = "2"\n')
    assert verdicts("orders", patient(house)) == [Verdict.OK]


# --- secrets ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("check", "place", "mode"),
    [
        ("state folder", "state", 0o755),
        ("state folder", "state", 0o770),
        ("state folder", "state/site.db", 0o640),
        ("state folder", "state/site.db.lock", 0o604),
        ("state folder", "state/views.db", 0o660),
        ("state folder", "state/views.db", 0o644),
        ("state folder", "state/journal", 0o750),
        ("state folder", "state/journal/segment-000001.db", 0o660),
        ("keys", "site.key", 0o640),
        ("keys", "front-in.key", 0o604),
        ("keys", "state/journal.key", 0o620),
        ("keys", "broker.password", 0o644),
        ("keys", "site.toml", 0o666),
    ],
)
def test_what_others_can_read_fails_until_the_remedy_is_done(
    check: str, place: str, mode: int, tmp_path: Path
) -> None:
    (tmp_path / "house").mkdir()
    house = House(
        tmp_path / "house",
        '[broker]\nhost = "127.0.0.1"\nusername = "gate"\npassword-file = "broker.password"\n',
    )
    for name in ("broker.password", "state/journal.key", "state/views.db"):
        (house.folder / name).touch(0o600)
    (house.folder / "state" / JOURNAL).mkdir(0o700)
    (house.folder / "state" / JOURNAL / "segment-000001.db").touch(0o600)
    config = patient(house)
    assert verdicts(check, config) == [Verdict.OK]
    (house.folder / place).chmod(mode)
    (finding,) = found(check, config)
    assert finding.verdict is Verdict.FAIL
    assert place.rpartition("/")[2] in finding.said
    subprocess.run(shlex.split(finding.remedy), check=True)
    assert verdicts(check, config) == [Verdict.OK]


def test_a_running_edges_folder_is_its_own(house: House) -> None:
    async def scene() -> None:
        async with house.line(), running(house) as edge:
            await until(edge, ev.EdgeReady)
            assert (house.folder / "state" / SOCKET).exists()
            await until_true((house.folder / "state" / "views.db").exists, "reports")
            assert found("state folder", patient(house))[0].verdict is Verdict.OK

    asyncio.run(scene())


def test_a_link_or_a_file_of_somebody_else_is_said(house: House) -> None:
    state = house.folder / "state"
    (state / "elsewhere").symlink_to("/etc/hostname")
    (finding,) = found("state folder", patient(house))
    assert (finding.verdict, "leads elsewhere" in finding.said) == (Verdict.WARN, True)
    (state / "elsewhere").unlink()
    if os.geteuid() == 0:
        os.chown(state / "site.db", 12345, -1)
        (finding,) = found("state folder", patient(house))
        assert "another account" in finding.said
        subprocess.run(shlex.split(finding.remedy), check=True)
        assert verdicts("state folder", patient(house)) == [Verdict.OK]


def test_keys_that_belong_elsewhere_are_found_beside_the_site_file(house: House) -> None:
    assert verdicts("stray keys", patient(house)) == [Verdict.OK]
    make_signing_key(house.folder / "chief.key")
    make_duress_key(house.folder / "watch-room.key", b"secret")
    (house.folder / "notes.txt").write_text("nothing")
    by_name = {
        Path(finding.said.split()[0]).name: finding.verdict
        for finding in found("stray keys", patient(house))
    }
    assert by_name == {"chief.key": Verdict.FAIL, "watch-room.key": Verdict.WARN}


# --- volumes ----------------------------------------------------------------------------------


class Sys:
    """A tree as Linux shows it: mounts and the devices behind them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "proc/self").mkdir(parents=True)
        (root / "sys/dev/block").mkdir(parents=True)
        self._lines = ["21 1 0:21 / /proc rw,relatime - proc proc rw"]

    def mount(self, point: Path, device: str, kind: str, source: str) -> None:
        escaped = str(point).replace(" ", "\\040")
        self._lines.append(f"30 21 {device} / {escaped} rw shared:1 - {kind} {source} rw")
        (self.root / "proc/self/mountinfo").write_text("\n".join(self._lines) + "\n")

    def device(self, number: str, uuid: str = "", parts: tuple[str, ...] = ()) -> Path:
        folder = self.root / "sys/dev/block" / number
        (folder / "slaves").mkdir(parents=True)
        if uuid:
            (folder / "dm").mkdir()
            (folder / "dm/uuid").write_text(f"{uuid}\n")
        for part in parts:
            (folder / "slaves" / part.replace(":", "-")).symlink_to(folder.parent / part)
        return folder


LUKS, LVM = "CRYPT-LUKS2-5f3759df-cryptstate", "LVM-abcdef"


@pytest.fixture
def system(tmp_path: Path) -> Sys:
    return Sys(tmp_path / "root")


def plain(system: Sys) -> None:
    system.device("8:2")


def luks(system: Sys) -> None:
    system.device("8:2", LUKS, ("8:1",))
    system.device("8:1")


def lvm_on_luks(system: Sys) -> None:
    system.device("8:2", LVM, ("253:0",))
    system.device("253:0", LUKS)


def raid_of_luks(system: Sys) -> None:
    system.device("8:2", "", ("253:0", "253:1"))
    system.device("253:0", LUKS)
    system.device("253:1", LUKS)


def half_of_it_luks(system: Sys) -> None:
    system.device("8:2", LVM, ("253:0", "8:1"))
    system.device("253:0", LUKS)
    system.device("8:1")


def lvm(system: Sys) -> None:
    system.device("8:2", LVM, ("8:1",))
    system.device("8:1")


def partition_of_luks(system: Sys) -> None:
    whole = system.device("253:0", LUKS)
    (whole / "part").mkdir()
    (whole / "part/partition").write_text("1\n")
    (system.root / "sys/dev/block/8:2").symlink_to(whole / "part")


def loop(system: Sys) -> None:
    (system.device("8:2") / "loop").mkdir()


@pytest.mark.parametrize(
    ("devices", "verdict", "said"),
    [
        (plain, Verdict.WARN, "which dm-crypt does not encrypt"),
        (luks, Verdict.OK, "encrypted volume"),
        (lvm_on_luks, Verdict.OK, "encrypted volume"),
        (raid_of_luks, Verdict.OK, "encrypted volume"),
        (partition_of_luks, Verdict.OK, "encrypted volume"),
        (half_of_it_luks, Verdict.WARN, "does not encrypt"),
        (lvm, Verdict.WARN, "does not encrypt"),
        (loop, Verdict.WARN, "cannot be told"),
    ],
)
def test_the_device_below_the_state_folder_says_whether_it_is_encrypted(
    devices: Callable[[Sys], None], verdict: Verdict, said: str, system: Sys, house: House
) -> None:
    devices(system)
    system.mount(Path("/"), "8:9", "ext4", "/dev/sda9")
    system.mount(house.folder, "8:2", "ext4", "/dev/sda2")
    (finding,) = found("encryption", patient(house, system.root))
    assert (finding.verdict, said in finding.said) == (verdict, True), finding
    assert bool(finding.remedy) is (verdict is not Verdict.OK)


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [
        ("zfs", Verdict.WARN),
        ("ecryptfs", Verdict.WARN),
        ("overlay", Verdict.WARN),
        ("nfs4", Verdict.WARN),
        ("fuse.gocryptfs", Verdict.WARN),
        ("tmpfs", Verdict.FAIL),
    ],
)
def test_where_it_cannot_be_told_that_is_said_and_a_memory_is_no_disk(
    kind: str, verdict: Verdict, system: Sys, house: House
) -> None:
    luks(system)
    system.mount(house.folder, "8:2", kind, "whatever")
    (finding,) = found("encryption", patient(house, system.root))
    assert finding.verdict is verdict
    assert kind in finding.said
    assert finding.remedy


def test_the_deepest_and_latest_mount_counts_and_each_volume_is_judged(
    system: Sys, house: House, tmp_path: Path
) -> None:
    luks(system)
    system.device("8:5")
    archive = tmp_path / "the archive"
    archive.mkdir()
    system.mount(Path("/"), "8:5", "ext4", "/dev/sda5")
    system.mount(house.folder, "8:5", "ext4", "/dev/sda5")
    system.mount(house.folder, "8:2", "ext4", "/dev/mapper/state")
    system.mount(archive, "8:2", "ext4", "/dev/mapper/state")
    system.mount(house.folder / "policy", "8:5", "ext4", "/dev/sda5")
    volumes = (archive, tmp_path)
    assert verdicts("encryption", patient(house, system.root, volumes=volumes)) == [
        Verdict.OK,
        Verdict.OK,
        Verdict.WARN,
    ]


def test_a_file_system_that_numbers_its_mounts_itself_is_found_by_its_source(
    system: Sys, house: House
) -> None:
    """btrfs. A device of this machine stands for the one of the mapper: any has a number."""
    (system.root / "dev/mapper").mkdir(parents=True)
    (system.root / "dev/mapper/state").symlink_to("/dev/null")
    system.device("1:3", LUKS)
    system.mount(house.folder, "0:77", "btrfs", "/dev/mapper/state")
    assert verdicts("encryption", patient(house, system.root)) == [Verdict.OK]
    system.mount(house.folder, "0:78", "btrfs", "/dev/mapper/gone")
    assert verdicts("encryption", patient(house, system.root)) == [Verdict.WARN]


def test_a_machine_that_shows_nothing_is_no_all_clear(house: House, tmp_path: Path) -> None:
    (finding,) = found("encryption", patient(house, tmp_path / "nowhere"))
    assert finding.verdict is Verdict.WARN


def test_this_machine_gives_an_answer(house: House) -> None:
    (finding,) = found("encryption", patient(house))
    assert str(house.folder / "state") in finding.said


def test_room_is_counted_against_what_the_journal_needs(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This disk has some room; how much would be too little is moved past it."""
    assert verdicts("room", patient(house)) == [Verdict.OK]
    monkeypatch.setattr(doctor_volumes, "FREE_WARN_BYTES", 2**62)
    assert verdicts("room", patient(house)) == [Verdict.WARN]
    monkeypatch.setattr(doctor_volumes, "ROOM_FACTOR", 2**40)
    assert verdicts("room", patient(house)) == [Verdict.FAIL]


def test_a_log_that_is_not_folded_in_is_said(house: House) -> None:
    folder = house.folder / "state" / JOURNAL
    folder.mkdir()
    with (folder / "segment-000001.db-wal").open("wb") as log:
        log.truncate(doctor_volumes.LOG_WARN_BYTES + 1)
    (_, finding) = found("room", patient(house))
    assert (finding.verdict, "not folded in" in finding.said) == (Verdict.WARN, True)


# --- records ----------------------------------------------------------------------------------


@pytest.fixture
def lived(house: House) -> House:
    """An edge was there and ended in good order."""

    async def scene() -> None:
        async with house.line(), running(house) as edge:
            await until(edge, ev.EdgeReady)

    asyncio.run(scene())
    return house


def test_a_closed_journal_is_proved_whole(lived: House) -> None:
    whole = found("journal", patient(lived))
    assert whole[0].verdict is Verdict.OK
    assert "snapshots hold" in whole[0].said
    assert "no edge runs here" in whole[1].said
    assert "no witness is named" in whole[2].said


def test_of_when_the_keys_are_is_said(lived: House) -> None:
    """That of the journal and of orders by their files, the witness's by its succession."""
    state = lived.folder / "state"
    for name, at_s in (("journal.key", 1_767_350_000), ("order.key", 1_772_450_000)):
        os.utime(state / name, (at_s, at_s))
    (keys,) = found("keys", patient(lived))
    assert "its journal with a key of 2026-01-02 and its own orders with a key of" in keys.said
    former, key = (make_signing_key(lived.folder / name) for name in ("one.key", "two.key"))
    named = NoteKey("sentrypost/_central", former.public, Algorithm.WITNESS)
    step = succession(succeeded(named.name, former, key, 1_777_500_000))
    write_successions(state / FOLLOWED_FILE, [step])
    site = lived.folder / "site.toml"
    with site.open("a") as file:
        file.write(f'\n[broker]\nhost = "127.0.0.1"\nwitness = "{named.text}"\n')
    witnessed = patient(lived)
    assert _followed(witnessed) == "; its key is of 2026-04-29"
    assert _signers(witnessed).witnesses[1:] == (named,)


def test_one_changed_byte_is_a_failure(lived: House) -> None:
    (segment,) = (lived.folder / "state" / JOURNAL).glob("segment-*.db")
    data = segment.read_bytes()
    at = data.index(b'"edge-started"')
    segment.write_bytes(data[: at + 2] + b"D" + data[at + 3 :])
    first = found("journal", patient(lived))[0]
    assert first.verdict is Verdict.FAIL
    assert "sentrypost journal verify" in first.remedy


def test_a_journal_that_is_gone_is_another_thing_than_none_yet(house: House) -> None:
    assert verdicts("journal", patient(house)) == [Verdict.WARN]
    (house.folder / "state" / JOURNAL).mkdir()
    assert verdicts("journal", patient(house)) == [Verdict.FAIL]


def test_a_running_edge_says_how_it_is_itself(house: House) -> None:
    async def scene() -> None:
        async with house.line(), running(house) as edge:
            await until(edge, ev.EdgeReady)
            said = await asyncio.to_thread(found, "journal", patient(house))
            assert said[0].verdict is Verdict.OK
            assert "has written entry" in said[0].said
            assert not any(one.verdict is Verdict.FAIL for one in said)
            (kept,) = await asyncio.to_thread(found, "reports", patient(house))
            assert kept.verdict is Verdict.OK

    asyncio.run(scene())


# --- outside ----------------------------------------------------------------------------------


def with_broker(folder: Path, port: int, more: str = "") -> House:
    (folder / "house").mkdir()
    return House(folder / "house", f'[broker]\nhost = "127.0.0.1"\nport = {port}\n{more}')


def test_a_broker_that_is_not_there_fails_and_one_that_is_does_not(
    tmp_path: Path, silent_port: int, mosquitto: BrokerProcess
) -> None:
    house = with_broker(tmp_path, silent_port)
    (finding,) = found("broker", patient(house))
    assert (finding.verdict, f"127.0.0.1:{silent_port}" in finding.said) == (Verdict.FAIL, True)
    assert finding.remedy
    file = house.folder / "site.toml"
    file.write_text(file.read_text().replace(str(silent_port), str(mosquitto.port)))
    assert verdicts("broker", patient(house)) == [Verdict.OK]


def test_looking_at_the_broker_does_not_end_the_edges_own_connection(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    house = with_broker(tmp_path, mosquitto.port)
    settings = broker_settings(house.config())
    assert settings is not None
    reports: list[LinkReport] = []

    async def scene() -> None:
        link = MqttLink(settings, reports.append)
        task = asyncio.create_task(link.run(Session(filters=())))
        await until_true(lambda: link.connected, "connected")
        look = await asyncio.to_thread(found, "broker", patient(house))
        assert [one.verdict for one in look] == [Verdict.OK]
        # Whoever comes under the same id is answered before the one who was there is let go.
        again = await asyncio.to_thread(found, "broker", patient(house))
        assert [one.verdict for one in again] == [Verdict.OK]
        assert link.connected
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(scene())
    assert not any(isinstance(report, LinkFailed) for report in reports)


def test_a_secured_broker_is_reached_with_the_edges_certificate_alone(tmp_path: Path) -> None:
    own = SitePki(tmp_path)
    files = own.make("edge", "gate")
    with SecuredBroker(own) as broker:
        tls = f'ca = "{files.ca}"\ncertificate = "{files.certificate}"\n'
        house = with_broker(tmp_path, broker.port, tls)
        assert verdicts("broker", patient(house)) == [Verdict.OK]
        file = house.folder / "site.toml"
        beside = house.folder / "gate.pem"
        shutil.copy(files.certificate, beside)
        assert verdicts("stray keys", patient(house)) == [Verdict.FAIL]
        file.write_text(file.read_text().replace(str(files.certificate), "gate.pem"))
        assert verdicts("stray keys", patient(house)) == [Verdict.OK]
        tls = tls.replace(str(files.certificate), "gate.pem")
        file.write_text(file.read_text().replace(tls, ""))
        assert verdicts("broker", patient(house)) == [Verdict.FAIL]


def test_certificates_are_told_before_they_end(tmp_path: Path, silent_port: int) -> None:
    own = SitePki(tmp_path)
    files = own.make("edge", "gate")
    tls = f'ca = "{files.ca}"\ncertificate = "{files.certificate}"\n'
    house = with_broker(tmp_path, silent_port, tls)
    until_s = identity(files).until.timestamp()
    assert verdicts("certificates", patient(house)) == [Verdict.OK, Verdict.OK]
    for days_before, verdict in (
        (31.5, Verdict.OK),
        (29.5, Verdict.WARN),
        (0.5, Verdict.WARN),
        (-0.5, Verdict.FAIL),
    ):
        then = patient(house, utc_s=until_s - days_before * DAY_S)
        finding = found("certificates", then)[0]
        assert finding.verdict is verdict, days_before
    assert "has ended" in finding.said
    assert "pki" in finding.remedy


def test_a_broker_without_tls_is_a_warning(tmp_path: Path, silent_port: int) -> None:
    house = with_broker(tmp_path, silent_port)
    assert verdicts("certificates", patient(house)) == [Verdict.WARN]


def test_the_clock_is_believed_as_the_kernel_says(house: House) -> None:
    assert verdicts("clock", patient(house)) == [Verdict.WARN]  # trust-clock = "always"
    file = house.folder / "site.toml"
    file.write_text(file.read_text().replace('"always"', '"synchronised"'))
    disciplined = SystemClock(Trust.SYNCHRONISED).trusted()
    expected = Verdict.OK if disciplined else Verdict.FAIL
    assert verdicts("clock", patient(house)) == [expected]


@pytest.fixture
def daemon(house: House) -> Iterator[Running]:
    """A control socket of this process, as an edge's is one of its own."""
    (house.folder / "state" / "site.db").unlink()
    with Running(house.folder / "state") as serving:
        yield serving


def test_an_edge_that_is_no_unit_is_started_again_by_nobody(
    daemon: Running, house: House, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    (finding,) = found("service", patient(house, root))
    assert "systemd does not run here" in finding.said
    (root / "run/systemd/system").mkdir(parents=True)
    (unseen,) = found("service", patient(house, root))
    # The daemon's account sees it no more than others do: `edge.process` keeps its memory private.
    assert (unseen.verdict, unseen.remedy) == (Verdict.WARN, "run this as root")
    environ = root / f"proc/{os.getpid()}/environ"
    environ.parent.mkdir(parents=True)
    for content, said, verdict in (
        (b"HOME=/\0", "is not a unit", Verdict.WARN),
        (b"HOME=/\0NOTIFY_SOCKET=/run/x\0", "no watchdog", Verdict.WARN),
        (b"NOTIFY_SOCKET=/run/x\0WATCHDOG_USEC=10000000\0", "watches it", Verdict.OK),
    ):
        environ.write_bytes(content)
        finding, machine = found("service", patient(house, root))
        assert (finding.verdict, said in finding.said) == (verdict, True), finding
        assert machine.verdict is Verdict.WARN
    conf = root / "etc/systemd/system.conf.d/watchdog.conf"
    conf.parent.mkdir(parents=True)
    conf.write_text("[Manager]\nRuntimeWatchdogSec=30\n")
    assert found("service", patient(house, root))[1].verdict is Verdict.OK
    conf.write_text("[Manager]\n#RuntimeWatchdogSec=30\nRuntimeWatchdogSec=0\n")
    assert found("service", patient(house, root))[1].verdict is Verdict.WARN


def test_reports_that_stand_still_are_said_and_no_failure(daemon: Running, house: House) -> None:
    """The small daemon says that it keeps none."""
    (finding,) = found("reports", patient(house))
    assert (finding.verdict, "none are kept here" in finding.said) == (Verdict.WARN, True)


def test_time_zones_of_another_edition_than_the_policys_are_said(
    daemon: Running, house: House
) -> None:
    """The small daemon says that its policy was loaded under those of 2025.2."""
    (finding,) = found("time zones", patient(house))
    assert (finding.verdict, "2025.2" in finding.said) == (Verdict.WARN, True)
