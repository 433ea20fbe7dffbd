"""Who may be given a visitor's code, and for when. Pure functions."""

from typing import NamedTuple

from controller.ids import CredentialId, CredentialRef, HolderId
from edge.people.badges import BADGES_MAX
from edge.people.importer import NewId, random_id
from edge.people.records import Change, CredentialRecord, HolderRecord, Roll
from policies.compiled import CompiledPolicy

HOUR_S = 3600


class NotIssuedError(Exception):
    """No code is made. `remedy` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(message)


class Times(NamedTuple):
    """Valid from the first of these UTC seconds on, up to the last, which it is not any more."""

    from_s: int
    until_s: int


def times_of(
    record: HolderRecord, policy: CompiledPolicy, from_s: int | None, hours: int, now_s: int
) -> Times:
    """When the code is valid: never longer than the person. Raises NotIssuedError."""
    person = record.external_id
    rules = [policy.roles.get(role) for role in record.roles]
    if not rules or not all(rule is not None and rule.visitor for rule in rules):
        raise NotIssuedError(
            f"'{person}' is no visitor, and a code can be copied",
            "give a badge; codes are for people with a visitor's role",
        )
    if record.suspended:
        raise NotIssuedError(
            f"'{person}' is suspended", "make the person active first: status active"
        )
    begins = now_s if from_s is None else from_s
    ends = begins + hours * HOUR_S
    if ends <= now_s:
        raise NotIssuedError("that time is over", "give a later --from, or more hours")
    begins = max(begins, record.valid_from_s or 0)
    ends = ends if record.valid_until_s is None else min(ends, record.valid_until_s)
    if begins >= ends or ends <= now_s:
        raise NotIssuedError(
            f"'{person}' is not valid at that time",
            "see valid-from and valid-until of the person, or give another --from",
        )
    return Times(begins, ends)


def issued(roll: Roll, holder: HolderId, ref: CredentialRef, new_id: NewId = random_id) -> Change:
    """The change that gives somebody on file one badge more. Raises NotIssuedError."""
    if holder not in roll.holders:
        raise NotIssuedError("the person is not on file any more", "import the person again")
    if sum(one.holder == holder for one in roll.credentials.values()) >= BADGES_MAX:
        raise NotIssuedError(
            f"{BADGES_MAX} badges and codes of this person are on file",
            "take them away with badge none in a file of people, and ask again",
        )
    record = CredentialRecord(id=CredentialId(new_id()), holder=holder, ref=ref)
    return Change(base=roll.version, credentials=(record,))
