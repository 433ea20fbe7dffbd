"""Files as earlier versions left them.

`tests/golden/people_files/N.sql`: one person, with badge and PIN, in the tables of version N. Then,
those that were written while digests were made otherwise, by scheme 1:
`digests_of_scheme_1/`: each `site.db` has version 3 in force and one more change staged, which the
journal may have; beside them lies a set that was exported then.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from controller.state import SiteState
from edge.assembly import settle_people
from edge.people import People, offered, sets
from edge.people.records import contents_digest, directory_of
from edge.people.schema import STEPS
from tests.edge.people.support import KEY
from tests.edge.people.test_sets import (
    BERT,
    SITE,
    TRUSTED,
    delta,
    edit,
    refused,
    same,
    take,
    whole,
)

OLD = Path(__file__).parent / "digests_of_scheme_1"
TABLES = Path(__file__).parents[2] / "golden" / "people_files"
STAGED = {
    "staged-import": (4, "fd8d73a055d99f8c5e9284379a858c3afd915379375a6122e93441cc5fad16a5"),
    "staged-set": (5, "92d160c6a470b774f844d4d536634c6beb8dbfbdf2ea4176d38ed60d2335ecd6"),
}
"""Version and digest under which the journal of then has each change."""


def old_file(folder: Path, script: Path) -> People:
    folder.mkdir()
    path = folder / "site.db"
    connection = sqlite3.connect(path)
    connection.executescript(script.read_text())
    connection.close()
    path.chmod(0o600)
    return People.open(path)


@pytest.fixture(params=STAGED)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def people(tmp_path: Path, kind: str) -> Iterator[People]:
    with old_file(tmp_path / "a", OLD / f"{kind}.sql") as opened:
        yield opened


def schema(path: Path) -> list[tuple[str, str, int, object]]:
    """Every column of every table, whatever it was made by."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(
            'SELECT t.name, c.name, c."notnull", c.dflt_value FROM sqlite_schema t'
            " JOIN pragma_table_info(t.name) c WHERE t.type = 'table' ORDER BY 1, 2"
        ).fetchall()


@pytest.mark.parametrize("version", range(1, len(STEPS)))
def test_a_file_with_the_tables_of_any_version_opens_and_is_as_a_new_one(
    tmp_path: Path, version: int
) -> None:
    with old_file(tmp_path / "old", TABLES / f"{version}.sql") as people:
        (anna,) = people.roll.holders.values()
        assert (anna.external_id, anna.name, anna.roles) == ("0042", "Anna", ("staff",))
        assert (anna.valid_until_s, anna.watchlists, anna.biometrics) == (2_000_000_000, (), True)
        (badge,) = people.roll.credentials.values()
        assert (badge.holder, badge.ref) == (anna.id, "e" * 64)
        assert set(people.roll.pins) == {anna.id}
        assert people.version == 1
        edit(people, "0042,Anna B,,,,,,")
    with People.open(tmp_path / "old" / "site.db") as again:
        assert [one.name for one in again.roll.holders.values()] == ["Anna B"]
    (tmp_path / "new").mkdir()
    People.open(tmp_path / "new" / "site.db", create=True).close()
    assert schema(tmp_path / "old" / "site.db") == schema(tmp_path / "new" / "site.db")


def line_is_today_s(people: People) -> bool:
    """Every step that a set would tell of can be compared with the people on file."""
    steps = people.steps(100)
    return steps[-1].number == people.version and steps[-1].digest == contents_digest(people.roll)


def test_the_people_are_those_of_before(people: People) -> None:
    names = {one.external_id: one.name for one in people.roll.holders.values()}
    assert (people.version, names) == (3, {"0042": "Anna", "42": "Bert"})
    assert people.directory() == directory_of(people.roll, people.directory().provenance)


def test_the_line_of_changes_begins_with_the_people_as_they_stand(people: People) -> None:
    assert [step.number for step in people.steps(100)] == [3]
    assert line_is_today_s(people)
    assert [entry.step.number for entry in people.history(100)] == [3, 2, 1], "all are shown"


def test_what_the_journal_of_then_has_comes_in_force(people: People, kind: str) -> None:
    version, digest = STAGED[kind]
    assert people.staged is not None
    assert (people.staged.version, people.staged.digest) == (version, digest)
    settle_people(people, SiteState(holders_version=version, holders_digest=digest, holders_seq=17))
    assert (people.version, people.applied_seq, people.staged) == (version, 17, None)
    assert people.directory() == directory_of(people.roll, people.directory().provenance)
    assert people.directory().digest != digest, "the daemon records these people anew"
    assert [step.number for step in people.steps(100)] in ([3, 4], [3, 5])
    assert line_is_today_s(people)
    newest = people.history(1)[0]
    assert (newest.step.number, newest.seq) == (version, 17)
    assert newest.people == ("7",)


def test_what_the_journal_of_then_has_not_is_dropped(people: People) -> None:
    settle_people(people, SiteState())
    assert (people.version, people.staged) == (3, None)
    edit(people, "7,Cora,guard,26:2ec0c88,,,,")
    assert [step.number for step in people.steps(100)] == [3, 4]


def test_it_is_opened_a_second_time_as_any_other(tmp_path: Path, kind: str) -> None:
    with old_file(tmp_path / "a", OLD / f"{kind}.sql") as people:
        version, digest = STAGED[kind]
        settle_people(
            people, SiteState(holders_version=version, holders_digest=digest, holders_seq=17)
        )
        roll, directory, steps = people.roll, people.directory(), people.steps(100)
    with People.open(tmp_path / "a" / "site.db") as people:
        assert (people.roll, people.directory(), people.steps(100)) == (roll, directory, steps)


# --- between edges ------------------------------------------------------------------------------


@pytest.fixture
def source(tmp_path: Path) -> Iterator[People]:
    with old_file(tmp_path / "source", OLD / "staged-import.sql") as people:
        people.settle(None)
        yield people


@pytest.fixture
def follower(tmp_path: Path) -> Iterator[People]:
    with old_file(tmp_path / "follower", OLD / "staged-set.sql") as people:
        people.settle(None)
        yield people


def test_edges_with_the_same_people_go_on_from_there(source: People, follower: People) -> None:
    edit(source, BERT.replace("Bert", "Bertram"))
    assert take(follower, delta(source, 3))
    edit(source, BERT)
    assert take(follower, whole(source))
    assert same(source, follower)


def test_what_was_changed_before_can_only_be_had_with_everybody(source: People) -> None:
    edit(source, BERT.replace("Bert", "Bertram"))
    with pytest.raises(sets.SetGapError, match="no longer known") as refused_here:
        delta(source, 2)
    assert "--all" in refused_here.value.remedy


def test_edges_that_were_changed_apart_are_told_apart(source: People, follower: People) -> None:
    edit(source, BERT.replace("Bert", "Bertram"))
    edit(follower, BERT.replace("Bert", "Berta"))
    assert isinstance(refused(follower, whole(source)), sets.SetForkError)


def test_an_edge_that_stayed_behind_takes_nobody_unseen(tmp_path: Path, source: People) -> None:
    """That its people are an earlier state of the same line cannot be seen any more."""
    edit(source, BERT.replace("Bert", "Bertram"))
    with old_file(tmp_path / "behind", OLD / "staged-import.sql") as behind:
        behind.settle(None)
        behind._database.execute("DELETE FROM history WHERE number = 3")
        behind._database.execute("UPDATE history SET scheme = 1")
        behind._database.execute("UPDATE meta SET value = 2 WHERE key = 'version'")
        behind._load()
        delta_ = refused(behind, delta(source, 3))
        assert "everybody with --all" in delta_.remedy
        why = refused(behind, whole(source))
        assert isinstance(why, sets.SetGapError)
        assert "move site.db away and take everybody (--all)" in why.remedy
    (tmp_path / "behind" / "site.db").rename(tmp_path / "behind" / "site.db.before")
    with People.open(tmp_path / "behind" / "site.db", create=True) as behind:
        assert take(behind, whole(source)), "the way that the remedy names"
        assert same(source, behind)


def test_a_set_of_then_is_refused_with_the_way_out(source: People) -> None:
    with pytest.raises(sets.SetOutdatedError, match="older version made the set") as caught:
        offered((OLD / "set-schema-1.json").read_bytes(), TRUSTED, KEY, SITE)
    assert "install this version at the other edge" in caught.value.remedy
