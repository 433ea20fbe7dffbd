"""What the pages say, in the language of whoever reads: catalogues of gettext, read once.

English is the language of the templates. A further language is a folder beside the others, nothing
else; which way it runs is known of the language itself.
"""

import gettext
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from edge.web.sentences import Sentences, read_sentences

DOMAIN: Final = "sentrypost"
LOCALE: Final = Path(__file__).with_name("locale")
DEFAULT: Final = "en"

RIGHT_TO_LEFT: Final = frozenset({"ar", "fa", "he", "ur"})

NAMES: Final = {"ar": "العربية", "en": "English", "fr": "Français"}
"""How a language calls itself."""


def marked(text: str) -> str:
    """A text that is said in somebody's language where it is shown: the catalogues are made of
    these, of the templates, and of `policies.codes.TEXTS`.
    """
    return text


FILLED: Final = frozenset(
    {
        *(marked("active"), marked("suspended"), marked("lost"), marked("revoked")),
        *(
            marked("armed"),
            marked("disarmed"),
            marked("missing"),
            marked("none"),
            marked("refused"),
        ),
        *(marked("portal"), marked("role"), marked("watchlist"), marked("zone")),
    }
)
"""Words of the daemon's that stand alone, or in a sentence where it has no name."""


class Words:
    """One language. `sentences`: the daemon's, where they are said in another than theirs."""

    def __init__(
        self,
        language: str,
        catalogue: gettext.NullTranslations,
        sentences: Sentences | None = None,
    ) -> None:
        self.language = language
        self.name = NAMES.get(language, language)
        self.direction = "rtl" if language in RIGHT_TO_LEFT else "ltr"
        self.catalogue = catalogue
        self._sentences = sentences

    def __call__(self, text: str, /, **values: object) -> str:
        """The text in this language, with what stands in it as `%(name)s`; or, without values, a
        sentence of the daemon's, in which that stands already. Nothing is nothing: of an empty text
        gettext gives a catalogue's own head.
        """
        if values:
            return self.catalogue.gettext(text) % values
        if not text or self._sentences is None:
            return text and self.catalogue.gettext(text)
        said = self._sentences.said(text, self._known)
        return text if said is None else said

    def _known(self, text: str) -> str | None:
        said = self.catalogue.gettext(text)
        return None if said == text else said


def languages(folder: Path = LOCALE) -> Mapping[str, Words]:
    """Every language that there is a catalogue of, by its code, and English."""
    found = {DEFAULT: Words(DEFAULT, gettext.NullTranslations())}
    sentences = read_sentences(FILLED)
    for compiled in sorted(folder.glob(f"*/LC_MESSAGES/{DOMAIN}.mo")):
        language = compiled.parent.parent.name
        with compiled.open("rb") as file:
            found[language] = Words(language, gettext.GNUTranslations(file), sentences)
    return found


def chosen(known: Mapping[str, Words], cookie: str | None, accepted: str) -> Words:
    """The language that was chosen here; otherwise the first that the browser asks for."""
    if cookie is not None and cookie in known:
        return known[cookie]
    for name in _wished(accepted):
        if name in known:
            return known[name]
    return known[DEFAULT]


def _wished(accepted: str) -> Sequence[str]:
    """Languages of an Accept-Language header in the order of their weights (RFC 9110, 12.5.4)."""
    weighed = []
    for place, part in enumerate(accepted.split(",")[:20]):
        name, _, rest = part.strip().partition(";")
        try:
            weight = float(rest.strip().removeprefix("q=")) if rest else 1.0
        except ValueError:
            continue
        weighed.append((-weight, place, name.strip().partition("-")[0].lower()))
    return [name for _, _, name in sorted(weighed)]
