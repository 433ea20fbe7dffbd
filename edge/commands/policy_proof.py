"""`sentrypost policy prove` and `lint`: what a policy can never do, and what nobody meant by it."""

import sys
from collections.abc import Mapping
from pathlib import Path

import click
import msgspec

from edge.commands.common import config_option, failed_by, json_option, state_named_in
from edge.commands.policy_files import FILES, read_or_fail, sources_of
from edge.control.client import Client, ControlClientError, NoDaemonError
from edge.control.place import PEOPLE_FILE
from edge.failed import FAILED
from edge.people import People, PeopleError, roles_held
from policies.lint import lint as linted
from policies.proof.results import Proof, Proofs
from policies.proof.stories import summary, told
from policies.prove import count, proofs, proofs_of


@click.command()
@click.argument("files", nargs=-1, required=True, type=FILES)
@json_option
def prove(files: tuple[Path, ...], as_json: bool) -> None:
    """Prove every invariant of the policy that FILES spell together, declared and built in.

    Of one that does not hold the shortest story against it is told, and the command fails. Portals
    that fire or a power failure opens inward are listed.
    """
    policy = read_or_fail(files)
    total = count(policy)
    found: list[Proof] = []
    for proof in proofs(policy):
        found.append(proof)
        if sys.stderr.isatty():
            click.echo(f"\r{len(found)} of {total} invariants", nl=False, err=True)
    if sys.stderr.isatty():
        click.echo("\r\033[K", nl=False, err=True)
    answer = proofs_of(policy, tuple(found))
    if as_json:
        click.echo(_json(answer))
    else:
        for line in (line for proof in answer.proofs for line in told(proof)):
            click.echo(line)
        for line in summary(answer):
            click.echo(line)
    if not answer.hold:
        sys.exit(FAILED)


@click.command()
@click.argument("files", nargs=-1, required=True, type=FILES)
@click.option("--people", is_flag=True, help="Look at the people of the site as well.")
@config_option
@json_option
def lint(files: tuple[Path, ...], people: bool, config: Path, as_json: bool) -> None:
    """Warn of what the policy that FILES spell together says and nobody can have meant.

    With --people, also of roles that nobody on file has, and of those that people have and the
    policy does not. Warnings keep no policy from use.
    """
    policy = read_or_fail(files)
    held = _held_at(state_named_in(config)) if people else None
    found = linted(policy, sources_of(files), held)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    for finding in found:
        click.echo(str(finding))
    click.echo("1 warning" if len(found) == 1 else f"{len(found) or 'no'} warnings")


def _held_at(state: Path) -> Mapping[str, int]:
    """How many people have each role: of the running daemon, or off its file where none runs."""
    try:
        try:
            with Client(state) as daemon:
                return {one.role: one.people for one in daemon.roles_held().roles}
        except NoDaemonError:
            with People.open(state / PEOPLE_FILE) as people:
                return roles_held(people.roll)
    except (ControlClientError, PeopleError) as error:
        raise failed_by(error) from None


def _json(answer: Proofs) -> str:
    """The proofs as JSON, with what follows from them said as well."""
    plain = msgspec.to_builtins(answer)
    plain["ok"] = answer.hold
    for proof, item in zip(answer.proofs, plain["proofs"], strict=True):
        item["holds"] = proof.holds
    return msgspec.json.format(msgspec.json.encode(plain), indent=2).decode()
