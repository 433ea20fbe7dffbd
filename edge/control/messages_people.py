"""What passes over the control socket about one person, and about those who are looked for.

No repr shows a name, a PIN or a badge.
"""

from enum import StrEnum
from typing import Annotated

import msgspec

from controller.moment import Micros
from edge.control.message import Count, Message, Part
from edge.orders import PersonId
from policies.facts import CredentialStatus, UtcSeconds

SEARCH_CHARS_MAX = 100
PEOPLE_PART_MAX = 500
"""People of one reply: with the longest names and roles they fit into a frame."""
FOUND_MAX = 100_000
CELL_CHARS_MAX = 512
"""As a cell of the file of people."""
CHANGES_SHOWN_MAX = 10
"""Of one person: the last ones say what an operator asks; the whole is in a report."""
DAYS_MAX = 3_660

_Cell = Annotated[str, msgspec.Meta(max_length=CELL_CHARS_MAX)]
BadgeId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{4,16}\Z")]
"""The first characters of a badge's random id, as many as tell it from the person's others."""


# --- requests ---------------------------------------------------------------------------------


class FindPeople(Message, frozen=True, kw_only=True):
    """Who is on file? Everybody for whom all holds that is asked; answered by PeopleReply until it
    `ends`, in the order of names, without the first `begin`, at most `limit`.

    `search`: a part of the name, whatever its case and accents, or the beginning of the id.
    `zone`: was seen there last, or in a zone inside it. `expiring_days`: valid now or later, and
    not any more after so many days.
    """

    search: Annotated[str, msgspec.Meta(max_length=SEARCH_CHARS_MAX)] = ""
    role: Annotated[str, msgspec.Meta(max_length=64)] = ""
    zone: Annotated[str, msgspec.Meta(max_length=64)] = ""
    suspended: bool = False
    expiring_days: Annotated[int, msgspec.Meta(ge=0, le=DAYS_MAX)] | None = None
    begin: Count = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=FOUND_MAX)] = FOUND_MAX

    def __repr__(self) -> str:
        return f"FindPeople(begin={self.begin}, limit={self.limit}, …)"


class ShowPerson(Message, frozen=True, kw_only=True):
    """What is on file of somebody, and where he was seen last; answered by ShowPersonReply."""

    person: PersonId

    def __repr__(self) -> str:
        return "ShowPerson(…)"


class PutPerson(Message, frozen=True, kw_only=True):
    """Put one person on file who is `new`, or change one who is there; answered by
    ImportPeopleReply, whose problems name no row.

    Each text is a cell as in the file of people: empty leaves what is on file.
    """

    person: PersonId
    new: bool
    name: _Cell = ""
    roles: _Cell = ""
    badge: _Cell = ""
    pin: _Cell = ""
    duress_pin: _Cell = ""
    valid_from: _Cell = ""
    valid_until: _Cell = ""
    status: _Cell = ""
    watchlists: _Cell = ""
    biometrics: _Cell = ""
    dry_run: bool = False

    def __repr__(self) -> str:
        return f"PutPerson(new={self.new}, dry_run={self.dry_run}, …)"

    def cells(self) -> dict[str, str]:
        """By the columns of the file of people."""
        return {
            "id": self.person,
            "name": self.name,
            "roles": self.roles,
            "badge": self.badge,
            "pin": self.pin,
            "duress-pin": self.duress_pin,
            "valid-from": self.valid_from,
            "valid-until": self.valid_until,
            "status": self.status,
            "watchlists": self.watchlists,
            "biometrics": self.biometrics,
        }


class ChangeBadge(Message, frozen=True, kw_only=True):
    """Say what a badge on file is from now on; answered by BadgeReply.

    `badge`: empty for the only one that this can be about. `to` active: one that was suspended or
    lost and is found; a revoked one never is again.
    """

    person: PersonId
    badge: BadgeId | None
    to: CredentialStatus

    def __repr__(self) -> str:
        return f"ChangeBadge(to={self.to!s}, …)"


class EnrolBadge(Message, frozen=True, kw_only=True):
    """Wait for a badge that nobody has yet, at a reader, and put it on file for somebody; answered
    by BadgeReply, with Heartbeats before. A client that goes ends the waiting.

    `replaces`: the person's badges that are active, suspended or lost are revoked by it.
    """

    person: PersonId
    reader: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    replaces: bool = False
    within_s: Annotated[int, msgspec.Meta(ge=1, le=120)] = 30

    def __repr__(self) -> str:
        return f"EnrolBadge(reader={self.reader!r}, replaces={self.replaces}, …)"


PersonRequest = FindPeople | ShowPerson | PutPerson | ChangeBadge | EnrolBadge


# --- replies ----------------------------------------------------------------------------------


class PersonShown(Part, frozen=True, kw_only=True):
    """One person. `badges`: how many are active. `zone`: where he was seen last, empty where that
    is outside or not known.
    """

    person: str
    name: str
    roles: tuple[str, ...]
    valid_from_s: UtcSeconds | None
    valid_until_s: UtcSeconds | None
    suspended: bool
    watchlisted: bool
    badges: Count
    zone: str = ""

    def __repr__(self) -> str:
        return f"PersonShown(suspended={self.suspended}, …)"


class PeopleReply(Message, frozen=True, kw_only=True):
    """The next of those found. `found`: how many there are in all. `reason`, `remedy`: why nobody
    was looked for.
    """

    timezone: str = "UTC"
    utc_s: UtcSeconds = 0
    version: Count = 0
    found: Count = 0
    people: Annotated[tuple[PersonShown, ...], msgspec.Meta(max_length=PEOPLE_PART_MAX)] = ()
    ends: bool = True
    reason: str = ""
    remedy: str = ""


class BadgeShown(Part, frozen=True, kw_only=True):
    """A badge on file, of which nobody can read the number. `id`: random, by which it is told from
    the person's others. `since_us`: when it became what it is; None where that is not known.
    """

    id: str
    status: CredentialStatus
    since_us: Micros | None = None


class PersonChange(Part, frozen=True, kw_only=True):
    """One change that the person was in, and who made it."""

    version: Count
    utc_us: Micros | None
    by: str
    edge: str


class PersonDetail(Part, frozen=True, kw_only=True):
    """`person` as in a list. `pin`: he has one; of a second one nothing is ever said. `face`: a
    template is on file. `hosts` and `visitors`: with whom he goes, by the ids on file.
    """

    person: PersonShown
    holder: str
    watchlists: tuple[str, ...]
    biometrics: bool
    pin: bool
    face: bool
    badges: tuple[BadgeShown, ...]
    version: Count
    since_s: UtcSeconds | None = None
    locked_out: bool = False
    overstayed: bool = False
    host: str = ""
    visitors: tuple[str, ...] = ()
    changes: tuple[PersonChange, ...] = ()

    def __repr__(self) -> str:
        return f"PersonDetail(holder={self.holder!r}, …)"


class ShowPersonReply(Message, frozen=True, kw_only=True):
    """Without `detail`, `reason` and `remedy` say why. `live`: a daemon knows where people are."""

    timezone: str = "UTC"
    utc_s: UtcSeconds = 0
    detail: PersonDetail | None = None
    live: bool = True
    reason: str = ""
    remedy: str = ""


class BadgeEnd(StrEnum):
    """How it ended."""

    DONE = "done"
    ALREADY = "already"  # the badge was so before
    REFUSED = "refused"
    LATE = "late"  # no badge in time


class BadgeReply(Message, frozen=True, kw_only=True):
    """What became of it; `kept`: recorded and in force, and the file of people follows by itself.
    `revoked`: how many earlier badges went by it.
    """

    end: BadgeEnd
    badge: str = ""
    status: CredentialStatus | None = None
    version: Count = 0
    revoked: Count = 0
    kept: bool = False
    reason: str = ""
    remedy: str = ""


PersonAnswer = PeopleReply | ShowPersonReply | BadgeReply
