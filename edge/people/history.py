"""The line of changes that has led to the people on file: who, when, what, and how it came here.

A step tells by ids what was changed, never what stood there before: a name or a PIN that was taken
away is kept nowhere.
"""

import msgspec

from controller.holders import Provenance
from edge.people.records import UNKNOWN, Change, Digest, Made, Roll, Step, Touched, contents_digest
from edge.sqlite_library import Database

TOUCHED_KEPT = 500
"""What a change was about is known of so many: an edge that has missed more takes everybody."""

SCHEME = 2
"""How the digests of steps are made; `edge/people/schema.py` tells of those before. Digests of
another scheme cannot be compared with what is on file."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One change as it is shown. `came`: who brought it here and when; `seq`: the journal's number.

    `people` are the integrator's ids of those whom it was about and who are still on file.
    """

    step: Step
    came: Made
    change_set: Digest | None
    keys: tuple[str, ...]
    seq: int | None
    people: tuple[str, ...]


def begin(database: Database, roll: Roll) -> None:
    """The people as they stand are the beginning of the line where none leads to them: in a file
    from before there was a history, and in one whose digests a later version makes otherwise."""
    if roll.version and database.table("history").count == 0:
        step = Step(number=roll.version, digest=contents_digest(roll), made=UNKNOWN)
        write(database, Change(base=roll.version, steps=(step,)), UNKNOWN)
    database.execute(
        "UPDATE history SET digest = ?, scheme = ? WHERE number = ? AND scheme <> ?",
        [contents_digest(roll), SCHEME, roll.version, SCHEME],
    )


def write(database: Database, change: Change, came: Made, scheme: int = SCHEME) -> None:
    """The steps of a change, inside its transaction. `scheme`: that of their digests."""
    rows = (
        {
            "number": step.number,
            "digest": step.digest,
            "made": msgspec.json.encode(step.made).decode(),
            "touched": None if step.touched is None else msgspec.json.encode(step.touched),
            "came": msgspec.json.encode(came).decode(),
            "change_set": change.change_set,
            "keys": msgspec.json.encode(change.keys).decode(),
            "seq": None,
            "scheme": scheme,
        }
        for step in change.steps
    )
    database.table("history").insert_all(rows)
    database.execute(
        "UPDATE history SET touched = NULL WHERE number <= ? AND touched IS NOT NULL",
        [change.number - TOUCHED_KEPT],
    )


def note_seq(database: Database, change: Change, seq: int) -> None:
    """The steps of a change stand in the journal as the entry `seq`."""
    database.execute("UPDATE history SET seq = ? WHERE number > ?", [seq, change.base])


def provenance(database: Database) -> Provenance:
    """Of the newest change."""
    for row in database.query("SELECT * FROM history ORDER BY number DESC LIMIT 1"):
        return provenance_of(_step(row), row["change_set"], _keys(row))
    return Provenance()


def provenance_of(step: Step, change_set: Digest | None, keys: tuple[str, ...]) -> Provenance:
    return Provenance(made_utc_us=step.made.utc_us or None, change_set=change_set or "", keys=keys)


def newest(database: Database, count: int, roll: Roll) -> tuple[Entry, ...]:
    """The last `count` changes, the newest first."""
    rows = database.query("SELECT * FROM history ORDER BY number DESC LIMIT ?", [count])
    return tuple(_entry(row, roll) for row in rows)


def steps(database: Database, count: int) -> tuple[Step, ...]:
    """The last `count` changes, in order: those whose digests can be compared with today's."""
    rows = database.query(
        "SELECT * FROM history WHERE scheme = ? ORDER BY number DESC LIMIT ?", [SCHEME, count]
    )
    return tuple(reversed([_step(row) for row in rows]))


def _entry(row: dict[str, object], roll: Roll) -> Entry:
    step = _step(row)
    touched = step.touched or Touched()
    badges = map(roll.credentials.get, touched.credentials)
    owners = {badge.holder for badge in badges if badge is not None}
    subjects = map(roll.holders.get, {*touched.holders, *touched.pins, *owners})
    people = sorted(one.external_id for one in subjects if one is not None)
    return Entry(
        step=step,
        came=msgspec.json.decode(str(row["came"]), type=Made),
        change_set=msgspec.convert(row["change_set"], Digest | None),
        keys=_keys(row),
        seq=msgspec.convert(row["seq"], int | None),
        people=tuple(people),
    )


def _step(row: dict[str, object]) -> Step:
    touched = row["touched"]
    return msgspec.convert(
        {
            "number": row["number"],
            "digest": row["digest"],
            "made": msgspec.json.decode(str(row["made"])),
            "touched": None
            if touched is None
            else msgspec.json.decode(msgspec.convert(touched, bytes)),
        },
        Step,
    )


def _keys(row: dict[str, object]) -> tuple[str, ...]:
    return msgspec.json.decode(str(row["keys"]), type=tuple[str, ...])
