"""Draws the people of a scenario before anybody comes, so that nobody waits for it at a door.

    python -m simulators.gate.drawn SCENARIO CLIPS VIEWS

Of each who comes himself, some pictures go first into the folder VIEWS, for enrolments: then
`views` is said on standard output. Then everybody is drawn in the order of the ways, and named
when ready. The process gives way to all others.
"""

import os
import sys
from pathlib import Path

from simulators.gate.played import scene_of, stage_of
from simulators.people.clips import as_jpeg
from simulators.people.views import views
from simulators.scenario import Face, Scenario, load_scenario

NICE = 5
"""As the daemon's own children (`drivers/children.py`): doors come first."""

ENROLLABLE = "views"

VIEWS, VIEWS_STRENGTH = 4, 0.5
"""Of one person: more than the three that an enrolment needs."""


def draw(scenario: Scenario, clips: Path, folder: Path) -> None:
    """Raises OSError where nothing can be kept."""
    stage = stage_of(1, clips)
    folder.mkdir(exist_ok=True)
    named = dict.fromkeys(way.person for way in scenario.way)
    coming = {name: face for name in named if (face := scenario.person[name].face) is not None}
    for face in coming.values():
        if face.shown == "live" and face.beside is None:
            _enrolled(face, folder)
    _say(ENROLLABLE)
    for name, face in coming.items():
        stage.prepare(scene_of(face))
        _say(name)


def _say(ready: str) -> None:
    sys.stdout.write(f"{ready}\n")
    sys.stdout.flush()


def _enrolled(face: Face, folder: Path) -> None:
    for number, image in enumerate(views(face.who, VIEWS, seed=1, strength=VIEWS_STRENGTH)):
        (folder / f"{face.who}-{number}.jpg").write_bytes(as_jpeg(image))


if __name__ == "__main__":
    os.nice(NICE)
    draw(load_scenario(Path(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3]))
