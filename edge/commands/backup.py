"""`sentrypost backup` and `sentrypost restore`: an edge in one sealed file, and back from it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec

from edge.backup.container import Key, Lock, read_header, recipient, recipient_text
from edge.backup.errors import BackupError
from edge.backup.keys import load_backup_key, make_backup_key
from edge.backup.manifest import Manifest
from edge.backup.restoring import Restored, restored, verified
from edge.backup.taking import Made, make_backup
from edge.commands.bars import Bars
from edge.commands.check import loaded
from edge.commands.common import (
    Failed,
    config_option,
    failed_by,
    json_option,
    made_key,
    passphrase,
    zone_named,
)
from edge.control.client import ControlClientError
from edge.journal import JournalError
from edge.key_files import KeyFileError
from edge.present import clean, local

LINE_BYTES_MAX = 1024
"""Of a passphrase that is read from a descriptor, with its line's end."""

out_file = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
fd_option = click.option(
    "--passphrase-fd", "descriptor", type=click.IntRange(min=0), help="Read it from a descriptor."
)
key_option = click.option(
    "--key",
    "key_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The private key of a recipient, in place of the passphrase.",
)


@click.group()
def backup() -> None:
    """All that an edge needs to stand again on another machine, in one sealed file."""


@backup.command()
@out_file
@click.option(
    "--recipient", "recipients", multiple=True, help="Seal it to this key of `backup key`."
)
@fd_option
@click.option("--pictures", is_flag=True, help="With the pictures and clips that are kept.")
@json_option
@config_option
def new(
    file: Path,
    recipients: tuple[str, ...],
    descriptor: int | None,
    pictures: bool,
    as_json: bool,
    config: Path,
) -> None:
    """Make a backup in FILE, while the edge runs or where none does.

    In it are the journal, people, templates, policies, keys, and the site file with what it names.
    Nothing of it lies there in the clear: it is sealed under a passphrase, which is asked for, or
    to the keys of --recipient, whose private halves belong elsewhere. It is there whole or not at
    all.
    """
    site = loaded(config)
    with _told():
        public = [recipient(text) for text in recipients]
        asked = "" if public and descriptor is None else _passphrase(descriptor, new=True)
        with Bars() as bars:
            done = make_backup(site, file, Lock(asked, public), bars.tell, pictures=pictures)
    _tell_made(done, as_json=as_json)


@backup.command()
@out_file
@key_option
@fd_option
@json_option
def verify(file: Path, key_file: Path | None, descriptor: int | None, as_json: bool) -> None:
    """Prove that FILE can be restored: every piece, every hash, the journal with its chain."""
    with _told():
        key = _key(file, key_file, descriptor)
        with Bars() as bars:
            manifest = verified(file, key, bars.tell)
    if as_json:
        click.echo(msgspec.json.encode(manifest))
        return
    click.echo(clean(f"{file} is whole: {_about(manifest)}"))


@backup.command("key")
@click.argument("name")
@click.option("--passphrase", "closed", is_flag=True, help="Close the key with a passphrase.")
@json_option
def key_(name: str, closed: bool, as_json: bool) -> None:
    """Make a key for backups: the private half goes into NAME.key, the recipient is printed.

    Whoever has NAME.key can open every backup that is sealed to it: keep it away from the site.
    """
    path, made = made_key(name, make_backup_key, closed=closed)
    text = recipient_text(made.public_key().public_bytes_raw())
    if as_json:
        click.echo(msgspec.json.encode({"file": str(path), "recipient": text}))
        return
    click.echo(f"{path}: the private key; keep it closed, and away from the site", err=True)
    click.echo(text)


@click.command()
@out_file
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="A folder that is empty or not there.",
)
@key_option
@fd_option
@json_option
def restore(
    file: Path, into: Path, key_file: Path | None, descriptor: int | None, as_json: bool
) -> None:
    """Put the backup in FILE back, into a new folder; nothing is ever written over.

    The journal goes on as a new one, and says so. Until two people have answered the challenge of
    `order challenge`, this edge raises protection and lowers none. See that the edge that the
    backup was made of does not run any more: two of them would speak under one name.
    """
    with _told():
        key = _key(file, key_file, descriptor)
        with Bars() as bars:
            done = restored(file, key, into, bars.tell)
    _tell_restored(done, as_json=as_json)


@contextmanager
def _told() -> Iterator[None]:
    """Raises Failed for what can be wrong with a backup."""
    try:
        yield
    except (BackupError, ControlClientError, JournalError, KeyFileError) as error:
        raise failed_by(error) from None


def _key(file: Path, key_file: Path | None, descriptor: int | None) -> Key:
    """Raises BackupError, KeyFileError, and Failed."""
    if key_file is not None:
        return Key(private=load_backup_key(key_file, passphrase))
    try:
        with file.open("rb") as opened:
            header, _ = read_header(opened)
    except OSError as error:
        raise Failed(f"{file} cannot be read: {error.strerror}", "name the backup") from None
    if header.passphrase is None:
        raise Failed("it has no passphrase: it was sealed to keys", "give one of them with --key")
    return Key(_passphrase(descriptor, new=False))


def _passphrase(descriptor: int | None, *, new: bool) -> str:
    if descriptor is None:
        if new:
            asked: str = click.prompt(
                "Passphrase", hide_input=True, confirmation_prompt=True, err=True
            )
            return asked
        return passphrase()
    try:
        with open(descriptor, "rb", closefd=False) as file:  # it has no path
            line = file.readline(LINE_BYTES_MAX)
        return line.decode().rstrip("\r\n")
    except OSError as error:
        raise Failed(
            f"descriptor {descriptor} cannot be read: {error.strerror}",
            "open it for reading, as in: --passphrase-fd 3 3<file",
        ) from None
    except UnicodeDecodeError:
        raise Failed(f"descriptor {descriptor} holds no text", "write it in UTF-8") from None


def _tell_made(done: Made, *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(done))
        return
    click.echo(
        clean(
            f"{done.file}: {done.files} files, {done.size} bytes, the journal up to entry "
            f"{done.last_seq} of {done.incarnation}"
        )
    )
    click.echo(f"prove it where it is kept: sentrypost backup verify {clean(done.file)}", err=True)


def _about(manifest: Manifest) -> str:
    made = local(manifest.made_utc_us, zone_named("UTC"))
    pictures = "with pictures" if manifest.pictures else "without pictures"
    return (
        f"{manifest.site}/{manifest.edge} of {made} UTC, {len(manifest.members)} files, "
        f"the journal up to entry {manifest.last_seq} of {manifest.incarnation}, {pictures}"
    )


def _tell_restored(done: Restored, *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(done))
        return
    click.echo(clean(f"{done.folder}: put back, up to entry {done.last_seq} of {done.before}"))
    for file, origin in done.elsewhere:
        click.echo(clean(f"{file} belongs at {origin}"), err=True)
    if done.state_belongs:
        said = f"the site file says that the state folder is {done.state_belongs}: move it there"
        click.echo(clean(said), err=True)
    click.echo(clean(f"look at it: sentrypost check --config {done.site_file}"), err=True)
    click.echo(
        "people and badges are those of that time: bring what has changed since, revocations first",
        err=True,
    )
