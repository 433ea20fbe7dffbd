"""The generated sections of `docs/mqtt.md`: the contract on the wire for people."""

import textwrap
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from controller import ledger
from controller.erasures import WHOSE
from controller.events import KINDS, Header, decode_entry
from controller.ledger import Personal
from docs.contract import (
    COMMITS,
    REFERENCE,
    addresses,
    golden_messages,
    messages,
    schemas,
    text_of,
)
from docs.meanings import EVENTS
from docs.tables import table
from docs.wire_words import HEADER, TOPICS
from edge import wire
from policies.codes import TEXTS

COLUMNS = ("member", "type", "if missing", "meaning")
_BEYOND = 2**53 - 1
PRUNED = "Batch.pruned.json"
"""Of the same journal, sent once more when some of it has gone."""
_HEX = 96
"""Digits of hexadecimal on one line."""


def topics() -> str:
    """Every topic that is in use."""
    rows = []
    for name, address in addresses().items():
        words = TOPICS[name]
        what = ", ".join(f"[{one.__name__}](#{one.__name__.lower()})" for one in words.messages)
        rows.append(
            (
                f"`{address}`",
                f"edge → {words.peer}" if words.own else f"{words.peer} → edge",
                f"{words.qos}, retained" if words.retained else f"{words.qos}",
                what or "[an entry](#entries)",
                words.says,
            )
        )
    return table(("topic", "who", "QoS", "message", "what"), rows)


def message_tables() -> str:
    """Every message with its members."""
    structs = [*messages(), wire.SentEntry, Personal]
    parts = []
    for struct in structs:
        notes = [words.more for words in TOPICS.values() if struct in words.messages if words.more]
        said = "\n\n".join(_wrapped(text) for text in (text_of(struct), *notes) if text)
        parts.append(f"### {struct.__name__}\n\n{said}\n\n{_members(struct.__name__)}")
    return "\n".join(parts)


def entry_table() -> str:
    """The members of an entry."""
    return _members("Entry")


def kinds() -> str:
    """Every kind of event with the members of its body."""
    rows = []
    for kind, body in KINDS.items():
        members = _plain_members(schemas()[body.__name__])
        rows.append((f"`{kind}`", EVENTS.get(kind) or text_of(body), members or "–"))
    return table(("kind", "what happened", "members of `body`"), rows)


def parts() -> str:
    """What bodies are made of: objects by their members, words by their list."""
    shown = {body.__name__ for body in KINDS.values()} | {one.__name__ for one in messages()}
    shown |= {"Entry", "SentEntry", "Personal", "Code"}
    sections = []
    for name, schema in schemas().items():
        if name in shown:
            continue
        said = schema.get("description", "")
        inside = (
            ", ".join(f"`{word}`" for word in schema["enum"])
            if "enum" in schema
            else _plain_members(schema)
        )
        said = "" if said == "An enumeration." else _wrapped(said)
        sections.append("\n\n".join(filter(None, (f"#### {name}", said, _wrapped(inside)))))
    return "\n\n".join(sections) + "\n"


def codes() -> str:
    """Every code of a decision, shortly."""
    return table(
        ("code", "reason"), ((str(int(code)), text) for code, text in sorted(TEXTS.items()))
    )


def erasing() -> str:
    """Which values beside which entries go with an erased person."""
    rows = []
    for kind, places in WHOSE.items():
        for place in dict.fromkeys(places.values()):
            fields = ", ".join(f"`{field}`" for field, at in places.items() if at is place)
            rows.append((f"`{kind}`", f"`body.{place}`", fields))
    return table(("entry", "the person's id stands in", "values about that person"), rows)


def vectors() -> str:
    """Real bytes, and what must come out of them."""
    shown = []
    for struct in messages():
        for name, data in golden_messages(struct).items():
            shown.append(f"`{name}`, {len(data)} bytes:\n\n```text\n{_shown(data)}\n```\n")
    return "\n".join(shown) + "\n" + _chain_table()


def _chain_table() -> str:
    """The journal that the batches above hold, with its arithmetic."""
    entries = [
        sent.data
        for name, data in golden_messages(wire.Batch).items()
        if name != PRUNED
        for sent in wire.decode_batch(data).entries
    ]
    first = decode_entry(entries[0])
    chain = ledger.origin(first.site, first.edge, first.incarnation)
    rows = [("0", "–", "–", f"`{chain.hex()}`")]
    for data in entries:
        entry, leaf = decode_entry(data), ledger.leaf(data)
        chain = ledger.link(chain, leaf)
        rows.append((str(entry.seq), f"`{entry.kind}`", f"`{leaf.hex()}`", f"`{chain.hex()}`"))
    return table(("seq", "kind", "leaf", "chain"), rows)


def _shown(data: bytes) -> str:
    """Text as it is; what is compressed in hexadecimal."""
    if data[:1] != b"x":
        return data.decode()
    assert zlib.decompress(data), "a golden message is whole"
    digits = data.hex()
    return "\n".join(digits[at : at + _HEX] for at in range(0, len(digits), _HEX))


# --- types in words -----------------------------------------------------------------------------


def _members(name: str) -> str:
    schema = schemas()[name]
    required = set(schema.get("required", ()))
    return table(
        COLUMNS,
        (
            (
                f"`{member}`",
                _type(part),
                "never missing" if member in required else _default(part),
                part.get("description", ""),
            )
            for member, part in schema["properties"].items()
        ),
    )


def _plain_members(schema: Mapping[str, Any]) -> str:
    required = set(schema.get("required", ()))
    found = []
    for name, part in schema["properties"].items():
        missing = "" if name in required else f" ({_default(part)})"
        found.append(f"`{name}`{missing}: {_type(part)}")
    return "; ".join(found)


def _default(part: Mapping[str, Any]) -> str:
    if "default" not in part:
        return "does not apply"
    return f"`{msgspec.json.encode(part['default']).decode()}`"


def _type(part: Mapping[str, Any]) -> str:
    """A piece of JSON Schema as somebody would say it."""
    match part:
        case {"description": said, **rest} if said == COMMITS:
            return "[commitment](#personal-values)" + (" or `null`" if "anyOf" in rest else "")
        case {"allOf": [one]}:
            return _type(one)
        case {"$ref": reference}:
            name = reference.removeprefix(REFERENCE)
            return "[code](#codes)" if name == "Code" else f"[{name}](#{name.lower()})"
        case {"anyOf": several}:
            return " or ".join(_type(one) for one in several)
        case {"type": "array", "additionalItems": False, "items": items}:
            return f"list of exactly: {', '.join(_type(one) for one in items)}"
        case {"type": "array", "items": items}:
            most = f", at most {part['maxItems']}" if "maxItems" in part else ""
            return f"list of {_type(items)}{most}"
        case {"type": "object", "additionalProperties": values}:
            return f"object: {_type(values)} by name"
        case {"type": "integer"}:
            return f"integer{_range(part)}"
        case {"type": "string", "contentEncoding": "base64"}:
            return "bytes in base64"
        case {"type": "string", "pattern": pattern}:
            return f"text `{pattern}`"
        case {"type": "string", "maxLength": most}:
            return f"text, at most {most}"
        case {"type": "string"}:
            return "text"
        case {"type": "boolean"}:
            return "`true`, `false`"
        case {"type": "null"}:
            return "`null`"
        case {"type": "object"}:
            return "object"
        case _:
            raise ValueError(f"no words for {part}")


def _range(part: Mapping[str, Any]) -> str:
    low, high = part.get("minimum"), part.get("maximum")
    if low is None and high is None:
        return ""
    shown = "2^53 - 1" if high == _BEYOND else "2^53" if high == _BEYOND + 1 else high
    return f", {low} to {shown}"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False)


SECTIONS: Mapping[str, Callable[[], str]] = {
    "mqtt-topics": topics,
    "mqtt-messages": message_tables,
    "mqtt-entry": entry_table,
    "mqtt-kinds": kinds,
    "mqtt-parts": parts,
    "mqtt-codes": codes,
    "mqtt-vectors": vectors,
    "mqtt-erasing": erasing,
}

assert set(HEADER) == {*Header.__struct_fields__, "body"}, "an entry is a header and a body"
