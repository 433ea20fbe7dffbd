"""What becomes of badges on file, one person's at a time. Pure functions.

A badge that was lost and is found, or was suspended, may come back; one that was revoked never
does. The file of people stays stricter: no import brings any badge back.
"""

import msgspec

from controller.ids import CredentialRef, HolderId
from edge.people.importer import NewId, random_id
from edge.people.records import Change, CredentialRecord, HolderRecord, Roll
from policies.facts import CredentialStatus

BADGES_MAX = 50
"""Of one person: every code stays on file as a badge, so that old ones are known to be old."""

OPEN = frozenset({CredentialStatus.ACTIVE, CredentialStatus.SUSPENDED, CredentialStatus.LOST})

_BEFORE = {
    CredentialStatus.ACTIVE: frozenset({CredentialStatus.SUSPENDED, CredentialStatus.LOST}),
    CredentialStatus.SUSPENDED: frozenset({CredentialStatus.ACTIVE}),
    CredentialStatus.LOST: frozenset({CredentialStatus.ACTIVE, CredentialStatus.SUSPENDED}),
    CredentialStatus.REVOKED: OPEN,
}
"""From what a badge may become what."""

WORDS = {
    CredentialStatus.ACTIVE: "suspended or lost",
    CredentialStatus.SUSPENDED: "active",
    CredentialStatus.LOST: "active or suspended",
    CredentialStatus.REVOKED: "active, suspended or lost",
}


class BadgeChangeError(Exception):
    """Nothing is changed. `remedy` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(message)


class AlreadySoError(BadgeChangeError):
    """The badge that was named is so already."""


def own_badges(roll: Roll, holder: HolderId) -> list[CredentialRecord]:
    """Somebody's badges of every status. Everybody's are looked at."""
    return [one for one in roll.credentials.values() if one.holder == holder]


def meant(
    own: list[CredentialRecord], badge: str | None, to: CredentialStatus, person: str
) -> CredentialRecord:
    """Which of somebody's badges is to become `to`: the one whose id begins with `badge`, or the
    only one that can. Raises BadgeChangeError.
    """
    look = f"`sentrypost badge list {person}` shows them with their ids"
    if badge is not None:
        found = [one for one in own if one.id.startswith(badge)]
        if len(found) != 1:
            many = "more than one badge" if found else "no badge"
            raise BadgeChangeError(f"{many} of '{person}' begins with {badge}", look)
        (one,) = found
        if one.status is to:
            raise AlreadySoError(f"badge {one.id} of '{person}' is {to} already", look)
        if one.status not in _BEFORE[to]:
            raise BadgeChangeError(
                f"badge {one.id} of '{person}' is {one.status}, and never is {to} again",
                f"give another badge: sentrypost badge add {person}",
            )
        return one
    found = [one for one in own if one.status in _BEFORE[to]]
    if not found:
        raise BadgeChangeError(f"'{person}' has no badge that is {WORDS[to]}", look)
    if len(found) > 1:
        raise BadgeChangeError(
            f"'{person}' has {len(found)} badges that are {WORDS[to]}",
            f"say which with --badge; {look}",
        )
    return found[0]


def badge_change(
    roll: Roll, record: HolderRecord, badge: str | None, to: CredentialStatus
) -> Change:
    """The change by which a badge becomes `to`. Raises BadgeChangeError."""
    own = own_badges(roll, HolderId(record.id))
    one = meant(own, badge, to, record.external_id)
    return Change(base=roll.version, credentials=(msgspec.structs.replace(one, status=to),))


def enrolled(
    roll: Roll,
    record: HolderRecord,
    ref: CredentialRef,
    *,
    replaces: bool,
    new_id: NewId = random_id,
) -> Change:
    """The change by which somebody has one badge more; `replaces`: what was open is revoked.

    Raises BadgeChangeError.
    """
    if record.id not in roll.holders:
        raise BadgeChangeError(
            f"'{record.external_id}' is not on file any more", "import the person again"
        )
    held = next((one for one in roll.credentials.values() if one.ref == ref), None)
    if held is not None:
        raise BadgeChangeError(
            f"this badge is on file ({held.status}) for {_whose(roll, held, record.id)}",
            "take another badge; none is given to two people",
        )
    own = own_badges(roll, HolderId(record.id))
    if len(own) >= BADGES_MAX:
        raise BadgeChangeError(
            f"{BADGES_MAX} badges and codes of this person are on file",
            "take them away with badge none in a file of people, and ask again",
        )
    fresh = CredentialRecord(id=new_id(), holder=record.id, ref=ref)
    gone = [
        msgspec.structs.replace(one, status=CredentialStatus.REVOKED)
        for one in own
        if replaces and one.status in OPEN
    ]
    return Change(base=roll.version, credentials=(fresh, *gone))


def _whose(roll: Roll, held: CredentialRecord, holder: str) -> str:
    if held.holder == holder:
        return "the same person"
    return f"the person with id {roll.holders[held.holder].external_id}"
