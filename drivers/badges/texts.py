"""Badges as people write them.

Readers hand over raw bits (`CardRead`: left-aligned, unused low bits zero), people write numbers.
Two ways of writing stand for the same bits, a third for what a scanner reads:

    26:2ec0c86          bits:hex, the bits as one number, right-aligned, exactly as many hex digits
                        as the number of bits needs (26 bits: 7 digits)
    h10301:118/1603     format:fields, with the parity bits worked out; the site's own formats too
    code:AB-1603        a code as a scanner gives it (`CodeRead`), character by character
"""

import re

import msgspec

from drivers.api import CODE_CHARACTERS_MAX
from drivers.badges.bits import BADGE_BITS_MAX, Badge, badge_from_number
from drivers.badges.formats import FORMATS, Formats, encode

CODE = "code"

_RAW = re.compile(r"(\d{1,4}):([0-9a-fA-F]{1,256})\Z", re.ASCII)
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}\Z")
_FIELDS = re.compile(r"([A-Za-z][A-Za-z0-9_-]{0,63}):(\d{1,20}(?:/\d{1,20})*)\Z", re.ASCII)
_CODE = re.compile(rf"{CODE}:([!-~](?:[ -~]{{0,{CODE_CHARACTERS_MAX - 2}}}[!-~])?)\Z")
_SPREADSHEET = re.compile(r"\d[.,]?\d*[eE]\+?\d+\Z", re.ASCII)


class Code(msgspec.Struct, frozen=True):
    """A badge that is a text. Secret: no repr shows it."""

    text: str

    def __repr__(self) -> str:
        return "Code(text=…)"


class BadgeTextError(ValueError):
    """The text names no badge. The message never repeats the text; `hint` says what to write."""

    def __init__(self, message: str, hint: str) -> None:
        self.message, self.hint = message, hint
        super().__init__(f"{message}; {hint}")


def valid_format_name(name: str) -> bool:
    """Whether a site may call a format of its own so: what is written with it is read as it."""
    return _NAME.match(name) is not None and name not in {CODE, "raw", *FORMATS}


def parse_presented(text: str, formats: Formats = FORMATS) -> Badge | Code:
    """What a text names, in any way of writing. Raises BadgeTextError."""
    code = _CODE.match(text)
    return parse_badge(text, formats) if code is None else Code(code[1])


def parse_badge(text: str, formats: Formats = FORMATS) -> Badge:
    """The bits that a text names, in either way of writing. Raises BadgeTextError."""
    if raw := _RAW.match(text):
        return _parse_raw(int(raw[1]), raw[2])
    if named := _FIELDS.match(text):
        return _parse_fields(named[1].lower(), named[2], formats)
    if _SPREADSHEET.match(text):
        raise BadgeTextError(
            "a spreadsheet has rounded this number", "format the column as text and enter it again"
        )
    raise BadgeTextError(
        "this is not a badge",
        "write bits:hex (26:...), h10301:facility/card, or code: and what a scanner reads",
    )


def _parse_raw(bits: int, digits: str) -> Badge:
    if not 1 <= bits <= BADGE_BITS_MAX:
        raise BadgeTextError(
            f"a badge of {bits} bits", f"the number before the colon is 1..{BADGE_BITS_MAX}"
        )
    needed = (bits + 3) // 4
    if len(digits) != needed:
        raise BadgeTextError(
            f"{bits} bits are {needed} hex digits, not {len(digits)}",
            "write the bits as one number, with its leading zeros and nothing behind it",
        )
    try:
        return badge_from_number(bits, int(digits, 16))
    except ValueError as error:
        raise BadgeTextError(
            str(error), "the first hex digit is too large: is it shifted to the left?"
        ) from None


def _parse_fields(name: str, numbers: str, formats: Formats) -> Badge:
    form = formats.get(name)
    if form is None:
        raise BadgeTextError(
            "no such card format", f"known: {', '.join(sorted(formats))}; or write bits:hex"
        )
    try:
        return encode(form, [int(number) for number in numbers.split("/")])
    except ValueError as error:
        raise BadgeTextError(str(error), f"write {name}:{form.field_names}") from None
