"""What passes between the pages' process and the daemon about who sits before a page.

A connection on the pages' socket begins with one of the sign-ins, or with UseSession. No repr shows
a token, a password, a PIN, a code, or what a passkey said.
"""

from typing import Annotated

import msgspec

from controller.events_signins import How, SessionId
from controller.moment import Micros
from edge.control.message import Message, Part
from edge.orders import PERSON_ID_CHARS_MAX, PersonId

TOKEN_CHARS_MAX = 64
"""32 random bytes are 43 characters of base64url."""

PASSWORD_CHARS_MAX = 256
"""A passphrase is shorter; Argon2 is not fed whatever somebody sends."""

CODE_CHARS_MAX = 64
"""Of a one-time code as somebody types it, with spaces and lines between."""

WEBAUTHN_CHARS_MAX = 16 * 1024
"""Of what a browser writes of a passkey; it repeats itself, and the public key with it."""

SHOWN_MAX = 500
"""People, sessions and invitations of one reply, of each so many."""

Name = Annotated[str, msgspec.Meta(max_length=64)]
"""Of a terminal as the site file has it; empty: none."""

TerminalToken = Annotated[str, msgspec.Meta(max_length=TOKEN_CHARS_MAX)]
"""By which a browser is a terminal, as TerminalTaken gave it; empty: it is none. A terminal's name
is not enough: whoever knows it would be offered the badges of its reader.
"""

SomePerson = Annotated[str, msgspec.Meta(max_length=PERSON_ID_CHARS_MAX)]
"""As `PersonId`, and empty for nobody named."""

RightName = Annotated[str, msgspec.Meta(max_length=32)]
"""Of an edge's pages as `policies.rights.Right`, of the wall as `central.operator_words` has it."""

Password = Annotated[str, msgspec.Meta(max_length=PASSWORD_CHARS_MAX)]
Code = Annotated[str, msgspec.Meta(max_length=CODE_CHARS_MAX)]
Pin = Annotated[str, msgspec.Meta(max_length=16)]
Webauthn = Annotated[str, msgspec.Meta(max_length=WEBAUTHN_CHARS_MAX)]
Label = Annotated[str, msgspec.Meta(max_length=64)]


class Secret(Message, frozen=True, kw_only=True):
    """A message of which no repr shows more than its name."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


# --- signing in -------------------------------------------------------------------------------


class UseSession(Secret, frozen=True, kw_only=True):
    """Whoever was given this token speaks here now; answered by SignedIn without a token.
    `background`: a page asks by itself, and not a person by doing something: it keeps no session
    from being locked.
    """

    token: Annotated[str, msgspec.Meta(max_length=TOKEN_CHARS_MAX)]
    background: bool = False


class SignInByPassword(Secret, frozen=True, kw_only=True):
    """Password and the six figures of the moment; answered by SignedIn."""

    person: SomePerson
    password: Password
    code: Code
    terminal: TerminalToken = ""


class SignInByPin(Secret, frozen=True, kw_only=True):
    """The PIN of whoever presented a badge at the terminal's own reader just before; answered by
    SignedIn.
    """

    terminal: TerminalToken
    pin: Pin


class AskPasskey(Secret, frozen=True, kw_only=True):
    """A challenge for any passkey that the device has of this site; answered by PasskeyAsked.
    Nobody is named, so that nobody learns who has one.
    """

    terminal: TerminalToken = ""


class SignInByPasskey(Secret, frozen=True, kw_only=True):
    """What the browser made of the challenge, AuthenticationResponseJSON (WebAuthn level 3, 5.1);
    answered by SignedIn.
    """

    response: Webauthn
    terminal: TerminalToken = ""


class SignInByLink(Secret, frozen=True, kw_only=True):
    """The code of a one-time link; answered by SignedIn."""

    code: Code
    terminal: TerminalToken = ""


class WaitsForBadge(Secret, frozen=True, kw_only=True):
    """Which terminal is this browser, and was a badge read there that waits for its PIN? Answered
    by BadgeAwaited.
    """

    terminal: TerminalToken


class BecomeTerminal(Secret, frozen=True, kw_only=True):
    """This browser is the terminal that the one-time code is for; answered by TerminalTaken."""

    code: Code


class TakeInvitation(Secret, frozen=True, kw_only=True):
    """Set a password by a one-time code; answered by InvitationTaken. Nothing counts before
    ConfirmInvitation. With the code of the first start `person` and `name` may be of somebody who
    is not on file yet.
    """

    code: Code
    person: SomePerson
    password: Password
    name: Annotated[str, msgspec.Meta(max_length=200)] = ""


class ConfirmInvitation(Secret, frozen=True, kw_only=True):
    """The six figures that prove that the secret has arrived; answered by SignedIn. `code`: that of
    the invitation.
    """

    code: Code
    totp: Code
    terminal: TerminalToken = ""


# --- with a session ---------------------------------------------------------------------------


class AskNewPasskey(Message, frozen=True, kw_only=True):
    """Options to make a passkey of whoever asks; answered by PasskeyAsked."""


class AddPasskey(Secret, frozen=True, kw_only=True):
    """What the browser made of them, RegistrationResponseJSON; answered by SignInChanged."""

    response: Webauthn
    label: Label


class LockSession(Message, frozen=True, kw_only=True):
    """The screen is left for a while; answered by SignedIn without a token."""


class UnlockSession(Secret, frozen=True, kw_only=True):
    """One of the two that the person has; answered by SignedIn without a token."""

    pin: Pin = ""
    password: Password = ""


class SignOut(Message, frozen=True, kw_only=True):
    """This session is over; answered by SignInChanged."""


class ReadSignIns(Message, frozen=True, kw_only=True):
    """Who can sign in, by what, and who is; answered by SignInsReply."""


class EndSession(Message, frozen=True, kw_only=True):
    """Somebody else's, or another of one's own; answered by SignInChanged."""

    session: SessionId


class Invite(Message, frozen=True, kw_only=True):
    """A one-time code by which this person sets a password; answered by CodeMade. What there was
    goes on to count until it is used.
    """

    person: PersonId


class MakeLink(Message, frozen=True, kw_only=True):
    """A one-time code that signs this person in; answered by CodeMade. Only where the daemon's own
    account asks: whoever has it acts in this person's name.
    """

    person: PersonId


class RemoveSignIn(Message, frozen=True, kw_only=True):
    """Take away all by which this person signs in, badge and PIN apart, and end the sessions;
    answered by SignInChanged. `passkey`: that one alone.
    """

    person: PersonId
    passkey: Annotated[str, msgspec.Meta(max_length=64)] = ""


class MakeTerminalCode(Message, frozen=True, kw_only=True):
    """A one-time code by which a browser becomes this terminal of the site file; answered by
    CodeMade. The browser that is it goes on to be until the code is used.
    """

    terminal: Name


class RemoveTerminal(Message, frozen=True, kw_only=True):
    """No browser is this terminal any more, and its session is over; answered by SignInChanged."""

    terminal: Name


# --- answers ----------------------------------------------------------------------------------


class SessionShown(Part, frozen=True, kw_only=True):
    """A session as its own person sees it. `person`: the id on file, under which every act of the
    session is recorded. `portals`: of its terminal; none: all. `ends_utc_us`: at the latest.
    `locks_utc_us`: where nothing is done until then. `locked`: alarms and doors are shown, and
    nothing else is until it is unlocked. `roles`: as on file.
    """

    session: SessionId
    person: str
    name: str
    roles: tuple[str, ...] = ()
    rights: tuple[RightName, ...]
    terminal: Name = ""
    portals: tuple[str, ...] = ()
    how: How
    signed_in_utc_us: Micros
    ends_utc_us: Micros
    locks_utc_us: Micros
    locked: bool
    timezone: str
    site: str
    edge: str
    has_pin: bool = False
    has_password: bool = False
    passkeys: int = 0

    def __repr__(self) -> str:
        return f"SessionShown(session={self.session!r}, terminal={self.terminal!r}, …)"


class SignedIn(Message, frozen=True, kw_only=True):
    """A session, or why there is none, which never says what of it was wrong. `token`: 32 random
    bytes as base64url, told once; the daemon keeps its hash alone. `wait_s`: so long no further try
    is looked at.
    """

    token: str = ""
    session: SessionShown | None = None
    reason: str = ""
    remedy: str = ""
    wait_s: float = 0.0

    def __repr__(self) -> str:
        return f"SignedIn(session={self.session!r}, reason={self.reason!r})"


class PasskeyAsked(Secret, frozen=True, kw_only=True):
    """`options`: JSON, for PublicKeyCredential.parseRequestOptionsFromJSON of the browser, or for
    parseCreationOptionsFromJSON where a new one is made. Empty: there is none, and why.
    """

    options: str = ""
    reason: str = ""
    remedy: str = ""


class BadgeAwaited(Message, frozen=True, kw_only=True):
    """`seen`: a badge was read, and its PIN counts until `until_utc_us`. Whose it is, is told to
    nobody before the PIN. `terminal`: which one asks; empty: a browser that is none. `reader`: it
    has one of its own.
    """

    seen: bool
    terminal: Name = ""
    reader: bool = False
    until_utc_us: Micros = 0
    reason: str = ""
    remedy: str = ""


class InvitationTaken(Secret, frozen=True, kw_only=True):
    """`totp_uri`: what an authenticator takes, otpauth://…, shown once as a QR code and as text.
    Empty: the invitation was not taken, and why.
    """

    totp_uri: str = ""
    reason: str = ""
    remedy: str = ""
    wait_s: float = 0.0


class SignInChanged(Message, frozen=True, kw_only=True):
    """It is done and on record, or why not."""

    done: bool
    reason: str = ""
    remedy: str = ""


class CodeMade(Secret, frozen=True, kw_only=True):
    """A one-time code, told here and nowhere else."""

    code: str = ""
    until_utc_us: Micros = 0
    reason: str = ""
    remedy: str = ""


class TerminalTaken(Secret, frozen=True, kw_only=True):
    """`token`: by which the browser is `terminal` from here on, told once; the daemon keeps its
    hash alone. Empty: it is none, and why.
    """

    token: TerminalToken = ""
    terminal: Name = ""
    reason: str = ""
    remedy: str = ""
    wait_s: float = 0.0


class TerminalShown(Part, frozen=True, kw_only=True):
    """One of the site file. `reader`: it has one of its own. `since_utc_us`: when a browser became
    it; 0 where none is.
    """

    terminal: Name
    portals: tuple[str, ...]
    reader: bool
    since_utc_us: Micros


class PasskeyShown(Part, frozen=True, kw_only=True):
    """`passkey` names it. `credential`: as `[key.NAME] fido2` of the site file takes it: with that
    line its person's signature counts for orders, and by itself it signs in and no more.
    """

    passkey: str
    label: str
    made_utc_us: Micros
    used_utc_us: Micros
    credential: str


class MeansShown(Part, frozen=True, kw_only=True):
    """By what somebody signs in. `invited_until_utc_us`: 0 where no invitation waits."""

    person: str
    name: str
    rights: tuple[RightName, ...]
    has_pin: bool
    has_password: bool
    passkeys: tuple[PasskeyShown, ...] = ()
    invited_until_utc_us: Micros = 0


class OpenSession(Part, frozen=True, kw_only=True):
    """One session, for whoever may end it."""

    session: SessionId
    person: str
    name: str
    terminal: Name
    how: How
    signed_in_utc_us: Micros
    seen_utc_us: Micros
    locked: bool
    own: bool = False


class SignInsReply(Message, frozen=True, kw_only=True):
    """Everybody on file who has a right at the pages or something to sign in by."""

    people: Annotated[tuple[MeansShown, ...], msgspec.Meta(max_length=SHOWN_MAX)] = ()
    sessions: Annotated[tuple[OpenSession, ...], msgspec.Meta(max_length=SHOWN_MAX)] = ()
    terminals: tuple[TerminalShown, ...] = ()
    timezone: str = ""


SignInRequest = (
    UseSession
    | SignInByPassword
    | SignInByPin
    | AskPasskey
    | SignInByPasskey
    | SignInByLink
    | WaitsForBadge
    | TakeInvitation
    | ConfirmInvitation
    | BecomeTerminal
)
"""What may be asked without a session."""

SessionRequest = AskNewPasskey | AddPasskey | LockSession | UnlockSession | SignOut
"""What everybody with a session may ask about it."""

AdminRequest = ReadSignIns | EndSession | Invite | MakeLink | RemoveSignIn
"""What is asked about the sign-ins of others; at the operator's own socket as well."""

EdgeAdminRequest = AdminRequest | MakeTerminalCode | RemoveTerminal
"""The same, and what is asked about terminals."""

PageRequest = SignInRequest | SessionRequest | EdgeAdminRequest

PageAnswer = (
    SignedIn
    | PasskeyAsked
    | BadgeAwaited
    | InvitationTaken
    | TerminalTaken
    | SignInChanged
    | CodeMade
    | SignInsReply
)
