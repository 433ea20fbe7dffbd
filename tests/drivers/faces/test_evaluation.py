"""What the figures of an evaluation count, on vectors whose distances are known."""

import csv
import io
import os
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from drivers.faces.evaluation import (
    Compared,
    Sample,
    counted,
    curve,
    enrolled,
    evaluate,
    fixed,
    row,
    singles,
)
from drivers.faces.evaluation_folder import (
    FolderError,
    Supplied,
    sample_of,
    shown,
    supplied,
)
from drivers.faces.evaluation_roc import roc_csv, roc_png
from tests.drivers.faces.scenes import before_camera


def sample(person: str, at: float, number: int = 0) -> Sample:
    """A picture of a person who stands at a place on a line."""
    vector = np.zeros(128, np.float32)
    vector[0] = at
    return Sample(person, f"{person}/{number}", vector)


def unclear(person: str) -> Sample:
    return Sample(person, f"{person}/x", None, "no face found")


FOUR = [sample("ada", 0.0), sample("ada", 0.1, 1), sample("ben", 0.5), sample("ben", 0.8, 1)]


def test_each_pair_is_counted_once_where_it_belongs():
    found = singles(FOUR)
    assert found.genuine == pytest.approx([0.1, 0.3])
    assert found.impostor == pytest.approx([0.4, 0.5, 0.7, 0.8])
    assert found.lost == 0
    at = row(found, 0.45)
    assert (at.refused.wrong, at.refused.of) == (0, 2)
    assert (at.accepted.wrong, at.accepted.of) == (1, 4)
    assert row(found, 0.2).refused.wrong == 1


def test_a_picture_without_a_clear_face_is_an_attempt_of_the_right_one_that_failed():
    found = singles([*FOUR, unclear("ada")])
    assert found.lost == 2, "with each of her two others"
    at = row(found, 0.45)
    assert (at.refused.wrong, at.refused.of) == (0, 2)
    assert (at.refused_all.wrong, at.refused_all.of) == (2, 4)
    assert row(found, 0.45).accepted.of == 4, "nobody is taken for somebody by it"


def test_the_rest_is_compared_with_the_mean_of_the_first_three_clear_ones():
    ada = [unclear("ada"), *(sample("ada", at) for at in (0.0, 0.1, 0.2, 0.25)), unclear("ada")]
    ben = [sample("ben", at) for at in (1.0, 1.0, 1.0, 0.7)]
    few = [sample("cyd", 5.0), sample("cyd", 5.1), sample("cyd", 5.2)]
    found = enrolled([*ada, *ben, *few])
    assert found.genuine == pytest.approx([0.15, 0.3])
    assert found.impostor == pytest.approx([0.6, 0.75])
    assert found.lost == 1, "the unclear one behind what she was enrolled with"


def test_the_curve_goes_from_nobody_to_everybody():
    points = list(curve(singles(FOUR)))
    assert points[0] == (0.0, 1.0, 0.0)
    assert points[-1] == (1.0, 0.0, 1.0)
    assert all(one[1] >= other[1] for one, other in pairwise(points))
    assert all(one[2] <= other[2] for one, other in pairwise(points))


def test_a_threshold_is_fixed_below_the_first_wrong_one_and_tried_on_the_others():
    assert fixed(singles(FOUR)) == pytest.approx(0.4, abs=0.0011)
    # In order of names every other person: ada and cyd fix it, ben and dan are tried.
    more = [sample("cyd", 2.0), sample("cyd", 2.1, 1), sample("dan", 1.05), sample("dan", 1.2, 1)]
    found = evaluate("four", "model", [*FOUR, *more])
    (half,) = found.halves
    assert half.threshold == pytest.approx(1.0), "nothing of ada and cyd is nearer than 1.9"
    assert (half.fixed_on, half.tried_on) == (2, 2)
    assert (half.accepted.wrong, half.accepted.of) == (4, 4)
    assert half.refused.wrong == 0


def test_no_error_in_a_few_tries_is_not_told_as_none():
    """Three in the number of tries, roughly: 0 of 300 can be 1 in 100 (Wilson: 2.7 / 300)."""
    assert counted(0, 300).at_most == pytest.approx(2.706 / 302.7, rel=0.01)
    assert counted(0, 0).at_most == 1
    assert counted(5, 5).at_most == pytest.approx(1)


def test_the_nearest_of_two_people_are_named():
    found = evaluate("four", "model", FOUR)
    assert (found.nearest[0].one, found.nearest[0].other) == ("ada/1", "ben/0")
    assert found.nearest[0].distance == 0.4
    assert len(found.nearest) == 4
    assert found.pictures == found.compared == 4


@pytest.mark.parametrize(
    "samples", [[], FOUR[:2], [FOUR[0], FOUR[2]], [FOUR[0], unclear("ada"), FOUR[2]]]
)
def test_what_cannot_be_counted_is_said(samples: list[Sample]):
    with pytest.raises(ValueError, match="two pictures or more"):
        evaluate("few", "model", samples)


def test_the_curve_is_written_as_numbers_and_drawn():
    found = [singles(FOUR), Compared("other", np.array([0.2]), np.array([0.9]), 0)]
    rows = list(csv.reader(io.StringIO(roc_csv(found))))
    assert rows[0] == ["comparison", "threshold", "refused", "accepted"]
    assert len(rows) == 1 + 2 * 1001
    assert rows[451] == ["single pictures", "0.450", "0.000000", "0.25000000"]
    page = cv2.imdecode(np.frombuffer(roc_png("Zürich", found), np.uint8), cv2.IMREAD_COLOR)
    assert page is not None
    coloured = (page.max(axis=2).astype(int) - page.min(axis=2)) > 60
    assert coloured[100:500, 100:800].sum() > 300, "lines are on it"


def test_a_folder_is_looked_at_one_level_deep_and_nothing_is_followed(tmp_path: Path, engine):
    site, outside = tmp_path / "site", tmp_path / "outside"
    for folder in (site / "ada", site / "ben" / "old", outside):
        folder.mkdir(parents=True)
    done, data = cv2.imencode(".jpg", before_camera(17))
    assert done
    (site / "ada" / "one.jpg").write_bytes(data.tobytes())
    (site / "ada" / "notes.jpg").write_text("not a picture")
    (site / "ada" / ".DS_Store").write_bytes(b"hidden")
    (site / "loose.jpg").write_bytes(data.tobytes())
    (outside / "secret.jpg").write_bytes(data.tobytes())
    (site / "ada" / "link.jpg").symlink_to(outside / "secret.jpg")
    (site / "cyd").symlink_to(outside, target_is_directory=True)
    (site / "ben" / "%2f..\n\x1b[2J.jpg").write_bytes(b"")
    os.mkfifo(site / "ben" / "pipe.jpg")
    Path(os.fsdecode(os.fsencode(site / "ben") + b"/\xff.jpg")).write_bytes(data.tobytes()[:900])
    samples = {one.name: one for one in (sample_of(engine, each) for each in supplied(site))}
    assert {name: one.why for name, one in samples.items()} == {
        "ada/link.jpg": "a link, not followed",
        "ada/notes.jpg": "neither a JPEG nor a PNG picture, whatever its name says",
        "ada/one.jpg": "",
        "ben/%2f..\ufffd\ufffd[2J.jpg": "an empty file",
        "ben/old": "a folder in a person's folder",
        "ben/pipe.jpg": "not an ordinary file",
        "ben/\ufffd.jpg": samples["ben/\ufffd.jpg"].why,
    }
    assert samples["ada/one.jpg"].vector is not None
    assert samples["ben/\ufffd.jpg"].vector is None


def test_a_folder_that_is_none_is_said_with_the_remedy(tmp_path: Path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "none", tmp_path / "file", tmp_path):
        with pytest.raises(FolderError, match="folder"):
            supplied(folder)


def test_two_people_and_nobody_are_no_clear_picture(tmp_path: Path, engine):
    for name, image in (("two", before_camera(17, 151)), ("none", np.zeros((90, 90, 3), np.uint8))):
        done, data = cv2.imencode(".png", image)
        assert done
        (tmp_path / f"{name}.png").write_bytes(data.tobytes())
    seen = [
        sample_of(engine, Supplied("x", tmp_path / f"{one}.png")).why for one in ("two", "none")
    ]
    assert seen == ["several faces", "no face found"]


def test_a_name_is_shown_without_what_a_terminal_obeys():
    assert shown("a\x1b]0;x\x07\udcff\u202eb") == "a\ufffd]0;x\ufffd\ufffd\ufffdb"
