"""A watched line: everything is seen, and nothing that opens a door."""

import pytest

from drivers.api import Hold, Priority, Pulse, Spoken
from drivers.osdp import messages as osdp
from drivers.osdp.frame import Block, Frame, encode
from drivers.osdp.spoken import CHANGED, HIDDEN, said, was_heard
from simulators.osdp_reader import SimulatedReader
from tests.drivers.osdp.world import World, key_of

CARD = b"\x9a\xbc\xde\x4f\x17\x40"
PIN = "4711"


def watched(*, seed: int = 1) -> tuple[World, list[Spoken]]:
    world = World(1, seed=seed)
    seen: list[Spoken] = []
    world.bus.tap = seen.append
    return world, seen


def a_day(world: World) -> None:
    """A handshake, a card, a PIN, commands, a card that is forged and one in clear."""
    world.run(200)
    world.readers[1].present_card(43, CARD[:5] + b"\x40")
    world.readers[1].press_keys(PIN)
    world.submit(Pulse(0, 300))
    world.run(300)
    world.inject(in_clear(osdp.RawCard(0, 0, 43, CARD), 1))
    world.run(300)
    world.readers[1].reboot()
    world.run(1_000)


def in_clear(message: osdp.Message, sequence: int) -> bytes:
    code, data = osdp.encode(message)
    return encode(Frame(address=1, is_reply=True, sequence=sequence, code=code, data=data))


def test_a_session_is_seen_message_by_message() -> None:
    world, seen = watched()
    a_day(world)
    said = [spoken.text.partition(",")[0] for spoken in seen]
    assert said[:8] == ["ID", "PDID", "CAP", "PDCAP", "CHLNG", "CCRYPT", "SCRYPT", "RMAC_I"]
    assert {"RAW", "KEYPAD", "OUT", "OSTATR", "ISTATR", "NAK"} <= set(said)
    texts = [spoken.text for spoken in seen]
    assert any("RAW" in text and "bits 43" in text and "data hidden" in text for text in texts)
    assert any("KEYPAD" in text and "count 4" in text and "keys hidden" in text for text in texts)
    assert any("OUT" in text and "control 5, timer 3" in text for text in texts)
    assert any("NAK" in text and "security required" in text for text in texts)
    assert [spoken.at_ns for spoken in seen] == sorted(spoken.at_ns for spoken in seen)
    assert {spoken.device for spoken in seen} == {"r1"}
    assert all(spoken.outgoing == (spoken.frame[1] < 0x80) for spoken in seen if spoken.frame)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_badge_pin_key_nor_proof_is_seen(seed: int) -> None:
    world, seen = watched(seed=seed)
    drawn: list[bytes] = []
    own, reader = world.entropy, world.readers[1]._entropy

    def remember(draw: object, size: int) -> bytes:
        drawn.append(draw(size))  # type: ignore[operator]
        return drawn[-1]

    world.entropy = lambda size: remember(own, size)
    world.readers[1]._entropy = lambda size: remember(reader, size)
    wire: list[bytes] = []
    world.to_reader = lambda data: wire.append(data) or data  # type: ignore[func-returns-value]
    world.to_panel = lambda data: wire.append(data) or data  # type: ignore[func-returns-value]
    a_day(world)
    shown = b"|".join(spoken.frame for spoken in seen)
    text = " ".join(spoken.text for spoken in seen)
    nonces = [nonce for nonce in drawn if len(nonce) == 8]
    assert len(nonces) >= 4
    for secret in (CARD[:5], PIN.encode(), key_of(1), *nonces):
        assert not pieces(secret) & pieces(shown)
        assert secret.hex() not in text
    assert PIN not in text
    sealed = [data for data in wire if data[5] & 8 and data[7] >= Block.READER_CRYPTOGRAM]
    assert len(sealed) > 20
    for data in sealed:
        body = data[6 + data[6] + 1 : -2]
        if data[7] != Block.READER_CRYPTOGRAM:  # it begins with the reader's number
            assert body not in shown, "neither what was encrypted nor a MAC nor a proof"


def pieces(data: bytes) -> set[bytes]:
    """Every three bytes in a row: a piece of a card is a card to who can guess the rest."""
    return {data[at : at + 3] for at in range(len(data) - 2)}


def test_what_was_encrypted_is_seen_in_clear_with_its_secret_bytes_hidden() -> None:
    world, seen = watched()
    world.online()
    seen.clear()
    world.readers[1].present_card(26, b"\x12\x34\x56\x40")
    world.run(100)
    card = next(spoken.frame for spoken in seen if spoken.text.startswith("RAW"))
    assert card[:2] == b"\x53\x81"
    assert int.from_bytes(card[2:4], "little") == len(card)
    assert card[4] & (CHANGED | 0x08) == CHANGED | 0x08
    assert card[5:] == b"\x02\x18\x50" + b"\x00\x00\x1a\x00" + HIDDEN * 4


def test_what_hides_nothing_is_seen_as_it_is_on_the_line() -> None:
    world, seen = watched()
    world.run(20)
    assert seen[0].frame == world.sent[0][1][1:]
    assert seen[1].frame == world.heard[0][1:]
    world.run(500)
    world.readers[1].reboot()
    seen.clear()
    world.run(1_000)
    identity = next(spoken.frame for spoken in seen if spoken.text.startswith("PDID"))
    assert identity == next(data for data in reversed(world.heard) if data[6] == 0x45)[1:]


def test_a_card_in_clear_is_hidden_too() -> None:
    world, seen = watched()
    world.readers[1] = SimulatedReader(1, None, world.entropy)
    world.run(20)
    world.inject(in_clear(osdp.RawCard(0, 0, 43, CARD), 0))
    world.inject(in_clear(osdp.Nak(6, CARD), 1))
    world.run(2_000)
    shown = b"|".join(spoken.frame for spoken in seen)
    assert not pieces(CARD) & pieces(shown)
    assert any(spoken.text.startswith("RAW") and "not believed" in spoken.text for spoken in seen)


@pytest.mark.parametrize("block", [None, 0x12, 0x16, 0x18])
def test_no_reply_shows_more_than_is_listed(block: int | None) -> None:
    """Whatever a reader may say, what stands where a card, keys or a text would is hidden."""
    secret = bytes(range(0x90, 0xB0))
    mac = b"\xe1\xe2\xe3\xe4" if block in (0x16, 0x18) else b""
    shows_all = []
    for code in range(256):
        frame = Frame(
            address=1, is_reply=True, sequence=1, code=code, data=secret, block=block, mac=mac
        )
        seen = was_heard("r1", frame, None, 0, believed=False)
        assert mac not in seen.frame or not mac
        if pieces(secret[12:]) & pieces(seen.frame) or secret[12:].hex() in seen.text:
            shows_all.append(code)
    states_and_capabilities = [0x46, 0x49, 0x4A, 0x4B]
    assert shows_all == ([] if block == 0x18 else states_and_capabilities)


def test_no_command_shows_a_key_a_text_or_a_file() -> None:
    """As above, for what the panel says: all of a command is shown where all of it is harmless."""
    secret = bytes(range(0x90, 0xB0))
    shows_all = []
    for code in range(256):
        frame = Frame(address=1, is_reply=False, sequence=1, code=code, data=secret)
        seen = was_heard("r1", frame, None, 0, believed=True)
        if pieces(secret[12:]) & pieces(seen.frame) or secret[12:].hex() in seen.text:
            shows_all.append(code)
    outputs_lights_sounders = [0x68, 0x69, 0x6A]
    assert shows_all == outputs_lights_sounders


def test_a_new_key_and_a_text_are_hidden() -> None:
    for message in (osdp.KeySet(1, 16, key_of(7)), osdp.Text(0, 1, 0, 1, 1, 6, b"Amira!")):
        code, data = osdp.encode(message)
        raw = encode(Frame(address=1, is_reply=False, sequence=1, code=code, data=data))
        seen = said("r1", raw, message, 0)
        assert "hidden" in seen.text
        assert not (pieces(key_of(7)) | pieces(b"Amira!")) & pieces(seen.frame)


def test_lines_for_people() -> None:
    world, seen = watched()
    a_day(world)
    assert seen[0].text == "ID, sequence 0, in clear, kind 0"
    card = next(spoken.text for spoken in seen if "RAW" in spoken.text)
    assert card.endswith("SCS_18, reader 0, format 0, bits 43, data hidden")


def test_silence_and_noise_are_seen() -> None:
    world, seen = watched()
    world.online()
    seen.clear()
    world.to_panel = lambda data: b""
    world.run(260)
    world.to_panel = lambda data: data[:-1] + bytes([data[-1] ^ 1])
    world.run(400)
    texts = [spoken.text for spoken in seen]
    assert "no answer" in texts
    assert "a damaged reply" in texts
    assert all(spoken.frame == b"" for spoken in seen if spoken.text == "a damaged reply")


def test_watching_changes_nothing() -> None:
    world, seen = watched()
    a_day(world)
    unwatched = World(1)
    a_day(unwatched)
    assert seen
    assert unwatched.sent == world.sent
    assert unwatched.facts == world.facts
    seen.clear()
    world.bus.tap = None
    world.submit(Hold(0, False), priority=Priority.SECURE, within_ms=None)
    world.run(500)
    assert not seen
