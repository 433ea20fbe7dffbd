"""The tables of `signins.db`, as numbered steps. A step that was released is never edited."""

from edge.sqlite_library import Database, Migrations

APPLICATION_ID = 0x53505349
"""`SPSI`, where `file` and SQLite look for it."""

MIGRATIONS = Migrations("signins")

STEPS = frozenset({"0001_signins", "0002_screens"})
"""Every step there is: a file with another one was written by a newer version."""

_US = "INTEGER NOT NULL CHECK ({0} BETWEEN 0 AND 9007199254740991)"

# `totp`: sealed under the site's key. `step`: of the last code that counted. Of codes and tokens
# there is the SHA-256 alone: they are drawn, so that nobody tries them out.
_FIRST = (
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"""CREATE TABLE password (
        holder TEXT PRIMARY KEY CHECK (length(holder) BETWEEN 1 AND 64),
        hash TEXT NOT NULL CHECK (length(hash) BETWEEN 1 AND 256),
        totp BLOB NOT NULL CHECK (length(totp) BETWEEN 1 AND 256),
        step {_US.format("step")}
    ) STRICT""",
    f"""CREATE TABLE passkey (
        id TEXT PRIMARY KEY CHECK (length(id) = 16),
        holder TEXT NOT NULL CHECK (length(holder) BETWEEN 1 AND 64),
        label TEXT NOT NULL CHECK (length(label) <= 64),
        credential BLOB NOT NULL UNIQUE CHECK (length(credential) BETWEEN 1 AND 1024),
        count INTEGER NOT NULL CHECK (count BETWEEN 0 AND 4294967295),
        made_us {_US.format("made_us")},
        used_us {_US.format("used_us")}
    ) STRICT""",
    f"""CREATE TABLE code (
        hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
        what TEXT NOT NULL CHECK (what IN ('first', 'invitation', 'link')),
        holder TEXT NOT NULL CHECK (length(holder) <= 64),
        until_us {_US.format("until_us")}
    ) STRICT""",
    f"""CREATE TABLE session (
        hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
        id TEXT NOT NULL UNIQUE CHECK (length(id) = 16),
        holder TEXT NOT NULL CHECK (length(holder) BETWEEN 1 AND 64),
        how TEXT NOT NULL CHECK (length(how) BETWEEN 1 AND 32),
        terminal TEXT NOT NULL CHECK (length(terminal) <= 64),
        begun_us {_US.format("begun_us")},
        seen_us {_US.format("seen_us")},
        ends_us {_US.format("ends_us")},
        locked INTEGER NOT NULL CHECK (locked IN (0, 1))
    ) STRICT""",
)


@MIGRATIONS(name="0001_signins")
def _signins(database: Database) -> None:
    for statement in _FIRST:
        database.execute(statement)


_SCREENS = f"""CREATE TABLE screen (
    terminal TEXT PRIMARY KEY CHECK (length(terminal) BETWEEN 1 AND 64),
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    made_us {_US.format("made_us")}
) STRICT"""


@MIGRATIONS(name="0002_screens")
def _screens(database: Database) -> None:
    database.execute(_SCREENS)
