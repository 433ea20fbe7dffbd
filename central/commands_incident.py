"""`sentrypost central incident`: what happened, in order, and what is done about it.

Whoever can write the archive can write incidents; each step says which account it was.
"""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

import click

from central.commands_common import archive_option, opened, read, sayable
from central.commands_search import Moment, everything_of, show
from edge.commands.common import json_option
from edge.commands.policy_files import FILES
from edge.failed import Failed, failed_by

if TYPE_CHECKING:
    from central.archive_sql import SqlArchive
    from central.incidents import Incident, PolicyTest, Step, Summary
    from policies.compiled import CompiledPolicy

SHOWN = 1_000

_PLACE = re.compile(
    r"(?P<site>[^/#]+)/(?P<edge>[^/#]+)(?:/(?P<incarnation>[0-9a-f]{16}))?#(?P<seq>\d+)"
)

policy_option = click.option(
    "--policy",
    "files",
    type=FILES,
    multiple=True,
    help="A policy file; once for each file of the policy.",
)
number_argument = click.argument("number", type=click.IntRange(min=1))


@click.group()
def incident() -> None:
    """Incidents: opened by hand or by an alarm, closed with cause, gaps and measures."""


@incident.command("open")
@archive_option
@click.argument("site")
@click.argument("title")
@click.option(
    "--since", type=Moment(), help="When it began; left out: now. A time without offset is UTC."
)
@click.option("--until", type=Moment(), help="When it ended; left out: until it is closed.")
@click.option("--drill", is_flag=True, help="It is an exercise.")
def open_(
    archive: str, site: str, title: str, since: int | None, until: int | None, drill: bool
) -> None:
    """Open an incident at SITE; prints its number."""
    from central.incidents import Opened

    now_us = _now_us()
    begun = Opened(title=_said(title), since_us=now_us if since is None else since, until_us=until)
    if until is not None and until <= begun.since_us:
        raise click.UsageError("--until lies before --since")
    with _changing(archive) as there:
        number = there.open_incident(sayable(site), begun, who=_who(), utc_us=now_us, drill=drill)
    click.echo(str(number))


@incident.command("list")
@archive_option
@click.option("--site", default="", help="Of this site alone.")
@click.option("--all", "closed", is_flag=True, help="Closed ones too.")
@json_option
def list_(archive: str, site: str, closed: bool, as_json: bool) -> None:
    """The incidents that are open, the latest first."""
    import msgspec

    from central.incident_store import LISTED_MAX

    with read(archive) as there:
        found = there.incidents(site=site, closed=closed)
    for summary in found:
        click.echo(msgspec.json.encode(summary) if as_json else _head(summary))
    if len(found) == LISTED_MAX:
        click.echo(f"the latest {LISTED_MAX} are shown", err=True)


@incident.command("show")
@archive_option
@number_argument
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(min=1),
    default=SHOWN,
    show_default=True,
    help="How many entries of the timeline.",
)
@json_option
def show_(archive: str, number: int, limit: int, as_json: bool) -> None:
    """An incident whole: its steps, and what every edge of the site recorded meanwhile.

    Entries stand in the order of the edges' clocks; a `?` behind a time says that such a clock was
    not trusted. A step that people took stands where central's clock puts it.
    """
    import msgspec

    with _reading(archive) as there:
        whole = there.incident(number)
        if as_json:
            click.echo(msgspec.json.encode(whole.summary))
            for step in whole.steps:
                click.echo(msgspec.json.encode(step))
        else:
            click.echo(_head(whole.summary))
        if _timeline(there, whole, limit, as_json=as_json):
            click.echo(f"there are more than {limit} entries: -n, or `central search`", err=True)


@incident.command("note")
@archive_option
@number_argument
@click.argument("text")
def note(archive: str, number: int, text: str) -> None:
    """Add a note; it cannot be taken back. An erasure does not reach into it: name nobody."""
    from central.incidents import Noted

    with _changing(archive) as there:
        there.add_to_incident(number, Noted(text=_said(text)), who=_who(), utc_us=_now_us())


@incident.command("measure")
@archive_option
@number_argument
@click.argument("text")
@click.option(
    "--entry",
    "place",
    metavar="SITE/EDGE#NUMBER",
    help="The decision that another policy changes, as `central search` shows it.",
)
@policy_option
def measure(
    archive: str, number: int, text: str, place: str | None, files: tuple[Path, ...]
) -> None:
    """Say what is done so that it does not happen again.

    With --entry and --policy it is a test: the recorded decision is made again under that policy,
    must come out otherwise, and `measures` holds every later policy to it.
    """
    from central.incidents import MeasureTaken
    from edge.commands.policy_files import read_or_fail

    if (place is None) != (not files):
        raise click.UsageError("--entry and --policy go together")
    policy = read_or_fail(files) if files else None
    with _changing(archive) as there:
        test = None
        if place is not None and policy is not None:
            test = _test(there, place, policy)
        taken = MeasureTaken(text=_said(text), test=test)
        there.add_to_incident(number, taken, who=_who(), utc_us=_now_us())
    if test is not None:
        verdict = "granted" if test.granted else "refused"
        click.echo(f"from policy version {test.version} on this has to be {verdict} ({test.code})")


@incident.command("close")
@archive_option
@number_argument
@click.option("--cause", required=True, help="Why it happened.")
@click.option(
    "--gap", "gaps", required=True, multiple=True, help="What was missing; as often as there are."
)
@click.option("--measure", "measures", multiple=True, help="What is done about it, in words.")
def close(
    archive: str, number: int, cause: str, gaps: tuple[str, ...], measures: tuple[str, ...]
) -> None:
    """Close an incident. It needs a cause, a gap and a measure: here, or one that it has already.

    Where nothing was missing, say so as the gap.
    """
    from central.incidents import Closed, MeasureTaken

    taken = [MeasureTaken(text=_said(one)) for one in measures]
    closed = Closed(cause=_said(cause), gaps=tuple(_said(gap) for gap in gaps))
    with _changing(archive) as there:
        there.add_to_incident(number, *taken, closed, who=_who(), utc_us=_now_us())


@incident.command("measures")
@archive_option
@policy_option
@click.option("--site", default="", help="Of this site; left out: of the policy's.")
@json_option
def measures(archive: str, files: tuple[Path, ...], site: str, as_json: bool) -> None:
    """Make every decision that a measure names again under a policy, before it is loaded.

    Fails where one does not come out as its measure says.
    """
    import msgspec

    from central.incident_measures import held
    from edge.commands.policy_files import read_or_fail

    if not files:
        raise click.UsageError("name the policy with --policy")
    policy = read_or_fail(files)
    with _reading(archive) as there:
        found = [
            held(policy, number, taken.text, taken.test)
            for number, taken in there.measures(site or policy.site)
            if taken.test is not None
        ]
    for one in found:
        click.echo(msgspec.json.encode(one) if as_json else one.line)
    broken = sum(not one.holds for one in found)
    if not as_json:
        click.echo(f"{len(found)} measures, {broken} of them do not hold")
    if broken:
        raise Failed(
            f"{broken} of {len(found)} measures do not hold under this policy",
            "mend the policy, or find out with `sentrypost policy explain` what changed",
        )


def _test(archive: "SqlArchive", place: str, policy: "CompiledPolicy") -> "PolicyTest":
    from central.incident_measures import WhatIfError, policy_test

    match = _PLACE.fullmatch(place)
    if match is None:
        raise click.UsageError(f"--entry {place}: SITE/EDGE#NUMBER, as `central search` shows it")
    found = [
        one
        for one in archive.with_number(match["site"], match["edge"], int(match["seq"]))
        if match["incarnation"] in (None, one.entry.incarnation)
    ]
    if not found:
        raise Failed(f"the archive has no entry {place}", "look for it with `central search`")
    if len(found) > 1:
        names = " or ".join(one.entry.incarnation for one in found)
        raise Failed(
            f"{match['edge']} has had several journals with an entry {match['seq']}",
            f"say which: {match['site']}/{match['edge']}/INCARNATION#{match['seq']} with {names}",
        )
    try:
        return policy_test(policy, found[0])
    except WhatIfError as error:
        raise failed_by(error) from error


def _timeline(archive: "SqlArchive", whole: "Incident", limit: int, *, as_json: bool) -> bool:
    """Whether there was more than is shown."""
    from central.search import Query

    since, until = whole.span
    query = Query(site=whole.summary.site, since_us=since, until_us=until)
    steps, shown = list(whole.steps), 0
    for found in everything_of(archive, query):
        if shown == limit:
            break
        while not as_json and steps and steps[0].utc_us < found.place.utc_us:
            click.echo(_step(steps.pop(0)))
        show(found, as_json=as_json)
        shown += 1
    else:
        limit = shown + 1
    for step in () if as_json else steps:
        click.echo(_step(step))
    return shown == limit


def _head(summary: "Summary") -> str:
    from edge.present import clean, local

    state = "closed" if summary.closed else "open"
    drill = "DRILL " if summary.drill else ""
    alarms = f", {summary.alarms} alarms" if summary.by_alarm else ""
    since = local(summary.first_us, UTC)
    return clean(
        f"{summary.id} {state} {drill}{summary.site} since {since}: {summary.title}{alarms}"
    )


def _step(step: "Step") -> str:
    from edge.present import clean, local

    return clean(f"-- {local(step.utc_us, UTC)} {step.who}: {_words(step)}")


def _words(step: "Step") -> str:
    from central.incidents import AlarmJoined, Closed, MeasureTaken, Noted, Opened

    match step.what:
        case Opened(title=title):
            return f"opened: {title}"
        case AlarmJoined(edge=edge, seq=seq, kind=kind):
            return f"{kind}, {edge}#{seq}"
        case Noted(text=text):
            return f"note: {text}"
        case MeasureTaken(text=text, test=test):
            return f"measure: {text}" + ("" if test is None else f" ({test.words})")
        case Closed(cause=cause, gaps=gaps):
            return f"CLOSED. Cause: {cause}. Gaps: {'; '.join(gaps)}"


def _said(text: str) -> str:
    from central.incidents import TEXT_CHARS_MAX

    text = sayable(text).strip()
    if not 0 < len(text) <= TEXT_CHARS_MAX:
        raise click.UsageError(f"a text has 1 to {TEXT_CHARS_MAX} characters")
    return text


def _who() -> str:
    from edge.control.peer import account_name

    return account_name(os.getuid())


def _now_us() -> int:
    return time.time_ns() // 1_000


@contextmanager
def _changing(archive: str) -> Iterator["SqlArchive"]:
    with _refusing(), opened(archive) as there:
        yield there


@contextmanager
def _reading(archive: str) -> Iterator["SqlArchive"]:
    with _refusing(), read(archive) as there:
        yield there


@contextmanager
def _refusing() -> Iterator[None]:
    from central.incidents import IncidentError

    try:
        yield
    except IncidentError as error:
        raise failed_by(error) from error
