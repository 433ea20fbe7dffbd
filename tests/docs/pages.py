"""The pages that people read, taken apart: code blocks with their markers, links, paths."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PAGES = (README, *sorted((ROOT / "docs").glob("*.md")))

_BLOCK = re.compile(
    r"(?:^[ ]*<!-- (?P<mark>[\w.-]+) -->\n)?"
    r"^(?P<indent>[ ]*)```(?P<language>\w+)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_INLINE = re.compile(r"`([^`\n]+)`")


class Block(NamedTuple):
    """One fenced block; `mark` is the comment above it."""

    language: str
    mark: str
    text: str


def blocks(page: str) -> Iterator[Block]:
    for found in _BLOCK.finditer(page):
        indent = found["indent"]
        lines = [line.removeprefix(indent) for line in found["text"].splitlines(keepends=True)]
        yield Block(found["language"], found["mark"] or "", "".join(lines))


def marked(page: str, mark: str) -> str:
    """The one block under `<!-- mark -->`."""
    (text,) = [block.text for block in blocks(page) if block.mark == mark]
    return text


def prose(page: str) -> str:
    """The page without its code blocks."""
    return _BLOCK.sub("", page)


def links(page: str) -> list[str]:
    return [found["target"] for found in _LINK.finditer(prose(page))]


def quoted(page: str) -> list[str]:
    """What stands between single backticks outside of the blocks."""
    return _INLINE.findall(prose(page))


def commands(page: str) -> Iterator[list[str]]:
    """The words of every command in a `sh` block, and of those in backticks that are ours."""
    for block in blocks(page):
        if block.language == "sh":
            for line in block.text.splitlines():
                for part in re.split(r"&&|\|", line):
                    if words := shlex.split(part, comments=True):
                        yield words
    for text in quoted(page):
        if text.startswith(("make ", "sentrypost ")):
            yield shlex.split(text)
