"""What entries about signing in at the pages say, in words."""

from collections.abc import Callable, Mapping
from typing import Any

from controller import events_signins as es
from controller.body import Body
from controller.events_signins import How, SessionEnd, SignInChange, TerminalChange
from edge.tone import Names, Said, Tone

HOWS = {
    How.BADGE_PIN: "badge and PIN",
    How.PASSKEY: "a passkey",
    How.PASSWORD: "password and one-time code",
    How.LINK: "a one-time link",
    How.INVITATION: "an invitation",
    How.TERMINAL: "the code of a terminal",
}

_PROOFS = {How.BADGE_PIN: "PIN", How.PASSWORD: "password"}
"""A screen is unlocked by half of what somebody signs in by."""

_ENDS = {
    SessionEnd.SIGNED_OUT: "signed out",
    SessionEnd.TIME_OVER: "the session's time is over",
    SessionEnd.NO_RIGHT: "the session is over: the person has no right at the pages any more",
    SessionEnd.REPLACED: "the session is over: somebody else signed in at the terminal",
    SessionEnd.ENDED: "the session was ended",
}

_CHANGES = {
    SignInChange.INVITED: "is invited to set a password",
    SignInChange.LINK_MADE: "can sign in once by a link",
    SignInChange.PASSWORD_SET: "has set a password",
    SignInChange.PASSKEY_ADDED: "has added a passkey",
    SignInChange.PASSKEY_REMOVED: "has one passkey less",
    SignInChange.ALL_REMOVED: "signs in by nothing any more but badge and PIN",
}


_TERMINALS = {
    TerminalChange.CODE_MADE: "a browser may become terminal {0}, by a code",
    TerminalChange.TAKEN: "a browser has become terminal {0}",
    TerminalChange.REMOVED: "no browser is terminal {0} any more",
}


def _at(terminal: str) -> str:
    return f" at {terminal}" if terminal else ""


def _by(names: Names) -> str:
    return f", by {names['operator']}" if "operator" in names else ""


def _began(body: es.SessionBegan, _: Names) -> Said:
    return Tone.NOTICE, f"{body.holder} signed in{_at(body.terminal)} by {HOWS[body.how]}"


def _unlocked(body: es.SessionUnlocked, _: Names) -> Said:
    return Tone.PLAIN, (
        f"{body.holder} unlocked the screen{_at(body.terminal)} "
        f"by {_PROOFS.get(body.how, HOWS[body.how])}"
    )


def _ended(body: es.SessionEnded, names: Names) -> Said:
    return Tone.PLAIN, f"{body.holder}: {_ENDS[body.why]}{_by(names)}"


def _refused(body: es.SignInRefused, _: Names) -> Said:
    who = "somebody unknown" if body.holder is None else body.holder
    often = body.tries >= es.SUSPECTED_TRIES
    said = f"{who} could not sign in{_at(body.terminal)} by {HOWS[body.how]}, try {body.tries}"
    return (Tone.ALARM if often else Tone.DENIED), said


def _changed(body: es.SignInChanged, names: Names) -> Said:
    return Tone.NOTICE, f"{body.holder} {_CHANGES[body.change]}{_by(names)}"


def _terminal(body: es.TerminalChanged, names: Names) -> Said:
    return Tone.NOTICE, f"{_TERMINALS[body.change].format(body.terminal)}{_by(names)}"


SAYINGS: Mapping[type[Body], Callable[[Any, Names], Said]] = {
    es.SessionBegan: _began,
    es.SessionUnlocked: _unlocked,
    es.SessionEnded: _ended,
    es.SignInRefused: _refused,
    es.SignInChanged: _changed,
    es.TerminalChanged: _terminal,
}
