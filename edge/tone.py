"""How much a line about an entry matters, and how it names who did something."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any


class Tone(StrEnum):
    """How much a line matters, as a word; a colour only repeats it."""

    PLAIN = ""
    GRANTED = "GRANTED"
    DENIED = "DENIED"
    NOTICE = "NOTICE"
    FAULT = "FAULT"
    ALARM = "ALARM"


Names = Mapping[str, str]
"""Values about people that the entry commits to, by the body's field."""

Said = tuple[Tone, str]


def operator(names: Names) -> str:
    """Who did it, where his name is still kept."""
    return names.get("operator", "a named person")


def always(tone: Tone, text: str) -> Callable[[Any, Names], Said]:
    """`text` with the body's fields filled in."""
    return lambda body, _: (tone, text.format(body=body))
