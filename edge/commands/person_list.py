"""`sentrypost person list` and `person show`: who is on file, and what."""

from collections.abc import Iterator
from datetime import tzinfo
from pathlib import Path

import click
import msgspec

from controller.moment import SECOND_US
from edge.commands.check import loaded
from edge.commands.common import (
    Failed,
    Row,
    coloured,
    config_option,
    failed_by,
    json_option,
    painted,
    table,
    zone_named,
)
from edge.config import Config
from edge.control.client import ControlClientError, NoDaemonError
from edge.control.client_people import PeopleClient
from edge.control.messages_people import (
    DAYS_MAX,
    SEARCH_CHARS_MAX,
    BadgeShown,
    FindPeople,
    PeopleReply,
    PersonDetail,
    PersonShown,
    ShowPersonReply,
)
from edge.people import PeopleError, SiteKeyError
from edge.present import Line, clean, local
from edge.tone import Tone
from policies.facts import CredentialStatus


class Listed(msgspec.Struct, frozen=True):
    """All of them, as `--json` prints it."""

    version: int
    found: int
    people: tuple[PersonShown, ...]


@click.command("list")
@click.argument("search", default="")
@click.option("--role", default="", help="Who has this role.")
@click.option("--zone", default="", help="Who was seen last in this zone, or in one inside it.")
@click.option("--suspended", is_flag=True, help="Who is suspended.")
@click.option(
    "--expiring",
    "days",
    type=click.IntRange(0, DAYS_MAX),
    help="Who is not valid any more after so many days, and is now.",
)
@json_option
@config_option
def list_(
    search: str,
    role: str,
    zone: str,
    suspended: bool,
    days: int | None,
    as_json: bool,
    config: Path,
) -> None:
    """Show who is on file: everybody, or for whom all holds that is asked.

    SEARCH is a part of the name, whatever its case and accents, or the beginning of the id.
    """
    if len(search) > SEARCH_CHARS_MAX:
        raise click.UsageError(f"SEARCH: at most {SEARCH_CHARS_MAX} characters")
    asked = FindPeople(search=search, role=role, zone=zone, suspended=suspended, expiring_days=days)
    parts = list(_found(loaded(config), asked))
    last = parts[-1]
    if last.reason:
        raise Failed(clean(last.reason), clean(last.remedy))
    people = tuple(one for part in parts for one in part.people)
    if as_json:
        click.echo(msgspec.json.encode(Listed(last.version, last.found, people)))
        return
    zone_of = zone_named(last.timezone)
    rows = [_row(one, zone_of, last.utc_s) for one in people]
    title = f"people on file, version {last.version}: {last.found}"
    for line in list(table(title, rows))[1:] if rows else (Line(Tone.PLAIN, "nobody"),):
        click.echo(painted(line), color=coloured())


@click.command()
@click.argument("person")
@json_option
@config_option
def show(person: str, as_json: bool, config: Path) -> None:
    """Show what is on file of one PERSON, and where he was seen last.

    No badge's number and no PIN is kept that could be shown. For everything that is kept of
    somebody, the journal included, see `person report`.
    """
    said = shown(loaded(config), person)
    if said.detail is None:
        raise Failed(clean(said.reason), clean(said.remedy))
    if as_json:
        click.echo(msgspec.json.encode(said.detail))
        return
    for line in detail_lines(said, said.detail):
        click.echo(painted(line), color=coloured())


def _found(site: Config, asked: FindPeople) -> Iterator[PeopleReply]:
    try:
        with PeopleClient(site.state) as daemon:
            yield from daemon.find_people(asked)
        return
    except NoDaemonError:
        pass
    except ControlClientError as error:
        raise failed_by(error) from None
    from edge.person_closed import find_closed

    try:
        yield from find_closed(site, asked)
    except PeopleError as error:
        raise failed_by(error) from None


def shown(site: Config, person: str) -> ShowPersonReply:
    """By the running daemon, or from the file where none runs. Raises Failed."""
    try:
        with PeopleClient(site.state) as daemon:
            return daemon.show_person(person)
    except NoDaemonError:
        pass
    except ControlClientError as error:
        raise failed_by(error) from None
    from edge.person_closed import show_closed

    try:
        return show_closed(site, person)
    except (PeopleError, SiteKeyError) as error:
        raise failed_by(error) from None


def standing(one: PersonShown, now_s: int) -> tuple[Tone, str]:
    """In one word whether the person is let in at all."""
    if one.suspended:
        return Tone.DENIED, "SUSPENDED"
    if one.valid_until_s is not None and one.valid_until_s <= now_s:
        return Tone.DENIED, "EXPIRED"
    if one.valid_from_s is not None and one.valid_from_s > now_s:
        return Tone.NOTICE, "not yet valid"
    if one.watchlisted:
        return Tone.DENIED, "ON A WATCHLIST"
    return Tone.PLAIN, "in good standing"


def _row(one: PersonShown, zone: tzinfo, now_s: int) -> Row:
    tone, word = standing(one, now_s)
    until = (
        "" if one.valid_until_s is None else f"until {local(one.valid_until_s * SECOND_US, zone)}"
    )
    badges = "no badge" if not one.badges else f"{one.badges} badge{'s' * (one.badges > 1)}"
    where = f"in {one.zone}" if one.zone else ""
    return tone, (one.person, one.name, ", ".join(one.roles), word, badges, until, where)


def detail_lines(said: ShowPersonReply, detail: PersonDetail) -> Iterator[Line]:
    """The page of one person, line by line."""
    one, zone = detail.person, zone_named(said.timezone)

    def at(seconds: int) -> str:
        return local(seconds * SECOND_US, zone)

    yield Line(Tone.PLAIN, clean(f"{one.person}  {one.name}"))
    tone, word = standing(one, said.utc_s)
    yield Line(tone, f"  standing    {word}")
    yield Line(Tone.PLAIN, clean(f"  roles       {', '.join(one.roles)}"))
    if one.valid_from_s is not None or one.valid_until_s is not None:
        begins = "" if one.valid_from_s is None else f"from {at(one.valid_from_s)} "
        ends = "" if one.valid_until_s is None else f"until {at(one.valid_until_s)}"
        yield Line(Tone.PLAIN, f"  valid       {begins}{ends}")
    if detail.watchlists:
        yield Line(Tone.DENIED, clean(f"  watchlists  {', '.join(detail.watchlists)}"))
    yield Line(Tone.PLAIN, f"  PIN         {'on file' if detail.pin else 'none'}")
    face = "a template is on file" if detail.face else "none"
    gives = "" if detail.biometrics else "; gives no face or finger"
    if said.live or gives:
        yield Line(Tone.PLAIN, f"  face        {face if said.live else 'not known'}{gives}")
    yield from _whereabouts(said, detail, zone)
    yield from table("badges", [badge_row(badge, zone) for badge in detail.badges])
    rows: list[Row] = [
        (
            Tone.PLAIN,
            (
                f"version {change.version}",
                "" if change.utc_us is None else local(change.utc_us, zone),
                f"by {change.by or 'nobody knows whom'}",
                f"at {change.edge}" if change.edge else "",
            ),
        )
        for change in detail.changes
    ]
    yield from table("last changes", rows)


def _whereabouts(said: ShowPersonReply, detail: PersonDetail, zone: tzinfo) -> Iterator[Line]:
    if not said.live:
        yield Line(Tone.PLAIN, "  seen        not known: no daemon runs here")
        return
    if detail.person.zone:
        since = (
            "" if detail.since_s is None else f" since {local(detail.since_s * SECOND_US, zone)}"
        )
        yield Line(Tone.PLAIN, clean(f"  seen        last in {detail.person.zone}{since}"))
    else:
        yield Line(Tone.PLAIN, "  seen        not inside, as far as doors tell")
    if detail.overstayed:
        yield Line(Tone.ALARM, "              INSIDE FOR TOO LONG")
    if detail.locked_out:
        yield Line(Tone.ALARM, "              LOCKED OUT after wrong PINs")
    if detail.host:
        yield Line(Tone.PLAIN, clean(f"  host        {detail.host}"))
    if detail.visitors:
        yield Line(Tone.PLAIN, clean(f"  escorts     {', '.join(detail.visitors)}"))


def badge_row(badge: BadgeShown, zone: tzinfo) -> Row:
    """A badge's id, what it is and since when."""
    active = badge.status is CredentialStatus.ACTIVE
    word = str(badge.status) if active else str(badge.status).upper()
    since = "" if badge.since_us is None else f"since {local(badge.since_us, zone)}"
    return (Tone.PLAIN if active else Tone.DENIED), (badge.id[:8], word, since)
