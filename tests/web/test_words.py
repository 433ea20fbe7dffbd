"""Every page in every language that there is, with nothing left in another."""

import io
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from docs.catalogues import LOCALE, brought_up, compiled, template, written
from edge.web.words import Words, chosen, languages

CATALOGUES = sorted(LOCALE.glob("*/LC_MESSAGES/sentrypost.po"))


def test_there_is_french() -> None:
    assert "fr" in languages()


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_a_catalogue_has_every_text_translated_and_is_compiled(path: Path) -> None:
    said = template()
    assert written(brought_up(path, said)) == path.read_bytes(), "run python docs/catalogues.py"
    catalogue = read_po(io.BytesIO(path.read_bytes()), locale=path.parts[-3])
    missing = [one.id for one in catalogue if one.id and not all(_strings(one.string))]
    assert not missing
    assert path.with_suffix(".mo").read_bytes() == compiled(catalogue)


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_what_stands_in_a_text_stands_in_its_translation(path: Path) -> None:
    import re

    catalogue = read_po(io.BytesIO(path.read_bytes()), locale=path.parts[-3])
    for one in catalogue:
        for text in _strings(one.string):
            first = one.id[-1] if isinstance(one.id, tuple) else one.id
            assert sorted(re.findall(r"%\(\w+\)", text)) == sorted(re.findall(r"%\(\w+\)", first))


@pytest.mark.parametrize(
    ("cookie", "accepted", "wanted"),
    [
        (None, "", "en"),
        (None, "fr", "fr"),
        (None, "fr-CH, en;q=0.8", "fr"),
        (None, "de, fr;q=0.5, en;q=0.9", "en"),
        (None, "fr;q=x, en", "en"),
        ("fr", "en", "fr"),
        ("xx", "fr", "fr"),
        ("../../etc", "", "en"),
        (None, ",".join(["xx"] * 500), "en"),
    ],
)
def test_a_language_is_what_was_chosen_here_or_what_the_browser_asks_for(
    cookie: str | None, accepted: str, wanted: str
) -> None:
    assert chosen(languages(), cookie, accepted).language == wanted


def test_an_empty_text_is_empty_in_every_language() -> None:
    """A reason without a remedy is followed by nothing, and not by the head of a catalogue."""
    assert {words("") for words in languages().values()} == {""}


def test_a_language_that_runs_the_other_way_says_so() -> None:
    import gettext

    assert Words("ar", gettext.NullTranslations()).direction == "rtl"
    assert Words("fr", gettext.NullTranslations()).direction == "ltr"


def _strings(string: str | tuple[str, ...]) -> tuple[str, ...]:
    return string if isinstance(string, tuple) else (string,)
