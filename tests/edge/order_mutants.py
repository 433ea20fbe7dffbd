"""Signed orders that somebody has changed: each is refused, or means exactly what was signed.

How we know: a mutant is read a second time, by the standard library alone. Where it is taken, the
bytes that it carries as payload must be those that were signed, and nobody may count who had not
signed them. Mutants of the kinds in `HOPELESS` were changed so that none may be taken at all; those
among them that are signed anew are signed by keys that may sign, so that the signature is no help.
"""

import base64
import json
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from edge.fido2_assertions import challenge, from_webauthn
from edge.orders import ORDER_BYTES_MAX, PAYLOAD_TYPE, OrderError, encoded
from edge.signatures import (
    SignatureError,
    SigningKey,
    TrustedKey,
    pae,
    sign,
    taken_apart,
    with_signature,
)
from edge.signed_orders import SIGNATURES_MAX, order_of, with_ssh_signature
from edge.ssh_signatures import namespace
from tests.edge.authenticator import Authenticator
from tests.edge.ordered import (
    ANNA,
    ANNA_TOO,
    BEN,
    CARL,
    KEYS,
    SITE,
    STRANGER,
    SshKey,
    one_of_each,
    security_key,
    signed,
)
from tests.servers import find_program, under_ci

WRONG: tuple[tuple[str, object], ...] = (
    ("schema", 0), ("schema", 2), ("schema", "1"), ("schema", True), ("schema", 1.0),
    ("order", "open"), ("order", ""), ("order", 7), ("order", None), ("order", "consent"),
    ("site", "chancery"), ("site", ""), ("site", "house "), ("site", 7), ("site", None),
    ("nonce", ""), ("nonce", "7" * 31), ("nonce", "7" * 33), ("nonce", "G" * 32), ("nonce", 7),
    ("issuer", ""), ("issuer", "0" * 32), ("issuer", None), ("issuer", ["0" * 32]),
    ("counter", 0), ("counter", -1), ("counter", 2**48), ("counter", 10**30), ("counter", "7"),
    ("counter", 7.5), ("counter", None), ("counter", [7]), ("counter", True),
    ("review_s", -1), ("review_s", 2**53), ("review_s", 1e300), ("review_s", "now"),
    ("reason", ""), ("reason", "r" * 201), ("reason", None), ("reason", ["r"]), ("reason", 7),
    ("zones", "hall"), ("zones", ["hall", "hall"]), ("zones", ["HALL"]), ("zones", [7]),
    ("zones", ["hall"] * 40), ("zones", {}), ("zones", None), ("zones", []),
    ("portals", []), ("portals", "front"), ("portals", ["a", "a"]), ("portals", [None]),
    ("cover", "half"), ("cover", "full"), ("cover", None), ("level", 0), ("level", 6),
    ("level", "4"), ("level", 4.0), ("drill", 1), ("drill", "true"), ("drill", False),
    ("moves", True), ("moves", 0), ("ends", []), ("ends", "ab" * 32), ("ends", ["ab" * 31]),
    ("ends", ["ab" * 32] * 2), ("ends", [f"{n:064x}" for n in range(17)]), ("ends", ["AB" * 32]),
    ("despite", []), ("despite", "x"), ("despite", ["ab" * 32] * 2), ("despite", ["ab"]),
    ("accept_until_s", -1), ("accept_until_s", None), ("accept_until_s", 2**60),
    ("until_s", -1), ("until_s", "x"), ("until_s", 2**41), ("role", ""), ("role", 7),
    ("person", ""), ("person", "p" * 65), ("kinds", ["open"]), ("kinds", ["lift", "lift"]),
    ("unreachable", ["a", "a"]), ("unreachable", [""]), ("challenge", ""), ("challenge", "5a"),
    ("fire", ""), ("fire", "Panel"), ("source", "Key Switch"), ("source", ""), ("people", 2),
    ("id", "ab" * 32), ("__proto__", {}), ("", 1), ("Order", "lift"), ("signed_by", "Ben"),
)  # fmt: skip
"""Values that no order has in that field, or not a kind of order that lacks the field."""


class Original(NamedTuple):
    """An order that is taken, with everything that makes others like it."""

    envelope: bytes
    keys: tuple[TrustedKey, ...]
    people: frozenset[str]
    payload: bytes

    @property
    def fields(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.payload)
        return found


class Mutant(NamedTuple):
    how: str
    envelope: bytes


def originals(folder: Path) -> list[Original]:
    """Every kind of order, signed by two people; by ssh-keygen, where there is one, or a security
    key as well.
    """
    ssh = SshKey(folder) if under_ci() or find_program("ssh-keygen") else None
    es256, stick = security_key("stick", "Cora")
    eddsa, token = security_key("token", "Dora", eddsa=True)
    keys = (*KEYS, stick, token, *([] if ssh is None else [ssh.trusted(person="Eva")]))
    found = []
    for number, order in enumerate(one_of_each()):
        envelope = signed(order, ANNA, BEN)
        people = {"Anna", "Ben"}
        if number % 3 == 0 and ssh is not None:
            envelope = _by_ssh(ssh, envelope, keys)
            people.add("Eva")
        elif number % 3 == 1:
            envelope = _by_key(es256, envelope, stick)
            people.add("Cora")
        else:
            envelope = _by_key(eddsa, envelope, token)
            people.add("Dora")
        found.append(Original(envelope, keys, frozenset(people), encoded(order)))
    return found


def _by_ssh(ssh: SshKey, envelope: bytes, keys: Sequence[TrustedKey]) -> bytes:
    armour = ssh.signs(_message(envelope), namespace(SITE))
    return with_ssh_signature(envelope, armour, keys, SITE)[0]


def _by_key(device: Authenticator, envelope: bytes, key: TrustedKey) -> bytes:
    said = from_webauthn(device.response(challenge(_message(envelope))))
    return with_signature(envelope, key.id, said)


def _message(envelope: bytes) -> bytes:
    parts = taken_apart(envelope)
    return pae(parts.payload_type, parts.payload)


# --- the mutants --------------------------------------------------------------------------------


def bit(chance: random.Random, one: Original) -> bytes:
    data = bytearray(one.envelope)
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def piece(chance: random.Random, one: Original) -> bytes:
    """Cut out, doubled, moved, or noise put in."""
    data = one.envelope
    start, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    noise = chance.randbytes(chance.randrange(1, 20))
    return chance.choice(
        (
            data[:start] + data[end:],
            data[:end] + data[start:],
            data[:start],
            data[end:] + data[:end],
            data[:start] + noise + data[start:],
        )
    )


def signature(chance: random.Random, one: Original) -> bytes:
    """A signature taken away, shortened, under another key's id, or its bytes turned."""
    envelope = json.loads(one.envelope)
    several = envelope["signatures"]
    place = chance.randrange(len(several))
    match chance.randrange(5):
        case 0:
            del several[place]
        case 1:
            several[place]["keyid"] = chance.choice(one.keys).id
        case 2:
            several[place]["sig"] = several[place]["sig"][: chance.randrange(120)]
        case 3:
            raw = bytearray(base64.b64decode(several[place]["sig"]))
            raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
            several[place]["sig"] = base64.b64encode(raw).decode()
        case _:
            chance.shuffle(several)
    return json.dumps(envelope).encode()


def unsigned_edit(chance: random.Random, one: Original) -> bytes:
    """Another order under the signatures of this one."""
    fields = one.fields | {
        "counter": chance.randrange(1, 2**48),
        "nonce": f"{chance.randrange(2**128):032x}",
    }
    payload = json.dumps(fields, separators=(",", ":")).encode()
    envelope = json.loads(one.envelope) | {"payload": base64.b64encode(payload).decode()}
    return json.dumps(envelope).encode()


def wrong_value(chance: random.Random, one: Original) -> bytes:
    """A field that no order has so, well signed."""
    name, value = chance.choice(WRONG)
    return _signed_anew(one, json.dumps(one.fields | {name: value}, separators=(",", ":")).encode())


def missing(chance: random.Random, one: Original) -> bytes:
    """Without one of the fields that every order has, well signed."""
    gone = chance.choice(
        ("order", "schema", "site", "nonce", "issuer", "counter", "review_s", "reason")
    )
    left = {name: value for name, value in one.fields.items() if name != gone}
    return _signed_anew(one, json.dumps(left, separators=(",", ":")).encode())


def doubled(chance: random.Random, one: Original) -> bytes:
    """A field twice, in the payload and well signed, or in the envelope."""
    text = one.payload.decode()
    name, value = chance.choice(list(one.fields.items()))
    other = chance.choice((value, 1, "x", [], None))
    again = f"{json.dumps(name)}:{json.dumps(other, separators=(',', ':'))}"
    place = chance.choice((text.replace("{", "{" + again + ",", 1), text[:-1] + "," + again + "}"))
    if chance.random() < 0.6:
        return _signed_anew(one, place.encode())
    field = chance.choice(('"payload":""', '"payloadType":"x"', '"signatures":[]'))
    envelope = one.envelope.decode()
    return chance.choice(
        (envelope[:-1] + "," + field + "}", "{" + field + "," + envelope[1:])
    ).encode()


def spelled(chance: random.Random, one: Original) -> bytes:
    """The same order in other bytes, well signed: nobody says it so."""
    fields = one.fields
    items = list(fields.items())
    while list(fields) == [name for name, _ in items]:
        chance.shuffle(items)
    other = chance.choice(
        (
            json.dumps(fields),
            json.dumps(fields, indent=1),
            json.dumps(dict(items), separators=(",", ":")),
            one.payload.decode().replace("a test", "\\u0061 test"),
            one.payload.decode() + chance.choice(" \n\t\0"),
            one.payload.decode().replace('"schema":1', '"schema":1.0'),
        )
    )
    return _signed_anew(one, other.encode())


def confused(chance: random.Random, one: Original) -> bytes:
    """Something that is no object at all, well signed."""
    text = one.payload.decode()
    other = chance.choice(
        (f"[{text}]", json.dumps(text), "null", "1", "[]", "{}", "", "[" * 900, f"{text}{text}")
    )
    return _signed_anew(one, other.encode())


def other_type(chance: random.Random, one: Original) -> bytes:
    """Signed by the right people, as something else."""
    kind = chance.choice(
        ("", "application/json", PAYLOAD_TYPE.replace("order", "policy"), PAYLOAD_TYPE + " ",
         PAYLOAD_TYPE.upper(), PAYLOAD_TYPE.replace("v1", "v2"), "x" * 128)
    )  # fmt: skip
    data = sign(one.payload, kind, (ANNA, BEN))
    if chance.random() < 0.5:
        return data
    return json.dumps(json.loads(data) | {"payloadType": PAYLOAD_TYPE}).encode()


def other_signers(chance: random.Random, one: Original) -> bytes:
    """With somebody among them who may not, or without the one whose counter it is."""
    several: tuple[tuple[SigningKey, ...], ...] = (
        (STRANGER,), (ANNA, STRANGER), (CARL,), (ANNA, CARL), (BEN,), (STRANGER, CARL), (),
        (ANNA_TOO,), (ANNA_TOO, BEN),
    )  # fmt: skip
    return sign(one.payload, PAYLOAD_TYPE, chance.choice(several))


def one_person(chance: random.Random, one: Original) -> bytes:
    """Anna twice: with both of her keys, or with one of them doubled."""
    if chance.random() < 0.5:
        return sign(one.payload, PAYLOAD_TYPE, (ANNA, ANNA_TOO))
    return sign(one.payload, PAYLOAD_TYPE, (ANNA, ANNA, ANNA_TOO))


def oversized(chance: random.Random, one: Original) -> bytes:
    """Too many bytes, or too many signatures."""
    if chance.random() < 0.5:
        return one.envelope + b" " * (ORDER_BYTES_MAX + 1 - len(one.envelope))
    envelope = json.loads(one.envelope)
    envelope["signatures"] += [{"sig": "", "keyid": f"{n:032x}"} for n in range(SIGNATURES_MAX)]
    return json.dumps(envelope).encode()


def transplanted(chance: random.Random, one: Original, other: Original) -> bytes:
    """The signatures of another order."""
    envelope = json.loads(one.envelope)
    envelope["signatures"] = json.loads(other.envelope)["signatures"]
    return json.dumps(envelope).encode()


def _signed_anew(one: Original, payload: bytes) -> bytes:
    return sign(payload, PAYLOAD_TYPE, (ANNA, BEN))


MAKERS: tuple[Callable[[random.Random, Original], bytes], ...] = (
    bit, piece, signature, unsigned_edit, wrong_value, wrong_value, wrong_value, missing, doubled,
    spelled, confused, other_type, other_signers, one_person, oversized,
)  # fmt: skip
HOPELESS = frozenset(
    {"unsigned_edit", "wrong_value", "missing", "doubled", "spelled", "confused", "other_type",
     "other_signers", "oversized", "transplanted"}
)  # fmt: skip


def mutants(seed: int, count: int, them: Sequence[Original]) -> Iterator[tuple[Original, Mutant]]:
    """So many, always the same of one seed."""
    chance = random.Random(seed)
    for _ in range(count):
        place = chance.randrange(len(them))
        one, other = them[place], them[place - chance.randrange(1, len(them))]
        maker = chance.choice((*MAKERS, None))
        if maker is None:
            yield one, Mutant("transplanted", transplanted(chance, one, other))
        else:
            yield one, Mutant(maker.__name__, maker(chance, one))


# --- what becomes of them -----------------------------------------------------------------------


def verdict(one: Original, mutant: Mutant) -> str:
    """`refused` or `same`; anything else is a finding, in words. An error that is not a typed
    refusal goes through.
    """
    try:
        found = order_of(mutant.envelope, one.keys, SITE)
    except (OrderError, SignatureError) as error:
        return "refused" if error.remedy else f"{mutant.how}: refused without a remedy: {error}"
    if mutant.how in HOPELESS:
        return f"{mutant.how}: taken: {mutant.envelope!r}"
    carried = base64.b64decode(json.loads(mutant.envelope)["payload"].translate(STANDARD))
    if carried != one.payload or encoded(found.order) != one.payload:
        return f"{mutant.how}: another order: {mutant.envelope!r}"
    if mutant.how == "one_person" and found.signed.people != ("Anna",):
        return f"{mutant.how}: {found.signed.people}"
    if not one.people.issuperset(found.signed.people) or not found.signed.people:
        return f"{mutant.how}: {found.signed.people} have not signed: {mutant.envelope!r}"
    return "same"


STANDARD = str.maketrans("-_", "+/")


def judged(seed: int, count: int) -> tuple[Counter[tuple[str, str]], list[str]]:
    """How many of each kind were refused, or the same; and the findings."""
    told: Counter[tuple[str, str]] = Counter()
    findings = []
    with tempfile.TemporaryDirectory() as folder:
        them = originals(Path(folder))
    for one in them:
        assert order_of(one.envelope, one.keys, SITE).signed.people == tuple(sorted(one.people))
    for one, mutant in mutants(seed, count, them):
        word = verdict(one, mutant)
        told[mutant.how, word if word in {"refused", "same"} else "wrong"] += 1
        if word not in {"refused", "same"}:
            findings.append(word)
    return told, findings
