"""Envelopes: the published vector, who counts as having signed, and everything that is refused."""

import base64
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from edge import signatures
from edge.key_files import KeyFileError
from edge.signatures import (
    ENVELOPE_BYTES_MAX,
    LOW_ORDER,
    SIGNATURES_MAX,
    EnvelopeError,
    PayloadTypeError,
    PublicKeyError,
    SignersError,
    SigningKey,
    TrustedKey,
    Use,
    pae,
    public_key,
    public_text,
    sign,
    verify,
)
from edge.signing_keys import load_signing_key, make_signing_key

KIND = "application/vnd.example.thing.v1+json"
PAYLOAD = b'{"thing":1}'


def signing(number: int) -> SigningKey:
    return SigningKey(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


def trusted(number: int, person: str = "", *may: Use) -> TrustedKey:
    uses = frozenset(may or Use)
    return TrustedKey(f"key-{number}", person or f"person-{number}", signing(number).public, uses)


ANNA, BEN = trusted(1, "anna"), trusted(2, "ben")


# --- the format -------------------------------------------------------------------------------


def test_the_example_that_dsse_publishes() -> None:
    """protocol.md, Test Vectors: our encoding is what its ECDSA signature was made over."""
    message = pae("http://example.com/HelloWorld", b"hello world")
    assert message == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    numbers = ec.EllipticCurvePublicNumbers(
        46950820868899156662930047687818585632848591499744589407958293238635476079160,
        5640078356564379163099075877009565129882514886557779369047442380624545832820,
        ec.SECP256R1(),
    )
    raw = base64.b64decode(
        "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="
    )
    halves = (int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    der = utils.encode_dss_signature(*halves)
    numbers.public_key().verify(der, message, ec.ECDSA(hashes.SHA256()))


def test_lengths_count_bytes_and_not_characters() -> None:
    assert pae("ü", "日本".encode()) == b"DSSEv1 2 \xc3\xbc 6 \xe6\x97\xa5\xe6\x9c\xac"


def test_an_envelope_is_the_json_of_the_standard() -> None:
    envelope = msgspec.json.decode(sign(PAYLOAD, KIND, [signing(1)]))
    assert set(envelope) == {"payload", "payloadType", "signatures"}
    assert base64.b64decode(envelope["payload"]) == PAYLOAD
    assert envelope["payloadType"] == KIND
    ((one),) = envelope["signatures"]
    assert set(one) == {"sig", "keyid"}
    Ed25519PublicKey.from_public_bytes(signing(1).public).verify(
        base64.b64decode(one["sig"]), pae(KIND, PAYLOAD)
    )


@given(payload=st.binary(max_size=300))
def test_what_was_signed_comes_back(payload: bytes) -> None:
    seen = verify(sign(payload, KIND, [signing(1)]), [ANNA], KIND, Use.PEOPLE)
    assert seen == (payload, ("anna",), (ANNA.id,))


def test_either_alphabet_of_base64_is_read() -> None:
    payload = bytes(range(256))
    data = sign(payload, KIND, [signing(1)])
    other = data.translate(bytes.maketrans(b"+", b"-")).replace(b"\\/", b"_")
    envelope = msgspec.json.decode(data)
    envelope["payload"] = base64.urlsafe_b64encode(payload).decode()
    sig = base64.b64decode(envelope["signatures"][0]["sig"])
    envelope["signatures"][0]["sig"] = base64.urlsafe_b64encode(sig).decode()
    other = msgspec.json.encode(envelope)
    assert other != data
    assert verify(other, [ANNA], KIND, Use.PEOPLE).payload == payload


# --- who signed -------------------------------------------------------------------------------


def test_two_people_are_two() -> None:
    data = sign(PAYLOAD, KIND, [signing(2), signing(1)])
    seen = verify(data, [ANNA, BEN], KIND, Use.POLICY, needs=2)
    assert seen.people == ("anna", "ben")


@pytest.mark.parametrize(
    "keys", [[1, 1], [1, 3], [1]], ids=["one key twice", "two keys of one person", "one key"]
)
def test_one_person_is_one_whatever_was_signed_with(keys: list[int]) -> None:
    data = sign(PAYLOAD, KIND, [signing(number) for number in keys])
    site = [ANNA, BEN, trusted(3, "anna")]
    with pytest.raises(SignersError, match=r"1 of 2 people have signed this \(anna\)"):
        verify(data, site, KIND, Use.POLICY, needs=2)
    assert verify(data, site, KIND, Use.POLICY).people == ("anna",)


def test_a_key_signs_only_what_it_may() -> None:
    data = sign(PAYLOAD, KIND, [signing(1), signing(2)])
    site = [trusted(1, "anna", Use.ORDER), trusted(2, "ben", Use.PEOPLE)]
    assert verify(data, site, KIND, Use.PEOPLE).people == ("ben",)
    with pytest.raises(SignersError, match=r"1 of 2 people .*\(ben\).* may not: key-1"):
        verify(data, site, KIND, Use.PEOPLE, needs=2)
    with pytest.raises(SignersError, match="nobody has signed this who may sign policy"):
        verify(data, site, KIND, Use.POLICY)


def test_a_strangers_signature_counts_for_nothing_and_spoils_nothing() -> None:
    data = sign(PAYLOAD, KIND, [signing(9), signing(1)])
    assert verify(data, [ANNA], KIND, Use.ORDER).people == ("anna",)
    with pytest.raises(SignersError, match=r"nobody has signed this who may sign order"):
        verify(data, [BEN], KIND, Use.ORDER)


def test_the_key_id_is_a_hint_and_no_proof() -> None:
    envelope = msgspec.json.decode(sign(PAYLOAD, KIND, [signing(9)]))
    envelope["signatures"][0]["keyid"] = ANNA.id
    with pytest.raises(SignersError):
        verify(msgspec.json.encode(envelope), [ANNA], KIND, Use.PEOPLE)
    envelope = msgspec.json.decode(sign(PAYLOAD, KIND, [signing(1)]))
    del envelope["signatures"][0]["keyid"]
    assert verify(msgspec.json.encode(envelope), [BEN, ANNA], KIND, Use.PEOPLE).people == ("anna",)


def test_nobody_can_sign_for_a_key_that_is_none() -> None:
    """Under the identity a signature of nothing fits everything: such a key is never trusted."""
    identity = b"\x01" + bytes(31)
    forged = identity + bytes(32)
    Ed25519PublicKey.from_public_bytes(identity).verify(forged, b"open all doors")
    for low in LOW_ORDER:
        for sign_bit in (0, 0x80):
            with pytest.raises(PublicKeyError, match="anybody could sign"):
                public_key(public_text(low[:-1] + bytes([low[-1] | sign_bit])))


# --- what is refused --------------------------------------------------------------------------


def test_another_type_is_refused_whoever_signed() -> None:
    data = sign(PAYLOAD, KIND, [signing(1)])
    with pytest.raises(PayloadTypeError, match=r"and not .application/vnd\.example\.other"):
        verify(data, [ANNA], "application/vnd.example.other", Use.PEOPLE)


def test_a_type_that_was_changed_afterwards_breaks_the_signature() -> None:
    data = sign(PAYLOAD, KIND, [signing(1)]).replace(b"thing.v1", b"thing.v2")
    with pytest.raises(SignersError):
        verify(data, [ANNA], KIND.replace("v1", "v2"), Use.PEOPLE)


def test_every_bit_counts() -> None:
    """One bit of the file turned, at every place: nothing else than what was signed comes out."""
    data = sign(PAYLOAD, KIND, [signing(1)])
    for place in range(len(data)):
        for bit in range(8):
            turned = bytearray(data)
            turned[place] ^= 1 << bit
            try:
                seen = verify(bytes(turned), [ANNA], KIND, Use.PEOPLE)
            except signatures.SignatureError:
                continue
            assert seen.payload == PAYLOAD, (place, bit)


def test_every_cut_is_refused() -> None:
    data = sign(PAYLOAD, KIND, [signing(1)])
    for length in range(len(data)):
        with pytest.raises(EnvelopeError, match="cut off"):
            verify(data[:length], [ANNA], KIND, Use.PEOPLE)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"payload":"AA","payloadType":"t","signatures":[]}',
        b'{"payload":"A A=","payloadType":"t","signatures":[]}',
        b'{"payload":"====","payloadType":"t","signatures":[]}',
        b'{"payload":"","payloadType":"t","signatures":[],"more":1}',
        b'{"payload":"","payloadType":"' + b"t" * 129 + b'","signatures":[]}',
        b'{"payload":"","payloadType":"t","signatures":['
        + b",".join([b'{"sig":""}'] * (SIGNATURES_MAX + 1))
        + b"]}",
        b" " * (ENVELOPE_BYTES_MAX + 1),
    ],
    ids=lambda data: data[:40].decode(errors="replace"),
)
def test_what_is_no_envelope_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(EnvelopeError) as refused:
        verify(data, [ANNA], "t", Use.PEOPLE)
    assert refused.value.remedy


@given(data=st.binary(max_size=200))
def test_noise_is_refused_with_a_typed_error(data: bytes) -> None:
    with pytest.raises(signatures.SignatureError):
        verify(data, [ANNA], KIND, Use.PEOPLE)


@pytest.mark.parametrize("text", ["", "AA==", "?", "A" * 43 + "é", "A" * 44])
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(PublicKeyError):
        public_key(text)


# --- key files --------------------------------------------------------------------------------


def no_passphrase() -> str:
    raise AssertionError("nothing was to be asked")


def test_a_key_file_is_for_its_owner_and_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "anna.key"
    made = make_signing_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_signing_key(path, no_passphrase).public == made.public
    before = path.read_bytes()
    with pytest.raises(KeyFileError, match="never written over"):
        make_signing_key(path)
    assert path.read_bytes() == before
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        load_signing_key(path, no_passphrase)


def test_a_passphrase_closes_the_key(tmp_path: Path) -> None:
    path = tmp_path / "anna.key"
    made = make_signing_key(path, b"correct horse")
    assert load_signing_key(path, lambda: "correct horse").public == made.public
    for wrong in ("", "battery"):
        with pytest.raises(KeyFileError, match="passphrase is wrong"):
            load_signing_key(path, lambda wrong=wrong: wrong)  # type: ignore[misc]


@pytest.mark.parametrize(
    "content", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_what_is_no_private_key_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "some.key"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(KeyFileError, match="not a private key"):
        load_signing_key(path, no_passphrase)
    with pytest.raises(KeyFileError, match="cannot be read"):
        load_signing_key(tmp_path / "none.key", no_passphrase)


def test_no_repr_shows_a_private_key() -> None:
    assert repr(signing(1)) == f"SigningKey(id='{ANNA.id}', …)"
