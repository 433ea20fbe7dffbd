"""A key is changed, and the power goes at every single step of it: files, wire, reader."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.osdp import keys
from drivers.osdp.bus import Bus
from drivers.osdp.config import LineConfig
from drivers.upkeep import KeyProven, Pair, Recall, Rekey
from edge import secret_file
from edge.device_keys import (
    DeviceKeyError,
    begin,
    keep_profile,
    next_file,
    profile_of,
    settle,
    successor_of,
)
from simulators.osdp_reader import SimulatedReader
from tests.drivers.osdp.world import MS, World, key_of, reader_config

NEW = bytes(range(100, 116))


class PowerCutError(BaseException):
    """Nothing below this line of code is carried out, whoever would catch an error."""


class Fuse:
    """Blows at the `at`th step; steps are counted for whoever wants to know how many there are."""

    def __init__(self, at: int) -> None:
        self.at, self.steps = at, 0

    def step(self) -> None:
        self.steps += 1
        if self.steps == self.at:
            raise PowerCutError

    def around(self, action: Callable[..., object]) -> Callable[..., object]:
        def burning(*arguments: object, **named: object) -> object:
            self.step()
            done = action(*arguments, **named)
            self.step()
            return done

        return burning


def drawn(size: int) -> bytes:
    return NEW[:size]


def panel(world: World, path: Path) -> None:
    """The panel is started on what the disk holds."""
    content = path.read_bytes() if path.exists() else None
    world.config = LineConfig(
        port="memory", baud=115200, readers=(reader_config(1, key_file=content),)
    )
    world.bus = Bus(world.config, world.entropy)
    successor = successor_of(path)
    world.facts.clear()
    world.kept.clear()
    world.upkeep(Recall(device="r1", successor=successor))
    world.bus.start(world.now_ns, lambda command: True)


def see_to(world: World, path: Path) -> bool:
    """What the daemon does with what the reader proves; whether it has proved anything."""
    proven = world.of(KeyProven)
    for fact in proven:
        world.kept.remove(fact)
        settle(path, successor=fact.successor)
    return bool(proven)


def worked(world: World, path: Path, fuse: Fuse, *, pairing: bool) -> None:
    """The change of a key from its beginning to its end, or to the cut."""

    def burns(data: bytes) -> bytes:
        fuse.step()
        return data

    try:
        with pytest.MonkeyPatch.context() as patch:
            for name in ("fsync", "link", "unlink", "open"):
                patch.setattr(secret_file.os, name, fuse.around(getattr(os, name)))
            for name in ("replace", "unlink"):
                patch.setattr(Path, name, fuse.around(getattr(Path, name)))
            key = begin(path, drawn)
            world.to_reader = world.to_panel = burns
            until_ns = world.now_ns + 60_000 * MS
            order = Pair(device="r1", key=key, until_ns=until_ns)
            world.upkeep(order if pairing else Rekey(device="r1", key=key))
            while not see_to(world, path):
                world.run(5)
    except PowerCutError:
        pass
    world.to_reader = world.to_panel = lambda data: data
    world._arrivals.clear()


@pytest.mark.parametrize("reader_too", [False, True])
def test_a_power_cut_at_every_step_of_a_new_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader_too: bool
) -> None:
    """Online under one key always, which is the one on the disk; and never another one again."""
    monkeypatch.setattr(keys, "SETTLES_NS", 1_000_000_000)  # a reader is given less time to write
    outcomes = set()
    for at in range(1, 10_000):
        folder = tmp_path / str(at)
        folder.mkdir()
        path, world, fuse = folder / "reader.key", World(1), Fuse(at)
        secret_file.write_new_secret(path, key_of(1).hex().encode())
        panel(world, path)
        world.run(200)
        worked(world, path, fuse, pairing=False)
        if reader_too:
            world.readers[1].reboot()
        panel(world, path)
        world.run(3_000)
        assert world.bus._links[0].state.value == "online", at
        see_to(world, path)
        held = bytes.fromhex(path.read_text())
        assert held == world.readers[1].key, at
        assert held in (key_of(1), NEW)
        assert not next_file(path).exists()
        outcomes.add((held == NEW, fuse.steps >= at))
        if fuse.steps < at:
            break
    assert outcomes == {(False, True), (True, True), (True, False)}, "both ways were seen"
    assert at > 30, "there are so many steps at least"


@pytest.mark.parametrize("reader_too", [False, True])
def test_a_power_cut_at_every_step_of_a_pairing(tmp_path: Path, reader_too: bool) -> None:
    """The reader has the key on the disk, or none at all: then somebody pairs it again."""
    again = 0
    for at in range(1, 10_000):
        folder = tmp_path / str(at)
        folder.mkdir()
        path, world, fuse = folder / "reader.key", World(1, key_file=None), Fuse(at)
        world.readers[1] = SimulatedReader(1, None, world.entropy, installing=True)
        panel(world, path)
        world.run(200)
        worked(world, path, fuse, pairing=True)
        if reader_too:
            world.readers[1].reboot()
        panel(world, path)
        world.run(3_000)
        if world.readers[1].key is None:
            again += 1
            assert world.bus._links[0].state.value != "online"
            worked(world, path, Fuse(0), pairing=True)
        see_to(world, path)
        assert world.bus._links[0].state.value == "online", at
        assert bytes.fromhex(path.read_text()) == world.readers[1].key == NEW
        assert not next_file(path).exists()
        if fuse.steps < at:
            break
    assert again > 5
    assert at > 30


def test_what_lies_beside_a_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "reader.key"
    assert successor_of(path) is None
    assert begin(path, drawn) == NEW
    assert stat.S_IMODE(next_file(path).stat().st_mode) == 0o600
    assert begin(path, bytes) == NEW, "what the reader may have is gone on with"
    assert successor_of(path) == NEW
    settle(path, successor=True)
    assert bytes.fromhex(path.read_text()) == NEW
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    settle(path, successor=False)
    assert path.exists(), "nothing lay beside it"


@pytest.mark.parametrize("content", [b"", b"\xff", b"00", b"zz" * 16])
def test_a_damaged_key_beside_is_neither_used_nor_written_over(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "reader.key"
    secret_file.write_new_secret(next_file(path), content)
    assert successor_of(path) is None
    with pytest.raises(DeviceKeyError, match="may have the key"):
        begin(path, drawn)
    assert next_file(path).read_bytes() == content


def test_a_key_that_cannot_be_written_is_not_given(tmp_path: Path) -> None:
    with pytest.raises(DeviceKeyError, match="cannot be written") as refused:
        begin(tmp_path / "no-such-folder" / "reader.key", drawn)
    assert "folder" in refused.value.remedy


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "reader.key"
    begin(path, drawn)
    next_file(path).chmod(0o644)
    assert successor_of(path) is None


def test_what_is_known_of_a_device_is_kept_whole(tmp_path: Path) -> None:
    assert profile_of(tmp_path, "gate") is None
    keep_profile(tmp_path, "gate", "one")
    keep_profile(tmp_path, "gate", "another")
    assert profile_of(tmp_path, "gate") == "another"
    assert profile_of(tmp_path, "door") is None
