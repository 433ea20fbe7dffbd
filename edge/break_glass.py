"""Break-glass codes: on paper in a sealed envelope, for a sole survivor. Each acts once.

A code stands for one more person beside somebody who signs. What is kept is an Argon2id hash of
each, in one file for nobody but the service; that a code was used is the core's to remember.
"""

import asyncio
import logging
import re
import secrets
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from edge.people.pins import PinHasher, PinHashError
from edge.secret_file import (
    NotAFileError,
    OpenToOthersError,
    read_secret,
    replace_file,
    write_new_secret,
)

FILE = "break-glass.json"
"""In the state folder."""

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter that is taken for a figure or for another letter."""

GROUPS, GROUP_SIGNS = 4, 4
"""16 signs of 5 bits: 80 bits, which nobody guesses whatever a hash costs."""

COUNT_MAX = 20
FILE_BYTES_MAX = 16 * 1024
WAITING_MAX = 4
"""Each check takes a core for 0.15 s, or 0.6 s on a slow board."""

_LOOKALIKES = str.maketrans("OIL", "011")

log = logging.getLogger(__name__)


class BreakGlassError(Exception):
    """Nothing is known about the code. `remedy` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(message)


class _Code(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`id`: under which it stands in the journal; it is drawn, so that no two are the same."""

    number: Annotated[int, msgspec.Meta(ge=1, le=COUNT_MAX)]
    id: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]
    hash: Annotated[str, msgspec.Meta(max_length=200)]


class _Codes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    schema: Annotated[int, msgspec.Meta(ge=1, le=1)]
    codes: Annotated[tuple[_Code, ...], msgspec.Meta(max_length=COUNT_MAX)]


class Made(NamedTuple):
    """A code as it is printed, and its id. No repr shows the code."""

    id: str
    code: str

    def __repr__(self) -> str:
        return f"Made(id={self.id!r}, …)"


def make_codes(
    state: Path,
    count: int,
    hasher: PinHasher,
    *,
    replace: bool = False,
) -> tuple[Made, ...]:
    """New codes, of which this state folder keeps the hashes alone; told once, here. `replace`: the
    codes that there are act no more. Raises BreakGlassError, and ValueError for a wrong count.
    """
    if not 1 <= count <= COUNT_MAX:
        raise ValueError(f"1 to {COUNT_MAX} codes")
    path = state / FILE
    made, kept = [], []
    for number in range(1, count + 1):
        one, secret = secrets.token_hex(8), _drawn()
        try:
            kept.append(_Code(number, one, hasher.hash(secret)))
        except PinHashError as error:
            raise BreakGlassError("a code could not be hashed", "free some memory") from error
        made.append(Made(one, _printed(number, secret)))
    content = msgspec.json.encode(_Codes(1, tuple(kept)))
    try:
        replace_file(path, content) if replace else write_new_secret(path, content, like=state)
    except FileExistsError:
        raise _exists(path) from None
    except OSError as error:
        raise BreakGlassError(
            f"{path} cannot be written ({error.strerror})", "run it as the service's account"
        ) from error
    return tuple(made)


def check_code(path: Path, typed: str, hasher: PinHasher, decoy: str) -> str | None:
    """The id of the code that was typed, None where it is none of them. One hash is computed,
    whatever was typed. Raises BreakGlassError where nothing can be said.
    """
    number, secret = _typed(typed)
    try:
        codes = _read(path)
    except BreakGlassError:
        _verified(hasher, decoy, secret)
        raise
    found = next((one for one in codes if one.number == number), None)
    right = _verified(hasher, decoy if found is None else found.hash, secret)
    return found.id if found is not None and right else None


class CodeChecker:
    """Checks codes beside the event loop, one at a time."""

    def __init__(self, state: Path, hasher: PinHasher) -> None:
        self._path = state / FILE
        self._hasher = hasher
        self._decoy = hasher.decoy()
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def check(self, typed: str) -> str | None:
        """As `check_code`. Raises BreakGlassError, also where too many wait."""
        if self._waiting >= WAITING_MAX:
            raise BreakGlassError("too many codes are being checked", "try again in a few seconds")
        self._waiting += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(
                    check_code, self._path, typed, self._hasher, self._decoy
                )
        finally:
            self._waiting -= 1


def _drawn() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(GROUPS * GROUP_SIGNS))


def _printed(number: int, secret: str) -> str:
    """`3-ABCD-EFGH-JKMN-PQRS`: which of them, and the code."""
    groups = re.findall(f".{{{GROUP_SIGNS}}}", secret)
    return "-".join((str(number), *groups))


def _typed(text: str) -> tuple[int, str]:
    """What somebody meant: in capitals or not, with or without the lines between; 0 for no code."""
    signs = re.sub(r"[\s-]", "", text[:100]).upper().translate(_LOOKALIKES)
    length = GROUPS * GROUP_SIGNS
    number, secret = signs[:-length], signs[-length:]
    if not re.fullmatch(r"[0-9]{1,2}", number, re.ASCII):
        return 0, secret
    return int(number), secret


def _verified(hasher: PinHasher, stored: str, secret: str) -> bool:
    try:
        return hasher.verify(stored, secret)
    except PinHashError as error:
        raise BreakGlassError(
            "the code could not be checked", "free some memory; else make new codes"
        ) from error


def _read(path: Path) -> tuple[_Code, ...]:
    again = "`sentrypost breakglass make --replace` makes new ones"
    try:
        return msgspec.json.decode(read_secret(path, FILE_BYTES_MAX), type=_Codes).codes
    except FileNotFoundError:
        raise BreakGlassError(
            "there are no break-glass codes here", "`sentrypost breakglass make` makes them"
        ) from None
    except OpenToOthersError:
        raise BreakGlassError(
            f"{path}: others on this machine can read or change the codes", again
        ) from None
    except (OSError, NotAFileError, msgspec.DecodeError, UnicodeDecodeError) as error:
        log.error("the break-glass codes in %s cannot be read: %s", path, type(error).__name__)
        raise BreakGlassError("the break-glass codes cannot be read", again) from None


def _exists(path: Path) -> BreakGlassError:
    return BreakGlassError(
        f"there are codes already: {path}",
        "use those, or --replace: then the old ones act no more, at this edge",
    )
