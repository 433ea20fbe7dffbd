"""A connection's hold of a session: whose it is, as of its last look."""

import asyncio

from edge.control.messages_pages import SessionShown
from edge.signins.parts import Parts
from edge.signins.premises import Known
from edge.signins.sessions import IDLE_US, Open


class Held:
    """What is the same for an edge's pages and for the wall."""

    def __init__(self, parts: Parts, opened: Open, who: Known) -> None:
        self.parts, self.opened, self.who = parts, opened, who

    @property
    def person(self) -> str:
        return self.who.record.external_id

    @property
    def locked(self) -> bool:
        return self.opened.session.locked

    @property
    def portals(self) -> tuple[str, ...]:
        """Of its terminal; none: all."""
        return ()

    @property
    def changed(self) -> asyncio.Event:
        return self.opened.changed

    def stands(self) -> bool:
        who = self.parts.sessions.look(self.opened)
        self.who = who or self.who
        return who is not None

    def acted(self) -> None:
        self.parts.sessions.acted(self.opened)

    def shown(self) -> SessionShown:
        """Right behind a look."""
        parts, session, record = self.parts, self.opened.session, self.who.record
        at = parts.premises
        idle_us = at.now().mono_us - self.opened.seen_mono_us
        return SessionShown(
            session=session.id,
            person=record.external_id,
            name=record.name,
            roles=record.roles,
            rights=tuple(sorted(self.who.rights)),
            terminal=session.terminal,
            portals=self.portals,
            how=session.how,
            signed_in_utc_us=session.begun_us,
            ends_utc_us=session.ends_us,
            locks_utc_us=max(0, at.now().utc_us + IDLE_US - idle_us),
            locked=session.locked,
            timezone=at.timezone,
            site=at.site,
            edge=at.edge,
            has_pin=at.has_pin(self.who.holder),
            has_password=self.who.holder in parts.book.passwords,
            passkeys=len(parts.book.passkeys_of(self.who.holder)),
        )
