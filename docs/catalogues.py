"""The pages' words in every language: `python docs/catalogues.py` gathers what templates and code
say, brings each catalogue up to date, and compiles it.

A catalogue is `edge/web/locale/LANGUAGE/LC_MESSAGES/sentrypost.po`. Whoever adds a language makes
such a folder with an empty file, runs this, and translates what is then in it.
"""

import io
import sys
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from controller.alarm_kinds import RULES
from docs.sentences import sentences
from policies.codes import TEXTS

ROOT = Path(__file__).resolve().parents[1]
LOCALE = ROOT / "edge" / "web" / "locale"
PATTERNS = LOCALE / "sentences.txt"
"""The daemon's sentences with places in them, by which the pages know what one was made of."""
SOURCES = (ROOT / "edge" / "web", ROOT / "central" / "web")
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
OPTIONS = {"**/templates/**.html": {"trimmed": "true", "silent": "false"}}
DATED = tuple(
    f'"{name}'
    for name in (
        *("POT-Creation-Date", "PO-Revision-Date", "Generated-By"),
        *("Report-Msgid-Bugs-To", "Last-Translator", "Language-Team"),
    )
)
"""Lines of a head that say nothing of the words."""

UNDATED = datetime(2026, 1, 1, tzinfo=UTC)

KEYWORDS: dict[str, tuple[int, ...] | None] = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "marked": None,
    "words": None,
}


def template() -> Catalog:
    """Everything that is said, with nothing translated."""
    said = Catalog(project="Sentrypost", charset="utf-8")
    for folder in SOURCES:
        if not folder.exists():
            continue
        found = extract_from_dir(str(folder), METHODS, OPTIONS, keywords=KEYWORDS, comment_tags=())
        for _, _, message, _, _ in sorted(found, key=lambda one: (one[0], one[1])):
            if message:
                said.add(message)
    for text in (*TEXTS.values(), *(rule.title for rule in RULES.values()), *sentences()):
        said.add(text)
    return said


def patterns() -> str:
    """What the file of patterns has: a line each."""
    return "".join(f"{text}\n" for text in sentences() if "%(" in text)


def brought_up(path: Path, said: Catalog) -> Catalog:
    """The catalogue with all that is said, and nothing else."""
    language = path.parts[-3]
    content = path.read_bytes()
    known = read_po(io.BytesIO(content), locale=language) if content.strip() else Catalog(language)
    known.header_comment = (
        "# What the pages say. Written by docs/catalogues.py; translated by hand."
    )
    known.project, known.version, known.fuzzy = "Sentrypost", "1", False
    known.update(said, no_fuzzy_matching=True)
    known.obsolete.clear()
    return known


def written(catalogue: Catalog) -> bytes:
    """As the file has it: sorted, without dates, so that equal words are equal bytes."""
    out = io.BytesIO()
    write_po(out, catalogue, sort_output=True, no_location=True, omit_header=False, width=100)
    lines = out.getvalue().decode().splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(DATED)).encode()


def compiled(catalogue: Catalog) -> bytes:
    """As the pages load it; equal words are equal bytes here too."""
    said = read_po(io.BytesIO(written(catalogue)), locale=catalogue.locale)
    said.creation_date = said.revision_date = UNDATED
    out = io.BytesIO()
    write_mo(out, said)
    return out.getvalue()


def main() -> int:
    said = template()
    PATTERNS.write_text(patterns(), "utf-8")
    for path in sorted(LOCALE.glob("*/LC_MESSAGES/sentrypost.po")):
        catalogue = brought_up(path, said)
        path.write_bytes(written(catalogue))
        path.with_suffix(".mo").write_bytes(compiled(catalogue))
        missing = sum(1 for one in catalogue if one.id and not one.string)
        sys.stdout.write(f"{path.parts[-3]}: {len(catalogue)} texts, {missing} not translated\n")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    raise SystemExit(main())
