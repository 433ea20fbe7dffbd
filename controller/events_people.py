"""Events about people, beside those of their attempts; each names them by random subject id."""

from controller.attempt import Attempt
from controller.body import Body, Count, Name, Text
from controller.holders import Provenance
from controller.ids import HolderId
from controller.ledger import Commitment
from controller.moment import Micros
from policies.facts import ScreeningResult


class HoldersReplaced(Body, frozen=True, kw_only=True):
    """The people and credentials known to the edge are now this version.

    `operator`: who brought them, where somebody did while the edge ran. `gone`: those of whom
    nothing is remembered from here on, because nobody knows them any more.
    """

    version: Count
    digest: Text
    holders: Count
    credentials: Count
    operator: Commitment | None = None
    provenance: Provenance = Provenance()
    gone: tuple[HolderId, ...] = ()


class SecondAsked(Body, frozen=True, kw_only=True):
    """A second person has to present here: an escort, or the other one of two."""

    after: Attempt


class HolderLockedOut(Body, frozen=True, kw_only=True):
    """Too many wrong PINs one after the other. Ways out are not affected."""

    holder: HolderId
    until_us: Micros


class LockoutEnded(Body, frozen=True, kw_only=True):
    """The time of a lock-out is over."""

    holder: HolderId


class PersonScreened(Body, frozen=True, kw_only=True):
    """A screening station's word about somebody. Who declines is denied entry politely, and the
    protocol officer is called.
    """

    station: Name
    holder: HolderId
    result: ScreeningResult


class VisitorUnescorted(Body, frozen=True, kw_only=True):
    """A visitor is inside and whoever escorted him is with him no more."""

    visitor: HolderId
    host: HolderId
    reason: Text
