"""Whether the templates of faces can be used, and who should be enrolled anew."""

from collections.abc import Iterator

from edge.control.calling import ControlClientError
from edge.control.client import Client, NoDaemonError
from edge.doctor import Finding, Patient, fail, ok, warn
from edge.face_due import DUE_DAYS, why_due
from edge.faces import FACES_FILE
from edge.present import clean

LIST = "`sentrypost face list` says what it is"


def faces(patient: Patient) -> Iterator[Finding]:
    """The daemon's word; it has the file open."""
    if not (patient.state / FACES_FILE).exists():
        yield ok("nobody's face is enrolled")
        return
    try:
        with Client(patient.state) as client:
            reply = client.faces()
    except NoDaemonError:
        yield ok("templates of faces are looked at while the edge runs")
        return
    except ControlClientError as error:
        yield fail(clean(str(error)), clean(error.remedy) or LIST)
        return
    unusable = sum(bool(one.trouble) for one in reply.faces)
    if unusable:
        yield fail(f"{unusable} of {len(reply.faces)} templates of faces cannot be used", LIST)
    old = sum(
        not one.trouble and bool(why_due(one, reply, DUE_DAYS, reply.model)) for one in reply.faces
    )
    if old:
        yield warn(f"{old} people should be enrolled anew", "`sentrypost face due` names them")
    if not unusable and not old:
        yield ok(f"{len(reply.faces)} templates of faces, and nobody is due to be enrolled anew")
