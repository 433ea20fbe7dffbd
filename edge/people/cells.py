"""One cell of the import file to one value. No message repeats a PIN or a badge."""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum

from drivers.badges import Badge, BadgeTextError, Code, Formats, parse_presented
from edge.people.pins import PIN_DIGITS_MAX, PIN_DIGITS_MIN
from edge.people.records import (
    EXTERNAL_ID_CHARS_MAX,
    LISTS_MAX,
    ROLES_MAX,
)
from edge.people.refs import VISITOR_PREFIX
from edge.person_limits import NAME_CHARS_MAX
from policies.problems import did_you_mean
from policies.rights import RoleRule

AWAY_WORD = "none"

_EXTERNAL_ID = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._@-]{{0,{EXTERNAL_ID_CHARS_MAX - 1}}}\Z")
_DATE = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)
_DATETIME = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?P<zone>Z|[+-]\d\d:\d\d)?\Z", re.ASCII
)
_BETWEEN_NAMES = re.compile(r"[\s,;|]+")
# Persian and several Indian scripts need the joiners inside words; every other invisible
# character only makes a name look like another one.
_JOINERS = "\u200c\u200d"
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class CellError(ValueError):
    """The cell says nothing that can be used."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        self.message, self.hint = message, hint
        super().__init__(message)


class Away(StrEnum):
    """The word `none`: what is on file is taken away."""

    AWAY = AWAY_WORD


class Status(StrEnum):
    """`suspended` is the person; `lost` and `revoked` are the badge."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    LOST = "lost"
    REVOKED = "revoked"


def read_external_id(text: str) -> str:
    """Any key of the integrator's, as text: `007` and `7` are two people."""
    if not _EXTERNAL_ID.match(text):
        raise CellError(
            "not an id",
            f"at most {EXTERNAL_ID_CHARS_MAX} letters, digits and . _ @ -, a letter or digit first",
        )
    return text


def read_name(text: str) -> str:
    """A name in Unicode's composed form, without characters that nobody sees."""
    name = unicodedata.normalize("NFC", text)
    if len(name) > NAME_CHARS_MAX:
        raise CellError(f"{len(name)} characters", f"a name has at most {NAME_CHARS_MAX}")
    for place, character in enumerate(name, 1):
        if unicodedata.category(character) in _UNSEEN and character not in _JOINERS:
            raise CellError(
                f"character {place} is U+{ord(character):04X}, a control character",
                "type the name again: it can make one name look like another",
            )
    if not any(character.isalpha() for character in name):
        raise CellError("no letter in it", "a guard has to call the person by it")
    return name


def read_roles(text: str, known: Mapping[str, RoleRule]) -> tuple[str, ...]:
    """Roles of the policy, between spaces (or , ; | inside quotes). A visitor is nothing else: with
    another role he would get further than any proof about visitors says.
    """
    roles = _names(text)
    if not 1 <= len(roles) <= ROLES_MAX:
        raise CellError(f"{len(roles)} roles", f"a person has 1..{ROLES_MAX}")
    _all_known("role", roles, known)
    visitors = [role for role in roles if known[role].visitor]
    if visitors and len(visitors) < len(roles):
        other = next(role for role in roles if role not in visitors)
        raise CellError(f"'{visitors[0]}' is a visitor's role and '{other}' is not", "give one")
    return tuple(roles)


def read_watchlists(text: str, known: Collection[str]) -> tuple[str, ...] | Away:
    """Watchlists of the policy, as roles are written; or that the person is on none."""
    if text == AWAY_WORD:
        return Away.AWAY
    lists = _names(text)
    if len(lists) > LISTS_MAX:
        raise CellError(f"{len(lists)} watchlists", f"a person is on {LISTS_MAX} at most")
    _all_known("watchlist", lists, known)
    return tuple(lists)


def _names(text: str) -> list[str]:
    return sorted({name for name in _BETWEEN_NAMES.split(text) if name})


def _all_known(what: str, names: Sequence[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            some = ", ".join(sorted(known)[:10]) or "none"
            hint = did_you_mean(name, known) or f"the policy's {what}s: {some}"
            raise CellError(f"the policy knows no {what} '{name[:64]}'", hint)


def read_biometrics(text: str) -> bool:
    """Whether the person gives face and finger."""
    if text not in {"yes", "no"}:
        raise CellError(f"'{text[:20]}' is neither yes nor no", "no: asked for the alternatives")
    return text == "yes"


def read_badge(text: str, formats: Formats) -> Badge | Code | Away:
    """A badge as `drivers.badges.texts` has it, in the formats that the site knows."""
    if text == AWAY_WORD:
        return Away.AWAY
    try:
        given = parse_presented(text, formats)
    except BadgeTextError as error:
        raise CellError(error.message, error.hint) from None
    if isinstance(given, Code) and given.text.startswith(VISITOR_PREFIX):
        raise CellError(
            "a visitor's code has its own way", "`sentrypost visitor code` makes one and enrols it"
        )
    return given


def read_pin(text: str) -> str | Away:
    if text == AWAY_WORD:
        return Away.AWAY
    if not (text.isascii() and text.isdigit()):
        raise CellError("not digits alone", f"a PIN is {PIN_DIGITS_MIN}..{PIN_DIGITS_MAX} digits")
    if not PIN_DIGITS_MIN <= len(text) <= PIN_DIGITS_MAX:
        short = len(text) < PIN_DIGITS_MIN
        raise CellError(
            f"{len(text)} digits, a PIN has {PIN_DIGITS_MIN}..{PIN_DIGITS_MAX}",
            "spreadsheets drop leading zeros: format the column as text" if short else None,
        )
    return text


def tell_apart(pin: str, duress_pin: str) -> None:
    """Raises CellError where a slip of the fingers could turn one into the other, which would be a
    false alarm, or where whoever counts the keys could tell them apart.
    """
    hint = "choose one that differs in at least two digits, and not by two that changed places"
    if len(pin) != len(duress_pin):
        raise CellError(
            f"{len(duress_pin)} digits, the PIN has {len(pin)}",
            "who looks on must not be able to count which of them is typed",
        )
    other = [place for place in range(len(pin)) if pin[place] != duress_pin[place]]
    if not other:
        raise CellError("the same as the PIN", hint)
    if len(other) == 1:
        raise CellError("one digit off the PIN", hint)
    first, last = other[0], other[-1]
    swapped = duress_pin[first] == pin[last] and duress_pin[last] == pin[first]
    if len(other) == 2 and last == first + 1 and swapped:
        raise CellError("the PIN with two neighbours swapped", hint)


def read_status(text: str) -> Status:
    try:
        return Status(text)
    except ValueError:
        known = ", ".join(Status)
        raise CellError("no such status", did_you_mean(text, Status) or f"known: {known}") from None


def read_moment(text: str, timezone: tzinfo, *, end: bool) -> int | Away:
    """UTC seconds of a date or a date with a time, in the site's zone unless it names its own.

    A date alone means from the start of that day, or, at the `end`, to the end of it: the first
    second that is no longer valid.
    """
    if text == AWAY_WORD:
        return Away.AWAY
    try:
        if _DATE.match(text):
            day = date.fromisoformat(text) + timedelta(days=1 if end else 0)
            moment = datetime(day.year, day.month, day.day, tzinfo=timezone)
        elif match := _DATETIME.match(text):
            moment = datetime.fromisoformat(text)
            if match["zone"] is None:
                moment = _local(moment, timezone)
        else:
            raise CellError("not a date", "write 2026-01-31, or 2026-01-31T18:00+01:00")
        seconds = int(moment.astimezone(UTC).timestamp())
    except CellError:
        raise
    except (ValueError, OverflowError):
        raise CellError("there is no such day or time", "write 2026-01-31") from None
    if seconds < 0:
        raise CellError("before 1970", "write the year with four digits")
    return seconds


def _local(moment: datetime, timezone: tzinfo) -> datetime:
    """The one instant that a local time names; CellError where the clocks are changed."""
    early, late = (moment.replace(tzinfo=timezone, fold=fold) for fold in (0, 1))
    if early.utcoffset() != late.utcoffset():
        raise CellError(
            "the clocks are changed at that time: it exists twice or not at all",
            "write the offset behind it, as in 2026-03-29T02:30+01:00",
        )
    return early
