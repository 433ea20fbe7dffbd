"""What a sentence of the daemon's was made of: its text with places, and what stands in them.

The daemon says why it does not do something in English, for its log and its commands as for pages.
A page that is read in another language finds the text in the catalogue of that, as it does for its
own words.
"""

import re
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Final, NamedTuple

PATTERNS: Final = Path(__file__).with_name("locale") / "sentences.txt"
"""Written by docs/catalogues.py."""

CHARS_MAX: Final = 2_000
"""Of a sentence that is looked at: longer ones are a list of names, or somebody's mischief."""

DEEP_MAX: Final = 4
"""A sentence may stand in a sentence: why somebody's signature does not count."""

PLACE: Final = re.compile(r"%\((\w+)\)s")
TYPED: Final = frozenset({"reason"})
"""Places of what somebody has typed."""

QUOTED: Final = re.compile(r"['`]%\((\w+)\)s['`]")


class _Pattern(NamedTuple):
    """`quoted`: places of what stays as it is, whatever it says: names, and what was typed."""

    text: str
    form: re.Pattern[str]
    quoted: frozenset[str]


class Sentences:
    """Those of one file of patterns. `filled`: single words that stand in them and are no names."""

    def __init__(self, texts: Iterable[str], filled: Collection[str]) -> None:
        self._filled = filled
        # The one with the most words of its own first: what fits it fits shorter ones as well.
        longest_first = sorted(texts, key=lambda one: -len(PLACE.sub("", one)))
        self._patterns = tuple(
            _Pattern(text, _form(text), TYPED | frozenset(QUOTED.findall(text)))
            for text in longest_first
        )

    def said(self, text: str, known: Callable[[str], str | None], deep: int = 0) -> str | None:
        """The sentence in another language, of which `known` has texts; None where it has not."""
        if len(text) > CHARS_MAX or deep >= DEEP_MAX:
            return None
        whole = known(text)
        if whole is not None:
            return whole
        for pattern in self._patterns:
            found = pattern.form.fullmatch(text)
            whole = None if found is None else known(pattern.text)
            if found is not None and whole is not None:
                return whole % {
                    name: value if name in pattern.quoted else self._value(value, known, deep)
                    for name, value in found.groupdict().items()
                }
        parts = text.split("; ")
        if len(parts) == 1:
            return None
        each = [self.said(part, known, deep + 1) for part in parts]
        return "; ".join(one for one in each if one is not None) if all(each) else None

    def _value(self, value: str, known: Callable[[str], str | None], deep: int) -> str:
        speaks = " " in value or value in self._filled
        return (self.said(value, known, deep + 1) if speaks else None) or value


def read_sentences(filled: Collection[str]) -> Sentences:
    return Sentences(PATTERNS.read_text("utf-8").splitlines(), filled)


def _form(text: str) -> re.Pattern[str]:
    parts = PLACE.split(text)
    form = "".join(
        f"(?P<{part}>.*)" if place % 2 else re.escape(part.replace("%%", "%"))
        for place, part in enumerate(parts)
    )
    return re.compile(form, re.DOTALL)
