"""Orders signed by ssh-keygen and by security keys: what counts, and what looks like it."""

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestedCredentialData,
    PublicKeyCredentialRpEntity,
    UserVerificationRequirement,
)

from edge import sign_counts
from edge.fido2_assertions import challenge, fido2_key, from_webauthn, packed
from edge.orders import (
    AnyOrder,
    LiftOrder,
    LockdownOrder,
    stamped,
    unsigned,
)
from edge.sign_counts import CopiedKeyError, SignCounts
from edge.signatures import (
    EnvelopeError,
    PublicKeyError,
    SignersError,
    TrustedKey,
    Use,
    Verified,
    sign,
    verify,
    with_signature,
)
from edge.signed_orders import (
    ForgedError,
    SignCount,
    SignedOrder,
    order_of,
    with_assertion,
    with_ssh_signature,
)
from edge.ssh_signatures import namespace, ssh_public_key
from tests.edge.authenticator import ATTESTED, EXTENDED, PRESENT, VERIFIED
from tests.edge.ordered import (
    ANNA,
    BEN,
    KEYS,
    LATER_S,
    SITE,
    SOME_ID,
    SshKey,
    asserted,
    head,
    message_of,
    security_key,
    signed,
)

LOCKDOWN = stamped(LockdownOrder, head())()


# --- ssh-keygen ---------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [(), ("-O", "hashalg=sha256")], ids=["sha512", "sha256"])
def test_an_order_signed_by_ssh_keygen(tmp_path: Path, more: tuple[str, ...]) -> None:
    ssh = SshKey(tmp_path)
    trusted = ssh.trusted()
    order = stamped(LockdownOrder, head(trusted))()
    envelope = unsigned(order)
    armour = ssh.signs(message_of(envelope), namespace(SITE), *more)
    both, whose = with_ssh_signature(signed_by_ben(envelope), armour, (*KEYS, trusted), SITE)
    assert whose is trusted
    found = order_of(both, (*KEYS, trusted), SITE)
    assert found.signed.people == ("Anna", "Ben")
    assert trusted.id in found.signed.keys


def signed_by_ben(envelope: bytes) -> bytes:
    from edge.signatures import signed_too

    return signed_too(envelope, BEN)


def test_ssh_and_other_keys_of_one_person_are_one_person(tmp_path: Path) -> None:
    ssh = SshKey(tmp_path)
    device, stick = security_key()
    keys = (*KEYS, ssh.trusted(), stick)
    envelope = signed(LOCKDOWN, ANNA)
    armour = ssh.signs(message_of(envelope), namespace(SITE))
    envelope, _ = with_ssh_signature(envelope, armour, keys, SITE)
    envelope, _ = with_assertion(envelope, asserted(device, envelope), keys, SITE)
    found = order_of(envelope, keys, SITE)
    assert (found.signed.people, len(found.signed.keys)) == (("Anna",), 3)


def test_what_ssh_keygen_signed_for_something_else_is_no_order(tmp_path: Path) -> None:
    ssh, other = SshKey(tmp_path), SshKey(tmp_path, "other")
    trusted = ssh.trusted()
    envelope = unsigned(stamped(LockdownOrder, head(trusted))())
    message = message_of(envelope)
    assert namespace(SITE) == "sentrypost-order@house"
    wrong = [
        ssh.signs(message, "sentrypost-order@chancery"),
        ssh.signs(message, "git"),
        ssh.signs(message + b" ", namespace(SITE)),
        other.signs(message, namespace(SITE)),
    ]
    for armour in wrong:
        with pytest.raises(ForgedError):
            with_ssh_signature(envelope, armour, (trusted,), SITE)
        blob = base64.b64decode(b"".join(armour.split(b"\n")[1:-2]))
        with pytest.raises(ForgedError, match="ssh-keygen"):
            order_of(with_signature(envelope, trusted.id, blob), (trusted,), SITE)
    good = ssh.signs(message, namespace(SITE))
    for text in (b"", good[:-5], good.replace(b"U", b"?"), b"A" * 5000, message):
        with pytest.raises(EnvelopeError):
            with_ssh_signature(envelope, text, (trusted,), SITE)


def test_every_bit_of_an_ssh_signature_counts(tmp_path: Path) -> None:
    ssh = SshKey(tmp_path)
    trusted = ssh.trusted()
    envelope = unsigned(stamped(LockdownOrder, head(trusted))())
    armour = ssh.signs(message_of(envelope), namespace(SITE))
    blob = base64.b64decode(b"".join(armour.split(b"\n")[1:-2]))
    for place in range(len(blob)):
        turned = bytearray(blob)
        turned[place] ^= 1 << place % 8
        with pytest.raises(ForgedError):
            order_of(with_signature(envelope, trusted.id, bytes(turned)), (trusted,), SITE)


def test_a_key_signs_in_its_own_way_alone(tmp_path: Path) -> None:
    """An SSH key's Ed25519 signature without its namespace is none, and the other way round."""
    ssh = SshKey(tmp_path)
    trusted = ssh.trusted()
    plain = TrustedKey("plain", "Anna", trusted.public, trusted.may)
    envelope = unsigned(stamped(LockdownOrder, head(trusted))())
    armour = ssh.signs(message_of(envelope), namespace(SITE))
    in_ssh, _ = with_ssh_signature(envelope, armour, (trusted,), SITE)
    with pytest.raises(ForgedError):
        order_of(in_ssh, (plain,), SITE)
    as_ssh = TrustedKey("ssh", "Anna", ANNA.public, trusted.may, kind=trusted.kind)
    with pytest.raises(ForgedError):
        order_of(signed(LOCKDOWN, ANNA), (as_ssh,), SITE)


def test_other_files_are_not_judged_by_keys_that_sign_orders(tmp_path: Path) -> None:
    _, stick = security_key()
    everything = frozenset(Use)
    keys = [one._replace(may=everything) for one in (SshKey(tmp_path).trusted(), stick)]
    for keyid in ("", stick.id):
        data = sign(b"{}", "t", [ANNA]).replace(ANNA.id.encode(), keyid.encode())
        with pytest.raises(SignersError):
            verify(data, keys, "t", Use.PEOPLE)


def test_only_ed25519_keys_of_openssh_are_taken(tmp_path: Path) -> None:
    assert ssh_public_key(SshKey(tmp_path).line)
    zeros = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(32)).decode()
    for line in (
        SshKey(tmp_path, "ecdsa", "ecdsa").line,
        "ssh-ed25519",
        "ssh-ed25519 ????",
        "ssh-ed25519 " + base64.b64encode(bytes(51)).decode(),
        f"ssh-ed25519 {zeros}",
        "ssh-ed25519 "
        + base64.b64encode(b"\0\0\0\x0bssh-ed25518\0\0\0\x20" + ANNA.public).decode(),
        "ssh-ed25519 " + base64.b64encode(b"x" + ANNA.public).decode(),
    ):
        with pytest.raises(PublicKeyError):
            ssh_public_key(line)


# --- security keys ------------------------------------------------------------------------------


@pytest.mark.parametrize("eddsa", [False, True], ids=["es256", "eddsa"])
def test_an_order_signed_by_a_security_key(eddsa: bool) -> None:
    device, stick = security_key(eddsa=eddsa, count=41)
    envelope = unsigned(stamped(LockdownOrder, head(stick))())
    both, whose = with_assertion(envelope, asserted(device, envelope), (stick,), SITE)
    assert whose is stick
    found = order_of(both, (stick,), SITE)
    assert found.signed.people == ("Anna",)
    assert found.counts == (SignCount(stick.id, 42),)
    on_a_port = asserted(device, envelope, origin="https://sentrypost.house:8443")
    assert with_assertion(envelope, on_a_port, (stick,), SITE)


@pytest.mark.parametrize("eddsa", [False, True], ids=["es256", "eddsa"])
def test_the_simulated_key_says_what_a_server_of_webauthn_takes(eddsa: bool) -> None:
    """Judged by the library's server, so that key and verifier do not agree on something else."""
    device, stick = security_key(eddsa=eddsa)
    message = message_of(unsigned(stamped(LockdownOrder, head(stick))()))
    rp = PublicKeyCredentialRpEntity(id=device.rp, name="house")
    credential = AttestedCredentialData(device.attested)
    server = Fido2Server(rp)
    _, state = server.authenticate_begin(
        [credential], UserVerificationRequirement.REQUIRED, challenge(message)
    )
    response = json.loads(device.response(challenge(message)))
    found = server.authenticate_complete(state, [credential], response)
    assert found.credential_id == stick.credential


@pytest.mark.parametrize("eddsa", [False, True], ids=["es256", "eddsa"])
def test_an_assertion_that_was_made_for_something_else_is_refused(eddsa: bool) -> None:
    device, stick = security_key(eddsa=eddsa)
    envelope = unsigned(stamped(LockdownOrder, head(stick))())
    right = challenge(message_of(envelope))

    def refused(signature: bytes, why: str) -> None:
        with pytest.raises(ForgedError, match=why):
            order_of(with_signature(envelope, stick.id, signature), (stick,), SITE)
        with pytest.raises(ForgedError):
            with_assertion(envelope, signature, (stick,), SITE)

    other = unsigned(stamped(LockdownOrder, head(stick, number=8))())
    refused(asserted(device, other), "another order")
    refused(asserted(device, envelope, type="webauthn.create"), "no assertion")
    refused(asserted(device, envelope, origin="https://sentrypost.house.evil.example"), "page")
    refused(asserted(device, envelope, origin="http://sentrypost.house"), "page")
    refused(asserted(device, envelope, crossOrigin=True), "page")
    client = device.client_data(right)
    for flags in (0, PRESENT, VERIFIED):
        data, signature = device.assertion(client, flags=flags)
        refused(packed(data, client, signature), "has not verified its user")
    data, signature = device.assertion(client, flags=PRESENT | VERIFIED | EXTENDED, more=b"\xa0")
    refused(packed(data, client, signature), "no assertion")
    data, signature = device.assertion(client, flags=PRESENT | VERIFIED | ATTESTED)
    refused(packed(data, client, signature), "no assertion")
    data, signature = device.assertion(client)
    refused(packed(data, client + b" ", signature), "fits neither")
    refused(packed(data, client, signature[:-1]), "fits neither")
    refused(packed(data[:36] + bytes([data[36] ^ 1]), client, signature), "fits neither")
    refused(b"{}", "no assertion")
    refused(b"[" * 500, "no assertion")
    device.rp = "sentrypost.chancery"
    data, signature = device.assertion(client)
    refused(packed(data, client, signature), "another site")


def test_another_key_of_the_same_maker_is_another_key() -> None:
    device, stick = security_key()
    _, second = security_key("second", "Ben")
    envelope = unsigned(stamped(LockdownOrder, head(second))())
    with pytest.raises(ForgedError, match="neither"):
        order_of(
            with_signature(envelope, second.id, asserted(device, envelope)), (stick, second), SITE
        )


def counted(order: AnyOrder, stick: TrustedKey, count: int, number: int) -> SignedOrder:
    """That order as `order_of` gives it, with another id for each number."""
    people = Verified(b"", ("Anna",), (stick.id,))
    return SignedOrder(order, f"{number:064x}", people, False, (SignCount(stick.id, count),))


def kept(counts: SignCounts, signed: SignedOrder) -> None:
    if counts.remember(signed):
        counts.write()
    assert not counts.remember(signed)


def test_two_orders_with_one_count_tell_of_a_copied_key(tmp_path: Path) -> None:
    _, stick = security_key()
    lift = stamped(LiftOrder, head(stick))(ends=(SOME_ID,), accept_until_s=LATER_S)
    counts = SignCounts(tmp_path)
    for count, number in ((7, 1), (5, 2), (0, 3), (0, 4)):
        counts.judge(counted(lift, stick, count, number))
        kept(counts, counted(lift, stick, count, number))
    for again in (counts, SignCounts(tmp_path)):
        again.judge(counted(lift, stick, 7, 1))
        again.judge(counted(lift, stick, 6, 9))
        with pytest.raises(CopiedKeyError, match=stick.id):
            again.judge(counted(lift, stick, 5, 1))
        again.judge(counted(LOCKDOWN, stick, 5, 1))
    assert (tmp_path / sign_counts.FILE).stat().st_mode & 0o777 == 0o600


def test_so_many_counts_are_kept_of_each_key(tmp_path: Path) -> None:
    _, stick = security_key()
    _, other = security_key()
    counts = SignCounts(tmp_path)
    lift = stamped(LiftOrder, head(stick))(ends=(SOME_ID,), accept_until_s=LATER_S)
    kept(counts, counted(lift, other, 1, 1))
    for count in range(1, sign_counts.KEPT + 2):
        kept(counts, counted(lift, stick, count, count))
    counts.judge(counted(lift, stick, 1, 999))
    for whose, count in ((stick, 2), (other, 1)):
        with pytest.raises(CopiedKeyError):
            counts.judge(counted(lift, whose, count, 999))


@pytest.mark.parametrize("content", [b"", b"{}]", b'{"schema":2}', b'{"seen":[1]}', b"\xff"])
def test_counts_that_cannot_be_read_begin_anew(tmp_path: Path, content: bytes) -> None:
    _, stick = security_key()
    path = tmp_path / sign_counts.FILE
    path.touch(0o600)
    path.write_bytes(content)
    counts = SignCounts(tmp_path)
    kept(counts, counted(LOCKDOWN, stick, 1, 1))
    lift = stamped(LiftOrder, head(stick))(ends=(SOME_ID,), accept_until_s=LATER_S)
    with pytest.raises(CopiedKeyError):
        SignCounts(tmp_path).judge(counted(lift, stick, 1, 2))
    path.unlink()
    path.mkdir()
    kept(SignCounts(tmp_path), counted(LOCKDOWN, stick, 1, 1))


def test_what_is_no_credential_is_refused_with_the_site_file() -> None:
    device, stick = security_key()
    good = device.attested
    assert fido2_key(base64.b64encode(good).decode()).credential == device.credential
    start = good[: -len(device.cose())]
    numbers = ec.generate_private_key(ec.SECP384R1()).public_key().public_numbers()
    x, y = (number.to_bytes(48, "big") for number in (numbers.x, numbers.y))
    es384 = bytes.fromhex("a50102033822200221 5830") + x + bytes.fromhex("225830") + y
    confused = good.replace(bytes.fromhex("a501020326"), bytes.fromhex("a501020327"))
    off_curve = good[:-1] + bytes([good[-1] ^ 1])
    anybodys = security_key(eddsa=True)[0].attested[:-32] + bytes(32)
    for data in (
        b"",
        good[:-1],
        good + b"\0",
        bytes(200),
        start + es384,
        confused,
        off_curve,
        anybodys,
    ):
        with pytest.raises(PublicKeyError):
            fido2_key(base64.b64encode(data).decode())
    for text in ("?", "A" * 5000):
        with pytest.raises(PublicKeyError):
            fido2_key(text)
    with pytest.raises(EnvelopeError):
        from_webauthn(b"{}")
    assert stick.credential == device.credential
