"""The one schema: what was released can be read for ever, what is wrong is refused."""

import json
from collections.abc import Iterator

import msgspec
import pytest

from controller.events import (
    KINDS,
    Body,
    EntryError,
    Header,
    PortalForced,
    decode_body,
    decode_entry,
    encode,
    kind_of,
)
from tests.golden.examples import EXAMPLES, FOLDER, example, goldens

CHANGED = "released bytes never change; after adding fields write <kind>.2.json beside the first"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_has_its_golden_and_gives_the_same_bytes_again(kind: str) -> None:
    released = goldens(kind)
    assert released, f"no golden for {kind}: python -m tests.golden.examples"
    for path in released:
        assert decode_body(decode_entry(path.read_bytes())) is not None
    stored = released[-1].read_bytes()
    entry = decode_entry(stored)
    body = decode_body(entry)
    event = example(kind)
    assert body == event.body
    assert encode(event) == stored, CHANGED


def test_goldens_and_kinds_are_the_same() -> None:
    assert {path.name.partition(".")[0] for path in FOLDER.glob("*.json")} == set(KINDS)
    assert set(EXAMPLES) == set(KINDS)
    assert kind_of(PortalForced) == "portal-forced"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_an_example_fills_every_field(kind: str) -> None:
    # A field left at its default would not be seen to change its name.
    body = EXAMPLES[kind]
    assert [name for name in body.__struct_fields__ if getattr(body, name) is None] == []


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_fields_of_a_later_version_are_tolerated(kind: str) -> None:
    fields = json.loads(encode(example(kind)))
    fields["later"] = {"a": 1}
    fields["body"]["later"] = [1, 2]
    if "after" in fields["body"]:
        fields["body"]["after"]["later"] = "x"
    entry = decode_entry(json.dumps(fields).encode())
    assert decode_body(entry) == EXAMPLES[kind]


def test_a_kind_of_a_later_version_is_kept_whole() -> None:
    stored = encode(example("edge-ready")).replace(b'"edge-ready"', b'"roof-opened"')
    stored = stored.replace(b'"body":{}', b'"body":{"by": "crane",  "n":1}')
    entry = decode_entry(stored)
    assert entry.kind == "roof-opened"
    assert decode_body(entry) is None
    assert bytes(entry.body) == b'{"by": "crane",  "n":1}'


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_personal_value_and_no_salt_stands_in_the_bytes(kind: str) -> None:
    event = example(kind)
    stored = encode(event)
    for personal in event.personal:
        assert personal.value.encode() not in stored
        assert personal.salt.encode() not in stored
        assert personal.value not in repr(personal)


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("edge-ready", b'"seq":42', b'"seq":0'),
        ("edge-ready", b'"seq":42', b'"seq":9007199254740992'),
        ("edge-ready", b'"seq":42', b'"seq":"42"'),
        ("edge-ready", b'"seq":42', b'"seq":4.5'),
        ("edge-ready", b'"mono_us":2000000', b'"mono_us":-1'),
        ("edge-ready", b'"v":1', b'"v":0'),
        ("edge-ready", b'"site":"testonia"', b'"site":"Testonia"'),
        ("edge-ready", b'"site":"testonia"', b'"site":"testonia\\n"'),
        ("edge-ready", b'"incarnation":"0', b'"incarnation":"x'),
        ("edge-ready", b'"kind":"edge-ready"', b'"kind":""'),
        ("journal-restored", b'"dropped":2', b'"dropped":-2'),
        ("journal-restored", b'"dropped":2', b'"dropped":9007199254740992'),
        ("posture-changed", b'"threat":4', b'"threat":6'),
        ("posture-changed", b'"mode":"shelter"', b'"mode":"party"'),
        ("holders-replaced", b'"version":7', b'"version":9007199254740992'),
        ("fire-reset", b'"operator":"', b'"operator":"x'),
        ("portal-granted", b'"deadline_us":5000000', b'"deadline_us":-5'),
    ],
)
def test_what_is_out_of_bounds_is_refused(kind: str, old: bytes, new: bytes) -> None:
    stored = encode(example(kind))
    assert stored.count(old) == 1
    with pytest.raises(EntryError):
        decode_body(decode_entry(stored.replace(old, new)))


@pytest.mark.parametrize("garbage", [b"", b"{", b"[]", b"null", b"\xff", b'{"v":1}'])
def test_garbage_is_refused_by_name(garbage: bytes) -> None:
    with pytest.raises(EntryError):
        decode_entry(garbage)


UNBOUNDED = {
    # They belong to the policy layer, which makes them itself.
    ("HolderFacts", "version"),
    ("Objection", "line"),
}


def ints_of(kind: type) -> Iterator[tuple[str, str, msgspec.inspect.IntType]]:
    """Every integer in a struct and in what it holds, with the struct and field it stands in."""
    info = msgspec.inspect.type_info(kind)
    pending: list[tuple[str, str, object]] = [("", "", info)]
    seen: set[type] = set()
    while pending:
        owner, name, found = pending.pop()
        if isinstance(found, msgspec.inspect.StructType) and found.cls not in seen:
            seen.add(found.cls)
            pending += [(found.cls.__name__, f.name, f.type) for f in found.fields]
        elif isinstance(found, msgspec.inspect.IntType):
            yield owner, name, found
        for attribute in ("types", "item_types"):
            pending += [(owner, name, inner) for inner in getattr(found, attribute, ())]
        for attribute in ("item_type", "key_type", "value_type"):
            if hasattr(found, attribute):
                pending.append((owner, name, getattr(found, attribute)))


@pytest.mark.parametrize("kind", [Header, *KINDS.values()])
def test_every_integer_is_bounded(kind: type[Body]) -> None:
    for owner, name, found in ints_of(kind):
        if (owner, name) not in UNBOUNDED:
            assert found.ge is not None, (owner, name)
            assert found.le is not None, (owner, name)
