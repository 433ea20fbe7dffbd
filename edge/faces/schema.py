"""The tables of `faces.db`, as numbered steps. A step that was released is never edited."""

from edge.sqlite_library import Database, Migrations

APPLICATION_ID = 0x53504641
"""`SPFA`, where `file` and SQLite look for it."""

MIGRATIONS = Migrations("faces")

# `key` names the key under which a row is sealed. `in_force`: the journal has had its entry; a row
# that has not waits for it. `portrait`: one picture, sealed; no command puts one there yet.
_FIRST = (
    f"PRAGMA application_id = {APPLICATION_ID}",
    """CREATE TABLE owner (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        site TEXT NOT NULL CHECK (length(site) BETWEEN 1 AND 64),
        edge TEXT NOT NULL CHECK (length(edge) BETWEEN 1 AND 64)
    ) STRICT""",
    """CREATE TABLE template (
        holder TEXT NOT NULL CHECK (length(holder) BETWEEN 1 AND 64),
        version INTEGER NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
        in_force INTEGER NOT NULL CHECK (in_force IN (0, 1)),
        model TEXT NOT NULL CHECK (length(model) BETWEEN 1 AND 400),
        views INTEGER NOT NULL CHECK (views BETWEEN 1 AND 64),
        made_s INTEGER NOT NULL CHECK (made_s BETWEEN 0 AND 1099511627776),
        key TEXT NOT NULL CHECK (length(key) = 16),
        sealed BLOB NOT NULL CHECK (length(sealed) BETWEEN 40 AND 4096),
        portrait BLOB CHECK (length(portrait) BETWEEN 40 AND 262144),
        PRIMARY KEY (holder, version)
    ) STRICT""",
)

STEPS = frozenset({"0001_templates"})
"""Every step there is: a file with another one was written by a newer version."""


@MIGRATIONS(name="0001_templates")
def _templates(database: Database) -> None:
    for statement in _FIRST:
        database.execute(statement)
