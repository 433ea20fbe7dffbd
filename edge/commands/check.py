"""`sentrypost check`"""

import json
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from edge.commands.common import Misconfigured, config_option, json_option, said_mistakes
from edge.failed import CONFIGURATION

if TYPE_CHECKING:
    from edge.config import Config
    from policies import CompiledPolicy

DIGEST_SIGNS = 16

_IN_WORDS = {2: "two", 3: "three", 4: "four", 5: "five"}
"""As many people as can have to sign."""


@click.command()
@config_option
@json_option
def check(config: Path, as_json: bool) -> None:
    """Check the site file and its policy: every mistake, or what they amount to."""
    from edge.policy_start import served_next
    from edge.present import clean

    if as_json:
        _as_json(config)
        return
    site = loaded(config)
    if site.tls_faults:
        said_mistakes(site.tls_faults)
        raise Misconfigured(
            "nothing would go to the broker; every door works", f"mend what {config} names"
        )
    if site.template_keys.faults:
        said_mistakes(site.template_keys.faults)
        raise Misconfigured("no face would be compared; every door works", f"mend {config}")
    policy = site.policy
    readers = _readers(site)
    click.echo(f"{config} is in order")
    click.echo(f"site {site.site}, edge {site.edge}; state in {site.state}")
    click.echo(
        f"policy {policy.name or policy.site}, version {policy.version}, "
        f"digest {policy.digest[:DIGEST_SIGNS]}, times in {policy.timezone}"
    )
    click.echo(
        f"{len(site.portals)} portals, {len(readers)} readers, {len(site.fires)} fire inputs, "
        f"{len(site.lines)} lines, {len(site.devices)} devices"
    )
    for line in (*_about_cameras(site), *_about_unpaired(site)):
        click.echo(clean(line))
    broker = site.broker
    where = "none: nothing leaves this edge"
    if broker is not None:
        where = ", or ".join(map(str, (f"{broker.host}:{broker.port}", *site.broker_nodes)))
    click.echo(f"broker {where}{_secured(site)}")
    freed = opened_by_fire(site)
    click.echo("fire opens for entry too: " + (", ".join(freed) if freed else "no portal"))
    if site.points or site.local_sources:
        click.echo(_about_points(site))
    click.echo(about_retention(site))
    for line in (*_about_keys(site, served_next(site)), *_another_in_force(site)):
        click.echo(clean(line))


def _about_unpaired(site: "Config") -> Iterator[str]:
    """Which devices have no key yet, or have one under another name."""
    from drivers.family import files_named

    for _, line in site.lines.values():
        for device in line.devices:
            for key, name in files_named(device.options).items():
                if key not in device.files:
                    yield f"device {device.name} has to be paired: there is no {key} file '{name}'"


def _about_cameras(site: "Config") -> Iterator[str]:
    """Each camera, and whom it looks at."""
    from edge.cameras import watched_zone

    for name, (driver, spec) in site.cameras.items():
        options = spec.options
        zone = watched_zone(site.policy, options)
        masks = f", {len(options.masks)} privacy masks" if options.masks else ""
        yield f"camera {name}: {driver}, {options.side} of {options.portal} from {zone}{masks}"


def _about_points(site: "Config") -> str:
    """How many lines are watched, and of which a cut is not seen."""
    two = [f"point {name}" for name, one in site.points.items() if not one.supervised]
    two += [f"source {name}" for name, one in site.local_sources.items() if not one.supervised]
    blind = f"; of two states alone, a cut is not seen: {', '.join(two)}" if two else ""
    return f"{len(site.points)} alarm points, {len(site.local_sources)} local sources{blind}"


def _secured(site: "Config") -> str:
    from edge.tls import identity

    if site.broker is None:
        return ""
    if site.tls is None:
        return ", WITHOUT TLS: names and password cross the network in the clear"
    found = identity(site.tls)
    return f", TLS as {found.name}, certificate until {found.until.date()}"


def about_retention(site: "Config") -> str:
    """For how long the journal is kept."""
    if not site.retention:
        return "journal kept for good"
    kept = ", ".join(f"{one} {days} days" for one, days in sorted(site.retention.items()))
    if site.broker is None or site.witness is None:
        return f"journal kept for good in spite of [retention] ({kept}): no witness cosigns it"
    return f"journal kept: {kept}; the rest for good"


def about_signers(people: tuple[str, ...], needs: int, roles: Collection[str]) -> Iterator[str]:
    """What it means how many people may sign policies. `needs`: as many as the policy in force asks
    for, on file with one of `roles` where it names any.
    """
    from edge.policy_bundle import SIGNERS

    if len(people) < SIGNERS:
        yield (
            "whoever can write the site file can change the policy: fewer than two people have a "
            "key that may sign policies"
        )
        return
    on_file = f", each on file with one of the roles: {', '.join(roles)}" if roles else ""
    yield f"policies are signed by {_IN_WORDS[needs]} of: {', '.join(people)}{on_file}"
    if len(people) < needs:
        yield "no policy can be loaded: fewer people have a key that may sign policies"


def _about_keys(site: "Config", policy: "CompiledPolicy") -> Iterator[str]:
    """Who may put another policy in the place of `policy`, and whose key says too little."""
    from edge.policy_bundle import needed_by, roles_in, signers
    from edge.signatures import Use

    roles = roles_in(policy)
    yield from about_signers(signers(site.keys), needed_by(policy), roles)
    for key in site.keys if roles else ():
        if Use.POLICY in key.may and not key.holder:
            yield f"key.{key.name} counts for nothing there: it does not name its holder on file"


def _another_in_force(site: "Config") -> Iterator[str]:
    """What the daemon says of the policy, where one runs and it is another one."""
    from edge.control.client import Client, ControlClientError

    try:
        with Client(site.state) as daemon:
            found = daemon.policy_status()
    except ControlClientError:
        return
    if found.digest != site.policy.digest:
        digest = found.digest[:DIGEST_SIGNS]
        yield f"in force is another policy: version {found.version}, digest {digest}"
    if found.note:
        yield f"{found.note}; {found.remedy}"


def loaded(config: Path) -> "Config":
    """The site file, checked. Prints every mistake and raises Misconfigured."""
    from edge.config import ConfigError, load_config

    try:
        return load_config(config)
    except ConfigError as error:
        mistakes = said_mistakes(error.problems)
        raise Misconfigured(
            f"{config} has {mistakes}", "mend them and run `sentrypost check` again"
        ) from error


def opened_by_fire(site: "Config") -> list[str]:
    """Portals whose lock lets go in a fire: whoever stands outside can come in then."""
    from policies.compiled import OnFire

    return [rule.id for rule in site.policy.portals if rule.on_fire is OnFire.RELEASE]


def _readers(site: "Config") -> list[str]:
    sides = ((portal.entry_reader, portal.exit_reader) for portal in site.portals.values())
    return [reader for pair in sides for reader in pair if reader is not None]


def _as_json(config: Path) -> None:
    from edge.config import ConfigError, load_config
    from edge.policy_bundle import signers

    try:
        site = load_config(config)
    except ConfigError as error:
        problems = msgspec.to_builtins(error.problems)
        click.echo(json.dumps({"ok": False, "problems": problems}, ensure_ascii=False))
        sys.exit(CONFIGURATION)
    faults = (*site.tls_faults, *site.template_keys.faults)
    if faults:
        problems = msgspec.to_builtins(faults)
        click.echo(json.dumps({"ok": False, "problems": problems}, ensure_ascii=False))
        sys.exit(CONFIGURATION)
    answer = {
        "ok": True,
        "problems": [],
        "site": site.site,
        "edge": site.edge,
        "state": str(site.state),
        "policy_version": site.policy.version,
        "policy_digest": site.policy.digest,
        "portals": list(site.portals),
        "readers": _readers(site),
        "fires": list(site.fires),
        "cameras": list(site.cameras),
        "opened_by_fire": opened_by_fire(site),
        "policy_signers": list(signers(site.keys)),
        "retention_days": dict(sorted(site.retention.items())),
        "prunes": bool(site.retention) and site.broker is not None and site.witness is not None,
    }
    click.echo(json.dumps(answer, ensure_ascii=False))
