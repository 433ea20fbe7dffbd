"""`sentrypost biometrics evaluate`, as an integrator uses it."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from click.testing import CliRunner, Result

from drivers.faces.engine import FastEngine
from drivers.faces.evaluation import Evaluation
from drivers.faces.interfaces import Image
from drivers.faces.model_files import NoModelsError
from edge.commands import biometrics as commands
from edge.failed import Failed
from tests.drivers.faces.acting import drawn, noisy

PEOPLE = (34, 151, 308)


def evaluate(*arguments: str) -> Result:
    return CliRunner().invoke(commands.biometrics, ["evaluate", *arguments])


def views(identity: int, count: int) -> Iterator[Image]:
    """The person, turned a little further each time."""
    random = np.random.default_rng(identity)
    return (noisy(drawn(identity, step), random) for step in islice(range(-4, 99, 2), count))


@pytest.fixture(autouse=True)
def one_engine(engine: FastEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one of all these tests: each is held against dlib as it is opened."""
    monkeypatch.setattr(commands, "_engine", lambda: engine)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three people with four pictures each, and a text that says it is one."""
    top = tmp_path_factory.mktemp("integrator") / "visitors"
    for identity in PEOPLE:
        (top / f"person {identity}").mkdir(parents=True)
        for number, view in enumerate(views(identity, 4)):
            done, data = cv2.imencode(".jpg", view)
            assert done
            (top / f"person {identity}" / f"{number}.jpg").write_bytes(data.tobytes())
    (top / f"person {PEOPLE[0]}" / "letter.jpg").write_text("Dear colleagues,")
    return top


def test_a_folder_gives_a_table_and_curves(folder: Path, tmp_path: Path):
    result = evaluate(str(folder), "--into", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    assert "pictures from visitors\n3 people, 13 pictures, 12 compared" in result.stdout
    assert "single pictures: 18 comparisons of the same person, 48 of two people" in result.stdout
    assert "against the mean of 3: 3 comparisons of the same person, 6 of two" in result.stdout
    assert "person 34/letter.jpg: neither a JPEG nor a PNG picture" in result.stdout
    assert "looking at pictures" in result.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["roc.csv", "roc.png"]


def test_json_is_all_that_is_printed_and_holds_the_same(folder: Path, tmp_path: Path):
    result = evaluate(str(folder), "--json", "--into", str(tmp_path))
    assert result.exit_code == 0, result.output
    found = msgspec.json.decode(result.stdout, type=Evaluation)
    assert (found.people, found.pictures, found.compared) == (3, 13, 12)
    at_door = next(row for row in found.trials[0].rows if row.threshold == 0.4)
    assert at_door.refused.wrong == 0, "turned by a few degrees each is herself"
    assert at_door.refused_all.of == at_door.refused.of + 4
    assert [one.picture for one in found.left_out] == ["person 34/letter.jpg"]


def test_drawn_people_are_told_as_a_regression_and_the_selected_beside_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked: list[int] = []

    def some(identity: int, count: int) -> Iterator[Image]:
        asked.append(identity)
        return views(PEOPLE[identity % 3], count)

    monkeypatch.setattr(commands, "_drawn_people", lambda: commands.DrawnPeople((300, 301), some))
    result = evaluate("--drawn", "--seeds", "4", "--json", "--into", str(tmp_path))
    assert result.exit_code == 0, result.output
    found = msgspec.json.decode(result.stdout, type=list[Evaluation])
    assert [one.title for one in found] == [
        "regression, not accuracy: 4 unselected drawn people",
        "regression, not accuracy: the 2 selected drawn people",
    ]
    assert asked == [0, 1, 2, 3, 300, 301]
    assert {half.what for half in found[0].halves} == {"single pictures", "against the mean of 3"}
    names = {"roc-selected.csv", "roc-selected.png", "roc-unselected.csv", "roc-unselected.png"}
    assert {path.name for path in tmp_path.iterdir()} == names


@pytest.mark.parametrize("given", [[], ["somewhere", "--drawn"]])
def test_either_a_folder_or_the_drawn(given: list[str]):
    result = evaluate(*given)
    assert result.exit_code == 2
    assert "name a FOLDER, or give --drawn" in result.output


def test_a_folder_without_people_ends_with_the_remedy(tmp_path: Path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a.jpg").write_bytes(b"")
    said = {
        "missing": "cannot be read: No such file",
        "": "one/a.jpg: an empty file\nError: no two",
    }
    for name, words in said.items():
        result = evaluate(str(tmp_path / name), "--into", str(tmp_path / "out"))
        assert result.exit_code == 1
        assert words in result.output
    assert not (tmp_path / "out").exists(), "nothing is written where nothing was counted"


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch):
    def lacking() -> FastEngine:
        raise NoModelsError("no such.dat here")

    monkeypatch.setattr(commands, "_engine", lacking)
    result = evaluate("--drawn")
    assert result.exit_code == 1
    assert "Error: what looks at faces is not installed: no such.dat here" in result.output


def test_where_nobody_draws_people_that_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(commands, "entry_points", lambda group: [])
    with pytest.raises(Failed, match="nobody here draws people"):
        commands._drawn_people()
