-- One segment of the journal. Rows are final: whatever comes later (tree, checkpoints, further
-- segments, pruning) is added beside them and changes no stored byte.

-- `entry`: the bytes as encoded, hashed and sent. `leaf` = SHA-256(0x00 || entry), `chain` =
-- SHA-256(chain of seq - 1 || leaf); before seq 1 stands the origin of site, edge, incarnation.
CREATE TABLE entry (
    seq INTEGER PRIMARY KEY CHECK (seq >= 1),
    entry BLOB NOT NULL,
    leaf BLOB NOT NULL CHECK (length(leaf) = 32),
    chain BLOB NOT NULL CHECK (length(chain) = 32)
) STRICT;

-- Values about people, with the salts of their commitments. Deleting a row erases the value and
-- leaves entry, leaf and chain as they are.
CREATE TABLE personal (
    seq INTEGER NOT NULL,
    field TEXT NOT NULL,
    value TEXT NOT NULL,
    salt BLOB NOT NULL CHECK (length(salt) = 16),
    PRIMARY KEY (seq, field)
) STRICT, WITHOUT ROWID;

-- The state after `seq`. `digest` binds the state to the chain's value at `seq`.
CREATE TABLE snapshot (
    seq INTEGER PRIMARY KEY CHECK (seq >= 0),
    made_utc_us INTEGER NOT NULL,
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    state BLOB NOT NULL
) STRICT;

-- site, edge, incarnation, created_utc_us, acked.
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
