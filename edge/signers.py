"""Who has signed, as the people on file: the site file says it of each key."""

import asyncio
from collections.abc import Collection, Mapping

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
        named = _named(signed, his)
        record = None if named is None else roll.named(named)
        found.append(None if record is None else HolderId(record.id))
    return tuple(found)


class KnownSigners:
    """The same for the keys of one site file, kept ready: an order that locks doors waits for
    nobody who looks through everybody on file.
    """

    def __init__(self, keys: Collection[TrustedKey]) -> None:
        self._keys = keys
        self._names = frozenset(key.holder for key in keys if key.holder)
        self._roll: Roll | None = None
        self._ids: Mapping[str, HolderId] = {}

    async def keep(self, roll: Roll) -> None:
        """Know these people from here on. Takes a while where they are many and others than
        before, and returns at once otherwise.
        """
        if roll is not self._roll:
            self._ids = await asyncio.to_thread(self._found, roll) if self._names else {}
            self._roll = roll

    async def of(self, signed: Verified, roll: Roll) -> tuple[HolderId | None, ...]:
        """As `signers_on_file`."""
        await self.keep(roll)
        found = []
        for person in signed.people:
            named = _named(signed, [key for key in self._keys if key.person == person])
            found.append(None if named is None else self._ids.get(named))
        return tuple(found)

    def known(self, key: TrustedKey) -> HolderId | None:
        """Under which id the owner of this key is on file, among the people kept last."""
        return self._ids.get(key.holder) if key.holder else None

    def _found(self, roll: Roll) -> dict[str, HolderId]:
        on_file = roll.holders.values()
        return {r.external_id: HolderId(r.id) for r in on_file if r.external_id in self._names}


def _named(signed: Verified, his: Collection[TrustedKey]) -> str | None:
    """The one id that the keys say with which he has signed."""
    named = {key.holder for key in his if key.id in signed.keys and key.holder}
    return named.pop() if len(named) == 1 else None
