"""`sentrypost central verify`: is the archive what the edges wrote, and what of it is gone?"""

import sys
from typing import TYPE_CHECKING

import click

from central.commands_common import archive_option, read, sayable
from edge.commands.common import json_option
from edge.failed import Failed

if TYPE_CHECKING:
    from central.audit import Audited, Missing, Told


@click.command()
@archive_option
@click.option("--site", default="", help="Of this site alone.")
@click.option("--edge", default="", help="Of this edge alone.")
@json_option
def verify(archive: str, site: str, edge: str, as_json: bool) -> None:
    """Compute the chain of every journal anew over what is stored, and tell what is gone.

    Exit code 1 where something does not hold: rows that were changed, a fork, or entries that are
    gone without a word of their edge about it.
    """
    import msgspec

    wrong = 0
    with read(archive) as there:
        journals = there.journals_kept(sayable(site), sayable(edge))
        for journal in journals:
            audited = there.audit(journal, _told(journal.site, journal.edge))
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
    if audited.missing:
        said[0] += " but for what is gone"
    said += [missing(one) for one in audited.missing]
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


def _told(site: str, edge: str) -> "Told":
    if not sys.stderr.isatty():
        return lambda _count: None
    return lambda count: click.echo(f"\r{site}/{edge}: {count} entries\r", nl=False, err=True)
