"""What doctor, privacy sheet and site file say of pictures, as the configuration has them."""

import os
import shutil
import time
from pathlib import Path

import pytest

from controller.events_pictures import PictureKind
from edge import doctor_pictures, privacy
from edge.config import ConfigError, load_config
from edge.doctor import Finding, Machine, Patient, Verdict
from edge.pictures.index import PictureIndex
from edge.pictures.room import ROOM_BYTES
from edge.site_file import CLIPS_DAYS, PICTURES_DAYS
from tests.edge.house import House

CAMERA = """
[camera.gate]
driver = "mjpeg"
portal = "front"
url = "http://10.0.0.5/stream"
"""


def made(folder: Path, word: str = "", site: str = "", head: str = "") -> House:
    house = House(folder)
    policy, file = folder / "policy.toml", folder / "site.toml"
    if word:
        text = policy.read_text().replace(
            'kind = "door"\n', f'kind = "door"\npictures = "{word}"\n', 1
        )
        policy.write_text(text)
    file.write_text(head + file.read_text() + site)
    return house


def found(house: House) -> list[Finding]:
    config = load_config(house.folder / "site.toml")
    patient = Patient(
        file=config.file,
        state=config.state,
        config=config,
        mistakes=0,
        volumes=(),
        machine=Machine(Path("/"), time.time()),
        progress=lambda _done, _total: None,
    )
    return list(doctor_pictures.pictures(patient))


def test_a_site_without_pictures_is_told_so(tmp_path: Path) -> None:
    house = made(tmp_path, site=CAMERA)
    (one,) = found(house)
    assert (one.verdict, one.said) == (Verdict.OK, "the policy wants no pictures")
    sheet = privacy.sheet(house.config(), house.config().policy)
    assert any("no picture and no clip" in one for one in sheet.not_kept)
    assert not any("at a door" in one.purpose for one in sheet.activities)


def test_pictures_that_are_wanted_where_nothing_looks_are_told(tmp_path: Path) -> None:
    (one,) = found(made(tmp_path, word="alarms"))
    assert (one.verdict, "front" in one.said) == (Verdict.WARN, True)
    assert one.remedy


def test_what_is_kept_stands_in_the_sheet_and_doctor_counts_it(tmp_path: Path) -> None:
    house = made(tmp_path, word="decisions", site=CAMERA)
    if shutil.disk_usage(tmp_path).free < ROOM_BYTES:
        pytest.fail("this machine's disk is nearly full")
    (well,) = found(house)
    assert well.verdict is Verdict.OK
    folder = house.folder / "state" / "pictures"
    folder.mkdir(mode=0o700)
    (folder / f"{'a' * 32}.sealed").write_bytes(bytes(3 * doctor_pictures.MIB))
    assert "1 are there, 3 MiB" in found(house)[0].said
    page = privacy.page(privacy.sheet(house.config(), house.config().policy))
    assert "a picture beside each decision: front" in page
    assert f"pictures for {PICTURES_DAYS} days, clips for {CLIPS_DAYS}" in page
    assert "no picture and no clip" not in page


def test_what_lies_there_still_is_told_though_nothing_more_is_kept(tmp_path: Path) -> None:
    house = made(tmp_path)
    PictureIndex.open(house.folder / "state").close()
    sheet = privacy.sheet(house.config(), house.config().policy)
    assert any("at a door" in one.purpose for one in sheet.activities)


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = made(tmp_path, word="alarms", site=CAMERA)
    real = os.statvfs(tmp_path)
    blocks = (ROOM_BYTES - 1) // real.f_frsize
    full = os.statvfs_result((*real[:3], blocks, blocks, *real[5:]))
    monkeypatch.setattr(os, "statvfs", lambda _: full)
    (one,) = found(house)
    assert one.verdict is Verdict.FAIL
    assert "no pictures are kept" in one.said


def test_a_key_that_cannot_be_used_is_told_and_no_start_depends_on_it(tmp_path: Path) -> None:
    house = made(tmp_path, "alarms", CAMERA, 'picture-key = "pictures.key"\n')
    (one, _) = found(house)
    assert one.verdict is Verdict.FAIL
    assert "make one with" in one.remedy
    key = house.folder / "pictures.key"
    key.write_bytes(bytes(range(32)))
    key.chmod(0o644)
    assert "chmod 600" in found(house)[0].remedy
    key.chmod(0o600)
    assert [one.verdict for one in found(house)] == [Verdict.OK]
    assert house.config().picture_key == key


def test_days_are_what_the_site_says_and_never_without_end(tmp_path: Path) -> None:
    days = "[retention]\npictures-days = 7\nclips-days = 90\npassages-days = 60\n"
    house = made(tmp_path, word="alarms", site=CAMERA + days)
    assert house.config().picture_days == {PictureKind.PICTURE: 7, PictureKind.CLIP: 90}
    said = found(house)
    assert [one.verdict for one in said] == [Verdict.OK, Verdict.WARN]
    assert "passages-days" in said[1].remedy
    file = house.folder / "site.toml"
    file.write_text(file.read_text().replace("clips-days = 90", "clips-days = 0"))
    with pytest.raises(ConfigError):
        load_config(file)
