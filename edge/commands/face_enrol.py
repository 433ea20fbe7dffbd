"""`sentrypost face enrol`: a template of somebody's face, of pictures or from a camera."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from edge.commands import face_pictures as pictures
from edge.commands.check import loaded
from edge.commands.common import Failed, config_option, failed_by, json_option
from edge.commands.person_sets import made_here
from edge.config import Config
from edge.control.client import Client, ControlClientError, NoDaemonError
from edge.control.messages_faces import CONSENT_CHARS_MAX, EnrolFace, FaceReply
from edge.face_enrolment import NOTE
from edge.faces import FacesError
from edge.journal import JournalError
from edge.people import PeopleError
from edge.present import clean

if TYPE_CHECKING:
    from drivers.faces.engine import FastEngine


class ViewTold(msgspec.Struct, frozen=True):
    """What one picture was good for; an empty `flaw`: it was used."""

    picture: str
    flaw: str


class EnrolTold(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints. `apart_most`: the greatest distance between two pictures; the smaller,
    the more surely the person is told from others.
    """

    person: str
    enrolled: bool
    version: int
    views: tuple[ViewTold, ...]
    apart_most: float
    compared: int
    alike: int
    people: tuple[str, ...]
    reason: str
    remedy: str


@click.command()
@click.argument("person")
@click.option(
    "--picture",
    "files",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="A JPEG or PNG with nobody else in it; at least three, in different poses.",
)
@click.option("--camera", help="Take the pictures from this camera of the site file.")
@click.option(
    "--consent",
    required=True,
    help="What the person has agreed to, and where that is kept: 'form 7, signed today'.",
)
@click.option(
    "--despite-alike",
    is_flag=True,
    help="Somebody else on file looks like the person, and an officer has compared the two.",
)
@config_option
@json_option
def enrol(
    person: str,
    files: tuple[Path, ...],
    camera: str | None,
    consent: str,
    despite_alike: bool,
    config: Path,
    as_json: bool,
) -> None:
    """Enrol the face of PERSON, the id that the file of people has.

    Pictures are looked at here and let go; the edge gets numbers, and seals them. Where the policy
    says `portraits`, it gets the face of the first one as well, for guards. Each picture is told
    of: used, or why not. The face is held against everybody else who is enrolled, once. It
    takes the place of an earlier one.
    """
    if bool(files) is bool(camera):
        raise click.UsageError("give --picture, at least three times, or --camera")
    if not 1 <= len(consent.strip()) <= CONSENT_CHARS_MAX:
        raise click.UsageError(f"--consent has 1 to {CONSENT_CHARS_MAX} characters")
    site = loaded(config)
    click.echo(NOTE, err=True)
    faces = pictures.engine()
    views = pictures.of_files(files) if camera is None else _of_camera(site, camera, faces)
    click.echo(f"looking at {len(views)} pictures", err=True)
    judged = pictures.judged(faces, views)
    template = judged.enrolled.template
    if template is None:
        done = FaceReply(done=False, reason=judged.enrolled.refusal or "no template came of them")
    else:
        used = sum(not flaw for _, flaw in judged.views)
        asked = EnrolFace(
            person=person,
            model=template.model,
            mean=template.mean,
            views=used,
            consent=consent.strip(),
            despite_alike=despite_alike,
            portrait=pictures.portrait(faces, views, judged) if site.policy.portraits else b"",
        )
        done = _asked(site, asked)
    _tell(person, judged, done, as_json=as_json)


def _of_camera(site: Config, camera: str, faces: "FastEngine") -> tuple[pictures.View, ...]:
    def say(words: str) -> None:
        click.echo(words, err=True)

    try:
        with Client(site.state) as daemon:
            return pictures.of_camera(lambda: daemon.face_picture(camera), faces, say)
    except ControlClientError as error:
        raise failed_by(error) from None


def _asked(site: Config, asked: EnrolFace) -> FaceReply:
    try:
        try:
            with Client(site.state) as daemon:
                return daemon.enrol_face(asked)
        except NoDaemonError:
            from edge.face_closed import enrol_closed

            return asyncio.run(enrol_closed(site, asked, made_here(site.edge)))
    except (ControlClientError, JournalError, PeopleError, FacesError) as error:
        raise failed_by(error) from None


def _tell(person: str, judged: pictures.Judged, done: FaceReply, *, as_json: bool) -> None:
    if as_json:
        told = EnrolTold(
            person=person,
            enrolled=done.done,
            version=done.version,
            views=tuple(ViewTold(name, flaw) for name, flaw in judged.views),
            apart_most=round(judged.enrolled.apart_most, 3),
            compared=done.compared,
            alike=done.alike,
            people=done.people,
            reason=done.reason,
            remedy=done.remedy,
        )
        click.echo(msgspec.json.encode(told))
    else:
        for name, flaw in judged.views:
            click.echo(clean(f"  {name}: {flaw or 'used'}"))
        if judged.enrolled.template is not None:
            apart = judged.enrolled.apart_most
            click.echo(f"  the two that differ most are {apart:.2f} apart; less is better")
    if not done.done:
        alike = f" ({', '.join(done.people)})" if done.people else ""
        what = "not on file yet" if done.kept else "not enrolled"
        raise Failed(clean(f"{what}: {done.reason}{alike}"), clean(done.remedy))
    if not as_json:
        alike = f"{done.alike} of whom resemble the person" if done.alike else "nobody alike"
        what = f"'{person}' is enrolled, version {done.version}"
        click.echo(clean(f"{what}; held against {done.compared} others, {alike}"))
