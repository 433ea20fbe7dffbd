"""What `sentrypost order new` makes of its options."""

import re
from collections.abc import Collection, Mapping

import click

from edge.commands.policy_asking import utc_of
from edge.failed import Failed
from edge.order_particulars import FieldError, PastError, UnknownNameError, named
from edge.order_particulars import particulars as particulars_of
from edge.signatures import TrustedKey, Use
from policies.compiled import CompiledPolicy
from policies.problems import did_you_mean

LATER = "as 2026-11-22T18:00 on the site's wall or from now on as +15m, +4h, +2d"

_UNITS = {"m": 60, "h": 3600, "d": 86_400}
_OPTIONS = {
    "zones": "--zone",
    "portals": "--portal",
    "kinds": "--kind",
    "until_s": "--until",
    "moves": "--no-moves",
}
"""Where an option is called otherwise than its field."""


def moment_of(text: str, policy: CompiledPolicy, now_s: int) -> int:
    """A time as the command line has it, in seconds since 1970. Raises click.UsageError."""
    found = re.fullmatch(r"\+([0-9]{1,6})([mhd])", text)
    if found is None:
        return int(utc_of(text, policy))
    return now_s + int(found[1]) * _UNITS[found[2]]


def issuer_of(name: str, keys: Collection[TrustedKey]) -> TrustedKey:
    """The key of that name or id which may sign orders. Raises Failed."""
    may = {key.name: key for key in keys if Use.ORDER in key.may}
    for key in may.values():
        if name in {key.name, key.id}:
            return key
    known = ", ".join(sorted(may)) or "there is none"
    raise Failed(
        f"the site file has no [key.{name}] that may sign orders",
        did_you_mean(name, may) or f"those that may: {known}",
    )


def particulars(
    kind: str, given: Mapping[str, object], policy: CompiledPolicy, now_s: int
) -> dict[str, object]:
    """The fields of this kind of order alone. Raises click.UsageError for an option that it does
    not take, one that it needs, and names that the policy does not have.
    """
    try:
        return particulars_of(kind, _said(given, policy, now_s), policy, now_s)
    except FieldError as error:
        does = "needs" if error.needed else "takes no"
        raise click.UsageError(f"'{kind}' {does} {_option(error.field)}") from None
    except UnknownNameError as error:
        raise click.UsageError(f"{error}; {error.remedy}") from None
    except PastError as error:
        raise click.UsageError(str(error)) from None


def _said(given: Mapping[str, object], policy: CompiledPolicy, now_s: int) -> dict[str, object]:
    """What stands on the command line, by the fields of orders."""
    said = named(given)
    if said.pop("no_moves", False):
        said["moves"] = False
    if "until" in said:
        said["until_s"] = moment_of(str(said.pop("until")), policy, now_s)
    return said


def _option(name: str) -> str:
    return _OPTIONS.get(name, f"--{name}")
