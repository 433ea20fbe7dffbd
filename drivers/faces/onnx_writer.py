"""Writes the few messages of ONNX that the recognition network needs, as protobuf.

OpenCV reads the bytes; the package `onnx` (and 60 MB of what it brings) would be there for this
file alone. Field numbers are those of `onnx.proto3` (ONNX 1.10 and later, opset 13).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

OPSET = 13
"""The newest in which Pad and MatMul are as they are written here."""

IR_VERSION = 8
FLOAT, INT64 = 1, 7
"""TensorProto.DataType."""

ATTRIBUTE_INT, ATTRIBUTE_STRING, ATTRIBUTE_INTS = 2, 3, 7
"""AttributeProto.AttributeType."""

Attribute = int | str | Sequence[int]
Array = NDArray[np.float32] | NDArray[np.int64]


def varint(number: int) -> bytes:
    """An unsigned integer, seven bits to the byte, lowest first."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number: int, value: int | str | bytes) -> bytes:
    """A field of a message: integers as varint, all else with its length in front."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(raw)) + raw


class Graph:
    """Nodes and constants in the order in which they were added."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[bytes] = []
        self._constants: list[bytes] = []

    def node(self, kind: str, inputs: Sequence[str], **attributes: Attribute) -> str:
        """Adds a node and gives the name of what comes out of it."""
        out = f"{kind}{len(self._nodes)}"
        body = b"".join(field(1, name) for name in inputs)
        body += field(2, out) + field(3, out) + field(4, kind)
        body += b"".join(field(5, _attribute(name, value)) for name, value in attributes.items())
        self._nodes.append(field(1, body))
        return out

    def constant(self, values: Array) -> str:
        """Adds a constant and gives its name."""
        name = f"constant{len(self._constants)}"
        kind = INT64 if values.dtype == np.int64 else FLOAT
        body = b"".join(field(1, size) for size in values.shape)
        body += field(2, kind) + field(8, name) + field(9, np.ascontiguousarray(values).tobytes())
        self._constants.append(field(5, body))
        return name

    def model(self, inputs: tuple[str, Sequence[int]], outputs: tuple[str, Sequence[int]]) -> bytes:
        """The whole model. Sizes without the first one, which is the batch and free."""
        graph = b"".join(self._nodes) + field(2, self._name) + b"".join(self._constants)
        graph += field(11, _value(*inputs)) + field(12, _value(*outputs))
        opset = field(1, "") + field(2, OPSET)
        return field(1, IR_VERSION) + field(7, graph) + field(8, opset)


def _attribute(name: str, value: Attribute) -> bytes:
    """An AttributeProto."""
    if isinstance(value, str):
        return field(1, name) + field(4, value) + field(20, ATTRIBUTE_STRING)
    if isinstance(value, int):
        return field(1, name) + field(3, value) + field(20, ATTRIBUTE_INT)
    return field(1, name) + b"".join(field(8, one) for one in value) + field(20, ATTRIBUTE_INTS)


def _value(name: str, sizes: Sequence[int]) -> bytes:
    """A ValueInfoProto: floats of a shape whose first size is free."""
    dimensions = field(1, field(2, "n")) + b"".join(field(1, field(1, size)) for size in sizes)
    return field(1, name) + field(2, field(1, field(1, FLOAT) + field(2, dimensions)))
