"""The cipher room that the demonstration adds where cameras and faces are installed."""

import csv
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import pytest

from edge.config import load_config
from policies.facts import Direction
from simulators.before_cameras import Cameras
from simulators.demo_faces import CLARA, DOOR, DRAWN, add_cipher_room
from simulators.scenario import load_scenario
from simulators.secret_file import write_secret


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embassy as the demonstration has it, with that room."""
    made = tmp_path_factory.mktemp("embassy")
    source = files("simulators") / "embassy"
    for name in ("site.toml", "scenario.toml", "people.csv"):
        (made / name).write_text((source / name).read_text().replace("{port}", "1883"))
    policy = files("policies") / "examples" / "embassy.toml"
    (made / "policy.toml").write_text(policy.read_text())
    add_cipher_room(made)
    write_secret(made / "site.key", b"k" * 32)
    for line in (made / "site.toml").read_text().splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "key":
            name = value.strip(' "')
            write_secret(made / name, sha256(name.encode()).hexdigest()[:32].encode())
    return made


def test_the_embassy_with_it_is_a_site_whose_policy_is_proven(folder: Path) -> None:
    """Loading refuses a policy of which something does not hold."""
    config = load_config(folder / "site.toml")
    assert config.policy.portraits, "the guard has something to compare with"
    cameras = Cameras(config)
    looked_at = [(name, way) for name in config.portals for way in Direction if
                 cameras.look_at(name, way)]  # fmt: skip
    assert looked_at == [(DOOR, Direction.ENTRY)]


def test_whoever_comes_on_a_cue_is_drawn_under_that_word(folder: Path) -> None:
    scenario = load_scenario(folder / "scenario.toml")
    cued = [way for way in scenario.way if way.cue is not None]
    assert len(cued) == 4
    for way in cued:
        assert way.cue == way.person
        assert scenario.person[way.person].face is not None
        assert way.portals[0] == DOOR


def test_the_face_that_is_enrolled_is_hers_whose_badge_is_shown(folder: Path) -> None:
    people = {row["id"]: row for row in csv.DictReader((folder / "people.csv").open())}
    scenario = load_scenario(folder / "scenario.toml")
    herself = scenario.person["clara-herself"]
    assert people[CLARA]["badge"] == herself.badge
    assert herself.face is not None
    assert herself.face.who == DRAWN
    lent = scenario.person["clara-lent"]
    assert lent.face is not None
    assert (lent.badge, lent.face.shown) == (herself.badge, "live")
    assert lent.face.who != DRAWN
