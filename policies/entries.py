"""One entry of a file, key by key: every mistake in it, and what it may be once they are mended."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Generic, TypeVar, Union, get_args, get_origin

import msgspec

from policies.document import Place
from policies.model import Entry
from policies.problems import Problem, did_you_mean, nearest

E = TypeVar("E", bound=Entry)
T = TypeVar("T")


class Reading(msgspec.Struct, Generic[T], frozen=True):
    """What was read: one of `values` where nothing is wrong. Where something is, each of them has
    something else in the places `unread`, so that what is wrong with all of them is wrong whatever
    should stand there.
    """

    values: Sequence[T]
    unread: Sequence[Place] = ()
    problems: Sequence[Problem] = ()


def convert_entry(
    kind: type[E], raw: Mapping[str, object], place: Place, places: Mapping[str, Place]
) -> tuple[E | None, list[Problem]]:
    """One entry as its struct, or every mistake in it; `places` overrides where a key stands."""
    problems, _ = _of_entry(kind, raw, place, places)
    return (None if problems else msgspec.convert(raw, kind)), problems


def read_entry(
    kind: type[E], raw: Mapping[str, object], place: Place, places: Mapping[str, Place]
) -> Reading[E]:
    """One entry; `places` overrides where a key stands."""
    problems, absent = _of_entry(kind, raw, place, places)
    if not problems:
        return Reading((msgspec.convert(raw, kind),))
    fields = _fields(kind)
    columns: dict[str, Sequence[object]] = {key: _stand_ins(fields[key].type) for key in absent}
    unread = [place.child(key) for key in absent]
    for key in fields.keys() & raw.keys():
        reading = read_value(fields[key].type, raw[key], places.get(key) or place.child(key))
        unread += reading.unread
        columns[key] = reading.values
    return Reading([msgspec.convert(row, kind) for row in _rows(columns)], unread, problems)


def _of_entry(
    kind: type[E], raw: Mapping[str, object], place: Place, places: Mapping[str, Place]
) -> tuple[list[Problem], set[str]]:
    """What is wrong with an entry, and the keys that it lacks or that are not spelled right."""
    fields = _fields(kind)
    problems: list[Problem] = []
    meant: set[str] = set()
    for key, value in raw.items():
        at = places.get(key) or place.child(key)
        if key in fields:
            problems += (problem for _, problem in _mistakes(fields[key].type, value, at))
            continue
        near = {near} if (near := nearest(key, fields)) is not None else set()
        problems.append(at.unknown_key(key, near))
        meant |= near - raw.keys()
    missing = {key for key, field in fields.items() if field.required} - raw.keys() - meant
    problems += [
        place.at_key(f"'{key}' is missing", _example(field.type))
        for key, field in fields.items()
        if key in missing
    ]
    return problems, missing | meant


def read_value(kind: type[T], raw: object, place: Place) -> Reading[T]:
    """One value; of a list or a table every element that is wrong is told."""
    mistakes = _mistakes(kind, raw, place)
    if not mistakes:
        return Reading((msgspec.convert(raw, kind),))
    values = [msgspec.convert(value, kind) for value in _readable(kind, raw)]
    return Reading(values, [at for at, _ in mistakes], [problem for _, problem in mistakes])


def _mistakes(kind: object, raw: object, place: Place) -> list[tuple[Place, Problem]]:
    """What is wrong, and what stands there."""
    kind = _meant(kind, raw)
    said = _complaint(kind, raw)
    if said is None:
        return []
    inside = [
        mistake
        for key, value in _elements(kind, raw)
        for mistake in _mistakes(_item(kind), value, place.child(key))
    ]
    if isinstance(kind, type) and issubclass(kind, Entry) and isinstance(raw, dict):
        inside = [(place, problem) for problem in _of_entry(kind, raw, place, {})[0]]
    return inside or [(place, _problem(kind, raw, place, said))]


def _complaint(kind: object, raw: object) -> str | None:
    try:
        msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        return str(error)
    return None


def _problem(kind: object, raw: object, place: Place, said: str) -> Problem:
    message = said.partition(" - at `$")[0]
    options = _options(kind)
    if message.startswith("Invalid enum value") and isinstance(raw, str):
        hint = did_you_mean(raw, options) or f"one of {', '.join(options)}"
        return place.problem(f"unknown value '{raw}'", hint)
    plain = message[:1].lower() + message[1:].replace("`", "'")
    return place.problem(plain, "write a day as 2026-12-25" if "date" in plain else None)


# --- what may stand for what could not be read ----------------------------------------------------


def _readable(kind: object, raw: object) -> Sequence[object]:
    """The value itself, or with stand-ins for what is wrong in it."""
    if _complaint(kind, raw) is None:
        return (raw,)
    item, elements = _item(kind), _elements(kind, raw)
    if all(_complaint(item, value) is None for _, value in elements):
        return _stand_ins(kind)
    rows = _rows({key: _readable(item, value) for key, value in elements})
    return rows if isinstance(raw, dict) else [[*row.values()] for row in rows]


def _stand_ins(kind: object) -> list[object]:
    """All values of a type where they can be counted, both ends of a range, a list without and with
    one; of texts the empty one, which names nothing.
    """
    bare, item = _bare(kind), _item(kind)
    if get_origin(bare) in (Union, UnionType):
        return [value for one in get_args(bare) for value in _stand_ins(one)]
    if isinstance(bare, type) and issubclass(bare, Enum):
        return list(bare)
    if bare in (int, float):
        (limits,) = get_args(kind)[1:]
        return [limits.ge if limits.gt is None else limits.gt + 1, limits.le]
    if item is not None and get_origin(bare) is not dict:
        return [[], *([value] for value in _stand_ins(item))]
    return _OF_PLAIN[get_origin(bare) or bare]


_OF_PLAIN: Mapping[object, list[object]] = {
    bool: [False, True],
    str: [""],
    date: [date(2000, 1, 1)],
    dict: [{}],
    NoneType: [None],
}


def _rows(columns: Mapping[T, Sequence[object]]) -> list[dict[T, object]]:
    """As many rows as the longest column is long; shorter ones begin anew."""
    count = max(map(len, columns.values()), default=1)
    return [
        {key: column[number % len(column)] for key, column in columns.items()}
        for number in range(count)
    ]


# --- types ----------------------------------------------------------------------------------------


def _bare(kind: object) -> object:
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _meant(kind: object, raw: object) -> object:
    """Of several kinds the one that a table can only be; what is wrong in it can then be told."""
    if get_origin(_bare(kind)) not in (Union, UnionType) or not isinstance(raw, dict):
        return kind
    entries = [
        one for one in get_args(_bare(kind)) if isinstance(one, type) and issubclass(one, Entry)
    ]
    return entries[0] if len(entries) == 1 else kind


def _item(kind: object) -> object | None:
    """The type of the elements of a list or of the values of a table; None for anything else."""
    bare = _bare(kind)
    if get_origin(bare) not in (tuple, list, dict):
        return None
    item: object = get_args(bare)[1 if get_origin(bare) is dict else 0]
    return item


def _elements(kind: object, raw: object) -> Sequence[tuple[str | int, object]]:
    """What a list or a table holds, with index or key; nothing where `kind` asks for neither."""
    origin = get_origin(_bare(kind))
    if origin is dict and isinstance(raw, dict):
        return list(raw.items())
    return list(enumerate(raw)) if origin in (tuple, list) and isinstance(raw, list) else ()


@cache
def _fields(kind: type[Entry]) -> Mapping[str, msgspec.structs.FieldInfo]:
    """The keys of one kind of entry; working them out takes longer than an entry does."""
    return {field.encode_name: field for field in msgspec.structs.fields(kind)}


def _options(kind: object) -> tuple[str, ...]:
    return tuple(_members(kind))


def _members(kind: object) -> Iterator[str]:
    if isinstance(kind, type) and issubclass(kind, Enum):
        yield from (str(member.value) for member in kind)
    for inner in get_args(kind):
        yield from _members(inner)


def _example(kind: object) -> str | None:
    options = _options(kind)
    return f"one of {', '.join(options)}" if options else None
