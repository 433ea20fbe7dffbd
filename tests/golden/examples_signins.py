"""Examples of events of signing in at the pages, every field filled."""

from controller.body import NOTE_CHARS, Body
from controller.events_signins import (
    How,
    SessionBegan,
    SessionEnd,
    SessionEnded,
    SessionUnlocked,
    SignInChange,
    SignInChanged,
    SignInRefused,
    TerminalChange,
    TerminalChanged,
)
from controller.ids import HolderId
from controller.ledger import Personal, commitment

OPERATOR = commitment(Personal("operator", "Officer Smith", "0f" * 16))
HOLDER, SESSION = HolderId("h1"), "5e" * 8

SIGN_INS: tuple[Body, ...] = (
    SessionBegan(
        session=SESSION,
        holder=HOLDER,
        how=How.BADGE_PIN,
        terminal="gate-1",
        note="A" * NOTE_CHARS,
    ),
    SessionUnlocked(
        session=SESSION,
        holder=HOLDER,
        how=How.BADGE_PIN,
        terminal="gate-1",
        note="A" * NOTE_CHARS,
    ),
    SessionEnded(session=SESSION, holder=HOLDER, why=SessionEnd.ENDED, operator=OPERATOR),
    SignInRefused(how=How.PASSWORD, holder=HOLDER, terminal="gate-1", tries=5),
    SignInChanged(holder=HOLDER, change=SignInChange.INVITED, operator=OPERATOR),
    TerminalChanged(terminal="gate-1", change=TerminalChange.TAKEN, operator=OPERATOR),
)
