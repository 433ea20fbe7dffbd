"""What entries about templates of faces say, in words."""

from collections.abc import Callable, Mapping
from typing import Any

from controller import events_faces as ef
from controller.body import Body
from edge.tone import Names, Said, Tone, always, operator


def _enrolled(body: ef.FaceEnrolled, names: Names) -> Said:
    alike = f"; it resembles {body.alike} of the others on file" if body.alike else ""
    what = f"a template of the face of {body.holder} is on file, of {body.views} views"
    return Tone.NOTICE, f"{what}{alike}; by {operator(names)}"


_ENDS = {
    ef.FaceEnd.ASKED: " by {by}",
    ef.FaceEnd.HOLDER_GONE: ": nobody knows the person any more",
    ef.FaceEnd.DECLINED: ": the person does not give the face any more",
}


def _erased(body: ef.FaceErased, names: Names) -> Said:
    why = _ENDS[body.cause].format(by=operator(names))
    return Tone.NOTICE, f"the template of the face of {body.holder} is erased{why}"


def _unsound(body: ef.FaceUnsound, _: Names) -> Said:
    return Tone.ALARM, f"the template of the face of {body.holder} cannot be used: {body.reason}"


SAYINGS: Mapping[type[Body], Callable[[Any, Names], Said]] = {
    ef.FaceEnrolled: _enrolled,
    ef.FaceErased: _erased,
    ef.FaceUnsound: _unsound,
    ef.TemplatesResealed: always(
        Tone.NOTICE, "{body.templates} templates of faces are sealed under another key"
    ),
}
