"""Every command in the pages exists as it is written there."""

import re

import click
import pytest

from edge.main import EPILOG, sentrypost
from tests.docs.pages import PAGES, ROOT, commands

TARGETS = frozenset(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
VARIABLES = frozenset(re.findall(r"\$\(([A-Z]+)\)", (ROOT / "Makefile").read_text()))
CAMPAIGNS = frozenset(path.stem for path in (ROOT / "tests" / "campaigns").glob("[a-z]*.py"))


def make_mistakes(words: list[str]) -> list[str]:
    """What `make` would not know of a command."""
    targets = [word for word in words[1:] if "=" not in word]
    names = {word.partition("=")[0] for word in words[1:] if "=" in word}
    if targets[:1] == ["campaign"]:
        targets = [word for word in targets[1:] if word not in CAMPAIGNS | {"NAME"}]
    wrong = [f"no target {word}" for word in targets if word not in TARGETS]
    return wrong + [f"no variable {name}" for name in sorted(names - VARIABLES)]


def sentrypost_mistakes(words: list[str]) -> list[str]:
    """What `sentrypost` would not take of a command; nothing of it is run."""
    command: click.Command = sentrypost
    context = click.Context(command, info_name="sentrypost")
    rest = words[1:]
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        name = rest.pop(0)
        found = command.get_command(context, name)
        if found is None:
            return [f"no command {name}"]
        command, context = found, click.Context(found, info_name=name, parent=context)
    if isinstance(command, click.Group):
        # A group named by itself in the text; with options it must at least know them.
        known = {option for one in command.get_params(context) for option in one.opts}
        return [f"no option {word}" for word in rest if word not in known]
    return _parameter_mistakes(command, context, rest)


def _parameter_mistakes(
    command: click.Command, context: click.Context, words: list[str]
) -> list[str]:
    """Parsed and not processed: no callback looks for a file."""
    parser = command.make_parser(context)
    try:
        given, left, _ = parser.parse_args(args=list(words))
    except click.UsageError as error:
        return [error.format_message()]
    missing = [
        parameter.name or ""
        for parameter in command.get_params(context)
        if parameter.required
        and not isinstance(given.get(parameter.name or ""), str | tuple | list)
    ]
    return [f"too much: {word}" for word in left] + [f"missing: {name}" for name in missing]


def mistakes(words: list[str]) -> list[str]:
    match words[0].removeprefix(".venv/bin/"):
        case "make":
            return make_mistakes(words)
        case "sentrypost":
            return sentrypost_mistakes(words)
        case _:
            return []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_command_exists(path):
    page = path.read_text()
    wrong = [(words, found) for words in commands(page) if (found := mistakes(words))]
    # In running text a command may be named without what it needs.
    copied = commands_in_blocks(page)
    assert [
        (words, found)
        for words, found in wrong
        if words in copied or not all(one.startswith("missing") for one in found)
    ] == []


def commands_in_blocks(page: str) -> list[list[str]]:
    """Those of the `sh` blocks alone, which somebody copies."""
    return list(commands(re.sub(r"(?<!`)`(make|sentrypost)[^`\n]*`(?!`)", "", page)))


def test_the_two_commands_stand_in_the_readme():
    found = list(commands((ROOT / "README.md").read_text()))
    assert ["make", "demo"] in found
    assert ["make", "test"] in found


def test_the_exit_codes_are_those_that_help_names():
    page = (ROOT / "docs" / "operations.md").read_text()
    assert re.findall(r"^\| (\d+) \|", page, re.MULTILINE) == re.findall(
        r"^  (\d+) ", EPILOG, re.MULTILINE
    )


@pytest.mark.parametrize(
    "line",
    [
        "make dmeo",
        "make demo SECOND=3",
        "make campaign nothing",
        "sentrypost prove",
        "sentrypost fire light panel",
        "sentrypost run --confg site.toml",
        "sentrypost central run --archive archive.db",
        "sentrypost fire reset",
        "sentrypost check extra",
        "sentrypost journal tail -n",
    ],
)
def test_this_check_can_fail(line):
    page = f"```sh\n{line}\n```\n"
    assert [found for words in commands(page) if (found := mistakes(words))]
