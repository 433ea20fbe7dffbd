"""What the wire's contract is made from: topics, messages, kinds of events, and their schemas.

`docs.asyncapi` makes the document for programs of it, `docs.mqtt_page` the page for people.
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from controller.events import KINDS, Entry, Header
from controller.ledger import Personal
from docs.wire_words import FIELDS, HEADER, PERSONAL, RESERVED, TOPICS
from edge import wire, wire_orders
from edge.privacy import personal_fields
from edge.topics import Topics

ROOT = Path(__file__).resolve().parents[1]
GOLDEN_EVENTS = ROOT / "tests" / "golden" / "events"
GOLDEN_MESSAGES = ROOT / "tests" / "golden" / "messages"

COMMITS = "commitment to a value that lies beside the entry in `journal`"

REFERENCE = "#/components/schemas/"

MEMBERS: Mapping[type[msgspec.Struct], Mapping[str, str]] = {
    **FIELDS,
    Personal: PERSONAL,
    Entry: HEADER,
}
"""Everything with a meaning written down for each of its members."""

_SITE, _EDGE, _VARIABLE = "a-site", "an-edge", "a-variable"


class ContractError(ValueError):
    """The code has something on the wire that nothing is said about, or the other way round."""


def addresses() -> dict[str, str]:
    """Each topic that `edge.topics.Topics` can name, by its name there, with parameters in braces.

    Raises ContractError where words and code do not cover each other.
    """
    topics = Topics(_SITE, _EDGE)
    found = {name: value for name, value in vars(topics).items() if not name.startswith("_")}
    for name, member in vars(Topics).items():
        if callable(member) and not name.startswith("_"):
            found[name] = getattr(topics, name)(_VARIABLE)
    if differ := sorted(set(found) ^ (TOPICS.keys() | RESERVED)):
        raise ContractError(f"docs/wire_words.py and edge/topics.py differ: {', '.join(differ)}")
    if both := sorted(TOPICS.keys() & RESERVED):
        raise ContractError(f"docs/wire_words.py has words for what nobody uses: {both}")
    shapes = ((_SITE, "{site}"), (_EDGE, "{edge}"), (_VARIABLE, "{kind}"))
    return {name: _replaced(topic, shapes) for name, topic in found.items() if name in TOPICS}


def _replaced(text: str, pairs: tuple[tuple[str, str], ...]) -> str:
    for old, new in pairs:
        text = text.replace(old, new)
    return text


def messages() -> tuple[type[msgspec.Struct], ...]:
    """The structs that are a topic's payload, each once, in the order of the topics.

    Raises ContractError where a struct of `edge.wire*` has no words, or a field.
    """
    known = (*vars(wire).values(), *vars(wire_orders).values())
    for struct in (one for one in known if _is_message(one)):
        if struct not in FIELDS:
            raise ContractError(f"docs/wire_words.py FIELDS lacks {struct.__name__}")
    for struct, words in MEMBERS.items():
        if differ := set(struct.__struct_encode_fields__) ^ set(words):
            raise ContractError(f"{struct.__name__}: no words, or no field: {sorted(differ)}")
    return tuple(dict.fromkeys(one for words in TOPICS.values() for one in words.messages))


def _is_message(one: object) -> bool:
    modules = {wire.__name__, wire_orders.__name__}
    return isinstance(one, type) and issubclass(one, msgspec.Struct) and one.__module__ in modules


def text_of(struct: type) -> str:
    """Its docstring on one line, as JSON would say it; empty where it has none of its own."""
    text = _said(vars(struct).get("__doc__") or "")
    return "" if text.startswith(f"{struct.__name__}(") else text


def _said(text: str) -> str:
    return re.sub(r"\bNone\b", "null", " ".join(text.split()))


@cache
def schemas() -> Mapping[str, Any]:
    """JSON Schema (draft 7) of every message, of an entry, and of every kind's body, by name."""
    kinds = tuple(KINDS.values())
    _, parts = msgspec.json.schema_components(
        [*messages(), Header, Personal, *kinds], ref_template=REFERENCE + "{name}"
    )
    names = {name: _plain(name) for name in parts}
    if len(set(names.values())) != len(names):
        raise ContractError("two schemas have one name")
    fresh = {names[name]: _portable(part, names) for name, part in parts.items()}
    for struct, words in MEMBERS.items():
        if struct is Entry:
            continue
        properties = fresh[struct.__name__]["properties"]
        for field, says in words.items():
            properties[field] = _described(properties[field], says)
    for kind, fields in personal_fields().items():
        properties = fresh[KINDS[kind].__name__]["properties"]
        for field in fields:
            properties[field] = _described(properties[field], COMMITS)
    fresh["Entry"] = _entry(fresh.pop("Header"))
    return dict(sorted(fresh.items()))


def _plain(name: str) -> str:
    """`controller.portal.State` -> `PortalState`: two of one name are told apart by their file."""
    *_, place, last = ("", *name.split("."))
    return place.capitalize() + last


def _entry(header: dict[str, Any]) -> dict[str, Any]:
    """The header, and a body of whatever kind."""
    properties = {**header["properties"], "body": {"type": "object"}}
    return {
        **header,
        "title": "Entry",
        "description": "One entry of a journal, of any kind, known or not.",
        "properties": {name: _described(properties[name], says) for name, says in HEADER.items()},
        "required": [*header["required"], "body"],
    }


def _portable(part: Any, names: Mapping[str, str]) -> Any:
    """As any validator reads it: `\\Z` is Python's alone, and docstrings have line breaks."""
    match part:
        case {"prefixItems": items}:
            # Draft 7 says of a tuple's places what later drafts say by another word.
            rest = {key: value for key, value in part.items() if key != "prefixItems"}
            return rest | {"items": _portable(items, names), "additionalItems": False}
        case dict():
            return {key: _key(key, value, names) for key, value in part.items()}
        case list():
            return [_portable(one, names) for one in part]
        case _:
            return part


def _key(key: str, value: Any, names: Mapping[str, str]) -> Any:
    if key == "pattern" and isinstance(value, str):
        return value.replace("\\Z", "$")
    if key == "description" and isinstance(value, str):
        return _said(value)
    if key == "$ref":
        return REFERENCE + names[value.removeprefix(REFERENCE)]
    return _portable(value, names)


def _described(part: Mapping[str, Any], says: str) -> dict[str, Any]:
    """What stands beside a reference is not read by draft 7: it is wrapped."""
    inner = {"allOf": [dict(part)]} if "$ref" in part else dict(part)
    return {**inner, "description": says}


def golden_event(kind: str) -> dict[str, Any]:
    """The newest released example of a kind, as it was stored."""
    later = sorted(GOLDEN_EVENTS.glob(f"{kind}.[0-9].json"))
    newest = (later or [GOLDEN_EVENTS / f"{kind}.json"])[-1]
    found: dict[str, Any] = json.loads(newest.read_bytes())
    return found


def golden_messages(struct: type[msgspec.Struct]) -> dict[str, bytes]:
    """The newest released examples of a message, by file name without its number.

    Raises ContractError where there is none.
    """
    found = {
        re.sub(r"\.[2-9]\.", ".", path.name): path.read_bytes()
        for path in sorted(GOLDEN_MESSAGES.glob(f"{struct.__name__}.*"), key=_release)
    }
    if not found:
        raise ContractError(f"no golden message for {struct.__name__}: tests/golden/messages.py")
    return dict(sorted(found.items()))


def _release(path: Path) -> int:
    number = re.search(r"\.([2-9])\.", path.name)
    return int(number[1]) if number else 1
