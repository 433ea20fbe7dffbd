-- What was said of the journal's size. `peaks`: the complete subtrees of the tree of `size` leaves,
-- the largest first, 32 bytes each. `note`: the signed checkpoint; `cosigned`: the same with the
-- witness's signature, once it has come.
CREATE TABLE checkpoint (
    size INTEGER PRIMARY KEY CHECK (size >= 0),
    utc_us INTEGER NOT NULL,
    peaks BLOB NOT NULL CHECK (length(peaks) % 32 = 0),
    note TEXT NOT NULL,
    cosigned TEXT
) STRICT;
