"""The tables of `pictures.db`, as numbered steps. A step that was released is never edited."""

from edge.sqlite_library import Database, Migrations

APPLICATION_ID = 0x53505049
"""`SPPI`, where `file` and SQLite look for it."""

MIGRATIONS = Migrations("pictures")

STEPS = frozenset({"0001_pictures"})
"""Every step there is: a file with another one was written by a newer version."""

# `wrapped`: the file's key under the picture key `key`. `behind`: the journal's last entry when the
# file was made. `seq`: the entry that says so; NULL until that is known to be on disk.
_FIRST = (
    f"PRAGMA application_id = {APPLICATION_ID}",
    """CREATE TABLE picture (
        id TEXT PRIMARY KEY CHECK (length(id) = 32),
        wrapped BLOB NOT NULL CHECK (length(wrapped) = 72),
        key TEXT NOT NULL CHECK (length(key) = 16),
        what TEXT NOT NULL CHECK (what IN ('picture', 'clip')),
        portal TEXT NOT NULL CHECK (length(portal) BETWEEN 1 AND 64),
        camera TEXT NOT NULL CHECK (length(camera) BETWEEN 1 AND 64),
        about TEXT NOT NULL CHECK (length(about) BETWEEN 1 AND 1000),
        made_us INTEGER NOT NULL CHECK (made_us BETWEEN 0 AND 9007199254740991),
        from_us INTEGER NOT NULL CHECK (from_us BETWEEN 0 AND 9007199254740991),
        until_us INTEGER NOT NULL CHECK (until_us BETWEEN 0 AND 9007199254740991),
        count INTEGER NOT NULL CHECK (count BETWEEN 1 AND 1000000),
        sealed_bytes INTEGER NOT NULL CHECK (sealed_bytes BETWEEN 1 AND 9007199254740991),
        sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
        incarnation TEXT NOT NULL CHECK (length(incarnation) = 16),
        behind INTEGER NOT NULL CHECK (behind BETWEEN 0 AND 9007199254740991),
        seq INTEGER CHECK (seq BETWEEN 1 AND 9007199254740991)
    ) STRICT""",
    "CREATE INDEX picture_made ON picture (what, made_us)",
    """CREATE TABLE holder (
        picture TEXT NOT NULL REFERENCES picture (id) ON DELETE CASCADE,
        holder TEXT NOT NULL CHECK (length(holder) BETWEEN 1 AND 64),
        PRIMARY KEY (picture, holder)
    ) STRICT""",
    "CREATE INDEX holder_of ON holder (holder)",
)


@MIGRATIONS(name="0001_pictures")
def _pictures(database: Database) -> None:
    for statement in _FIRST:
        database.execute(statement)
