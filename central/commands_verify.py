"""`sentrypost central verify`: is the archive what the edges wrote, and what of it is gone?"""

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from central.commands_common import archive_option, read, sayable
from edge.commands.common import json_option
from edge.failed import Failed

if TYPE_CHECKING:
    from central.audit import Audited, Expired, Missing, Told


@click.command()
@archive_option
@click.option("--site", default="", help="Of this site alone.")
@click.option("--edge", default="", help="Of this edge alone.")
@click.option(
    "--witness",
    "witnesses",
    multiple=True,
    help="The witness's key: what went here must be signed by it; once for each that it had.",
)
@json_option
def verify(archive: str, site: str, edge: str, witnesses: tuple[str, ...], as_json: bool) -> None:
    """Compute the chain of every journal anew over what is stored, and tell what is gone.

    Exit code 1 where something does not hold: rows that were changed, a fork, or entries that are
    gone without a word of their edge about it.
    """
    import msgspec

    keys = [_public(text) for text in witnesses]
    wrong = 0
    with read(archive) as there:
        journals = there.journals_kept(sayable(site), sayable(edge))
        for journal in journals:
            audited = there.audit(journal, _told(journal.site, journal.edge), keys)
            wrong += not audited.sound
            if as_json:
                click.echo(msgspec.json.encode(audited))
            else:
                for line in lines(audited):
                    click.echo(line)
    if wrong:
        raise Failed(
            f"{wrong} of {len(journals)} journals do not hold",
            "keep a copy of the archive as evidence, and compare with `sentrypost journal verify`"
            " at the edge",
        )


def lines(audited: "Audited") -> list[str]:
    """For people."""
    from central.printer import clean

    name = f"{audited.site}/{audited.edge}, journal {audited.incarnation}"
    said = [f"{name}: {audited.entries} entries, complete up to {audited.upto}"]
    if audited.missing or audited.expired:
        said[0] += " but for what is gone"
    said += [missing(one) for one in audited.missing]
    said += [expired(one) for one in audited.expired]
    if audited.vouched:
        said.append(
            f"the chain behind entry {audited.vouched} begins with the edge's word; what follows is"
            " proven from there"
        )
    if audited.waits:
        said.append(f"{audited.waits} entries wait for what stands before them")
    if audited.unproven:
        said.append(f"{audited.unproven} entries lie in a range that is gone: nothing proves them")
    if audited.forks:
        said.append(f"{audited.forks} entries came with other bytes and were put aside")
    said += audited.findings
    return [clean(line if not at else f"  {line}") for at, line in enumerate(said)]


def missing(one: "Missing") -> str:
    """What is gone, and who says so."""
    from central.archive import Gone

    why = (
        "no entry of the journal says why"
        if one.by is None
        else f"pruned by the edge, as its entry {one.by} says"
    )
    return f"{Gone(one.first, one.last, one.count)}: {why}"


def expired(one: "Expired") -> str:
    """What the archive itself keeps no more."""
    from central.archive import Gone

    first, last = (
        f"{datetime.fromtimestamp(at / 1e6, UTC):%Y-%m-%d}" for at in (one.since_us, one.until_us)
    )
    when = f"on {first}" if first == last else f"between {first} and {last}"
    said = "signed by the witness" if one.signed else "as the archive says (--witness proves it)"
    return f"{Gone(one.first, one.last, one.count)}: past their time here {when}, {said}"


def _public(text: str) -> bytes:
    from edge.notes import NoteError, note_key

    try:
        return note_key(text).public
    except NoteError as error:
        raise click.BadParameter(str(error), param_hint="--witness") from None


def _told(site: str, edge: str) -> "Told":
    if not sys.stderr.isatty():
        return lambda _count: None
    return lambda count: click.echo(f"\r{site}/{edge}: {count} entries\r", nl=False, err=True)
