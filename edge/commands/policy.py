"""`sentrypost policy`: read, explain, prove and compare policies, beside any running daemon."""

import json
import sys
from importlib import resources
from pathlib import Path

import click
import msgspec

from edge.commands.common import json_option
from edge.commands.policy_compare import COMPARING
from edge.commands.policy_files import FILES, read_or_fail, read_proven
from edge.commands.policy_live import LIVE
from edge.commands.policy_proof import lint, prove
from edge.failed import CONFIGURATION
from policies import CompiledPolicy, PolicyError

DIGEST_SIGNS = 16
SCHEMA = "policy.schema.json"


@click.group()
def policy() -> None:
    """Policies as files: check, explain, prove and compare them before they go live."""


for command in (*COMPARING, prove, lint, *LIVE):
    policy.add_command(command)


@policy.command()
@click.argument("files", nargs=-1, required=True, type=FILES)
@json_option
def check(files: tuple[Path, ...], as_json: bool) -> None:
    """Name every mistake in the policy that FILES spell together, or what it amounts to.

    It is proven as well: what must always hold and does not is a mistake, which `prove` tells in
    full.
    """
    if as_json:
        try:
            answer, code = _summary(read_proven(files)), 0
        except PolicyError as error:
            answer, code = (
                {"ok": False, "problems": msgspec.to_builtins(error.problems)},
                CONFIGURATION,
            )
        click.echo(json.dumps(answer, indent=2))
        sys.exit(code)
    checked = read_or_fail(files, read_proven)
    click.echo(
        f"policy {checked.name}, version {checked.version}, "
        f"digest {checked.digest[:DIGEST_SIGNS]}, times in {checked.timezone}"
    )
    click.echo(
        f"{len(checked.zones)} zones, {len(checked.portals)} portals, {len(checked.roles)} roles, "
        f"{len(checked.grants)} grants, {len(checked.denies)} denials, "
        f"{len(checked.nevers) + len(checked.always)} declared invariants"
    )


@policy.command()
def schema() -> None:
    """Print the JSON Schema of policy files, for editors: it completes keys and marks mistakes.

    With the schema beside it, a policy file begins with: #:schema ./policy.schema.json
    """
    click.echo(resources.files("policies").joinpath(SCHEMA).read_text("utf-8"), nl=False)


def _summary(found: CompiledPolicy) -> dict[str, object]:
    return {
        "ok": True,
        "name": found.name,
        "site": found.site,
        "version": found.version,
        "digest": found.digest,
        "zones": len(found.zones),
        "portals": len(found.portals),
        "roles": len(found.roles),
        "grants": len(found.grants),
        "denies": len(found.denies),
    }
