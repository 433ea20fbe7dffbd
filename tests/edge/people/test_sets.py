"""Change sets: what they carry, what they build on, and every one that must not be taken."""

import base64
import os
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from controller.ids import CredentialId, HolderId
from edge.people import (
    EMPTY,
    LINE_MAX,
    PAYLOAD_TYPE,
    Change,
    CredentialRecord,
    HolderRecord,
    Made,
    Offered,
    People,
    PeopleDamagedError,
    PeopleSet,
    PinRecord,
    Roll,
    SetError,
    SiteKey,
    change_of,
    everybody,
    history,
    offered,
    sealed,
    sets,
    since,
)
from edge.people.records import Touched, changed, contents_digest
from edge.signatures import (
    ENVELOPE_BYTES_MAX,
    EnvelopeError,
    PayloadTypeError,
    SignatureError,
    SignersError,
    SigningKey,
    TrustedKey,
    Use,
    sign,
)
from policies.facts import CredentialStatus
from tests.edge.people.support import CHEAP, KEY, change, created, csv

CHIEF = SigningKey(Ed25519PrivateKey.from_private_bytes(b"c" * 32))
GUARD = SigningKey(Ed25519PrivateKey.from_private_bytes(b"g" * 32))
TRUSTED = (
    TrustedKey("chief", "the chief", CHIEF.public, frozenset({Use.PEOPLE})),
    TrustedKey("guard", "the guard", GUARD.public, frozenset({Use.ORDER, Use.POLICY})),
)
SITE = "house"
ANNA = "0042,Anna,staff,26:2ec0c86,0042,,,"
BERT = "42,Bert,visitor,26:2ec0c87,,,,"
ON_FILE = [
    CredentialStatus.ACTIVE,
    CredentialStatus.SUSPENDED,
    CredentialStatus.LOST,
    CredentialStatus.REVOKED,
]
NOON_US = 1_795_181_389_000_000


def made(people: People) -> Made:
    """The n-th change is made n minutes after noon."""
    return Made(by="anna", edge="gate", utc_us=NOON_US + (people.version + 1) * 60_000_000)


def edit(people: People, *rows: str) -> None:
    people.apply(change(csv(*rows), people.roll), made(people))


def with_duress(brought: Change) -> Change:
    pins = (msgspec.structs.replace(one, duress_hash=CHEAP.hash("9713")) for one in brought.pins)
    return msgspec.structs.replace(brought, pins=tuple(pins))


def whole(people: People) -> PeopleSet:
    return everybody(SITE, "gate", people.roll, people.steps(LINE_MAX))


def delta(people: People, base: int) -> PeopleSet:
    return since(SITE, "gate", people.roll, people.steps(LINE_MAX), base)


def file_of(
    people_set: PeopleSet, key: SiteKey = KEY, signer: SigningKey = CHIEF, kind: str = PAYLOAD_TYPE
) -> bytes:
    return sign(sealed(people_set, key, os.urandom), kind, [signer])


def offer(people_set: PeopleSet) -> Offered:
    return offered(file_of(people_set), TRUSTED, KEY, SITE)


def take(people: People, people_set: PeopleSet) -> bool:
    """Whether there was anything to take. Raises SetError, SignatureError."""
    brought = change_of(people.roll, offer(people_set), duress_is_told=True)
    if brought is not None:
        people.apply(brought, Made(by="ben", edge="annex", utc_us=NOON_US + 10**9))
    return brought is not None


@pytest.fixture
def source(tmp_path: Path) -> People:
    (tmp_path / "a").mkdir()
    people = created(tmp_path / "a")
    people.apply(with_duress(change(csv(ANNA))), made(people))
    edit(people, BERT)
    edit(people, "42,,,,,,,lost")
    return people


@pytest.fixture
def follower(tmp_path: Path) -> People:
    (tmp_path / "b").mkdir()
    return created(tmp_path / "b")


def same(one: People, other: People) -> bool:
    return one.roll == other.roll and one.directory().digest == other.directory().digest


# --- carrying ---------------------------------------------------------------------------------


def test_everybody_is_everybody(source: People, follower: People) -> None:
    assert take(follower, whole(source))
    assert same(source, follower)
    assert follower.version == 3
    assert not take(follower, whole(source)), "taken twice it changes nothing"


def test_a_delta_carries_what_has_changed_and_no_more(source: People, follower: People) -> None:
    take(follower, whole(source))
    edit(source, "0042,,,,none,,,revoked")
    carried = delta(source, 3)
    assert {one.external_id for one in carried.holders} == {"0042"}
    assert [one.status for one in carried.credentials] == [CredentialStatus.REVOKED]
    assert carried.pins == ()
    assert take(follower, carried)
    assert same(source, follower)
    assert follower.roll.pins == EMPTY.pins, "what was taken away is gone"


def test_a_delta_fits_wherever_its_steps_reach(source: People, follower: People) -> None:
    """A stick for several edges: each may have some of the changes already."""
    take(follower, delta(source, 0))
    for number in range(4, 8):
        edit(source, f"{number},Person {number},staff,26:000000{number},,,,")
        if number == 5:
            take(follower, delta(source, 3))
    assert follower.version == 5
    assert take(follower, delta(source, 3))
    assert same(source, follower)


def test_the_history_travels_and_can_be_handed_on(
    source: People, follower: People, tmp_path: Path
) -> None:
    take(follower, delta(source, 0))
    (tmp_path / "c").mkdir()
    with created(tmp_path / "c") as third:
        take(third, delta(follower, 0))
        assert same(source, third)
        told = third.history(10)
    assert [entry.step.number for entry in told] == [3, 2, 1]
    assert [entry.step.made for entry in told] == [
        Made(by="anna", edge="gate", utc_us=NOON_US + number * 60_000_000) for number in (3, 2, 1)
    ]
    assert {entry.came.by for entry in told} == {"ben"}
    assert {entry.keys for entry in told} == {(CHIEF.id,)}
    assert [entry.people for entry in told] == [("42",), ("42",), ("0042",)]
    assert {entry.seq for entry in told} == {None}


def test_what_brought_the_people_stands_with_them(source: People, follower: People) -> None:
    assert source.directory().provenance.change_set == ""
    taken = offer(whole(source))
    brought = change_of(follower.roll, taken, duress_is_told=True)
    assert brought is not None
    coming = follower.stage(brought, Made(by="ben"))
    follower.settle(9)
    assert follower.directory() == coming
    provenance = coming.provenance
    assert provenance.change_set == taken.change_set
    assert provenance.keys == (CHIEF.id,)
    assert provenance.made_utc_us == NOON_US + 3 * 60_000_000
    assert [entry.seq for entry in follower.history(10)] == [9, 9, 9]


def test_duress_pins_are_not_taken_where_nobody_would_be_told(
    source: People, follower: People
) -> None:
    with pytest.raises(sets.SetUntoldError) as refused:
        change_of(follower.roll, offer(whole(source)))
    assert "[duress]" in refused.value.remedy
    take(follower, whole(source))
    edit(source, "0042,Anna B,,,,,,")
    later = change_of(follower.roll, offer(delta(source, 3)))
    assert later is not None, "what brings none is taken, whatever is on file"
    assert later.pins == ()


def test_a_set_shows_nothing_to_who_has_not_the_sites_key(source: People) -> None:
    data = file_of(whole(source))
    (pin,) = source.roll.pins.values()
    stored, under_duress = pin.hash, pin.duress_hash or ""
    payload = msgspec.json.decode(data)["payload"]
    raw = base64.b64decode(payload)
    open_to_all = msgspec.json.encode(whole(source))
    # With their quotes: of what is sealed, four letters are found by chance now and then.
    for secret in (b'"Anna', b'"0042"', stored.encode(), under_duress.encode(), b'"staff"'):
        assert secret in open_to_all
        assert secret not in data
        assert secret not in raw
    assert "Anna" not in repr(whole(source)) + repr(offer(whole(source)))


def test_what_was_changed_long_ago_travels_with_everybody_alone(
    source: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = 12
    monkeypatch.setattr(history, "TOUCHED_KEPT", kept)
    for number in range(kept):
        edit(source, f"0042,Anna {number},,,,,,")
    assert delta(source, 3).base == 3
    with pytest.raises(SetError, match="no longer known") as refused:
        delta(source, 2)
    assert "--all" in refused.value.remedy
    assert whole(source).steps[0].number == 1


# --- a thousand histories ---------------------------------------------------------------------


def random_change(chance: random.Random, roll: Roll) -> Change:
    """Some people come, change, get and lose badges and PINs, or go."""
    holders = list(roll.holders.values())
    new = [
        HolderRecord(
            id=f"{chance.getrandbits(64):016x}",
            external_id=f"{n}-{roll.version}",
            name=chance.choice(["Ada", "Bob"]),
            roles=("staff",),
        )
        for n in range(chance.randrange(3))
    ]
    gone = [one.id for one in holders if chance.random() < 0.1]
    left = [one for one in holders if one.id not in gone]
    edited = [
        msgspec.structs.replace(
            one,
            suspended=chance.random() < 0.5,
            name=chance.choice(["Eve", one.name]),
            version=one.version + 1,
        )
        for one in left
        if chance.random() < 0.3
    ]
    known = [one.id for one in (*left, *new)]
    kept = [one for one in roll.credentials.values() if one.holder not in gone]
    taken = [one.id for one in kept if chance.random() < 0.1]
    moved = [
        msgspec.structs.replace(one, status=chance.choice(ON_FILE))
        for one in kept
        if one.id not in taken and chance.random() < 0.3
    ]
    issued = [
        CredentialRecord(
            id=f"{chance.getrandbits(64):016x}",
            holder=chance.choice(known),
            ref=f"{chance.getrandbits(256):064x}",
        )
        for _ in range(chance.randrange(3) if known else 0)
    ]
    pins = {
        holder: PinRecord(
            holder=holder,
            hash=f"$argon2id${chance.random()}",
            duress_hash=chance.choice((None, f"$argon2id${chance.random()}")),
        )
        for holder in known
        if chance.random() < 0.2
    }
    bare = [holder for holder in roll.pins if holder not in pins and chance.random() < 0.2]
    return Change(
        base=roll.version,
        holders=(*edited, *new),
        holders_removed=tuple(gone),
        credentials=(*moved, *issued),
        credentials_removed=(
            *taken,
            *(one.id for one in roll.credentials.values() if one.holder in gone),
        ),
        pins=tuple(pins.values()),
        pins_removed=(*bare, *(one for one in gone if HolderId(one) in roll.pins)),
    )


class Line:
    """A line of changes in memory, as `site.db` keeps it."""

    def __init__(self) -> None:
        self.rolls = [EMPTY]
        self.steps: list[sets.Step] = []

    def grow(self, chance: random.Random) -> None:
        planned = random_change(chance, self.rolls[-1])
        after = changed(self.rolls[-1], planned)
        self.steps.append(
            sets.Step(
                number=after.version,
                digest=contents_digest(after),
                made=Made(),
                touched=planned.touched,
            )
        )
        self.rolls.append(after)

    def set_between(self, base: int, number: int) -> PeopleSet:
        return since(SITE, "gate", self.rolls[number], self.steps[:number], base)


def follow(roll: Roll, people_set: PeopleSet) -> Roll:
    believed = Offered(people=people_set, change_set="0" * 64, keys=(), signed_by=())
    brought = change_of(roll, believed, duress_is_told=True)
    return roll if brought is None else changed(roll, brought)


def test_deltas_one_by_one_give_what_everybody_at_once_gives(seed: int) -> None:
    for history_number in range(1000):
        chance = random.Random(f"{seed}/{history_number}")
        which = f"history {history_number} of seed {seed}"
        line = Line()
        for _ in range(chance.randrange(1, 12)):
            line.grow(chance)
        last = len(line.steps)
        follower, at = EMPTY, 0
        while at < last:
            # Some deltas reach back further than they need to.
            upto = chance.randrange(at + 1, last + 1)
            follower = follow(follower, line.set_between(chance.randrange(at + 1), upto))
            at = upto
            assert follower == line.rolls[at], f"{which}, version {at}"
        snapshot = everybody(SITE, "gate", line.rolls[last], line.steps)
        assert follow(EMPTY, snapshot) == follower, f"{which}: everybody at once"
        behind = line.rolls[chance.randrange(last + 1)]
        assert follow(behind, snapshot) == follower, f"{which}: from {behind.version}"


def test_random_histories_on_disk_are_those_in_memory(tmp_path: Path, seed: int) -> None:
    for number in range(8):
        chance = random.Random(f"{seed}/{number}")
        folders = [tmp_path / f"{number}-{name}" for name in "ab"]
        for folder in folders:
            folder.mkdir()
        with created(folders[0]) as one, created(folders[1]) as other:
            for _ in range(6):
                one.apply(random_change(chance, one.roll))
                if chance.random() < 0.5:
                    take(other, delta(one, other.version))
                    assert same(one, other), f"{number}, version {one.version}"
            take(other, whole(one))
            assert same(one, other), number


# --- what must not be taken -------------------------------------------------------------------


def refused(people: People, people_set: PeopleSet) -> SetError:
    """Nothing was changed, and the error says what to do."""
    before = (people.roll, people.directory(), people.history(10))
    with pytest.raises(SetError) as caught:
        take(people, people_set)
    assert (people.roll, people.directory(), people.history(10)) == before
    assert caught.value.remedy
    return caught.value


def test_a_delta_that_does_not_follow_says_what_is_missing(
    source: People, follower: People
) -> None:
    edit(follower, ANNA)
    take_line = delta(source, 2)
    gap = refused(follower, take_line)
    assert isinstance(gap, sets.SetGapError)
    assert "builds on version 2, version 1 is on file" in str(gap)
    assert "--since 1" in gap.remedy


def test_a_lower_number_never_replaces_a_higher(source: People, follower: People) -> None:
    old_whole, old_delta = whole(source), delta(source, 2)
    edit(source, "0042,,,,,,,revoked")
    take(follower, whole(source))
    for old in (old_whole, old_delta):
        assert isinstance(refused(follower, old), sets.SetOlderError)
    assert [one.status for one in follower.roll.credentials.values() if one.status == "revoked"]


def test_two_lines_are_never_put_over_each_other(source: People, follower: People) -> None:
    take(follower, whole(source))
    edit(follower, "0042,,,,,,,revoked")
    edit(source, BERT.replace("Bert", "Bertram"))
    same_number = refused(follower, whole(source))
    assert isinstance(same_number, sets.SetForkError)
    edit(source, BERT)
    for people_set in (whole(source), delta(source, 3), delta(source, 4)):
        fork = refused(follower, people_set)
        assert isinstance(fork, sets.SetForkError), fork
        assert "site.db" in fork.remedy


def test_everybody_without_the_line_that_leads_here_is_refused(
    source: People, follower: People
) -> None:
    take(follower, delta(source, 0))
    for number in range(3):
        edit(source, f"0042,Anna {number},,,,,,")
    late = whole(source)
    unproven = msgspec.structs.replace(late, steps=late.steps[-2:])
    assert isinstance(refused(follower, unproven), sets.SetGapError)


def digested(people_set: PeopleSet) -> PeopleSet:
    """With the digest of its records, whatever they are."""
    after = EMPTY.after(
        version=people_set.number,
        holders=people_set.holders,
        credentials=people_set.credentials,
        pins=people_set.pins,
        gone=Touched(),
    )
    digest = contents_digest(after)
    last = msgspec.structs.replace(people_set.steps[-1], digest=digest)
    return msgspec.structs.replace(people_set, digest=digest, steps=(*people_set.steps[:-1], last))


SPOILED: dict[str, Callable[[PeopleSet], PeopleSet]] = {
    "another site": lambda s: msgspec.structs.replace(s, site="annex"),
    "a record less": lambda s: msgspec.structs.replace(s, holders=s.holders[:1]),
    "a badge less": lambda s: msgspec.structs.replace(s, credentials=s.credentials[:1]),
    "a pin less": lambda s: msgspec.structs.replace(s, pins=()),
    "a duress pin less": lambda s: msgspec.structs.replace(
        s, pins=tuple(msgspec.structs.replace(one, duress_hash=None) for one in s.pins)
    ),
    "a pin of nobody": lambda s: digested(
        msgspec.structs.replace(s, pins=(PinRecord(holder="f" * 16, hash="$argon2id$x"),))
    ),
    "another name": lambda s: msgspec.structs.replace(
        s, holders=(msgspec.structs.replace(s.holders[0], name="Eve"), *s.holders[1:])
    ),
    "an active badge": lambda s: msgspec.structs.replace(
        s,
        credentials=tuple(
            msgspec.structs.replace(one, status=CredentialStatus.ACTIVE) for one in s.credentials
        ),
    ),
    "one badge twice": lambda s: digested(
        msgspec.structs.replace(
            s,
            credentials=(*s.credentials, msgspec.structs.replace(s.credentials[0], id="e" * 16)),
        )
    ),
    "one person twice": lambda s: digested(
        msgspec.structs.replace(
            s, holders=(*s.holders, msgspec.structs.replace(s.holders[0], id="e" * 16))
        )
    ),
    "no line": lambda s: msgspec.structs.replace(s, steps=(s.steps[0], s.steps[2])),
    "another end": lambda s: msgspec.structs.replace(s, digest="0" * 64),
    "another last step": lambda s: msgspec.structs.replace(
        s, steps=(*s.steps[:-1], msgspec.structs.replace(s.steps[-1], digest="0" * 64))
    ),
    "a higher number": lambda s: msgspec.structs.replace(s, number=9),
}


@pytest.mark.parametrize("name", SPOILED)
@pytest.mark.parametrize("form", ["whole", "delta"])
def test_a_signed_set_that_contradicts_itself_changes_nothing(
    source: People, follower: People, name: str, form: str
) -> None:
    """As a key's owner, or a mistake in a version of ours, could make it."""
    good = whole(source) if form == "whole" else delta(source, 0)
    error = refused(follower, SPOILED[name](good))
    assert isinstance(error, sets.SetMalformedError | sets.SetForeignError)
    assert take(follower, good)


def test_a_delta_that_begins_elsewhere_is_refused(source: People, follower: People) -> None:
    refused(follower, msgspec.structs.replace(delta(source, 0), steps=whole(source).steps[1:]))
    refused(follower, msgspec.structs.replace(delta(source, 1), base=0))
    refused(follower, msgspec.structs.replace(whole(source), whole=False))


def spoiled_files(source: People) -> dict[str, tuple[bytes, type[Exception]]]:
    good = whole(source)
    data = file_of(good)
    payload = sealed(good, KEY, os.urandom)
    future = msgspec.json.encode(good).replace(b'"schema":2', b'"schema":3,"doors":"open"')
    unknown = msgspec.json.encode(good).replace(b'"schema":2', b'"schema":2,"doors":"open"')

    def closed(content: bytes) -> bytes:
        nonce = os.urandom(12)
        body = nonce + KEY.cipher(b"people").encrypt(nonce, content, None)
        return sign(body, PAYLOAD_TYPE, [CHIEF])

    return {
        "not entitled": (file_of(good, signer=GUARD), SignersError),
        "unknown key": (
            file_of(good, signer=SigningKey(Ed25519PrivateKey.generate())),
            SignersError,
        ),
        "another type": (
            file_of(good, kind="application/vnd.sentrypost.order.v1"),
            PayloadTypeError,
        ),
        "another site's key": (file_of(good, key=SiteKey(b"x" * 32)), sets.SetForeignError),
        "another use of the key": (
            sign(
                b"n" * 12
                + KEY.cipher(b"other").encrypt(b"n" * 12, msgspec.json.encode(good), None),
                PAYLOAD_TYPE,
                [CHIEF],
            ),
            sets.SetForeignError,
        ),
        "not sealed": (
            sign(msgspec.json.encode(good), PAYLOAD_TYPE, [CHIEF]),
            sets.SetForeignError,
        ),
        "nothing sealed": (sign(b"", PAYLOAD_TYPE, [CHIEF]), sets.SetForeignError),
        "tampered": (data.replace(data[200:204], b"AAAA", 1), SignersError),
        "sealed and not signed": (
            msgspec.json.encode({"payload": "", "payloadType": PAYLOAD_TYPE, "signatures": []}),
            SignersError,
        ),
        "truncated": (data[: len(data) // 2], EnvelopeError),
        "empty": (b"", EnvelopeError),
        "50 MB": (b"A" * 50_000_000, EnvelopeError),
        "50 MB of envelope": (sign(b"A" * 37_500_000, PAYLOAD_TYPE, [CHIEF]), EnvelopeError),
        "future": (closed(future), sets.SetNewerError),
        "unknown field": (closed(unknown), sets.SetMalformedError),
        "no set": (closed(b'{"schema":2,"site":"house"}'), sets.SetMalformedError),
        "no json": (closed(b"\xff\x00"), sets.SetMalformedError),
        "the payload alone": (payload, EnvelopeError),
    }


def test_every_file_that_is_none_is_refused(source: People, follower: People) -> None:
    for name, (data, expected) in spoiled_files(source).items():
        with pytest.raises((SetError, SignatureError)) as caught:
            offered(data, TRUSTED, KEY, SITE)
        assert type(caught.value) is expected, name
        assert caught.value.remedy, name
    with pytest.raises(sets.SetForeignError, match="of site 'house', this is 'annex'"):
        offered(file_of(whole(source)), TRUSTED, KEY, "annex")


def test_nothing_is_exported_where_there_is_nothing(source: People, follower: People) -> None:
    for attempt in (lambda: whole(follower), lambda: delta(source, 3), lambda: delta(source, 9)):
        with pytest.raises(sets.NothingNewError):
            attempt()


def test_what_no_envelope_could_hold_is_not_made(source: People) -> None:
    name = HolderRecord(id="a" * 16, external_id="x" * 64, name="N" * 100, roles=("staff",))
    huge = msgspec.structs.replace(whole(source), holders=(name,) * 60_000)
    with pytest.raises(sets.SetMalformedError, match="more people than one set holds"):
        sealed(huge, KEY, os.urandom)
    assert ENVELOPE_BYTES_MAX < 50_000_000


def test_a_set_that_the_file_would_refuse_is_not_staged(source: People, follower: People) -> None:
    """Once it is in the journal it must come in force: it is tried before."""
    take(follower, delta(source, 0))
    swapped = [
        msgspec.structs.replace(one, external_id={"0042": "42", "42": "0042"}[one.external_id])
        for one in source.roll.holders.values()
    ]
    bad = Change(base=3, holders=tuple(swapped))
    before = follower.roll
    with pytest.raises(PeopleDamagedError):
        follower.stage(bad)
    assert (follower.staged, follower.roll) == (None, before)


def test_a_file_from_before_the_history_begins_one(tmp_path: Path, follower: People) -> None:
    with created(tmp_path) as people:
        edit(people, ANNA)
        people.stage(change(csv(BERT), people.roll))
    connection = sqlite3.connect(tmp_path / "site.db")
    for statement in (
        "DROP TABLE history",
        "ALTER TABLE staged DROP COLUMN came",
        "ALTER TABLE staged DROP COLUMN scheme",
        "DELETE FROM _sqlite_migrations WHERE name IN ('0002_history', '0005_digests')",
    ):
        connection.execute(statement)
    row = connection.execute("SELECT change FROM staged").fetchone()[0]
    old = msgspec.json.decode(row)
    for later in ("steps", "change_set", "keys", "holders_removed"):
        del old[later]
    connection.execute("UPDATE staged SET change = ?", [msgspec.json.encode(old)])
    connection.commit()
    connection.close()
    with People.open(tmp_path / "site.db") as people:
        assert [entry.step.number for entry in people.history(5)] == [1]
        people.settle(7)
        assert [entry.step.number for entry in people.history(5)] == [2, 1]
        assert people.directory().provenance.made_utc_us is None
        edit(people, BERT.replace("Bert", "Bertram"))
        take(follower, whole(people))
        assert same(people, follower)
        assert CredentialId(next(iter(people.roll.credentials))) in follower.roll.credentials
