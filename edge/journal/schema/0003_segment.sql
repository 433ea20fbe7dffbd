-- Where each segment but the first begins, up to this one: `before` is the last entry that stands in
-- front of it, `chain` the chain's value and `peaks` the tree there. `note`: the final checkpoint of
-- the segment in front, `cosigned` as in `checkpoint`. In a sealed segment an entry of no bytes was
-- pruned: its leaf and chain stay.
CREATE TABLE segment (
    number INTEGER PRIMARY KEY CHECK (number >= 2),
    before INTEGER NOT NULL CHECK (before >= 1),
    chain BLOB NOT NULL CHECK (length(chain) = 32),
    peaks BLOB NOT NULL CHECK (length(peaks) % 32 = 0),
    began_utc_us INTEGER NOT NULL,
    note TEXT NOT NULL,
    cosigned TEXT
) STRICT;
