"""`central doctor`: whether records lie where nobody else can read them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from central.archive_sqlite import SqliteArchive
from central.commands import central
from central.commands_doctor import findings
from edge.doctor import Verdict
from tests.edge.test_doctor import LUKS, Sys

OK, WARN, FAIL = Verdict.OK, Verdict.WARN, Verdict.FAIL


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "central" / "archive.db"
    path.parent.mkdir(mode=0o700)
    SqliteArchive(path).close()
    return path


def test_each_volume_that_keeps_records_is_judged(archive: Path, tmp_path: Path) -> None:
    system, state = Sys(tmp_path / "root"), tmp_path / "state"
    state.mkdir(mode=0o700)
    system.device("8:1")
    system.device("8:2", LUKS)
    system.mount(Path("/"), "8:1", "ext4", "/dev/sda1")
    system.mount(archive.parent, "8:2", "ext4", "/dev/mapper/archive")
    found = list(findings(str(archive), state, (archive.parent, tmp_path), system.root))
    assert [(one.check, one.verdict) for one in found] == [
        ("archive", OK),
        ("state folder", OK),
        ("encryption", OK),
        ("encryption", WARN),
        ("encryption", WARN),
    ]
    assert [str(one) in two.said for one, two in zip((state, tmp_path), found[3:], strict=True)]


def test_where_a_server_keeps_it_is_said_not_to_be_seen(tmp_path: Path) -> None:
    (one,) = findings("postgresql:///archive", tmp_path / "none", (), tmp_path)
    assert (one.verdict, "PostgreSQL" in one.said) == (WARN, True)
    assert "data_directory" in one.remedy


def test_what_others_can_read_fails_until_the_remedy_is_done(archive: Path) -> None:
    def asked() -> tuple[int, list[dict[str, str]]]:
        arguments = ["doctor", "--archive", str(archive), "--json"]
        done = CliRunner().invoke(central, arguments)
        return done.exit_code, json.loads(done.stdout)["findings"]

    code, found = asked()
    assert (code, found[0]["verdict"]) == (0, "ok")
    archive.chmod(0o640)
    code, found = asked()
    assert (code, found[0]["verdict"]) == (1, "fail")
    assert found[0]["remedy"] == f"chmod go-rwx {archive}"
    archive.unlink()
    code, found = asked()
    assert (code, found[0]["verdict"]) == (1, "fail")
