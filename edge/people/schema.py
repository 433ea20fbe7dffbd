"""The tables of `site.db`, as numbered steps. A step that was released is never edited."""

from edge.sqlite_library import Database, Migrations

APPLICATION_ID = 0x53505045
"""`SPPE`, where `file` and SQLite look for it."""

MIGRATIONS = Migrations("site")

# Bounds stand here as well as in the types: a row that no version of ours would write is refused
# by the file itself. Times are UTC seconds up to 2**40, counters up to 2**53 - 1.
_FIRST = (
    f"PRAGMA application_id = {APPLICATION_ID}",
    """CREATE TABLE meta (
        key TEXT PRIMARY KEY,
        value INTEGER NOT NULL CHECK (value BETWEEN 0 AND 9007199254740991)
    ) STRICT""",
    "INSERT INTO meta (key, value) VALUES ('version', 0), ('applied_seq', 0)",
    """CREATE TABLE holder (
        id TEXT PRIMARY KEY CHECK (length(id) = 16),
        external_id TEXT NOT NULL UNIQUE CHECK (length(external_id) BETWEEN 1 AND 64),
        name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
        roles TEXT NOT NULL CHECK (length(roles) <= 2000),
        valid_from_s INTEGER CHECK (valid_from_s BETWEEN 0 AND 1099511627776),
        valid_until_s INTEGER CHECK (valid_until_s BETWEEN 0 AND 1099511627776),
        suspended INTEGER NOT NULL CHECK (suspended IN (0, 1)),
        watchlisted INTEGER NOT NULL CHECK (watchlisted IN (0, 1)),
        version INTEGER NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991)
    ) STRICT""",
    """CREATE TABLE credential (
        id TEXT PRIMARY KEY CHECK (length(id) = 16),
        holder TEXT NOT NULL REFERENCES holder (id) ON DELETE CASCADE,
        ref TEXT NOT NULL UNIQUE CHECK (length(ref) = 64),
        status TEXT NOT NULL CHECK (status IN ('active', 'suspended', 'lost', 'revoked'))
    ) STRICT""",
    "CREATE INDEX credential_holder ON credential (holder)",
    """CREATE TABLE pin (
        holder TEXT PRIMARY KEY REFERENCES holder (id) ON DELETE CASCADE,
        hash TEXT NOT NULL CHECK (hash GLOB '$argon2id$*' AND length(hash) <= 256)
    ) STRICT""",
    # At most one change is on its way into the journal.
    """CREATE TABLE staged (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        version INTEGER NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
        digest TEXT NOT NULL CHECK (length(digest) = 64),
        change BLOB NOT NULL
    ) STRICT""",
)

# Digests and ids as in the types; `touched` is JSON, and NULL where it is no longer known. The
# second half of a row says how the change came here: in which signed set, who took it, and its
# number in the journal of this edge.
_SECOND = (
    """CREATE TABLE history (
        number INTEGER PRIMARY KEY CHECK (number BETWEEN 1 AND 9007199254740991),
        digest TEXT NOT NULL CHECK (length(digest) = 64),
        made TEXT NOT NULL CHECK (length(made) <= 2000),
        touched BLOB,
        came TEXT NOT NULL CHECK (length(came) <= 2000),
        change_set TEXT CHECK (length(change_set) = 64),
        keys TEXT NOT NULL CHECK (length(keys) <= 2000),
        seq INTEGER CHECK (seq BETWEEN 1 AND 9007199254740991)
    ) STRICT""",
    "ALTER TABLE staged ADD COLUMN came TEXT NOT NULL DEFAULT '{}'",
)

# Names of watchlists as JSON, as with roles.
_THIRD = (
    "ALTER TABLE holder ADD COLUMN watchlists TEXT NOT NULL DEFAULT '[]'"
    " CHECK (length(watchlists) <= 2000)",
    "ALTER TABLE holder ADD COLUMN biometrics INTEGER NOT NULL DEFAULT 1"
    " CHECK (biometrics IN (0, 1))",
)

# NULL where the person has no second PIN.
_FOURTH = (
    "ALTER TABLE pin ADD COLUMN duress_hash TEXT"
    " CHECK (duress_hash GLOB '$argon2id$*' AND length(duress_hash) <= 256)",
)

# How a digest is made. 1: over JSON of everybody; 2: over the trees of `controller/packed.py`.
_FIFTH = (
    "ALTER TABLE history ADD COLUMN scheme INTEGER NOT NULL DEFAULT 1 CHECK (scheme >= 1)",
    "ALTER TABLE staged ADD COLUMN scheme INTEGER NOT NULL DEFAULT 1 CHECK (scheme >= 1)",
)

STEPS = frozenset({"0001_people", "0002_history", "0003_lists", "0004_duress", "0005_digests"})
"""Every step there is: a file with another one was written by a newer version."""


@MIGRATIONS(name="0001_people")
def _people(database: Database) -> None:
    for statement in _FIRST:
        database.execute(statement)


@MIGRATIONS(name="0002_history")
def _history(database: Database) -> None:
    for statement in _SECOND:
        database.execute(statement)


@MIGRATIONS(name="0003_lists")
def _lists(database: Database) -> None:
    for statement in _THIRD:
        database.execute(statement)


@MIGRATIONS(name="0004_duress")
def _duress(database: Database) -> None:
    for statement in _FOURTH:
        database.execute(statement)


@MIGRATIONS(name="0005_digests")
def _digests(database: Database) -> None:
    for statement in _FIFTH:
        database.execute(statement)
