"""The whole way with a camera's own process: an HTTP stream, masked, kept, sealed, given away."""

import asyncio
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from controller import events as ev
from controller.events_pictures import PictureKept, PictureKind
from drivers.cameras.api import Camera
from edge import app
from edge.assembly import Edge, Outside, assembled
from edge.commands.picture import picture
from edge.config import Config
from edge.pictures import keeper
from tests.drivers.cameras.http_camera import HttpCamera
from tests.edge.checks import ready
from tests.edge.house import ADA, FRONT_CONTACT, House, bodies, running
from tests.edge.test_erase import badges
from tests.tidy.repository import ROOT

WAIT_S_MAX = 60

SITE = """
[camera.gate]
driver = "mjpeg"
portal = "front"
url = "{url}"
masks = [[[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [0.0, 1.0]]]
"""


def test_what_a_camera_sees_is_kept_masked_and_given_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(keeper, "AFTER_S", 1)
    monkeypatch.setattr(app, "_faces", lambda *_: None)  # nobody is compared here
    cameras: list[Camera] = []

    async def noted(config: Config, outside: Outside) -> Edge:
        cameras.extend(outside.cameras.values())
        return await assembled(config, outside)

    monkeypatch.setattr(app, "assembled", noted)
    house = House(tmp_path)
    policy, site = tmp_path / "policy.toml", tmp_path / "site.toml"
    policy.write_text(
        policy.read_text().replace('kind = "door"\n', 'kind = "door"\npictures = "decisions"\n', 1)
    )

    async def scene() -> list[PictureKept]:
        async with house.line(), running(house) as edge, asyncio.timeout(WAIT_S_MAX):
            await ready(edge)
            (camera,) = cameras
            while await camera.picture(edge.daemon.now().mono_us * 1_000, 1.0) is None:
                await asyncio.sleep(0.05)
            await badges(edge, house, ADA)
            found = await of(edge, ev.DecisionMade, PictureKind.PICTURE)
            house.board.set_input(FRONT_CONTACT, True)
            while not await bodies(edge, ev.PassageMade):
                await asyncio.sleep(0.01)
            house.board.set_input(FRONT_CONTACT, False)
            while not await bodies(edge, ev.PortalClosed):
                await asyncio.sleep(0.01)
            house.board.set_input(FRONT_CONTACT, True)
            found += await of(edge, ev.PortalForced, PictureKind.CLIP)
            return found

    with HttpCamera() as server:
        site.write_text(site.read_text() + SITE.format(url=server.url))
        one, clip = asyncio.run(scene())
    assert (one.camera, one.count, one.holders) == ("gate", 1, ("a" * 16,))
    assert clip.count >= 3

    for kept, name in ((one, "one.jpg"), (clip, "clip")):
        words = ("export", str(kept.about[0]), str(tmp_path / name))
        done = CliRunner().invoke(picture, [*words, "--config", str(site), "--json"])
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["frames"] == kept.count
    for file in (tmp_path / "one.jpg", *(tmp_path / "clip").iterdir()):
        image = cv2.imdecode(np.frombuffer(file.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
        assert image.shape == (240, 320, 3)
        assert image[:, :150].max() <= 2, "what is masked is black"
        assert image[:, 172:].min() > 40, "and nothing else is"


async def of(edge: Edge, kind: type[ev.Body], what: PictureKind) -> list[PictureKept]:
    """What is kept of the first entry of a kind, as soon as it is."""
    while True:
        stored = await edge.daemon.writer.read(1, 10_000, 1 << 26)
        entries = [ev.decode_entry(one.entry) for one in stored]
        seqs = [entry.seq for entry in entries if entry.kind == ev.kind_of(kind)]
        kept = [body for body in map(ev.decode_body, entries) if isinstance(body, PictureKept)]
        found = [body for body in kept if body.what is what and set(seqs) & set(body.about)]
        if found:
            return found[:1]
        await asyncio.sleep(0.02)
