"""What a visitor is given at a gate, and how it comes on file and off it again."""

from collections.abc import Callable
from typing import NamedTuple

from controller.events_visits import Given
from controller.ids import CredentialId, CredentialRef
from controller.moment import Moment
from drivers.badges import Formats
from edge.code_desk import SET_CLOCK, UNTRUSTED
from edge.people import Roll, SiteKey, ref_of
from edge.people.badges import enrolled
from edge.people.cells import Away, CellError, read_badge
from edge.people.records import Change, HolderRecord
from edge.visitor_codes import VisitorCodes

ID_BYTES = 8
"""Of a visit, a person and a badge: 64 random bits."""


class Gift(NamedTuple):
    """What a visitor is about to get: `text` of a code, and how it stands on file."""

    given: Given
    credential: str = ""
    ref: CredentialRef | None = None
    text: str = ""


class NotDoneError(Exception):
    """Nothing is changed. `remedy` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(message)


class Gifts:
    """Those of one site. `entropy(n)` gives n unpredictable bytes."""

    def __init__(
        self,
        codes: VisitorCodes,
        key: SiteKey,
        formats: Formats,
        entropy: Callable[[int], bytes],
    ) -> None:
        self._codes = codes
        self._key = key
        self._formats = formats
        self._entropy = entropy

    def fresh(self) -> str:
        """An id that was never drawn before."""
        return self._entropy(ID_BYTES).hex()

    def drawn(self, given: Given, badge: str, now: Moment, closes_s: int) -> Gift:
        """What is to be given, a code until `closes_s`; nothing of it is on record or on file yet.
        Raises NotDoneError.
        """
        credential = self.fresh()
        if given is Given.NOTHING:
            return Gift(given)
        if given is Given.CODE:
            if not now.trusted:
                raise NotDoneError(UNTRUSTED, SET_CLOCK)
            code = self._codes.new(now.utc_s, closes_s, self._entropy)
            return Gift(given, credential, self._codes.ref(code), self._codes.text(code))
        try:
            presented = read_badge(badge.strip(), self._formats)
        except CellError as error:
            raise NotDoneError(f"the badge: {error}", error.hint or "look at it again") from None
        if isinstance(presented, Away):
            raise NotDoneError("no badge is named", "give it as a file of people has it")
        return Gift(given, credential, ref_of(self._key, presented))


def with_person(roll: Roll, record: HolderRecord) -> Change:
    """Somebody more is on file."""
    return Change(base=roll.version, holders=(record,))


def giving(roll: Roll, record: HolderRecord, gift: Gift, before: tuple[str, ...]) -> Change:
    """One badge more for the visitor, and none of those that were given for the same visit before.
    Raises BadgeChangeError.
    """
    assert gift.ref is not None, "something is given"
    more = enrolled(roll, record, gift.ref, replaces=False, new_id=lambda: gift.credential)
    gone = tuple(one for one in before if one in roll.credentials)
    return Change(base=more.base, credentials=more.credentials, credentials_removed=gone)


def without(roll: Roll, gone: tuple[str, ...]) -> Change:
    """These badges are on file no more, those of them that are."""
    on_file = tuple(CredentialId(one) for one in gone if one in roll.credentials)
    return Change(base=roll.version, credentials_removed=on_file)
