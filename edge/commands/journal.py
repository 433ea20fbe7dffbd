"""`sentrypost journal`"""

import sys
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from edge.commands.common import Failed, failed_by, json_option, state_option
from edge.commands.entries import opened_journal, show, show_whole
from edge.commands.journal_key import key
from edge.commands.journal_proofs import export, prove
from edge.commands.signers import given_key, key_option, signers
from edge.control.client import Client, ControlClientError, NoDaemonError
from edge.control.messages_journal import VerifyReply
from edge.control.place import JOURNAL
from edge.present import clean, local

if TYPE_CHECKING:
    from edge.journal import Signers

FINDINGS_SHOWN = 20


@click.group()
def journal() -> None:
    """What happened here: the edge's log, and the proof that nobody edited it.

    Asks the daemon where one runs, and reads its files, without changing them, where none does.
    """


@journal.command()
@click.option(
    "-n", "count", type=click.IntRange(min=1), default=20, show_default=True, help="How many."
)
@state_option
@json_option
def tail(count: int, state: Path, as_json: bool) -> None:
    """Show the newest entries, oldest first."""
    with opened_journal(state) as opened:
        first = max(1, opened.last_seq - count + 1)
        for entry in opened.source.entries(first, opened.last_seq):
            show(entry, opened.zone, as_json=as_json)


@journal.command("show")
@click.argument("seq", type=click.IntRange(min=1), required=False)
@click.option("--from", "first", type=click.IntRange(min=1), help="From this entry on.")
@click.option("--to", "last", type=click.IntRange(min=1), help="Up to this entry, with it.")
@state_option
@json_option
def show_(seq: int | None, first: int | None, last: int | None, state: Path, as_json: bool) -> None:
    """Show entry SEQ, or those --from one --to another, with all they say."""
    if (seq is None) == (first is None and last is None):
        raise click.UsageError("say which: SEQ, or --from and --to")
    with opened_journal(state) as opened:
        begin = seq or first or 1
        end = seq or last or opened.last_seq
        if begin > opened.last_seq:
            raise Failed(
                f"there is no entry {begin}, the newest is {opened.last_seq}",
                "see `sentrypost journal tail`",
            )
        shown = 0
        for entry in opened.source.entries(begin, min(end, opened.last_seq)):
            shown += 1
            if as_json:
                show(entry, opened.zone, as_json=True)
            else:
                show_whole(entry, opened.zone)
        if not shown:
            raise Failed("what was asked for is not kept here any more", "ask the archive for it")


@journal.command()
@key_option
@state_option
@json_option
def verify(key: str | None, state: Path, as_json: bool) -> None:
    """Prove that nobody edited the journal: every entry, the chain, personal values, snapshots,
    and the signed checkpoints of its size.

    What this cannot see: the end cut off with the checkpoints there, and a history rewritten by who
    has the journal's key. Compare number and head with what the archive or a witness remembers.
    """
    report = _verified(state, key)
    if key is not None and report.key != given_key(key).text:
        raise Failed(
            f"signatures were judged under another key than the one given: {report.key}",
            "this is another journal, or another key signs it now; compare with central's",
        )
    if as_json:
        click.echo(msgspec.json.encode(report))
    else:
        _tell(report)
    if not report.sound:
        sys.exit(1)


journal.add_command(prove)
journal.add_command(export)
journal.add_command(key)


def _verified(state: Path, key: str | None) -> VerifyReply:
    try:
        with Client(state) as client:
            return client.verify(_progress)
    except NoDaemonError:
        return _verified_files(state, signers(state, key))
    except ControlClientError as error:
        raise failed_by(error) from error


def _verified_files(state: Path, known: "Signers") -> VerifyReply:
    from edge.control.desk import verify_reply
    from edge.journal import JournalError, verify_folder

    try:
        return verify_reply(verify_folder(state / JOURNAL, signers=known, progress=_progress))
    except JournalError as error:
        raise failed_by(error) from error


def _progress(done: int, total: int) -> None:
    """On a terminal only, and on standard error: what is piped stays clean."""
    if sys.stderr.isatty():
        share = 100 * done // total if total else 100
        click.echo(f"\r{done} of {total} entries, {share} %", nl=False, err=True)


def _tell(report: VerifyReply) -> None:
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", nl=False, err=True)
    click.echo(clean(f"site {report.site}, edge {report.edge}, incarnation {report.incarnation}"))
    click.echo(
        f"{report.entries} entries, {report.personal} personal values, "
        f"{report.snapshots} snapshots; the archive stored up to {report.acked}"
    )
    if report.gone:
        click.echo(f"entries up to {report.gone} are kept no longer, and a checkpoint covers them")
    if report.pruned:
        click.echo(f"{report.pruned} of the entries are kept no longer but for their hashes")
    click.echo(f"head at {report.last_seq}: {report.head}")
    for said in _told_of_checkpoints(report):
        click.echo(clean(said))
    if report.sound:
        click.echo("SOUND: nothing was edited")
        return
    for finding in report.findings[:FINDINGS_SHOWN]:
        click.echo(clean(f"entry {finding.seq}: {finding.what}"))
    more = len(report.findings) - FINDINGS_SHOWN
    if more > 0:
        click.echo(f"and {more} more")
    click.echo("NOT SOUND: keep a copy of the folder as evidence, and compare with the archive")


def _told_of_checkpoints(report: VerifyReply) -> Iterator[str]:
    if not report.key:
        yield f"{report.checkpoints} checkpoints; no key is here to judge their signatures by"
    else:
        yield f"{report.checkpoints} checkpoints; signatures judged by {report.key}"
    if not report.witness:
        yield "no witness is named: nobody but this edge says how large its journal was"
    elif report.cosigned is None:
        yield f"nothing is cosigned by {report.witness}"
    else:
        at = local(report.cosigned.utc_s * 1_000_000, UTC)
        yield f"cosigned up to {report.cosigned.size} at {at} by {report.witness}"
