"""What signing in needs of the place where it is done: who is there, what time it is, and where it
goes on record. An edge is one, and so is central, whose operators stand in no file of people.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from controller.events_signins import How, SessionEnd, SignInChange
from controller.ids import HolderId
from controller.moment import Moment
from edge.people import Checked


class OnFile(Protocol):
    """Somebody who is on file."""

    @property
    def id(self) -> str: ...
    @property
    def external_id(self) -> str:
        """What people call him by; under it all that he does is recorded."""
        ...

    @property
    def name(self) -> str: ...
    @property
    def roles(self) -> tuple[str, ...]: ...


class Known(NamedTuple):
    """Somebody on file and in good standing, with at least one right."""

    holder: HolderId
    record: OnFile
    rights: frozenset[str]


class Premises(Protocol):
    """One edge, or one central."""

    @property
    def site(self) -> str: ...
    @property
    def edge(self) -> str: ...
    @property
    def timezone(self) -> str: ...
    @property
    def incarnation(self) -> str:
        """Another one where the record begins anew, or was put back from an old copy: codes and
        tokens of before count no more.
        """
        ...

    @property
    def administrates(self) -> str:
        """The right to say who signs in; empty where nobody can have it."""
        ...

    @property
    def give_right(self) -> str:
        """What to do where somebody who is on file lacks that right."""
        ...

    def now(self) -> Moment: ...

    # --- who is there ---

    def known(self, holder: HolderId) -> Known | None:
        """None: there is nobody of that id, or not in good standing, or without a right. Who is
        gone from the file is unknown at once.
        """
        ...

    def on_file(self, holder: HolderId) -> OnFile | None: ...

    async def named(self, person: str) -> OnFile | None:
        """Whoever is called that, whatever he may."""
        ...

    async def everybody(self) -> Mapping[str, HolderId]:
        """Who may have a right, whatever else stands against him, by what he is called."""
        ...

    def has_terminal(self, name: str) -> bool:
        """Whether there is a screen of that name at a fixed place."""
        ...

    def has_pin(self, holder: HolderId) -> bool: ...

    async def check_pin(self, holder: HolderId, terminal: str, pin: str) -> Checked:
        """As `edge.people.PinCheck.check`."""
        ...

    def may_administrate(self, record: OnFile) -> bool:
        """Whether somebody who is on file already may be the first administrator."""
        ...

    async def put_first(self, person: str, name: str) -> str:
        """Put the first administrator on file; why that cannot be, or nothing."""
        ...

    # --- on record ---

    def began(
        self, session: str, holder: HolderId, how: How, terminal: str, note: str = ""
    ) -> None: ...

    def unlocked(
        self, session: str, holder: HolderId, how: How, terminal: str, note: str = ""
    ) -> None: ...

    def ended(
        self, session: str, holder: HolderId, why: SessionEnd, operator: str = ""
    ) -> None: ...

    def refused(self, how: How, holder: HolderId | None, terminal: str, tries: int) -> None: ...

    def changed(self, holder: HolderId, change: SignInChange, operator: str = "") -> None: ...

    async def recorded(self) -> None:
        """All of the above is on record, or it is known that it cannot be."""
        ...
