"""Who has signed, as the people on file: the site file says it of each key."""

from collections.abc import Collection

from controller.ids import HolderId
from edge.people.records import HolderRecord, Roll
from edge.signatures import TrustedKey, Verified


def signers_on_file(
    signed: Verified,
    keys: Collection[TrustedKey],
    roll: Roll,
    about: HolderRecord | None = None,
) -> tuple[HolderId | None, ...]:
    """For each person who has signed, under which id he is on file; None where the site file does
    not say it of the keys that have signed, or they do not agree. Who may be the one whom the order
    is `about`, by any key of his, signed with or not, is that one. Takes a while where many are on
    file.
    """
    found: list[HolderId | None] = []
    for person in signed.people:
        his = [key for key in keys if key.person == person]
        if about is not None and any(key.holder == about.external_id for key in his):
            found.append(HolderId(about.id))
            continue
        named = {key.holder for key in his if key.id in signed.keys and key.holder}
        record = roll.named(named.pop()) if len(named) == 1 else None
        found.append(None if record is None else HolderId(record.id))
    return tuple(found)
