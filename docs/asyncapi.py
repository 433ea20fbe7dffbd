"""`docs/asyncapi.json`: the contract on the wire for programs (AsyncAPI 3.0, MQTT bindings 0.2.0).

The application that it describes is the edge: it sends what others receive, and receives what
archives and witnesses send.
"""

import json
import zlib
from typing import Any

import msgspec

from controller.events import KINDS, Body
from docs.contract import (
    REFERENCE,
    addresses,
    golden_event,
    golden_messages,
    messages,
    schemas,
    text_of,
)
from docs.meanings import EVENTS
from docs.wire_words import TOPICS
from drivers.mqtt_link import LinkSettings
from edge.topics import PREFIX

VERSION = "1.0.0"
"""Of the contract, as `v1` in every topic: fields and kinds may be added, nothing is changed."""

BINDING = "0.2.0"

DESCRIPTION = (
    "What an edge of Sentrypost sends over MQTT and what it takes. The application described here "
    "is the edge: who stands at the other end reads `send` as receive and `receive` as send. The "
    "page mqtt.md beside this file says how entries are proven, how an archive acknowledges, and "
    "what a reader has to tolerate: unknown fields, unknown kinds, doubles, gaps, restarts and new "
    "incarnations. Both files are generated from the code."
)

_KEEPALIVE_S = next(
    field.default for field in msgspec.structs.fields(LinkSettings) if field.name == "keepalive_s"
)

PARAMETERS = {
    "site": "The premises: a-z, 0-9, - and _, at most 64.",
    "edge": "The daemon: the same, with a letter first.",
    "kind": "The kind of event, as in the entry.",
}


def document() -> dict[str, Any]:
    """The whole document. Raises ContractError."""
    found = addresses()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Sentrypost edge",
            "version": VERSION,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
            "tags": [{"name": "access control"}],
        },
        "defaultContentType": "application/json",
        "servers": {"site": _server(found["status"]), "siteTls": _server_tls(found["status"])},
        "channels": {name: _channel(name, address) for name, address in found.items()},
        "operations": {_operation_name(name): _operation(name) for name in found},
        "components": {
            "messages": {
                **{struct.__name__: _message(struct) for struct in messages()},
                **{kind: _event(kind, body) for kind, body in KINDS.items()},
            },
            "schemas": schemas(),
        },
    }


def text() -> str:
    """The whole file."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def _server(status: str) -> dict[str, Any]:
    """The site's broker; its bindings are how the edge connects."""
    return {
        "host": "{host}:{port}",
        "protocol": "mqtt",
        "protocolVersion": "3.1.1",
        "description": "The site's broker. An edge speaks MQTT 3.1.1, or 5 by its site file; a "
        "reader either.",
        "variables": {
            "host": {"description": "Its name or address, as the site file has it."},
            "port": {"default": "1883", "description": "Its TCP port."},
        },
        "bindings": {
            "mqtt": {
                "clientId": "{site}.{edge}",
                "cleanSession": True,
                "keepAlive": _KEEPALIVE_S,
                "lastWill": {
                    "topic": status,
                    "qos": 1,
                    "retain": True,
                    "message": golden_messages(messages()[0])["Status.death.json"].decode(),
                },
                "bindingVersion": BINDING,
            }
        },
    }


def _server_tls(status: str) -> dict[str, Any]:
    """The same broker where the site has certificates."""
    plain = _server(status)
    return plain | {
        "protocol": "secure-mqtt",
        "description": "The site's broker by mutual TLS 1.2 or newer: the certificate's name is "
        "the account, `{site}/{edge}` for an edge.",
        "variables": plain["variables"]
        | {"port": {"default": "8883", "description": "Its TCP port."}},
        "security": [{"type": "X509"}],
    }


def _channel(name: str, address: str) -> dict[str, Any]:
    words = TOPICS[name]
    of_it = [struct.__name__ for struct in words.messages] or list(KINDS)
    return {
        "address": address,
        "title": words.title,
        "description": _sentence(words.says) + (f" {words.more}" if words.more else ""),
        "messages": {one: {"$ref": f"#/components/messages/{one}"} for one in of_it},
        "parameters": {
            parameter: {"description": says}
            | ({"enum": list(KINDS)} if parameter == "kind" else {})
            for parameter, says in PARAMETERS.items()
            if f"{{{parameter}}}" in address
        },
    }


def _operation_name(name: str) -> str:
    words = "".join(part.capitalize() for part in name.split("_"))
    return f"{'send' if TOPICS[name].own else 'receive'}{words}"


def _operation(name: str) -> dict[str, Any]:
    words = TOPICS[name]
    other = "Received by" if words.own else "Sent by"
    return {
        "action": "send" if words.own else "receive",
        "channel": {"$ref": f"#/channels/{name}"},
        "title": words.title,
        "description": f"{other} {words.peer}: {words.says}.",
        "bindings": {
            "mqtt": {"qos": words.qos, "retain": words.retained, "bindingVersion": BINDING}
        },
    }


def _message(struct: type[msgspec.Struct]) -> dict[str, Any]:
    return {
        "name": struct.__name__,
        "contentType": "application/json",
        "description": text_of(struct),
        "payload": {"$ref": REFERENCE + struct.__name__},
        "examples": [
            {"name": name, "payload": json.loads(_inflated(data))}
            for name, data in golden_messages(struct).items()
        ],
    }


def _inflated(data: bytes) -> bytes:
    return zlib.decompress(data) if data[:1] == b"x" else data


def _event(kind: str, body: type[Body]) -> dict[str, Any]:
    return {
        "name": kind,
        "contentType": "application/json",
        "description": EVENTS.get(kind) or text_of(body),
        "payload": {
            "allOf": [
                {"$ref": REFERENCE + "Entry"},
                {
                    "type": "object",
                    "properties": {
                        "kind": {"const": kind},
                        "body": {"$ref": REFERENCE + body.__name__},
                    },
                },
            ]
        },
        "examples": [{"name": kind, "payload": golden_event(kind)}],
    }


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


assert PREFIX.endswith(f"/v{VERSION[0]}"), "the contract's version is that of the topics"
