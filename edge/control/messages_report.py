"""What passes over the control socket about a report of one person."""

from controller.events_pictures import PictureKind
from controller.events_visits import VisitId
from controller.ids import HolderId
from controller.moment import Micros
from controller.sightings import CheckedOff, Sighting
from controller.visit import State
from edge.control.message import Count, Message, Part
from edge.orders import PersonId
from policies.facts import CredentialStatus, ScreeningResult, UtcSeconds


class ReportPerson(Message, frozen=True, kw_only=True):
    """Tell everything that is kept of somebody on file, and record that; answered by
    ReportPersonReply.

    Heartbeats go before the reply: the whole journal is looked through. What is asked names him: no
    repr shows it.
    """

    person: PersonId

    def __repr__(self) -> str:
        return "ReportPerson(…)"


class BadgeKept(Part, frozen=True, kw_only=True):
    """A badge on file. `reference`: the HMAC that stands for its number."""

    reference: str
    status: CredentialStatus


class FaceKept(Part, frozen=True, kw_only=True):
    """The template of the face that is on file, sealed: `model` made it, of so many `views`."""

    version: Count
    model: str
    views: Count
    made_utc_s: UtcSeconds | None


class OnFile(Part, frozen=True, kw_only=True):
    """The person's record. `pin`: a hash of one is kept; of a second one nothing is ever said."""

    id: str
    random_id: HolderId
    name: str
    roles: tuple[str, ...]
    valid_from_s: UtcSeconds | None
    valid_until_s: UtcSeconds | None
    suspended: bool
    watchlisted: bool
    watchlists: tuple[str, ...]
    biometrics: bool
    pin: bool
    badges: tuple[BadgeKept, ...]
    face: FaceKept | None = None

    def __repr__(self) -> str:
        return f"OnFile(random_id={self.random_id!r}, …)"


class PictureOf(Part, frozen=True, kw_only=True):
    """A picture or clip in which the person may be; `seq`: the entry that has its hash."""

    seq: Count
    what: PictureKind
    portal: str
    camera: str
    from_us: Micros
    until_us: Micros
    frames: Count


class ChangeKept(Part, frozen=True, kw_only=True):
    """A change of the file of people that the person was in. `entry`: its number in the journal."""

    version: Count
    utc_us: Micros
    edge: str
    entry: Count | None


class ScreeningKept(Part, frozen=True, kw_only=True):
    station: str
    result: ScreeningResult
    at_s: UtcSeconds | None


class VisitKept(Part, frozen=True, kw_only=True):
    """A visit of the person, or to him, that is not over or still listed. `other`: by random id."""

    visit: VisitId
    state: State
    host: bool
    other: HolderId
    from_s: UtcSeconds
    until_s: UtcSeconds


class Now(Part, frozen=True, kw_only=True):
    """What the edge knows of the person at this moment. `zone`: where he was seen last, if he is
    inside; `sighting` and `check`: the same for a muster, and that he was checked off; `host` and
    `visitors`: by random ids; `unescorted`: it was told that his host is in good standing no more.
    `party`: how many people without badges he leads. `consent_until_s`: of the head of mission.
    """

    zone: str | None = None
    sighting: Sighting | None = None
    check: CheckedOff | None = None
    since_s: UtcSeconds | None = None
    entered_s: UtcSeconds | None = None
    host: HolderId | None = None
    visitors: tuple[HolderId, ...] = ()
    unescorted: bool = False
    overstayed: bool = False
    party: Count = 0
    screened: tuple[ScreeningKept, ...] = ()
    wrong_pins: Count = 0
    locked_out: bool = False
    consent_until_s: UtcSeconds | None = None
    visits: tuple[VisitKept, ...] = ()


class PasskeyKept(Part, frozen=True, kw_only=True):
    """A passkey: its public key and no more is kept. `label`: how the person calls it."""

    label: str
    made_utc_us: Micros
    used_utc_us: Micros


class SessionKept(Part, frozen=True, kw_only=True):
    """A session at the pages that stands. `terminal`: empty where it is at none."""

    how: str
    terminal: str
    begun_utc_us: Micros
    seen_utc_us: Micros
    ends_utc_us: Micros


class SignInsKept(Part, frozen=True, kw_only=True):
    """By what somebody signs in at the pages, and where she is signed in. `password`: a hash of one
    and the sealed secret of an authenticator are kept. Times are 0 where no such code waits.
    """

    password: bool = False
    passkeys: tuple[PasskeyKept, ...] = ()
    invited_until_utc_us: Micros = 0
    link_until_utc_us: Micros = 0
    sessions: tuple[SessionKept, ...] = ()


class Kept(Part, frozen=True, kw_only=True):
    """What is kept of somebody beside the journal, and how his entries are found in it: they have
    his random id in them, or one of these `badges`, or his name, beside them.

    `recorded`: the entry that says that this was asked for. `searched`: the journal's last number
    then. `acked`: up to where the archive has it; None where there is no archive. `pictures`: the
    newest of `picture_count` in which he may be. `sign_ins`: None where what is kept of signing in
    cannot be read.
    """

    site: str
    edge: str
    incarnation: str
    timezone: str
    on_file: OnFile
    changes: tuple[ChangeKept, ...]
    now: Now
    badges: tuple[str, ...]
    recorded: Count
    searched: Count
    acked: Count | None
    pictures: tuple[PictureOf, ...] = ()
    picture_count: Count = 0
    sign_ins: SignInsKept | None = None

    def __repr__(self) -> str:
        return f"Kept({self.on_file!r}, …)"


class ReportPersonReply(Message, frozen=True, kw_only=True):
    """Without `kept`, `reason` and `remedy` say why nothing is told."""

    kept: Kept | None = None
    reason: str = ""
    remedy: str = ""


KEPT_PICTURES_MAX = 500
"""Of one reply; at a few a day it is months of them."""

KEPT_CHANGES_MAX = 500
"""Changes that one reply names: of so many it is known whom they were about."""
