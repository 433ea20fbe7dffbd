"""Who has signed, as the people on file: the site file says it of each key."""

from collections.abc import Collection

from controller.ids import HolderId
from edge.people.records import Roll
from edge.signatures import TrustedKey, Verified


def signers_on_file(
    signed: Verified, keys: Collection[TrustedKey], roll: Roll
) -> tuple[HolderId | None, ...]:
    """For each person who has signed, under which id he is on file; None where the site file does
    not say it, or his keys do not agree. Takes a while where many are on file.
    """
    found: list[HolderId | None] = []
    for person in signed.people:
        named = {
            key.holder
            for key in keys
            if key.person == person and key.id in signed.keys and key.holder
        }
        record = roll.named(named.pop()) if len(named) == 1 else None
        found.append(None if record is None else HolderId(record.id))
    return tuple(found)
