"""Reads the weights of dlib's recognition network out of its file.

dlib writes a network as its types nest, which nobody else reads. What is wanted of it stands behind
tags: `con_4` a convolution, `affine_` what follows each of them, `fc_2` the last, a matrix. An
integer is one byte (how many bytes follow; 0x80: negative) and little-endian bytes; a tensor is its
version, four sizes and raw float32 (dlib 19.7 and later, `serialize.h`, `tensor.h`).
"""

import math
import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

TENSOR_VERSION = 2
CONVOLUTIONS = 29
PROJECTION = (256, 128)
CONVOLUTION_TAG, AFFINE_TAG, MATRIX_TAG = b"\x01\x05con_4", b"\x01\x07affine_", b"\x01\x04fc_2"
TAGS = re.compile(b"|".join((CONVOLUTION_TAG, AFFINE_TAG, MATRIX_TAG)))


class Convolution(NamedTuple):
    """`weight` (filters, channels, rows, columns), `bias` (filters,): with the affine layer in."""

    weight: Floats
    bias: Floats


class Weights(NamedTuple):
    """All convolutions in the order in which they are worked through, and the last matrix."""

    convolutions: tuple[Convolution, ...]
    projection: Floats


class _Reader:
    """Takes dlib's integers and tensors off the bytes, from a place on."""

    def __init__(self, data: bytes, place: int) -> None:
        self.data = data
        self.place = place

    def integer(self) -> int:
        """Raises ValueError past the end."""
        if self.place >= len(self.data):
            raise ValueError("the file ends inside an integer")
        head = self.data[self.place]
        start, self.place = self.place + 1, self.place + 1 + (head & 0x0F)
        value = int.from_bytes(self.data[start : self.place], "little")
        return -value if head & 0x80 else value

    def tensor(self) -> Floats:
        """Flat. Raises ValueError where none is here."""
        if self.integer() != TENSOR_VERSION:
            raise ValueError("a tensor of another version of dlib")
        sizes = [self.integer() for _ in range(4)]
        count = math.prod(sizes)
        start, self.place = self.place, self.place + 4 * count
        if min(sizes) < 0 or self.place > len(self.data):
            raise ValueError("the file ends inside a tensor")
        return np.frombuffer(self.data, "<f4", count, start)


def read_weights(data: bytes) -> Weights:
    """The weights in the bytes of the file. Raises ValueError where it is no such network."""
    convolutions: list[Convolution] = []
    projection: Floats | None = None
    place = 0
    while (found := TAGS.search(data, place)) is not None:
        tag, reader = found.group(), _Reader(data, found.end())
        if tag == CONVOLUTION_TAG:
            convolutions.append(_convolution(reader))
        elif tag == AFFINE_TAG and convolutions:
            convolutions[-1] = _folded(convolutions[-1], reader.tensor())
        elif tag == MATRIX_TAG:
            outputs, inputs = reader.integer(), reader.integer()
            flat = reader.tensor()
            projection = flat[: outputs * inputs].reshape(inputs, outputs).copy()
        place = reader.place
    if len(convolutions) != CONVOLUTIONS or projection is None or projection.shape != PROJECTION:
        raise ValueError("not dlib's recognition network")
    return Weights(tuple(convolutions), projection)


def _convolution(reader: _Reader) -> Convolution:
    """One convolution: its weights and biases in one tensor, then its sizes."""
    flat = reader.tensor()
    filters, rows, columns = (reader.integer() for _ in range(3))
    if min(filters, rows, columns) < 1:
        raise ValueError("a convolution without a size")
    channels = (flat.size - filters) // (filters * rows * columns)
    split = filters * channels * rows * columns
    weight = flat[:split].reshape(filters, channels, rows, columns)
    return Convolution(weight, flat[split:])


def _folded(convolution: Convolution, affine: Floats) -> Convolution:
    """With the affine layer behind it worked in: gamma * (w x + b) + beta."""
    filters = len(convolution.bias)
    gamma, beta = affine[:filters], affine[filters : 2 * filters]
    weight = convolution.weight * gamma[:, None, None, None]
    return Convolution(weight, convolution.bias * gamma + beta)
