"""`sentrypost guard`: a guard compares whoever is at a door with her picture on file."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import msgspec

from edge.commands.common import (
    Failed,
    Row,
    coloured,
    failed_by,
    json_option,
    painted,
    state_option,
    table,
    zone_named,
)
from edge.commands.guard_page import who, written
from edge.commands.guard_watch import Watcher
from edge.control.client import ControlClientError
from edge.control.client_guard import GuardClient
from edge.control.messages_guard import (
    AnswerComparison,
    ComparedReply,
    ComparisonShown,
    ComparisonsReply,
    Side,
    Verdict,
)
from edge.failed import FAILED
from edge.orders import REASON_CHARS_MAX
from edge.present import clean, local
from edge.tone import Tone

US = 1_000_000


@click.group()
def guard() -> None:
    """Compare whoever is at a door with the picture on file."""


reason_option = click.option(
    "--reason", required=True, help="What you have seen; it is recorded under your account's name."
)


@contextmanager
def _connected(state: Path) -> Iterator[GuardClient]:
    try:
        with GuardClient(state) as daemon:
            yield daemon
    except ControlClientError as error:
        raise failed_by(error) from error


@guard.command()
@state_option
def watch(state: Path) -> None:
    """Show what waits for a guard, and ring the bell at each that comes, until Ctrl-C.

    While this runs a guard attends: people at doors are asked to wait for him where the policy
    takes his look. Ten seconds after its end nobody is. Each comparison's pictures lie in a folder
    of this command's own, for as long as she waits. A daemon that restarts is waited for.
    """
    with _connected(state) as daemon:
        daemon.comparisons(attends=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        # A terminal that is closed ends us as Ctrl-C does: no picture stays behind.
        signal.signal(number, signal.default_int_handler)
    with TemporaryDirectory(prefix="sentrypost-guard-") as folder:
        Watcher(state, Path(folder)).forever()


@guard.command("list")
@state_option
@json_option
def list_(state: Path, as_json: bool) -> None:
    """Show what waits for a guard, once. Nobody is asked to wait by it: see `guard watch`."""
    with _connected(state) as daemon:
        reply = daemon.comparisons(attends=False)
    if as_json:
        click.echo(msgspec.json.encode(reply))
        return
    for line in table("COMPARISONS", [_row(one, reply) for one in reply.comparisons]):
        click.echo(painted(line), color=coloured())


@guard.command()
@click.argument("question")
@click.option(
    "--into",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Where live.jpg, enrolled.jpg and side-by-side.html are put. Nothing is overwritten.",
)
@state_option
@json_option
def show(question: str, folder: Path, state: Path, as_json: bool) -> None:
    """Put the pictures of QUESTION into a folder, for nobody but you, with a page of both.

    The live one is of this moment. Delete them when you have looked. The exit code is 1 where there
    is neither picture.
    """
    with _connected(state) as daemon:
        reply = daemon.comparisons(attends=False)
        shown = next((one for one in reply.comparisons if one.question == question), None)
        pictures = {side: daemon.comparison_picture(question, side) for side in Side}
    none = pictures[Side.LIVE]
    if shown is None or not any(one.data for one in pictures.values()):
        raise Failed(clean(none.reason), clean(none.remedy))
    file = written(folder, shown, pictures, zone_named(reply.timezone), reply.utc_us)
    missing = {side: one.reason for side, one in pictures.items() if not one.data}
    if as_json:
        click.echo(msgspec.json.encode({"page": str(file), "missing": missing}))
        return
    click.echo(clean(f"{file}: is it {who(shown)}?"))
    for side, reason in missing.items():
        click.echo(clean(f"no {side} picture: {reason}"), err=True)


@guard.command()
@click.argument("question")
@reason_option
@state_option
@json_option
def accept(question: str, reason: str, state: Path, as_json: bool) -> None:
    """It is her, QUESTION's person: your look is the factor `guard`.

    Whether that is enough the policy says. The exit code is 1 where she is refused in spite of it,
    or where the answer was not taken.
    """
    reply = _answered(state, question, reason, accepted=True, as_json=as_json)
    if reply.verdict is Verdict.REFUSED or not reply.recorded:
        sys.exit(FAILED)


@guard.command()
@click.argument("question")
@reason_option
@state_option
@json_option
def refuse(question: str, reason: str, state: Path, as_json: bool) -> None:
    """It is not her, or you cannot tell. The exit code is 1 where the answer was not taken."""
    reply = _answered(state, question, reason, accepted=False, as_json=as_json)
    if not reply.recorded:
        sys.exit(FAILED)


def _answered(
    state: Path, question: str, reason: str, *, accepted: bool, as_json: bool
) -> ComparedReply:
    """What came of it, shown. Raises Failed where it was not taken."""
    if not reason.strip() or len(reason) > REASON_CHARS_MAX:
        raise click.BadParameter(f"1 to {REASON_CHARS_MAX} letters", param_hint="--reason")
    asked = AnswerComparison(question=question, accepted=accepted, reason=reason)
    with _connected(state) as daemon:
        reply = daemon.answer_comparison(asked)
    if as_json:
        click.echo(msgspec.json.encode(reply))
    elif reply.verdict is Verdict.NONE:
        raise Failed(clean(reply.reason), clean(reply.remedy))
    else:
        _say(reply)
    return reply


def _say(reply: ComparedReply) -> None:
    if reply.verdict is Verdict.WAITS:
        what = f"asked for next: {reply.waits_for}" if reply.waits_for else "somebody is waited for"
        click.echo(clean(f"taken; {what}"))
    else:
        click.echo(f"taken; passage {reply.verdict}")
    for code, text in (*reply.reasons, *reply.notes):
        click.echo(clean(f"  {text} ({code})"))
    if reply.verdict is Verdict.GRANTED and not reply.released:
        click.echo("  it stands open already, or its lock does not answer")
    if not reply.recorded:
        click.echo("the journal failed meanwhile: what is not on record opens nothing", err=True)


def _row(one: ComparisonShown, reply: ComparisonsReply) -> Row:
    zone = zone_named(reply.timezone)
    left_s = max(0, one.until_utc_us - reply.utc_us) // US
    cells = (
        one.question,
        one.portal,
        one.direction,
        who(one),
        ", ".join(one.roles),
        f"since {local(one.since_utc_us, zone)}",
        f"{left_s} s left",
        f"pictures: {', '.join(one.pictures) or 'none'}",
    )
    return Tone.NOTICE, cells
