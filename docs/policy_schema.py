"""The JSON Schema of policy files, made from the model that reads them: for editors, which complete
keys and mark mistakes while somebody writes. What entries mean together is checked by `sentrypost
policy check` alone.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from docs.meanings import ALTERNATIVES, INCLUDED, POLICY_KEYS
from policies.document import ID, LISTED, TABLES
from policies.facts import Factor
from policies.loader import INCLUDE
from policies.model import Header
from policies.profiles import BIOMETRIC

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FACTOR_WORDS = "|".join(Factor)
EXPRESSION = rf"^ *({FACTOR_WORDS}) *([+|] *({FACTOR_WORDS}) *)*$"


def policy_schema() -> Mapping[str, Any]:
    """The schema of one file. Each file says `schema`; the rest may stand in any of them."""
    (header, *entries), parts = msgspec.json.schema_components(
        [Header, *TABLES.values()], ref_template="#/$defs/{name}"
    )
    described = {
        struct.__name__: POLICY_KEYS[table] for table, struct in (("", Header), *TABLES.items())
    }
    for name, keys in described.items():
        for key, meaning in keys.items():
            parts[name]["properties"][key] = _described(parts[name]["properties"][key], meaning)
    top = parts.pop(_name_of(header))
    properties = dict(top["properties"])
    for table, entry in zip(TABLES, entries, strict=True):
        properties[table] = {"type": "array", "items": entry} if table in LISTED else _named(entry)
    properties["factors"] = _named(
        {
            "type": "object",
            "properties": {str(level): _expression() for level in range(1, 6)},
            "required": ["1"],
            "additionalProperties": False,
        }
    )
    properties["alternative"] = {
        "type": "object",
        "properties": {
            factor.value: _expression() | {"description": ALTERNATIVES[factor]}
            for factor in BIOMETRIC
        },
        "additionalProperties": False,
    }
    properties[INCLUDE] = {
        "type": "array",
        "items": {"type": "string"},
        "description": INCLUDED,
    }
    return {
        "$schema": DIALECT,
        "title": "Sentrypost policy",
        "type": "object",
        "properties": properties,
        "required": ["schema"],
        "additionalProperties": False,
        "$defs": parts,
    }


def _named(entry: Mapping[str, Any]) -> dict[str, Any]:
    names = {"pattern": f"^{ID.pattern}$"}
    return {"type": "object", "propertyNames": names, "additionalProperties": entry}


def _expression() -> dict[str, Any]:
    return {"type": "string", "pattern": EXPRESSION}


def _described(key: Mapping[str, Any], meaning: str) -> dict[str, Any]:
    """A reference cannot carry a description beside it in every editor: it is wrapped."""
    inner = {"allOf": [dict(key)]} if "$ref" in key else dict(key)
    return inner | {"description": meaning}


def _name_of(reference: Mapping[str, Any]) -> str:
    return str(reference["$ref"]).rpartition("/")[2]
