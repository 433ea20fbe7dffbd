"""Who is a visitor and something else, in sets and on file."""

import pytest

from edge.people import Change, CredentialRecord, HolderRecord
from edge.people.visitors import NAMED_MAX, SetMixedError, in_words, is_mixed, refuse_mixed
from policies.facts import CredentialStatus
from tests.edge.people.support import POLICY


def person(number: int, *roles: str) -> HolderRecord:
    return HolderRecord(id=f"{number:016x}", external_id=str(number), name="Eve", roles=roles)


@pytest.mark.parametrize(
    ("roles", "mixed"),
    [
        ((), False),
        (("visitor",), False),
        (("local-staff", "guard"), False),
        (("visitor", "guard"), True),
        (("no-role-any-more", "visitor"), True),
    ],
)
def test_a_visitor_has_no_other_role(roles: tuple[str, ...], mixed: bool) -> None:
    assert is_mixed(roles, POLICY.roles) is mixed


def test_all_who_are_mixed_are_named_by_their_ids() -> None:
    change = Change(
        base=0, holders=(person(9, "visitor", "guard"), person(1, "guard"), person(5, "visitor"))
    )
    with pytest.raises(SetMixedError, match=r"as well: 1 person \(9\)$"):
        refuse_mixed(change, POLICY)


def test_a_revocation_goes_through_whoever_is_on_file() -> None:
    lost = CredentialRecord(
        id="c" * 16, holder="9" * 16, ref="0" * 64, status=CredentialStatus.REVOKED
    )
    refuse_mixed(Change(base=1, credentials=(lost,), holders=(person(1, "guard"),)), POLICY)


def test_of_many_some_are_named_and_all_are_counted() -> None:
    ids = [f"{number:03}" for number in range(NAMED_MAX + 1)]
    said = in_words(reversed(ids))
    assert said.startswith("21 people (000, 001, ")
    assert said.endswith("019, …)")
    assert in_words(ids[:2]) == "2 people (000, 001)"
