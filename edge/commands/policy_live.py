"""`sentrypost policy sign`, `show`, `load`, `return` and `status`: which policy is in force."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import click
import msgspec

from edge.commands.check import about_signers, loaded
from edge.commands.common import (
    Failed,
    connected,
    failed_by,
    json_option,
    passphrase,
    state_option,
    write_whole,
    zone_named,
)
from edge.commands.policy_compare import changes_in_words
from edge.commands.policy_files import FILES, sources_of
from edge.control.messages_policy import PolicyReply, PolicyStatusReply
from edge.key_files import KeyFileError
from edge.policy_bundle import (
    COPY_AGAIN,
    ENVELOPE_BYTES_MAX,
    PAYLOAD_TYPE,
    Bundle,
    BundleError,
    compiled,
    needed_by,
    own_tzdata,
    packed,
    proven,
    unpacked,
)
from edge.policy_start import served_next
from edge.present import clean, local
from edge.signatures import (
    SignatureError,
    TrustedKey,
    Use,
    signed_too,
    unverified,
    verify,
)
from edge.signatures import (
    sign as signed,
)
from edge.signing_keys import load_signing_key
from policies import CompiledPolicy, PolicyError, SourceFile

DIGEST_SIGNS = 16
SIGNED_SUFFIX = ".policy"

SIGNED_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("files", nargs=-1, type=FILES)
@click.option(
    "--key",
    "key_file",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The private key to sign with, of `sentrypost key new`.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The file to write.")
@click.option("--add", type=SIGNED_FILE, help="A signed policy, to which a signature is added.")
def sign(files: tuple[Path, ...], key_file: Path, out: Path | None, add: Path | None) -> None:
    """Sign the policy that FILES spell together into --out, or one more time the one of --add.

    It is checked and proven before. With --add, FILES may name the policy that is in force, as
    files or as a signed one: what changes is said before anything is signed.
    """
    try:
        if add is None:
            if not files or out is None:
                raise click.UsageError("name the policy's files and --out, or a signed file: --add")
            _sign_files(files, key_file, out)
        else:
            _sign_too(add, files, key_file, out or add)
    except BundleError as error:
        _name(error.problems)
        raise failed_by(error) from None
    except PolicyError as error:
        _name(error.problems)
        raise Failed("the policy has mistakes", "mend them and sign it then") from None
    except (SignatureError, KeyFileError) as error:
        raise failed_by(error) from None


@click.command()
@click.argument("file", type=SIGNED_FILE)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The site file, whose keys say who has signed.",
)
@json_option
def show(file: Path, config: Path | None, as_json: bool) -> None:
    """Say what the signed policy FILE holds and who has signed it."""
    site = None if config is None else loaded(config)
    keys = () if site is None else site.keys
    try:
        envelope = _read(file)
        payload, ids = unverified(envelope, PAYLOAD_TYPE)
        bundle = unpacked(payload)
        people, good = _signatures(envelope, keys)
    except (BundleError, SignatureError) as error:
        raise failed_by(error) from None
    if as_json:
        facts = msgspec.to_builtins(bundle) | {
            "files": {one.name: len(one.text.encode()) for one in bundle.files},
            "keys": list(ids),
            "verified_keys": list(good),
            "signed_by": list(people),
        }
        click.echo(json.dumps(facts, indent=2))
        return
    _say(_about(bundle))
    for one in bundle.files:
        click.echo(clean(f"file {one.name}, {len(one.text.encode())} bytes"))
    for key in ids:
        click.echo(clean(f"signature of key {key}{_worth(key, good, config)}"))
    if site is not None:
        needs = needed_by(served_next(site))
        click.echo(clean(f"{len(people)} of {needs} people: {', '.join(people) or 'nobody'}"))


@click.command()
@click.argument("file", type=click.File("rb"))
@state_option
@json_option
def load(file: BinaryIO, state: Path, as_json: bool) -> None:
    """Put the signed policy FILE in force at the running edge.

    Two people must have signed it who may sign policies by the site file, or as many as
    [order.policy] of the policy in force says, with its roles; its version is higher than every one
    before; every invariant holds; and it has the portals and fire inputs that the
    site file wires. For other portals stop the edge, change site file and policy together, and
    start it. What is refused changes nothing; who waits at a keypad is judged by the earlier one.
    """
    data = file.read(ENVELOPE_BYTES_MAX + 1)
    with connected(state) as daemon:
        _told(daemon.load_policy(data), as_json)


@click.command(name="return")
@state_option
@json_option
def return_(state: Path, as_json: bool) -> None:
    """Put the policy in force again that was before the present one.

    One step, without signatures, recorded under your account's name. What is taken back comes into
    force again under a higher version alone, signed by two people.
    """
    with connected(state) as daemon:
        _told(daemon.return_policy(), as_json)


@click.command()
@state_option
@json_option
def status(state: Path, as_json: bool) -> None:
    """Say which policy is in force, since when and by whom, and what a return leads to."""
    with connected(state) as daemon:
        reply = daemon.policy_status()
    if as_json:
        click.echo(msgspec.json.encode(reply))
    else:
        _say(_in_force(reply))


LIVE = (sign, show, load, return_, status)


# --- signing --------------------------------------------------------------------------------------


def _sign_files(files: tuple[Path, ...], key_file: Path, out: Path) -> None:
    sources = sources_of(files)
    bundle = unpacked(packed(sources, compiled(sources)))
    proven(bundle)
    _say(_about(bundle))
    key = load_signing_key(key_file, passphrase)
    write_whole(out, signed(msgspec.json.encode(bundle), PAYLOAD_TYPE, [key]), new=True)
    click.echo(f"{out}: signed with key {key.id}")


def _sign_too(add: Path, files: tuple[Path, ...], key_file: Path, out: Path) -> None:
    envelope = _read(add)
    bundle = unpacked(unverified(envelope, PAYLOAD_TYPE)[0])
    policy = proven(bundle)
    _say(_about(bundle))
    if bundle.tzdata != own_tzdata():
        click.echo(f"its time zones are {bundle.tzdata}, those of here {own_tzdata()}")
    if files:
        _say(changes_in_words(_policy_in(files), policy))
    key = load_signing_key(key_file, passphrase)
    write_whole(out, signed_too(envelope, key), new=out != add)
    click.echo(f"{out}: signed with key {key.id}")


def _policy_in(files: tuple[Path, ...]) -> CompiledPolicy:
    sources: list[SourceFile] = []
    for file in files:
        if file.suffix == SIGNED_SUFFIX:
            sources += unpacked(unverified(_read(file), PAYLOAD_TYPE)[0]).sources
        else:
            sources += sources_of((file,))
    return compiled(sources)


def _read(file: Path) -> bytes:
    """Raises BundleError."""
    with file.open("rb") as opened:
        data = opened.read(ENVELOPE_BYTES_MAX + 1)
    if len(data) > ENVELOPE_BYTES_MAX:
        raise BundleError(f"larger than {ENVELOPE_BYTES_MAX} bytes: no signed policy", COPY_AGAIN)
    return data


def _signatures(
    envelope: bytes, keys: tuple[TrustedKey, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """People and keys of the site whose signatures hold."""
    try:
        found = verify(envelope, keys, PAYLOAD_TYPE, Use.POLICY)
    except SignatureError:
        return (), ()
    return found.people, found.keys


# --- what is said ---------------------------------------------------------------------------------


def _about(bundle: Bundle) -> Iterator[str]:
    yield f"policy {bundle.name or bundle.site} of site {bundle.site}, version {bundle.version}"
    yield f"digest {bundle.digest}, time zones {bundle.tzdata}"


def _worth(key: str, good: tuple[str, ...], config: Path | None) -> str:
    if config is None:
        return ", not looked at: --config names the site file with the keys"
    return ", holds" if key in good else ", counts for nothing at this site"


def _told(reply: PolicyReply, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(reply))
    if not reply.applied:
        _name(reply.problems)
        raise Failed(f"the policy in force is unchanged: {clean(reply.reason)}", reply.remedy)
    if not as_json:
        signed = f", signed by {', '.join(reply.signed_by)}" if reply.signed_by else ""
        digest = reply.digest[:DIGEST_SIGNS]
        click.echo(clean(f"version {reply.version} is in force, digest {digest}{signed}"))
    if not reply.recorded:
        raise Failed(
            "it decides from here on and is not on record: the journal cannot be written",
            "mend the disk; if the power goes before, the earlier policy is in force again",
        )


def _in_force(reply: PolicyStatusReply) -> Iterator[str]:
    name = f"{reply.name}, " if reply.name else ""
    yield f"{name}version {reply.version}, digest {reply.digest}"
    yield f"time zones {reply.tzdata}, times in {reply.timezone}"
    if reply.since_utc_us is not None:
        by = f" by {reply.operator}" if reply.operator else " by a start of the edge"
        yield f"in force since {local(reply.since_utc_us, zone_named(reply.timezone))}{by}"
    if reply.signed_by:
        yield f"signed by {', '.join(reply.signed_by)}"
    else:
        yield "signed by nobody: it comes from the site file"
    if reply.before:
        before = reply.before[:DIGEST_SIGNS]
        yield f"`sentrypost policy return` leads to version {reply.before_version}, digest {before}"
    else:
        yield "there is no policy to return to"
    yield from about_signers(reply.signers, reply.needs, reply.roles)
    if reply.note:
        yield f"{reply.note}; {reply.remedy}"


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(clean(line))


def _name(problems: Iterable[object]) -> None:
    for problem in problems:
        click.echo(clean(str(problem)), err=True)
