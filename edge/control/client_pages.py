"""What commands ask of the running daemon about signing in at the pages."""

from edge.control.client import Client
from edge.control.messages_pages import (
    CodeMade,
    EndSession,
    Invite,
    MakeLink,
    MakeTerminalCode,
    ReadSignIns,
    RemoveSignIn,
    RemoveTerminal,
    SignInChanged,
    SignInsReply,
)


class SignInClient(Client):
    """As `Client`, for signing in at the pages."""

    def sign_ins(self) -> SignInsReply:
        return self._ask(ReadSignIns(), SignInsReply)

    def invite(self, person: str) -> CodeMade:
        return self._ask(Invite(person=person), CodeMade)

    def link(self, person: str) -> CodeMade:
        return self._ask(MakeLink(person=person), CodeMade)

    def remove(self, person: str, passkey: str) -> SignInChanged:
        return self._ask(RemoveSignIn(person=person, passkey=passkey), SignInChanged)

    def end(self, session: str) -> SignInChanged:
        return self._ask(EndSession(session=session), SignInChanged)

    def terminal_code(self, terminal: str) -> CodeMade:
        return self._ask(MakeTerminalCode(terminal=terminal), CodeMade)

    def end_terminal(self, terminal: str) -> SignInChanged:
        return self._ask(RemoveTerminal(terminal=terminal), SignInChanged)
