"""Events of signing in at the pages: who is there, who was not let in, and by what people can.

A password, a PIN, a code or a token never stands in an entry.
"""

from enum import StrEnum
from typing import Annotated

import msgspec

from controller.body import Body, Count, Note
from controller.ids import HolderId
from controller.ledger import Commitment

SessionId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]
"""Names a session; nobody can use a session by it."""

Terminal = Annotated[str, msgspec.Meta(max_length=64)]
"""Of the site file; empty where somebody signs in elsewhere."""

SUSPECTED_TRIES = 5
"""So many tries in a row that fail are an alarm, and each one after them."""


class How(StrEnum):
    """By what somebody signs in."""

    BADGE_PIN = "badge-pin"
    PASSKEY = "passkey"
    PASSWORD = "password"
    LINK = "link"
    INVITATION = "invitation"
    TERMINAL = "terminal"  # nobody yet: a browser that is to be a terminal, by its code


class SessionEnd(StrEnum):
    """Why a session is over."""

    SIGNED_OUT = "signed-out"
    TIME_OVER = "time-over"
    NO_RIGHT = "no-right"  # suspended, gone from the file, or without a role that the policy names
    REPLACED = "replaced"  # somebody else signed in at the terminal
    ENDED = "ended"  # by somebody who may


class SignInChange(StrEnum):
    """What has changed of by what somebody can sign in."""

    INVITED = "invited"
    LINK_MADE = "link-made"
    PASSWORD_SET = "password-set"
    PASSKEY_ADDED = "passkey-added"
    PASSKEY_REMOVED = "passkey-removed"
    ALL_REMOVED = "all-removed"


class TerminalChange(StrEnum):
    """What has changed of which browser is a terminal."""

    CODE_MADE = "code-made"
    TAKEN = "taken"  # a browser is it, from here on and alone
    REMOVED = "removed"


class SessionBegan(Body, frozen=True, kw_only=True):
    """Somebody has signed in. `note`: sealed beside a PIN, as `edge.duress` has it."""

    session: SessionId
    holder: HolderId
    how: How
    terminal: Terminal = ""
    note: Note = ""


class SessionUnlocked(Body, frozen=True, kw_only=True):
    """A locked screen was unlocked by whose session it is. `note`: as in `session-began`."""

    session: SessionId
    holder: HolderId
    how: How
    terminal: Terminal = ""
    note: Note = ""


class SessionEnded(Body, frozen=True, kw_only=True):
    """A session is over. `operator`: who ended it, where it was somebody else."""

    session: SessionId
    holder: HolderId
    why: SessionEnd
    operator: Commitment | None = None


class SignInRefused(Body, frozen=True, kw_only=True):
    """A try that failed, the `tries`-th in a row for this person, or at this terminal, whichever
    are more; an alarm from SUSPECTED_TRIES on. `holder`: who was named, where that is somebody on
    file. Tries that are not looked at because too many came before are not recorded.
    """

    how: How
    holder: HolderId | None = None
    terminal: Terminal = ""
    tries: Count


class SignInChanged(Body, frozen=True, kw_only=True):
    """What somebody signs in by is another. `operator`: by whom, where it was not himself."""

    holder: HolderId
    change: SignInChange
    operator: Commitment | None = None


class TerminalChanged(Body, frozen=True, kw_only=True):
    """Another browser is a terminal of the site file, or may soon be, or none is. `operator`: by
    whom; where a code was used, who had made it.
    """

    terminal: Terminal
    change: TerminalChange
    operator: Commitment
