"""For every request that there is one that is well formed: as little of it as its type asks for."""

import base64
import json
import random
import re
import struct
from typing import Any, get_args

import msgspec
from msgspec import inspect

from edge.control.message import Message
from edge.control.protocol import Request

TEXTS = ("front", "UTC", "a" * 16, "0" * 16, "0" * 32, "0" * 64, "1", "x" * 44, "Z" * 64)
"""One of them fits every pattern of the protocol."""


def requests(kinds: object = Request) -> dict[type[Message], Message]:
    """`kinds`: the union of them."""
    return {kind: _made(kind) for kind in get_args(kinds)}


def _made(kind: type[Message]) -> Message:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    needed = {one.name: one.type for one in info.fields if one.required}
    plain = {name: _value(type_) for name, type_ in needed.items()}
    return msgspec.convert({"type": kind.__name__, **plain}, kind)


def _value(info: inspect.Type) -> Any:
    match info:
        case inspect.StrType():
            return _text(info)
        case inspect.IntType():
            return max(info.ge or 0, (info.gt or -1) + 1)
        case inspect.FloatType():
            return max(info.ge or 0.0, info.gt or 0.0) + 1.0
        case inspect.BoolType():
            return False
        case inspect.BytesType():
            size = info.min_length or 3
            return base64.b64encode(bytes(size)).decode()
        case inspect.EnumType():
            return next(iter(info.cls)).value
        case inspect.LiteralType():
            return info.values[0]
        case inspect.VarTupleType() | inspect.ListType():
            return [_value(info.item_type)] if info.min_length else []
        case inspect.StructType():
            inner = {one.encode_name: _value(one.type) for one in info.fields if one.required}
            tag = {info.tag_field: info.tag} if info.tag_field else {}
            return inner | tag
        case inspect.UnionType():
            return _value(info.types[0])
        case inspect.NoneType():
            return None
        case _:
            raise AssertionError(f"no value for {info}")


def _text(info: inspect.StrType) -> str:
    for text in TEXTS:
        long_enough = (info.min_length or 0) <= len(text) <= (info.max_length or 10_000)
        if long_enough and re.search(info.pattern or "", text):
            return text
    raise AssertionError(f"no text for {info}")


def garbage(chance: random.Random, request: Message) -> bytes:
    """A frame of a request that was spoilt somewhere."""
    body = bytearray(json.dumps(_wrong(chance, request)).encode())
    if chance.random() < 0.5:
        body[chance.randrange(len(body))] = chance.randrange(256)
    size = chance.choice((len(body), len(body), 0, len(body) + 1, chance.randrange(2**32)))
    return struct.pack(">I", size) + bytes(body[: chance.randrange(1, len(body) + 1)])


def _wrong(chance: random.Random, request: Message) -> object:
    plain = msgspec.to_builtins(request)
    names = list(plain)
    match chance.randrange(4):
        case 0:
            plain[chance.choice(names)] = chance.choice((None, -1, [], {}, "\u202e" * 999, True))
        case 1:
            plain["more"] = "x"
        case 2:
            del plain[chance.choice(names)]
        case _:
            return [plain]
    return plain
