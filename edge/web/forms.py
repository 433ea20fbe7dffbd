"""What browsers send of forms: text of bounded length, each field once."""

from datetime import datetime, tzinfo
from enum import StrEnum
from typing import TypeVar
from urllib.parse import parse_qsl

from starlette.requests import Request

FIELDS_MAX = 100
SECRET_CHARS_MAX = 256

E = TypeVar("E", bound=StrEnum)


class FormError(ValueError):
    """What came is no form of ours."""


class Form:
    """The fields of one form. A field that is not there is empty."""

    def __init__(self, fields: dict[str, str]) -> None:
        self._fields = fields

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def text(self, name: str, chars_max: int) -> str:
        """One line, without the spaces around it. Raises FormError."""
        return self.lines(name, chars_max).replace("\n", " ")

    def lines(self, name: str, chars_max: int) -> str:
        """Some lines. Raises FormError for what is longer, or is no text."""
        value = self._fields.get(name, "").replace("\r\n", "\n").strip()
        if len(value) > chars_max:
            raise FormError(f"{name} is longer than {chars_max} characters")
        if any(not (sign.isprintable() or sign == "\n") for sign in value):
            raise FormError(f"{name} has signs that nobody can see")
        return value

    def choice(self, name: str, kind: type[E]) -> E:
        """Raises FormError for what is not among them."""
        try:
            return kind(self.text(name, 64))
        except ValueError:
            raise FormError(f"{name} is none of {', '.join(kind)}") from None

    def number(self, name: str, least: int, most: int) -> int:
        """Raises FormError."""
        value = self.text(name, 20)
        if not (value.isascii() and value.isdigit() and least <= int(value) <= most):
            raise FormError(f"{name} is no number between {least} and {most}")
        return int(value)

    def second(self, name: str, zone: tzinfo) -> int:
        """A time at the site, as `<input type="datetime-local">` gives it. Raises FormError."""
        try:
            return int(datetime.fromisoformat(self.text(name, 20)).replace(tzinfo=zone).timestamp())
        except (ValueError, OverflowError):
            raise FormError(f"{name} is no day and time") from None

    def secret(self, name: str) -> str:
        """As it was typed: spaces may belong to it. Raises FormError."""
        value = self._fields.get(name, "")
        if len(value) > SECRET_CHARS_MAX:
            raise FormError(f"{name} is too long")
        return value

    def all(self, prefix: str) -> tuple[str, ...]:
        """What is ticked, of boxes that are called `prefix.NAME`."""
        return tuple(
            name.removeprefix(prefix + ".")
            for name in self._fields
            if name.startswith(prefix + ".")
        )


async def form_of(request: Request) -> Form:
    """Raises FormError for what is no form in UTF-8, or has a field twice."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise FormError("forms are sent as application/x-www-form-urlencoded")
    try:
        text = (await request.body()).decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX)
    except ValueError:
        raise FormError("this is no form") from None
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise FormError("a field stands twice")
    return Form(fields)
