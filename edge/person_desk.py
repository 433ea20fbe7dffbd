"""What people ask of the running daemon about one person, or about some of those on file."""

import asyncio
from collections.abc import AsyncGenerator
from functools import partial

from edge.control.messages import ImportPeopleReply
from edge.control.messages_people import (
    BadgeEnd,
    BadgeReply,
    ChangeBadge,
    FindPeople,
    PeopleReply,
    PutPerson,
    ShowPersonReply,
)
from edge.daemon import Daemon
from edge.people import Change, PeopleError, Roll
from edge.people.badges import AlreadySoError, BadgeChangeError, badge_change
from edge.people.records import HolderRecord
from edge.people_desk import HinderedError, PeopleDesk
from edge.persons import NotSoughtError, detail, found, places_of

LOOK = "`sentrypost person list` shows who is on file"
TRY_LATER = "try later"


class PersonDesk:
    """One daemon's."""

    def __init__(self, daemon: Daemon, people: PeopleDesk) -> None:
        self._daemon = daemon
        self._people = people

    async def find(self, asked: FindPeople) -> AsyncGenerator[PeopleReply, None]:
        """As `edge.control.desk_people.Persons` has it."""
        daemon = self._daemon
        site = daemon.site
        looking = partial(
            found,
            daemon.people.roll,
            asked,
            site.policy,
            places_of(site.state),
            daemon.now().utc_s,
        )
        try:
            replies = await asyncio.to_thread(lambda: list(looking()))
        except NotSoughtError as error:
            replies = [PeopleReply(reason=str(error), remedy=error.remedy)]
        for reply in replies:
            yield reply

    async def show(self, person: str) -> ShowPersonReply:
        """As `edge.control.desk_people.Persons` has it."""
        daemon, state = self._daemon, self._daemon.site.state
        record = await self.on_file(person)
        if record is None:
            return ShowPersonReply(reason=nobody(person), remedy=LOOK)
        try:
            shown = await asyncio.to_thread(detail, daemon.people, record, state)
        except PeopleError as error:
            return ShowPersonReply(reason=str(error), remedy=TRY_LATER)
        return ShowPersonReply(
            timezone=daemon.site.policy.timezone, utc_s=daemon.now().utc_s, detail=shown
        )

    async def put(self, asked: PutPerson, operator: str) -> ImportPeopleReply:
        """As `edge.control.desk_people.Persons` has it."""
        return await self._people.put_person(asked, operator)

    async def change_badge(self, asked: ChangeBadge, operator: str) -> BadgeReply:
        """As `edge.control.desk_people.Persons` has it."""
        record = await self.on_file(asked.person)
        if record is None:
            return refused(nobody(asked.person), LOOK)
        planned = partial(badge_change, record=record, badge=asked.badge, to=asked.to)
        return await self.bring(planned, operator)

    async def on_file(self, person: str) -> HolderRecord | None:
        """Who has that id."""
        return await asyncio.to_thread(self._daemon.people.roll.named, person)

    async def bring(self, planned: "partial[Change]", operator: str) -> BadgeReply:
        """A change of one person's badges, in force and on disk when this returns. Its first
        credential is the badge that it is about.
        """
        changes: list[Change] = []

        def noted(roll: Roll) -> Change:
            changes.append(planned(roll))
            return changes[0]

        try:
            kept = await self._people.change_badges(noted, operator)
        except AlreadySoError as error:
            return BadgeReply(end=BadgeEnd.ALREADY, reason=str(error), remedy=error.remedy)
        except BadgeChangeError as error:
            return refused(str(error), error.remedy)
        except (HinderedError, PeopleError) as error:
            kept = isinstance(error, HinderedError) and error.kept
            return refused(str(error), TRY_LATER, kept=kept)
        return brought(changes[0], self._daemon.people.version, kept=kept)


def nobody(person: str) -> str:
    return f"nobody on file has the id '{person}'"


def refused(reason: str, remedy: str, *, kept: bool = False) -> BadgeReply:
    return BadgeReply(end=BadgeEnd.REFUSED, reason=reason, remedy=remedy, kept=kept)


def brought(change: Change, version: int, *, kept: bool = False) -> BadgeReply:
    """Of a change whose first badge is the one that it is about."""
    badge, *others = change.credentials
    return BadgeReply(
        end=BadgeEnd.DONE,
        badge=badge.id,
        status=badge.status,
        version=version,
        revoked=len(others),
        kept=kept,
    )
