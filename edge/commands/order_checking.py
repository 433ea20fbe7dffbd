"""What `sentrypost order show` and `verify` say of a file."""

import base64
import hashlib
from collections.abc import Collection

import msgspec

from edge.orders import AnyOrder, PostureOrder, read_order
from edge.signatures import TrustedKey, pae, taken_apart
from edge.signed_orders import SignedOrder, order_of
from edge.ssh_signatures import namespace
from policies.compiled import CompiledPolicy
from policies.rights import TWO_PEOPLE, OrderKind, OrderRule


class ToSign(msgspec.Struct, frozen=True, kw_only=True):
    """For other programs that sign: what `ssh-keygen -n` is told, and what a security key is asked.
    `challenge` in base64url, as WebAuthn has it.
    """

    namespace: str
    rp_id: str
    challenge: str


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    order: AnyOrder
    keys: tuple[str, ...]
    to_sign: ToSign


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """`lacking`: why an edge would refuse it; empty where it would not, as far as is known here."""

    id: str
    order: AnyOrder
    people: tuple[str, ...]
    keys: tuple[str, ...]
    sourced: bool
    needs: int
    roles: tuple[str, ...]
    lacking: str
    said: tuple[str, ...]


def shown(envelope: bytes) -> Shown:
    """What stands there, with nothing believed. Raises OrderError, SignatureError."""
    order, parts = read_order(envelope), taken_apart(envelope)
    message = pae(parts.payload_type, parts.payload)
    challenge = hashlib.sha256(message).digest()
    return Shown(
        id=hashlib.sha256(parts.payload).hexdigest(),
        order=order,
        keys=tuple(keyid for keyid, _ in parts.signatures),
        to_sign=ToSign(
            namespace=namespace(order.site),
            rp_id=f"sentrypost.{order.site}",
            challenge=base64.urlsafe_b64encode(challenge).decode().rstrip("="),
        ),
    )


def checked(
    envelope: bytes, keys: Collection[TrustedKey], site: str, policy: CompiledPolicy
) -> Checked:
    """By the keys of the site file and its policy. Raises OrderError, SignatureError."""
    found = order_of(envelope, keys, site)
    rule = rule_for(found.order, policy)
    two = 2 if found.order.kind in TWO_PEOPLE else 1
    needs = two if rule is None else rule.people
    roles = () if rule is None else tuple(sorted(rule.roles))
    on_file = {key.person for key in keys if key.id in found.signed.keys and key.holder}
    counted = found.signed.people if rule is None else sorted(on_file & {*found.signed.people})
    lacking = ""
    if not found.sourced and len(counted) < needs:
        lacking = f"{len(counted)} of {needs} people have signed it who may count"
    return Checked(
        id=found.id,
        order=found.order,
        people=found.signed.people,
        keys=found.signed.keys,
        sourced=found.sourced,
        needs=needs,
        roles=roles,
        lacking=lacking,
        said=tuple(_said(found, keys, rule, needs)),
    )


def rule_for(order: AnyOrder, policy: CompiledPolicy) -> OrderRule | None:
    """The policy's table for such an order: of a drill, that of drills."""
    drill = isinstance(order, PostureOrder) and order.drill
    return policy.orders.get(OrderKind.DRILL if drill else order.kind)


def _said(
    found: SignedOrder, keys: Collection[TrustedKey], rule: OrderRule | None, needs: int
) -> list[str]:
    lines = []
    for key in sorted(keys):
        if key.id in found.signed.keys:
            known = f", on file as {key.holder}" if key.holder else ""
            edge = ", an edge's own" if found.sourced else ""
            lines.append(f"signed by {key.person} with key '{key.name}' ({key.kind}{edge}){known}")
    if found.sourced:
        return [*lines, "an edge gives it by itself, for a switch, a button or somebody signed in"]
    who = "somebody" if needs == 1 else f"{needs} people"
    if rule is None:
        return [*lines, f"the policy has no table for it: {who} must sign"]
    roles = ", ".join(sorted(rule.roles))
    return [*lines, f"the policy asks for {who} on file with one of the roles {roles}"]
