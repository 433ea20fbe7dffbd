"""What is asked about one person, or for some, answered: on whichever socket it is."""

from collections.abc import AsyncGenerator
from typing import Protocol

from edge.control.desk_people import Badges, Persons
from edge.control.message import Message
from edge.control.messages_people import (
    ChangeBadge,
    EnrolBadge,
    FindPeople,
    PersonRequest,
    PutPerson,
    ShowPerson,
)

Told = FindPeople | EnrolBadge
"""What is answered for as long as somebody listens, and ends when nobody does."""

Done = ShowPerson | PutPerson | ChangeBadge
"""What is carried out to its end once it is asked."""

assert Told | Done == PersonRequest, "every request is one or the other"


class PeopleDesks(Protocol):
    """The two desks of one daemon."""

    @property
    def persons(self) -> Persons:
        """Of people one by one."""
        ...

    @property
    def badges(self) -> Badges:
        """Of badges that are put on file at a reader."""
        ...


def told(desks: PeopleDesks, request: Told, who: str) -> AsyncGenerator[Message, None]:
    """The replies. `who` asks: an account, or whoever has signed in."""
    if isinstance(request, FindPeople):
        return desks.persons.find(request)
    return desks.badges.enrol(request, who)


async def done(desks: PeopleDesks, request: Done, who: str) -> Message:
    """The reply. `who`: as in `told`."""
    match request:
        case ShowPerson(person=person):
            return await desks.persons.show(person)
        case PutPerson():
            return await desks.persons.put(request, who)
        case ChangeBadge():
            return await desks.persons.change_badge(request, who)
