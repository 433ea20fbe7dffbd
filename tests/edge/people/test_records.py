"""What follows from the people on file: their digests, and the people as the core knows them."""

import random

import msgspec
import pytest

from controller.holders import NOBODY
from controller.ids import CredentialId, CredentialRef, HolderId
from edge.people import EMPTY, Change, CredentialRecord, HolderRecord, PinRecord, Roll
from edge.people.records import (
    Touched,
    changed,
    contents_digest,
    directory_after,
    directory_of,
)
from policies.facts import CredentialStatus
from tests.edge.people.test_sets import random_change

ANNA, BERT = f"{1:016x}", f"{2:016x}"
REFS = [CredentialRef(f"{number:064x}") for number in (7, 8)]
FULL = HolderRecord(
    id=ANNA,
    external_id="0042",
    name="Anna",
    roles=("staff", "guard"),
    valid_from_s=1,
    valid_until_s=2**40,
    suspended=True,
    watchlisted=True,
    watchlists=("summit", "banned"),
    biometrics=False,
    version=7,
)
PLAIN = HolderRecord(id=BERT, external_id="42", name="Bert", roles=("visitor",))
LOST = CredentialRecord(id=f"{3:016x}", holder=ANNA, ref=REFS[0], status=CredentialStatus.LOST)
GIVEN = CredentialRecord(id=f"{4:016x}", holder=BERT, ref=REFS[1])
PINS = (
    PinRecord(holder=ANNA, hash="$argon2id$a", duress_hash="$argon2id$d"),
    PinRecord(holder=BERT, hash="$argon2id$b"),
)


def on_file(
    holders: tuple[HolderRecord, ...] = (FULL, PLAIN),
    credentials: tuple[CredentialRecord, ...] = (LOST, GIVEN),
    pins: tuple[PinRecord, ...] = PINS,
) -> Roll:
    return EMPTY.after(
        version=1, holders=holders, credentials=credentials, pins=pins, gone=Touched()
    )


def same_as_anew(roll: Roll) -> Roll:
    """The same people, all of them put at once."""
    return EMPTY.after(
        version=roll.version,
        holders=list(roll.holders.values())[::-1],
        credentials=list(roll.credentials.values())[::-1],
        pins=list(roll.pins.values())[::-1],
        gone=Touched(),
    )


# --- packed and not lost ------------------------------------------------------------------------


def test_every_field_of_a_record_comes_back() -> None:
    roll = on_file()
    assert [roll.holders[one] for one in (ANNA, BERT)] == [FULL, PLAIN]
    assert [roll.credentials[one.id] for one in (LOST, GIVEN)] == [LOST, GIVEN]
    assert [roll.pins[one] for one in (ANNA, BERT)] == list(PINS)
    for record in (FULL, LOST, PINS[0]):
        for field in msgspec.structs.fields(type(record)):
            said = getattr(record, field.name)
            assert said != field.default, f"{field.name} is filled, so that its loss would show"


def test_the_core_is_told_every_fact() -> None:
    directory = directory_of(on_file())
    anna, bert = (directory.holders[HolderId(one)] for one in (ANNA, BERT))
    for field in msgspec.structs.fields(type(anna.facts)):
        told = getattr(anna.facts, field.name)
        if field.name == "locked_out":  # the core's own knowledge
            assert told is False
        elif field.name in {"roles", "watchlists"}:
            assert told == tuple(sorted(getattr(FULL, field.name)))
        else:
            assert told == getattr(FULL, field.name)
    assert (bert.facts.roles, bert.facts.valid_until_s, bert.facts.biometrics) == (
        ("visitor",),
        None,
        True,
    )
    assert anna.knows_pin
    assert bert.knows_pin
    lost, given = (directory.by_ref[ref] for ref in REFS)
    assert (lost.id, lost.holder, lost.status) == (LOST.id, ANNA, CredentialStatus.LOST)
    assert (given.id, given.holder, given.status) == (GIVEN.id, BERT, CredentialStatus.ACTIVE)
    assert directory.credential(CredentialId(LOST.id)) == lost


# --- digests ------------------------------------------------------------------------------------


def test_these_people_have_these_digests() -> None:
    """Edges compare digests: one that was brought up to date has not other people by that.

    Where this has to change, `edge.people.history.SCHEME` and `edge.people.sets.SCHEMA` grow.
    """
    found = (contents_digest(EMPTY), contents_digest(on_file()), directory_of(on_file()).digest)
    assert found == (
        "f9a582d4475a7b794d01f13c07dc74e4a5d53b7ae5c3f59bef9cd3272efb12a7",
        "a691443fce728f3344403fdc6fa4de28c322c499ec35ddc1efce7cf0370e84aa",
        "89badab0b9566d06758b50dc06386c3e2a9ce35ced2f1f394714fd3f1e48fe05",
    )


@pytest.mark.parametrize("record", [FULL, LOST, *PINS], ids=lambda record: type(record).__name__)
def test_every_field_of_a_record_is_in_the_digest(
    record: HolderRecord | CredentialRecord | PinRecord,
) -> None:
    before = contents_digest(on_file())
    for field in msgspec.structs.fields(type(record))[1:]:
        other = {"holder": BERT}.get(field.name, field.default)
        if other is msgspec.NODEFAULT:
            other = ("staff",) if field.name == "roles" else "other"
        if other == getattr(record, field.name):
            other = "other"
        changes = msgspec.structs.replace(record, **{field.name: other})
        after = changed(on_file(), _put(changes))
        assert contents_digest(after) != before, field.name


def _put(record: HolderRecord | CredentialRecord | PinRecord) -> Change:
    match record:
        case HolderRecord():
            return Change(base=1, holders=(record,))
        case CredentialRecord():
            return Change(base=1, credentials=(record,))
        case PinRecord():
            return Change(base=1, pins=(record,))


# --- changes ------------------------------------------------------------------------------------


def test_an_incremental_change_is_a_full_rebuild(seed: int) -> None:
    """P24."""
    for number in range(300):
        chance = random.Random(f"{seed}/{number}")
        roll, directory = EMPTY, NOBODY
        for _ in range(chance.randrange(1, 12)):
            change = random_change(chance, roll)
            roll = changed(roll, change)
            directory = directory_after(directory, change, roll)
            assert roll == same_as_anew(roll), f"history {number} of seed {seed}"
            assert contents_digest(roll) == contents_digest(same_as_anew(roll))
            assert directory == directory_of(roll), f"history {number} of seed {seed}"
            assert directory.digest == directory_of(same_as_anew(roll)).digest


@pytest.mark.parametrize(
    ("change", "holders_of"),
    [
        pytest.param(
            Change(base=1, credentials=(msgspec.structs.replace(LOST, holder=BERT),)),
            [BERT, BERT],
            id="a credential goes to somebody else",
        ),
        pytest.param(
            Change(
                base=1,
                credentials=(
                    msgspec.structs.replace(LOST, ref=GIVEN.ref),
                    msgspec.structs.replace(GIVEN, ref=LOST.ref),
                ),
            ),
            [BERT, ANNA],
            id="two change their badges",
        ),
        pytest.param(
            Change(
                base=1,
                credentials=(CredentialRecord(id="f" * 16, holder=BERT, ref=LOST.ref),),
                credentials_removed=(LOST.id,),
            ),
            [BERT, BERT],
            id="a badge is taken away and issued again",
        ),
        pytest.param(
            Change(
                base=1,
                credentials=(
                    msgspec.structs.replace(GIVEN, ref="e" * 64),
                    msgspec.structs.replace(LOST, ref=GIVEN.ref),
                ),
            ),
            [None, ANNA],
            id="one gets the badge of another, who gets a new one",
        ),
        pytest.param(
            Change(
                base=1,
                holders_removed=(ANNA,),
                credentials_removed=(LOST.id,),
                pins_removed=(ANNA,),
            ),
            [None, BERT],
            id="a person goes",
        ),
    ],
)
def test_a_badge_is_whose_it_is_after_the_change(
    change: Change, holders_of: list[str | None]
) -> None:
    before = directory_of(on_file())
    roll = changed(on_file(), change)
    after = directory_after(before, change, roll)
    behind = [after.by_ref.get(ref) for ref in REFS]
    assert [None if one is None else one.holder for one in behind] == holders_of
    assert after == directory_of(roll)
    assert before == directory_of(on_file()), "what was before is as it was"
    for record in roll.credentials.values():
        credential = after.credential(CredentialId(record.id))
        assert credential is not None
        assert credential.holder == record.holder


def test_a_badge_that_two_would_have_is_nobodys() -> None:
    twice = Change(base=1, credentials=(msgspec.structs.replace(GIVEN, ref=LOST.ref),))
    with pytest.raises(ValueError, match="one badge twice"):
        directory_after(directory_of(on_file()), twice, changed(on_file(), twice))
    both = (LOST, msgspec.structs.replace(GIVEN, ref=LOST.ref))
    with pytest.raises(ValueError, match="one badge twice"):
        directory_of(on_file(credentials=both))


def test_a_pin_that_comes_or_goes_is_known_to_the_core() -> None:
    before = directory_of(on_file())
    taken = Change(base=1, pins_removed=(ANNA,))
    without = changed(on_file(), taken)
    after = directory_after(before, taken, without)
    assert not after.holders[HolderId(ANNA)].knows_pin
    back = Change(base=2, pins=(PINS[0],))
    again = directory_after(after, back, changed(without, back))
    assert again.holders[HolderId(ANNA)].knows_pin
    assert again.digest == before.digest


def test_a_change_planned_on_another_version_is_none() -> None:
    with pytest.raises(ValueError, match="planned on version 2, on file is 1"):
        changed(on_file(), Change(base=2))
