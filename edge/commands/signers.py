"""By whose keys a command judges what was signed of a journal's size."""

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from edge.commands.common import SITE_FILE_KEY, Misconfigured
from edge.failed import Failed

if TYPE_CHECKING:
    from edge.journal import Signers
    from edge.notes import NoteKey

key_option = click.option(
    "--key", metavar="KEY", help="The journal's public key, instead of the one beside it."
)


def signers(state: Path, key: str | None) -> "Signers":
    """Of the journal in a state folder: the key that is given, or that of the folder where it can
    be read, and the witness that the site file names where that was asked for the folder.

    Raises Failed, Misconfigured.
    """
    from edge.journal import Signers
    from edge.journal_keys import public_keys
    from edge.witness_keys import witnesses_of

    if key is not None:
        return Signers.under((given_key(key).public,), witnesses_of(_witness(), state))
    # None of a copy without its key; the report says that no signature was judged.
    return Signers.under(public_keys(state), witnesses_of(_witness(), state))


def given_key(text: str) -> "NoteKey":
    """The journal's key, as `journal verify` prints it. Raises Failed."""
    from edge.notes import NoteError, note_key

    try:
        return note_key(text)
    except NoteError as error:
        raise Failed(str(error), "copy the line that `sentrypost journal verify` prints") from error


def _witness() -> "NoteKey | None":
    from edge.notes import NoteError, note_key

    context = click.get_current_context()
    state_given, file_given = (
        context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        for name in ("state", "config")
    )
    if state_given and not file_given:
        return None  # the site file that happens to lie here may be another site's
    file: Path = context.meta[SITE_FILE_KEY]
    try:
        broker = tomllib.loads(file.read_text("utf-8")).get("broker")
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{file}: {error}", "mend it, or give --state alone") from error
    text = broker.get("witness") if isinstance(broker, dict) else None
    try:
        return note_key(text) if isinstance(text, str) else None
    except NoteError as error:
        remedy = "copy the line that `sentrypost central key` has printed"
        raise Misconfigured(f"{file}: [broker] witness: {error}", remedy) from error
