"""`sentrypost status`"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from controller.certificates import days_left, due
from controller.moment import SECOND_US
from edge.commands.common import (
    Row,
    connected,
    json_option,
    show_page,
    state_option,
    table,
    zone_named,
)
from edge.control.messages import FireStatus, LookedReport, PortalStatus, ReaderStatus, StatusReply
from edge.present import Line, clean, local
from edge.tone import Tone

ALARMING = frozenset({"forced", "held", "fault", "unknown"})
DIGEST_SIGNS = 16


@click.command()
@state_option
@json_option
@click.option("--watch", is_flag=True, help="Ask again every second, until Ctrl-C.")
def status(state: Path, as_json: bool, watch: bool) -> None:
    """Show the site as the running daemon knows it: portals, readers, fire, journal, archive."""
    with connected(state) as client:
        show_page(client.status, lines, as_json=as_json, watch=watch)


def lines(status: StatusReply) -> Iterator[Line]:
    """The whole page, line by line."""
    zone = zone_named(status.timezone)
    yield _plain(
        f"{status.site}/{status.edge}  Sentrypost {status.version}  "
        f"{local(status.utc_us, zone)}  up {span(status.utc_us - status.started_utc_us)}"
    )
    if status.ready:
        yield _plain("ready     cards are accepted")
    else:
        yield Line(Tone.ALARM, "ready     NOT READY: cards are not accepted yet")
    if status.safe_mode:
        yield Line(Tone.FAULT, "safe mode ON: it kept ending; nothing goes to the archive")
    alarming = status.mode != "normal"
    tone = Tone.ALARM if alarming else Tone.NOTICE if status.orders else Tone.PLAIN
    mode = str(status.mode).upper() if alarming else str(status.mode)
    posture = f"posture   {mode}, threat {status.threat}"
    if status.orders:
        posture += f"; orders in force: {status.orders}, see `sentrypost posture`"
    yield Line(tone, posture)
    if status.recorded:
        yield _plain(f"journal   written, entry {status.seq}, incarnation {status.incarnation}")
    else:
        yield Line(Tone.ALARM, "journal   CANNOT BE WRITTEN: entry is denied, exits go on")
    if status.looked is not None:
        yield _looked(status.looked, status.utc_us)
    yield _uplink(status)
    if status.uplink is not None and status.uplink.secured:
        yield _certificate(status.uplink.certificate_until_s, status.utc_us)
    if status.clock_trusted:
        yield _plain("clock     trusted")
    else:
        yield Line(Tone.FAULT, "clock     NOT TRUSTED: what depends on the time denies entry")
    digest = status.policy_digest[:DIGEST_SIGNS]
    yield _plain(f"policy    version {status.policy_version}, digest {digest}")
    if status.kept_copy:
        yield Line(
            Tone.FAULT, "          KEPT COPY in force: the present site file or policy is another"
        )
    made_us = status.people_made_utc_us
    age = "" if made_us is None else f", changed {span(status.utc_us - made_us)} ago"
    yield _plain(f"people    version {status.people_version}{age}")
    yield from table("portals", [portal_row(portal) for portal in status.portals])
    yield from table("readers", [reader_row(reader) for reader in status.readers])
    yield from table("fire inputs", [fire_row(fire) for fire in status.fires])


def span(us: int) -> str:
    """`3 d 4 h`, `4 h 5 min`, `5 min 6 s`, `6 s`: the two largest units."""
    seconds = max(0, us // 1_000_000)
    parts: list[str] = []
    for name, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count or parts or name == "s":
            parts.append(f"{count} {name}")
    return " ".join(parts[:2])


def _plain(text: str) -> Line:
    return Line(Tone.PLAIN, clean(text))


def _looked(looked: LookedReport, utc_us: int) -> Line:
    ago = f"{span(utc_us - looked.utc_us)} ago"
    if looked.findings:
        said = f"          NOT SOUND {ago}, findings: {looked.findings}; verify it"
        return Line(Tone.ALARM, said)
    return _plain(f"          sound {ago}, all {looked.entries} entries")


def _uplink(status: StatusReply) -> Line:
    uplink = status.uplink
    if uplink is None:
        return _plain("archive   no broker in the site file: nothing leaves this edge")
    stored = f"stored up to {uplink.acked}, {uplink.behind} behind"
    if uplink.connected:
        return _plain(f"archive   broker connected, {stored}")
    if status.safe_mode:
        return Line(Tone.FAULT, f"archive   NOT IN SAFE MODE, {stored}")
    return Line(Tone.FAULT, f"archive   NO BROKER, {stored}")


def _certificate(until_s: int | None, utc_us: int) -> Line:
    """What nears its end stands out from the first alarm on."""
    if until_s is None:
        return Line(Tone.FAULT, "          CERTIFICATE cannot be used: see `sentrypost check`")
    left = days_left(until_s, utc_us // SECOND_US)
    until = datetime.fromtimestamp(until_s, UTC).date()
    if not left:
        said = f"          CERTIFICATE ENDED on {until}: nothing goes to the archive; renew it"
        return Line(Tone.ALARM, said)
    if due(left) is not None:
        return Line(Tone.FAULT, f"          CERTIFICATE ends in {left} days, on {until}: renew it")
    return _plain(f"          certificate until {until}, {left} days left")


def portal_row(portal: PortalStatus) -> Row:
    """What was measured is said as such; without a contact nothing is said of the leaf."""
    alarming = portal.state in ALARMING
    state = str(portal.state).upper() if alarming else str(portal.state)
    leaf = f"leaf {portal.contact}" if portal.observable else "leaf not observable"
    bolt = {None: "", True: ", bolt thrown", False: ", bolt drawn"}[portal.bolted]
    marks = [
        mark
        for mark, holds in (
            ("RELEASED for the way out", portal.released),
            ("kept shut for entry", portal.secured),
            ("open by schedule", portal.leased),
            ("LOCK DOES NOT ANSWER", not portal.linked),
        )
        if holds
    ]
    tone = Tone.ALARM if alarming or portal.released else Tone.PLAIN
    if tone is Tone.PLAIN and not portal.linked:
        tone = Tone.FAULT
    return tone, (portal.id, state, leaf + bolt, ", ".join(marks), portal.name)


def reader_row(reader: ReaderStatus) -> Row:
    """What is wrong with it stands in capitals."""
    if not reader.online:
        return Tone.FAULT, (reader.id, "DOES NOT ANSWER")
    tone, words = Tone.PLAIN, ["answers"]
    if not reader.secure:
        tone = Tone.FAULT
        words.append("NOT SECURE")
    if reader.power_failing:
        tone = Tone.FAULT
        words.append("POWER FAILING")
    if reader.tampered:
        tone = Tone.ALARM
        words.append("TAMPERED WITH")
    return tone, (reader.id, ", ".join(words))


def fire_row(fire: FireStatus) -> Row:
    """A latch before the line."""
    if fire.latched:
        return Tone.ALARM, (fire.id, f"FIRE latched, line {fire.line}")
    tone = Tone.PLAIN if fire.line == "normal" else Tone.ALARM
    line = str(fire.line) if tone is Tone.PLAIN else str(fire.line).upper()
    return tone, (fire.id, f"line {line}")
