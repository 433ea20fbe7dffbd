"""What is kept of signing in, as values. No repr shows a hash, a secret or a credential."""

from enum import StrEnum

import msgspec

from controller.events_signins import How, SessionId, Terminal
from controller.ids import HolderId


class Password(msgspec.Struct, frozen=True, kw_only=True):
    """`hash`: Argon2id. `totp`: the authenticator's secret, sealed. `step`: of the last code that
    counted; no code of it or before counts again.
    """

    holder: HolderId
    hash: str
    totp: bytes
    step: int

    def __repr__(self) -> str:
        return f"Password(holder={self.holder!r}, …)"


class Passkey(msgspec.Struct, frozen=True, kw_only=True):
    """`id` names it to people. `credential`: attested credential data (WebAuthn, 6.5.1)."""

    id: str
    holder: HolderId
    label: str
    credential: bytes
    count: int
    made_us: int
    used_us: int

    def __repr__(self) -> str:
        return f"Passkey(id={self.id!r}, holder={self.holder!r}, …)"


class CodeKind(StrEnum):
    FIRST = "first"  # the first administrator's
    INVITATION = "invitation"
    LINK = "link"


class OneTimeCode(msgspec.Struct, frozen=True, kw_only=True):
    """`holder`: whom it is for; empty for the first administrator's. `hash`: SHA-256."""

    hash: bytes
    what: CodeKind
    holder: str
    until_us: int

    def __repr__(self) -> str:
        return f"OneTimeCode({self.what.value}, holder={self.holder!r})"


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """`hash`: SHA-256 of the token. Times by the wall, in microseconds. `seen_us`: when the person
    last did something.
    """

    hash: bytes
    id: SessionId
    holder: HolderId
    how: How
    terminal: Terminal
    begun_us: int
    seen_us: int
    ends_us: int
    locked: bool

    def __repr__(self) -> str:
        return f"Session(id={self.id!r}, holder={self.holder!r}, …)"


class Screen(msgspec.Struct, frozen=True, kw_only=True):
    """The browser that is a terminal: one of each. `hash`: SHA-256 of its token."""

    terminal: Terminal
    hash: bytes
    made_us: int

    def __repr__(self) -> str:
        return f"Screen({self.terminal!r}, …)"


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """All of a file."""

    passwords: tuple[Password, ...] = ()
    passkeys: tuple[Passkey, ...] = ()
    codes: tuple[OneTimeCode, ...] = ()
    sessions: tuple[Session, ...] = ()
    screens: tuple[Screen, ...] = ()


Record = Password | Passkey | OneTimeCode | Session | Screen
