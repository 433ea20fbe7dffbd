"""Policies of the house that people have signed, and the house that knows their keys."""

import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.policy_bundle import PAYLOAD_TYPE, compiled, packed
from edge.signatures import SigningKey, public_text, sign
from policies import SourceFile
from tests.edge.house import POLICY, House


def key(number: int) -> SigningKey:
    return SigningKey(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


ANNA, BEN, ANNA_TOO, CARL, STRANGER = (key(number) for number in range(1, 6))
"""Anna has two keys; Carl may sign people alone; nobody knows the stranger."""

KEYS = (
    ("anna", "Anna", ANNA, "policy"),
    ("ben", "Ben", BEN, "policy"),
    ("anna-2", "Anna", ANNA_TOO, "policy"),
    ("carl", "Carl", CARL, "people"),
)


def signed_house(folder: Path) -> House:
    """The house, where policies are signed by two of Anna and Ben."""
    house = House(folder)
    with (folder / "site.toml").open("a") as file:
        for name, person, one, use in KEYS:
            public = json.dumps(public_text(one.public))
            file.write(f'\n[key.{name}]\nperson = "{person}"\npublic = {public}\nmay = ["{use}"]\n')
    return house


def version(number: int, text: str = POLICY) -> str:
    """The same policy under another number."""
    return text.replace("\nversion = 1\n", f"\nversion = {number}\n")


def shut(number: int) -> str:
    """A policy under which nobody gets into the hall by a badge."""
    return version(number).replace('zones = ["hall", "vault"]', 'zones = ["vault"]')


def digest_of(text: str) -> str:
    return compiled(_sources(text)).digest


def bundle(text: str, *keys: SigningKey) -> bytes:
    """A signed policy."""
    sources = _sources(text)
    return sign(packed(sources, compiled(sources)), PAYLOAD_TYPE, keys)


def _sources(text: str) -> list[SourceFile]:
    return [SourceFile("policy.toml", text.encode())]
