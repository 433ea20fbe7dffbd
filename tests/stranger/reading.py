"""What `docs/mqtt.md` says of bytes, in Python's standard library alone: nothing here is ours."""

import hashlib
import json
import zlib
from typing import Any, NamedTuple

MESSAGE_BYTES_MAX = 1024 * 1024
WHOLE_MAX = 2**53 - 1

Json = dict[str, Any]


class RefusedError(ValueError):
    """A message that does not fit the page."""


class Sent(NamedTuple):
    """An entry's bytes, its leaf hash, what stands in it, and the values beside it that fit. Of one
    whose bytes are gone there is the leaf hash alone.
    """

    data: bytes
    leaf: bytes
    entry: Json
    personal: dict[str, str]


class Batch(NamedTuple):
    """`before`: the chain in front of it, where all in front of it is gone."""

    incarnation: str
    first: int
    entries: list[Sent]
    before: bytes | None


class Connection(NamedTuple):
    """Which connection of an edge a status is about."""

    incarnation: str
    boot: int
    number: int


def parsed(payload: bytes) -> Json:
    """One JSON object. Raises RefusedError."""
    if len(payload) > MESSAGE_BYTES_MAX:
        raise RefusedError("longer than any message")
    try:
        found = json.loads(payload.decode())
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"no JSON: {error}") from None
    if not isinstance(found, dict):
        raise RefusedError("no object")
    return found


def text(message: Json, name: str, default: str | None = None) -> str:
    found = message.get(name, default)
    if not isinstance(found, str):
        raise RefusedError(f"{name} is no text")
    return found


def whole(message: Json, name: str, default: int | None = None) -> int:
    found = message.get(name, default)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= WHOLE_MAX:
        raise RefusedError(f"{name} is no number")
    return found


def digest(message: Json, name: str) -> bytes:
    found = text(message, name)
    try:
        hashed = bytes.fromhex(found)
    except ValueError:
        hashed = b""
    if len(hashed) != 32 or found != hashed.hex():
        raise RefusedError(f"{name} is no digest")
    return hashed


def status(payload: bytes) -> tuple[Connection, Json]:
    """Whose birth or death it is. Raises RefusedError."""
    said = parsed(payload)
    if not isinstance(said.get("alive"), bool):
        raise RefusedError("neither birth nor death")
    return Connection(text(said, "incarnation"), whole(said, "boot"), whole(said, "number")), said


def is_news(known: tuple[Connection, Json] | None, heard: tuple[Connection, Json]) -> bool:
    """The rules under "Who is connected"."""
    if known is None or known[0] == heard[0]:
        return True
    if not heard[1]["alive"]:
        return False
    return known[0].incarnation != heard[0].incarnation or heard[0] > known[0]


def entry(data: bytes, site: str, edge: str) -> Json:
    """What stands in an entry's bytes. Raises RefusedError."""
    said = parsed(data)
    if (text(said, "site"), text(said, "edge")) != (site, edge):
        raise RefusedError("of another edge than its topic")
    if whole(said, "seq") < 1 or not isinstance(said.get("body"), dict):
        raise RefusedError("no number, or no body")
    text(said, "incarnation")
    text(said, "kind")
    return said


def batch(payload: bytes, site: str, edge: str) -> Batch:
    """A message on `journal`. Raises RefusedError."""
    said = parsed(_inflated(payload) if payload[:1] == b"x" else payload)
    incarnation, first, listed = text(said, "incarnation"), whole(said, "from"), said.get("entries")
    if not isinstance(listed, list) or not listed:
        raise RefusedError("no entries")
    entries = []
    for number, one in enumerate(listed, start=first):
        if not isinstance(one, dict):
            raise RefusedError("an entry that is no object")
        data = text(one, "entry").encode()
        if not data and "leaf" in one:
            entries.append(Sent(b"", digest(one, "leaf"), {"kind": None}, {}))
            continue
        inside = entry(data, site, edge)
        if (inside["incarnation"], inside["seq"]) != (incarnation, number):
            raise RefusedError(f"entry {number} says that it is another")
        personal = _personal(one.get("personal", []), inside["body"])
        entries.append(Sent(data, leaf(data), inside, personal))
    before = digest(said, "before") if "before" in said else None
    return Batch(incarnation, first, entries, before)


def _inflated(payload: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        found = inflater.decompress(payload, MESSAGE_BYTES_MAX)
    except zlib.error as error:
        raise RefusedError(f"no zlib stream: {error}") from None
    if not inflater.eof:
        raise RefusedError("longer than any message, or cut off")
    return found


def _personal(values: Any, body: Json) -> dict[str, str]:
    """Those that fit what the entry commits to."""
    found = {}
    for one in values if isinstance(values, list) else []:
        if not isinstance(one, dict):
            raise RefusedError("a value that is no object")
        field, value, salt = (text(one, name) for name in ("field", "value", "salt"))
        if body.get(field) == commitment(field, value, salt):
            found[field] = value
    return found


def commitment(field: str, value: str, salt: str) -> str:
    """The section "Personal values"."""
    try:
        parts = (field.encode(), bytes.fromhex(salt), value.encode())
    except ValueError:
        raise RefusedError("a salt that is no hexadecimal") from None
    return hashlib.sha256(
        b"pf1" + b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    ).hexdigest()


def origin(site: str, edge: str, incarnation: str) -> bytes:
    """The chain before the first entry."""
    return hashlib.sha256(f"sentrypost chain 1\n{site}\n{edge}\n{incarnation}\n".encode()).digest()


def leaf(data: bytes) -> bytes:
    """Of an entry."""
    return hashlib.sha256(b"\x00" + data).digest()


def link(chain: bytes, leaf: bytes) -> bytes:
    """The chain after one more entry."""
    return hashlib.sha256(chain + leaf).digest()
