"""`sentrypost face` from pictures of drawn people to a template that is compared, and back."""

import asyncio
import json
import struct
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from controller import events_faces as ef
from drivers.faces.engine import MODEL
from edge.assembly import Edge
from edge.commands import face_pictures
from edge.commands.face import face
from edge.commands.face_pictures import PORTRAIT_PX
from edge.control.messages_faces import FacePictureReply
from simulators.people.views import views
from tests.edge.faces.test_face_desk import ADA, scene
from tests.edge.house import House, bodies

ADA_DRAWN = 34
"""Who of the drawn people lends Ada of the house a face."""

BOMB = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", 60_000, 60_000) + bytes(200)


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three views of her, and files that are no pictures."""
    folder = tmp_path_factory.mktemp("album")
    for number, image in enumerate(views(ADA_DRAWN, 3, seed=1, strength=0.5)):
        assert cv2.imwrite(str(folder / f"ada-{number}.jpg"), image)
    (folder / "text.jpg").write_text("no picture at all\n" * 30)
    (folder / "bomb.png").write_bytes(BOMB)
    return folder


def asked(house: House, *words: object) -> Result:
    arguments = [str(word) for word in words]
    return CliRunner().invoke(face, [*arguments, "--config", str(house.folder / "site.toml")])


def pictures(album: Path, *names: str) -> Iterator[str]:
    for name in names:
        yield from ("--picture", str(album / name))


def of(album: Path) -> list[str]:
    return list(pictures(album, *(f"ada-{number}.jpg" for number in range(3))))


CONSENT = ("--consent", "form 7, signed today")


def test_where_the_policy_has_portraits_a_guard_gets_her_face(house: House, album: Path) -> None:
    policy = house.folder / "policy.toml"
    policy.write_text(policy.read_text().replace("version = 1", "version = 1\nportraits = true"))

    async def enrols(edge: Edge) -> None:
        done = await asyncio.to_thread(asked, house, "enrol", "1", *of(album), *CONSENT)
        assert done.exit_code == 0, done.output
        portrait = await edge.desk.faces.portrait(ADA)
        assert portrait is not None
        image = cv2.imdecode(np.frombuffer(portrait, np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        assert max(image.shape[:2]) <= PORTRAIT_PX
        assert len(face_pictures.engine().find(np.ascontiguousarray(image, np.uint8))) == 1

    scene(house, enrols)


def test_from_pictures_to_a_template_with_a_report_of_each(house: House, album: Path) -> None:
    async def enrols(edge: Edge) -> None:
        bad = pictures(album, "text.jpg", "bomb.png", "../no-such-folder/x.jpg", "/dev/zero")
        done = await asyncio.to_thread(
            asked, house, "enrol", "1", *of(album), *bad, *CONSENT, "--json"
        )
        assert done.exit_code == 0, done.output
        assert "biometric comparison of people who are not present" in done.stderr
        told = json.loads(done.stdout)
        assert (told["enrolled"], told["version"], told["compared"]) == (True, 1, 0)
        flaws = {Path(one["picture"]).name: one["flaw"] for one in told["views"]}
        assert [flaws[f"ada-{number}.jpg"] for number in range(3)] == ["", "", ""]
        assert "neither a JPEG nor a PNG" in flaws["text.jpg"]
        assert "60000 x 60000" in flaws["bomb.png"]
        assert "cannot be read" in flaws["x.jpg"]
        assert flaws["zero"] == "not an ordinary file"
        kept = await edge.desk.faces.template(ADA)
        assert kept is not None
        assert (kept.model, kept.version) == (MODEL, 1)
        (event,) = await bodies(edge, ef.FaceEnrolled)
        assert isinstance(event, ef.FaceEnrolled)
        assert event.views == 3

        twin = await asyncio.to_thread(asked, house, "enrol", "2", *of(album), *CONSENT)
        assert twin.exit_code == 1
        assert "resembles one other person on file (1)" in twin.output, "whoever may is told"

    scene(house, enrols)
    listed = asked(house, "list")
    assert [name in listed.output for name in ("Ada L", "3 pictures")] == [True] * 2
    assert asked(house, "due").output.strip() == "nobody"
    shown = json.loads(asked(house, "show", "1", "--json").stdout)
    assert (shown["name"], shown["model"], shown["trouble"]) == ("Ada L", MODEL, "")
    assert asked(house, "erase", "1").exit_code == 0
    assert "no template of '1' is on file" in asked(house, "show", "1").output
    assert json.loads(asked(house, "list", "--json").stdout)["faces"] == []


def test_too_few_pictures_or_the_wrong_ones_put_nothing_on_file(house: House, album: Path) -> None:
    scene(house, _once)
    few = asked(
        house, "enrol", "1", *pictures(album, "ada-0.jpg", "text.jpg", "bomb.png"), *CONSENT
    )
    assert few.exit_code == 1
    assert "1 of 1 pictures can be used, and 3 are needed" in few.output
    assert "text.jpg: neither" in few.output
    for words in ((*CONSENT,), (*of(album), "--camera", "gate", *CONSENT), of(album)):
        assert asked(house, "enrol", "1", *words).exit_code == 2
    assert not (house.folder / "state" / "faces.db").exists()


async def _once(_: Edge) -> None:
    """It has run once."""


def test_from_a_camera_pose_by_pose(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face_pictures, "POSES", face_pictures.POSES[:3])
    seen = [
        cv2.imencode(".jpg", one)[1].tobytes() for one in views(ADA_DRAWN, 3, seed=1, strength=0.5)
    ]

    async def enrols(edge: Edge) -> None:
        arguments = ("enrol", "1", "--camera", "gate", *CONSENT, "--json")
        none = await edge.desk.faces.picture("gate")
        assert none.reason == "no camera 'gate'"
        given = iter(seen * 50)

        async def take(camera: str) -> FacePictureReply:
            assert camera == "gate"
            # What comes behind a picture's end is no picture: such a one is as large as any.
            return FacePictureReply(jpeg=next(given) + bytes(700_000))

        edge.desk.faces.camera = take
        done = await asyncio.to_thread(asked, house, *arguments)
        assert done.exit_code == 0, done.output
        assert "turn the head a little to the left" in done.stderr
        told = json.loads(done.stdout)
        assert told["enrolled"]
        assert len(told["views"]) == 3

    scene(house, enrols)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)
