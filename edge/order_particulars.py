"""What is particular to each kind of order, whoever names it: a command line, a page, a switch."""

from collections.abc import Collection, Mapping
from typing import Self

from msgspec import NODEFAULT
from msgspec.structs import fields

from edge.orders import (
    ACCEPT_S,
    CountersOrder,
    DelegateOrder,
    EndDelegationOrder,
    EndDrillOrder,
    EndHoldOrder,
    EndUnlockOrder,
    EvacuateOrder,
    FireOverrideOrder,
    HoldOrder,
    LiftOrder,
    LockdownOrder,
    LowerOrder,
    OrderError,
    Payload,
    RaiseOrder,
    ShelterOrder,
    Stamp,
    SucceedOrder,
    UnlockOrder,
    stamped,
)
from policies.compiled import CompiledPolicy
from policies.problems import did_you_mean

_KINDS: tuple[type[Payload], ...] = (
    LockdownOrder, ShelterOrder, EvacuateOrder, RaiseOrder, LiftOrder, LowerOrder, EndDrillOrder,
    EndHoldOrder, EndUnlockOrder, EndDelegationOrder, UnlockOrder, HoldOrder, FireOverrideOrder,
    CountersOrder, DelegateOrder, SucceedOrder,
)  # fmt: skip
CLASSES: Mapping[str, type[Payload]] = {str(kind.__struct_config__.tag): kind for kind in _KINDS}


class FieldError(OrderError):
    """The kind does not have `field`, or, `needed`, cannot be without it."""

    field = ""
    needed = False

    @classmethod
    def of(cls, kind: str, field: str, *, needed: bool) -> Self:
        does = "needs" if needed else "takes no"
        error = cls(f"an order '{kind}' {does} '{field}'", "name what belongs to it")
        error.field, error.needed = field, needed
        return error


class UnknownNameError(OrderError):
    """The policy has no zone, or no portal, of this name."""


class PastError(OrderError):
    """It would be over before anybody signs it."""


def particulars(
    kind: str, said: Mapping[str, object], policy: CompiledPolicy, now_s: int
) -> dict[str, object]:
    """What `edge.orders.stamped` takes for this kind. `said`: by the fields of orders, what was
    named alone. Adds until when the order can be given, where its kind has such a time.

    Raises FieldError, UnknownNameError, PastError.
    """
    known = {field.name: field for field in fields(CLASSES[kind])}
    for name in said:
        if name not in known:
            raise FieldError.of(kind, name, needed=False)
    _refuse_unknown("zone", said.get("zones", ()), {zone.id for zone in policy.zones})
    _refuse_unknown("portal", said.get("portals", ()), {portal.id for portal in policy.portals})
    whole, until_s = dict(said), said.get("until_s")
    if isinstance(until_s, int) and until_s <= now_s:
        raise PastError("its time would be over already", "name a later time")
    if "accept_until_s" in known:
        latest_s = now_s + ACCEPT_S
        whole["accept_until_s"] = min(until_s, latest_s) if isinstance(until_s, int) else latest_s
    own = set(known) - set(Stamp._fields) - {"schema"}
    for name, field in known.items():
        if name in own and name not in whole and field.default is NODEFAULT:
            raise FieldError.of(kind, name, needed=True)
    return whole


def order_of_kind(
    kind: str, said: Mapping[str, object], head: Stamp, policy: CompiledPolicy, now_s: int
) -> Payload:
    """The order whole. Raises OrderError."""
    return stamped(CLASSES[kind], head)(**particulars(kind, said, policy, now_s))


def named(fields_named: Mapping[str, object]) -> dict[str, object]:
    """What of it was named: neither left out, nor empty, nor no."""
    return {
        name: value for name, value in fields_named.items() if value not in (None, (), False, "")
    }


def _refuse_unknown(what: str, names: object, known: Collection[str]) -> None:
    for name in names if isinstance(names, tuple) else ():
        if name not in known:
            hint = did_you_mean(name, known) or f"it has {', '.join(sorted(known))}"
            raise UnknownNameError(f"the policy has no {what} '{name}'", hint)
