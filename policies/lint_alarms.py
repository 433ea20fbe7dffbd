"""What a policy says of alarm points and arming and nobody can have meant."""

from collections.abc import Iterator
from typing import NamedTuple

from policies.compiled import CompiledPolicy


class Remark(NamedTuple):
    """A warning about one entry: its table, its name, what is odd and what would help."""

    table: str
    name: str
    message: str
    hint: str | None = None


def remarks(policy: CompiledPolicy) -> Iterator[Remark]:
    """Every one, in no order."""
    armed = {point.arming for point in policy.points.values() if not point.always}
    for name, arming in policy.armings.items():
        if name not in armed:
            yield Remark("arming", name, "no point listens to it", "give a point one of its zones")
        yield from _visitors(policy, "arming", name, arming.roles, "arm and disarm it")
    for name, point in policy.points.items():
        yield from _visitors(policy, "point", name, point.roles, "shunt it")
        if point.always:
            continue
        if point.arming is None:
            hint = "always = true, or a set of [arming] that names its zone"
            yield Remark("point", name, "nothing arms it: its activity never alarms", hint)
        elif point.entry_delay_ms and not policy.armings[point.arming].roles:
            message = "nobody can disarm it in its entry delay: its set names no roles"
            yield Remark("point", name, message, "roles in the set, or no delay")


def roles_named(policy: CompiledPolicy) -> set[str]:
    """Roles that may do something about points."""
    named = [rule.roles for rule in policy.armings.values()]
    named += [rule.roles for rule in policy.points.values()]
    return {role for roles in named for role in roles}


def _visitors(
    policy: CompiledPolicy, table: str, name: str, roles: frozenset[str], what: str
) -> Iterator[Remark]:
    visitors = sorted(role for role in roles if policy.roles[role].visitor)
    if visitors:
        yield Remark(table, name, f"visitors may {what}: {', '.join(visitors)}")
