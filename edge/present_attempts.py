"""What entries between the badge and the verdict say, in words."""

from collections.abc import Callable, Mapping
from typing import Any

from controller import events as ev
from controller.body import Body
from edge.tone import Names, Said, Tone, operator


def _asked(body: ev.FactorAsked, _: Names) -> Said:
    return Tone.PLAIN, f"{_place(body)}: {body.factor} asked"


def _answered(body: ev.FactorAnswered, names: Names) -> Said:
    what = f"{_place(body)}: {body.factor} {'passed' if body.passed else 'failed'}"
    if body.operator is None:
        return Tone.PLAIN, what
    return Tone.PLAIN, f"{what}, {operator(names)}: {names.get('reason') or 'no reason kept'}"


def _missed(body: ev.FactorMissed, _: Names) -> Said:
    return Tone.NOTICE, f"{_place(body)}: no {body.factor} could be had: {body.reason}"


def _place(body: ev.FactorAsked | ev.FactorAnswered | ev.FactorMissed) -> str:
    return f"{body.after.portal} {body.after.direction}"


SAYINGS: Mapping[type[Body], Callable[[Any, Names], Said]] = {
    ev.FactorAsked: _asked,
    ev.FactorAnswered: _answered,
    ev.FactorMissed: _missed,
}
