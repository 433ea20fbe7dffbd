"""Orders as files: every kind there and back, who has signed them, and what is refused."""

import base64
import hashlib
import json

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from controller.ids import HolderId
from controller.orders import COUNTER_MAX, ENDS_MAX, RAISING
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
from edge.signatures import (
    EnvelopeError,
    PayloadTypeError,
    SignatureError,
    SignersError,
    SigningKey,
    TrustedKey,
    sign,
    with_signature,
)
from edge.signed_orders import (
    SIGNATURES_MAX,
    ForgedError,
    TooManySignaturesError,
    UnknownKeyError,
    order_of,
)
from policies.rights import OrderKind
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
    head,
    key,
    one_of_each,
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


def test_a_stranger_writes_one_by_the_page() -> None:
    """docs/orders.md, "The format", with nothing of ours."""
    private = Ed25519PrivateKey.from_private_bytes(b"\x09" * 32)
    public = private.public_key().public_bytes_raw()
    keyid = hashlib.sha256(public).hexdigest()[:32]
    said = (
        '{"order":"lift","schema":1,"site":"house","nonce":"000102030405060708090a0b0c0d0e0f",'
        f'"issuer":"{keyid}","counter":1795212000000,"review_s":1795212000,'
        f'"reason":"Entwarnung für alle","ends":["{SOME_ID}"],"accept_until_s":1795215600}}'
    ).encode()
    kind = b"application/vnd.sentrypost.order.v1"
    signature = private.sign(b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(said), said))
    envelope = {
        "payloadType": kind.decode(),
        "payload": base64.b64encode(said).decode(),
        "signatures": [{"keyid": keyid, "sig": base64.b64encode(signature).decode()}],
    }
    stranger = TrustedKey("stranger", "Stranger", public, KEYS[0].may)
    found = order_of(json.dumps(envelope).encode(), (stranger,), SITE)
    assert found.id == hashlib.sha256(said).hexdigest()
    assert (found.order.reason, found.signed.people) == ("Entwarnung für alle", ("Stranger",))


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
    if order.kind in RAISING:
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


# --- every one ---------------------------------------------------------------------------------


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
