"""A policy in several files, each of which may name the ones beside it."""

from pathlib import Path
from zoneinfo import ZoneInfo

from edge.policy_files import with_included
from policies import PolicyError, Problem, SourceFile, included, load
from tests.policies.support import embassy_text


def files(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        (folder / f"{name}.toml").write_text(text)


def read(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None


def problems(folder: Path) -> tuple[Problem, ...]:
    try:
        load(
            with_included([folder / "site.toml"], read),
            timezone=ZoneInfo,
            tzdata_version="2025.2",
        )
    except PolicyError as error:
        return error.problems
    return ()


def parted(folder: Path, include: str = '["doors.toml", "people.toml"]') -> None:
    """The embassy in three files."""
    text = embassy_text().replace('["holidays.ics"]', "[]")
    doors, people = text.index("[portal.main-gate]"), text.index("[role.head-of-mission]")
    head = text[:doors].split("\nschema", 1)
    files(
        folder,
        site=f"include = {include}\nschema{head[1]}",
        doors=text[doors:people],
        people=f'include = ["site.toml"]\n{text[people:]}',
    )


def test_the_embassy_in_three_files_is_the_embassy(tmp_path: Path) -> None:
    parted(tmp_path)
    assert problems(tmp_path) == ()
    names = [Path(s.name).name for s in with_included([tmp_path / "site.toml"], read)]
    assert names == ["site.toml", "doors.toml", "people.toml"], "each once, though they include it"


def test_a_file_that_is_not_there_is_named_where_it_is_included(tmp_path: Path) -> None:
    parted(tmp_path, '["doors.toml", "people.toml", "nowhere.toml"]')
    (found,) = problems(tmp_path)
    assert (found.line, found.column) == (1, 41)
    assert "nowhere.toml" in found.message


def test_only_files_beside_it_are_included(tmp_path: Path) -> None:
    parted(tmp_path, '["doors.toml", "people.toml", "../people.toml"]')
    assert [found.message for found in problems(tmp_path)] == ["names a folder"]


def test_what_cannot_be_read_includes_nothing_and_says_why_when_it_is_loaded() -> None:
    broken = SourceFile("broken.toml", b"include = [\n")
    assert included(broken) == ()
    assert included(SourceFile("a.toml", b'include = "people.toml"')) == ()
    assert included(SourceFile("a.toml", b'include = [1, "b.toml"]')) == ("b.toml",)
