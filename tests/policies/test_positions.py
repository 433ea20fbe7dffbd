"""Every key and value is found where an editor shows it."""

import tomllib
from collections.abc import Iterator
from datetime import date

import pytest

from policies.document import LISTED
from policies.positions import Path, Spot, scan
from tests.policies.support import embassy_text

_TABLES = ("calendar", "schedule", "zone", "portal", "fire", "role", "order", "succession", "page")
IMPLICIT = {(table,) for table in _TABLES}
"""Tables that no line declares: only their children have text of their own."""


def leaves(tree: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    if path:
        yield path, tree
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from leaves(value, (*path, key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from leaves(value, (*path, index))


def test_every_path_of_the_example_has_its_place() -> None:
    text = embassy_text()
    lines = text.split("\n")
    spots = scan(text)
    for path, value in leaves(tomllib.loads(text)):
        name = path[-1]
        spot = spots.keys.get(path)
        rows = path in {(table,) for table in LISTED}  # stand where their first header stands
        if isinstance(name, str) and not isinstance(value, dict) and not rows:
            assert spot is not None, path
            assert lines[spot.line - 1][spot.column - 1 :].startswith(name), path
        if isinstance(value, str):
            spot = spots.values[path]
            assert lines[spot.line - 1][spot.column :].startswith(value), path
        elif isinstance(value, bool | int | date):
            spot = spots.values[path]
            written = str(value).lower()
            assert lines[spot.line - 1][spot.column - 1 :].startswith(written), path
        elif isinstance(value, dict) and path not in IMPLICIT:
            assert path in spots.keys or path in spots.values, path


def test_nothing_is_found_that_is_not_there() -> None:
    text = embassy_text()
    real = {path for path, _ in leaves(tomllib.loads(text))}
    spots = scan(text)
    assert set(spots.keys) | set(spots.values) <= real


@pytest.mark.parametrize(
    ("text", "path", "key", "value"),
    [
        ("a = 1", ("a",), (1, 1), (1, 5)),
        ("a = 1\r\nb = 2", ("b",), (2, 1), (2, 5)),
        ('"a.b" = 1', ("a.b",), (1, 1), (1, 9)),
        ("'a b'.c = 1", ("a b", "c"), (1, 7), (1, 11)),
        ("a.b.c = 1", ("a", "b"), (1, 3), None),
        ("# x = 1\n  a = 2", ("a",), (2, 3), (2, 7)),
        ('a = "# no"\nb = 2', ("b",), (2, 1), (2, 5)),
        ('a = "\\"]"\nb = 2', ("b",), (2, 1), (2, 5)),
        ('a = """\nx = 1\n"""\nb = 2', ("b",), (4, 1), (4, 5)),
        ('a = """x\\""""\nb = 2', ("b",), (2, 1), (2, 5)),
        ('a = """x"""""\nb = 2', ("b",), (2, 1), (2, 5)),
        ("a = '''\n'''\nb = 2", ("b",), (3, 1), (3, 5)),
        ("a = [\n 1, # one\n [2,\n 3],\n]", ("a", 1, 1), None, (4, 2)),
        ("a = { b = { c = 1 }, d = 2 }", ("a", "d"), (1, 22), (1, 26)),
        ("[x]\n[[x.y]]\n[[x.y]]\na = 1", ("x", "y", 1, "a"), (4, 1), (4, 5)),
        ("[[x]]\n[x.y]\na = 1", ("x", 0, "y", "a"), (3, 1), (3, 5)),
        ("[[x]]\n[[x.y]]\n[[x]]\n[[x.y]]\na = 1", ("x", 1, "y", 0, "a"), (5, 1), (5, 5)),
        ("b = 'ä'", ("b",), (1, 1), (1, 5)),
    ],
)
def test_toml_forms(
    text: str, path: Path, key: tuple[int, int] | None, value: tuple[int, int] | None
) -> None:
    tomllib.loads(text)
    spots = scan(text)
    if key is not None:
        assert spots.keys[path] == Spot(*key)
    if value is not None:
        assert spots.values[path] == Spot(*value)


def test_a_path_without_text_stands_where_its_table_stands() -> None:
    spots = scan("\n[a]\nb = 1\n")
    assert spots.key(("a", "missing", 3)) == Spot(2, 1)
    assert spots.value(("b",)) == Spot(1, 1)
