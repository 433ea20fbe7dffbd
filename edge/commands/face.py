"""`sentrypost face`: whose faces are enrolled at this edge."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import tzinfo
from pathlib import Path

import click
import msgspec
from msgspec.structs import replace

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
from edge.commands.face_enrol import enrol
from edge.commands.person_sets import made_here
from edge.config import Config
from edge.control.client import Client, ControlClientError, NoDaemonError
from edge.control.messages_faces import FaceReply, FaceShown, FacesReply
from edge.face_due import DUE_DAYS, why_due
from edge.faces import FacesError
from edge.journal import JournalError
from edge.people import PeopleError
from edge.present import clean, local
from edge.tone import Tone


@click.group()
def face() -> None:
    """Whose faces are enrolled here: templates, never pictures."""


face.add_command(enrol)


@face.command("list")
@config_option
@json_option
def list_(config: Path, as_json: bool) -> None:
    """Show every template on file: whose, of when, made by what, and what is wrong with it."""
    reply = _listed(loaded(config))
    if as_json:
        click.echo(msgspec.json.encode(reply))
        return
    if reply.trouble:
        click.echo(clean(reply.trouble), err=True)
    _show(reply, reply.faces, "TEMPLATES OF FACES")
    if reply.key:
        click.echo(f"sealed under key {reply.key}")


@face.command()
@click.argument("person")
@config_option
@json_option
def show(person: str, config: Path, as_json: bool) -> None:
    """Show the template of PERSON, the id that the file of people has."""
    reply = _listed(loaded(config))
    found = next((one for one in reply.faces if one.person == person), None)
    if found is None:
        raise Failed(
            f"no template of '{person}' is on file", f"sentrypost face enrol {person} makes one"
        )
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    zone = zone_named(reply.timezone)
    rows = {
        "person": f"{found.person}, {found.name}",
        "random id": found.holder,
        "version": str(found.version),
        "enrolled": _when(found, zone),
        "pictures": f"{found.views}, none of which was kept",
        "model": found.model or "-",
        "usable": found.trouble or "yes",
    }
    for name, value in rows.items():
        click.echo(clean(f"{name:<10}  {value}"))


@face.command()
@click.argument("person")
@config_option
@json_option
def erase(person: str, config: Path, as_json: bool) -> None:
    """Erase the template of PERSON, and nothing else: recorded first, then done.

    Wherever a face is asked for, PERSON is asked for its alternative from then on. `sentrypost
    person erase` takes it with everything else. Copies and backups are yours to erase.
    """
    site = loaded(config)
    with _failing():
        try:
            with Client(site.state) as daemon:
                done = daemon.erase_face(person)
        except NoDaemonError:
            from edge.face_closed import erase_face_closed

            done = asyncio.run(erase_face_closed(site, person, made_here(site.edge)))
    if as_json:
        click.echo(msgspec.json.encode(done))
    elif done.done:
        click.echo(clean(f"the template of '{person}', version {done.version}, is erased"))
    _refuse(done, "not erased yet" if done.kept else "not erased")


@face.command()
@click.option(
    "--older-than",
    "days",
    type=click.IntRange(1, 36_500),
    default=DUE_DAYS,
    show_default=True,
    help="Enrolled more than so many days ago.",
)
@config_option
@json_option
def due(days: int, config: Path, as_json: bool) -> None:
    """Show who should be enrolled anew: whose template is old, of another model than the one that
    compares now, or cannot be used.
    """
    reply = _listed(loaded(config))
    model = reply.model or _model_here()
    reply = replace(
        reply,
        model=model,
        faces=tuple(one for one in reply.faces if why_due(one, reply, days, model)),
    )
    if as_json:
        click.echo(msgspec.json.encode(reply))
        return
    if not model:
        click.echo("which model compares now is not known here, so none is called old", err=True)
    if not reply.faces:
        click.echo("nobody")
        return
    _show(reply, reply.faces, "TO BE ENROLLED ANEW", lambda one: why_due(one, reply, days, model))


def _model_here() -> str:
    """What this installation compares with, where it has what that needs."""
    try:
        from drivers.faces.engine import MODEL
    except ImportError:
        return ""
    return MODEL


def _listed(site: Config) -> FacesReply:
    with _failing():
        try:
            with Client(site.state) as daemon:
                return daemon.faces()
        except NoDaemonError:
            return _listed_closed(site)


def _listed_closed(site: Config) -> FacesReply:
    from edge.face_closed import faces_closed

    return asyncio.run(faces_closed(site))


def _show(
    reply: FacesReply,
    faces: tuple[FaceShown, ...],
    title: str,
    why: Callable[[FaceShown], str] = lambda one: one.trouble,
) -> None:
    zone = zone_named(reply.timezone)
    for line in table(title, [_row(one, zone, why(one)) for one in faces]):
        click.echo(painted(line), color=coloured())


def _row(one: FaceShown, zone: tzinfo, why: str) -> Row:
    tone = Tone.FAULT if one.trouble else Tone.PLAIN
    views = f"{one.views} pictures"
    cells = (one.person or one.holder, one.name, _when(one, zone), views, one.model, why)
    return tone, cells


def _when(one: FaceShown, zone: tzinfo) -> str:
    return "-" if one.made_utc_s is None else local(one.made_utc_s * 1_000_000, zone)


@contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except (ControlClientError, JournalError, PeopleError, FacesError) as error:
        raise failed_by(error) from None


def _refuse(done: FaceReply, what: str) -> None:
    if not done.done:
        raise Failed(clean(f"{what}: {done.reason}"), clean(done.remedy))
