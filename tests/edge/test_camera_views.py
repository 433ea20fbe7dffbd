"""What a camera's view is known by lasts over a restart of the edge."""

import asyncio

from edge.camera_views import BYTES_MAX, CameraViews


def kept(state, *pairs):
    async def scene() -> None:
        views = CameraViews(state)
        for camera, view in pairs:
            views.keep(camera, view)
            await views.settle()

    asyncio.run(scene())


def test_the_last_one_is_known_after_a_restart(tmp_path):
    assert CameraViews(tmp_path).known(["gate", "hall"]) == {}
    kept(tmp_path, ("gate", b"one"), ("hall", b"two"), ("gate", b"three"))
    assert CameraViews(tmp_path).known(["gate", "hall"]) == {"gate": b"three", "hall": b"two"}
    assert CameraViews(tmp_path).known(["hall"]) == {"hall": b"two"}


def test_nobody_else_reads_it(tmp_path):
    kept(tmp_path, ("gate", b"one"))
    (file,) = (tmp_path / "cameras").iterdir()
    assert file.stat().st_mode & 0o077 == 0
    file.chmod(0o644)
    assert CameraViews(tmp_path).known(["gate"]) == {}


def test_what_is_too_long_or_cannot_be_written_is_left_out(tmp_path, caplog):
    kept(tmp_path, ("gate", b"one"), ("gate", bytes(BYTES_MAX + 1)))
    assert CameraViews(tmp_path).known(["gate"]) == {"gate": b"one"}
    (tmp_path / "cameras" / "gate.view").write_bytes(bytes(BYTES_MAX + 1))
    assert CameraViews(tmp_path).known(["gate"]) == {}
    (tmp_path / "file").touch()
    kept(tmp_path / "file", ("gate", b"one"))
    assert "the view of camera gate cannot be kept" in caplog.text
