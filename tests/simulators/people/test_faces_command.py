"""`sentrypost sim faces`: sheets and films that other programs read, and refusals in time."""

import subprocess
import sys

import cv2
import pytest
from click.testing import CliRunner

from simulators.people import sheet
from simulators.people.commands import HOWS, MOVES, faces
from simulators.people.moves import Move
from simulators.people.scenes import How


def run(*arguments: object):
    return CliRunner().invoke(faces, [str(each) for each in arguments])


def test_the_words_of_the_command_are_those_of_the_code():
    assert set(Move) == set(MOVES)
    assert set(How) == set(HOWS)


def test_a_sheet_shows_everybody_with_a_number(tmp_path, monkeypatch, engine):
    monkeypatch.setattr(sheet, "EVERYBODY", ("34", "293", "233"))
    result = run("--sheet", tmp_path / "people.png")
    assert result.exit_code == 0, result.output
    shown = cv2.imread(str(tmp_path / "people.png"))
    assert shown.shape == (160 + 22, 8 * 160, 3)
    cells = [shown[:160, start : start + 160] for start in range(0, 480, 160)]
    assert all(len(engine.find(cv2.resize(cell, (320, 320)))) == 1 for cell in cells)
    assert (shown[160:] < 100).any()
    assert (shown[:, 480:] == 255).all()


def test_a_sheet_of_one_shows_her_in_many_ways(monkeypatch):
    """Each is another picture than the plain one, but for the glasses that she has not."""
    monkeypatch.setattr(sheet, "CELL", (40, 40))
    monkeypatch.setattr(sheet, "FACE_PX", 18)
    ways = (sheet.PLAINLY, "to her left", "lamp above", "glasses none", "photo bent 60")
    assert set(ways) < set(sheet.ONE)
    shown = {label: sheet.in_one_way(34, label).tobytes() for label in ways}
    assert shown["glasses none"] == shown[sheet.PLAINLY]
    assert len(set(shown.values())) == len(shown) - 1


def test_a_film_has_the_frames_of_the_acts(tmp_path):
    file = tmp_path / "film.avi"
    result = run("--video", file, "--who", 34, "--act", "away, stand", "--fps", 2)
    assert result.exit_code == 0, result.output
    assert "6 frames, 3.0 s" in result.output
    film = cv2.VideoCapture(str(file))
    seen = 0
    while True:
        there, image = film.read()
        if not there:
            break
        assert image.shape == (480, 640, 3)
        seen += 1
    assert seen == 6


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((), "--sheet FILE.png"),
        (("--video", "film.avi"), "--who NUMBER"),
        (("--video", "film.mp4", "--who", 1), ".avi"),
        (("--sheet", "people.gif"), ".png"),
        (("--sheet", "/nowhere/people.png"), "no folder"),
        (("--video", "/nowhere/film.avi", "--who", 1), "no folder"),
        (("--video", "film.avi", "--who", 1, "--act", "dance"), "turn-left"),
        (("--video", "film.avi", "--who", -1), "--who"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_drawn(tmp_path, monkeypatch, arguments, word):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sheet, "sheet", lambda cells: pytest.fail("drawn"))
    result = run(*arguments)
    assert result.exit_code != 0
    assert word in result.output
    assert list(tmp_path.iterdir()) == []


def test_without_opencv_the_remedy_is_named():
    code = (
        "import sys; sys.modules['cv2'] = None\n"
        "from simulators.commands import sim\n"
        "sim(['faces', '--sheet', 'people.png'])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert "pip install 'sentrypost[biometrics]'" in result.stderr
    assert "Traceback" not in result.stderr
