"""Orders as files: every kind there and back, who has signed them, and what is refused."""

import base64
import hashlib
import json
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestedCredentialData,
    PublicKeyCredentialRpEntity,
    UserVerificationRequirement,
)
from msgspec.structs import replace

from controller.ids import HolderId
from controller.orders import BY_SOURCE, COUNTER_MAX, ENDS_MAX
from edge import sign_counts
from edge.fido2_assertions import challenge, fido2_key, from_webauthn, packed
from edge.order_core import core_order
from edge.orders import (
    DESPITE_MAX,
    NAMES_MAX,
    ORDER_BYTES_MAX,
    PAYLOAD_TYPE,
    REASON_CHARS_MAX,
    TIME_S_MAX,
    AnyOrder,
    DelegateOrder,
    IssuerError,
    LiftOrder,
    LockdownOrder,
    OrderError,
    OtherSiteError,
    OversizedError,
    PayloadError,
    SourceError,
    UnlockOrder,
    decoded,
    encoded,
    read_order,
    stamp,
    stamped,
    unsigned,
)
from edge.sign_counts import CopiedKeyError, SignCounts
from edge.signatures import (
    EnvelopeError,
    PayloadTypeError,
    PublicKeyError,
    SignatureError,
    SignersError,
    SigningKey,
    TrustedKey,
    Use,
    Verified,
    sign,
    verify,
    with_signature,
)
from edge.signed_orders import (
    SIGNATURES_MAX,
    ForgedError,
    SignCount,
    SignedOrder,
    TooManySignaturesError,
    UnknownKeyError,
    order_of,
    with_assertion,
    with_ssh_signature,
)
from edge.ssh_signatures import namespace, ssh_public_key
from policies.rights import OrderKind
from tests.edge.authenticator import ATTESTED, EXTENDED, PRESENT, VERIFIED
from tests.edge.ordered import (
    ANNA,
    ANNA_TOO,
    BEN,
    CARL,
    EDGE,
    KEYS,
    LATER_S,
    NOW_S,
    SITE,
    SOME_ID,
    STRANGER,
    SshKey,
    asserted,
    head,
    key,
    message_of,
    one_of_each,
    security_key,
    signed,
)

LOCKDOWN = stamped(LockdownOrder, head())()


def payload(**changes: object) -> bytes:
    """That of the lockdown, with fields changed; None takes one away."""
    fields = json.loads(encoded(LOCKDOWN)) | changes
    kept = {name: value for name, value in fields.items() if value is not None}
    return json.dumps(kept, separators=(",", ":"), ensure_ascii=False).encode()


def offered(data: bytes, *keys: SigningKey) -> bytes:
    return sign(data, PAYLOAD_TYPE, keys or (ANNA,))


# --- what is signed -----------------------------------------------------------------------------


@pytest.mark.parametrize("order", one_of_each(), ids=lambda order: order.kind.value)
def test_an_order_of_each_kind_is_read_as_it_was_made(order: AnyOrder) -> None:
    envelope = signed(order, ANNA, BEN)
    found = order_of(envelope, KEYS, SITE)
    assert found.order == order
    assert found.order.kind == json.loads(encoded(order))["order"]
    assert found.id == hashlib.sha256(encoded(order)).hexdigest()
    assert (found.signed.people, found.sourced) == (("Anna", "Ben"), False)
    assert found.signed.keys == tuple(sorted((ANNA.id, BEN.id)))
    assert found.counts == ()
    core = core_order(found, b" " + envelope + b"\n", HolderId("h" * 16))
    assert (core.id, core.kind, core.envelope) == (found.id, order.kind, envelope.decode())
    said = {name: getattr(order, name) for name in order.__struct_fields__}
    for name in {*said} - {"schema", "site", "nonce", "person"}:
        assert getattr(core, name) == said[name], name


def test_the_largest_order_with_two_security_keys_fits() -> None:
    names = tuple(f"{number:02}" + "x" * 62 for number in range(NAMES_MAX))
    at = head()._replace(reason="é" * REASON_CHARS_MAX, site="s" * 64, counter=COUNTER_MAX)
    until = {"accept_until_s": TIME_S_MAX, "until_s": TIME_S_MAX}
    ids = tuple(f"{number:064x}" for number in range(ENDS_MAX))
    widest = stamped(DelegateOrder, at)(
        role="r" * 64, person="p" * 64, kinds=tuple(OrderKind), zones=names, **until
    )
    longest = stamped(LiftOrder, at)(ends=ids, accept_until_s=TIME_S_MAX)
    opened = stamped(UnlockOrder, at)(portals=names, despite=ids[:DESPITE_MAX], **until)
    for order in (widest, longest, opened):
        envelope = unsigned(order)
        for number in range(2):
            envelope = with_signature(envelope, f"{number:032x}", bytes(450))
        assert len(envelope) <= ORDER_BYTES_MAX


def test_a_new_order_has_the_time_as_its_counter_and_chance_of_its_own() -> None:
    made = [
        stamp(SITE, ANNA.id, "r", now_ms=NOW_S * 1000 + 5, review_s=NOW_S, entropy=entropy)
        for entropy in (lambda count: b"\x07" * count, lambda count: b"\x08" * count)
    ]
    assert {one.counter for one in made} == {NOW_S * 1000 + 5}
    assert [one.nonce for one in made] == ["07" * 16, "08" * 16]


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": 2},
        {"schema": None},
        {"schema": 1.0},
        {"schema": True},
        {"order": "open-everything"},
        {"order": "consent"},
        {"order": "policy"},
        {"order": "release"},
        {"order": None},
        {"nonce": "0" * 31},
        {"nonce": "0" * 32 + "\n"},
        {"nonce": "A" * 32},
        {"issuer": ""},
        {"issuer": None},
        {"counter": 0},
        {"counter": -1},
        {"counter": COUNTER_MAX + 1},
        {"counter": 10**30},
        {"counter": "7"},
        {"counter": 7.0},
        {"review_s": None},
        {"review_s": -1},
        {"review_s": 2**40},
        {"reason": ""},
        {"reason": "r" * (REASON_CHARS_MAX + 1)},
        {"reason": None},
        {"zones": "hall"},
        {"zones": ["hall", "hall"]},
        {"zones": ["Hall"]},
        {"zones": ["hall\n"]},
        {"zones": [f"z{number}" for number in range(NAMES_MAX + 1)]},
        {"zones": []},
        {"cover": "half"},
        {"cover": "full"},
        {"drill": False},
        {"drill": 1, "until_s": LATER_S},
        {"until_s": LATER_S},
        {"moves": False},
        {"accept_until_s": LATER_S},
        {"level": 3},
        {"ends": [SOME_ID]},
        {"more": 1},
        {"order": "lift"},
        {"order": "lift", "ends": [], "accept_until_s": LATER_S},
        {"order": "lift", "ends": [SOME_ID]},
        {"order": "lift", "ends": [SOME_ID[1:]], "accept_until_s": LATER_S},
        {"order": "lift", "ends": [SOME_ID] * 2, "accept_until_s": LATER_S},
        {"order": "raise", "level": 0},
        {"order": "raise", "level": 6},
        {"order": "evacuate"},
        {"order": "hold", "portals": [], "accept_until_s": LATER_S, "until_s": LATER_S},
        {"order": "hold", "portals": ["front"], "accept_until_s": LATER_S},
    ],
    ids=str,
)
def test_what_is_no_order_is_refused_though_it_is_well_signed(changes: dict[str, object]) -> None:
    data = payload(**changes)
    assert data != encoded(LOCKDOWN)
    with pytest.raises(PayloadError) as refused:
        order_of(offered(data), KEYS, SITE)
    assert refused.value.remedy


@pytest.mark.parametrize(
    "data",
    [
        encoded(LOCKDOWN).replace(b',"site"', b', "site"'),
        encoded(LOCKDOWN).replace(b',"counter"', b',"counter":1,"counter"'),
        encoded(LOCKDOWN).replace(b'"a test"', b'"\\u0061 test"'),
        encoded(LOCKDOWN)[:-1] + b',"order":"lockdown"}',
        encoded(LOCKDOWN) + b"\n",
        encoded(LOCKDOWN)[:-1],
        b"",
        b"[" * 2000,
        b"\xff",
    ],
    ids=lambda data: data[-30:].decode(errors="replace"),
)
def test_of_an_order_there_is_one_spelling(data: bytes) -> None:
    with pytest.raises(PayloadError):
        order_of(offered(data), KEYS, SITE)


def test_an_order_that_no_edge_would_take_is_not_made() -> None:
    with pytest.raises(PayloadError, match="in a drill alone"):
        stamped(LockdownOrder, head())(moves=False)
    with pytest.raises(PayloadError):
        unsigned(replace(LOCKDOWN, reason="r" * 201))


def test_a_consent_is_told_where_it_belongs() -> None:
    data = b'{"order":"consent","schema":1}'
    with pytest.raises(PayloadError) as refused:
        order_of(offered(data), KEYS, SITE)
    assert "consent give" in refused.value.remedy


# --- the envelope -------------------------------------------------------------------------------


def test_an_envelope_may_be_pasted_with_white_space_and_in_another_order() -> None:
    envelope = signed(LOCKDOWN, ANNA)
    loose = json.dumps(dict(reversed(json.loads(envelope).items())), indent=2).encode() + b"\r\n"
    assert order_of(loose, KEYS, SITE) == order_of(envelope, KEYS, SITE)


@pytest.mark.parametrize(
    "field", [b'"payload":"e30="', b'"payloadType":"t"', b'"signatures":[]'], ids=bytes.decode
)
def test_no_field_of_an_envelope_stands_there_twice(field: bytes) -> None:
    envelope = signed(LOCKDOWN, ANNA)
    with pytest.raises(EnvelopeError, match="twice"):
        order_of(b"{" + field + b"," + envelope[1:], KEYS, SITE)
    twice = envelope.replace(b'"sig":', b'"sig":"","sig":')
    with pytest.raises(EnvelopeError, match="twice"):
        order_of(twice, KEYS, SITE)


def test_more_bytes_than_any_order_has_are_not_looked_at() -> None:
    envelope = signed(LOCKDOWN, ANNA)
    assert order_of(envelope.ljust(ORDER_BYTES_MAX), KEYS, SITE)
    with pytest.raises(OversizedError):
        order_of(envelope.ljust(ORDER_BYTES_MAX + 1), KEYS, SITE)


def test_another_type_of_payload_is_no_order() -> None:
    other = sign(encoded(LOCKDOWN), "application/vnd.sentrypost.policy.v1", [ANNA])
    with pytest.raises(PayloadTypeError):
        order_of(other, KEYS, SITE)
    with pytest.raises(ForgedError):
        order_of(other.replace(b"policy.v1", b"order.v1"), KEYS, SITE)


def test_an_order_is_for_one_site() -> None:
    elsewhere = stamped(LockdownOrder, head(site="chancery"))()
    with pytest.raises(OtherSiteError, match="for site 'chancery', this is 'house'"):
        order_of(signed(elsewhere, ANNA), KEYS, SITE)


# --- who has signed -----------------------------------------------------------------------------


def test_people_are_counted_and_not_keys() -> None:
    found = order_of(signed(LOCKDOWN, ANNA, ANNA_TOO), KEYS, SITE)
    assert (found.signed.people, len(found.signed.keys)) == (("Anna",), 2)


def test_a_signature_that_no_key_of_the_site_fits_refuses_the_order() -> None:
    with pytest.raises(UnknownKeyError):
        order_of(signed(LOCKDOWN, ANNA, STRANGER), KEYS, SITE)
    good = signed(LOCKDOWN, ANNA)
    with pytest.raises(ForgedError, match="key 'ben'"):
        order_of(with_signature(good, BEN.id, bytes(64)), KEYS, SITE)
    with pytest.raises(ForgedError):
        order_of(with_signature(good, BEN.id, b""), KEYS, SITE)
    with pytest.raises(UnknownKeyError, match="without an id"):
        order_of(good.replace(f'"{ANNA.id}"'.encode(), b'""'), KEYS, SITE)
    with pytest.raises(SignersError, match="nobody has signed"):
        order_of(unsigned(LOCKDOWN), KEYS, SITE)


def test_a_key_that_may_not_sign_orders_refuses_it() -> None:
    with pytest.raises(SignersError, match="key 'carl' has signed this and may not"):
        order_of(signed(LOCKDOWN, ANNA, CARL), KEYS, SITE)


def test_no_more_signatures_are_looked_at_than_anybody_asks_for() -> None:
    many = [key(number) for number in range(20, 20 + SIGNATURES_MAX + 1)]
    known = [TrustedKey(f"k{n}", f"p{n}", one.public, KEYS[0].may) for n, one in enumerate(many)]
    order = stamped(LockdownOrder, head(many[0]))()
    assert len(order_of(signed(order, *many[:-1]), known, SITE).signed.people) == SIGNATURES_MAX
    with pytest.raises(TooManySignaturesError):
        order_of(signed(order, *many), known, SITE)


def test_one_key_signs_once() -> None:
    envelope = json.loads(signed(LOCKDOWN, ANNA))
    envelope["signatures"] *= 2
    with pytest.raises(EnvelopeError, match="twice"):
        order_of(json.dumps(envelope).encode(), KEYS, SITE)


def test_nobody_uses_up_the_counters_of_somebody_else() -> None:
    with pytest.raises(IssuerError):
        order_of(signed(LOCKDOWN, BEN), KEYS, SITE)
    assert order_of(signed(LOCKDOWN, BEN, ANNA), KEYS, SITE)


@pytest.mark.parametrize("order", one_of_each(EDGE), ids=lambda order: order.kind.value)
def test_an_edge_raises_security_by_itself_and_does_nothing_else(order: AnyOrder) -> None:
    envelope = signed(order, EDGE)
    if order.kind in BY_SOURCE:
        found = order_of(envelope, KEYS, SITE)
        assert (found.sourced, found.signed.people) == (True, ())
        return
    for keys in ((EDGE,), (EDGE, ANNA, BEN)):
        with pytest.raises(SourceError):
            order_of(signed(order, *keys), KEYS, SITE)


def test_people_do_not_say_that_a_switch_was_turned() -> None:
    at_switch = stamped(LockdownOrder, head(EDGE))(source="key-switch")
    assert order_of(signed(at_switch, EDGE), KEYS, SITE).sourced
    forged = stamped(LockdownOrder, head())(source="key-switch")
    with pytest.raises(SourceError):
        order_of(signed(forged, ANNA), KEYS, SITE)
    with pytest.raises(SourceError):
        order_of(signed(at_switch, EDGE, ANNA), KEYS, SITE)


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


def test_every_refusal_says_what_to_do() -> None:
    """Of each kind at least one was raised above; all of them carry it."""
    for kind in (OrderError, SignatureError):
        for one in (kind, *kind.__subclasses__()):
            assert one("what", "the remedy").remedy == "the remedy"


def test_reading_believes_nothing() -> None:
    envelope = signed(LOCKDOWN, STRANGER)
    assert read_order(envelope) == LOCKDOWN
    with pytest.raises(PayloadTypeError):
        read_order(sign(b"{}", "another/type", []))
    assert decoded(encoded(LOCKDOWN)) == LOCKDOWN
    assert msgspec.json.decode(encoded(LOCKDOWN))["order"] == "lockdown"
