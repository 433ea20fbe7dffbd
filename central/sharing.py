"""Several archivers on one archive, each with a part of the work, where the broker can.

A shared subscription (`$share/…`) gives each message to one of those who asked. Of five brokers
that were tried four grant it and then deliver nothing, so that it is believed only when a message
of our own has come through one; until then, and where none comes, this archiver hears everything.
That is harmless: the archive stores each entry once, whoever brings it.

A part has gaps: what comes after a batch may be here before another archiver has stored it. A gap
is told to the edge only when it is still there after `GAP_PATIENCE_S`.
"""

import msgspec

from drivers.mqtt_link import CongestedError, Link, Message, NotConnectedError, Publication
from edge.topics import ALL_JOURNALS, ALL_REQUESTS_TO_CENTRAL, CENTRAL, Topics

GROUP = "sentrypost-archive"
"""Archivers of one broker share one archive."""

GAP_PATIENCE_S = 0.5
"""Another archiver has stored what is missing by then; an edge that hears nothing waits for 2 s."""


class WorkShared(msgspec.Struct, frozen=True, kw_only=True):
    """This archiver has a part of the journals on the connection that stands."""


class Sharing:
    """Whether work is shared on the link's connection. `token` tells archivers apart."""

    def __init__(self, link: Link, filters: tuple[str, ...], token: str) -> None:
        """`filters`: what an archiver hears that shares nothing."""
        self._link = link
        self._proof = (*filters, f"$share/{token}/{ALL_REQUESTS_TO_CENTRAL}")
        self._shared = tuple(
            f"$share/{GROUP}/{name}" if name == ALL_JOURNALS else name for name in filters
        )
        self._token = token.encode()
        self._asked = False
        self.active = False

    @property
    def filters(self) -> tuple[str, ...]:
        """With which a connection begins."""
        return self._proof

    def connected(self) -> None:
        """What was found out on an earlier connection says nothing of this one."""
        self.active = self._asked = False

    def seen(self, site: str) -> None:
        """An edge of this site has spoken: our access there lets us try."""
        if self._asked or self.active:
            return
        topic = Topics(site, CENTRAL).request
        try:
            self._link.publish(Publication(topic=topic, payload=self._token))
        except (NotConnectedError, CongestedError):
            return  # at the next word of an edge
        self._asked = True

    def heard(self, message: Message) -> bool:
        """Whether `message` is our own, come through a shared subscription: share from here on."""
        if self.active or message.payload != self._token or message.retained:
            return False
        try:
            self._link.subscribe(self._shared)
        except NotConnectedError:
            return False
        self.active = True
        return True
