"""Of whom was taken away the file of people holds no byte, however its pages were divided."""

import random
from pathlib import Path

import pytest

from edge.people import Change, CredentialRecord, HolderRecord, People
from edge.people.records import removal


def newcomers(chance: random.Random, count: int) -> tuple[list[HolderRecord], list[str]]:
    holders = [
        HolderRecord(
            id=f"{chance.getrandbits(64):016x}",
            external_id=f"staff-{chance.getrandbits(60):015x}",
            name=f"Person {chance.getrandbits(80):020x}",
            roles=("staff",),
        )
        for _ in range(count)
    ]
    return holders, [f"{chance.getrandbits(256):064x}" for _ in range(count)]


@pytest.mark.parametrize("seed", range(3))
def test_no_byte_is_left_of_who_was_taken_away(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    path = tmp_path / "site.db"
    values: dict[str, tuple[str, str, str]] = {}
    with People.open(path, create=True) as people:
        for _ in range(30):
            holders, refs = newcomers(chance, 100)
            badges = [
                CredentialRecord(id=f"{chance.getrandbits(64):016x}", holder=one.id, ref=ref)
                for one, ref in zip(holders, refs, strict=True)
            ]
            people.apply(
                Change(base=people.version, holders=tuple(holders), credentials=tuple(badges))
            )
            for one, ref in zip(holders, refs, strict=True):
                values[one.id] = (one.name, one.external_id, ref)
        gone = chance.sample(sorted(values), 1_500)
        people.apply(removal(people.roll, gone))
        people.compact()
        raw = path.read_bytes()
        assert [v for one in gone for v in values[one] if v.encode() in raw] == []
        assert all(v.encode() in raw for one in people.roll.holders for v in values[one])
