"""Whether somebody may use the pages now: looked up anew at every request, by file and policy."""

import asyncio
from typing import NamedTuple

from controller.company import in_good_standing
from controller.ids import HolderId
from edge.daemon import Daemon
from edge.people.records import HolderRecord, Roll
from policies.compiled import CompiledPolicy
from policies.rights import Right


class Known(NamedTuple):
    """Somebody on file and in good standing, with at least one right."""

    holder: HolderId
    record: HolderRecord
    rights: frozenset[Right]


def known(daemon: Daemon, holder: HolderId) -> Known | None:
    """None: there is nobody of that id, or not in good standing, or without a right. Who is gone
    from the file is unknown at once, and so is who was suspended.
    """
    record = daemon.people.roll.holders.get(holder)
    facts = daemon.site.directory.holders.get(holder)
    policy = daemon.site.policy
    if record is None or facts is None:
        return None
    rights = policy.page_rights(facts.facts.roles)
    if not rights or not in_good_standing(policy, facts.facts, daemon.now()):
        return None
    return Known(holder, record, rights)


class Names:
    """Who is called what, of those who may use the pages. All of them are looked through where
    people or policy are others than before: beside the event loop.
    """

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._of: tuple[Roll, CompiledPolicy] | None = None
        self._ids: dict[str, HolderId] = {}

    async def of(self, person: str) -> HolderId | None:
        """The id of whom the integrator calls that."""
        return (await self.all()).get(person)

    async def all(self) -> dict[str, HolderId]:
        """Everybody who has a right by his roles, whatever else stands against him."""
        now = (self._daemon.people.roll, self._daemon.site.policy)
        if self._of is None or any(a is not b for a, b in zip(self._of, now, strict=True)):
            self._ids = await asyncio.to_thread(_named, *now)
            self._of = now
        return self._ids


def _named(roll: Roll, policy: CompiledPolicy) -> dict[str, HolderId]:
    if not policy.pages:
        return {}
    return {
        one.external_id: HolderId(one.id)
        for one in roll.holders.values()
        if policy.page_rights(one.roles)
    }
