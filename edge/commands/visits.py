"""`sentrypost visitor`: visits, from the announcement until the visitor was seen leaving."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, tzinfo
from pathlib import Path
from typing import BinaryIO, TypeVar

import click
import msgspec

from controller.events_visits import Given, WordOf
from edge.commands.common import (
    Row,
    coloured,
    json_option,
    painted,
    state_option,
    table,
    told_of_visit,
    zone_named,
)
from edge.control.client import ControlClientError
from edge.control.client_visitors import VisitorClient, VisitStep
from edge.control.messages_visitors import (
    CancelVisit,
    CorrectPresence,
    ExpectVisitor,
    ExtendVisit,
    GiveVisitorCode,
    NewVisitor,
    SignInVisitor,
    SignOutVisitor,
    VisitorReply,
    VisitShown,
    VisitsReply,
)
from edge.documents import Document
from edge.failed import FAILED, Failed, failed_by
from edge.people.cells import Away, CellError, read_moment
from edge.people.table import RowProblem, read_table
from edge.present import clean, local
from edge.secret_file import write_new_secret
from edge.tone import Tone
from edge.visitor_label import label

COLUMNS = ("host", "visitor", "name", "role", "organisation", "purpose", "from", "until")
"""Of a file of expected visitors; `visitor` for people on file, `name` for others."""

PREFIX_SIGNS_MIN = 4
"""Of a visit's id, which a guard types."""

US = 1_000_000

S = TypeVar("S", bound=msgspec.Struct)

_STATES = {
    "expected": Tone.PLAIN,
    "signed-in": Tone.GRANTED,
    "overdue": Tone.ALARM,
    "leaving": Tone.NOTICE,
    "unaccounted": Tone.ALARM,
    "ended": Tone.PLAIN,
}


@contextmanager
def connected_for_visits(state: Path) -> Iterator[VisitorClient]:
    """The running daemon; what it refuses ends the command. Raises Failed."""
    try:
        with VisitorClient(state) as daemon:
            yield daemon
    except ControlClientError as error:
        raise failed_by(error) from error


def fitting(asked: S) -> S:
    """The same, as the daemon will read it. Raises Failed, which names what is too long."""
    try:
        return msgspec.json.decode(msgspec.json.encode(asked), type=type(asked))
    except msgspec.ValidationError as error:
        raise Failed(clean(str(error)), "shorten it, or see --help") from None


def named_by(ids: list[str], prefix: str, what: str) -> str:
    """The id that begins so. Raises Failed."""
    found = [one for one in ids if one.startswith(prefix)]
    look = f"`sentrypost {what} list` shows them all"
    if len(prefix) < PREFIX_SIGNS_MIN:
        raise Failed(f"'{clean(prefix)}' is too short", f"give {PREFIX_SIGNS_MIN} signs or more")
    if len(found) != 1:
        many = "more than one" if found else "none"
        raise Failed(f"{many} of those that are open begins with '{clean(prefix)}'", look)
    return found[0]


def _visit_named(daemon: VisitorClient, prefix: str) -> str:
    _, shown = daemon.visits()
    return named_by([one.visit for one in shown], prefix, "visitor")


def moment_of(text: str, zone: tzinfo, now_s: int) -> int:
    """UTC seconds of `17:30` (today), `2026-11-22T17:30` or with an offset. Raises CellError."""
    if len(text) == 5 and text[2] == ":":
        text = f"{datetime.fromtimestamp(now_s, zone):%Y-%m-%d}T{text}"
    found = read_moment(text, zone, end=True)
    if isinstance(found, Away):
        raise CellError("no time", "write 17:30, or 2026-11-22T17:30")
    return found


def _time(text: str, head: VisitsReply, hint: str) -> int:
    try:
        return moment_of(text, zone_named(head.timezone), head.utc_s)
    except CellError as error:
        said = f"{error.message}; {error.hint}" if error.hint else error.message
        raise click.BadParameter(clean(said), param_hint=hint) from None


def said(reply: VisitorReply, *, as_json: bool) -> None:
    """What came of it. Raises Failed where nothing did; the exit code is 1 where something of it
    could not be done, or is not on record.
    """
    if as_json:
        click.echo(msgspec.json.encode(reply))
    elif not reply.accepted:
        raise Failed(clean(reply.reason), clean(reply.remedy))
    else:
        visit = "" if reply.shown is None else f"visit {reply.shown.visit[:8]}: "
        click.echo(clean(f"{visit}{reply.reason}"))
        if reply.lack:
            click.echo(clean(f"{reply.lack}\n  {reply.remedy}"), err=True)
    if not reply.accepted:
        sys.exit(FAILED)


def _told(state: Path, asked: VisitStep, *, as_json: bool) -> VisitorReply:
    with connected_for_visits(state) as daemon:
        reply = daemon.visit(fitting(asked))
    said(reply, as_json=as_json)
    return reply


@click.command()
@click.argument("visitor", required=False)
@click.option("--name", help="In place of VISITOR: somebody who is not on file yet.")
@click.option("--role", default="", help="With --name: which visitor's role, where there are more.")
@click.option("--host", help="Who receives the visitor: the id on file.")
@click.option("--purpose", help="What for.")
@click.option("--organisation", default="", help="For whom the visitor comes.")
@click.option("--from", "begin", help="17:30, or 2026-11-22T17:30; left out: at once.")
@click.option("--until", "end", help="When the visitor is to have left.")
@click.option("--csv", "file", type=click.File("rb"), help="Many, from a file; - is the input.")
@click.option("--dry-run", is_flag=True, help="Say what would be wrong, and announce nobody.")
@json_option
@state_option
def expect(
    visitor: str | None,
    name: str | None,
    role: str,
    host: str | None,
    purpose: str | None,
    organisation: str,
    begin: str | None,
    end: str | None,
    file: BinaryIO | None,
    dry_run: bool,
    as_json: bool,
    state: Path,
) -> None:
    """Announce a visit of VISITOR (the id of the file of people), or of somebody with a --name.

    With --csv many at once, all or none: a header with host, visitor or name, role, organisation,
    purpose, from and until, one visit in each row.
    """
    with connected_for_visits(state) as daemon:
        head, _ = daemon.visits()
        if file is not None:
            _expect_all(daemon, head, file.read(), dry_run=dry_run, as_json=as_json)
            return
        if (visitor is None) is (name is None):
            raise click.UsageError("say VISITOR or --name, one of the two")
        if host is None or purpose is None or end is None:
            raise click.UsageError("--host, --purpose and --until are needed")
        asked = ExpectVisitor(
            visitor=visitor if visitor is not None else NewVisitor(name=name or "", role=role),
            host=host,
            purpose=purpose,
            organisation=organisation,
            from_s=None if begin is None else _time(begin, head, "--from"),
            until_s=_time(end, head, "--until"),
            dry_run=dry_run,
        )
        said(daemon.visit(fitting(asked)), as_json=as_json)


def _expect_all(
    daemon: VisitorClient, head: VisitsReply, data: bytes, *, dry_run: bool, as_json: bool
) -> None:
    rows, problems = read_table(data, COLUMNS)
    found, wrong = [], list(problems)
    for row in rows:
        try:
            found.append((row.number, _of_row(row.cells, head)))
        except CellError as error:
            wrong.append(RowProblem(row.number, "", error.message, error.hint))
        except Failed as error:
            wrong.append(RowProblem(row.number, "", str(error)))
    for number, asked in found:
        tried = daemon.visit(msgspec.structs.replace(asked, dry_run=True))
        if not tried.accepted:
            wrong.append(RowProblem(number, "", tried.reason, tried.remedy))
    if wrong:
        for problem in sorted(wrong):
            click.echo(clean(str(problem)), err=True)
        raise Failed("nobody is announced", "mend the rows above, and give the file again")
    done = [] if dry_run else [daemon.visit(asked) for _, asked in found]
    failed = [one for one in done if not one.accepted]
    if as_json:
        click.echo(msgspec.json.encode({"rows": len(found), "dry_run": dry_run, "visits": done}))
    else:
        what = "would be announced" if dry_run else "announced"
        click.echo(f"{len(found) - len(failed)} visits {what}")
    if failed:
        raise Failed(clean(failed[0].reason), clean(failed[0].remedy))


def _of_row(cells: Mapping[str, str], head: VisitsReply) -> ExpectVisitor:
    zone = zone_named(head.timezone)
    visitor, name = cells.get("visitor", ""), cells.get("name", "")
    if bool(visitor) is bool(name):
        raise CellError("say visitor or name, one of the two", "visitor is an id on file")
    begin, end = cells.get("from", ""), cells.get("until", "")
    if not end:
        raise CellError("until is missing", "write 17:30, or 2026-11-22T17:30")
    return fitting(
        ExpectVisitor(
            visitor=visitor or NewVisitor(name=name, role=cells.get("role", "")),
            host=cells["host"],
            purpose=cells.get("purpose", ""),
            organisation=cells.get("organisation", ""),
            from_s=moment_of(begin, zone, head.utc_s) if begin else None,
            until_s=moment_of(end, zone, head.utc_s),
        )
    )


@click.command()
@click.argument("visit")
@click.option(
    "--document",
    type=click.Choice([one.value for one in Document]),
    required=True,
    help="What you have looked at. Its number is kept nowhere.",
)
@click.option("--country", required=True, help="Who has issued it: FRA, UNO.")
@click.option("--badge", default="", help="A badge of the drawer, as a file of people has badges.")
@click.option("--nothing", is_flag=True, help="Give nothing that opens.")
@click.option(
    "--label",
    "page",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw a page of A6 with name and code into this file (SVG), for print; mode 600.",
)
@json_option
@state_option
def arrive(
    visit: str,
    document: str,
    country: str,
    badge: str,
    nothing: bool,
    page: Path | None,
    as_json: bool,
    state: Path,
) -> None:
    """Sign in whoever comes for VISIT: its id, or the beginning of it. A code is made, or --badge
    given, which lets in until the visit's end and not a moment longer.
    """
    if badge and nothing:
        raise click.UsageError("say --badge or --nothing, not both")
    given = Given.BADGE if badge else Given.NOTHING if nothing else Given.CODE
    if page is not None:
        _see_to(page)
    with connected_for_visits(state) as daemon:
        asked = SignInVisitor(
            visit=_visit_named(daemon, visit),
            document=Document(document),
            country=country.upper(),
            given=given,
            badge=badge,
        )
        reply = daemon.visit(fitting(asked))
    said(reply, as_json=as_json)
    _hand_out(reply, page, as_json=as_json)


@click.command("print")
@click.argument("visit")
@click.option(
    "--label",
    "page",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw a page of A6 with name and code into this file (SVG), for print; mode 600.",
)
@json_option
@state_option
def print_(visit: str, page: Path | None, as_json: bool, state: Path) -> None:
    """Make another code for VISIT, in the place of whatever was given before: a code is kept
    nowhere, and the one before opens nothing any more.
    """
    if page is not None:
        _see_to(page)
    with connected_for_visits(state) as daemon:
        reply = daemon.visit(GiveVisitorCode(visit=_visit_named(daemon, visit)))
    said(reply, as_json=as_json)
    _hand_out(reply, page, as_json=as_json)


def _see_to(file: Path) -> None:
    """What can be wrong with the file is wrong before a code is made."""
    if file.exists():
        raise Failed(f"{file}: there is such a file", "choose another name")
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise Failed(f"{file}: nothing can be written there", "choose another folder")


def _hand_out(reply: VisitorReply, page: Path | None, *, as_json: bool) -> None:
    """The code, drawn; in JSON it stands in the reply."""
    from edge.commands.visitor import show_code

    if page is None:
        if reply.code and not as_json:
            show_code(reply.code)
    elif reply.shown is not None:
        drawn = label(reply.shown, reply.code, zone_named(reply.timezone))
        try:
            write_new_secret(page, drawn)
        except OSError as error:
            remedy = "`sentrypost visitor print` makes another code"
            raise Failed(f"{page} cannot be written: {error.strerror}", remedy) from None
        if not as_json:
            click.echo(f"{page}: for print, on A6")
    if reply.lack:
        sys.exit(FAILED)


def _step(name: str, asked: type[SignOutVisitor | CancelVisit], what: str) -> click.Command:
    """A command that says one thing of one visit."""

    @click.command(name, help=what)
    @click.argument("visit")
    @json_option
    @state_option
    def command(visit: str, as_json: bool, state: Path) -> None:
        with connected_for_visits(state) as daemon:
            reply = daemon.visit(asked(visit=_visit_named(daemon, visit)))
        said(reply, as_json=as_json)

    return command


leave = _step(
    "leave",
    SignOutVisitor,
    "Sign out whoever came for VISIT. What was given lets in no more, from this moment on, and"
    " leads out until a door has seen the visitor leave.",
)
cancel = _step("cancel", CancelVisit, "Expect nobody for VISIT any more.")


@click.command()
@click.argument("visit")
@click.option("--until", "end", required=True, help="17:30, or 2026-11-22T17:30.")
@click.option("--host-says", is_flag=True, help="The host has said so, and not you alone.")
@json_option
@state_option
def extend(visit: str, end: str, host_says: bool, as_json: bool, state: Path) -> None:
    """Let VISIT go on until then; by whose word is on record."""
    with connected_for_visits(state) as daemon:
        head, shown = daemon.visits()
        asked = ExtendVisit(
            visit=named_by([one.visit for one in shown], visit, "visitor"),
            until_s=_time(end, head, "--until"),
            word=WordOf.HOST if host_says else WordOf.GUARD,
        )
        reply = daemon.visit(fitting(asked))
    said(reply, as_json=as_json)


def _correction(name: str, option: str, of: str, what: str, *, inside: bool) -> click.Command:
    """A command by which a guard says where somebody is, or is not, whatever doors say."""

    @click.command(name, help=what)
    @click.argument("person")
    @click.option(option, "where", required=True, help=of)
    @click.option("--reason", required=True, help="How you know it; it is recorded.")
    @state_option
    @json_option
    def command(person: str, where: str, reason: str, state: Path, as_json: bool) -> None:
        asked = CorrectPresence(person=person, where=where, inside=inside, reason=reason)
        with connected_for_visits(state) as daemon:
            reply = daemon.correct(fitting(asked))
        told_of_visit(reply, "recorded", as_json=as_json)

    return command


left = _correction(
    "left",
    "--by",
    "How: a word such as garage.",
    "Say that PERSON (the id on file) has left, and no door has seen it: nobody looks for the"
    " person any more. It is recorded as your word; nothing opens or locks by it.",
    inside=False,
)
seen = _correction(
    "seen",
    "--in",
    "The zone.",
    "Say that PERSON (the id on file) is in a zone, whatever doors say; a muster looks there. It"
    " is recorded as your word; nothing opens or locks by it.",
    inside=True,
)


@click.command("list")
@click.option(
    "--day", default="", help="Those of a day, as 2026-11-22; left out: all that are open."
)
@json_option
@state_option
def list_(day: str, as_json: bool, state: Path) -> None:
    """Show visits: who is expected, who is there, who stays too long."""
    with connected_for_visits(state) as daemon:
        head, shown = daemon.visits(day)
    if as_json:
        click.echo(msgspec.json.encode(msgspec.structs.replace(head, visits=tuple(shown))))
        return
    zone = zone_named(head.timezone)
    for line in table("VISITS", [_row(one, zone) for one in shown]):
        click.echo(painted(line), color=coloured())
    if not head.clock_trusted:
        what = "the clock is not trusted: no visit ends by itself, and nobody is told of any"
        click.echo(what, err=True)


def _row(one: VisitShown, zone: tzinfo) -> Row:
    times = " to ".join(local(at_s * US, zone)[:16] for at_s in (one.from_s, one.until_s))
    cells = (
        one.visit[:8],
        one.state,
        one.name or "(nobody on file)",
        one.organisation,
        f"to {one.host_name or '(nobody on file)'}",
        times,
        f"in {one.zone}" if one.zone else "",
        one.end or "",
        one.purpose,
    )
    return _STATES[one.state], cells
