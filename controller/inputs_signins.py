"""Inputs about signing in at the pages: what the edge has judged, to be put on record."""

from controller.body import Note
from controller.events_signins import (
    How,
    SessionEnd,
    SessionId,
    SignInChange,
    Terminal,
    TerminalChange,
)
from controller.ids import HolderId
from controller.inputs import Input
from controller.ledger import Personal


class SignInHeard(Input, frozen=True, kw_only=True):
    """Somebody has proven who he is, and is about to be given a session."""

    session: SessionId
    holder: HolderId
    how: How
    terminal: Terminal = ""
    note: Note = ""


class UnlockHeard(Input, frozen=True, kw_only=True):
    """Somebody has proven that a locked session is his, and is about to have it back."""

    session: SessionId
    holder: HolderId
    how: How
    terminal: Terminal = ""
    note: Note = ""


class SessionEnding(Input, frozen=True, kw_only=True):
    """A session does not stand any more. `operator.field` is `operator`."""

    session: SessionId
    holder: HolderId
    why: SessionEnd
    operator: Personal | None = None


class SignInFailed(Input, frozen=True, kw_only=True):
    """A try was looked at and failed."""

    how: How
    holder: HolderId | None = None
    terminal: Terminal = ""
    tries: int


class SignInChanging(Input, frozen=True, kw_only=True):
    """By what somebody signs in is about to change. `operator.field` is `operator`."""

    holder: HolderId
    change: SignInChange
    operator: Personal | None = None


class TerminalChanging(Input, frozen=True, kw_only=True):
    """Which browser is a terminal is about to change. `operator.field` is `operator`."""

    terminal: Terminal
    change: TerminalChange
    operator: Personal
