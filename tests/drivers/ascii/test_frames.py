"""Frames of EM4100 modules and lines of scanners: published frames, every cut, every changed byte.

Sources of the frames:
- ID-12LA data sheet (ID-Innovations, 2013): 0C000621A5 with the checksum 8E
- public tests of an ID-12LA library ("id12la_rx_multi"): 05AAE062B4 with 99
- public tests of python-rdm6300 (MIT): 67003B51C6 with CB, 67003BA86C with 98, 67003BA867 with 93
- listened to on forums, of RDM6300: 010063E9AE with 25, 100086F444 with 26, printed as 0008844356
"""

import os
import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import CODE_CHARACTERS_MAX
from drivers.ascii_serial.frames import (
    BROKEN,
    CHECKSUM,
    ETX,
    ID12_TAIL,
    NO_END,
    RDM6300_TAIL,
    STRANGE,
    TOO_LONG,
    CodeDecoder,
    Decoder,
    Heard,
    Noise,
    Shown,
    Spoilt,
    TagDecoder,
)
from simulators.ascii_reader import id12_frame, rdm6300_frame
from tests.drivers.ascii.fuzzing import SUBJECTS, fuzz

PUBLISHED = {
    "0C000621A5": "8E",
    "05AAE062B4": "99",
    "67003B51C6": "CB",
    "67003BA86C": "98",
    "67003BA867": "93",
    "010063E9AE": "25",
    "100086F444": "26",
}
MODULES: dict[str, tuple[bytes, Callable[[bytes], bytes]]] = {
    "rdm6300": (RDM6300_TAIL, rdm6300_frame),
    "id12": (ID12_TAIL, id12_frame),
}
BADGE = bytes.fromhex("0C000621A5")
SEEDS = (1, int(os.environ["SENTRYPOST_SEED"]))


def told(decoder: Decoder, *pieces: bytes) -> list[Heard]:
    """What is not noise; the noise depends on how it was cut."""
    found = [heard for piece in pieces for heard in decoder.feed(piece)]
    return [heard for heard in found if not isinstance(heard, Noise)]


def badges(heard: Sequence[Heard]) -> list[str]:
    return [one.value.hex().upper() for one in heard if isinstance(one, Shown)]


def reasons(heard: Sequence[Heard]) -> list[str]:
    return [one.reason for one in heard if isinstance(one, Spoilt)]


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("badge", PUBLISHED)
def test_published_frames(badge: str, module: str) -> None:
    tail, encode = MODULES[module]
    frame = b"\x02" + (badge + PUBLISHED[badge]).encode() + tail
    assert badges(told(TagDecoder(tail), frame)) == [badge]
    assert badges(told(TagDecoder(tail), frame.lower())) == [badge], "some modules write them small"
    assert encode(bytes.fromhex(badge)) == frame, "the simulator says the same"


def test_the_number_on_the_badge_is_that_of_the_last_four_bytes() -> None:
    [badge] = badges(told(TagDecoder(RDM6300_TAIL), b"\x02100086F44426\x03"))
    assert f"{int(badge[2:], 16):010}" == "0008844356"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x0205AAE062B444\x03", CHECKSUM),  # the first three are of the same public tests
        (b"\x0205AAE072B499\x03", CHECKSUM),
        (b"\x0205AAE062B44\x03", BROKEN),
        (b"\x0205AAE0 2B499\x03", BROKEN),
        (b"\x0205AAE062\x02", BROKEN),  # a start in the middle
        (b"\x0205AAE062B499\r\n\x03", BROKEN),  # the other module's
        (b"\x0205AAE062B4990\x03", BROKEN),
        (b"\x02x5AAE062B499\x03", BROKEN),
        (b"\x02 5AAE062B499\x03", BROKEN),
    ],
)
def test_what_is_no_badge(data: bytes, reason: str) -> None:
    decoder = TagDecoder(RDM6300_TAIL)
    heard = told(decoder, data, rdm6300_frame(BADGE))
    assert badges(heard) == [BADGE.hex().upper()], "the next one is read"
    assert reasons(heard) == [reason]


@pytest.mark.parametrize(
    "data", [b"", b"garbage\r\n\x03", b"\x02\x03", b"\x02\x02\x02", b"\x020C00\x03", bytes(5000)]
)
def test_what_nobody_has_shown(data: bytes) -> None:
    for tail, encode in MODULES.values():
        heard = told(TagDecoder(tail), data, encode(BADGE))
        assert badges(heard) == [BADGE.hex().upper()]
        assert reasons(heard) == []


def test_a_frame_that_does_not_go_on_is_cut() -> None:
    decoder = TagDecoder(RDM6300_TAIL)
    assert decoder.feed(b"\x020C000621") == []
    assert decoder.is_open
    assert reasons(decoder.cut()) == [BROKEN]
    assert not decoder.is_open
    assert told(decoder, b"A58E\x03") == [], "and never goes on"
    assert decoder.cut() == []


def stream(source: random.Random, encode: Callable[[bytes], bytes]) -> tuple[bytes, list[str]]:
    """Frames, with noise before and behind each that no frame begins in."""
    data, shown = b"", []
    for _ in range(source.randrange(1, 8)):
        noise = bytes(source.choice(b"\x00\x03\r\n09AFaf\x7f\xff") for _ in range(8))
        badge = source.randbytes(5)
        data += noise[: source.randrange(8)] + encode(badge)
        shown.append(badge.hex().upper())
    return data, shown


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("seed", SEEDS)
def test_any_cut_gives_the_same_badges(seed: int, module: str) -> None:
    tail, encode = MODULES[module]
    source = random.Random(seed)
    for _ in range(50):
        data, shown = stream(source, encode)
        heard = told(TagDecoder(tail), data)
        assert badges(heard) == shown
        assert told(TagDecoder(tail), *(data[at : at + 1] for at in range(len(data)))) == heard
        cuts = sorted(source.choices(range(len(data) + 1), k=5))
        pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
        assert told(TagDecoder(tail), *pieces) == heard


@pytest.mark.parametrize("module", MODULES)
def test_no_changed_byte_makes_another_badge(module: str) -> None:
    """Every byte of a frame, to every other value, between two whole ones of the same badge."""
    tail, encode = MODULES[module]
    whole = encode(BADGE)
    mine = BADGE.hex().upper()
    for at in range(len(whole)):
        for value in set(range(256)) - {whole[at]}:
            changed = whole[:at] + bytes([value]) + whole[at + 1 :]
            decoder = TagDecoder(tail)
            heard = told(decoder, whole, changed, whole) + decoder.cut()
            assert set(badges(heard)) == {mine}
            assert badges(heard)[0] == badges(heard)[-1] == mine
            unharmed = changed.lower() == whole.lower()
            assert len(badges(heard)) == (3 if unharmed else 2)
            # Without its start, or ended early, nothing is left that noise could not be.
            quiet = unharmed or at == 0 or (value == ord(ETX) and at <= 6)
            assert len(reasons(heard)) == (0 if quiet else 1)


def test_what_the_checksum_cannot_see() -> None:
    """Said in docs/security.md: an XOR is the same whichever of two bytes a bit is wrong in."""
    decoder = TagDecoder(RDM6300_TAIL)
    assert badges(told(decoder, b"\x020D010621A58E\x03")) == ["0D010621A5"]
    assert badges(told(decoder, b"\x02000C0621A58E\x03")) == ["000C0621A5"]


@given(st.lists(st.binary(max_size=40)))
def test_nothing_that_arrives_grows_or_breaks_a_module(pieces: list[bytes]) -> None:
    for tail, _ in MODULES.values():
        decoder = TagDecoder(tail)
        for heard in told(decoder, *pieces):
            assert isinstance(heard, Spoilt | Shown)
        assert len(decoder._frame) <= 16
        decoder.cut()
        assert badges(told(decoder, b"\x03\x020C000621A58E" + tail)) == ["0C000621A5"]


# --- scanners ----------------------------------------------------------------------------------


def codes(heard: Sequence[Heard]) -> list[bytes]:
    return [one.value for one in heard if isinstance(one, Shown)]


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
@given(st.lists(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1)))
def test_lines_are_codes_however_they_end_and_arrive(end: bytes, texts: list[str]) -> None:
    data = b"".join(text.encode() + end for text in texts)
    whole = told(CodeDecoder(), data)
    assert codes(whole) == [text.encode() for text in texts]
    assert told(CodeDecoder(), *(data[at : at + 1] for at in range(len(data)))) == whole


def test_a_code_of_the_longest_length_and_one_beyond() -> None:
    for length, expected in ((CODE_CHARACTERS_MAX, 1), (CODE_CHARACTERS_MAX + 1, 0), (20_000, 0)):
        for size in (1, 7, 4096, length):
            decoder = CodeDecoder()
            text = b"Q" * length
            heard = told(decoder, *(text[at : at + size] for at in range(0, length, size)))
            assert heard == []
            assert len(decoder._line) <= CODE_CHARACTERS_MAX + 1
            heard = told(decoder, b"\r", b"\n", b"NEXT\r\n")
            assert codes(heard) == [text] * expected + [b"NEXT"], "dropped whole"
            assert reasons(heard) == [TOO_LONG] * (1 - expected)


@pytest.mark.parametrize(
    "line", [b"A\x00B", b"A\x1bB", b"A\x1d01", b"\x7fA", "Zürich".encode(), b"A\xff", b"A\tB"]
)
def test_what_is_not_printable_makes_the_code_none(line: bytes) -> None:
    heard = told(CodeDecoder(), line + b"\r\nNEXT\r\n")
    assert codes(heard) == [b"NEXT"]
    assert reasons(heard) == [STRANGE]


def test_a_code_without_an_end_says_what_to_do() -> None:
    decoder = CodeDecoder()
    assert decoder.feed(b"HALF") == []
    assert decoder.is_open
    assert reasons(decoder.cut()) == [NO_END]
    assert codes(told(decoder, b"A CODE\r")) == [b"A CODE"], "and is nobody's beginning"


def test_noise_on_a_scanner_is_nobodys_code() -> None:
    decoder = CodeDecoder()
    assert told(decoder, b"\xff\x00\r\n\r\r\n\n") == []
    decoder.feed(b"\x00")
    assert [type(heard) for heard in decoder.cut()] == [Noise]


@given(st.binary(max_size=60), st.sampled_from([CodeDecoder, lambda: TagDecoder(ID12_TAIL)]))
def test_no_badge_or_code_in_what_is_shown_of_the_line(
    noise: bytes, make: Callable[[], Decoder]
) -> None:
    for data in (noise + id12_frame(BADGE) + noise, noise + b"VISIT-1234\r\n" + noise):
        decoder = make()
        for heard in [*decoder.feed(data), *decoder.cut()]:
            assert set(heard.masked) <= set(b"\x02\x03\r\n*")
            assert "0621A5" not in repr(heard)
            assert "1234" not in repr(heard)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", SUBJECTS)
def test_spoilt_frames_are_what_somebody_else_says_they_are(name: str, seed: int) -> None:
    tally = fuzz(name, seed, 1_500)
    assert tally.frames == 1_500
    assert tally.shown > 300
    assert tally.read > 50
