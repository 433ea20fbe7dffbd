"""Whom and what an entry is about, for whoever searches: portal, person, reason code, drill.

Only here does the archive look into bodies for its own sake. What it takes out are names of portals
and random ids, never a personal value. A kind that this version does not know is looked into as far
as it says such things in the same words; otherwise it is found by its header.
"""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from central.archive import Archived
from controller.erasures import subjects
from controller.events import Entry

PORTAL, HOLDER, CODE, DRILL = "portal", "holder", "code", "drill"

VALUE_CHARS_MAX = 64
"""Names and ids are no longer; what is longer was not made by us."""


class Mention(NamedTuple):
    what: str
    value: str


class _Holder(msgspec.Struct):
    id: str | None = None


class _Request(msgspec.Struct):
    holder: _Holder | None = None


class _Decision(msgspec.Struct):
    code: int | None = None


class _After(msgspec.Struct):
    portal: str | None = None
    holder: str | None = None


class _Moved(msgspec.Struct):
    holders: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()


class _Order(msgspec.Struct):
    holder: str | None = None


class _Body(msgspec.Struct):
    portal: str | None = None
    holder: str | None = None
    visitor: str | None = None
    host: str | None = None
    recipient: str | None = None
    bearer: str | None = None
    receiver: str | None = None
    request: _Request | None = None
    decision: _Decision | None = None
    after: _After | None = None
    moved: _Moved | None = None
    order: _Order | str | None = None
    gone: tuple[str, ...] = ()
    holders: tuple[str, ...] | int = ()
    """Who they are; of a change of people how many, which is nobody."""


_BODY = msgspec.json.Decoder(_Body)


def mentions(entry: Entry) -> tuple[Mention, ...]:
    """What this entry is found by beside its header, each once."""
    found = [Mention(DRILL, "")] if entry.drill else []
    try:
        body = _BODY.decode(entry.body)
    except msgspec.DecodeError:
        return tuple(found)
    found += _said(body)
    return tuple(
        dict.fromkeys(
            one for one in found if len(one.value) <= VALUE_CHARS_MAX and "\x00" not in one.value
        )
    )


def _said(body: _Body) -> Iterator[Mention]:
    after = body.after or _After()
    moved = body.moved or _Moved()
    holder = None if body.request is None else body.request.holder
    for portal in (body.portal, after.portal):
        if portal is not None:
            yield Mention(PORTAL, portal)
    named = body.order.holder if isinstance(body.order, _Order) else None
    people = (body.holder, body.visitor, body.host, after.holder, holder.id if holder else None)
    several = () if isinstance(body.holders, int) else body.holders
    goods = (body.recipient, body.bearer, body.receiver)
    for person in (*people, named, *goods, *several, *moved.holders, *moved.unsure, *body.gone):
        if person is not None:
            yield Mention(HOLDER, person)
    if body.decision is not None and body.decision.code is not None:
        yield Mention(CODE, str(body.decision.code))


def mention_rows(journal: int, entry: Entry) -> Iterator[tuple[str, str, int, int, int]]:
    """The rows of `MENTION` for one entry."""
    for what, value in mentions(entry):
        yield what, value, entry.utc_us, journal, entry.seq


def personal_rows(journal: int, archived: Archived) -> Iterator[tuple[object, ...]]:
    """The rows of `PERSONAL` for the values beside one entry. `holder`: whose the entry says it is,
    by whom a name leads to the person's other entries."""
    if archived.personal:
        entry, whose = archived.entry, subjects(archived.entry)
        for value in archived.personal:
            his = whose.get(value.field)
            row = (journal, entry.seq, value.field, value.value, value.salt, entry.utc_us, his)
            yield *row, bucket(value.value)


def bucket(value: str) -> int:
    """By which a personal value is looked up: sixteen bits of its hash.

    An index over values themselves would be written in their order, and SQLite leaves a copy of a
    row now and then in a page that it divides; only the table is written anew. These bits are those
    of every 65,536th name in the world.
    """
    return int.from_bytes(hashlib.sha256(value.encode()).digest()[:2], "big")
