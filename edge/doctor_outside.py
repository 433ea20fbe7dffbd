"""What an edge needs from outside: its clock, its broker, certificates, who starts it again."""

import asyncio
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from controller.certificates import days_left, due
from drivers.mqtt_link import LinkFailed, LinkReport, LinkSettings, LinkUp, MqttLink, Session
from edge.broker_link import broker_settings
from edge.clock import SystemClock, Trust
from edge.control.calling import ControlClientError
from edge.control.client import Client
from edge.control.peer import peer_of
from edge.control.place import SOCKET, address_of
from edge.doctor import Finding, Patient, fail, ok, warn
from edge.policy_bundle import own_tzdata
from edge.present import clean
from edge.tls import TlsError, identity

BROKER_WITHIN_S = 8.0
"""For each node: a name that is looked up, a connection, a handshake, the broker's word."""

CONNECT_WITHIN_S = 2.0

PKI = "docs/operations.md has what `sentrypost pki` makes"


def site_file(patient: Patient) -> Iterator[Finding]:
    """Whether it says what is needed; its mistakes are another command's."""
    if patient.config is None:
        count = "a mistake" if patient.mistakes == 1 else f"{patient.mistakes} mistakes"
        yield fail(f"{patient.file} has {count}", "`sentrypost check` names them")
    else:
        yield ok(f"{patient.file} and its policy are in order")


def clock(patient: Patient) -> Iterator[Finding]:
    """Whether wall time is believed, and by what."""
    if patient.config is None:
        return
    if patient.config.trust_clock is Trust.ALWAYS:
        yield warn(
            "wall time is always believed, whether anything sets it or not",
            'write trust-clock = "synchronised" and run a time service',
        )
    elif SystemClock(Trust.SYNCHRONISED).trusted():
        yield ok("the kernel says that a time service disciplines the clock")
    else:
        yield fail(
            "the clock is not synchronised: what depends on the time denies entry",
            "install and start a time service (chrony, ntpd), and see that it reaches its servers",
        )


def time_zones(patient: Patient) -> Iterator[Finding]:
    """The edition of the time zones under which the policy in force was loaded."""
    here = own_tzdata()
    try:
        with Client(patient.state) as client:
            loaded = client.policy_status().tzdata
    except ControlClientError:
        yield ok(f"time zones are of edition {here}")
        return
    if loaded == here:
        yield ok(f"time zones are of edition {here}, and so are the policy's in force")
    else:
        yield warn(
            f"the policy in force was loaded with time zones {loaded}, installed are {here}",
            "start the edge again, and see with `sentrypost policy status` what is in force then",
        )


def broker(patient: Patient) -> Iterator[Finding]:
    """Whether each node takes us, by the site file's settings and beside a running edge."""
    if patient.config is None:
        return
    # The broker knows each id once: under the edge's own it would let the running edge go.
    settings = broker_settings(patient.config, f"{patient.config.site}.doctor-{token_hex(4)}")
    if settings is None:
        yield warn("no broker is named: nothing leaves this edge", "name one in `[broker]`")
        return
    if settings.tls is not None and _is_connected(patient):
        # There the certificate's name is the id, whatever we say: we would end its connection.
        yield ok("the running edge is connected to its broker")
        return
    for node in settings.nodes:
        yield asyncio.run(_reached(node))


def _is_connected(patient: Patient) -> bool:
    try:
        with Client(patient.state) as client:
            uplink = client.status().uplink
    except ControlClientError:
        return False
    return uplink is not None and uplink.connected


async def _reached(settings: LinkSettings) -> Finding:
    where = f"{settings.host}:{settings.port}"
    said: asyncio.Future[LinkReport] = asyncio.get_running_loop().create_future()

    def heard(report: LinkReport) -> None:
        if isinstance(report, LinkUp | LinkFailed) and not said.done():
            said.set_result(report)

    link = asyncio.create_task(MqttLink(settings, heard).run(Session(filters=())))
    try:
        async with asyncio.timeout(BROKER_WITHIN_S):
            report = await said
    except TimeoutError:
        return fail(
            f"{where} says nothing within {BROKER_WITHIN_S:.0f} s",
            "look at the broker's machine, and the network between",
        )
    finally:
        link.cancel()
        await asyncio.gather(link, return_exceptions=True)
    if isinstance(report, LinkFailed):
        return fail(clean(f"{where}: {report.detail}"), report.remedy)
    return ok(f"{where} is an MQTT broker and takes this edge")


def certificates(patient: Patient) -> Iterator[Finding]:
    """Until when they hold, and whether there are any."""
    config = patient.config
    if config is None or config.broker is None:
        return
    if config.tls is None:
        yield warn("the way to the broker is not encrypted: names cross the network in clear", PKI)
        return
    try:
        found = identity(config.tls)
    except TlsError as error:
        yield fail(clean(error.message), clean(error.remedy))
        return
    for whose, until in ((found.name, found.until), ("the authority", found.authority_until)):
        left = days_left(int(until.timestamp()), int(patient.machine.utc_s))
        said = f"the certificate of {clean(whose)} is valid until {until.date()}"
        if left == 0:
            yield fail(f"{said}: it has ended, and nothing goes to the archive", "renew it: " + PKI)
        elif due(left) is not None:
            yield warn(f"{said}, {left} days", "renew it: " + PKI)
        else:
            yield ok(f"{said}, {left} days")


def service(patient: Patient) -> Iterator[Finding]:
    """Who starts the edge again when it ends, and who when the machine hangs."""
    root = patient.machine.root
    if not (root / "run/systemd/system").is_dir():
        yield warn(
            "systemd does not run here",
            "see that whatever starts the edge starts it again whenever it ends, and watches it",
        )
        return
    pid = daemon_at(patient.state / SOCKET)
    if pid is None:
        yield warn("no edge runs here", "systemctl enable --now sentrypost@NAME")
        return
    try:
        environment = (root / f"proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError as error:
        yield warn(
            f"how process {pid} was started cannot be seen: {error.strerror}",
            # Not as the daemon's account either: its memory is its own (`edge.process`).
            "run this as root",
        )
        return
    names = {assignment.partition(b"=")[0] for assignment in environment}
    unit = "install edge/systemd/sentrypost@.service: docs/operations.md, “Under systemd”"
    if b"NOTIFY_SOCKET" not in names:
        yield warn(f"process {pid} is not a unit of systemd's: nobody starts it again", unit)
    elif b"WATCHDOG_USEC" not in names:
        yield warn("the unit has no watchdog: nobody sees it when the edge hangs", unit)
    else:
        yield ok("systemd starts the edge again, and watches it")
    yield _machine_watchdog(root)


def _machine_watchdog(root: Path) -> Finding:
    """The one of the hardware, which systemd feeds where it is told to."""
    files = [root / "etc/systemd/system.conf"]
    files += sorted((root / "etc/systemd/system.conf.d").glob("*.conf"))
    value = ""
    for file in files:
        with suppress(OSError):
            for found in re.findall(r"(?m)^RuntimeWatchdogSec=(\S*)", file.read_text()):
                value = found
    if value not in {"", "0", "off", "infinity"}:
        return ok(f"systemd feeds the machine's own watchdog (RuntimeWatchdogSec={value})")
    return warn(
        "nothing starts the machine again when its kernel hangs",
        "set RuntimeWatchdogSec=30 in /etc/systemd/system.conf where it has a hardware watchdog",
    )


def daemon_at(path: Path) -> int | None:
    """Who serves the control socket."""
    try:
        with address_of(path) as address, socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(CONNECT_WITHIN_S)
            connection.connect(address)
            return peer_of(connection).pid
    except OSError:
        return None
