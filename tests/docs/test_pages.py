"""Links and paths in the pages lead somewhere; generated parts are those of the code."""

import json
import re
from datetime import UTC
from pathlib import Path

import pytest

from controller.events import KINDS, Entry, decode_entry, encode
from docs import generate
from docs.meanings import ACTIONS, POLICY_KEYS
from edge import present
from edge.tone import Tone
from policies.document import TABLES
from tests.docs.pages import PAGES, README, ROOT, blocks, links, quoted
from tests.golden.examples import example

LINES_MAX = 100
FIRST_FOLDERS = (*(path.name for path in ROOT.iterdir() if path.is_dir()), "state")
STATE_FOLDER_FILES = ("journal/", "site.db", "control.sock")


def anchors(page: str) -> set[str]:
    """What GitHub makes of the headings."""
    found = re.findall(r"^#+ (.*)$", page, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in found}


def dead_links(path: Path, page: str) -> list[str]:
    dead = []
    for target in links(page):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = path.parent / file if file else path
        if not there.exists() or (anchor and anchor not in anchors(there.read_text())):
            dead.append(target)
    return dead


def dead_paths(page: str) -> list[str]:
    """Files in backticks that the tree does not have: `edge/app.py`, `tests/edge/test_uplink*.py`,
    `docs/`. A bare name is only looked at when it is a page.
    """
    dead = []
    for text in quoted(page):
        looks = re.fullmatch(r"[\w.*-]+(/[\w.*-]*)+", text) or re.fullmatch(r"[\w-]+\.md", text)
        first = text.partition("/")[0]
        if not looks or first not in (*FIRST_FOLDERS, text) or text.startswith(STATE_FOLDER_FILES):
            continue
        if not list(ROOT.glob(text.rstrip("/"))) and not (ROOT / "docs" / text).exists():
            dead.append(text)
    return dead


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_and_paths_lead_somewhere(path):
    page = path.read_text()
    assert dead_links(path, page) + dead_paths(page) == []


def test_that_check_can_fail():
    page = "[a](docs/none.md) [b](#two-commands) [c](#there) `edge/none.py` `docs/n*.md` `none.md`"
    found = dead_links(README, page) + dead_paths(page)
    assert found == ["docs/none.md", "#there", "edge/none.py", "docs/n*.md", "none.md"]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_prose_fits_a_screen(path):
    # Tables cannot be broken, and output is shown as it came.
    free = "".join(block.text for block in blocks(path.read_text()))
    long = [
        line
        for line in path.read_text().splitlines()
        if len(line) > LINES_MAX and not line.lstrip().startswith("|") and line.strip() not in free
    ]
    assert long == []


@pytest.mark.parametrize("path", generate.PAGES, ids=lambda path: path.name)
def test_generated_sections_are_those_of_the_code(path):
    page = path.read_text()
    assert "<!-- generated: " in page
    assert page == generate.written(page), "run: python docs/generate.py"


def test_every_section_is_used_once():
    pages = "".join(path.read_text() for path in generate.PAGES)
    found = re.findall(r"<!-- generated: (\S+) -->", pages)
    assert sorted(found) == sorted(generate.SECTIONS)


def test_an_old_section_is_rewritten_and_an_unknown_one_refused():
    old = "before\n<!-- generated: reason-codes -->\nold\n<!-- end -->\nafter\n"
    assert "| 601 | no-grant |" in generate.written(old)
    assert generate.written(old).startswith("before\n")
    assert generate.written(old).endswith("<!-- end -->\nafter\n")
    with pytest.raises(generate.DriftError):
        generate.written("<!-- generated: nothing -->\n<!-- end -->\n")


def test_a_key_without_a_meaning_is_refused():
    meanings = dict(generate.SITE_KEYS["device"])
    del meanings["inputs"]
    with pytest.raises(generate.DriftError, match="inputs"):
        generate.keys_of(generate.DeviceOptions, meanings)
    with pytest.raises(generate.DriftError, match="speed"):
        generate.keys_of(generate.DeviceOptions, generate.SITE_KEYS["device"] | {"speed": "?"})


def test_every_alarm_and_fault_has_something_to_do():
    """Kinds that a watching guard sees marked; those whose mark depends on the entry as well."""
    marked = {
        kind
        for kind in KINDS
        if present.line(header_of(kind), (), UTC).tone in {Tone.ALARM, Tone.FAULT}
    }
    said = {"clock-judged", "reader-lost", "fire-line-read", "posture-changed"}
    assert len(marked) > 15
    assert sorted((marked | said) - ACTIONS.keys()) == []


def header_of(kind: str) -> Entry:
    return decode_entry(encode(example(kind)))


def test_the_published_schema_is_that_of_the_model():
    assert generate.POLICY_SCHEMA.read_text() == generate.policy_schema_text()


def test_the_schema_knows_every_table_and_every_key_with_its_meaning():
    schema = json.loads(generate.POLICY_SCHEMA.read_text())
    assert set(TABLES) <= set(schema["properties"])
    assert schema["additionalProperties"] is False
    for table, struct in TABLES.items():
        entry = schema["$defs"][struct.__name__]
        assert set(entry["properties"]) == set(POLICY_KEYS[table]), table
        assert entry["additionalProperties"] is False
        assert all(key["description"] for key in entry["properties"].values())


def test_every_word_that_a_policy_file_may_begin_with_is_on_the_page():
    page = (generate.DOCS / "policy.md").read_text()
    known = json.loads(generate.POLICY_SCHEMA.read_text())["properties"]
    words = [word for word in known if f"`{word}`" not in page and f"[{word}" not in page]
    assert words == []
    for word, said in known["alternative"]["properties"].items():
        assert f"| `{word}` |" in page
        assert said["description"] in page
