"""What commands about one person ask of the running daemon."""

from collections.abc import Iterator

from edge.control.calling import unexpected
from edge.control.client import Client
from edge.control.messages import Heartbeat, ImportPeopleReply
from edge.control.messages_people import (
    BadgeReply,
    ChangeBadge,
    EnrolBadge,
    FindPeople,
    PeopleReply,
    PutPerson,
    ShowPerson,
    ShowPersonReply,
)


class PeopleClient(Client):
    """As `Client`, for people one by one."""

    def find_people(self, asked: FindPeople) -> Iterator[PeopleReply]:
        """The parts, until one that `ends`."""
        self._send(asked)
        ends = False
        while not ends:
            reply = self._receive()
            if isinstance(reply, Heartbeat):
                continue
            if not isinstance(reply, PeopleReply):
                raise unexpected(reply)
            ends = reply.ends
            yield reply

    def show_person(self, person: str) -> ShowPersonReply:
        return self._ask(ShowPerson(person=person), ShowPersonReply)

    def put_person(self, asked: PutPerson) -> ImportPeopleReply:
        return self._ask(asked, ImportPeopleReply)

    def change_badge(self, asked: ChangeBadge) -> BadgeReply:
        return self._ask(asked, BadgeReply)

    def enrol_badge(self, asked: EnrolBadge) -> Iterator[Heartbeat | BadgeReply]:
        """Signs of life while a badge is waited for; the last is what became of it."""
        self._send(asked)
        while True:
            reply = self._receive()
            if not isinstance(reply, Heartbeat | BadgeReply):
                raise unexpected(reply)
            yield reply
            if isinstance(reply, BadgeReply):
                return
