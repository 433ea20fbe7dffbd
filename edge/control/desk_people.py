"""What the control server needs of the daemon where people ask about one person, or for some."""

from collections.abc import AsyncGenerator
from typing import Protocol

from edge.control.messages import ImportPeopleReply
from edge.control.messages_people import (
    BadgeReply,
    ChangeBadge,
    EnrolBadge,
    FindPeople,
    PeopleReply,
    PutPerson,
    ShowPersonReply,
)


class Persons(Protocol):
    """As `edge.control.desk.Desk`, for people one by one."""

    def find(self, asked: FindPeople) -> AsyncGenerator[PeopleReply, None]:
        """Those who are on file and asked for, in parts."""
        ...

    async def show(self, person: str) -> ShowPersonReply:
        """What is on file of somebody, and where he was seen last."""
        ...

    async def put(self, asked: PutPerson, operator: str) -> ImportPeopleReply:
        """Put somebody on file, or change who is; in force and on disk when this returns."""
        ...

    async def change_badge(self, asked: ChangeBadge, operator: str) -> BadgeReply:
        """Change what a badge is; in force and on disk when this returns."""
        ...


class Badges(Protocol):
    """As `edge.control.desk.Desk`, for badges that are put on file at a reader."""

    def enrol(self, asked: EnrolBadge, operator: str) -> AsyncGenerator[BadgeReply, None]:
        """What became of it, once a badge was shown or is waited for no more; closed before, it is
        waited for no more.
        """
        ...
