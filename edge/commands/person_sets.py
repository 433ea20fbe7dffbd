"""`sentrypost person export`, `take` and `history`: people from one edge to another."""

import asyncio
import os
import time
from pathlib import Path
from typing import BinaryIO

import click
import msgspec

from edge.commands.check import loaded
from edge.commands.common import (
    Failed,
    config_option,
    failed_by,
    json_option,
    passphrase,
    zone_named,
)
from edge.config import Config
from edge.control.client import Client, ControlClientError, NoDaemonError
from edge.control.messages import (
    HISTORY_MAX,
    ChangeShown,
    ExportPeopleReply,
    HistoryReply,
    TakePeopleReply,
)
from edge.control.peer import account_name
from edge.control.place import PEOPLE_FILE, STATE_MODE
from edge.faces import FacesError
from edge.journal import JournalError
from edge.key_files import KeyFileError
from edge.people import (
    EMPTY,
    LINE_MAX,
    PAYLOAD_TYPE,
    Change,
    Made,
    Offered,
    People,
    PeopleError,
    Roll,
    SetError,
    SiteKeyError,
    change_of,
    everybody,
    exported,
    load_site_key,
    not_exported,
    not_taken,
    offered,
    refuse_mixed,
    sealed,
    since,
    taken,
    told,
)
from edge.policy_start import served_next
from edge.present import clean, local
from edge.secret_file import write_new_secret
from edge.signatures import ENVELOPE_BYTES_MAX, SignatureError, SigningKey, sign
from edge.signing_keys import load_signing_key
from edge.still_there import StillThereError

FILE_BEHIND = (
    f"in force and recorded; {PEOPLE_FILE} cannot be written yet and follows by itself: make room "
    "on the disk, and do not bring it again"
)
"""Behind what was done."""


def made_here(edge: str) -> Made:
    """Who runs this command, now."""
    return Made(by=account_name(os.geteuid()), edge=edge, utc_us=time.time_ns() // 1_000)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--since",
    "base",
    type=click.IntRange(min=0),
    help="What has changed after this version, which the other edge has.",
)
@click.option("--all", "whole", is_flag=True, help="Everybody.")
@click.option(
    "--key",
    "key_file",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The private key to sign with, of `sentrypost key new`.",
)
@config_option
@json_option
def export(
    file: Path, base: int | None, whole: bool, key_file: Path, config: Path, as_json: bool
) -> None:
    """Write the people, or what has changed of them, into FILE for another edge of the site.

    FILE is signed, and sealed under the site's key. Either --since or --all says what it holds.
    For all that is kept of one person see `person report`.
    """
    if (base is None) is not whole:
        raise click.UsageError("say either --since N or --all")
    site = loaded(config)
    try:
        key = load_signing_key(key_file, passphrase)
        to_sign, done = exported_set(site, base)
    except (ControlClientError, PeopleError, SiteKeyError, KeyFileError) as error:
        raise failed_by(error) from None
    if to_sign:
        write_set(file, to_sign, key)
    if as_json:
        click.echo(msgspec.json.encode(done))
    elif to_sign:
        what = "everybody" if whole else f"what has changed since version {done.base}"
        click.echo(f"{file}: {what}, version {done.number}, {_count(done.holders, 'person')}")
    if not to_sign:
        raise Failed(f"nothing is exported: {done.reason}", done.remedy)


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Say what would change and write nothing.")
@config_option
@json_option
def take(file: BinaryIO, dry_run: bool, config: Path, as_json: bool) -> None:
    """Take the people in FILE, which another edge of the site has exported.

    It must be signed with a key of the site file that may sign people, and follow what is on file.
    What is refused changes nothing.
    """
    data = file.read(ENVELOPE_BYTES_MAX + 1)
    site = loaded(config)
    try:
        try:
            with Client(site.state) as daemon:
                done = daemon.take_people(data, dry_run=dry_run)
        except NoDaemonError:
            done = _taken(site, data, dry_run=dry_run)
    except (
        ControlClientError,
        JournalError,
        PeopleError,
        SiteKeyError,
        FacesError,
        StillThereError,
    ) as error:
        raise failed_by(error) from None
    if as_json:
        click.echo(msgspec.json.encode(done))
    elif not done.reason:
        click.echo(_said(done, dry_run=dry_run))
        if done.kept:
            click.echo(FILE_BEHIND, err=True)
    if done.reason:
        what = "not in force yet" if done.kept else "not taken"
        raise Failed(f"{what}: {clean(done.reason)}", done.remedy)


@click.command()
@click.option(
    "-n",
    "count",
    type=click.IntRange(1, HISTORY_MAX),
    default=20,
    show_default=True,
    help="How many changes.",
)
@config_option
@json_option
def history(count: int, config: Path, as_json: bool) -> None:
    """Show the newest changes of people: number, when, who, whom, and how they came here."""
    site = loaded(config)
    try:
        try:
            with Client(site.state) as daemon:
                done = daemon.people_history(count)
        except NoDaemonError:
            done = _history(site, count)
    except (ControlClientError, PeopleError) as error:
        raise failed_by(error) from None
    if done.reason:
        raise Failed(done.reason)
    if as_json:
        click.echo(msgspec.json.encode(done))
        return
    for change in done.changes:
        click.echo(_line(change, done.timezone))
    if not done.changes:
        click.echo("nobody has changed anything yet")


def exported_set(site: Config, base: int | None) -> tuple[bytes, ExportPeopleReply]:
    """What is to be signed, by the running daemon or off the file. Raises ControlClientError,
    PeopleError, SiteKeyError.
    """
    try:
        with Client(site.state) as daemon:
            return daemon.export_people(base)
    except NoDaemonError:
        return _exported(site, base)


# --- where no daemon runs -----------------------------------------------------------------------


def _exported(site: Config, base: int | None) -> tuple[bytes, ExportPeopleReply]:
    with People.open(site.state / PEOPLE_FILE) as people:
        steps = people.steps(LINE_MAX)
        try:
            found = (
                everybody(site.site, site.edge, people.roll, steps)
                if base is None
                else since(site.site, site.edge, people.roll, steps, base)
            )
            to_sign = sealed(found, load_site_key(site.site_key), os.urandom)
        except SetError as error:
            return b"", not_exported(error)
    return to_sign, exported(found)


def _taken(site: Config, data: bytes, *, dry_run: bool) -> TakePeopleReply:
    path, key = site.state / PEOPLE_FILE, load_site_key(site.site_key)
    try:
        offer = offered(data, site.keys, key, site.site)
        if dry_run and not path.exists():
            brought = _brought(site, EMPTY, offer)
            return taken(offer, brought, 0, applied=False)
    except (SetError, SignatureError) as error:
        return not_taken(error, 0)
    if not dry_run:
        path.parent.mkdir(mode=STATE_MODE, exist_ok=True)
    with People.open(path, create=not dry_run) as people:
        try:
            change = _brought(site, people.roll, offer)
        except SetError as error:
            return not_taken(error, people.version)
        applied = change is not None and not dry_run
        if change is not None and not dry_run:
            gone = [people.roll.holders[one] for one in change.holders_removed]
            if gone:
                from edge.erase_closed import taken_closed

                asyncio.run(taken_closed(site, people, change, gone, made_here(site.edge)))
            else:
                people.apply(change, made_here(site.edge))
        return taken(offer, change, people.version, applied=applied)


def _brought(site: Config, roll: Roll, offer: Offered) -> Change | None:
    """Raises SetError."""
    change = change_of(roll, offer, duress_is_told=bool(site.recipients))
    if change is not None:
        refuse_mixed(change, served_next(site))
    return change


def _history(site: Config, count: int) -> HistoryReply:
    with People.open(site.state / PEOPLE_FILE) as people:
        return told(people.history(count), site.policy.timezone)


# --- what is said and written ---------------------------------------------------------------------


def write_set(file: Path, to_sign: bytes, key: SigningKey) -> None:
    """Sign it into a new file. Raises Failed."""
    try:
        write_new_secret(file, sign(to_sign, PAYLOAD_TYPE, [key]))
    except FileExistsError:
        raise Failed(f"{file}: there is such a file", "choose another name") from None
    except OSError as error:
        raise Failed(
            f"{file} cannot be written: {error.strerror}", "choose another place"
        ) from None


def _said(done: TakePeopleReply, *, dry_run: bool) -> str:
    signed = f"signed by {', '.join(done.signed_by)}"
    if done.already:
        return clean(f"version {done.brings} of the people is on file already; {signed}")
    changed = ", ".join(
        (
            _count(done.holders, "person"),
            _count(done.credentials, "badge"),
            _count(done.pins, "PIN"),
        )
    )
    verb = "would be taken" if dry_run else "is in force"
    return clean(f"version {done.brings} of the people {verb}: {changed} changed; {signed}")


_PLURALS = {"person": "people"}


def _count(count: int, what: str) -> str:
    return f"{count} {what if count == 1 else _PLURALS.get(what, f'{what}s')}"


def _line(change: ChangeShown, timezone: str) -> str:
    """`8  2026-11-20 14:09:49.123+01:00  anna at gate  2 people …`."""
    zone = zone_named(timezone)
    when = "at an unknown time" if change.made_utc_us is None else local(change.made_utc_us, zone)
    who = f"{change.made_by or 'somebody'} at {change.made_edge or 'an unknown edge'}"
    what = "what is no longer known"
    if change.touched is not None:
        holders, credentials, pins = change.touched
        what = ", ".join(
            (_count(holders, "person"), _count(credentials, "badge"), _count(pins, "PIN"))
        )
    if change.people:
        what += f" (ids {', '.join(change.people)})"
    came = ""
    if change.change_set:
        at = "" if change.came_utc_us is None else f" on {local(change.came_utc_us, zone)}"
        came = f"; taken by {change.came_by or 'somebody'}{at} in set {change.change_set[:16]}"
    entry = "" if change.seq is None else f"; journal {change.seq}"
    return clean(f"{change.number}  {when}  {who}: {what}{came}{entry}")
