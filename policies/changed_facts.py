"""What two policies say differently of the site itself: areas, portals, inputs, roles, orders."""

from collections.abc import Iterator, Mapping
from enum import Enum

import msgspec

from policies.compiled import CompiledPolicy

_HEAD = ("site", "name", "version", "timezone", "portraits", "tzdata_version")
_TOLD_ELSEWHERE = frozenset({"id", "line", "factors", "lineage"})
"""Lines say nothing, and factors show in what somebody is asked for."""

NEW, GONE = "new", "gone"


class Fact(msgspec.Struct, frozen=True):
    """What is said otherwise: `portal`, `front-door`, `open-ms`, `5000`, `8000`; without a `key`
    the thing itself is new or gone."""

    kind: str
    id: str
    key: str
    before: str
    after: str

    def __str__(self) -> str:
        where = f"{self.kind} {self.id}".rstrip()
        if not self.key:
            return f"{where}: {self.after}"
        return f"{where}: {self.key} {self.before} -> {self.after}"


def changed_facts(old: CompiledPolicy, new: CompiledPolicy) -> Iterator[Fact]:
    """In the order of the policy's tables. Grants, denials and hours are left out: what they come
    to is what somebody is asked for."""
    for field in _HEAD:
        before, after = words(getattr(old, field)), words(getattr(new, field))
        if before != after:
            yield Fact("policy", "", _key(field), before, after)
    tables = zip(_tables(old), _tables(new), strict=True)
    for (kind, befores), (_, afters) in tables:
        for name in dict.fromkeys((*befores, *afters)):
            if name not in afters:
                yield Fact(kind, name, "", "", GONE)
            elif name not in befores:
                yield Fact(kind, name, "", "", NEW)
            else:
                yield from _changed(kind, name, befores[name], afters[name])


def _tables(policy: CompiledPolicy) -> tuple[tuple[str, Mapping[str, msgspec.Struct]], ...]:
    return (
        ("zone", policy.zones_by_id),
        ("portal", policy.portals_by_id),
        ("fire input", {fire.id: fire for fire in policy.fire_inputs}),
        ("screening", policy.screenings),
        ("role", policy.roles),
        ("watchlist", policy.watchlists),
        ("order", {kind.value: order for kind, order in policy.orders.items()}),
        ("succession", policy.successions),
        ("page", {right.value: rule for right, rule in policy.pages.items()}),
        ("never", {rule.id: rule for rule in policy.nevers}),
        ("always", {rule.id: rule for rule in policy.always}),
    )


def _changed(kind: str, name: str, old: msgspec.Struct, new: msgspec.Struct) -> Iterator[Fact]:
    for field in msgspec.structs.fields(old):
        if field.name in _TOLD_ELSEWHERE:
            continue
        before, after = words(getattr(old, field.name)), words(getattr(new, field.name))
        if before != after:
            yield Fact(kind, name, _key(field.name), before, after)


def _key(name: str) -> str:
    return name.replace("_", "-")


def words(value: object) -> str:
    """A value of a compiled policy as a policy's author knows it."""
    match value:
        case None | ():
            return "none"
        case bool():
            return "yes" if value else "no"
        case Enum():
            return str(value.value)
        case frozenset():
            return ", ".join(sorted(map(words, value))) or "none"
        case tuple():
            return ", ".join(map(words, value))
        case msgspec.Struct():
            fields = msgspec.structs.asdict(value).items()
            return ", ".join(f"{_key(name)} {words(field)}" for name, field in fields)
        case _:
            return str(value)
