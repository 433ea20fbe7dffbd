"""What a badge is called, and the key under which it is."""

import hashlib
import hmac
import os
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.people import SiteKey, SiteKeyError, credential_ref, load_site_key
from tests.edge.people.support import KEY

BADGE = bytes.fromhex("bb032180")


def test_a_reference_is_the_hmac_of_tag_length_and_bits() -> None:
    message = b"sentrypost credential 1" + bytes([0, 0, 26]) + BADGE
    expected = hmac.new(bytes(range(32)), message, hashlib.sha256).hexdigest()
    assert credential_ref(KEY, 26, BADGE) == expected
    # Pinned: a reference that changes locks everybody out.
    assert expected == "e1a47d04a2899742fede1226516061219914159f2ca615ade985d1d3f52af3d6"


@given(st.integers(1, 200), st.data())
def test_unused_bits_do_not_count_and_every_used_one_does(bits: int, data: st.DataObject) -> None:
    size = (bits + 7) // 8
    raw = int.from_bytes(data.draw(st.binary(min_size=size, max_size=size)), "big")
    unused = size * 8 - bits
    noise = data.draw(st.integers(0, 2**unused - 1))
    ref = credential_ref(KEY, bits, raw.to_bytes(size, "big"))
    assert credential_ref(KEY, bits, (raw >> unused << unused | noise).to_bytes(size, "big")) == ref
    flipped = raw ^ 1 << unused + data.draw(st.integers(0, bits - 1))
    assert credential_ref(KEY, bits, flipped.to_bytes(size, "big")) != ref


def test_the_same_bytes_at_another_length_are_another_badge() -> None:
    assert credential_ref(KEY, 26, BADGE) != credential_ref(KEY, 25, BADGE)


def test_another_key_gives_another_reference() -> None:
    assert credential_ref(SiteKey(b"x" * 32), 26, BADGE) != credential_ref(KEY, 26, BADGE)


@pytest.mark.parametrize(("bits", "data"), [(0, b""), (26, bytes(3)), (26, bytes(5)), (1025, b"")])
def test_bits_and_bytes_must_agree(bits: int, data: bytes) -> None:
    with pytest.raises(ValueError, match="bits"):
        credential_ref(KEY, bits, data)


def test_a_key_shows_itself_nowhere() -> None:
    key = SiteKey(b"S3CRET" + b"." * 26)
    assert "S3CRET" not in repr(key) + str(key) + f"{[key]}"
    with pytest.raises(TypeError):
        pickle.dumps(key)


def key_file(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    path = folder / "site.key"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_key_comes_from_its_file(tmp_path: Path) -> None:
    loaded = load_site_key(key_file(tmp_path, bytes(range(32))))
    assert credential_ref(loaded, 26, BADGE) == credential_ref(KEY, 26, BADGE)


def test_a_missing_key_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(SiteKeyError, match=r"head -c 32 /dev/urandom > .*site\.key"):
        load_site_key(tmp_path / "site.key")


@pytest.mark.parametrize("size", [0, 31, 33, 65])
def test_a_key_of_another_length_is_refused(tmp_path: Path, size: int) -> None:
    with pytest.raises(SiteKeyError, match="exactly 32 random bytes"):
        load_site_key(key_file(tmp_path, b"k" * size))


def test_a_key_of_zeros_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SiteKeyError, match="exactly 32 random bytes"):
        load_site_key(key_file(tmp_path, bytes(32)))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610])
def test_a_key_that_others_can_touch_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(SiteKeyError, match="chmod 600"):
        load_site_key(key_file(tmp_path, bytes(range(32)), mode))


def test_a_pipe_in_the_keys_place_does_not_hold_up_the_start(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "site.key", 0o600)
    with pytest.raises(SiteKeyError, match="must be a file"):
        load_site_key(tmp_path / "site.key")
