"""Many small records in little room: an immutable map that a change costs microseconds.

A hundred thousand people as objects take a hundred megabytes, which the garbage collector walks
through. Here a record is bytes until somebody asks for it. Records lie in shards by a checksum of
their key; a change makes new the shards that it touches, and shares all others with the map before.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

K = TypeVar("K", bound=str)
V = TypeVar("V")
P = TypeVar("P")

WIDTH = 25
"""Parts of a node, at each of three levels. At 100,000 records a shard has six: a lookup reads
through them, and with fewer in each the shards themselves would be what takes the room. Digests
depend on it: another width is another scheme (`edge/people/history.py`)."""

AT_ONCE = 10_000
"""Changes that are made together: bounds what a map of everybody takes while it is made."""

DIGEST_BYTES = hashlib.sha256().digest_size


class Form(NamedTuple, Generic[K, V]):
    """How records of one kind become bytes and come back: `unpack(key, pack(record))` is `record`.

    Equal records have equal bytes. The key is kept already, and need not be in them.
    """

    pack: Callable[[V], bytes]
    unpack: Callable[[K, bytes], V]


class Line:
    """Fields of a struct as a MessagePack array.

    Fields at the end are left out where they have their default: a field that is added behind the
    others changes neither the bytes nor the digest of a record that says nothing about it.
    """

    def __init__(self, fields: Iterable[msgspec.structs.FieldInfo]) -> None:
        fields = tuple(fields)
        self._defaults = tuple(field.default for field in fields)
        kinds = [
            (field.name, field.type)
            if field.default is msgspec.NODEFAULT
            else (field.name, field.type, field.default)
            for field in fields
        ]
        line = msgspec.defstruct("Line", kinds, kw_only=True, array_like=True, gc=False)
        self._read: Callable[[bytes], msgspec.Struct] = msgspec.msgpack.Decoder(line).decode

    def pack(self, values: tuple[object, ...]) -> bytes:
        """The values of all fields, in order."""
        said = len(values)
        while said and values[said - 1] == self._defaults[said - 1]:
            said -= 1
        return msgspec.msgpack.encode(values[:said])

    def unpack(self, data: bytes) -> tuple[Any, ...]:
        """What `pack` was given."""
        return msgspec.structs.astuple(self._read(data))


def short(text: str) -> bytes:
    """The bytes that a hexadecimal id stands for, half as many; any other text as it is."""
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        return b"\1" + text.encode()
    return b"\0" + raw if raw.hex() == text else b"\1" + text.encode()


def long(data: bytes) -> str:
    """The text that `short` was given."""
    return data[1:].decode() if data[0] else data[1:].hex()


class _Node(NamedTuple, Generic[P]):
    """`digests`: SHA-256 of each part, one behind the other; `digest`: SHA-256 over those."""

    parts: tuple[P, ...]
    digests: bytes
    digest: bytes


_Root = _Node[_Node[_Node[bytes]]]
"""The parts of the lowest nodes are shards: MessagePack maps in the order of their keys."""

_read_shard = msgspec.msgpack.Decoder(dict[bytes, bytes]).decode


def _alike(part: P, digest: bytes) -> _Node[P]:
    digests = digest * WIDTH
    return _Node((part,) * WIDTH, digests, hashlib.sha256(digests).digest())


_NOTHING = msgspec.msgpack.encode({})
_BARE_LOWEST = _alike(_NOTHING, hashlib.sha256(_NOTHING).digest())
_BARE_MIDDLE = _alike(_BARE_LOWEST, _BARE_LOWEST.digest)
_BARE: _Root = _alike(_BARE_MIDDLE, _BARE_MIDDLE.digest)


class Packed(Generic[K, V]):
    """An immutable map from ids to records. Reading is free on any thread.

    `digest` is SHA-256 over all of it, in hex: equal records have equal digests, however they came
    in.
    """

    __slots__ = ("_count", "_form", "_root", "digest")

    def __init__(self, form: Form[K, V], _root: _Root = _BARE, _count: int = 0) -> None:
        """Nothing yet; `replaced` makes more of it."""
        self._form, self._root, self._count = form, _root, _count
        self.digest: str = _root.digest.hex()

    def get(self, key: K) -> V | None:
        """The record, newly made at each call; None where there is none."""
        within = short(key)
        data = _read_shard(self._shard(within)).get(within)
        return None if data is None else self._form.unpack(key, data)

    def __getitem__(self, key: K) -> V:
        found = self.get(key)
        if found is None:
            raise KeyError(key)
        return found

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and (within := short(key)) in _read_shard(self._shard(within))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[K]:
        return (key for key, _ in self.items())

    def values(self) -> Iterator[V]:
        return (record for _, record in self.items())

    def items(self) -> Iterator[tuple[K, V]]:
        """In an order that the keys alone decide."""
        for node in self._root.parts:
            if node is _BARE_MIDDLE:
                continue
            used = (one.parts for one in node.parts if one is not _BARE_LOWEST)
            for shard in chain.from_iterable(used):
                for within, data in _read_shard(shard).items():
                    key: K = long(within)  # type: ignore[assignment]  # a K went in
                    yield key, self._form.unpack(key, data)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Packed) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"Packed({self._count} records)"

    def replaced(self, put: Iterable[tuple[K, V]], gone: Iterable[K] = ()) -> "Packed[K, V]":
        """The map without `gone` and with `put`, which comes last; this one stays as it is."""
        pack, root, count = self._form.pack, self._root, self._count
        taken: Iterator[_Change] = ((short(key), None) for key in gone)
        given: Iterator[_Change] = ((short(key), pack(record)) for key, record in put)
        changes = chain(taken, given)
        while some := dict(islice(changes, AT_ONCE)):
            places = [(zlib.crc32(key), key, data) for key, data in some.items()]
            root, _, more = _after(_MIDDLE, root, places)
            count += more
        return Packed(self._form, root, count)

    def differing(self, other: "Packed[K, V]") -> Iterator[K]:
        """Keys that one of the two alone has, or both with different records. What they share costs
        nothing."""
        for high in _apart(self._root, other._root):
            for low in _apart(*high):
                for mine, others in _apart(*low):
                    items = _read_shard(mine).items() ^ _read_shard(others).items()
                    for within in sorted({within for within, _ in items}):
                        yield long(within)  # type: ignore[misc]  # a K went in

    def _shard(self, key: bytes) -> bytes:
        at = zlib.crc32(key)
        node = self._root.parts[at % WIDTH].parts[at // WIDTH % WIDTH]
        return node.parts[at // WIDTH**2 % WIDTH]


_Change = tuple[bytes, bytes | None]

_Place = tuple[int, bytes, bytes | None]
"""Where within a part a record lies, its short key, and its bytes; None: taken away."""

_Below = Callable[[P, Sequence[_Place]], tuple[P, bytes, int]]
"""A part after changes, its digest, and how many records more it has."""


def _shard_after(shard: bytes, changes: Sequence[_Place]) -> tuple[bytes, bytes, int]:
    records = _read_shard(shard)
    before = len(records)
    for _, key, data in changes:
        if data is None:
            records.pop(key, None)
        else:
            records[key] = data
    encoded = msgspec.msgpack.encode(dict(sorted(records.items())))
    # A copy has the room that it needs; what the encoder gives keeps up to half as much again.
    after = memoryview(encoded).tobytes()
    return after, hashlib.sha256(after).digest(), len(records) - before


def _after(
    below: _Below[P], node: _Node[P], changes: Sequence[_Place]
) -> tuple[_Node[P], bytes, int]:
    places: dict[int, list[_Place]] = {}
    for at, key, data in changes:
        places.setdefault(at % WIDTH, []).append((at // WIDTH, key, data))
    parts, digests, count = list(node.parts), bytearray(node.digests), 0
    for at, within in places.items():
        parts[at], digest, more = below(parts[at], within)
        digests[at * DIGEST_BYTES : (at + 1) * DIGEST_BYTES] = digest
        count += more
    made = _Node(tuple(parts), bytes(digests), hashlib.sha256(digests).digest())
    return made, made.digest, count


_LOWEST = partial(_after, _shard_after)
_MIDDLE = partial(_after, _LOWEST)


def _apart(mine: _Node[P], other: _Node[P]) -> Iterator[tuple[P, P]]:
    """The parts in which the two differ."""
    return (pair for pair in zip(mine.parts, other.parts, strict=True) if pair[0] != pair[1])
